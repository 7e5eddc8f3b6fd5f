"""Counts: lengths, and some dtypes, that depend on values, and what of a program follows them."""

from typing import Any

import numpy as np

from tensorgrad.program.arrays import TracedArray, stand_ins_in
from tensorgrad.program.names import is_users_line
from tensorgrad.program.simplify import MOST_LOOKED_AT
from tensorgrad.program.steps import Step, Var

# Functions that choose elements by the truth of their first argument.
OF_TRUTH = {"nonzero", "flatnonzero", "argwhere", "where", "extract", "compress"}
OF_VALUES = {
    "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "union1d",
    "intersect1d", "setdiff1d", "setxor1d", "bincount", "trim_zeros", "ix_", "roots", "eig",
    "eigvals", "sqrtm", "logm", "lstsq",
}  # fmt: skip
# Those of np.emath have the names of others, and are complex where the others give NaN.
EMATH = "numpy.lib.scimath"
OF_EMATH = [
    f"{EMATH}.{name}"
    for name in (
        "sqrt", "log", "log2", "log10", "logn", "power", "arccos", "arcsin", "arctanh",
    )
]  # fmt: skip
# Functions whose results are real or complex by values -> what of them a step checks.
OF_DTYPE = {"roots": ("shape", "dtype")} | dict.fromkeys(
    ("eig", "eigvals", "sqrtm", "logm", *OF_EMATH), ("dtype",)
)
# Functions with a length or a place among their arguments, which may be a stand-in.
OF_LENGTHS = {
    "repeat", "delete", "insert", "tile", "arange", "linspace", "logspace", "geomspace", "full",
    "zeros", "ones", "empty", "eye", "identity", "tri", "broadcast_to", "reshape", "resize",
    "split", "array_split", "pad", "vander", "histogram", "histogram_bin_edges", "indices",
}  # fmt: skip
READERS = ("tensorgrad.program", "tensorgrad.tensor")  # frames between a line and a shape it reads
OTHER_VALUES = "this program is for values that choose the "


class OtherCount(ValueError):
    """The error of a program in which values choose another length or dtype of an array."""


class Counts:
    """Observations of one trace about arrays whose lengths or dtypes depend on values.

    With `changed`, masks choose another number of elements: a trace that stays the same serves all
    numbers. With `checked`, a step checks each of these lengths.
    """

    def __init__(self, checked: bool = False, changed: bool = False) -> None:
        self.checked, self.changed = checked, changed
        self.found = False  # such an array
        self.decide = False  # in a way that masks with another count may not show

    def before(self, form: str, callee: Any, args: Any, kwargs: Any) -> bool:
        """Return True if the shape or the dtype of what a step gives depends on values."""
        if called_name(form, callee) == "squeeze":  # which drops an axis of length 1
            self.decide |= any(x.variable.counted for x in stand_ins_in(args))
        masks = chosen_by(form, callee, args, kwargs)
        if masks is None:
            return False
        self.found = True
        self.decide |= not masks
        for mask in masks if self.changed else ():
            mask.value = with_other_count(mask.value)
        return True

    def after(self, step: Step, by_values: bool) -> list[Step]:
        """Note which results have a shape that depends on values, and return its checks."""
        if by_values or any(v.counted and v.shape for v in step.reads()):
            for v in step.made():
                v.counted = bool(v.shape)
        for v in step.made() if by_values else ():
            v.alias = None  # other values choose other elements
        if not by_values or not self.checked:
            return []
        return checks_of(step)

    def read(self, v: Var, between: tuple[str, ...] = READERS) -> None:
        """Note that a shape is read: a user's line may decide by it."""
        if v.counted and not self.decide:
            self.decide = is_users_line(between)


def chosen_by(form: str, callee: Any, args: Any, kwargs: Any) -> tuple[Any, ...] | None:
    """Return the masks by which a step chooses elements; () for other values, None for none."""
    if form == "item":
        return masks_of(args[1] if type(args[1]) is tuple else (args[1],))
    if form not in ("call", "method"):
        return None
    name = called_name(form, callee)
    if name in OF_TRUTH and (name != "where" or len(args) + len(kwargs) == 1):
        return tuple(x for x in args[:1] if type(x) is TracedArray)
    if name in OF_LENGTHS and has_stand_in((args[1:], kwargs)):
        return ()
    return () if name in OF_VALUES or name in OF_DTYPE else None


def called_name(form: str, callee: Any) -> str:
    """Return the name of the function or method that a step calls."""
    if form == "method":
        return str(callee)
    name = str(getattr(callee, "__name__", ""))
    return f"{EMATH}.{name}" if getattr(callee, "__module__", "") == EMATH else name


def masks_of(index: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the masks in an index; () if slices end by values, or a large mask may change."""
    parts = [(x.start, x.stop, x.step) for x in index if type(x) is slice]
    masks = [x for x in index if getattr(x, "dtype", None) == np.bool_]
    large = any(type(x) is np.ndarray and x.nbytes > MOST_LOOKED_AT for x in masks)
    if large or has_stand_in(parts):
        return ()
    return tuple(x for x in masks if type(x) is TracedArray) or None


def has_stand_in(tree: Any) -> bool:
    """Return True if a stand-in is in nested tuples, lists and dicts."""
    return any(True for _ in stand_ins_in(tree))


def with_other_count(x: Any) -> Any:
    """Return a mask that chooses one element more or, if there is none, one less."""
    if not isinstance(x, np.ndarray) or not x.size:
        return x
    found = x.copy()
    k = int(np.argmin(found.astype(bool)))
    found.flat[k] = not found.flat[k]
    return found


def checks_of(step: Step) -> list[Step]:
    """Return the steps that check the shapes or dtypes of what a step made."""
    attributes = OF_DTYPE.get(called_name(step.form, step.callee), ("shape",))
    chosen = {
        (a, v.shape if a == "shape" else v.dtype.name): v for v in step.made() for a in attributes
    }
    return [check_of(v, step, *pair) for pair, v in chosen.items()]


def check_of(v: Var, step: Step, attribute: str, value: Any) -> Step:
    """Return the step that checks the shape or the dtype of what a step made."""
    found = Step("values", attribute, (v, value), {})
    found.pure, found.place = False, step.place
    return found


def statement(attribute: str, array: str, value: str) -> str:
    """Return the text that checks the shape or the dtype of an array."""
    shown = value.strip("'\"")
    error = f'raise ValueError("{OTHER_VALUES}{attribute} {shown} here")'
    return f"if {array}.{attribute} != {value}:\n    {error}"


def is_of_count(error: Exception) -> bool:
    """Return True for the error that such a check raises."""
    return isinstance(error, ValueError) and str(error).startswith(OTHER_VALUES)


def without_repeated_checks(steps: list[Step]) -> list[Step]:
    """Leave out checks of a shape or dtype that was checked before."""
    checked: set[tuple[Any, ...]] = set()
    found = []
    for step in steps:
        if step.form == "values":
            if step.args in checked:
                continue
            checked.add(step.args)
        found.append(step)
    return found
