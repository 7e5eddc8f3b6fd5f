"""Stream: batches from an iterable or a generator, each checked and converted when it comes."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.data.batches import WHOLE, Batch, arrays_of, each, pair
from nn.data.samples import converted

FORM = "batches must be tuples (X, y) or (X, y, sample_weight) of arrays"


@dataclass
class SourceState:
    """The state of the source of a stream, from which a resumed training goes on."""

    kind: str  # the name of its class
    state: dict[str, Any]
    complete: bool = False  # the training ended in this process, whose source is as it left it


class Stream:
    """Batches of an epoch from an iterable, or from a function that returns one.

    Without `steps`, each epoch iterates over it once. With `steps`, each epoch takes the next so
    many batches; what can be iterated over again starts again at its end. Lists, tuples, and what
    has the methods `state_dict` and `load_state_dict` can be resumed inside an epoch.

    Raises: TypeError if the source is not iterable, or a batch has another form; ValueError if it
    has no batch.
    """

    samples = None  # in an epoch: nobody knows

    def __init__(
        self,
        source: Any,
        steps: int | None,
        dtype: np.dtype[Any],
        name: str = "X",
        targets: str = "y",
    ) -> None:
        if not isinstance(source, Iterable) and not callable(source):
            raise TypeError(
                f"{name} without {targets} must be an iterable of batches, or a function that "
                f"returns one, but it is a {type(source).__name__}; give {name} and {targets} as "
                f"arrays, or {FORM}"
            )
        self.source, self.steps, self.dtype, self.name = source, steps, dtype, name
        self.share = WHOLE
        self._iterator: Iterator[Any] | None = None
        self._first: list[Batch] = []  # the batch that was read to see its shape
        self._shapes: list[tuple[int, ...]] = []
        self._read = 0  # batches since the iterator was made
        self._resumed = False  # the pass began in another process
        self._begin_pass()
        self._first = self._next(1)
        if not self._first:
            raise ValueError(f"{name} yielded no batch; {FORM}, at least one")
        self.X, self.y, self.weights, _ = self._first[0]
        self.size = len(self.y)
        self._at_begin = True  # of an epoch, whose pass has begun

    def no_samples(self) -> Any:
        """Return inputs of the shapes and dtypes of a batch, without samples."""
        return each(lambda array: array[:0], self.X)

    def targets(self, part: slice) -> np.ndarray:
        """Return some targets of the first batch.

        Shapes: -> (n, ...).
        """
        return self.y[part]

    def __iter__(self) -> Iterator[Batch]:
        self.begin()
        step = 0
        while batches := self.ahead(step, 1):
            yield from self.taken(batches, None)
            step += 1

    def state(self) -> SourceState | None:
        """Return the state of the source, or None if it has none."""
        kind = type(self.source).__name__
        if isinstance(self.source, list | tuple):
            return SourceState(kind, {"batches": len(self.source), "read": self._read})
        return SourceState(kind, self.source.state_dict()) if self._has_state() else None

    def resume(self, saved: SourceState | None, inside: bool) -> bool:
        """Go on from a state, inside an epoch or at its end; return True if that is possible.

        A state that does not fit is left out, with a warning.
        """
        if saved is None or (saved.complete and not inside):
            return False
        if saved.kind != type(self.source).__name__:
            return False
        try:
            start = self._load(saved.state)
            start = 0 if self.steps is None and not inside else start
        except (ValueError, TypeError, KeyError) as error:
            warnings.warn(
                f"{self.name} begins anew, because the saved state of {saved.kind} does not fit: "
                f"{error}; give seed= to begin anew without this warning",
                stacklevel=5,
            )
            return False
        self._first, self._at_begin = [], True
        self._begin_pass()
        assert self._iterator is not None
        self._read = len([*itertools.islice(self._iterator, start)])
        self._resumed = True
        return True

    def _has_state(self) -> bool:
        return all(hasattr(self.source, name) for name in ("state_dict", "load_state_dict"))

    def _load(self, state: dict[str, Any]) -> int:
        """Give the source its state; return the number of batches to leave out.

        Raises: ValueError if it does not fit.
        """
        if not isinstance(self.source, list | tuple):
            self.source.load_state_dict(state)
            return 0
        read, n = state.get("read"), len(self.source)
        if state.get("batches") != n or type(read) is not int or not 0 <= read <= n:
            raise ValueError(
                f"it is after batch {read} of {state.get('batches')}, but has {n} here"
            )
        return read

    def begin(self) -> None:
        """Begin an epoch."""
        if self.steps is None and not self._at_begin:
            self._begin_pass()
        self._at_begin = False

    def ahead(self, step: int, n: int) -> Sequence[Any]:
        """Read the next `n` batches of the epoch, or fewer at its end.

        Raises: ValueError if the source has ended before.
        """
        if self.steps is not None:
            n = min(n, self.steps - step)
        batches = self._next(n)
        missing = n - len(batches)
        while self.steps is not None and missing and self._can_begin_again():
            self._begin_pass()
            batches += self._next(missing)
            missing = n - len(batches)
        if missing and (self.steps is not None or step + len(batches) == 0):
            asked = "" if self.steps is None else f" of {self.steps}"
            raise ValueError(
                f"{self.name} ended after {step + len(batches)}{asked} steps of the epoch; a "
                "generator can be read only once: give the function that makes it, "
                "steps= as many as there are, or a list of batches"
            )
        return batches

    def taken(self, ahead: Sequence[Any], order: Any) -> list[Batch]:
        """Return the shares in the batches that were read."""
        return [self.share.of_batch(batch) for batch in ahead]

    def _can_begin_again(self) -> bool:
        started = self._read > 0 or self._resumed
        return started and (callable(self.source) or iter(self.source) is not self.source)

    def _begin_pass(self) -> None:
        source: Any = self.source
        if not isinstance(source, Iterable):
            source = source()
        self._iterator, self._read, self._resumed = iter(source), 0, False

    def _next(self, n: int) -> list[Batch]:
        """Return the next `n` batches of the source, or fewer at its end.

        Raises: TypeError or ValueError if one does not fit.
        """
        batches, self._first = self._first[:n], self._first[n:]
        assert self._iterator is not None
        while len(batches) < n:
            item = next(self._iterator, None)
            if item is None:
                break
            self._read += 1
            batches.append(self._checked(item))
        return batches

    def _checked(self, item: Any) -> Batch:
        """Check and convert a batch.

        Raises: TypeError if it has another form; ValueError if it has another shape than the first.
        """
        where = f"batch {self._read} of {self.name}"
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            what = f"a {type(item).__name__}"
            if isinstance(item, tuple | list):
                what += f" of length {len(item)}"
            raise TypeError(f"{where} is {what}; {FORM}")
        X, y, weights = (*item, None)[:3]
        batch = pair(X, y, self.dtype, (f"X in {where}", f"y in {where}"), weights)
        batch = Batch(each(self._convert, batch.X), batch.y, batch.weights)
        if batch.y.dtype.kind == "f":
            batch = batch._replace(y=batch.y.astype(self.dtype, copy=False))
        shapes = [a.shape[1:] for a in (*arrays_of(batch.X), batch.y)]
        if self._shapes and shapes != self._shapes:
            raise ValueError(
                f"{where} has samples and targets of the shapes {shapes}, but those before have "
                f"{self._shapes}; all batches need the same, except for the number of samples"
            )
        self._shapes = shapes
        return batch

    def _convert(self, array: np.ndarray) -> np.ndarray:
        return converted(array, self.dtype)


def is_many_batches(data: Any) -> bool:
    """Return True for batches that can be read again: a function, a list of tuples, an object."""
    if isinstance(data, list):  # of batches or, in place of a tuple, of X and y
        return len(data) > 0 and all(
            isinstance(item, tuple) and all(np.ndim(part) or part is None for part in item[1:])
            for item in data
        )
    if isinstance(data, tuple):
        return False
    if isinstance(data, Iterator | dict | str | np.ndarray) or hasattr(data, "__array__"):
        return False
    return callable(data) or isinstance(data, Iterable)


def over_batches(source: Any, function: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Join the results of a function of each item of an iterator, or of what a function returns.

    Raises: the error of an item, with its number in a note; ValueError if there are none.
    """
    results = []
    for item in source() if callable(source) else source:
        try:
            results.append(function(item))
        except (TypeError, ValueError) as error:
            error.add_note(f"raised by batch {len(results) + 1} of X, counted from 1")
            raise
    if not results:
        raise ValueError(
            "X yielded no batch; an iterator can be read only once: give the function that makes it"
        )
    return np.concatenate(results)
