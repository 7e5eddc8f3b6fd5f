"""Items, slices and places of arrays as operators of ONNX."""

import numpy as np
import pytest

import tensorgrad as tg

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.program.onnx.test_export import assert_equal, exported, leaves

X = np.random.default_rng(0).standard_normal((5, 4, 3)).astype(np.float32)
Y, J = np.array([0, 2, 1, 1, 0]), np.int64(2)
ITEMS = [
    "x[y]", "x[:, y[:3]]", "x[j]", "x[:, j]", "x[..., j]", "x[y, y]", "x[y, 1]", "x[y, j]",
    "x[j, y]", "x[j, j]", "x[0, y]", "x[np.arange(len(y)), y]", "x[[0, 1], [1, 2]]", "x[[0, 1]]",
    "x[:, [0, -1]]", "x[y, y, y]", "x[y, y[:1]]", "x[y][:, y[:2]]", "x[..., None, 0]",
    "x[None, ..., ::2]", "x[::-1, 1:3]", "x[-2:, ::-1, -1]", "x[4:0:-2]", "np.take(x, y)",
    "np.take(x, y, axis=-1)", "np.take(x, j, axis=1)", "np.take_along_axis(x, np.argsort(x, 1), 1)",
]  # fmt: skip
PLACES = [
    "z[:, 1] = 0.5", "z[1] = 2", "z[..., 0] = x[..., 1]", "z[:, 1:3, ::2] = 7", "z[y, y, y] = 1",
    "z[y, 0, 0] = 1.5", "z[0, y, 1] = 5", "z[j, y, y] = 1", "z[1, 2, 0] = 4", "z[[1, 0]] = x[:2]",
    "z[np.arange(5), y, 0] = x[:, 0, 0]", "z[:, [0, 2]] = 1", "z[[0, 1], [1, 2]] = 3",
    "z[[0, 1], [1, 2], [0, 0]] = 3", "z[None, :, 0] = 1", "z[:, :, [True, False, True]] = 2",
    "z[[True, False, True, False, True], [1, 1, 1], [0, 0, 0]] = 3",
]  # fmt: skip
REFUSED = {
    "x[y, :, 1]": "has an operator only if the arrays come first",
    "x[x[:, 0, 0] > 0]": "takes integers as indices, not masks",
    "z[:, j] = 0.5": "an assignment to places that depend on values",
    "z[y] = 0": "an assignment to places that depend on values",
}


def function_of(line):
    lines = [line, "return z"] if line.startswith("z") else [f"return {line} * 2"]
    space = {"np": np, "tg": tg}
    body = "".join(f"    {x}\n" for x in ["z = tg.Tensor(x) * 1.0", *lines])
    exec(f"def f(x, y, j):\n{body}", space)
    return space["f"]


@pytest.mark.parametrize("line", [*ITEMS, *PLACES])
def test_an_index(line, tmp_path):
    f = function_of(line)
    model, session = exported(f, (X, Y, J), tmp_path / "x.onnx", batch=[])
    given = {"x": X, "y": Y, "j": np.asarray(J)}
    found = session.run(None, {i.name: given[i.name] for i in model.graph.input})
    assert_equal(found, leaves(f(X, Y, J)))


@pytest.mark.parametrize("line", REFUSED)
def test_an_index_without_an_operator_is_refused(line, tmp_path):
    with pytest.raises(TypeError, match=REFUSED[line]):
        exported(function_of(line), (X, Y, J), tmp_path / "x.onnx", batch=[])
