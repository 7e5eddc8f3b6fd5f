"""First and second derivatives of scipy.special's functions against those of mpmath."""

import numpy as np
import pytest

import tensorgrad as tg
import tensorgrad.scipy as tsp
from tests.scipy.oracles import (
    FUNCTION_ORACLES,
    NOT_ANALYTIC,
    OF_ARRAYS,
    ONLY_DIFFERENCES,
    ORACLES,
)
from tests.scipy.rows import CASES, CONSTANT, FUNCTIONS

ELEMENTS = (1, 3)  # of the arrays of a row


def rows():
    for function, oracle in ORACLES.items():
        calls = CASES[function]
        for k, args in enumerate(calls[:1] if function in NOT_ANALYTIC else calls):
            yield pytest.param(
                function, oracle, args, CONSTANT.get(function, 0), id=f"{function.__name__}-{k}"
            )
    for name, oracle in FUNCTION_ORACLES.items():
        args = FUNCTIONS[name][0]
        yield pytest.param(getattr(tsp.special, name), oracle, args, 0, id=f"tsp-{name}")


def element(a, i):
    """Return one number of an array, and anything else as it is."""
    return a.flat[i % a.size].item() if isinstance(a, np.ndarray) else a


def inexact(a):
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def part(result, i):
    return result[i] if isinstance(result, tuple) else result


@pytest.mark.parametrize(("function", "oracle", "args", "first"), list(rows()))
def test_mpmath_agrees(function, oracle, args, first):
    mpmath = pytest.importorskip("mpmath")
    places = [i for i, a in enumerate(args) if inexact(a) and i >= first]
    for i in ELEMENTS:
        numbers = [element(a, i) for a in args]
        for place in places:
            compare(mpmath, function, oracle, numbers, place)


def compare(m, function, oracle, numbers, place):
    """Compare both derivatives of every output by one argument."""
    with m.workdps(20):
        exact = [x if isinstance(x, str) else m.mpmathify(x) for x in numbers]
        outputs = oracle(m, *exact)
        for k in range(len(outputs) if isinstance(outputs, tuple) else 1):
            theirs = output(lambda *xs: oracle(m, *xs), exact, place, k)
            right = [complex(m.diff(theirs, exact[place], order)) for order in (1, 2)]
            scale = abs(complex(theirs(exact[place])))
            slope = tg.grad(output(function, numbers, place, k, np.real))
            for a, b in zip(both_orders(slope, numbers[place]), right, strict=True):
                b = np.conj(b) if isinstance(numbers[place], complex) else b.real
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11 * scale)


def output(f, numbers, place, k, of=lambda y: y):
    """Return one output of a function as a function of one argument."""
    return lambda x: of(part(f(*numbers[:place], x, *numbers[place + 1 :]), k))


def both_orders(slope, x):
    return slope(x), tg.grad(lambda x: np.real(slope(x)))(x)


def test_every_row_has_an_oracle():
    assert ORACLES.keys() | ONLY_DIFFERENCES == CASES.keys()
    assert FUNCTION_ORACLES.keys() | OF_ARRAYS == FUNCTIONS.keys()


@pytest.mark.parametrize("name", sorted(OF_ARRAYS))
def test_torch_agrees(name):
    torch = pytest.importorskip("torch")
    theirs = torch.logsumexp if name == "logsumexp" else getattr(torch.special, name)
    x = np.array([[0.3, 1.2, -0.5], [2.0, -1.0, 0.7]])
    t = torch.tensor(x, requires_grad=True)
    (first,) = torch.autograd.grad((theirs(t, 1) ** 3).sum(), t, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), t)
    slope = tg.grad(lambda x: np.sum(getattr(tsp.special, name)(x, 1) ** 3))
    np.testing.assert_allclose(slope(x), first.detach().numpy(), rtol=1e-12)
    found = tg.grad(lambda x: np.sum(slope(x) ** 2))(x)
    np.testing.assert_allclose(found, second.numpy(), rtol=1e-11, atol=1e-14)
