"""A GRU forecasts a series with a trend and two seasons, with intervals, beside simple forecasts.

Run: python -m examples.forecast [--help]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import nn
import tensorgrad as tg
from examples.options import at_least, common_options, parse, positive
from examples.pictures import save_figure
from examples.terminal import run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAST, AHEAD = 48, 12  # hours that are seen, and hours that are forecast
DAY, WEEK = 24, 168
LEAST_HOURS = 1000  # of which the last fifth has a stretch to draw
QUANTILES = np.array([0.05, 0.5, 0.95], np.float32)
OUT = Path("runs/forecast")


def series(n: int, seed: int = 0) -> np.ndarray:
    """Return hourly demand: a trend, a day whose shape the weekend changes, and noise that lasts.

    Shapes: -> (n,).
    """
    rng, t = np.random.default_rng(seed), np.arange(n)
    noise = np.zeros(n)
    for k in range(1, n):
        noise[k] = 0.8 * noise[k - 1] + 0.1 * rng.standard_normal()
    weekend = (t % WEEK) >= 5 * DAY
    day = np.sin(2 * np.pi * t / DAY) + 0.5 * np.sin(4 * np.pi * t / DAY)
    # Demand grows, and its swings with it: a product, which no linear forecast can follow.
    level = 1 + 0.6 * t / n
    return level * (3 + np.where(weekend, 0.4, 1.0) * day) + level * noise


def windows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all stretches: what is seen, with the hour of the day and the week, and what follows.

    The values are those of x less the mean of what is seen, in units of its deviation.
    Shapes: x (n,) -> (N, PAST, 5), (N, AHEAD).
    """
    t, stretches = np.arange(len(x)), np.lib.stride_tricks.sliding_window_view(x, PAST + AHEAD)
    mean, deviation = scale_of(stretches)
    values = (stretches - mean) / deviation
    clock = [f(2 * np.pi * t / period) for period in (DAY, WEEK) for f in (np.sin, np.cos)]
    hours = [np.lib.stride_tricks.sliding_window_view(c, PAST + AHEAD)[:, :PAST] for c in clock]
    features = np.stack([values[:, :PAST], *hours], axis=-1)
    return features.astype(np.float32), values[:, PAST:].astype(np.float32)


def scale_of(stretches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of what is seen. Shapes: (N, PAST + AHEAD) -> (N, 1), (N, 1)."""
    seen = stretches[:, :PAST]
    return seen.mean(axis=1, keepdims=True), seen.std(axis=1, keepdims=True)


@nn.register
class QuantileLoss(nn.losses.Loss):
    """The mean of q e where e = y - prediction is positive, and (q - 1) e elsewhere.

    Shapes: y_pred (N, AHEAD Q), y_true (N, AHEAD) -> ().
    """

    def forward(self, y_pred: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """Compute the loss of the quantiles."""
        error = y[:, :, None] - np.reshape(y_pred, (*y.shape, len(QUANTILES)))
        return np.mean(np.maximum(QUANTILES * error, (QUANTILES - 1) * error))


def network(n_neurons: int, seed: int) -> nn.Sequential:
    """Return a GRU that reads what is seen, and forecasts three quantiles of each hour ahead."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.GRU(5, n_neurons, rng=rng),
        nn.Dense(n_neurons, AHEAD * len(QUANTILES), initializer="lecun", rng=rng),
    )


def linear_forecast(X: np.ndarray, y: np.ndarray, X_test: np.ndarray) -> np.ndarray:
    """Return the forecasts of a ridge regression on all that is seen.

    Shapes: X (N, PAST, 5), y (N, AHEAD), X_test (M, PAST, 5) -> (M, AHEAD).
    """
    A, B = (
        np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1) for x in (X, X_test)
    )
    W = np.linalg.solve(A.T @ A + 1e-2 * np.eye(A.shape[1]), A.T @ y)
    return B @ W


def naive_forecast(X: np.ndarray) -> np.ndarray:
    """Return the values of the day before. Shapes: X (N, PAST, 5) -> (N, AHEAD)."""
    return X[:, PAST - DAY : PAST - DAY + AHEAD, 0]


def forecast_figure(x: np.ndarray, start: int, found: np.ndarray) -> "Figure":
    """Draw what was seen, what came, and the forecast with its interval.

    Shapes: x (n,), found (AHEAD, 3).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    ax = figure.subplots()
    seen, ahead = np.arange(-PAST, 0), np.arange(AHEAD)
    ax.plot(seen, x[start : start + PAST], color="0.4", label="seen")
    ax.plot(ahead, x[start + PAST : start + PAST + AHEAD], "o", ms=4, color="black", label="came")
    ax.plot(ahead, found[:, 1], color="#0072B2", label="forecast")
    ax.fill_between(ahead, found[:, 0], found[:, 2], color="#0072B2", alpha=0.25, label="90 %")
    ax.set(xlabel="hours from now", ylabel="demand")
    ax.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Train, compare on the last fifth of the series, and draw a forecast."""
    options = common_options(epochs=30, out=OUT) | {
        "--hours": {"type": at_least(LEAST_HOURS), "default": 8000, "help": "length of the series"},
        "--neurons": {"type": positive, "default": 48, "help": "neurons of the GRU"},
    }
    args = parse("forecast", __doc__, options, argv)
    x = series(args.hours)
    X, y = windows(x)
    end = int(0.8 * len(X))
    test = slice(end + PAST + AHEAD, None)  # no hour of the test was part of the training
    model = nn.Model(network(args.neurons, args.seed))
    rate = nn.schedules.one_cycle(1e-2, args.epochs * -(-end // 64))
    model.set(loss=QuantileLoss(), optimizer=nn.Adam(learning_rate=rate, clip_norm=1.0))
    model.finalize()
    model.train(X[:end], y[:end], epochs=args.epochs, batch_size=64, print_every=0, seed=args.seed)
    found = model.predict(X[test]).reshape(-1, AHEAD, len(QUANTILES))
    right = y[test]
    for name, forecast in {
        "the day before": naive_forecast(X[test]),
        "linear": linear_forecast(X[:end], y[:end], X[test]),
        "GRU": found[:, :, 1],
    }.items():
        print(f"{name:15}mean absolute error {np.mean(np.abs(forecast - right)):.3f} deviations")
    inside = np.mean((right >= found[:, :, 0]) & (right <= found[:, :, 2]))
    print(f"in the interval of 90 %: {inside:.1%} of what came")
    args.out.mkdir(parents=True, exist_ok=True)
    start = test.start + 100
    stretch = x[None, start : start + PAST + AHEAD]
    mean, deviation = scale_of(stretch)
    figure = forecast_figure(x, start, found[100] * deviation[0] + mean[0])
    save_figure(figure, args.out / "forecast.png")
    print("wrote", args.out / "forecast.png")


if __name__ == "__main__":
    run(main)
