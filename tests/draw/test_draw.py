"""Drawings: their DOT text, pictures by `dot`, folding, notebooks and statistics."""

import copy
import gc
import html
import os
import pickle
import re
import shutil
import sys
import time
import types
import weakref
from collections import Counter
from operator import attrgetter

import numpy as np
import pytest

import nn
import tensorgrad as tg
from docs.coverage import is_numpys
from tensorgrad.draw import dot as dot_file
from tensorgrad.draw import drawing as drawing_file
from tensorgrad.draw import fold, model
from tensorgrad.draw.drawing import Drawing
from tensorgrad.draw.formula_tables import ELEMENTWISE_FORMULAS, PROSE_FORMULAS
from tensorgrad.draw.formulas import formula, slot_name
from tensorgrad.draw.notation import NOTATION
from tensorgrad.draw.stats import statistics, stats_text
from tensorgrad.engine.node import NAMES
from tensorgrad.engine.state import ScopePath
from tensorgrad.ops.elementwise import where
from tensorgrad.rules import RULES, EachOp
from tests.draw import page_gallery
from tests.draw.equations import value_of

needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz's `dot` is not installed")


def leaf(*shape, name=None, dtype=float):
    return tg.Tensor(np.ones(shape, dtype), requires_grad=True, name=name)


def parsed(text):
    """Parse DOT text as this package writes it into nodes (name: label) and edges."""
    nodes, edges = {}, []
    for line in text.splitlines():
        if edge := re.match(r"\s*(\w+) -> (\w+)", line):
            edges.append(edge.groups())
        elif node := re.match(r"\s*([ncg]\d+) \[label=<(.*)> shape=", line):
            nodes[node[1]] = node[2]
    return nodes, edges


def labels(drawing):
    return list(parsed(drawing.dot)[0].values())


# Nodes and edges


def test_a_node_per_call_and_an_edge_per_operand():
    x, w = leaf(2, 3, name="x"), leaf(3, name="w", dtype=np.float32)
    y = np.sum(np.tanh(x * w) ** 2, axis=0)
    y.name = "y"
    nodes, edges = parsed(tg.draw(y).dot)
    first_lines = {
        name: re.sub("<.*?>", "", label.split("<br/>")[0]) for name, label in nodes.items()
    }
    assert first_lines == {
        "n0": "x",
        "n1": "w",
        "n2": "multiply",
        "n3": "tanh ●",
        "n4": "power(·, 2)",
        "n5": "y = sum(·, axis=0)",
    }
    assert "(3,) float32" in nodes["n1"]
    assert "(2, 3) float64" in nodes["n4"]
    assert edges == [("n0", "n2"), ("n1", "n2"), ("n2", "n3"), ("n3", "n4"), ("n4", "n5")]


def test_x_times_x_has_two_edges():
    x = leaf(3)
    assert parsed(tg.draw(x * x).dot)[1] == [("n0", "n1"), ("n0", "n1")]


def test_a_diamond_of_diamonds_is_drawn_once():
    x = leaf(name="x")
    for _ in range(18):  # 2 ** 18 paths
        x = x + x
    nodes, edges = parsed(tg.draw(x).dot)
    assert len(nodes) == 19
    assert len(edges) == 36


def test_saved_operands_and_outputs_are_marked():
    x, y = leaf(3), leaf(3)
    text = tg.draw(np.exp(x * y) + x).dot
    saved = [line for line in text.splitlines() if "arrowtail=dot" in line]
    assert [re.findall(r"n\d+", line) for line in saved] == [["n0", "n2"], ["n1", "n2"]]
    assert [label.count("●") for label in labels(tg.draw(np.exp(x * y) + x))] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("call", "label"),
    [
        (lambda x: x**2, "power(·, 2)"),
        (lambda x: 2.5 - x, "subtract(2.5, ·)"),
        (lambda x: x * np.float32(0.1), "multiply(·, 0.1)"),
        (lambda x: x[0], "take(·, 0)"),
        (lambda x: x[1:, ..., None], "take(·, (1:, ..., None))"),
        (lambda x: x[::2, [0, 1]], "take(·, (::2, [0, 1]))"),
        (lambda x: np.sum(x, axis=(0, 1)), "sum(·, axis=(0, 1))"),
        (lambda x: np.reshape(x, (3, 2)), "reshape(·, shape=(3, 2))"),
        (lambda x: tg.relu(x), "relu"),
    ],
)
def test_arguments_other_than_tensors_are_in_the_label(call, label):
    drawn = labels(tg.draw(call(leaf(2, 3))))[-1]
    assert drawn.startswith(f"<b>{label}</b>")


def test_a_label_omits_some_of_many_operands():
    (drawn,) = labels(tg.draw(np.concatenate([leaf(2, 1)] * 9, axis=1)))[1:]
    assert drawn.startswith("<b>concatenate(·, ·, …, axis=1)</b>")


def test_operands_that_do_not_commute_are_named():
    a, b = leaf(2), leaf(2)
    assert re.findall('headlabel="(.)"', tg.draw(a / b).dot) == ["a", "b"]
    assert "headlabel" not in tg.draw(a + b).dot


def test_arrays_are_constants_and_one_array_is_one_constant():
    x, data = leaf(2, 3), np.ones((2, 3))
    nodes, edges = parsed(tg.draw(x * data * data).dot)
    assert list(nodes) == ["n0", "c0", "n1", "n2"]
    assert edges == [("n0", "n1"), ("c0", "n1"), ("n1", "n2"), ("c0", "n2")]


def test_a_named_constant_is_drawn_with_its_name():
    x, data = leaf(2, 3), tg.Tensor(np.ones((2, 3)), name="data")
    drawing = tg.draw(x * data + tg.Tensor(np.ones(3)))
    assert [v.name for v in drawing.graph.vertices if v.kind == "constant"] == ["data", None]
    assert tg.draw(data).graph.vertices[0].name == "data"
    named = weakref.ref(data.data)
    assert NAMES.get(named()) == "data"
    del data, drawing
    assert named() is None


def test_kinds_differ_by_shape():
    net = nn.Sequential(nn.Dense(2, 3))
    x = leaf(1, 2, name="x")
    y = net(np.ones((1, 2), np.float32)) * np.ones(3) + x[:, :1]
    shapes = re.findall(r"^\s*\w+ \[label=<.*> shape=(\w+)", tg.draw(y).dot, re.M)
    assert set(shapes) == {"box", "cylinder", "ellipse", "note"}
    assert "box3d" in tg.draw(y, depth=0).dot
    assert len({style.split()[0] for style in dot_file.STYLES.values()}) == len(dot_file.STYLES)
    assert [line.split()[0] for line in tg.draw(y).dot.splitlines() if "peripheries=2" in line]


def test_names_are_stable_in_recording_order():
    def drawn():
        x, w = leaf(2, name="x"), leaf(2, name="w")
        return tg.draw(np.sum(np.exp(w) * x + np.sin(x))).dot

    leaf(5) * 2  # other serial numbers
    assert drawn() == drawn()


def test_show_selects_the_details():
    x = tg.Tensor([1.0, -2.0], requires_grad=True, name="x")
    y = np.exp(x)
    y.backward(np.ones(2), retain_graph=True)
    shown = ("name", "value", "grad", "bytes")
    assert labels(tg.draw(y, show=shown)) == [
        "<b>x</b>" + small("16 B") + small("grad [2.718, 0.1353]"),
        "<b>exp</b> ●" + small("16 B") + small("value [2.718, 0.1353]"),
    ]
    assert labels(tg.draw(y, show="shape"))[0] == "<b>leaf</b>" + small("(2,)")
    with pytest.raises(ValueError, match=r"show accepts name, shape, .* but not 'gradient'"):
        tg.draw(y, show=("gradient",))


def small(text):
    return f'<br/><font point-size="9">{text}</font>'


def test_a_large_value_is_described_by_its_statistics():
    x = tg.Tensor(np.linspace(-1, 3, 1000), requires_grad=True)
    (_, label) = labels(tg.draw(np.exp(x), show="value"))
    assert "value 0.3679 … 20.09, mean 4.935 ± 5.12" in label


# What can be drawn


def test_several_tensors_share_one_picture():
    x = leaf(2)
    a, b = x * 2, x * 3
    _, edges = parsed(tg.draw({"a": a, "more": [b]}).dot)
    assert edges == [("n0", "n1"), ("n0", "n2")]
    assert tg.draw([a, b]).dot.count("peripheries=2") == 2


def test_a_leaf_and_a_constant_alone():
    assert labels(tg.draw(leaf(2, name="x"))) == ["<b>x</b>" + small("(2,) float64")]
    assert labels(tg.draw(tg.Tensor([1.0]))) == ["<b>constant</b>" + small("(1,) float64")]


def test_other_values_than_tensors_are_refused():
    with pytest.raises(TypeError, match=r"draw needs a Tensor, .* but was given 3"):
        tg.draw([leaf(2), 3])
    with pytest.raises(TypeError, match=r"draw needs a Tensor, .* but was given None"):
        tg.draw()


def test_after_backward_the_rest_is_drawn_with_a_note():
    x = leaf(3)
    y = np.sum(np.exp(x))
    y.backward()
    drawing = tg.draw(y)
    assert len(parsed(drawing.dot)[0]) == 1
    assert "retain_graph=True" in drawing.notes[0]
    assert "retain_graph=True" in drawing.dot.replace("<br/>", " ")
    assert "dotted,filled" in drawing.dot or "filled,dotted" in drawing.dot


def test_a_graph_that_is_freed_in_part():
    x = leaf(3)
    y = np.exp(x)
    np.sum(y).backward()
    drawing = tg.draw(y * x)
    assert parsed(drawing.dot)[1] == [("n1", "n2"), ("n0", "n2")]
    assert drawing.notes == [model.FREED]


def test_after_a_backward_that_retains_the_graph():
    x = leaf(3)
    y = np.sum(np.exp(x))
    before = tg.draw(y).dot
    y.backward(retain_graph=True)
    assert tg.draw(y).dot == before


def test_the_graph_of_a_gradient():
    x = tg.Tensor(2.0, requires_grad=True, name="x")
    (x**3).backward(create_graph=True)
    nodes, edges = parsed(tg.draw(x.grad, show=("name", "value")).dot)
    assert any("power(·, 2)" in label for label in nodes.values())
    assert "value 12.0" in list(nodes.values())[-1]
    assert edges


# Text


NAUGHTY = [
    'say "hi"',
    "two\nlines",
    "<b>bold</b> & co",
    "back\\slash \\N",
    "é 漢字 🙂",
    "{a|b}",
    "x\0y\x1b",
    "]]> -->",
    "\ud800",
]


@pytest.mark.parametrize("name", NAUGHTY)
def test_names_are_drawn_as_they_are(name):
    x = leaf(name=name)
    drawing = tg.draw(np.exp(x), title=name)
    label = labels(drawing)[0].split("<br/><font")[0]
    text = label.removeprefix("<b>").removesuffix("</b>")
    assert not set(re.sub("<br/>|&(amp|lt|gt|quot);", "", text)) & set('<>&"\n\0\x1b\ud800')
    unescaped = text.replace("<br/>", "\n").replace("&lt;", "<").replace("&gt;", ">")
    unescaped = unescaped.replace("&quot;", '"').replace("&amp;", "&")
    assert unescaped == name.replace("\0", "␀").replace("\x1b", "␛").replace("\ud800", "\ufffd")


@needs_dot
@pytest.mark.parametrize("name", [*NAUGHTY, "", " ", "\r", "\n"])
def test_dot_accepts_any_name(name, tmp_path):
    scope = tg.Scope(name, name)
    x = leaf(2, name=name)
    drawing = tg.draw(scope.call(np.exp, x), title=name)
    svg = drawing.save(tmp_path / "g.svg").read_text("utf-8")
    assert svg.count('class="node"') == 2
    assert svg.count('class="edge"') == 1
    assert svg.count('class="cluster"') == 1


# Modules


class Block(nn.Module):
    def __init__(self, rng):
        self.a, self.b = nn.Dense(4, 4, rng=rng), nn.Dense(4, 4, rng=rng)

    def forward(self, x):
        return x + self.b(tg.relu(self.a(x)))


def network(blocks=3):
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Dense(4, 4, rng=rng), *(Block(rng) for _ in range(blocks)))


X = np.ones((2, 4), np.float32)


def boxes(text):
    """Map every cluster's label to the names of the nodes directly in it."""
    found, path = {}, []
    for line in text.splitlines():
        if box := re.search(r"subgraph cluster_\w+ { label=<(.*?)> ", line):
            path.append(box[1])
            found[" > ".join(path)] = []
        elif line.strip() == "}" and path:
            path.pop()
        elif (node := re.match(r"\s*(\w+) \[label=", line)) and path:
            found[" > ".join(path)].append(node[1])
    return found


def test_modules_are_nested_clusters_with_their_parameters():
    found = boxes(tg.draw(network(1)(X)).dot)
    assert list(found) == [
        "Sequential",
        "Sequential > 0 Dense",
        "Sequential > 1 Block",
        "Sequential > 1 Block > a Dense",
        "Sequential > 1 Block > b Dense",
    ]
    assert [len(nodes) for nodes in found.values()] == [0, 3, 2, 3, 3]


def test_weights_stay_in_their_module_despite_a_penalty_outside():
    net = nn.Sequential(nn.Dense(4, 2))
    (W, _) = net.parameters()
    drawing = tg.draw(np.sum(net(X)) + np.sum(W * W))
    assert len(boxes(drawing.dot)["Sequential > 0 Dense"]) == 3


@needs_dot
def test_a_long_picture_has_rows_and_fits_a_slide():
    """A transformer layer in NumPy was 3074 × 383 points as one row."""
    drawing = page_gallery.transformer_drawing()
    broken = re.findall(r"(n\d+) -> (n\d+) \[constraint=false", drawing.dot)
    assert len(broken) == 2  # x and what attention returns go into the second row, which is a sum
    assert len({head for _, head in broken}) == 1
    width, height = map(
        int, re.search(rb'<svg width="(\d+)pt" height="(\d+)pt"', drawing.render("svg")).groups()
    )
    assert (
        min(960 / width, 540 / height) > 0.75
    )  # text of 8 to 9 points on a slide of 13.3 × 7.5 inches
    short = tg.draw(np.sum(network(1)(X)))
    assert "constraint=false" not in short.dot


@pytest.mark.parametrize(
    "copied", [lambda net: net, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]
)
def test_an_input_of_a_module_is_no_parameter(copied):
    net = copied(nn.Sequential(nn.Dense(4, 4), nn.ReLU()))
    x = tg.Tensor(X, requires_grad=True, name="x")
    for y in (net(x), net(x) + x, net(x) + net(x), nn.MeanSquaredError()(x, X)):
        kinds = {v.name: v.kind for v in tg.draw(y).graph.vertices if v.name}
        assert kinds.pop("x") == "leaf"
        assert set(kinds.values()) <= {"parameter"}


def test_leaves_of_a_scope_are_parameters_unless_used_outside():
    x, w = (tg.Tensor(2.0, requires_grad=True, name=name) for name in "xw")
    with tg.Scope("Line"):
        y = w * x
    kinds = {v.name: v.kind for v in tg.draw(y + x).graph.vertices if v.name}
    assert kinds == {"w": "parameter", "x": "leaf"}


def test_a_module_that_is_gone_has_parameters():
    drawing = tg.draw(nn.Dense(4, 2)(X))
    gc.collect()
    assert {v.name for v in drawing.graph.vertices if v.kind == "parameter"} == {
        "weights",
        "biases",
    }


def test_depth_folds_the_modules_below():
    y = np.sum(network(2)(X))
    whole = tg.draw(y)
    for depth, items in [(0, 3), (1, 4), (2, None)]:
        nodes, _ = parsed(tg.draw(y, depth=depth).dot)
        assert items is None or len(nodes) == items
    (sequential,) = [label for label in labels(tg.draw(y, depth=0)) if "Sequential" in label]
    operations = sum(v.kind == "op" for v in whole.graph.vertices) - 1
    assert f"{operations} operations, 100 parameters" in sequential
    assert parsed(tg.draw(y, depth=9).dot) == parsed(whole.dot)
    with pytest.raises(ValueError, match="0 or more, but is -1"):
        tg.draw(y, depth=-1)


def test_identical_blocks_fold_to_one():
    drawn = labels(tg.draw(network(5)(X), depth=1))
    assert [label for label in drawn if "1 … 5 Block ×5" in label and "20 operations" in label]
    assert len(drawn) == 3


def test_blocks_that_differ_or_are_apart_do_not_fold():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Dense(4, 4, rng=rng), nn.Dense(4, 4, rng=rng), nn.Dense(4, 3, rng=rng))
    drawn = labels(tg.draw(net(X), depth=1))
    titles = {re.sub("<.*?>", "", label.split("<br/>")[0]) for label in drawn}
    assert titles == {"constant", "0 … 1 Dense ×2", "2 Dense"}
    a, b = nn.Dense(4, 4, rng=rng), nn.Dense(4, 4, rng=rng)
    apart = labels(tg.draw(b(np.tanh(a(X))), depth=0))
    assert len(apart) == 4


def test_blocks_that_alternate_are_no_repetition():
    rng = np.random.default_rng(0)
    a, b = nn.Dense(4, 4, rng=rng), nn.Dense(4, 4, rng=rng)
    drawing = tg.draw(a(b(a(b(X)))), depth=0)
    groups = [item for item in drawing.folded.items if isinstance(item, fold.Group)]
    assert [group.operations for group in groups] == [2, 2]


def test_a_folded_edge_counts_its_operands():
    drawing = tg.draw(network(1)(X), depth=1)
    assert 'label="2"' in drawing.dot  # x goes into a and into the sum
    assert not re.search(r"(\w+) -> \1\b", drawing.dot)


def test_folding_loses_no_edge():
    drawing = tg.draw(np.sum(network(4)(X)), depth=2)
    edges = drawing.folded.edges
    owner = drawing.folded.owner
    crossing = sum(
        owner[operand.source] is not owner[v]
        for v in drawing.graph.vertices
        for operand in v.inputs
        if operand.source is not None
    )
    assert sum(edge.count for edge in edges) == crossing


def test_a_module_draws_its_forward_pass():
    net = Block(np.random.default_rng(0))
    net.spare = nn.Dense(2, 2)
    with tg.no_grad():
        drawing = net.draw(X, show=("name", "value"))
    assert len(boxes(drawing.dot)["Block > a Dense"]) == 3
    assert all(v.value for v in drawing.graph.vertices if v.kind == "op")
    assert [v.kind for v in drawing.graph.vertices].count(
        "parameter"
    ) == 6  # including the unused ones
    assert drawing.graph.roots[0].op.name == "add"


def test_a_model_draws_its_prediction():
    model = nn.Model(nn.Sequential(nn.Dense(4, 3), nn.Dropout(0.5), nn.Softmax()))
    drawing = model.draw(X.astype(float), depth=1)
    assert [v.op.name for v in drawing.graph.vertices if v.op] == ["linear", "softmax"]
    assert model.module.training


# Size


def chain(n):
    x = y = leaf(name="x")
    for i in range(n):
        y = y * 1.01 if i % 2 else y + x
    return y


def test_a_chain_of_100_000_operations_is_folded_with_a_note():
    start = time.perf_counter()
    drawing = tg.draw(chain(100_000))
    text = drawing.dot
    assert time.perf_counter() - start < 30
    assert len(parsed(text)[0]) < 40
    assert "100,000 operations are too many to draw" in drawing.notes[0]
    assert "100,000 operations" in text
    total = sum(item.operations for item in drawing.folded.items if isinstance(item, fold.Group))
    alone = sum(
        isinstance(item, model.Vertex) and item.kind == "op" for item in drawing.folded.items
    )
    assert total + alone == 100_000


def test_reading_and_folding_are_linear(monkeypatch):
    """Counts instead of times: every vertex and every operand is made once."""
    made = Counter()
    for cls in (model.Vertex, model.Operand):
        real = cls.__init__

        def count(self, *args, real=real, name=cls.__name__, **kwargs):
            made[name] += 1
            real(self, *args, **kwargs)

        monkeypatch.setattr(cls, "__init__", count)
    for n in (500, 1000):
        made.clear()
        y = chain(n)
        tg.draw(y).dot  # noqa: B018
        assert made == {"Vertex": n + 1, "Operand": 2 * n}


def test_modules_close_until_few_enough_nodes_remain():
    y = np.sum(network(30)(X))
    drawing = tg.draw(y, max_nodes=50)
    assert "modules below level 1 are closed" in drawing.notes[0]
    assert len(parsed(drawing.dot)[0]) == 4  # the input, a layer, all blocks as one, the sum
    assert tg.draw(y, max_nodes=2).notes[0].endswith("shows them all")


def test_a_long_strip_is_folded_though_it_has_few_nodes():
    assert tg.draw(chain(100)).notes == []
    assert "too many" in tg.draw(chain(150)).notes[0]
    assert tg.draw(chain(150), depth=0).notes == []


def test_modules_close_to_shorten_a_strip():
    y = network(12)(X)
    assert "modules below level 1 are closed" in tg.draw(y).notes[0]
    assert tg.draw(y, depth=9).notes == []


def test_modules_nested_a_thousand_deep():
    place = None
    for i in range(1000):
        place = ScopePath(str(i), "Deep", place)
    y = np.exp(leaf(name="x"))
    y.node.scope = place
    assert tg.draw(y).dot.count("subgraph") == 1000
    assert "0 Deep" in tg.draw(y, depth=0).dot


# Files


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"saved as .dot, .svg, .png, .pdf, .html or .json, but not as"
    ):
        tg.draw(leaf(2)).save(tmp_path / "graph.jpg")
    assert not list(tmp_path.iterdir())


def test_a_drawing_replaces_the_file_behind_a_link(tmp_path):
    (tmp_path / "real.dot").write_text("before")
    (tmp_path / "link.dot").symlink_to("real.dot")
    assert tg.draw(leaf(2)).save(tmp_path / "link.dot") == tmp_path / "link.dot"
    assert (tmp_path / "link.dot").is_symlink()
    assert (tmp_path / "real.dot").read_text().startswith("digraph")


def test_dot_is_utf8(tmp_path):
    path = tg.draw(leaf(2, name="Gewichte für 漢字")).save(tmp_path / "g.dot")
    assert "Gewichte für 漢字" in path.read_text("utf-8")


@needs_dot
@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")]
)
def test_pictures_are_made_by_graphviz(suffix, start, tmp_path):
    path = tg.draw(np.sum(network(1)(X))).save(tmp_path / f"graph{suffix}")
    assert path.read_bytes().startswith(start)


@needs_dot
def test_a_folded_graph_is_laid_out_in_seconds(tmp_path):
    start = time.perf_counter()
    tg.draw(chain(20_000)).save(tmp_path / "chain.svg")
    rng = np.random.default_rng(0)
    tensors = [leaf(name=f"x{i}") for i in range(20)]
    for _ in range(2000):
        i, j = rng.integers(len(tensors), size=2)
        tensors.append(tensors[i] * tensors[j])
    tg.draw(tensors[20:]).save(tmp_path / "tangle.svg")
    assert time.perf_counter() - start < 30


def test_without_dot_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = tg.draw(np.exp(leaf(2)))
    with pytest.raises(RuntimeError, match=r"`dot`, which is not on the PATH: install it with"):
        drawing.save(tmp_path / "graph.svg")
    assert drawing.save(tmp_path / "graph.dot").exists()
    assert drawing.save(tmp_path / "graph.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script in place of dot")
def test_a_dot_that_fails_says_what_it_said_and_what_to_do(tmp_path, monkeypatch):
    pytest.importorskip("graphviz")
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\necho 'Format: \"svg\" not recognized' >&2\nexit 1\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RuntimeError, match=r'says: Format: "svg" not recognized.*run `dot -c`'):
        tg.draw(leaf(2)).save(tmp_path / "graph.svg")
    assert not (tmp_path / "graph.svg").exists()


def test_without_the_graphviz_package_the_error_does_too(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "graphviz", None)
    with pytest.raises(ImportError, match="pip install graphviz"):
        tg.draw(leaf(2)).save(tmp_path / "graph.svg")


# Notebooks


@needs_dot
def test_a_notebook_shows_the_picture_with_unique_ids():
    pytest.importorskip("graphviz")
    drawing = tg.draw(np.exp(leaf(2, name='id="x"')))
    first, second = (drawing._repr_mimebundle_()["image/svg+xml"] for _ in range(2))
    ids = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (first, second)]
    assert first.startswith("<svg")
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_notebook_without_dot_shows_the_page(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    bundle = tg.draw(np.exp(leaf(2)))._repr_mimebundle_()
    assert bundle["text/html"].startswith("<iframe")
    assert "allow-same-origin" not in bundle["text/html"]
    assert "image/svg+xml" not in bundle
    assert "1 operation;" in bundle["text/plain"]


def test_a_notebook_shows_the_page_of_a_large_graph():
    assert "text/html" in tg.draw(chain(300))._repr_mimebundle_()


def traced_step():
    with tg.trace() as t:
        np.sum(np.exp(leaf(2, name='a "quoted" & <named> leaf\'s'))).backward()
    return t


def test_a_notebook_shows_the_page_of_a_traced_run():
    bundle = traced_step().draw()._repr_mimebundle_()
    frame = bundle["text/html"]
    assert list(bundle) == ["text/plain", "text/html"]
    assert len(frame) < 200_000
    assert re.search(r"height:\d{3}px", frame)
    (page,) = re.findall(r"srcdoc='([^']*)'>[^<]*</iframe>$", frame)
    assert html.unescape(page).startswith("<!doctype html>")
    assert html.unescape(page).rstrip().endswith("</html>")


@needs_dot
def test_display_asks_for_a_page_or_a_still_picture():
    pytest.importorskip("graphviz")
    assert "image/svg+xml" in traced_step().draw(display="svg")._repr_mimebundle_()
    assert "text/html" in tg.draw(np.exp(leaf(2)), display="page")._repr_mimebundle_()
    with pytest.raises(TypeError, match="title must be text, but is 5"):
        tg.draw(tg.Tensor(1.0, requires_grad=True) * 2, title=5)
    with pytest.raises(ValueError, match='display must be "page", "svg" or None, but is \'png\''):
        tg.draw(np.exp(leaf(2)), display="png")


def test_show_opens_the_browser_outside_a_notebook(monkeypatch):
    opened = []
    monkeypatch.setattr(drawing_file.webbrowser, "open", opened.append)
    monkeypatch.setitem(sys.modules, "IPython", None)
    traced_step().draw().show()
    (address,) = opened
    assert address.startswith("file:")


def test_show_displays_in_a_notebook(monkeypatch):
    displayed = []
    notebook = types.SimpleNamespace(
        get_ipython=lambda: "a kernel", display=types.SimpleNamespace(display=displayed.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    drawing = traced_step().draw()
    drawing.show()
    assert displayed == [drawing]


def test_a_notebook_never_gets_an_exception(monkeypatch):
    def broken(*args):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(Drawing, "render", broken)
    monkeypatch.setattr(Drawing, "page", broken)
    assert list(tg.draw(leaf(2))._repr_mimebundle_()) == ["text/plain"]


def test_view_opens_the_page(monkeypatch):
    opened = []
    monkeypatch.setattr(drawing_file.webbrowser, "open", opened.append)
    path = tg.draw(np.exp(leaf(2))).view()
    assert opened == [path.as_uri()]
    assert path.read_text("utf-8").startswith("<!doctype html>")
    path.unlink()


# Statistics


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "?", "c8"])
def test_statistics_are_numpys(dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 20)) * 3 + (1j if dtype == "c8" else 0)
    x = x > 1 if dtype == "?" else x.astype(dtype)
    stats = statistics(x)
    size = np.abs(x) if dtype == "c8" else x
    wide = size.astype(float)
    assert stats["min"] == pytest.approx(wide.min(), rel=1e-6)
    assert stats["max"] == pytest.approx(wide.max(), rel=1e-6)
    assert stats["mean"] == pytest.approx(wide.mean(), rel=1e-6)
    assert stats["std"] == pytest.approx(wide.std(), rel=1e-6)
    assert stats.get("zeros", 0) == np.sum(wide == 0)
    assert stats["histogram"] == np.histogram(wide, 32)[0].tolist()


def test_up_to_64_numbers_are_listed():
    assert statistics(np.arange(64.0))["numbers"] == [*range(64)]
    assert "numbers" not in statistics(np.arange(65.0))


def test_nan_and_infinity_are_counted_and_not_binned():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, 2.0, np.nan])
    stats = statistics(x)
    assert (stats["nan"], stats["inf"], stats["zeros"]) == (2, 2, 1)
    assert (stats["min"], stats["max"], stats["mean"]) == (0.0, 2.0, 1.0)
    assert sum(stats["histogram"]) == 3
    assert stats["numbers"] == ["nan", "inf", "-inf", 0.0, 1.0, 2.0, "nan"]
    assert "min" not in statistics(np.full(100, np.nan))


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(0),
        np.zeros((0, 3)),
        np.array([1.0, np.nextafter(1.0, 2)]),
        np.array([-1e308, 1e308]),
        np.full(100, 65504, np.float16),
        np.array(5),
        np.array([5e-324, 0.0]),
    ],
)
def test_statistics_of_odd_arrays(x):
    stats = statistics(x)
    assert stats["size"] == x.size
    assert stats_text(stats, x.shape)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2.0"),
        (np.float32(0.1), "0.1"),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.array([1e-9, np.nan]), "[1e-09, nan]"),
        (np.zeros((2, 0)), "empty"),
        (np.array(1 + 2j), "1+2j"),
    ],
)
def test_a_few_numbers_are_shown_themselves(value, text):
    assert stats_text(statistics(value), np.shape(value)) == text


# Formulas


def call_of(op):
    """Describe a call of an op on vectors of two numbers."""
    operand = model.Vertex("leaf", (2,), np.dtype(float))
    count = 1 if isinstance(op, EachOp) else op.arity
    inputs = [model.Operand(operand) for _ in range(count)]
    return model.Vertex("op", (2,), np.dtype(float), op=op, inputs=inputs)


def test_every_formula_belongs_to_an_op():
    names = {op.name for op in RULES.values()}
    assert ELEMENTWISE_FORMULAS.keys() | PROSE_FORMULAS.keys() | NOTATION.keys() <= names


NAME = attrgetter("name")


@pytest.mark.parametrize("op", sorted(RULES.values(), key=NAME), ids=NAME)
def test_every_op_has_a_formula(op):
    written = formula(call_of(op))
    assert written["text"].startswith(("out = ", "out: "))
    assert len(written["operands"]) == (1 if isinstance(op, EachOp) else op.arity)
    for name, part in zip(written["operands"], written["rules"], strict=True):
        assert part is None or part.startswith((f"∂{name} = ", f"∂{name}: "))
        assert part is None or "<lambda>" not in part, "its source was not found"
        assert part is None or "safe_divide" not in part
        assert part is None or "np." not in part


UFUNCS = [
    op
    for op in sorted(RULES.values(), key=NAME)
    if op.name in ELEMENTWISE_FORMULAS
    and isinstance(op.function, np.ufunc)
    and is_numpys(op.function)
] + [RULES[f] for f in (tg.relu, tg.sigmoid, tg.softplus, tg.sigmoid_cross_entropy, where)]


@pytest.mark.parametrize("op", UFUNCS, ids=lambda op: op.name)
def test_formulas_compute_the_same_as_the_engine(op):
    rng = np.random.default_rng(0)
    names = slot_names(op)
    values = [rng.uniform(0.2, 0.9, 5) for _ in names]
    if op.name == "where":
        values[0] = values[0] > 0.5
    if op.name == "arccosh":
        values[0] += 1
    if op.name == "ldexp":
        values[1] = np.arange(5)
    g = rng.normal(size=5)
    tensors = [tg.Tensor(v, requires_grad=v.dtype.kind == "f") for v in values]
    out = op.function(*tensors)
    (vertex,) = [v for v in tg.draw(out).graph.vertices if v.op is not None]
    out.backward(g)
    written = formula(vertex)
    letters = dict(zip(names, values, strict=True)) | {"g": g, "out": out.data}
    if " = " in written["text"]:
        found = value_of(written["text"].split(" = ", 1)[1], **letters)
        np.testing.assert_allclose(found, out.data)
    for t, rule in zip(tensors, written["rules"], strict=True):
        if rule is not None and " = " in rule and t.grad is not None:
            found = value_of(rule.split(" = ", 1)[1], **letters)
            np.testing.assert_allclose(found * np.ones(5), t.grad.data, err_msg=rule)


def slot_names(op):
    return [slot_name(op, slot) for slot in range(op.arity)]


def test_a_sum_undoes_broadcasting_in_the_formula():
    (vertex,) = [v for v in tg.draw(leaf(2, 3) * leaf(3)).graph.vertices if v.op is not None]
    assert formula(vertex)["rules"] == ["∂a = g · b", "∂b = Σ (g · a) over axis 0"]
    (vertex,) = [v for v in tg.draw(leaf(3) + leaf()).graph.vertices if v.op is not None]
    assert formula(vertex)["rules"] == ["∂a = g", "∂b = Σ g over axis 0"]


def test_the_formula_of_a_users_op_is_its_source():
    double = tg.primitive(lambda x: 2 * x)
    double.compute.__name__ = double.__name__ = "double"
    tg.rule(double, lambda g, _out, _x: 2 * g)
    try:
        assert formula(call_of(RULES[double])) == {
            "text": "out = double(x)",
            "operands": ["x"],
            "rules": ["∂x = 2 · g"],
        }
    finally:
        del RULES[double]


def test_a_picture_tells_once_what_all_nodes_share_and_cuts_long_names():
    x = leaf(2, name="x" * 300)
    drawing = tg.draw(np.sum(x / 2.8284271247461903, keepdims=True)[None], title="long " * 40)
    assert "all float64" in drawing.dot
    assert f"<b>{'x' * 39}…</b>{small('(2,)')}" in labels(drawing)
    assert "<b>sum</b>" in drawing.dot
    assert "divide(·, 2.828)" in drawing.dot
    assert "take(·, None)" in drawing.dot
    assert "long<br/>long" in drawing.dot
    mixed = tg.draw(tg.Tensor(np.ones(2, np.float32), requires_grad=True) * np.ones(2))
    assert "(2,) float32" in mixed.dot
    assert "(2,) float64" in mixed.dot
