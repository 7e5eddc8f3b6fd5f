"""scipy.stats on tensors: SciPy's values, and derivatives by value and parameters against differences."""

import numpy as np
import pytest
import scipy.stats

import tensorgrad as tg
from tensorgrad.scipy import stats

X = np.array([-1.3, -0.2, 0.6, 2.4])
P = np.array([0.4, 0.9, 1.7, 3.2])
U = np.array([0.1, 0.35, 0.6, 0.9])
S = np.array([0.7, 1.3, 2.1, 0.9])
K = np.array([0, 1, 3, 6])

# fmt: off
CONTINUOUS = {  # the value, the shapes, location and scale
    "norm": [(X,), (X, U, S)], "t": [(X, P), (X, P, U, S)], "gamma": [(P, S), (P + 1, S, U, S)], "beta": [(U, P, S), (U, P, S, X / 50, S + 0.5)], "chi2": [(P, S), (P + 1, S, U, S)],
    "expon": [(P,), (P + 1, U, S)], "uniform": [(U,), (U, np.array([-0.1, 0.0, 0.3, -0.2]), S + 0.6)],
}
DISCRETE = {"poisson": [(K, P)], "binom": [(K, 7, U)], "nbinom": [(K, P, U)]}
# fmt: on


def calls():
    for name, rows in (CONTINUOUS | DISCRETE).items():
        kind = "pmf" if name in DISCRETE else "pdf"
        for method in (f"log{kind}", kind, "cdf", "logcdf"):
            for i, args in enumerate(rows):
                yield pytest.param(name, method, args, id=f"{name}-{method}-{i}")


def real(args):
    return [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


def filled(args, places, xs):
    return [xs[places.index(i)] if i in places else a for i, a in enumerate(args)]


@pytest.mark.parametrize(("name", "method", "args"), list(calls()))
def test_values_and_derivatives(name, method, args):
    f, places = getattr(getattr(stats, name), method), real(args)
    xs = [args[i] for i in places]
    tg.check_grads(lambda *xs: f(*filled(args, places, xs)), *xs)
    found = f(*filled(args, places, [tg.Tensor(x, requires_grad=True) for x in xs]))
    np.testing.assert_array_equal(found.data, getattr(getattr(scipy.stats, name), method)(*args))


MEAN, ROOT = np.array([0.3, -0.7]), np.array([[1.2, 0.0], [0.4, 0.9]])
COV, POINTS = ROOT @ ROOT.T, np.array([[0.1, 0.5], [-1.0, 0.3], [2.0, 0.0]])


@pytest.mark.parametrize("method", ["logpdf", "pdf"])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("multivariate_normal", (POINTS, MEAN, COV)),
        ("multivariate_normal", (POINTS[0], MEAN, np.array([0.5, 2.0]))),
        ("multivariate_normal", (POINTS[:, 0], np.array(0.2), np.array(1.5))),
        ("dirichlet", (np.array([0.2, 0.3]), P[:3])),
        ("dirichlet", (np.array([[0.2, 0.4], [0.3, 0.1]]), P[:3])),
    ],
)
def test_vectors(name, method, args):
    f = getattr(getattr(stats, name), method)
    tg.check_grads(f, *args)
    found = f(*[tg.Tensor(x, requires_grad=True) for x in args])
    np.testing.assert_array_equal(found.data, getattr(getattr(scipy.stats, name), method)(*args))


def test_torch_agrees():
    torch = pytest.importorskip("torch")
    x, mean, cov = (torch.tensor(v, requires_grad=True) for v in (POINTS, MEAN, COV))
    torch.distributions.MultivariateNormal(mean, cov).log_prob(x).sum().backward()
    found = tg.grad(lambda *a: np.sum(stats.multivariate_normal.logpdf(*a)), (0, 1, 2))(
        POINTS, MEAN, COV
    )
    np.testing.assert_allclose(found[0], x.grad.numpy())
    np.testing.assert_allclose(found[1], mean.grad.numpy())
    # PyTorch gives half of it to either triangle.
    np.testing.assert_allclose(found[2] + found[2].T, 2 * cov.grad.numpy())


def test_outside_of_the_support_nothing_changes():
    one = (2.0,)
    for f, args in (
        (stats.gamma.pdf, one),
        (stats.gamma.cdf, one),
        (stats.expon.cdf, ()),
        (stats.uniform.cdf, ()),
    ):
        slope = tg.grad(lambda x, f=f, args=args: np.sum(f(x, *args)))(np.array([-3.0, -1.0]))
        assert slope.tolist() == [0, 0]
    assert tg.grad(lambda p: stats.binom.cdf(9, 7, p))(0.3) == 0


def test_a_density_that_underflows_has_a_logarithm():
    assert scipy.stats.t.pdf(1e5, 100.0) == 0
    slope = tg.grad(stats.t.logpdf)(1e5, 100.0)
    assert slope == pytest.approx(-101 * 1e5 / (100 + 1e10), rel=1e-12)


def test_the_tail_has_all_its_digits():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(30):
        right = float(mpmath.npdf(-40) / mpmath.ncdf(-40))
    assert tg.grad(stats.norm.logcdf)(-40.0) == pytest.approx(right, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: stats.poisson.pmf(t, 2.0), "k"),
        (lambda t: stats.poisson.cdf(1, 2.0, loc=t), "loc"),
        (lambda t: stats.binom.cdf(1, t, 0.3), "n"),
    ],
)
def test_a_parameter_without_a_closed_form_is_refused_by_name(call, name):
    message = rf"has no derivative in closed form with respect to {name}; pass its \.data"
    with pytest.raises(TypeError, match=message):
        call(tg.Tensor(3.0, requires_grad=True))
    call(tg.Tensor(3.0))


def test_what_is_not_here_is_scipys_own():
    assert stats.norm.ppf(0.975) == scipy.stats.norm.ppf(0.975)
    assert type(stats.norm.logpdf(X)) is np.ndarray
    assert stats.kstest is scipy.stats.kstest
    for call in (
        lambda t: stats.norm.ppf(t),
        lambda t: stats.norm.sf(t),
        lambda t: stats.multivariate_normal.cdf(t, MEAN, COV),
        lambda t: stats.zscore(t),
    ):
        with pytest.raises(TypeError, match=r"without a derivative|would lose the gradient"):
            call(tg.Tensor([0.1, 0.2], requires_grad=True))


def test_frozen_distributions_hold_tensors():
    mean = tg.Tensor(0.5, requires_grad=True)
    np.sum(stats.norm(loc=mean, scale=2.0).logpdf(X)).backward()
    assert mean.grad.item() == pytest.approx(np.sum((X - 0.5) / 4))
    assert stats.norm(0.0, 1.0).mean() == 0
