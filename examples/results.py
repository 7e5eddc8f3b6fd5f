"""The results of a training on Fashion-MNIST as pictures; one step as a graph and a program."""

from pathlib import Path

import numpy as np

import nn
import tensorgrad as tg
from examples.networks import scaled
from examples.pictures import (
    confusion_figure,
    confusion_matrix,
    filters_figure,
    maps_figure,
    predictions_figure,
    save_figure,
)
from examples.reading import PREPROCESSING, read_picture

NAMES = nn.datasets.FASHION_MNIST_CLASSES
FILES = (  # all that the functions of this module can write
    "history.png", "predictions.png", "confusion.png", "filters.png", "maps.png", "graph.dot",
    "graph.svg", "graph.html", "step.py", "predict.py", "predict.npz", "model.onnx",
)  # fmt: skip


def draw_results(model: nn.Model, data: nn.datasets.FashionMNIST, out: Path) -> None:
    """Draw the training curves, some predictions and the confusion matrix."""
    model.history.plot(out / "history.png")
    probabilities = model.predict(scaled(data.X_test))
    wrong = probabilities.argmax(axis=1) != data.y_test
    # The first 24 predictions, then some wrong ones, which are more instructive.
    shown = np.concatenate([np.arange(len(wrong))[:24], np.flatnonzero(wrong[24:])[:16] + 24])
    save_figure(
        predictions_figure(
            data.X_test[shown], probabilities[shown], data.y_test[shown], NAMES, chosen=24
        ),
        out / "predictions.png",
    )
    matrix = confusion_matrix(probabilities.argmax(axis=1), data.y_test, len(NAMES))
    save_figure(confusion_figure(matrix, NAMES), out / "confusion.png")
    written = ["history.png", "predictions.png", "confusion.png"]
    convolutions = [m for m in model.module.modules() if isinstance(m, nn.Conv2D)]
    if convolutions:
        save_figure(filters_figure(convolutions[0].weights.data), out / "filters.png")
        image = data.X_test[0]
        maps = activation_maps(model, scaled(image[None]))
        save_figure(maps_figure(image, maps), out / "maps.png")
        written += ["filters.png", "maps.png"]
    for name in written:
        print("wrote", out / name)


def activation_maps(model: nn.Model, X: np.ndarray) -> dict[str, np.ndarray]:
    """Return the activations of a single picture after each ReLU that has pictures, by its name.

    Shapes: X (1, 784) -> each (H, W, C).
    """
    maps = {}
    x, module = tg.Tensor(X), model.module.eval()
    with tg.no_grad():
        for i, layer in enumerate(module.children()):
            x = layer(x)
            if isinstance(layer, nn.ReLU) and x.ndim == 4:
                maps[f"after layer {i}"] = x.data[0]
    return maps


def draw_step(model: nn.Model, X: np.ndarray, y: np.ndarray, out: Path) -> None:
    """Draw the graph of one training step, without changing the parameters."""
    model.module.zero_grad()
    with tg.trace() as step:
        pictures, labels = tg.Tensor(X, name="pictures"), tg.Tensor(y, name="labels")
        loss = model.loss(model.module(pictures), labels)
        loss.name = "loss"
        loss.backward()
    model.module.zero_grad()
    drawing = step.draw(title="one step of Fashion-MNIST", history="run.html")
    for name in ("graph.dot", "graph.svg", "graph.html"):
        try:
            print("wrote", drawing.save(out / name))
        except (ImportError, RuntimeError) as error:
            print(f"no {name}: {error}")


def write_step(model: nn.Model, X: np.ndarray, y: np.ndarray, out: Path) -> None:
    """Write the loss and gradients of a training step as a program that imports only NumPy."""

    def step(pictures: np.ndarray, labels: np.ndarray) -> tg.Tensor:
        loss = model.loss(model.module(pictures), labels)
        if penalized:
            loss = loss + model.module.regularization_loss()
        loss.backward()
        return loss.detach()

    penalized = any(module.penalty() is not None for module in model.module.modules())
    model.module.train().zero_grad()
    try:
        tg.compile(step).program(X, y).save(out / "step.py")
        print("wrote", out / "step.py")
    except tg.Untraceable as error:
        print(f"no step.py: {error}")


def write_predictor(model: nn.Model, out: Path) -> None:
    """Write the predictions as a file that needs NumPy alone, and as an ONNX model."""
    for name in ("predict.py", "model.onnx"):
        try:
            path = model.export(
                out / name, classes=NAMES, preprocessing=PREPROCESSING, reader=read_picture
            )
            print("wrote", path)
            if name == "predict.py":
                print("wrote", out / "predict.npz")
        except (ImportError, TypeError) as error:
            print(f"no {name}: {error}")
