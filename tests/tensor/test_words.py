"""Words of PyTorch on tensors get the right one."""

import json
import pickle

import numpy as np
import pytest

import tensorgrad as tg

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
