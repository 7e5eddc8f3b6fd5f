"""Optimal control: a pendulum swung up by a weak motor, by direct shooting."""

import time
from typing import Any

import numpy as np
import scipy.optimize

import tensorgrad as tg
from examples.science.comparison import PICTURES, compare_gradients, report

SECONDS, LIMIT = 6.0, 3.0  # the torque that holds it horizontal is 9.81


def swing(torques: Any) -> Any:
    """Return angle and rate after each torque, from hanging at rest, by Runge-Kutta steps.

    Shapes: torques (N,) -> (N + 1, 2); the angle is 0 below and π above.
    """
    h = SECONDS / torques.shape[0]

    def motion(state: Any, torque: Any) -> Any:
        return np.stack([state[1], torque - 9.81 * np.sin(state[0]) - 0.1 * state[1]])

    path = [np.zeros(2)]
    for i in range(torques.shape[0]):
        y, u = path[-1], torques[i]
        k1 = motion(y, u)
        k2 = motion(y + h / 2 * k1, u)
        k3 = motion(y + h / 2 * k2, u)
        k4 = motion(y + h * k3, u)
        path.append(y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.stack(path)


def effort(torques: Any) -> Any:
    """Return the integral of the squared torque."""
    return np.sum(torques**2) * SECONDS / torques.shape[0]


def end(torques: Any) -> Any:
    """Return by how much the last state misses standing upright at rest."""
    return swing(torques)[-1] - np.array([np.pi, 0.0])


end_by_torques = tg.compile(tg.jacobian(end))  # one program of straight lines, for all steps


def optimize(n: int, exact: bool) -> tuple[Any, float]:
    """Find the torques of least effort, and the time that it takes."""
    began = time.perf_counter()
    t = np.linspace(0, SECONDS, n, endpoint=False)
    start = 2.0 * np.sign(np.sin(2.8 * t))  # pushes in the rhythm of the pendulum
    constraint: dict[str, Any] = {"type": "eq", "fun": end}
    if exact:
        constraint["jac"] = end_by_torques
    found = scipy.optimize.minimize(
        effort, start, jac=tg.grad(effort) if exact else None, method="SLSQP",
        bounds=[(-LIMIT, LIMIT)] * n, constraints=constraint, options={"maxiter": 200},
    )  # fmt: skip
    return found, time.perf_counter() - began


def solve(n: int = 30) -> dict[str, Any]:
    """Swing the pendulum up, and compare the two ways to do so."""
    results: dict[str, Any] = {}
    for name, exact in (("exact", True), ("differences", False)):
        found, seconds = optimize(n, exact)
        results |= {
            f"{name}: seconds": seconds,
            f"{name}: effort": float(found.fun),
            f"{name}: miss": float(np.max(np.abs(end(found.x)))),
            f"{name}: success": bool(found.success),
        }
        results.setdefault("x", found.x)
    gradient = lambda u: 2 * end(u) @ end_by_torques(u)  # noqa: E731
    x = results["x"] + 0.1
    return results | compare_gradients(lambda u: np.sum(end(u) ** 2), x, gradient=gradient)


def picture(results: dict[str, Any]) -> Any:
    """Draw the torque and the angle over time, and the path of the mass."""
    import matplotlib.pyplot as plt

    path = swing(results["x"])
    t = np.linspace(0, SECONDS, len(path))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8, 3.5), width_ratios=[3, 2], layout="constrained"
    )
    left.plot(t, path[:, 0] / np.pi, label="angle / π")
    left.stairs(results["x"] / LIMIT, t, label="torque / limit", color="tab:orange")
    left.axhline(1, color="gray", lw=0.5)
    left.set(
        xlabel="seconds", title=f"Swung up with {LIMIT / 9.81:.0%} of the torque that lifts it"
    )
    left.legend()
    x, y = np.sin(path[:, 0]), -np.cos(path[:, 0])
    for i in range(0, len(path), 2):
        right.plot([0, x[i]], [0, y[i]], color=plt.cm.viridis(i / len(path)), lw=1)
    right.scatter(x, y, c=t, s=12, zorder=3)
    right.set(aspect="equal", title="From dark to light")
    return figure


if __name__ == "__main__":
    results = solve()
    report(results)
    picture(results).savefig(PICTURES / "science-pendulum.png", dpi=110)
