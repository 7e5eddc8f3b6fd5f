"""The JSON document: complete, small, and with the numbers of the engine."""

import json
import math

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.draw.document import encoded

NODE = {
    "id", "kind", "op", "name", "shape", "dtype", "bytes", "module", "inputs", "keywords", "out_saved", "residuals_saved", "freed",
    "formula", "source", "value", "grad", "forward_seconds", "backward_seconds",
}  # fmt: skip
EVENT = {
    "forward": {"type", "node", "seconds", "live_bytes"},
    "seed": {"type", "node", "contribution", "accumulated", "live_bytes"},
    "backward": {
        "type", "node", "slot", "to", "contribution", "accumulated", "seconds", "live_bytes",
    },
    "leaf": {"type", "node", "grad", "live_bytes"},
}  # fmt: skip
STATS = {"size", "numbers", "min", "max", "mean", "std", "zeros", "nan", "inf", "histogram"}


def network(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Dense(12, 16, rng=rng), nn.ReLU(), nn.Dropout(0.2, rng=rng), nn.Dense(16, 3, rng=rng)
    )


@pytest.fixture
def step():
    """Trace a training step: the network, its loss and the document."""
    rng = np.random.default_rng(1)
    net, X, y = network(), rng.normal(size=(10, 12)).astype("f4"), rng.integers(0, 3, 10)
    with tg.trace() as t:
        logits = net(tg.Tensor(X, name="X"))
        logits.retain_grad()
        loss = tg.softmax_cross_entropy(logits, y)
        loss.name = "loss"
        loss.backward()
    document = json.loads(encoded(t.draw(title="A step", depth=1).document))
    return net, X, logits, loss, document


def test_a_node_saves_its_output_or_residuals(step):
    *_, document = step
    nodes = {node.get("op"): node for node in document["nodes"]}
    assert nodes["relu"]["out_saved"]
    assert "residuals_saved" not in nodes["relu"]
    assert nodes["softmax_cross_entropy"]["residuals_saved"]
    assert "out_saved" not in nodes["softmax_cross_entropy"]


def test_the_document_follows_the_schema(step):
    *_, document = step
    assert document["format"] == "tensorgrad-graph"
    assert document["version"] == 1
    assert (document["title"], document["direction"], document["depth"]) == ("A step", "LR", 1)
    ids = [node["id"] for node in document["nodes"]]
    assert len(set(ids)) == len(ids)
    modules = [module["id"] for module in document["modules"]]
    for i, module in enumerate(document["modules"]):
        assert module.keys() <= {"id", "parent", "name", "kind"}
        assert module.get("parent") is None or module["parent"] in modules[:i]
    for i, node in enumerate(document["nodes"]):
        assert node.keys() <= NODE
        assert node["kind"] in ("op", "parameter", "leaf", "constant")
        assert ("op" in node) == (node["kind"] == "op")
        assert node.get("module") in (None, *modules)
        assert node["bytes"] == math.prod(node["shape"]) * np.dtype(node["dtype"]).itemsize
        for operand in node.get("inputs", ()):
            assert "text" in operand or operand["node"] in ids[:i]
        for table, key in [("formulas", "formula"), ("sources", "source")]:
            assert key not in node or document[table][node[key]]
        assert "value" in node
    for event in document["events"]:
        assert event.keys() == EVENT[event["type"]]
        assert event["node"] in ids
    for stats in document["stats"]:
        assert stats.keys() <= STATS
    assert set(document["roots"]) <= set(ids)


def test_modules_and_names(step):
    *_, document = step
    labels = [f"{m['name']} {m['kind']}".strip() for m in document["modules"]]
    assert labels == ["Sequential", "0 Dense", "1 ReLU", "2 Dropout", "3 Dense"]
    kinds = [(n["kind"], n.get("name", "")) for n in document["nodes"] if n["kind"] != "op"]
    assert sorted(kinds) == [
        ("constant", ""),  # the mask
        ("constant", ""),  # the labels
        ("constant", "X"),
        *[("parameter", "biases")] * 2,
        *[("parameter", "weights")] * 2,
    ]


def close(stats, array):
    """Assert that statistics are those of an array, computed by NumPy, to six digits."""
    x = np.asarray(array, float)
    assert stats["size"] == x.size
    if x.size == 1:
        assert stats["numbers"] == [pytest.approx(x.item(), rel=1e-6)]
        return
    assert stats["min"] == pytest.approx(x.min(), rel=1e-6)
    assert stats["max"] == pytest.approx(x.max(), rel=1e-6)
    assert stats["mean"] == pytest.approx(x.mean(), rel=1e-6, abs=1e-12)
    assert stats["std"] == pytest.approx(x.std(), rel=1e-6)
    assert stats.get("zeros", 0) == np.sum(x == 0)
    if "histogram" in stats:
        assert stats["histogram"] == np.histogram(x, 32)[0].tolist()
    if "numbers" in stats:
        np.testing.assert_allclose(stats["numbers"], x.ravel(), rtol=1e-6)


def test_values_and_gradients_are_those_of_the_engine(step):
    net, X, logits, loss, document = step
    nodes, stats = {n["id"]: n for n in document["nodes"]}, document["stats"]
    parameters = [n for n in nodes.values() if n["kind"] == "parameter"]
    for node, p in zip(parameters, net.parameters(), strict=True):
        close(stats[node["value"]], p.data)
        close(stats[node["grad"]], p.grad.data)
        assert "histogram" in stats[node["grad"]]
    (root,) = (nodes[i] for i in document["roots"])
    close(stats[root["value"]], loss.data)
    close(stats[root["grad"]], 1.0)
    scores = nodes[root["inputs"][0]["node"]]
    close(stats[scores["value"]], logits.data)
    close(stats[scores["grad"]], logits.grad.data)
    (batch,) = (n for n in nodes.values() if n.get("name") == "X")
    close(stats[batch["value"]], X)


def test_events_add_up_to_the_gradients(step):
    *_, document = step
    nodes, stats = {n["id"]: n for n in document["nodes"]}, document["stats"]
    last = {}
    for event in document["events"]:
        if event["type"] in ("seed", "backward"):
            last[event.get("to", event["node"])] = event["accumulated"]
    for name, accumulated in last.items():
        for key in ("min", "max", "mean", "std", "numbers"):
            assert stats[accumulated].get(key) == stats[nodes[name]["grad"]].get(key)
    leaves = [event["node"] for event in document["events"] if event["type"] == "leaf"]
    assert leaves == [n["id"] for n in nodes.values() if n["kind"] == "parameter"]
    assert all("histogram" in stats[i] for i in last.values() if stats[i].get("std"))


def test_seconds_add_up(step):
    *_, document = step
    spent = {n["id"]: 0.0 for n in document["nodes"]}
    for event in document["events"]:
        if event["type"] == "backward":
            spent[event["node"]] += event["seconds"]
    for node in document["nodes"]:
        assert node.get("backward_seconds", 0) == pytest.approx(spent[node["id"]], abs=1e-6)


def test_shared_parts_are_stored_once():
    x = tg.Tensor(np.arange(100.0), requires_grad=True)
    with tg.trace() as t:
        np.sum(np.sin(np.sin(x))).backward()
    document = t.draw().document
    assert list(document["formulas"]) == ["sin", "sum"]
    assert len(document["sources"]) == 1
    seed, *backward = (e for e in document["events"] if e["type"] in ("seed", "backward"))
    assert all(e["contribution"] == e["accumulated"] for e in (seed, *backward))


def test_two_ops_of_the_same_name_have_two_formulas():
    ops = [tg.primitive(lambda x, k=k: k * x) for k in (2, 3)]
    for k, op in zip((2, 3), ops, strict=True):
        op.compute.__name__ = op.__name__ = "scale"
        tg.rule(op, (lambda g, _out, _x: 2 * g) if k == 2 else (lambda g, _out, _x: 3 * g))
    try:
        x = tg.Tensor(1.0, requires_grad=True)
        document = tg.draw(ops[0](ops[1](x))).document
        rules = {key: entry["rules"] for key, entry in document["formulas"].items()}
        assert rules == {"scale": ["∂x = 3 · g"], "scale 2": ["∂x = 2 · g"]}
    finally:
        for op in ops:
            del tg.rules.RULES[op]


def test_numbers_that_json_lacks_are_strings():
    x = tg.Tensor([0.0, -1.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"), tg.trace() as t:
        np.sum(np.log(x) / 0).backward()
    text = encoded(t.draw().document)
    document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    numbers = [s["numbers"] for s in document["stats"] if "numbers" in s]
    assert ["-inf", "nan", "nan"] in numbers


def test_plain_arguments_are_text_in_their_slot():
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    nodes = tg.draw(np.sum(2.5 * x[1:, 0], axis=0)).document["nodes"]
    assert [node.get("inputs") for node in nodes] == [
        None,
        [{"node": "n0"}, {"text": "(1:, 0)"}],
        [{"text": "2.5"}, {"node": "n1"}],
        [{"node": "n2"}],
    ]
    assert nodes[-1]["keywords"] == {"axis": "0"}


def test_without_a_trace_saved_values_are_shown_on_request():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = np.exp(x)
    plain = tg.draw(y).document
    assert plain["stats"] == plain["events"] == []
    shown = tg.draw(y, show=("value",)).document
    assert [node.get("value") for node in shown["nodes"]] == [None, 0]


def test_a_document_holds_any_name():
    x = tg.Tensor(1.0, requires_grad=True, name="</script><img onerror=alert(1)>\ud800 \"'&\n")
    drawing = tg.draw(np.exp(x), title="</title><b>")
    assert json.loads(encoded(drawing.document))["nodes"][0]["name"] == x.name
    page = drawing.page()
    assert "<img" not in page
    assert "</title><b>" not in page


def test_saved_files_hold_the_document(tmp_path):
    x = tg.Tensor(1.0, requires_grad=True, name="\ud800 é")
    drawing = tg.draw(np.exp(x))
    document = json.loads(drawing.save(tmp_path / "graph.json").read_text("utf-8"))
    assert document["nodes"][0]["name"] == "? é"
    drawing.save(tmp_path / "graph.html")
    later = tg.draw(np.exp(x) * 2)
    later.save(tmp_path / "both.html", before=drawing)
    assert len((tmp_path / "both.html").read_text("utf-8")) > len(later.page())
    with pytest.raises(ValueError, match=r"only a page \(.html\) can show differences"):
        later.save(tmp_path / "both.svg", before=drawing)


def test_a_hundred_nodes_fit_in_a_hundred_kilobytes():
    rng = np.random.default_rng(0)
    layers = [layer for _ in range(16) for layer in (nn.Dense(32, 32, rng=rng), nn.Tanh())]
    net = nn.Sequential(*layers)
    with tg.trace() as t:
        np.sum(net(rng.normal(size=(20, 32)).astype("f4"))).backward()
    drawing = t.draw()
    assert 60 <= len(drawing.graph.vertices) <= 100
    assert len(encoded(drawing.document).encode()) < 1000 * len(drawing.graph.vertices)


def test_a_chain_of_50_000_operations_is_never_folded():
    x = y = tg.Tensor(1.0, requires_grad=True)
    for _ in range(50_000):
        y = y + x
    document = tg.draw(y).document
    assert len(document["nodes"]) == 50_001
    assert document["notes"] == []


@pytest.mark.parametrize(
    "root",
    [np.sin, lambda x: x * x, np.sum, lambda x: np.sum(x * x), lambda x: np.concatenate([x, x])],
    ids=["one operand", "two operands", "a reduction", "two operations", "a list of operands"],
)
def test_a_graph_that_backward_has_freed(root, tmp_path):
    x = tg.Tensor(np.ones(3), requires_grad=True)
    y = root(x)
    y.backward(np.ones(y.shape))
    drawing = tg.draw(y)
    drawing.save(tmp_path / "graph.html")
    document = json.loads(encoded(drawing.document))
    assert [node["freed"] for node in document["nodes"]] == [True]
    assert "formula" not in document["nodes"][0]
    assert "retain_graph=True" in document["notes"][0]
