"""scipy.special: every function in one list, every rule against differences, mpmath, PyTorch and JAX."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.special as sp

import tensorgrad as tg
import tensorgrad.scipy as tsp
from docs.coverage import home
from docs.scipy_functions import PAGE, lists_of, minor_version, names, page
from tensorgrad.rules import COMPOSITE, RULES, UNSUPPORTED
from tensorgrad.scipy.functions import OWN, THROUGH
from tests.scipy.rows import CASES, CONSTANT, FUNCTIONS, P, Q, U

ROOT = Path(tg.__file__).parent.parent


def every_row():
    for function, calls in CASES.items():
        for k, args in enumerate(calls):
            yield pytest.param(
                function, args, CONSTANT.get(function, 0), id=f"{function.__name__}-{k}"
            )
    for name, calls in FUNCTIONS.items():
        for k, args in enumerate(calls):
            yield pytest.param(getattr(tsp.special, name), args, 0, id=f"tsp-{name}-{k}")


ROWS = list(every_row())


def leaves_of(args, first=0, dtype=None):
    """Return the positions of the arrays to differentiate, and the arrays."""
    places = [
        i
        for i, a in enumerate(args)
        if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and i >= first
    ]
    return places, [args[i] if dtype is None else args[i].astype(dtype) for i in places]


def filled(args, places, xs):
    whole = list(args)
    for i, x in zip(places, xs, strict=True):
        whole[i] = x
    return whole


def flat(result):
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize(("function", "args", "first"), ROWS)
def test_gradients_agree_with_differences(function, args, first):
    places, xs = leaves_of(args, first)
    tg.check_grads(lambda *xs: function(*filled(args, places, xs)), *xs)


@pytest.mark.parametrize(("function", "args", "first"), ROWS)
@pytest.mark.parametrize("kind", ["single", "double"])
def test_values_are_scipys_and_dtypes_stay(function, args, first, kind):
    dtypes = {"single": {"f": "f4", "c": "c8"}, "double": {"f": "f8", "c": "c16"}}[kind]
    places, xs = leaves_of(args, first)
    xs = [x.astype(dtypes[x.dtype.kind]) for x in xs]
    leaves = [tg.Tensor(x, requires_grad=True) for x in xs]
    right = flat(function(*filled(args, places, xs)))
    found = flat(function(*filled(args, places, leaves)))
    for a, b in zip(found, right, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(getattr(a, "data", a), b)
    sum(np.sum(np.real(t)) for t in found if t.requires_grad).backward()
    for leaf in leaves:
        assert leaf.grad.dtype == leaf.dtype
        assert np.isfinite(leaf.grad.data).all()


def firsts(a):
    """Return the first number of an array as Python's own, and anything else as it is."""
    return a[0].item() if isinstance(a, np.ndarray) and a.ndim == 1 else a


@pytest.mark.parametrize(
    ("function", "args", "first"), [row for row in ROWS if len(leaves_of(row.values[1])[0]) > 1]
)
def test_other_arguments_may_be_pythons_numbers(function, args, first):
    others = [firsts(a) for a in args]
    for place in leaves_of(args, first)[0]:

        def total(x, place=place):
            result = function(*others[:place], x, *others[place + 1 :])
            return sum(np.sum(np.real(part)) for part in flat(result))

        gradient = tg.grad(total)
        found, again = gradient(others[place]), gradient(np.array(others[place]))
        assert np.all(np.isfinite(found))
        np.testing.assert_array_equal(found, again)


def test_every_rule_has_a_row():
    rules = {
        f
        for f in RULES.keys() | COMPOSITE.keys()
        if isinstance(f, np.ufunc) and home(f).startswith("tensorgrad.scipy")
    }
    assert rules == CASES.keys()
    declared = {name for name in OWN if OWN[name] in COMPOSITE}
    assert declared | THROUGH - {"sinc"} == FUNCTIONS.keys()


# Every function in one list


def test_every_function_is_in_exactly_one_list():
    wrong = {name: lists_of(name) for name in names() if len(lists_of(name)) != 1}
    assert not wrong, f"in no list, or in several: {wrong}"
    assert len(names()) > 300


@pytest.mark.skipif(
    f"{minor_version()}; a test" not in PAGE.read_text(), reason="the page is of another SciPy"
)
def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "write it anew with: python -m docs.scipy_functions"


@pytest.mark.parametrize("name", [name for name in names() if lists_of(name) == ["unsupported"]])
def test_what_is_refused_says_why(name):
    function = getattr(tsp.special, name)
    n = function.nin if isinstance(function, np.ufunc) else 2
    t = tg.Tensor([0.5, 0.7], requires_grad=True)
    with pytest.raises(TypeError) as raised:
        function(*[t] * n)
    assert UNSUPPORTED[function] in str(raised.value)
    assert function.__name__ in str(raised.value)


def test_an_argument_without_a_derivative_is_refused_by_its_place():
    with pytest.raises(TypeError, match="jv has no gradient with respect to its argument 0"):
        sp.jv(tg.Tensor(1.5, requires_grad=True), 2.0)


def test_functions_of_integers_take_tensors_and_return_arrays():
    assert tsp.special.factorial(tg.Tensor([3.0], requires_grad=True)).tolist() == [6]
    assert sp.gammasgn(tg.Tensor([-0.5], requires_grad=True)).tolist() == [-1]


def test_the_namespace_is_scipys():
    assert tsp.special.erf is sp.erf
    assert set(dir(tsp.special)) == set(dir(sp))
    assert type(tsp.special.logsumexp(P)) is type(sp.logsumexp(P))
    with pytest.raises(AttributeError, match="no attribute 'errf'"):
        _ = tsp.special.errf
    with pytest.raises(AttributeError, match=r"has fft, .*, special, stats, but not ndimage"):
        _ = tsp.ndimage


def test_importing_tensorgrad_costs_nothing_more():
    code = (
        "import sys, numpy as np, tensorgrad as tg\n"
        "t = tg.Tensor([0.5], requires_grad=True)\n"
        "assert not [m for m in sys.modules if m.startswith('scipy')]\n"
        "import scipy.special as sp\n"
        "assert 'tensorgrad.scipy.tables' not in sys.modules\n"
        "sp.erf(t).backward()\n"
        "print(t.grad.item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(2 / np.sqrt(np.pi) * np.exp(-0.25))


# Tails and kinks, to full precision


def precise(f, x, expected, rtol=2e-13):
    """Compare the gradient at a number with that of mpmath's function."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        right = float(expected(mpmath, mpmath.mpf(x)))
    np.testing.assert_allclose(tg.grad(f)(float(x)), right, rtol=rtol)


# fmt: off
TAILS = [
    ("log_ndtr", (-1e5, -40.0, -5.0, 3.0, 20.0), lambda m, x: m.npdf(x) / m.ncdf(x) if x > -1e3 else 1 / (1 / -x - 1 / -x**3 + 3 / -x**5)),
    ("erfc", (25.0, -3.0), lambda m, x: -2 / m.sqrt(m.pi) * m.exp(-x * x)),
    ("erfcx", (-3.0, 0.5, 1.5, 20.0), lambda m, x: m.diff(lambda t: m.exp(t * t) * m.erfc(t), x)),
    ("erfcx", (1e6,), lambda m, x: -1 / (m.sqrt(m.pi) * x * x) * (1 - 1.5 / x**2)),
    ("dawsn", (0.5, 6.9, 7.1, 30.0), lambda m, x: m.diff(lambda t: m.sqrt(m.pi) / 2 * m.exp(-t * t) * m.erfi(t), x)),
    ("dawsn", (1e6,), lambda m, x: -1 / (2 * x * x) * (1 + 1.5 / x**2)),
    ("gammaln", (1e-200, 1e-5, 3.0, 1e10), lambda m, x: m.psi(0, x)),
    ("gammaln", (-1 + 1e-7, -2.5, -30.25), lambda m, x: m.psi(0, x)),
    ("rgamma", (-1 + 1e-7, 0.0, -3.0, -2.5, 5.0), lambda m, x: m.diff(m.rgamma, x)),
    ("expit", (-500.0, 40.0, 300.0), lambda m, x: 1 / (m.exp(x / 2) + m.exp(-x / 2)) ** 2),
    ("log_expit", (-40.0, 40.0), lambda m, x: 1 / (1 + m.exp(x))),
    ("zeta", (-60.25, -20.0, -2.0, -1e-9, 0.3, 0.999, 1.0001, 2.5, 40.0, 1000.0), lambda m, x: m.zeta(x, 1, 1)),
    ("zetac", (-3.5, 3.0), lambda m, x: m.zeta(x, 1, 1)),
    ("exprel", (-700.0, -1e-9, 1e-5, 3.0, 600.0), lambda m, x: m.diff(lambda t: m.expm1(t) / t, x)),
]
TORCH = {
    "erf": "erf", "erfc": "erfc", "erfcx": "erfcx", "erfinv": "erfinv", "gammaln": "gammaln", "psi": "digamma", "ndtr": "ndtr", "ndtri": "ndtri",
    "log_ndtr": "log_ndtr", "expit": "expit", "logit": "logit", "xlogy": "xlogy", "xlog1py": "xlog1py", "entr": "entr", "i0": "i0", "i0e": "i0e",
    "i1": "i1", "i1e": "i1e", "expm1": "expm1", "exp2": "exp2", "log1p": "log1p",
}
JAX = ["betaln", "expi", "poch", "rel_entr"]
# fmt: on


@pytest.mark.parametrize(
    ("name", "points", "expected"), TAILS, ids=[f"{t[0]}-{i}" for i, t in enumerate(TAILS)]
)
def test_tails_have_all_their_digits(name, points, expected):
    for x in points:
        precise(getattr(sp, name), x, expected)


@pytest.mark.parametrize(
    ("a", "x"), [(0.01, 2.0), (0.5, 0.1), (3.0, 1e-8), (10.0, 40.0), (50.0, 45.0), (1000.0, 1100.0)]
)
def test_the_incomplete_gamma_function_by_its_parameter(a, x):
    for f, sign in ((sp.gammainc, 1), (sp.gammaincc, -1)):

        def regularized(mpmath, a, sign=sign):
            value = lambda t: mpmath.gammainc(t, 0, x, regularized=True)
            return sign * mpmath.diff(value, a, h=a * mpmath.mpf(10) ** -18)

        precise(lambda a, f=f: f(a, x), a, regularized, rtol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "x"), [(0.5, 0.7, 0.1), (1.0, 0.01, 0.98), (50.0, 20.0, 0.6), (0.5, 3.0, 1e-8)]
)
def test_the_incomplete_beta_function_by_its_parameters(a, b, x):
    h = 10.0**-18

    def by_a(mpmath, a):
        return mpmath.diff(lambda t: mpmath.betainc(t, b, 0, x, regularized=True), a, h=a * h)

    def by_b(mpmath, b):
        return mpmath.diff(lambda t: mpmath.betainc(a, t, 0, x, regularized=True), b, h=b * h)

    precise(lambda a: sp.betainc(a, b, x), a, by_a, rtol=1e-12)
    precise(lambda b: sp.betainc(a, b, x), b, by_b, rtol=1e-12)


@pytest.mark.parametrize(
    ("s", "q"), [(1.0001, 2.0), (1.5, 1e-5), (2.5, 0.7), (3.0, 1e6), (60.0, 25.0)]
)
def test_the_hurwitz_zeta_function_by_both_arguments(s, q):
    mpmath = pytest.importorskip("mpmath")
    zeta = lambda order, s: mpmath.zeta(s, q, order)
    precise(lambda s: sp.zeta(s, q), s, lambda m, s: zeta(1, s))
    precise(tg.grad(lambda s: sp.zeta(s, q)), s, lambda m, s: zeta(2, s))
    precise(tg.grad(lambda q: sp.zeta(s, q)), q, lambda m, q: s * (s + 1) * m.zeta(s + 2, q))
    by_q = lambda s: tg.grad(lambda q: sp.zeta(s, q))(q)
    precise(by_q, s, lambda m, s: -m.zeta(s + 1, q) - s * zeta(1, s + 1), rtol=1e-12)


def test_zeta_at_its_edges():
    assert tg.grad(sp.zeta)(1.0) == -np.inf
    assert tg.grad(sp.zeta)(np.inf) == 0
    assert np.isnan(tg.grad(lambda s: sp.zeta(s, 2.0))(0.5))  # as sp.zeta itself
    assert np.isnan(tg.grad(lambda s: sp.zeta(s, -1.5))(2.0))  # no function of real s there


@pytest.mark.parametrize("df", [0.05, 1.0, 1e4, 1e6])
@pytest.mark.parametrize("t", [1e-3, 1.7, -12.0])
def test_students_distribution_by_its_degrees_of_freedom(df, t):
    def theirs(order):
        def slope(m, v):
            tail = lambda v: m.betainc(v / 2, 0.5, 0, v / (v + t * t), regularized=True) / 2
            return -np.sign(t) * m.diff(tail, v, order, h=v * m.mpf(10) ** -18)

        return slope

    precise(lambda v: sp.stdtr(v, t), df, theirs(1))
    precise(tg.grad(lambda v: sp.stdtr(v, t)), df, theirs(2))


def test_students_distribution_at_its_edges():
    slopes = tg.grad(sp.stdtr, (0, 1))
    assert slopes(np.inf, 1.0) == pytest.approx((0, np.exp(-0.5) / np.sqrt(2 * np.pi)))
    assert slopes(5.0, np.inf) == slopes(5.0, -1e200) == (0, 0)
    assert np.isnan(slopes(-1.0, 0.5)[0])


def slope(f, *args):
    """Return the gradient of a sum by the last argument."""
    return tg.grad(lambda x: np.sum(f(*args[:-1], x)))(args[-1])


def test_kinks_have_their_conventions():
    zero = np.zeros(1)
    assert slope(lambda x: sp.xlogy(0.0, x), zero) == 0  # as of a probability 0
    assert slope(lambda x: sp.rel_entr(0.0, x), zero) == 0
    assert slope(lambda x: sp.huber(1.0, x), np.array([-1.0, 0.0, 1.0, 3.0])).tolist() == [
        -1,
        0,
        1,
        1,
    ]
    np.testing.assert_allclose(slope(sp.spence, np.ones(1)), -1)
    np.testing.assert_allclose(slope(sp.ellipk, zero), np.pi / 8)
    np.testing.assert_allclose(slope(sp.boxcox, 2.0, zero), np.log(2) ** 2 / 2)
    with np.errstate(divide="ignore"):
        assert slope(sp.entr, zero) == np.inf


def both_orders(f, x):
    """Return the first derivative, and the second, of a sum."""
    first = tg.grad(lambda x: np.sum(np.real(f(x))))
    return first(x), tg.grad(lambda x: np.sum(first(x)))(x)


@pytest.mark.parametrize("name", TORCH)
def test_torch_agrees(name):
    torch = pytest.importorskip("torch")
    before, points = ((U,), P) if name.startswith("xlog") else ((), U)
    theirs = getattr(torch.special, TORCH[name])
    x = torch.tensor(points, requires_grad=True)
    y = theirs(*map(torch.tensor, before), x)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    ours = both_orders(lambda x: getattr(sp, name)(*before, x), points)
    np.testing.assert_allclose(ours[0], first.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(ours[1], second.numpy(), rtol=1e-6)


JAX_ARGUMENTS = {2: (P, Q), 3: (P, Q, U)}


@pytest.mark.parametrize("name", JAX)
def test_jax_agrees(name):
    jax = pytest.importorskip("jax")
    special = pytest.importorskip("jax.scipy.special")
    ours = getattr(sp, name)
    args = JAX_ARGUMENTS.get(ours.nin, (U,))
    every = tuple(range(len(args)))
    with jax.enable_x64(True):
        theirs = jax.grad(lambda *xs: getattr(special, name)(*xs).sum(), every)(*args)
    found = tg.grad(lambda *xs: np.sum(ours(*xs)), every)(*args)
    for a, b in zip(found, theirs, strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-8)
