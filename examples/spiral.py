"""The book's spiral: three intertwined arms, and the decision boundary of a small network.

Run: python -m examples.spiral [FOLDER]
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import nn
from examples.pictures import save_figure
from examples.terminal import run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#E69F00", "#CC79A7"]
MARKERS = ["o", "^", "s"]


def train(epochs: int = 2000, seed: int = 0) -> tuple[nn.Module, np.ndarray, np.ndarray]:
    """Train a 2-64-3 network in an explicit loop: forward, backward, step.

    Shapes: -> the network, X (300, 2) float32, y (300,).
    """
    X, y = nn.datasets.spiral(100, 3, rng=seed)
    net = nn.Sequential(
        nn.Dense(2, 64, initializer="he", rng=seed),
        nn.ReLU(),
        nn.Dense(64, 3, rng=seed),
        nn.Softmax(),
    )
    loss_of, accuracy_of = nn.CategoricalCrossentropy(), nn.CategoricalAccuracy()
    optimizer = nn.Adam(net.parameters(), learning_rate=0.05, decay=1e-4)
    for epoch in range(epochs + 1):
        predictions = net(X)
        loss = loss_of(predictions, y)
        if epoch % 500 == 0:
            accuracy = accuracy_of.calculate(predictions, y)
            print(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {loss.item():.3f}")
        if epoch == epochs:
            break  # the network that is drawn is the one whose accuracy was printed last
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return net, X, y


def boundary_figure(net: nn.Module, X: np.ndarray, y: np.ndarray) -> "Figure":
    """Draw the predicted class at every point of the plane, in a stronger colour if more certain.

    Shapes: X (N, 2), y (N,).
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    u = np.linspace(-1.15, 1.15, 400, dtype=np.float32)
    plane = np.stack(np.meshgrid(u, u), axis=-1).reshape(-1, 2)
    p = np.asarray(net(plane).data).reshape(len(u), len(u), -1)
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    ax = figure.subplots()
    sure = (p.max(axis=-1) - 1 / 3) * 1.5  # 0 if all classes are equally likely, up to 1
    square = (u[0], u[-1], u[0], u[-1])
    colours = ListedColormap(COLOURS)
    ax.imshow(
        p.argmax(axis=-1), extent=square, origin="lower", cmap=colours, alpha=0.15 + 0.45 * sure
    )
    for k, (colour, marker) in enumerate(zip(COLOURS, MARKERS, strict=True)):
        ax.scatter(
            *X[y == k].T,
            c=colour,
            marker=marker,
            s=22,
            edgecolors="white",
            linewidths=0.6,
            label=f"class {k}",
        )
    accuracy = np.mean(np.asarray(net(X).data).argmax(axis=1) == y)
    ax.set(
        xlabel="$x_0$",
        ylabel="$x_1$",
        title=f"Predicted classes: training accuracy {accuracy:.3f}",
    )
    ax.legend(loc="upper right")
    return figure


def main(folder: str = "runs/spiral") -> None:
    """Train the network, and save the picture of its decision boundary in a folder."""
    net, X, y = train()
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / "boundary.png"
    save_figure(boundary_figure(net, X, y), path)
    print("wrote", path)


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:2]))
