"""Calls as formulas: their shapes and keywords, and the sums that undo broadcasting."""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tensorgrad.draw.model import Vertex

Shape = tuple[int, ...]


class Stable(str):
    """A formula with another to compute with, which is right at kinks and does not overflow.

    Both are in the same notation; the page prints the first, and its sandbox computes the second.
    """

    def __new__(cls, text: str, computed: str | None) -> "Stable":
        made = super().__new__(cls, text)
        made.computed = computed
        return made

    computed: str | None


class Prose(Stable):
    """A description in words, in which no letter stands for a number; few can be computed."""

    def __new__(cls, text: str, computed: str | None = None) -> "Prose":
        return super().__new__(cls, text, computed)  # type: ignore[return-value]


def computed_text(part: str | None) -> str | None:
    """Return the formula to compute a part with; None if it has none."""
    return part.computed if isinstance(part, Stable) else part


def rewritten(part: str, change: Callable[[str], str]) -> str:
    """Change a formula, and the one to compute with; words stay as they are."""
    if not isinstance(part, Stable):
        return change(part)
    computed = None if part.computed is None else change(part.computed)
    return Prose(part, computed) if isinstance(part, Prose) else Stable(change(part), computed)


@dataclass
class CallShapes:
    """The shapes, plain arguments and keywords of one call."""

    names: tuple[str, ...]
    shape: Shape
    shapes: list[Shape]  # () for a number or another plain argument
    texts: list[str]  # of plain arguments, "" for tensors
    keywords: dict[str, str]
    complex: bool
    dtypes: list[str]

    @classmethod
    def of(cls, vertex: Vertex, names: tuple[str, ...]) -> "CallShapes":
        """Read a call off its vertex."""
        sources = [operand.source for operand in vertex.inputs]
        dtypes = [vertex.dtype if s is None else s.dtype for s in sources]
        return cls(
            names,
            vertex.shape,
            [() if s is None else s.shape for s in sources],
            [operand.text for operand in vertex.inputs],
            vertex.keywords,
            any(d.kind == "c" for d in (vertex.dtype, *dtypes)),
            [str(d) for d in dtypes],
        )

    def shape_of(self, name: str) -> Shape | None:
        """Return the shape of the operand of this name."""
        return self.shapes[self.names.index(name)] if name in self.names else None

    def keyword(self, name: str, default: Any = None) -> Any:
        """Return the value of a keyword.

        Raises: ValueError if its text is not that of a plain value.
        """
        if name not in self.keywords:
            return default
        try:
            return ast.literal_eval(self.keywords[name])
        except SyntaxError as error:  # it was too long, and was cut
            raise ValueError(f"{name}={self.keywords[name]} is no plain value") from error

    def fill(self, part: str) -> str:
        """Put keywords in place of names in braces."""
        known = {"slope": "0.01", "k": "0", "dtype_of_x": self.dtypes[0]} | self.keywords
        part = part.replace("log(a)", "log(a + 0j)") if self.complex else part
        return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[1]), part)

    def axes(self, shape: Shape, default: Any = None) -> tuple[int, ...]:
        """Return the axes of a reduction, counted from 0."""
        axis = self.keyword("axis", default)
        chosen = (
            range(len(shape))
            if axis is None
            else axis
            if isinstance(axis, (tuple, list))
            else (axis,)
        )
        return tuple(a % len(shape) for a in chosen)


def over(axes: Sequence[int]) -> str:
    """Return the words for the axes of a sum."""
    return f" over {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def reduced(word: str, text: str, axes: Sequence[int], shape: Shape) -> str:
    """Write a sum or a mean of an expression over some axes of its shape."""
    simple = re.fullmatch(r"\w+(\([^()]*\))?", text)
    where = over(axes) if 0 < len(axes) < len(shape) or len(shape) == 1 else ""
    return f"{word} {text if simple else f'({text})'}{where}" if axes else text


def repeated_axes(small: Shape, large: Shape) -> tuple[int, ...]:
    """Return the axes along which broadcasting repeats an array."""
    extra = len(large) - len(small)
    if extra < 0 or any(n not in (1, large[extra + k]) for k, n in enumerate(small)):
        return ()  # not broadcast at all
    return tuple(
        axis
        for axis, n in enumerate(large)
        if axis < extra or (small[axis - extra] == 1 and n != 1)
    )


def summed(part: str, call: CallShapes, slot: int) -> str:
    """Add to the gradient of an operand the sum over the axes along which it was broadcast."""
    axes = () if call.texts[slot] else repeated_axes(call.shapes[slot], call.shape)
    if not axes:
        return part
    part = rewritten(part, lambda text: reduced("Σ", text, axes, call.shape))
    return (
        Prose(f"{part}, added up{over(axes)}", part.computed) if isinstance(part, Prose) else part
    )


def conjugate_rule(part: str, call: CallShapes, slot: int) -> str:
    """Conjugate a complex rule at either end, as the engine does; real operands get a real part.

    Rules are transposed; users see the direction of steepest ascent.
    """
    if not call.complex or isinstance(part, Prose):
        return part
    real = not call.dtypes[slot].startswith("complex")
    others = any(
        re.search(rf"(?<!\w){name}(?![a-zA-Z0-9_])", part)
        for name in {*call.names, "out"} - {"index"}
    )
    inner = re.sub(r"(?<!\w)g(?![a-zA-Z0-9_])", "conj(g)", part) if others else part
    return f"real({inner})" if real else f"conj({inner})" if others else inner
