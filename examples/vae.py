"""A variational autoencoder of Fashion-MNIST: garments on a plane, and from every point of it.

Run: python -m examples.vae [--help]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import nn
import tensorgrad as tg
from examples.networks import load_data
from examples.options import DATA, common_options, parse, positive
from examples.pictures import save_figure
from examples.terminal import run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = nn.datasets.FASHION_MNIST_CLASSES
OUT = Path("runs/vae")


class VAE(nn.Module):
    """An encoder of pictures to distributions on a plane, and a decoder of points to pictures.

    Shapes: x (N, 28, 28) -> logits of its pixels (N, 28, 28), mean and log variance of z (N, 2).
    Source: Kingma and Welling (2014), arXiv:1312.6114, appendix B and section 2.4.
    """

    def __init__(self, *, rng: np.random.Generator) -> None:
        self.rng = rng
        he = {"activation": "relu", "initializer": "he", "rng": rng}
        self.encoder = nn.Sequential(
            nn.Reshape(28, 28, 1),
            nn.Conv2D(1, 16, 3, stride=2, activation="relu", rng=rng),  # (N, 14, 14, 16)
            nn.Conv2D(16, 32, 3, stride=2, activation="relu", rng=rng),  # (N, 7, 7, 32)
            nn.Flatten(),
            nn.Dense(7 * 7 * 32, 64, **he),
            nn.Dense(64, 4, initializer="lecun", rng=rng),  # two means, two log variances
        )
        self.decoder = nn.Sequential(
            nn.Dense(2, 64, **he),
            nn.Dense(64, 7 * 7 * 32, **he),
            nn.Reshape(7, 7, 32),
            nn.Conv2DTranspose(32, 16, 3, stride=2, activation="relu", rng=rng),
            nn.Conv2DTranspose(16, 1, 3, stride=2, rng=rng),
            nn.Reshape(28, 28),
        )

    def encode(self, x: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
        """Return the mean and the log variance of z for each picture.

        Shapes: x (N, 28, 28) -> (N, 2), (N, 2).
        """
        code = self.encoder(x)
        return code[:, :2], code[:, 2:]

    def forward(self, x: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor, tg.Tensor]:
        """Draw a z for each picture and decode it.

        Shapes: x (N, 28, 28) -> logits (N, 28, 28), mean (N, 2), log variance (N, 2).
        """
        mean, log_variance = self.encode(x)
        # The noise is drawn apart, so that the gradient goes through mean and variance.
        noise = self.rng.standard_normal(mean.shape).astype(np.float32)
        return self.decoder(mean + np.exp(log_variance / 2) * noise), mean, log_variance


def negative_elbo(
    x: np.ndarray, logits: tg.Tensor, mean: tg.Tensor, log_variance: tg.Tensor
) -> tuple[tg.Tensor, tg.Tensor]:
    """Return the two parts of the loss: the cross-entropy of the pixels, and the divergence of z.

    The divergence is that of N(mean, variance) from N(0, 1), equation 10 of the source of `VAE`.
    Shapes: x and logits (N, 28, 28), mean and log_variance (N, 2) -> (), ().
    Units: nats per picture.
    """
    pixels = np.sum(tg.sigmoid_cross_entropy(logits, x)) / len(x)
    divergence = -0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance)) / len(x)
    return pixels, divergence


def train(X: np.ndarray, *, epochs: int, batch_size: int = 128, seed: int = 0) -> VAE:
    """Train a VAE in an explicit loop.

    Shapes: X (N, 28, 28) of 0..1.
    """
    rng = np.random.default_rng(seed)
    vae = VAE(rng=rng)
    steps = epochs * -(-len(X) // batch_size)
    rate = nn.schedules.one_cycle(2e-3, max(steps, 2))
    optimizer = nn.Adam(vae.parameters(), learning_rate=rate)
    for epoch in range(epochs):
        order, totals = rng.permutation(len(X)), np.zeros(2)
        for start in range(0, len(X), batch_size):
            x = X[order[start : start + batch_size]]
            pixels, divergence = negative_elbo(x, *vae(tg.Tensor(x)))
            (pixels + divergence).backward()
            optimizer.step()
            optimizer.zero_grad()
            totals += np.array([pixels.item(), divergence.item()]) * len(x)
        pixels, divergence = totals / len(X)
        print(f"epoch: {epoch + 1}, loss: {pixels + divergence:.2f} nats per picture "
              f"(pixels: {pixels:.2f}, divergence: {divergence:.2f})")  # fmt: skip
    return vae


def plane_figure(vae: VAE, X: np.ndarray, y: np.ndarray) -> "Figure":
    """Draw where the encoder puts the pictures of each class.

    Shapes: X (N, 28, 28), y (N,).
    """
    from matplotlib.figure import Figure

    with tg.no_grad():
        codes = np.concatenate([vae.encode(X[i : i + 500])[0].data for i in range(0, len(X), 500)])
    figure = Figure(figsize=(7, 6), layout="constrained")
    ax = figure.subplots()
    for k, name in enumerate(NAMES):
        ax.scatter(*codes[y == k].T, s=5, alpha=0.6, color=f"C{k}", label=name, linewidths=0)
    limit = np.quantile(np.abs(codes), 0.999) * 1.05
    ax.set(
        xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="$z_1$", ylabel="$z_2$"
    )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=4, frameon=False)
    ax.set_title(f"the means of {len(X):,} test pictures", fontsize=11)
    return figure


def decoded_figure(vae: VAE, n: int = 18) -> "Figure":
    """Draw what the decoder makes of n times n points of the plane, where almost all codes lie."""
    from matplotlib.figure import Figure

    places = np.linspace(-2.5, 2.5, n, dtype=np.float32)
    points = np.stack(np.meshgrid(places, places[::-1]), axis=-1).reshape(-1, 2)
    with tg.no_grad():
        pictures = tg.sigmoid(vae.decoder(points).data).reshape(n, n, 28, 28)
    figure = Figure(figsize=(8, 8.3), layout="constrained")
    ax = figure.subplots()
    sheet = np.swapaxes(pictures, 1, 2).reshape(n * 28, n * 28)
    ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, extent=(-2.5, 2.5, -2.5, 2.5))
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    ax.set_title("decoded from every point of the plane", fontsize=11)
    return figure


def reconstructions_figure(vae: VAE, X: np.ndarray) -> "Figure":
    """Draw pictures above what is left of them after two numbers.

    Shapes: X (N, 28, 28).
    """
    from matplotlib.figure import Figure

    with tg.no_grad():
        again = tg.sigmoid(vae.decoder(vae.encode(X)[0]).data)
    figure = Figure(figsize=(0.85 * len(X), 2), layout="constrained")
    axes = figure.subplots(2, len(X))
    for column, pair in zip(axes.T, zip(X, again, strict=True), strict=True):
        for ax, picture in zip(column, pair, strict=True):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
            ax.set_axis_off()
    figure.suptitle("test pictures, and the same decoded from two numbers", fontsize=10)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Train a VAE and draw its plane."""
    options = common_options(epochs=10, out=OUT) | DATA
    options |= {"--samples": {"type": positive, "help": "train on so many pictures only"}}
    args = parse("vae", __doc__, options, argv)
    data = load_data(args)
    X, X_test = (images.astype(np.float32) / 255 for images in (data.X_train, data.X_test))
    vae = train(X[: args.samples], epochs=args.epochs, seed=args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    figures = {
        "plane.png": plane_figure(vae, X_test, data.y_test),
        "decoded.png": decoded_figure(vae),
        "reconstructions.png": reconstructions_figure(vae, X_test[:12]),
    }
    for name, figure in figures.items():
        save_figure(figure, args.out / name)
        print("wrote", args.out / name)


if __name__ == "__main__":
    run(main)
