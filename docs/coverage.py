"""The page of what NumPy has and tensors can do, written from the tables themselves.

python -m docs.coverage writes it anew.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tensorgrad.rules import COMPOSITE, NONDIFFERENTIABLE, RULES, UNSUPPORTED

Function = Callable[..., Any]

PAGE = Path(__file__).with_name("coverage.md")
METHODS = ("reduce", "accumulate", "outer", "at", "reduceat")
LISTS = {
    "rule": RULES,
    "composite": COMPOSITE,
    "nondifferentiable": NONDIFFERENTIABLE,
    "unsupported": UNSUPPORTED,
}
INTRODUCTION = """\
# What of NumPy is differentiable

Written by `python -m docs.coverage` from the tables of `tensorgrad/ops`, for NumPy {version}; a
test holds it up to date.

Every public function of `numpy`, `numpy.linalg` and `numpy.fft`, every ufunc and every method of a
ufunc is in exactly one list. Of {total} functions, {differentiable} are **differentiable**: they
have a rule of their own, or are composed of functions that have one. Each is checked against finite
differences at first and second order, on every row of `tests/cases`; a rule is made of
differentiable functions, so it goes on to any order. {nondifferentiable} are
**non-differentiable**: they take tensors and return arrays (`np.zeros_like` and its kin return
tensors, which can be written to), because their result has no gradient, or none but 0.
{unsupported} are **unsupported**: they raise where a gradient would be lost, with the reason and
what to use instead.

Functions marked with * are not dispatched by NumPy: it does not tell a tensor that it was given to
them, so they see an array. A tensor that requires a gradient is never made into an array silently,
and so raises there. Classes, such as `np.vectorize` and `np.poly1d`, are like them.

## Where a gradient needs a convention

- A write reaches views, as in NumPy: `row = x[0]; row[1] = 5` changes `x`, and `x[0] = y` changes
  `row`. An earlier use of either keeps the value and the gradient that it saw. Where an assignment
  names a position twice, the last write has the gradient; `np.add.at` gives it to both.
- Of a symmetric or Hermitian matrix, NumPy reads one triangle, and the gradient lies there:
  `np.linalg.cholesky`, `eigh` and `eigvalsh`. What is made of a whole matrix comes out the same.
- Where eigenvalues or singular values repeat, `eigvalsh`, `svdvals` and norms have a subgradient.
  Their second derivative, and a gradient by way of the vectors, are refused there if they depend on
  the choice of a basis, or if the values cannot show that they do not; `np.trace`, `np.linalg.norm`
  and matrix products are right there. A gradient that depends on the phase of complex vectors is
  refused too.
- The determinant has its gradient at a singular matrix too; a norm at the origin has gradient 0.
- Of equal elements, `np.unique` and the functions of sets give the gradient to the first; `np.sort`
  shares it.
"""


def functions() -> dict[Function, list[str]]:
    """The public functions of NumPy, each with all its names; classes are none."""
    found: dict[Function, list[str]] = defaultdict(list)
    for module in (np, np.linalg, np.fft):
        prefix = module.__name__.removeprefix("numpy").lstrip(".")
        for name in dir(module):
            value = getattr(module, name)
            if not name.startswith("_") and callable(value) and not isinstance(value, type):
                found[value].append(f"{prefix}.{name}".lstrip("."))
    return found


def methods() -> Iterator[tuple[np.ufunc, str, Function]]:
    """Every method of every public ufunc."""
    for function in functions():
        if isinstance(function, np.ufunc):
            for name in METHODS:
                yield function, name, getattr(function, name)


def lists_of(function: Function) -> list[str]:
    """The lists that have a function: one, if all is well."""
    return [name for name, table in LISTS.items() if function in table]


def dispatched(function: Function) -> bool:
    """Whether NumPy asks the arguments of a function what to do."""
    return isinstance(function, np.ufunc) or hasattr(function, "_implementation")


def label(function: Function, names: list[str]) -> str:
    """A function's name, its other names, and a mark if NumPy does not dispatch it."""
    module = getattr(function, "__module__", None) or "numpy"
    own = (
        f"{module}.{function.__name__}".removeprefix("numpy.")
        if hasattr(function, "__name__")
        else names[0]
    )
    first = own if own in names else names[0]
    others = f" ({', '.join(n for n in names if n != first)})" if len(names) > 1 else ""
    return first + others + ("" if dispatched(function) else "*")


def family(function: Function) -> str:
    """The file of tensorgrad/ops that has a function."""
    if function in COMPOSITE:
        return COMPOSITE[function].__module__.rpartition(".")[2]
    return next(r for r in RULES[function].rules if r).__module__.rpartition(".")[2]


def page() -> str:
    """The page, from the tables as they are."""
    known = functions()
    by_list = {name: [f for f in known if lists_of(f) == [name]] for name in LISTS}
    differentiable = by_list["rule"] + by_list["composite"]
    counts = {name: len(by_list[name]) for name in ("nondifferentiable", "unsupported")}
    text = INTRODUCTION.format(
        version=minor_version(), total=len(known), differentiable=len(differentiable), **counts
    )
    text += (
        "\n## Differentiable\n\n| family | with a rule of their own | composite |\n|---|---|---|\n"
    )
    for name in sorted(set(map(family, differentiable))):
        cells = (
            ", ".join(sorted(label(f, known[f]) for f in by_list[kind] if family(f) == name))
            for kind in ("rule", "composite")
        )
        text += f"| {name} | {' | '.join(cells)} |\n"
    text += "\n## Non-differentiable\n\n"
    text += ", ".join(sorted(label(f, known[f]) for f in by_list["nondifferentiable"])) + "\n"
    text += "\n## Unsupported\n\n| reason | functions |\n|---|---|\n"
    text += rows_by_reason((label(f, known[f]), UNSUPPORTED[f]) for f in by_list["unsupported"])
    text += (
        "\n## Methods of ufuncs\n\n"
        "| method | differentiable | non-differentiable |\n|---|---|---|\n"
    )
    every = [(ufunc, name, method, lists_of(method)) for ufunc, name, method in methods()]
    for name in METHODS:
        cells = (
            ", ".join(
                sorted({u.__name__ for u, n, _, found in every if n == name and found in kinds})
            )
            for kinds in ([["rule"], ["composite"]], [["nondifferentiable"]])
        )
        text += f"| {name} | {' | '.join(cells)} |\n"
    text += "\nThe others are unsupported:\n\n| reason | methods |\n|---|---|\n"
    return text + rows_by_reason(
        (f"{u.__name__}.{name}", UNSUPPORTED[m])
        for u, name, m, found in every
        if found == ["unsupported"]
    )


def rows_by_reason(pairs: Any) -> str:
    """One row per reason, with all that it holds for."""
    reasons = defaultdict(list)
    for name, reason in pairs:
        reasons[reason].append(name)
    return "".join(
        f"| {reason} | {', '.join(sorted(names))} |\n" for reason, names in reasons.items()
    )


def minor_version() -> str:
    return ".".join(np.__version__.split(".")[:2])


if __name__ == "__main__":
    PAGE.write_text(page())
