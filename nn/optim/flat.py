"""An optimizer's parameters in one long array, so that a step is a few calls on long arrays."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.optim.threads import cores

# Bytes of each array that an update works on at a time: few enough to stay in the caches from one
# pass over them to the next, and enough for the calls themselves not to count.
CHUNK_BYTES = 1 << 20
SMALL_BYTES = 1 << 16  # bytes: parameters below share a chunk, and their gradients are copied
LARGE = 1 << 24  # bytes: from here on, another thread takes less time than it saves


class Chunk:
    """Part of a flat array: weights, the optimizer's states for them, and scratch memory."""

    __slots__ = ("_buffer", "_sources", "scratch", "states", "w")

    def __init__(
        self,
        flat: "FlatParameters",
        room: np.ndarray,
        start: int,
        stop: int,
        segments: Sequence["Segment"],
    ) -> None:
        self.w = flat.values[start:stop]
        self.states = [state[start:stop] for state in flat.states]
        self.scratch, self._buffer = room[:, : stop - start]
        # Per segment: the parameter's index, the part of its gradient, its place in this chunk.
        self._sources = [
            (
                segment.index,
                slice(max(start - segment.start, 0), stop - segment.start),
                segment.within(start),
            )
            for segment in segments
        ]

    def gradient(self, gradients: Sequence[Any]) -> np.ndarray:
        """The gradient of the weights of this chunk, from the flat gradients of all parameters."""
        index, part, _ = self._sources[0]
        g = gradients[index]
        if len(self._sources) == 1 and g.dtype == self._buffer.dtype:
            return g[part]  # read where it lies; those of several parameters are copied together
        for index, part, at in self._sources:
            self._buffer[at] = gradients[index][part]
        return self._buffer


class Segment:
    """Where a parameter, the one at `index` in its optimizer, lies in the flat array."""

    __slots__ = ("index", "parameter", "start", "stop", "view")

    def __init__(self, index: int, parameter: tg.Tensor, start: int) -> None:
        self.index = index
        self.parameter = parameter
        self.start = start
        self.stop = start + reals(parameter.data).size
        self.view: np.ndarray | None = None

    def within(self, start: int) -> slice:
        """Where this parameter lies in an array that begins at `start` of the flat array."""
        return slice(max(self.start - start, 0), self.stop - start)

    def of(self, array: np.ndarray) -> np.ndarray:
        """The part of an flat array's array that belongs to this parameter, in its shape."""
        part = array[self.start : self.stop]
        if self.parameter.dtype.kind == "c":
            part = part.view(np.result_type(part.dtype, np.complex64))
        return part.reshape(self.parameter.shape)


class FlatParameters:
    """Parameters of one dtype (a complex one: pairs of reals) and what is remembered of them.

    A parameter's array becomes a view of `values`. If anything puts another array in its place, all
    are gathered into a new one, and nobody who still holds the old array sees it change.
    """

    def __init__(self, parameters: dict[int, tg.Tensor], states: int) -> None:
        # Small ones last, next to each other, so that they share chunks.
        order = sorted(parameters, key=lambda i: reals(parameters[i].data).nbytes < SMALL_BYTES)
        self.segments: list[Segment] = []
        stop = 0
        for i in order:
            self.segments.append(Segment(i, parameters[i], stop))
            stop = self.segments[-1].stop
        dtype = reals(parameters[order[0]].data).dtype
        # In half precision g^2 would underflow below g = 2e-4.
        self.dtype = np.result_type(dtype, np.float32)
        self.states = [np.zeros(stop, self.dtype) for _ in range(states)]
        self.length = max(CHUNK_BYTES // self.dtype.itemsize, 1)  # of a chunk
        # Two rows for each thread: to work in, and for gradients that are copied together.
        threads = cores() if stop * self.dtype.itemsize >= LARGE else 1
        self.rooms = [np.empty((2, min(stop, self.length)), self.dtype) for _ in range(threads)]
        self.values = np.empty(0, dtype)
        self._present: list[bool] | None = None
        self._lanes: list[list[Chunk]] = []

    def lanes(self, present: list[bool]) -> list[list[Chunk]]:
        """Chunks that cover the parameters present in this step, and no other, for each thread."""
        if any(segment.parameter.data is not segment.view for segment in self.segments):
            self._gather()
        if present != self._present:
            stretches = self._cut([segment for segment in self.segments if present[segment.index]])
            share = -(-len(stretches) // len(self.rooms)) or 1
            self._lanes = [
                [Chunk(self, room, *stretch) for stretch in stretches[i * share : (i + 1) * share]]
                for i, room in enumerate(self.rooms)
            ]
            self._present = present
        return self._lanes

    def written(self) -> None:
        """Tell the engine that the parameters present in this step were written to in place."""
        for segment in self.segments:
            if self._present and self._present[segment.index]:
                segment.parameter.data = segment.view

    def _gather(self) -> None:
        arrays = [segment.parameter.data for segment in self.segments]
        at = [a.__array_interface__["data"][0] for a in arrays if a.size]
        if len(set(at)) < len(at):
            raise ValueError(
                "two different parameters share the memory of their .data, and each would take its "
                "own step in it; to tie weights, use one Tensor in both places"
            )
        self.values = np.concatenate([reals(a) for a in arrays])
        for segment in self.segments:
            segment.view = segment.parameter.data = segment.of(self.values)
        self._present = None

    def _cut(self, segments: list[Segment]) -> list[tuple[int, int, list[Segment]]]:
        """Large parameters cut into equal chunks, small neighbours joined to at most a chunk."""
        chunks: list[tuple[int, int, list[Segment]]] = []
        run: list[Segment] = []

        def close() -> None:
            if run:
                chunks.append((run[0].start, run[-1].stop, run.copy()))
                run.clear()

        for segment in segments:
            size = segment.stop - segment.start
            if run and (run[-1].stop != segment.start or segment.stop - run[0].start > self.length):
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


def reals(array: np.ndarray) -> np.ndarray:
    """The array as a row of reals, two for each complex number: a view where it is contiguous."""
    flat = array.reshape(-1)
    return flat.view(np.finfo(flat.dtype).dtype) if flat.dtype.kind == "c" else flat


def flush_denormals(state: np.ndarray) -> None:
    """Set to 0 what is about to become denormal.

    The averages of a weight that gets no gradient decay to denormal numbers, with which processors
    calculate many times slower, and stay there. The bound is so far above these that none is met
    before the next flush, and so far below all else that no step changes by what it takes away.
    """
    bound = np.finfo(state.dtype).tiny ** 0.75  # 4e-29 in float32
    np.copyto(state, 0, where=np.abs(state) < bound)
