"""Words of PyTorch on tensors get the right one."""

import copy
import json
import pickle
import re

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.tensor import words

X = tg.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (
            lambda: X.sum(dim=0),
            TypeError,
            "sum has no argument dim, which is PyTorch's; write axis=",
        ),
        (
            lambda: X.mean(axis=0, keepdim=True),
            TypeError,
            "mean has no argument keepdim, .* keepdims=",
        ),
        (lambda: X.size(), TypeError, r"x.size is a number, 6, and no method; write x.shape$"),
        (lambda: X.size(0), TypeError, r"write x.shape\[0\]"),
        (
            lambda: tg.tensor([1.0]),
            TypeError,
            r"write tg.Tensor\(\[1.0, 2.0\], requires_grad=True\)",
        ),
        (lambda: tg.zeros(3), AttributeError, r"write tg.Tensor\(np.zeros\(shape\)\)"),
        (lambda: tg.sin(X), AttributeError, "write np.sin, which takes tensors"),
        (lambda: tg.tensors, AttributeError, "has no attribute 'tensors'$"),
    ],
)
def test_words(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_the_number_of_elements_is_a_number():
    assert X.size == 6
    assert isinstance(X.size, int)
    assert type(X.size + 1) is int
    assert json.dumps(X.size) == "6"
    assert f"{X.size:,}" == "6"
    assert pickle.loads(pickle.dumps(X.size)) == 6
    assert np.zeros(X.size).shape == (6,)
    assert not hasattr(tg, "nothing")


def test_methods_of_pytorch_say_what_to_write():
    torch = pytest.importorskip("torch")
    scope = {"np": np, "tg": tg, "x": X}
    for name, remedy in words.TORCH_METHODS.items():
        assert hasattr(torch.ones(2), name)
        with pytest.raises(AttributeError, match=f"'{name}'; write {re.escape(remedy)}$"):
            getattr(X, name)
        assert not hasattr(X, name)
        assert name not in dir(X)
        for path in re.findall(r"\b((?:np|tg|x)\.[\w.]+)", remedy):
            eval(path, scope)  # it exists
    assert "sum" in dir(X)


def test_attributes_of_arrays_that_tensors_lack_say_what_to_write():
    array, missing = X.data, {name for name in dir(X.data) if not hasattr(X, name)}
    assert {name for name in missing if not name.startswith("_")} == words.NUMPY_METHODS.keys()
    for name, remedy in words.NUMPY_METHODS.items():
        assert hasattr(array, name)
        with pytest.raises(AttributeError, match=f"'{name}'; write {re.escape(remedy)}$"):
            getattr(X, name)
        for path in re.findall(r"\b((?:np|pickle|x)\.[\w.]+)", remedy):
            eval(path, {"np": np, "pickle": pickle, "x": X})  # it exists


def test_a_shallow_copy_of_a_result_is_recorded():
    doubled = 2 * X
    copied = copy.copy(doubled)
    assert copied.data is not doubled.data
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(copy.copy(2 * x)))(X.data).data, 2.0)
    assert copy.copy(X).data.tolist() == X.data.tolist()
    assert copy.copy(X).requires_grad


def test_plotting_a_recorded_tensor_speaks_of_the_gradient():
    pyplot = pytest.importorskip("matplotlib.figure")
    with pytest.raises(TypeError, match=r"would lose the gradient; use .detach\(\) or .data"):
        pyplot.Figure().subplots().plot(2 * X)
