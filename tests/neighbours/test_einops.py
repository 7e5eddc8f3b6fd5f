"""einops on tensors: its own functions, whichever is imported first."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

einops = pytest.importorskip("einops")

V = np.arange(6.0).reshape(2, 3) / 7 + 0.1
CALLS = {
    "rearrange": lambda x: einops.rearrange(x, "a (b c) -> c b a", b=3) ** 2,
    "repeat": lambda x: einops.repeat(x, "a b -> a (b k)", k=2) ** 2,
    "mean": lambda x: einops.reduce(x, "a b -> a", "mean") ** 2,
    "max": lambda x: einops.reduce(x, "a b -> a", "max") ** 2,
    "prod": lambda x: einops.reduce(x, "a b -> b", "prod"),
    "own reduction": lambda x: einops.reduce(
        x, "a b -> a", lambda t, axes: np.sum(t**3, axis=axes)
    ),
    "list": lambda x: einops.rearrange([x, x * 2], "k a b -> b (k a)") ** 2,
    "pack": lambda x: einops.pack([x, x], "a *")[0] ** 2,
    "unpack": lambda x: einops.unpack(x, [(1,), (2,)], "a *")[1] ** 2,
    "einsum": lambda x: einops.einsum(x, V, "a b, c b -> a c"),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients_agree_with_differences(name):
    f = CALLS[name]
    tg.check_grads(f, V)
    np.testing.assert_array_equal(f(tg.Tensor(V, requires_grad=True)).data, f(V))


def test_what_makes_an_array_is_refused_where_a_gradient_would_be_lost():
    with pytest.raises(TypeError, match="would lose the gradient"):
        einops.asnumpy(tg.Tensor(V, requires_grad=True))
    assert einops.asnumpy(tg.Tensor(V)) is not None
    assert einops.parse_shape(tg.Tensor(V), "a b") == {"a": 2, "b": 3}


@pytest.mark.parametrize("order", [("einops", "tensorgrad"), ("tensorgrad", "einops")])
def test_the_order_of_imports_does_not_matter(order):
    code = (
        f"import {order[0]}, {order[1]}, numpy as np, sys\n"
        "x = tensorgrad.Tensor(np.ones((2, 3)), requires_grad=True)\n"
        "print(einops.rearrange(x, 'a b -> b a').shape)\n"
        "assert not [f for f in sys.meta_path if getattr(f, 'name', '') == 'einops._backends']"
    )
    root = Path(tg.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(3, 2)"


def test_a_program_has_the_calls_of_numpy():
    f = tg.compile(tg.grad(lambda x: np.sum(einops.rearrange(x, "a b -> b a") ** 2)))
    np.testing.assert_array_equal(f(V), 2 * V)
    assert "einops" not in f.program(V).source
