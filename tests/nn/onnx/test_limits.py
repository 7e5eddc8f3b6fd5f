"""Hostile ONNX files: a node that asks for much memory is refused before it is computed."""

import itertools
import tracemalloc

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import helper, numpy_helper  # noqa: E402

import nn  # noqa: E402
import tensorgrad as tg  # noqa: E402
from nn.onnx import limits  # noqa: E402

N = helper.make_node


def ones(*shape):
    return np.ones(shape, np.float32)


def index(*shape):
    return np.zeros(shape, np.int64)


def numbers(*values):
    return np.array(values, np.int64)


def table(n: int, k: int) -> dict:
    """Return networks whose results grow as n² (or k²), from inputs of n (or k) numbers.

    The size of files decides k, that of sequences and windows too.
    """
    column, row = ("a", ones(n, 1)), ("b", ones(1, n))
    one, square = ones(1, 1), ones(1, 1, 3, 3)
    weights = ("w", ones(1, 1, 3, 3))
    channels = ("s", ones(n))
    ml = {"domain": "ai.onnx.ml"}
    return {
        "MatMul": ([N("MatMul", ["a", "b"], ["y"])], [column, row], one),
        "MatMul of a vector": ([N("MatMul", ["a", "x"], ["y"])], [("a", ones(n, 3, 1))], ones(1, n)),
        "Add": ([N("Add", ["a", "b"], ["y"])], [column, row], one),
        "Where": ([N("Greater", ["x", "a"], ["m"]), N("Where", ["m", "a", "b"], ["y"])], [column, row], one),
        "Gemm": ([N("Gemm", ["b", "b"], ["y"], transA=1)], [row], one),
        "Gemm and an array": ([N("Gemm", ["a", "x", "c"], ["y"])], [column, ("c", ones(n, 1, 1))], one),
        "Einsum": ([N("Einsum", ["a", "b"], ["y"], equation="ij,kl->il")], [column, row], one),
        "Einsum without output": ([N("Einsum", ["c", "d"], ["y"], equation="i,j")], [("c", ones(n)), ("d", ones(n))], one),
        "Einsum with dots": ([N("Einsum", ["a", "b"], ["y"], equation="...,...->...")], [column, row], one),
        "Concat": ([N("Concat", ["a"] * n, ["y"], axis=0)], [("a", ones(n, 10))], one) if n < 100 else None,
        "Tile": ([N("Tile", ["x", "r"], ["y"])], [("r", numbers(n, n))], one),
        "ConstantOfShape": ([N("ConstantOfShape", ["s"], ["y"])], [("s", numbers(n, n))], one),
        "Pad": ([N("Pad", ["x", "p"], ["y"])], [("p", numbers(n, n, n, n))], one),
        "Range": ([N("Range", ["a", "b", "c"], ["y"])], [("a", np.float32(0)), ("b", np.float32(n * n)), ("c", np.float32(1))], one),
        "OneHot": ([N("OneHot", ["i", "d", "v"], ["y"])], [("i", index(n)), ("d", numbers(n)), ("v", ones(2))], one),
        "Conv with padding": ([N("Conv", ["x", "w"], ["y"], pads=[n] * 4)], [weights], square),
        "Conv with channels": ([N("Conv", ["x", "w"], ["y"])], [("w", ones(n, 1, 1, 1))], ones(1, 1, n, 1)),
        "Conv with a kernel": ([N("Conv", ["x", "w"], ["y"])], [("w", ones(1, 1, k, k))], ones(1, 1, k + 1, 3 * k)),
        "ConvTranspose with strides": ([N("ConvTranspose", ["x", "w"], ["y"], strides=[n, n])], [weights], square),
        "ConvTranspose with dilations": ([N("ConvTranspose", ["x", "w"], ["y"], dilations=[n, n])], [weights], square),
        "AveragePool": ([N("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], pads=[n] * 4, count_include_pad=1)], [], square),
        "MaxPool": ([N("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1] * 4, auto_pad="SAME_UPPER")], [], ones(1, 1, 3, 3)) if n < 100
        else ([N("AveragePool", ["x"], ["y"], kernel_shape=[n, n], auto_pad="SAME_UPPER")], [], square),
        "Gather": ([N("Gather", ["b", "i"], ["y"], axis=0)], [row, ("i", index(n))], one),
        "GatherND": ([N("GatherND", ["b", "i"], ["y"])], [row, ("i", index(n, 1))], one),
        "GatherElements": ([N("GatherElements", ["b", "i"], ["y"], axis=0)], [row, ("i", index(n, 1))], one),
        "LSTM": ([N("LSTM", ["x", "W", "R"], ["y"], hidden_size=k)], [("W", ones(1, 4 * k, 1)), ("R", ones(1, 4 * k, k))], ones(k, k, 1)),
        "GRU": ([N("GRU", ["x", "W", "R"], ["y"], hidden_size=k, linear_before_reset=1)], [("W", ones(1, 3 * k, 1)), ("R", ones(1, 3 * k, k))], ones(k, k, 1)),
        "BatchNormalization": ([N("BatchNormalization", ["x", *"ssss"], ["y"])], [channels], ones(n, 1, 3)),
        "InstanceNormalization": ([N("InstanceNormalization", ["x", *"ss"], ["y"])], [channels], ones(n, 1, 3)),
        "GroupNormalization": ([N("GroupNormalization", ["x", *"ss"], ["y"], num_groups=1)], [channels], ones(n, 1, 3)),
        "LayerNormalization": ([N("LayerNormalization", ["x", "s"], ["y"])], [("s", ones(n, 1, 1))], ones(n, 1)),
        "LinearRegressor": ([N("LinearRegressor", ["x"], ["y"], coefficients=[1.0] * n, targets=n, **ml)], [], ones(n, 1)),
        "LinearClassifier": ([N("LinearClassifier", ["x"], ["l", "y"], coefficients=[1.0] * n, classlabels_ints=[*range(n)], **ml)], [], ones(n, 1)),
        "Scaler": ([N("Scaler", ["x"], ["y"], offset=[1.0] * n, scale=[1.0] * n, **ml)], [], ones(n, 1)),
        "ArrayFeatureExtractor": ([N("ArrayFeatureExtractor", ["x", "i"], ["y"], **ml)], [("i", index(n))], ones(n, 1)),
        "twice as long each time": ([N("Concat", [f"c{j}"] * 2, [f"c{j + 1}"], axis=0) for j in range(n.bit_length())] + [N("Add", [f"c{n.bit_length()}", "b"], ["y"])], [("c0", ones(1, 1)), row], one),
    }  # fmt: skip


NAMES = [name for name, case in table(5, 3).items() if case]


def network(path, nodes, arrays=(), **options):
    infos = [helper.make_tensor_value_info("x", 1, None)]
    results = [helper.make_tensor_value_info("y", 1, None)]
    initializers = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays]
    graph = helper.make_graph(nodes, "g", infos, results, initializers)
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return nn.from_onnx(path, **options)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "Concat"])
def test_a_large_result_is_refused_before_it_is_made(name, tmp_path):
    nodes, arrays, x = table(40_000, 400)[name]
    hostile = network(tmp_path / "net.onnx", nodes, arrays)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"net\.onnx: the node \w+: .*limit") as caught:
        hostile(tg.Tensor(x))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 + 20 * x.nbytes
    assert "Unable to allocate" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_of_the_results(name, tmp_path, monkeypatch):
    """At least those, or memory could be used; and not much more, or good files were refused."""
    nodes, arrays, x = table(12, 4)[name]
    estimates = []
    elements = limits.elements

    def watched(op, given, attributes):
        estimates.append((elements(op, given, attributes), max((g.size for g in given), default=0)))
        return estimates[-1][0]

    monkeypatch.setattr(limits, "elements", watched)
    out = network(tmp_path / "net.onnx", nodes, arrays)(tg.Tensor(x))
    largest, inputs = estimates[-1]
    assert largest >= out.size
    assert largest <= 10 * max(out.size, inputs)


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "size"),
    [
        ("Einsum", [(6, 2, 3), (6, 3, 4)], {"equation": "...ij,...jk->...ik"}, 48),
        ("Einsum", [(6, 2, 3), (6, 3, 4)], {"equation": "bij,bjk->bik"}, 48),
        ("Einsum", [(6, 2, 3), (6, 2, 3)], {"equation": "bij,bij->"}, 1),
        ("MatMul", [(6, 2, 3), (3, 4)], {}, 48),
        ("MatMul", [(6, 2, 3), (1, 3, 4)], {}, 48),
        ("MatMul", [(3,), (6, 3, 4)], {}, 24),
        ("MatMul", [(6, 2, 3), (3,)], {}, 12),
        ("BatchNormalization", [(6, 3, 4, 4), (3,), (3,), (3,), (3,)], {}, 288),
        ("LayerNormalization", [(6, 2, 8), (8,), (8,)], {}, 96),
        ("Conv", [(2, 3, 8, 8), (4, 3, 3, 3)], {"pads": [1] * 4}, 600),  # the padded pictures
        ("Conv", [(2, 8, 8, 8), (8, 1, 3, 3)], {"pads": [1] * 4, "group": 8}, 1600),
        ("Relu", [(6, 2, 8)], {}, 96),
        ("ReduceSum", [(6, 2, 8)], {}, 96),
    ],
)
def test_sizes_of_usual_nodes_are_exact(op, shapes, attributes, size):
    arrays = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    assert limits.elements(op, arrays, attributes) == size


def test_many_results_are_refused_together(tmp_path):
    for op, number in (("Tile", "r"), ("ConstantOfShape", "r")):
        names = [f"t{k}" for k in range(40)]
        given = ["x", number] if op == "Tile" else [number]
        nodes = [N(op, given, [name]) for name in names] + [N("Sum", names, ["y"])]
        hostile = network(
            tmp_path / "net.onnx", nodes, [("r", numbers(1000, 100))], max_bytes=10**7
        )
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"more than the limit of 10,000,000; call .*no_grad"):
            hostile(tg.Tensor(ones(1, 1)))
        assert tracemalloc.get_traced_memory()[1] < 10**7
        tracemalloc.stop()


def test_results_are_freed_after_their_last_use_unless_a_graph_needs_them(tmp_path):
    names = ["x", *(f"t{k}" for k in range(40))]
    nodes = [N("Add", [a, "w"], [b]) for a, b in itertools.pairwise(names)]
    nodes.append(N("Mul", [names[-1], "w"], ["y"]))
    good = network(tmp_path / "net.onnx", nodes, [("w", ones(1))], max_bytes=2 * 10**6)
    x = tg.Tensor(ones(100, 1000))
    with tg.no_grad():
        np.testing.assert_array_equal(good(x).data, 41.0)
        np.testing.assert_array_equal(good(x).data, 41.0)
    with pytest.raises(ValueError, match="the limit of 2,000,000"):
        good(x)
    good.freeze()
    np.testing.assert_array_equal(good(x).data, 41.0)


def test_views_are_not_counted(tmp_path):
    names = ["x", *(f"t{k}" for k in range(40))]
    nodes = [N("Transpose", [a], [b]) for a, b in itertools.pairwise(names)]
    nodes.append(N("Mul", [names[-1], "w"], ["y"]))
    good = network(tmp_path / "net.onnx", nodes, [("w", ones(1))], max_bytes=2 * 10**6)
    assert good(tg.Tensor(ones(100, 1000))).shape == (100, 1000)


def test_what_a_view_refers_to_stays_counted(tmp_path):
    nodes = []
    for k in range(40):
        nodes += [N("Tile", ["x", "r"], [f"t{k}"]), N("Transpose", [f"t{k}"], [f"v{k}"])]
    nodes.append(N("Sum", [f"v{k}" for k in range(40)], ["y"]))
    hostile = network(tmp_path / "net.onnx", nodes, [("r", numbers(1000, 100))], max_bytes=10**7)
    with pytest.raises(ValueError, match=r"the node t\d+: it needs about"), tg.no_grad():
        hostile(tg.Tensor(ones(1, 1)))


def test_arrays_in_the_same_place_of_a_file_are_at_most_two(tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(4000))

    def model(n):
        graph = helper.make_graph(
            [N("Sum", ["x", *(f"w{k}" for k in range(n))], ["y"])],
            "g",
            [helper.make_tensor_value_info("x", 1, None)],
            [helper.make_tensor_value_info("y", 1, None)],
        )
        for k in range(n):
            tensor = graph.initializer.add(name=f"w{k}", data_type=1, dims=[1000], data_location=1)
            tensor.external_data.add(key="location", value="w.bin")
        made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
        (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
        return nn.from_onnx(tmp_path / "net.onnx")

    assert len(model(2).parameters()) == 2
    words = (
        r"net\.onnx: its arrays in 'w\.bin', up to w2, have 12,000 bytes, but the file has 4,000"
    )
    with pytest.raises(ValueError, match=words):
        model(3)


def test_the_limit_is_a_number_of_bytes(tmp_path):
    with pytest.raises(ValueError, match=r"^max_bytes must be an integer of at least 1, not 0"):
        network(tmp_path / "net.onnx", [N("Relu", ["x"], ["y"])], max_bytes=0)
