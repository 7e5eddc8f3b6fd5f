"""A Bayesian posterior by Hamiltonian Monte Carlo: eight schools, with diagnostics.

Source: Rubin (1981), Journal of Educational Statistics 6(4); Neal (2011), MCMC using Hamiltonian
dynamics; Gelman et al. (2013), Bayesian Data Analysis, 11.4.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg
from examples.science.comparison import PICTURES, compare_gradients, report

EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def log_posterior(q: Any) -> Any:
    """Return the logarithm of the posterior density, up to a constant.

    Shapes: q (..., 10): the mean μ / 10, log τ, and the schools' deviations in units of τ -> (...).
    """
    mu, log_tau, z = 10 * q[..., :1], q[..., 1:2], q[..., 2:]
    tau = np.exp(log_tau)
    misfit = np.sum(((EFFECTS - mu - tau * z) / ERRORS) ** 2, axis=-1) + np.sum(z**2, axis=-1)
    # μ is normal with deviation 10, τ half-Cauchy with scale 5, and log τ has the volume τ.
    prior = -0.5 * q[..., 0] ** 2 - np.log(1 + (tau[..., 0] / 5) ** 2) + log_tau[..., 0]
    return prior - 0.5 * misfit


def sample(
    gradient: Callable[[np.ndarray], tuple[Any, np.ndarray]],
    q: np.ndarray,
    draws: int,
    warm_up: int,
    rng: np.random.Generator,
    leaps: int = 12,
) -> dict[str, Any]:
    """Run several chains at once, whose step is adapted in the first draws.

    `gradient` returns the sum over chains and its gradient.
    Shapes: q (chains, D) -> samples (draws, chains, D).
    """
    step, samples, accepted, diverged = 0.1, [], [], 0
    for draw in range(warm_up + draws):
        p = rng.normal(size=q.shape)
        h = step * rng.uniform(0.8, 1.2)  # so that no orbit closes
        start, new = log_posterior(q) - 0.5 * np.sum(p**2, -1), q
        slope = gradient(new)[1]
        for _ in range(leaps):
            p = p + 0.5 * h * slope
            new = new + h * p
            slope = gradient(new)[1]
            p = p + 0.5 * h * slope
        gain = log_posterior(new) - 0.5 * np.sum(p**2, -1) - start
        chance = np.exp(np.minimum(gain, 0))
        q = np.where((rng.uniform(size=len(q)) < chance)[:, None], new, q)
        if draw < warm_up:
            step *= np.exp((chance.mean() - 0.8) / np.sqrt(1 + draw / 10))
        else:
            samples.append(q)
            accepted.append(chance.mean())
            diverged += int(np.sum(gain < -1000))
    return {
        "samples": np.stack(samples), "acceptance": float(np.mean(accepted)),
        "divergences": diverged, "step": float(step),
    }  # fmt: skip


def diagnostics(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return split R-hat and the effective number of draws.

    Shapes: samples (T, chains, D) -> (D,), (D,).
    """
    half = samples.shape[0] // 2
    chains = np.concatenate([samples[:half], samples[half : 2 * half]], axis=1)
    within = chains.var(axis=0, ddof=1).mean(axis=0)
    total = (half - 1) / half * within + chains.mean(axis=0).var(axis=0, ddof=1)
    centred = chains - chains.mean(axis=0)
    lags = np.stack([np.mean(centred[k:] * centred[: half - k], (0, 1)) for k in range(half // 2)])
    correlation = 1 - (within - lags) / total
    pairs = correlation[: len(lags) // 2 * 2].reshape(-1, 2, samples.shape[2]).sum(axis=1)
    pairs *= np.cumprod(pairs > 0, axis=0)  # up to the first negative pair
    return np.sqrt(total / within), samples.shape[0] * samples.shape[1] / (2 * pairs.sum(0) - 1)


def solve(draws: int = 1000, chains: int = 4) -> dict[str, Any]:
    """Sample the posterior, and compare its gradient with differences."""
    rng = np.random.default_rng(0)
    value_and_grad = tg.compile(tg.value_and_grad(lambda q: np.sum(log_posterior(q))))
    found = sample(value_and_grad, rng.normal(size=(chains, 10)), draws, draws // 2, rng)
    r_hat, effective = diagnostics(found["samples"])
    results = compare_gradients(log_posterior, rng.normal(size=10), repeats=20)
    return (
        results | found | {"R-hat": float(r_hat.max()), "effective draws": float(effective.min())}
    )


def picture(results: dict[str, Any]) -> Any:
    """Draw the trace and the funnel of τ, and the schools' effects."""
    import matplotlib.pyplot as plt

    samples = results["samples"]
    mu, log_tau, z = 10 * samples[..., :1], samples[..., 1:2], samples[..., 2:]
    effects = (mu + np.exp(log_tau) * z).reshape(-1, 8)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    left.plot(log_tau[..., 0], lw=0.3)
    left.set(xlabel="draw", ylabel="log τ", title=f"Chains, R-hat {results['R-hat']:.3f}")
    right.boxplot(effects, showfliers=False, tick_labels=list("ABCDEFGH"))
    right.errorbar(np.arange(1, 9) + 0.3, EFFECTS, ERRORS, fmt=".", color="gray", label="measured")
    right.set(xlabel="school", ylabel="effect", title="Posterior of the effects")
    right.legend()
    return figure


if __name__ == "__main__":
    results = solve()
    report(results)
    picture(results).savefig(PICTURES / "science-hmc.png", dpi=110)
