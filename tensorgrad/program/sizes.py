"""The numbers in a program that follow the lengths of its arguments, as in 1 / len(x).

They are found by two runs of a function on arguments of different lengths.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

TIMES = (1, 2, -1)  # of a length, in sizes such as 2 * len(x) - 1


class Length(NamedTuple):
    """The length of a free axis of the arguments, in two runs."""

    first: int
    second: int


class Whole(NamedTuple):
    """An integer made of lengths: times * their product + plus."""

    lengths: tuple[int, ...]  # their numbers
    times: int = 1
    plus: int = 0

    def value(self, known: list[int]) -> int:
        """Return the integer for these lengths."""
        return self.times * math.prod(known[k] for k in self.lengths) + self.plus


class ArgumentSize(NamedTuple):
    """A number in a program that follows the lengths of the arguments."""

    form: str  # "count", "ratio", "multiple", "root", or "unbiased": number * n / (n - 1)
    whole: Whole
    number: Any  # the numerator of a ratio, the factor of a multiple
    like: Any  # the number in the first run, which has the type

    def value(self, known: list[int]) -> Any:
        """Return the number for these lengths."""
        n = self.whole.value(known)
        if self.form == "ratio":
            return type(self.like)(self.number / n)
        if self.form == "unbiased":
            return type(self.like)(self.number * n / (n - 1))
        if self.form == "multiple":
            return type(self.like)(self.number * n)
        return type(self.like)(np.sqrt(n) if self.form == "root" else n)


class SizedArray(NamedTuple):
    """A constant array that follows the lengths of the arguments."""

    kind: str  # "arange", "eye", "full", or "rows" for equal ones along one axis
    shape: tuple[Any, ...]  # of ints and sizes
    fill: Any
    like: np.ndarray  # the array in the first run

    def value(self, known: list[int]) -> np.ndarray:
        """Return the array for these lengths."""
        shape = tuple(number_at(n, known) for n in self.shape)
        if self.kind == "rows":
            return np.broadcast_to(self.fill, shape)
        if self.kind == "eye":
            return np.eye(*shape, dtype=self.like.dtype)
        if self.kind == "full":
            return np.full(shape, number_at(self.fill, known), self.like.dtype)
        found = np.arange(*(number_at(n, known) for n in self.fill), dtype=self.like.dtype)
        return found.reshape(shape)


def number_at(x: Any, known: list[int]) -> Any:
    """Return a number for these lengths."""
    return x.value(known) if type(x) is ArgumentSize else x


class Unexplained(Exception):
    """The error about two constants that differ, and do not follow the lengths."""


def explained(a: Any, b: Any, lengths: list[Length]) -> Any:
    """Return what stands for two unequal constants of two runs.

    Raises: Unexplained if they do not follow the lengths.
    """
    if type(a) is type(b):
        if isinstance(a, np.ndarray):
            return sized_array(a, b, lengths)
        found = None
        if isinstance(a, (int, np.integer)) and not isinstance(a, bool):
            found = count_of(int(a), int(b), lengths)
        elif isinstance(a, (float, np.floating)):
            return float_of(a, b, lengths)
        if found is not None:
            return ArgumentSize("count", found, 1, a)
    raise Unexplained


def products(lengths: list[Length]) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Yield the lengths, and their products, with their values in both runs."""
    for k in (1, 2):
        for chosen in itertools.combinations_with_replacement(range(len(lengths)), k):
            first, second = zip(*(lengths[i] for i in chosen), strict=True)
            yield chosen, math.prod(first), math.prod(second)


def count_of(a: int, b: int, lengths: list[Length]) -> Whole | None:
    """Return the integer that has these values in two runs."""
    for chosen, first, second in products(lengths):
        times = a // first
        if times and a == times * first and b == times * second:
            return Whole(chosen, times)
    # All lengths may grow alike from one run to the other: the nearest explains C - 1, not N - 3.
    found = [
        Whole((k,), times, a - times * first)
        for k, (first, second) in enumerate(lengths)
        for times in TIMES
        if a - times * first == b - times * second
    ]
    return min(found, key=lambda whole: abs(whole.plus), default=None)


def float_of(a: Any, b: Any, lengths: list[Length]) -> ArgumentSize:
    """Return the number that has these values in two runs.

    Raises: Unexplained if there is none.
    """
    if not (np.isfinite(a) and np.isfinite(b) and a and b):
        raise Unexplained
    known = [n for n, _ in lengths], [m for _, m in lengths]
    for size in (*forms(a, lengths), *unbiased_forms(a, b, lengths)):
        if size.value(known[0]) == a and size.value(known[1]) == b:
            return size
    raise Unexplained


def forms(a: Any, lengths: list[Length]) -> Iterator[ArgumentSize]:
    """Yield the forms that a number could have."""
    digits = 6 if np.finfo(type(a)).bits <= 32 else 14
    counts = [(Whole(chosen), first) for chosen, first, _ in products(lengths)]
    counts += [(Whole((k,), 1, -1), length.first - 1) for k, length in enumerate(lengths)]
    for count, n in counts:
        if not n:
            continue
        yield ArgumentSize("count", count, 1, a)
        numerator, factor = (float(f"{c:.{digits}g}") for c in (float(a) * n, float(a) / n))
        if 0 < abs(numerator) < 1 and not count.plus:
            whole, sign = round(1 / abs(numerator)), 1 if numerator > 0 else -1
            yield ArgumentSize("ratio", Whole(count.lengths, whole), sign, a)
        yield ArgumentSize("ratio", count, shortest(numerator), a)
        yield ArgumentSize("multiple", count, shortest(factor), a)
        yield ArgumentSize("root", count, 1, a)


def unbiased_forms(a: Any, b: Any, lengths: list[Length]) -> Iterator[ArgumentSize]:
    """Yield the forms c n / (n - 1), as of a sample's variance, with n a multiple of a length."""
    for k, (first, second) in enumerate(lengths):
        if a == b:
            continue
        times = round((b * first - a * second) / (first * second * (b - a)))
        n = times * first
        if n > 1:
            near = float(a) * (n - 1) / n
            tries = [near + i * np.spacing(near) for i in (0, -1, 1, -2, 2)]
            for c in (float(f"{near:.14g}"), *map(float, tries)):
                yield ArgumentSize("unbiased", Whole((k,), times), c, a)


def shortest(x: float) -> int | float:
    """Return a number as one writes it: an integer if it is one."""
    return int(x) if x.is_integer() else x


def sized_array(a: np.ndarray, b: np.ndarray, lengths: list[Length]) -> SizedArray:
    """Return the array that is one of these in each of two runs.

    Raises: Unexplained if it follows no pattern.
    """
    alike = a.dtype == b.dtype and a.ndim == b.ndim
    if not alike or not a.size or not b.size or a.flags.fnc:
        raise Unexplained
    found = pattern_of(a, b, lengths)
    for k, x in enumerate((a, b)):
        value = found.value([length[k] for length in lengths])
        if value.shape != x.shape or value.tobytes() != x.tobytes():
            raise Unexplained
    return found


def pattern_of(a: np.ndarray, b: np.ndarray, lengths: list[Length]) -> SizedArray:
    """Return an array of one number, of equal steps or of equal rows, that two arrays could be.

    Raises: Unexplained if they follow no pattern.
    """
    shape = tuple(
        n if n == m else explained(n, m, lengths) for n, m in zip(a.shape, b.shape, strict=True)
    )
    if all(is_repeated(x) for x in (a, b)):
        fill, other = a.flat[0], b.flat[0]
        same = fill.tobytes() == other.tobytes()
        return SizedArray("full", shape, fill if same else explained(fill, other, lengths), a)
    if all(is_even(x) for x in (a, b)):
        return arange_of(a, b, shape, lengths)
    if all(x.ndim == 2 and np.array_equal(x, np.eye(*x.shape)) for x in (a, b)):
        return SizedArray("eye", shape, None, a)
    axes = [i for i, n in enumerate(shape) if type(n) is ArgumentSize]
    row = np.take(a, [0], axes[0]) if len(axes) == 1 else a
    if len(axes) == 1 and all(np.array_equal(np.broadcast_to(row, x.shape), x) for x in (a, b)):
        return SizedArray("rows", shape, row, a)
    raise Unexplained


def arange_of(a: np.ndarray, b: np.ndarray, shape: Any, lengths: list[Length]) -> SizedArray:
    """Return an array of equal steps: its fill is (start, stop, step).

    Raises: Unexplained if start or step follow no pattern.
    """
    ends = [(int(x.flat[0]), int(x.flat[1] - x.flat[0])) for x in (a, b)]
    if ends[0][1] != ends[1][1]:
        raise Unexplained
    step = ends[0][1]
    limits = [(start, start + x.size * step) for (start, _), x in zip(ends, (a, b), strict=True)]
    found = [n if n == m else explained(n, m, lengths) for n, m in zip(*limits, strict=True)]
    return SizedArray("arange", shape, (*found, step), a)


def is_even(x: np.ndarray) -> bool:
    """Return True for integers in equal steps along the only long axis of an array."""
    if x.dtype.kind not in "if" or sum(n != 1 for n in x.shape) != 1:
        return False
    whole = bool((x == np.rint(x)).all())
    steps = {*np.diff(x.ravel()).tolist()}
    return whole and x.size > 1 and len(steps) == 1 and 0 not in steps


def is_repeated(x: np.ndarray) -> bool:
    """Return True if an array repeats one number."""
    return x.dtype.kind in "biufc" and x.tobytes() == x.flat[0].tobytes() * x.size


# Other lengths of the arguments


class Choice(NamedTuple):
    """Axes of the arguments that may have other lengths, and how much longer they are in a run."""

    places: dict[int, list[tuple[int, int]]]  # arguments, and their axes, by their length
    more: int  # in the second run
    more_at_check: int  # in that which compares the program with the function

    def changed(self, leaves: list[Any], more: int) -> list[Any]:
        """Return arguments of other lengths, which repeat themselves, or are cut off."""
        found = list(leaves)
        for n, m in self.pairs(more):
            for i, axis in self.places[n]:
                found[i] = np.take(found[i], np.arange(m) % n, axis)
        return [as_stored(x, y) for x, y in zip(found, leaves, strict=True)]

    def pairs(self, more: int) -> list[Length]:
        """Return the lengths before and after such a change, of which no two are in proportion."""
        found: list[Length] = []
        for n in self.places:
            m = n + more
            while any(m * length.first == n * length.second for length in found):
                m += 1 if more > 0 else -1
            found.append(Length(n, max(m, 1)))
        return found


def as_stored(x: Any, like: Any) -> Any:
    """Return an array that lies in memory as another does."""
    if x is like:
        return x
    if not like.flags.forc:
        return np.repeat(x, 2, -1)[..., ::2]
    x = x if like.flags.c_contiguous else np.asfortranarray(x)
    return x if like.base is None else x[:]


def choices(leaves: list[Any], outside: list[tuple[int, ...]]) -> list[Choice]:
    """Return the choices of axes that may have other lengths, the most general first.

    The first axes of arguments are free if nothing else has their length. `outside` are the shapes
    of what a function uses besides its arguments.
    """
    places: dict[int, list[tuple[int, int]]] = {}
    for i, x in enumerate(leaves):
        for axis, n in enumerate(x.shape if isinstance(x, np.ndarray) else ()):
            if n > 1:
                places.setdefault(n, []).append((i, axis))
    firsts = {n: [p for p in found if p[1] == 0] for n, found in places.items()}
    fixed = {n for shape in outside for n in shape}
    free = [n for n in firsts if n not in fixed and firsts[n] == places[n]]
    found = [] if outside else [places]
    found.append({n: firsts[n] for n in free})
    found.append({n: firsts[n] for n in free[:1]})
    shared = next((n for n in firsts if firsts[n]), None)
    if shared is not None and not free:
        found += [{shared: firsts[shared][:k]} for k in range(len(firsts[shared]), 0, -1)]
    different = [x for i, x in enumerate(found) if x and x not in found[:i]][:MOST_CHOICES]
    longer = [Choice(x, 1, 3) for x in different]
    return longer + [Choice(x, -1, -2) for x in different if min(x) > MORE_THAN]


MOST_CHOICES = 3  # that are tried, with longer and with shorter arguments
MORE_THAN = 3  # axes that can become shorter by two
