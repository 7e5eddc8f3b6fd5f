"""The expression of micrograd's README: recorded, differentiated and drawn.

Run: python -m examples.first_graph [FOLDER]
"""

import sys
from pathlib import Path

import tensorgrad as tg
from examples.terminal import run


def expression(a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """Compute sums, products, powers and ReLUs of two numbers, reusing names again and again.

    Shapes: a (), b () -> ().
    """
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c - a
    d += d * 2 + tg.relu(b + a)
    d += 3 * d + tg.relu(b - a)
    f = (c - d) ** 2
    return f / 2 + 10 / f


def main(folder: str = "runs/first_graph") -> None:
    """Print the value and its gradients, and save the graph in a folder."""
    a = tg.Tensor(-4.0, requires_grad=True, name="a")
    b = tg.Tensor(2.0, requires_grad=True, name="b")
    with tg.trace() as trace:
        g = expression(a, b)
        g.name = "g"
        g.backward()
    print(f"g = {g.item():.4f}")
    print(f"dg/da = {a.grad.item():.4f}")
    print(f"dg/db = {b.grad.item():.4f}")

    Path(folder).mkdir(parents=True, exist_ok=True)
    drawing = trace.draw(show=("name", "value", "grad"))
    for name in ("graph.dot", "graph.svg", "graph.html"):
        try:
            print("wrote", drawing.save(Path(folder) / name))
        except RuntimeError as error:
            print(f"no {name}: {error}")


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:2]))
