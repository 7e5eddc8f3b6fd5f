"""Writes between the parts of one tensor, and what a tensor keeps when it is written to."""

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine.state import Observer, with_state


def matrix():
    """Return a leaf and a recorded copy of it."""
    p = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    return p, p * 1


class Calls(Observer):
    """Collects the names of the ops that are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def returned(self, op, args, kwargs, t):
        self.names.append(op.name)


BETWEEN_PARTS = {  # a write, the values after it, and the gradient of their sum
    "row": (lambda x: x.__setitem__(0, x[1]), [[3, 4], [3, 4]], [[0, 0], [2, 2]]),
    "column": (lambda x: x.__setitem__((..., 0), x[..., 1]), [[2, 2], [4, 4]], [[0, 2], [0, 2]]),
    "element": (lambda x: x.__setitem__((0, 0), x[1, 0]), [[3, 2], [3, 4]], [[0, 1], [2, 1]]),
    "tuple into its part": (lambda x: x.__setitem__(0, x[0, :]), [[1, 2], [3, 4]], [[1, 1], [1, 1]]),
    "a longer index": (lambda x: x.__setitem__(0, x[0, 1]), [[2, 2], [3, 4]], [[0, 2], [1, 1]]),
    "a shorter index": (lambda x: x.__setitem__((0, slice(2)), x[1]), [[3, 4], [3, 4]], [[0, 0], [2, 2]]),
    "row of the transpose": (lambda x: x.__setitem__(0, x.T[0]), [[1, 3], [3, 4]], [[1, 0], [2, 1]]),
    "row of the rows": (lambda x: x.__setitem__(0, x[::-1][0]), [[3, 4], [3, 4]], [[0, 0], [2, 2]]),
    "row of another": (lambda x: (y := x * 2, x.__setitem__(0, y[0])), [[2, 4], [3, 4]], [[2, 2], [1, 1]]),
    "all from one row": (lambda x: x.__setitem__(..., x[0]), [[1, 2], [1, 2]], [[2, 2], [0, 0]]),
    "itself": (lambda x: x.__setitem__(0, x[0]), [[1, 2], [3, 4]], [[1, 1], [1, 1]]),
    "of a view": (lambda x: x.T.__setitem__(0, x.T[1]), [[2, 2], [4, 4]], [[0, 2], [0, 2]]),
    "of a view, its base": (lambda x: x.T.__setitem__(0, x[0]), [[1, 2], [2, 4]], [[1, 2], [0, 1]]),
}  # fmt: skip


@pytest.mark.parametrize(("write", "values", "slopes"), BETWEEN_PARTS.values(), ids=BETWEEN_PARTS)
def test_a_part_is_written_into_another(write, values, slopes):
    p, x = matrix()
    write(x)
    assert x.tolist() == values
    np.sum(x).backward()
    assert p.grad.tolist() == slopes


WHOLES = {
    "transpose": lambda x: x.T,
    "flip": lambda x: np.flip(x),
    "reshape": lambda x: np.reshape(x, (2, 2)),
}


@pytest.mark.parametrize("view", WHOLES.values(), ids=WHOLES)
def test_a_rearrangement_is_written_into_what_it_is_of(view):
    p, x = matrix()
    x[...] = view(x)
    assert x.tolist() == view(p.data).tolist()
    weights = np.array([[1.0, 10.0], [100.0, 1000.0]])
    np.sum(x * weights).backward()
    back = p.data.copy()
    back[...] = view(weights)  # each of the three is its own inverse
    assert p.grad.tolist() == back.tolist()


@pytest.mark.parametrize("index", [0, (0, 1), slice(1, None), (..., 0), (), ...], ids=str)
def test_an_update_of_a_part_writes_once(index):
    """Python assigns what the update returns, a view that was written through already."""
    _, x = matrix()
    calls = Calls()
    with with_state(observer=calls):
        x[index] += 1.0
    assert calls.names.count("assign") == 1


def test_an_update_of_a_part_of_a_view_writes_once():
    p, x = matrix()
    calls = Calls()
    with with_state(observer=calls):
        x.T[0] *= 10.0
    assert calls.names.count("assign") == 1
    assert x.tolist() == [[10, 2], [30, 4]]
    np.sum(x).backward()
    assert p.grad.tolist() == [[10, 1], [10, 1]]


def test_a_part_of_the_real_or_imaginary_part_cannot_be_written_to():
    z = tg.Tensor([1j, 2.0, 3.0], requires_grad=True) * 1
    for part in (z.imag, z.real):
        with pytest.raises(ValueError, match="made by take, that cannot be written to"):
            part[1:] += 1.0
    z[1:] += 1.0
    assert z.tolist() == [1j, 3, 4]


def test_integers_do_not_take_a_recorded_value():
    counts, x = tg.Tensor([1, 2]), tg.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="dtype int64 has no gradient, and would lose that of what"):
        counts += x
    counts += 1
    assert counts.tolist() == [2, 3]
    assert counts.dtype == np.int64


def test_a_write_that_is_not_recorded_makes_a_constant():
    """Not even retain_grad() makes it one with a gradient."""
    p, x = matrix()
    x.retain_grad()
    x.name = "x"
    with tg.no_grad():
        x += 1.0
    assert not x.requires_grad
    assert x.name == "x"
    assert x.tolist() == [[2, 3], [4, 5]]
    assert p.grad is None


def test_a_tensor_that_retains_nothing_retains_nothing_after_a_write():
    p, x = matrix()
    x.register_hook(lambda g: g)
    x += 1.0
    np.sum(x).backward()
    assert x.grad is None
    assert p.grad.tolist() == [[1, 1], [1, 1]]


def test_a_view_keeps_its_name_when_it_is_taken_anew():
    _, x = matrix()
    row = x[1]
    row.name = "row"
    row.retain_grad()
    x *= 2.0
    np.sum(row * row).backward()
    assert row.name == "row"
    assert row.grad.tolist() == [12, 16]
