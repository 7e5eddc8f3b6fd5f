"""The examples of science, in short: each finds what it should, with gradients that differences confirm."""

import numpy as np
import pytest

import tensorgrad as tg

pytest.importorskip("scipy")
from examples.science import gaussian_process, hmc, pendulum, predator_prey, weibull


@pytest.mark.parametrize(
    ("example", "size"),
    [(gaussian_process, 30), (weibull, 60), pytest.param(predator_prey, 6, marks=pytest.mark.long)],
)
def test_fits(example, size):
    results = example.solve(size)
    assert results["relative error of differences"] < 1e-5
    assert results["exact: slope left"] < 1e-2
    assert results["exact: evaluations"] < results["differences: evaluations"]


def test_predators_and_prey():
    times, counts = np.array([1.0, 2.5]), np.array([[3.0, 2.0], [2.0, 1.0]])
    f = lambda p: predator_prey.misfit(p, times, counts)
    p, v = np.log(predator_prey.TRUE), np.array([1.0, -1.0, 0.5, 0.3, 0.2, -0.7])
    slope = (f(p + 1e-4 * v) - f(p - 1e-4 * v)) / 2e-4
    assert np.isclose(tg.grad(f)(p) @ v, slope, rtol=1e-3)


@pytest.mark.long
def test_the_parameters_of_predators_and_prey_are_found():
    results = predator_prey.solve(8)
    errors = np.sqrt(np.diag(results["covariance"]))
    assert np.all(np.abs(results["x"] - np.log(predator_prey.TRUE)) < 4 * errors)


def test_the_model_of_survival_is_found():
    results = weibull.solve(300)
    assert np.all(np.abs(results["x"] - weibull.TRUE) < 4 * results["errors"])
    assert 1e-8 < results["relative error of the differences' Hessian"] < 1e-2


def test_the_sampler_on_a_normal_distribution(monkeypatch):
    monkeypatch.setattr(hmc, "log_posterior", lambda q: -0.5 * np.sum(q**2 / [1.0, 4.0], axis=-1))
    gradient = tg.value_and_grad(lambda q: np.sum(hmc.log_posterior(q)))
    rng = np.random.default_rng(0)
    found = hmc.sample(gradient, rng.normal(size=(4, 2)), 200, 60, rng, leaps=8)
    r_hat, effective = hmc.diagnostics(found["samples"])
    assert np.all(r_hat < 1.1)
    assert np.all(effective > 40)
    assert np.allclose(found["samples"].std(axis=(0, 1)), [1.0, 2.0], rtol=0.25)


def test_diagnostics_see_chains_that_disagree():
    apart = np.random.default_rng(0).normal(size=(100, 4, 1)) + 5 * np.arange(4)[:, None]
    r_hat, effective = hmc.diagnostics(apart)
    assert r_hat[0] > 2
    assert effective[0] < 20


def test_the_posterior_of_eight_schools():
    tg.check_grads(hmc.log_posterior, np.random.default_rng(0).normal(size=10), order=2)


def test_the_pendulum_stands():
    u = np.sin(np.arange(12.0))
    tg.check_grads(pendulum.end, u, order=1)
    found, _ = pendulum.optimize(12, True)
    assert found.success
    assert np.allclose(pendulum.swing(found.x)[-1], [np.pi, 0], atol=1e-5)
    assert np.max(np.abs(found.x)) <= pendulum.LIMIT + 1e-9


@pytest.mark.parametrize("example", [gaussian_process, weibull])
def test_pictures(example):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = example.picture(example.solve(30))
    assert figure.axes
    pyplot.close(figure)
