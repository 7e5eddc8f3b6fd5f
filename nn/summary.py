"""The table of a network's modules, output shapes and parameters."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np

import tensorgrad as tg


def summary(
    module: Any,
    *input_shapes: tuple[int, ...],
    dtype: Any = None,
    **named_shapes: tuple[int, ...],
) -> str:
    """Return a table of a module and its submodules: output shapes, parameters and bytes.

    A parameter in several places is counted in the first. Numbers frozen and in buffers come last.
    Shapes: each of the inputs is that of one sample, without N; without any, it is that of the
    first layer.
    Raises: TypeError if one of them is not a shape; ValueError if none is known.
    """
    if not input_shapes and not named_shapes:
        input_shapes = (first_input_shape(module),)
    for shape in (*input_shapes, *named_shapes.values()):
        if not isinstance(shape, (tuple, list)) or not all(
            isinstance(n, int | np.integer) for n in shape
        ):
            raise TypeError(
                "an input shape is that of one sample, a tuple of integers such as (784,), not "
                f"{shape!r}"
            )
    rows: list[tuple[str, ...]] = [("", "", "output", "parameters", "bytes", "")]
    shapes = output_shapes(module, input_shapes, named_shapes, dtype)
    seen: set[int] = set()
    total = np.zeros(4, int)
    for path, part in module.named_modules():
        below = {id(p) for child in part.children() for p in child.parameters()}
        own = [p for p in part.parameters() if id(p) not in below | seen]
        seen.update(map(id, own))
        buffers = [array for name, array in part.named_buffers() if "." not in name]
        arrays = [(p.size, p.data.nbytes, p.size * p.is_frozen, 0) for p in own]
        arrays += [(0, array.nbytes, 0, array.size) for array in buffers]
        figures = np.sum(arrays, axis=0, dtype=int) if arrays else np.zeros(4, int)
        total += figures
        name = "  " * path.count(".") + path.rpartition(".")[2]
        output = shapes.get(id(part), "not called")
        rows.append((name, type(part).__name__, output, *_shown(figures, bool(arrays))))
    rows.append(("total", "", "", *_shown(total, True)))

    widths = [max(map(len, column)) for column in zip(*rows)]
    align = [str.ljust, str.ljust, str.ljust, str.rjust, str.rjust, str.ljust]
    lines = ["  ".join(f(s, w) for f, s, w in zip(align, row, widths)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _shown(figures: np.ndarray, any_arrays: bool) -> list[str]:
    """Format the numbers of parameters, bytes, frozen parameters and elements of buffers.

    Shapes: figures (4,).
    """
    parameters, size, frozen, in_buffers = map(int, figures)
    if not any_arrays:
        return ["", "", ""]
    notes = ["frozen" if frozen == parameters else f"{frozen:,} frozen"] if frozen else []
    notes += [f"and {in_buffers:,} in buffers"] if in_buffers else []
    return [f"{parameters:,}", f"{size:,}", ", ".join(notes)]


def first_input_shape(module: Any) -> tuple[int, ...]:
    """Return the shape of a sample from the number of inputs of the first layer.

    Raises: ValueError if the first layer has no such number.
    """
    first = next((m for m in module.modules() if not m.children()), None)
    features = getattr(first, "n_inputs", None)
    if features is None:
        raise ValueError(
            "the output shapes depend on the shape of a sample, and this model has seen no data "
            "yet; give the shape, as in summary((28, 28)) or export(path, (28, 28))"
        )
    return (features,)


def output_shapes(
    module: Any,
    input_shapes: Sequence[tuple[int, ...]],
    named_shapes: Mapping[str, tuple[int, ...]],
    dtype: Any = None,
) -> dict[int, str]:
    """Map each module's id to its output shape in evaluation mode, found with a sample of zeros."""
    shapes: dict[int, str] = {}

    def note(part: Any, out: Any) -> None:
        if hasattr(out, "shape"):
            shapes[id(part)] = f"({', '.join(['N', *map(str, out.shape[1:])])})"

    def sample(shape: tuple[int, ...]) -> tg.Tensor:
        return tg.Tensor(np.zeros((1, *shape), dtype))

    def call() -> None:
        named = {name: sample(shape) for name, shape in named_shapes.items()}
        with np.errstate(all="ignore"):
            module(*map(sample, input_shapes), **named)

    dtype = dtype or next((p.dtype for p in module.parameters()), np.float32)
    with_noted_outputs(module, note, call)
    return shapes


def with_noted_outputs(
    module: Any, note: Callable[[Any, Any], None], function: Callable[[], None]
) -> None:
    """Call a function in evaluation mode, without recording, and `note` each module's outputs.

    `note` gets the module and its output, each time that it has computed one.
    """

    def with_note(part: Any) -> Any:
        def forward(*args: Any, **kwargs: Any) -> Any:
            out = type(part).forward(part, *args, **kwargs)
            note(part, out)
            return out

        return forward

    def call() -> None:
        with tg.no_grad():
            function()

    modes = {part: part.training for part in module.modules()}
    try:
        for part in modes:
            part.training, part.forward = False, with_note(part)
        # In a copy of the context, which an interruption cannot leave without recording.
        copy_context().run(call)
    finally:
        for part, training in modes.items():
            vars(part).pop("forward", None)
            part.training = training
