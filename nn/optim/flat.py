"""An optimizer's parameters in one long array, so that a step is a few calls on long arrays."""

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.optim.threads import cores

# Bytes of each array that one update works on: few enough to stay in the cache from one pass to the
# next, and enough to make the overhead of the calls small.
CHUNK_BYTES = 1 << 20
SMALL_BYTES = 1 << 16  # smaller parameters share a chunk, and their gradients are copied together
THREADED_BYTES = 1 << 24  # from this size on, another thread saves more time than it costs


class Chunk:
    """Part of the flat arrays: weights, the optimizer's states for them, and scratch memory."""

    __slots__ = ("_sources", "buffer", "missed", "scratch", "states", "w")

    def __init__(
        self,
        flat: "FlatParameters",
        memory: np.ndarray,
        start: int,
        stop: int,
        segments: Sequence["Segment"],
    ) -> None:
        shape = segments[0].parameter.shape if flat.whole else (stop - start,)
        self.w = flat.values[start:stop].reshape(shape)
        self.states = [state[start:stop].reshape(shape) for state in flat.states]
        self.missed = int(flat.missed[segments[0].number])  # the same for all segments
        self.scratch, self.buffer = memory[:, : stop - start].reshape(2, *shape)
        # Per segment: the parameter's index, the part of its gradient, its place in this chunk.
        self._sources = [
            (
                segment.index,
                slice(max(start - segment.start, 0), stop - segment.start),
                segment.within(start),
            )
            for segment in segments
        ]

    def rule(self, optimizer: Any) -> Any:
        """Return the optimizer, which has taken as many steps as these weights have.

        Corrections for averages that start at 0 depend on it: a parameter that was frozen at first
        would begin with steps several times too large.
        """
        if not self.missed:
            return optimizer
        late = copy.copy(optimizer)
        late.iterations -= self.missed
        return late

    def gradient(self, gradients: Sequence[Any]) -> np.ndarray:
        """Return the gradient of this chunk's weights, given those of all parameters.

        Shapes: each of `gradients` (size of its parameter,) -> that of the weights.
        """
        index, part, _ = self._sources[0]
        g = gradients[index]
        if len(self._sources) == 1 and g.dtype == self.buffer.dtype:
            # a view; the gradients of several parameters are copied together
            return g[part].reshape(self.w.shape)
        row = self.buffer.reshape(-1)
        for index, part, at in self._sources:
            row[at] = gradients[index][part]
        return self.buffer


class Segment:
    """The place in the flat array, and among the segments, of an optimizer's parameter `index`."""

    __slots__ = ("index", "number", "parameter", "start", "stop", "view")

    def __init__(self, index: int, number: int, parameter: tg.Tensor, start: int) -> None:
        self.index = index
        self.number = number
        self.parameter = parameter
        self.start = start
        self.stop = start + reals(parameter.data).size
        self.view: np.ndarray | None = None

    def within(self, start: int) -> slice:
        """Return this parameter's place in an array that begins at `start` of the flat array."""
        return slice(max(self.start - start, 0), self.stop - start)

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return the part of a flat array that belongs to this parameter, in its shape.

        Shapes: array (n,) -> the parameter's.
        """
        part = array[self.start : self.stop]
        if self.parameter.dtype.kind == "c":
            part = part.view(np.result_type(part.dtype, np.complex64))
        return part.reshape(self.parameter.shape)


class FlatParameters:
    """Parameters of one dtype, and their states; a complex parameter is pairs of reals.

    Each parameter's array becomes a view of `values`. If one is replaced by another array, all are
    gathered into a new `values`, so that a user's reference to the old array does not change.
    `missed` counts for each segment the steps of the optimizer that its parameter took no part in,
    at the start those taken before.

    Raises: TypeError if a parameter is complex, and they are updated as `whole` ones.
    """

    def __init__(
        self, parameters: dict[int, tg.Tensor], states: int, *, group: int = 0, whole: bool = False,
        before: int = 0,
    ) -> None:  # fmt: skip
        self.group = group  # number in the optimizer
        self.whole = whole  # each parameter is a chunk of its own, in its shape
        if whole and any(p.dtype.kind == "c" for p in parameters.values()):
            raise TypeError(
                "this optimizer looks at whole parameters of real numbers, but one is complex; "
                "use another one, such as nn.Adam, for it"
            )
        # Small parameters come last, next to each other, so that they share chunks.
        order = sorted(parameters, key=lambda i: reals(parameters[i].data).nbytes < SMALL_BYTES)
        self.segments: list[Segment] = []
        stop = 0
        for number, i in enumerate(order):
            self.segments.append(Segment(i, number, parameters[i], stop))
            stop = self.segments[-1].stop
        self.missed = np.full(len(order), before)
        dtype = reals(parameters[order[0]].data).dtype
        # At least float32, because in half precision g^2 underflows below g = 2e-4.
        self.dtype = np.result_type(dtype, np.float32)
        self.states = [np.zeros(stop, self.dtype) for _ in range(states)]
        largest = max(segment.stop - segment.start for segment in self.segments)
        self.length = largest if whole else max(CHUNK_BYTES // self.dtype.itemsize, 1)  # of a chunk
        # Two rows for each thread: scratch memory, and gradients that are copied together.
        threads = cores() if stop * self.dtype.itemsize >= THREADED_BYTES else 1
        self.memory = [np.empty((2, min(stop, self.length)), self.dtype) for _ in range(threads)]
        self.values = np.empty(0, dtype)
        self._present: list[bool] | None = None
        self._chunks: list[list[Chunk]] = []

    def chunks(self, present: list[bool]) -> list[list[Chunk]]:
        """List for each thread its chunks; they cover exactly the parameters present in this step.

        Raises: ValueError if two parameters share memory.
        """
        if any(segment.parameter.data is not segment.view for segment in self.segments):
            self._gather()
        if present != self._present:
            stretches = self._cut([segment for segment in self.segments if present[segment.index]])
            share = -(-len(stretches) // len(self.memory)) or 1
            self._chunks = [
                [Chunk(self, rows, *stretch) for stretch in stretches[i * share : (i + 1) * share]]
                for i, rows in enumerate(self.memory)
            ]
            self._present = present
        return self._chunks

    def mark_written(self) -> None:
        """Tell the engine that this step wrote to its parameters in place, and count the others."""
        for segment in self.segments:
            if self._present and self._present[segment.index]:
                segment.parameter.data = segment.view
            else:
                self.missed[segment.number] += 1

    def _gather(self) -> None:
        """Copy all parameters into a new `values`, and make their arrays views of it.

        Raises: ValueError if two parameters share memory.
        """
        arrays = [segment.parameter.data for segment in self.segments]
        at = [a.__array_interface__["data"][0] for a in arrays if a.size]
        if len(set(at)) < len(at):
            raise ValueError(
                "two different parameters share the memory of their .data, which each would "
                "update; to tie weights, use one Tensor in both places"
            )
        self.values = np.concatenate([reals(a) for a in arrays])
        for segment in self.segments:
            segment.view = segment.parameter.data = segment.of(self.values)
        self._present = None

    def _cut(self, segments: list[Segment]) -> list[tuple[int, int, list[Segment]]]:
        """Cut large parameters into equal stretches, and join small neighbours to one stretch."""
        if self.whole:
            return [(segment.start, segment.stop, [segment]) for segment in segments]
        chunks: list[tuple[int, int, list[Segment]]] = []
        run: list[Segment] = []

        def close() -> None:
            if run:
                chunks.append((run[0].start, run[-1].stop, run.copy()))
                run.clear()

        for segment in segments:
            size = segment.stop - segment.start
            if run and not self._can_share(run, segment):
                close()
            if size <= self.length and size * self.values.itemsize < SMALL_BYTES:
                run.append(segment)
                continue
            close()
            n = -(-size // self.length)
            bounds = [segment.start + size * k // n for k in range(n + 1)]
            chunks += [(a, b, [segment]) for a, b in pairwise(bounds)]
        close()
        return chunks

    def _can_share(self, run: list[Segment], segment: Segment) -> bool:
        """Return True if a segment can follow others in one chunk."""
        apart = run[-1].stop != segment.start or segment.stop - run[0].start > self.length
        return not apart and self.missed[run[0].number] == self.missed[segment.number]


def make_flats(optimizer: Any, groups: Sequence[Any]) -> list[FlatParameters]:
    """Make one FlatParameters for each group and dtype among an optimizer's parameters."""
    kinds: dict[Any, dict[int, tg.Tensor]] = {}
    numbers = (k for k, group in enumerate(groups) for _ in group["parameters"])
    for i, (k, p) in enumerate(zip(numbers, optimizer.parameters)):
        kinds.setdefault((k, reals(p.data).dtype), {})[i] = p
    shared = {"whole": optimizer.whole, "before": optimizer.iterations}
    return [
        FlatParameters(members, len(optimizer.states), group=k, **shared)
        for (k, _), members in kinds.items()
    ]


def by_parameter(flats: Sequence[FlatParameters]) -> list[tuple[Segment, FlatParameters]]:
    """List the segment of each parameter, in the order of the parameters."""
    pairs = [(segment, flat) for flat in flats for segment in flat.segments]
    return sorted(pairs, key=lambda pair: pair[0].index)


def reals(array: np.ndarray) -> np.ndarray:
    """Return an array as a row of reals, two for each complex number; a view if it is contiguous.

    Shapes: (...) -> (n,).
    """
    flat = array.reshape(-1)
    return flat.view(np.finfo(flat.dtype).dtype) if flat.dtype.kind == "c" else flat


def flush_denormals(state: np.ndarray) -> None:
    """Set numbers to 0 that would soon become denormal.

    The averages of a weight that gets no gradient decay to denormal numbers, which make processors
    many times slower. The bound is so large that no number becomes denormal before the next flush,
    and so small that flushing changes no step.

    Shapes: state (n,).
    """
    bound = np.finfo(state.dtype).tiny ** 0.75  # 4e-29 in float32
    np.copyto(state, 0, where=np.abs(state) < bound)
