"""einsum: of any string that NumPy takes, the value is NumPy's and the gradients are right."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg

SIZES = {"a": 2, "b": 3, "c": 4, "d": 1}


@st.composite
def calls(draw):
    """Subscripts and operands: letters repeated, summed alone or broadcast from length 1; ellipses; implicit outputs."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    batch = draw(st.sampled_from([(), (2,), (3, 2)]))
    parts, operands = [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.text("abcd", max_size=3))
        short = draw(st.sets(st.sampled_from("abcd"), max_size=1))  # of length 1 here, broadcast
        shape = tuple(1 if x in short else SIZES[x] for x in letters)
        if draw(st.booleans()):
            parts.append(letters)
        else:
            cut = draw(st.integers(0, len(letters)))
            parts.append(letters[:cut] + "..." + letters[cut:])
            mine = batch[draw(st.integers(0, len(batch))) :]
            mine = tuple(draw(st.sampled_from([n, 1])) for n in mine)
            shape = shape[:cut] + mine + shape[cut:]
        operands.append(rng.standard_normal(shape))
    subscripts = ",".join(parts)
    if draw(st.booleans()):
        known = sorted(set(subscripts) & set("abcd"))
        output = "".join(draw(st.permutations(known))[: draw(st.integers(0, len(known)))])
        cut = draw(st.integers(0, len(output)))
        dots = "..." if "..." in subscripts else ""
        subscripts += "->" + output[:cut] + dots + output[cut:]
    return subscripts, operands


def replaced(xs, i, x):
    return [*xs[:i], x, *xs[i + 1 :]]


def gradients(f, xs, g, create_graph=False):
    """Return the gradients of sum(g * f(*xs)), for tensors or arrays xs."""
    leaves = [x if isinstance(x, tg.Tensor) else tg.Tensor(x, requires_grad=True) for x in xs]
    f(*leaves).backward(g, create_graph=create_graph)
    return [x.grad for x in leaves]


@settings(deadline=None, max_examples=300)
@given(calls())
def test_of_any_string(call):
    """einsum is linear in each operand, so a gradient times a direction is einsum of that direction."""
    subscripts, xs = call

    def f(*operands):
        return np.einsum(subscripts, *operands)

    right = f(*xs)
    rng = np.random.default_rng(0)
    g = np.asarray(rng.standard_normal(np.shape(right)))
    found = f(*[tg.Tensor(x, requires_grad=True) for x in xs])
    np.testing.assert_allclose(found.data, right, rtol=1e-12, atol=1e-12)
    directions = [np.asarray(rng.standard_normal(x.shape)) for x in xs]
    grads = [h.data for h in gradients(f, xs, g)]
    for i, (d, h) in enumerate(zip(directions, grads, strict=True)):
        expected = np.sum(g * f(*replaced(xs, i, d)))
        np.testing.assert_allclose(np.sum(h * d), expected, rtol=1e-9, atol=1e-9)
    # So is each gradient, in every other operand: the second order.
    leaves = [tg.Tensor(x, requires_grad=True) for x in xs]
    first = gradients(f, leaves, g, create_graph=True)[0]
    for x in leaves:
        x.zero_grad()
    if first.requires_grad:
        np.sum(first * directions[0]).backward()
    for i in range(1, len(xs)):
        expected = np.sum(g * f(*replaced(replaced(xs, 0, directions[0]), i, directions[i])))
        again = 0.0 if leaves[i].grad is None else np.sum(leaves[i].grad.data * directions[i])
        np.testing.assert_allclose(again, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "optimize", [False, True, "greedy", "optimal", ["einsum_path", (0, 1), (0, 1)]]
)
def test_whatever_the_path(optimize):
    a, b, c = (np.arange(6.0).reshape(2, 3), np.ones((3, 4)), np.arange(8.0).reshape(4, 2))
    x = tg.Tensor(a, requires_grad=True)
    y = np.einsum("ij,jk,kl->il", x, b, c, optimize=optimize)
    np.testing.assert_allclose(y.data, a @ b @ c)
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad.data, np.ones((2, 2)) @ (b @ c).T)


def test_large_operands_go_through_a_product():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((30, 40)), rng.standard_normal((40, 50))
    x = tg.Tensor(a, requires_grad=True)
    y = np.einsum("ij,jk->ik", x, b)
    np.testing.assert_allclose(y.data, a @ b)
    np.sum(y * y).backward()
    np.testing.assert_allclose(x.grad.data, 2 * (a @ b) @ b.T)


def test_a_path_is_a_constant():
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    path, report = np.einsum_path("ij,ij->", x, x)
    assert path[0] == "einsum_path"
    assert "Naive scaling" in report


def test_subscripts_as_lists_are_those_as_letters():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    x = tg.Tensor(a, requires_grad=True)
    for y in (np.einsum(x, [0, 1], b, [1, 2], [2, 0]), np.einsum(x, [5, 30], b, [30, 7], [7, 5])):
        np.testing.assert_array_equal(y.data, np.einsum("ij,jk->ki", a, b))
    y = np.einsum(x, [Ellipsis, 0], [Ellipsis])
    np.testing.assert_array_equal(y.data, a.sum(axis=1))


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (("ij,jk",), {}, "names 2 operands, but 1 were given"),
        (("...i->i",), {}, "leaves the ellipsis out"),
        (("ij",), {"out": np.zeros((2, 3))}, "einsum cannot write into out="),
        (("ij->i",), {"dtype": np.float32}, "cannot cast float64 to float32 with casting='safe'"),
    ],
)
def test_what_cannot_be_is_refused(args, kwargs, message):
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises((TypeError, ValueError), match=message):
        np.einsum(*args, x, **kwargs)


def test_more_letters_than_there_are():
    shape = (1,) * 30
    subscripts = string.ascii_letters[:30]
    x = tg.Tensor(np.full(shape, 3.0), requires_grad=True)
    np.sum(np.einsum(f"{subscripts},{subscripts}->{subscripts}", x, x)).backward()
    np.testing.assert_array_equal(x.grad.data, np.full(shape, 6.0))
