"""An optimizer's parameters in one long array, so that a step is a few calls on long arrays."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.optim.threads import cores

# Bytes of each array that an update works on at a time: few enough to stay in the caches from one
# pass over them to the next, and enough for the calls themselves not to count.
BLOCK = 1 << 20
SMALL = 1 << 16  # bytes: shorter parameters share a block, for which their gradients are copied
LARGE = 1 << 24  # bytes: from here on, another thread takes less time than it saves


class Block:
    """A stretch of an arena: weights, what the optimizer remembers of them, and room to work."""

    __slots__ = ("_buffer", "_sources", "scratch", "states", "w")

    def __init__(
        self, arena: "Arena", room: np.ndarray, start: int, stop: int, slots: Sequence["Slot"]
    ) -> None:
        self.w = arena.values[start:stop]
        self.states = [state[start:stop] for state in arena.states]
        self.scratch, self._buffer = room[:, : stop - start]
        self._sources = [  # whose gradient, which part of it, where in this block
            (slot.index, slice(max(start - slot.start, 0), stop - slot.start), slot.within(start))
            for slot in slots
        ]

    def gradient(self, gradients: Sequence[Any]) -> np.ndarray:
        """The gradient of the weights of this block, from the flat gradients of all parameters."""
        index, part, _ = self._sources[0]
        g = gradients[index]
        if len(self._sources) == 1 and g.dtype == self._buffer.dtype:
            return g[part]  # read where it lies; those of several parameters are copied together
        for index, part, at in self._sources:
            self._buffer[at] = gradients[index][part]
        return self._buffer


class Slot:
    """Where a parameter, the one at `index` in its optimizer, lies in its arena."""

    __slots__ = ("index", "parameter", "start", "stop", "view")

    def __init__(self, index: int, parameter: tg.Tensor, start: int) -> None:
        self.index = index
        self.parameter = parameter
        self.start = start
        self.stop = start + reals(parameter.data).size
        self.view: np.ndarray | None = None

    def within(self, start: int) -> slice:
        """Where this parameter lies in an array that begins at `start` of the arena."""
        return slice(max(self.start - start, 0), self.stop - start)

    def of(self, array: np.ndarray) -> np.ndarray:
        """The part of an arena's array that belongs to this parameter, in its shape."""
        part = array[self.start : self.stop]
        if self.parameter.dtype.kind == "c":
            part = part.view(np.result_type(part.dtype, np.complex64))
        return part.reshape(self.parameter.shape)


class Arena:
    """Parameters of one dtype (a complex one: pairs of reals) and what is remembered of them.

    A parameter's array becomes a view of `values`. If anything puts another array in its place, all
    are gathered into a new one, and nobody who still holds the old array sees it change.
    """

    def __init__(self, parameters: dict[int, tg.Tensor], states: int) -> None:
        # Small ones last, next to each other, so that they share blocks.
        order = sorted(parameters, key=lambda i: reals(parameters[i].data).nbytes < SMALL)
        self.slots: list[Slot] = []
        stop = 0
        for i in order:
            self.slots.append(Slot(i, parameters[i], stop))
            stop = self.slots[-1].stop
        dtype = reals(parameters[order[0]].data).dtype
        # In half precision g^2 would underflow below g = 2e-4.
        self.dtype = np.result_type(dtype, np.float32)
        self.states = [np.zeros(stop, self.dtype) for _ in range(states)]
        self.length = max(BLOCK // self.dtype.itemsize, 1)  # of a block
        # Two rows for each thread: to work in, and for gradients that are copied together.
        threads = cores() if stop * self.dtype.itemsize >= LARGE else 1
        self.rooms = [np.empty((2, min(stop, self.length)), self.dtype) for _ in range(threads)]
        self.values = np.empty(0, dtype)
        self._present: list[bool] | None = None
        self._lanes: list[list[Block]] = []

    def lanes(self, present: list[bool]) -> list[list[Block]]:
        """Blocks that cover the parameters present in this step, and no other, for each thread."""
        if any(slot.parameter.data is not slot.view for slot in self.slots):
            self._gather()
        if present != self._present:
            stretches = self._cut([slot for slot in self.slots if present[slot.index]])
            share = -(-len(stretches) // len(self.rooms)) or 1
            self._lanes = [
                [Block(self, room, *stretch) for stretch in stretches[i * share : (i + 1) * share]]
                for i, room in enumerate(self.rooms)
            ]
            self._present = present
        return self._lanes

    def written(self) -> None:
        """Tell the engine that the parameters present in this step were written to in place."""
        for slot in self.slots:
            if self._present and self._present[slot.index]:
                slot.parameter.data = slot.view

    def _gather(self) -> None:
        arrays = [slot.parameter.data for slot in self.slots]
        at = [a.__array_interface__["data"][0] for a in arrays if a.size]
        if len(set(at)) < len(at):
            raise ValueError(
                "two different parameters share the memory of their .data, and each would take its "
                "own step in it; to tie weights, use one Tensor in both places"
            )
        self.values = np.concatenate([reals(a) for a in arrays])
        for slot in self.slots:
            slot.view = slot.parameter.data = slot.of(self.values)
        self._present = None

    def _cut(self, slots: list[Slot]) -> list[tuple[int, int, list[Slot]]]:
        """Large parameters cut into equal blocks, small neighbours joined to at most a block."""
        blocks: list[tuple[int, int, list[Slot]]] = []
        run: list[Slot] = []

        def close() -> None:
            if run:
                blocks.append((run[0].start, run[-1].stop, run.copy()))
                run.clear()

        for slot in slots:
            size = slot.stop - slot.start
            if run and (run[-1].stop != slot.start or slot.stop - run[0].start > self.length):
                close()
            if size <= self.length and size * self.values.itemsize < SMALL:
                run.append(slot)
                continue
            close()
            n = -(-size // self.length)
            bounds = [slot.start + size * k // n for k in range(n + 1)]
            blocks += [(a, b, [slot]) for a, b in pairwise(bounds)]
        close()
        return blocks


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
