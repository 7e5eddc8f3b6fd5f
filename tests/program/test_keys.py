"""Programs are made for kinds of arguments: what another kind is gets a program of its own."""

import enum

import numpy as np
import pytest

import tensorgrad as tg


class Side(enum.Enum):
    LEFT = 0
    RIGHT = 1


def added(x, a):
    return x + a


def chosen(x, a):
    return x * 2 if a is None else x * 3


def shown(x, a):
    return x * len(repr(a))


TWO = np.ones(2)
# A function of x and of one more argument, and two of these in turn.
KINDS = {
    "shape": (added, TWO, np.ones((2, 1))),
    "dtype": (added, np.ones(2, np.float32), np.ones(2, complex)),
    "order": (np.add, np.ones((4, 2)).T[:, :2], np.ones((4, 4))[::2, ::2]),
    "shape of a tensor": (added, tg.Tensor(TWO), tg.Tensor(np.ones((2, 1)))),
    "tensor and array": (added, TWO, tg.Tensor(TWO)),
    "dtype of a number": (added, 2.0, 2j),
    "NumPy's number": (added, np.float32(2), np.complex64(2)),
    "number and array": (added, 2.0, TWO),
    "integer": (lambda x, a: x * a, 2, 3),
    "bool and integer": (lambda x, a: x + a if a is True else x - a, True, 1),
    "None": (chosen, None, TWO),
    "text": (shown, "a", "bcd"),
    "bytes": (shown, b"a", b"bcd"),
    "list and tuple": (lambda x, a: x * 2 if isinstance(a, list) else x * 3, [TWO], (TWO,)),
    "number of items": (lambda x, a: x + sum(a), [TWO, TWO], [TWO, TWO, TWO]),
    "shape in a list": (lambda x, a: x + a[0], [TWO], [np.ones((2, 1))]),
    "keys": (lambda x, a: x + a.get("a", 5.0), {"a": TWO}, {"b": TWO}),
    "order of keys": (
        lambda x, a: x + next(iter(a.values())),
        {"a": TWO, "b": 2 * TWO},
        {"b": 2 * TWO, "a": TWO},
    ),
    "shape in a dict": (lambda x, a: x + a["a"], {"a": TWO}, {"a": np.ones((2, 1))}),
    "slice": (lambda x, a: x[a], slice(0, 1), slice(1, None)),
    "step": (lambda x, a: x[a], slice(None, None, 1), slice(None, None, -1)),
    "Ellipsis": (lambda x, a: x * 2 if a is ... else x * 3, ..., None),
    "dtype itself": (lambda x, a: x.astype(a), np.dtype("f4"), np.dtype("f8")),
    "type": (lambda x, a: x.astype(a), np.float32, np.float64),
    "function": (lambda x, a: a(x), np.exp, np.sin),
    "enum": (lambda x, a: x * 2 if a is Side.LEFT else x * 3, Side.LEFT, Side.RIGHT),
}


@pytest.mark.parametrize("name", KINDS)
def test_another_kind_of_argument_gets_its_own_program(name):
    f, *both = KINDS[name]
    compiled, x = tg.compile(f), np.array([0.5, 2.0])
    for a in (*both, *both):
        assert repr(compiled(x, a)) == repr(f(x, a))


@pytest.mark.parametrize("a", [object(), {1, 2}, np.ma.array([1.0, 2.0])])
def test_what_could_change_unseen_is_refused(a):
    with pytest.raises(TypeError, match=r"name it in static_argnums|masked"):
        tg.compile(lambda x, a: x * 2)(TWO, a)
