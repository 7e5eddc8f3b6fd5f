"""The pictures of the README; to draw them again, run python -m examples.readme_pictures."""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

import tensorgrad as tg
from examples import fashion_mnist

DOCS = Path(__file__).parent.parent / "docs"


def small_graph() -> tg.Tensor:
    """Compute the expression of the README's first lines."""
    x = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
    w = tg.Tensor([0.5, -1.0, 0.25], requires_grad=True, name="w")
    y = np.sum(np.tanh(x * w) ** 2)
    y.name = "y"
    return y


def main() -> None:
    """Draw the pictures and save them in docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10, help="of the Fashion-MNIST run")
    epochs = parser.parse_args().epochs
    with tg.trace() as trace:
        small_graph().backward()
    print("wrote", trace.draw(show=("name", "shape", "value", "grad")).save(DOCS / "graph.svg"))
    with tempfile.TemporaryDirectory() as folder:
        fashion_mnist.main(["--epochs", str(epochs), "--out", folder])
        for name in ("history.png", "predictions.png"):
            shutil.copy(Path(folder) / name, DOCS / name)
            print("wrote", DOCS / name)


if __name__ == "__main__":
    main()
