"""The processes that train together: a single one here, those of an MPI job in nn.distributed."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nn.config import argument_text
from nn.training.interruptions import T


class StoppedElsewhere(Exception):
    """The end of the training in another process, for the reason that it gives."""


class Processes:
    """Processes of which `rank` is this one, and `size` the number; here there is only one."""

    rank: int = 0
    size: int = 1

    def exchange(
        self,
        call: str,
        same: Sequence[str] = (),
        value: Any = None,
        combine: Callable[[Any, Any], Any] | None = None,
    ) -> Any:
        """Return the values of all processes, combined in their order; all must make this call.

        By default the value is the first one that is not None.
        Raises: ValueError, in each process, if the texts `same` differ; the error of another
        process that has one; StoppedElsewhere if another one has ended the training.
        """
        return value

    def sum_in_place(self, array: np.ndarray) -> None:
        """Replace an array by its sum over the processes.

        Shapes: (...), the same in each process.
        """

    def copy_from_first(self, array: np.ndarray) -> None:
        """Replace an array by that of process 0.

        Shapes: (...), the same in each process.
        """

    def together(self, function: Callable[[], T]) -> T:
        """Call a function; an error that it has here is one in each process.

        Raises: its error.
        """
        return function()

    def stop(self, reason: str) -> str:
        """End a training in all processes; return the reason of the first that has one."""
        return reason

    def complete(self, function: Callable[[], T]) -> T:
        """Call a function that the others wait for, so that an error in it ends all processes."""
        return function()


ALONE = Processes()


def check_processes(processes: Any) -> Processes:
    """Return processes, this one alone for None.

    Raises: TypeError if they are something else.
    """
    if processes is None:
        return ALONE
    if not isinstance(processes, Processes):
        raise TypeError(f"distributed must be nn.distributed.MPI(), not {argument_text(processes)}")
    return processes


def without_addresses(value: Any) -> str:
    """Return the repr of a value without addresses, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def weighted_sums(
    processes: Processes, arrays: Sequence[np.ndarray], weight: float
) -> list[np.ndarray]:
    """Return the sums over the processes of arrays times a weight: one Allreduce for each dtype.

    Shapes: each as it is.
    """
    kinds: dict[Any, list[int]] = {}
    for k, array in enumerate(arrays):
        kinds.setdefault(array.dtype, []).append(k)
    sums = list(arrays)
    for dtype, numbers in kinds.items():
        parts = [arrays[k] for k in numbers]
        for k, total in zip(numbers, _flat_sum(processes, parts, weight)):
            sums[k] = total.astype(dtype, copy=False)
    return sums


def _flat_sum(processes: Processes, parts: list[np.ndarray], weight: float) -> list[np.ndarray]:
    """Add arrays of one dtype as one long array; return the parts of it."""
    stops = np.cumsum([part.size for part in parts]).tolist()
    # MPI cannot add float16.
    flat = np.empty(stops[-1], np.result_type(parts[0].dtype, np.float32))
    places = [slice(stop - part.size, stop) for part, stop in zip(parts, stops)]
    for part, place in zip(parts, places):
        np.multiply(part.reshape(-1), weight, out=flat[place])
    processes.sum_in_place(flat)
    return [flat[place].reshape(part.shape) for part, place in zip(parts, places)]
