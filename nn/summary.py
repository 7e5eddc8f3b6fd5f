"""A table of what a network is made of."""

from typing import Any

import numpy as np

import tensorgrad as tg


def summary(module: Any, *input_shapes: tuple[int, ...]) -> str:
    """The modules of a tree, what each returns for N samples of these shapes, and its parameters.

    A parameter in several places is counted in the first.
    Raises: TypeError for what is no shape.
    """
    for shape in input_shapes:
        if not isinstance(shape, (tuple, list)) or not all(
            isinstance(n, int | np.integer) for n in shape
        ):
            raise TypeError(
                f"an input's shape is that of one sample, a tuple of integers such as (784,), but "
                f"{shape!r} was given"
            )
    rows: list[tuple[str, ...]] = [("", "", "output", "parameters", "bytes")]
    shapes = output_shapes(module, input_shapes)
    seen: set[int] = set()
    total = np.zeros(2, int)
    for path, part in module.named_modules():
        below = {id(p) for child in part.children() for p in child.parameters()}
        own = [p for p in part.parameters() if id(p) not in below | seen]
        seen.update(map(id, own))
        figures = np.array([(p.size, p.data.nbytes) for p in own], int).reshape(-1, 2).sum(axis=0)
        total += figures
        name = "  " * path.count(".") + path.rpartition(".")[2]
        output = shapes.get(id(part), "not called")
        shown = [f"{n:,}" for n in figures] if own else ["", ""]
        rows.append((name, type(part).__name__, output, *shown))
    rows.append(("total", "", "", *(f"{n:,}" for n in total)))

    widths = [max(map(len, column)) for column in zip(*rows)]
    align = [str.ljust, str.ljust, str.ljust, str.rjust, str.rjust]
    lines = ["  ".join(f(s, w) for f, s, w in zip(align, row, widths)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def output_shapes(module: Any, input_shapes: tuple[tuple[int, ...], ...]) -> dict[int, str]:
    """What every module returns in evaluation for a sample of zeros, by the module's id."""
    shapes: dict[int, str] = {}

    def noting(part: Any) -> Any:
        def forward(*args: Any, **kwargs: Any) -> Any:
            out = type(part).forward(part, *args, **kwargs)
            if hasattr(out, "shape"):
                shapes[id(part)] = f"({', '.join(['N', *map(str, out.shape[1:])])})"
            return out

        return forward

    modes = {part: part.training for part in module.modules()}
    dtype = next((p.dtype for p in module.parameters()), np.float32)
    try:
        for part in modes:
            part.training, part.forward = False, noting(part)
        with tg.no_grad(), np.errstate(all="ignore"):
            module(*(tg.Tensor(np.zeros((1, *shape), dtype)) for shape in input_shapes))
    finally:
        for part, training in modes.items():
            vars(part).pop("forward", None)
            part.training = training
    return shapes
