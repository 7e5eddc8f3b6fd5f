"""The figures of the Fashion-MNIST run."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorgrad.files import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG = "#0072B2", "#D55E00"  # blue and vermilion, distinct with any colour vision


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as a whole, so that no incomplete file appears."""
    data = io.BytesIO()
    figure.savefig(data, dpi=120, format=path.suffix[1:])
    write_file(path, data.getvalue())


def predictions_figure(
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    chosen: int | None = None,
) -> "Figure":
    """Draw a grid of images with predicted names and confidences, and the right name if wrong.

    The caption says that the images from number `chosen` on are chosen mistakes.
    Shapes: images (N, 28, 28), probabilities (N, C), labels (N,).
    """
    from matplotlib.figure import Figure

    predicted = probabilities.argmax(axis=1)
    columns = 8
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.55 * columns, 1.9 * rows), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for ax in axes:
        ax.set_axis_off()
    for ax, image, p, k, y in zip(axes, images, probabilities, predicted, labels, strict=False):
        right = k == y
        ax.set_axis_on()
        ax.set(xticks=[], yticks=[])
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.spines[:].set(color=RIGHT if right else WRONG, linewidth=1.5 if right else 4)
        title = f"{'✓' if right else '✗'} {names[k]} {p[k]:.0%}"
        if not right:
            title += f"\nis {names[y]}"
        ax.set_title(title, fontsize=8, color=RIGHT if right else WRONG)
    n = len(images) if chosen is None else min(chosen, len(images))
    wrong = int((predicted[:n] != labels[:n]).sum())
    caption = f"the first {n} test images: {n - wrong} right (✓), {wrong} wrong (✗)"
    if n < len(images):
        caption += f"; then {len(images) - n} others, chosen because they are wrong"
    figure.suptitle(caption, fontsize=11)
    return figure


def input_figure(image: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> "Figure":
    """Draw the input of the network beside a bar chart of its probabilities.

    Shapes: image (28, 28), probabilities (C,).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    picture, bars = figure.subplots(1, 2, width_ratios=(1, 1.3))
    picture.imshow(image, cmap="gray", vmin=0, vmax=255)
    picture.set(xticks=[], yticks=[], title="input of the network")
    shown = bars.barh(names, probabilities, color=RIGHT)
    bars.bar_label(shown, [f"{p:.0%}" for p in probabilities], padding=2, fontsize=8)
    bars.set(xlim=(0, 1.15), xticks=[], title=f"prediction: {names[probabilities.argmax()]}")
    bars.invert_yaxis()
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    return figure


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Count how often class i (row) was predicted as class j (column).

    Shapes: predicted (N,), labels (N,) -> (classes, classes).
    """
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def confusion_figure(matrix: np.ndarray, names: Sequence[str]) -> "Figure":
    """Draw the confusion matrix in percent of each true class.

    Shapes: matrix (C, C).
    """
    from matplotlib.figure import Figure

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(8, 7), layout="constrained")
    ax = figure.subplots()
    picture = ax.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for (i, j), share in np.ndenumerate(shares):
        if matrix[i, j]:
            text = f"{share:.0%}" if round(100 * share) else "·"
            colour = "black" if share > 0.6 else "white"
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    ticks = np.arange(len(names))
    ax.set_xticks(ticks, names, rotation=45, ha="right")
    ax.set_yticks(ticks, names)
    accuracy = np.trace(matrix) / max(matrix.sum(), 1)
    ax.set(
        xlabel="predicted", ylabel="true", title=f"{matrix.sum():,} images, accuracy {accuracy:.4f}"
    )
    figure.colorbar(picture, ax=ax, label="share of the true class", shrink=0.8)
    return figure


def filters_figure(weights: np.ndarray) -> "Figure":
    """Draw the kernels of the first convolution, blue where negative and red where positive.

    Shapes: weights (KH, KW, 1, O).
    """
    from matplotlib.figure import Figure

    kernels = np.moveaxis(weights[:, :, 0], -1, 0)
    columns = 8
    rows = -(-len(kernels) // columns)
    figure = Figure(figsize=(1.1 * columns, 1.1 * rows + 0.5), layout="constrained")
    limit = np.abs(kernels).max()
    for ax, kernel in zip(np.ravel(figure.subplots(rows, columns, squeeze=False)), kernels):
        ax.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for ax in figure.axes:
        ax.set_axis_off()
    figure.suptitle(
        f"{len(kernels)} filters of the first convolution: red adds brightness, blue subtracts it",
        fontsize=10,
    )
    return figure


def maps_figure(image: np.ndarray, maps: dict[str, np.ndarray]) -> "Figure":
    """Draw a picture, and below it what each layer makes of it: one picture per channel.

    Shapes: image (28, 28), each of maps (H, W, C).
    """
    from matplotlib.figure import Figure

    columns, most = 16, 32
    rows = {name: -(-min(m.shape[-1], most) // columns) for name, m in maps.items()}
    figure = Figure(figsize=(12, 1.6 + 0.95 * sum(rows.values())), layout="constrained")
    parts = figure.subfigures(1 + len(maps), 1, height_ratios=[1.3, *rows.values()])
    parts = np.ravel(parts)
    ax = parts[0].subplots()
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_axis_off()
    for part, (name, activations) in zip(parts[1:], maps.items(), strict=True):
        shown = min(activations.shape[-1], most)
        height, width, C = activations.shape
        part.suptitle(f"{name}: {shown} of {C} channels, {height} × {width} pixels", fontsize=9)
        axes = np.ravel(part.subplots(rows[name], columns, squeeze=False))
        for i, ax in enumerate(axes):
            ax.set_axis_off()
            if i < shown:
                ax.imshow(activations[..., i], cmap="magma", vmin=0, vmax=activations.max())
    return figure
