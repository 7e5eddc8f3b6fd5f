"""Data-parallel training: every process of an MPI job takes its share of each batch.

Run: mpirun -n 4 python program.py
"""

import atexit
import functools
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, argument_text
from nn.data.batches import Share
from nn.module import Module
from nn.optim.base import Optimizer
from nn.training.interruptions import T, is_half_step
from nn.training.messages import (
    EXITED,
    FAILED,
    STOPPED,
    Left,
    Message,
    error_of,
    first_given,
    is_known,
    joined_messages,
    mark,
    origin,
)
from nn.training.processes import Processes, StoppedElsewhere, weighted_sums, without_addresses

__all__ = ["MPI", "average_gradients"]

INSTALL_MPI = (
    "run pip install 'tensorgrad-numpy[mpi]', or pip install mpi4py and use the MPI of your cluster"
)
GRACE = 2.0  # seconds in which the process that made an error ends the others


class MPI(Processes):
    """The processes of an MPI job: `rank` counts them from 0, and `size` is their number.

    Make it in every process. Without `mpirun` it is one process, and every method does what it says
    with that one. All processes make the same calls in the same order; where one of them makes
    another call, raises an error or ends its program, the others raise an error too. An error that
    nothing catches ends all processes.

    Raises: ImportError if mpi4py or an MPI is not installed.
    """

    def __init__(self) -> None:
        self._interface = _interface()
        self._communicator = self._interface.COMM_WORLD
        self.rank: int = self._communicator.Get_rank()
        self.size: int = self._communicator.Get_size()
        if self.size > 1 and not _prepared:
            _prepared.append(self)
            sys.excepthook = self._end_all
            atexit.register(self._wait_for_others)

    def __repr__(self) -> str:
        return f"MPI(rank {self.rank} of {self.size})"

    def share(self, samples: Any) -> Any:
        """Return the samples of a batch that are this process's share, as a view.

        Shapes: (N, ...) -> (n, ...), where n is N / size, or the next integer below or above.
        Raises: ValueError if there are fewer samples than processes.
        """
        N = len(samples)
        if self.size > N:
            raise ValueError(
                f"a batch of {N} samples has no share for each of {self.size} processes; take a "
                "larger batch_size, leave the last batch out, or run fewer processes"
            )
        return samples[Share(self.rank, self.size).of(0, N)]

    def broadcast(self, module: Module) -> None:
        """Give each process the parameters and buffers that the module has in process 0.

        Raises: ValueError, in each process, if the modules differ in their names, shapes or dtypes.
        """
        state = module.state_dict()
        self.agree("the module", [f"{k} {a.shape} {a.dtype}" for k, a in state.items()])
        for array in state.values():
            self.copy_from_first(array)
        module.load_state_dict(state)

    def mean(self, value: float, samples: float = 1) -> float:
        """Return the mean of a number over the processes, weighted by their samples.

        Raises: ValueError, in each process, if there are no samples in any.
        """
        own = (float(value) * samples, samples)
        total, count = self.exchange("mean", (), own, _add_pairs)
        if not count:
            raise ValueError("there is no mean over the processes, because none has samples")
        return total / count

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over the processes.

        Shapes: (...), the same in each process -> (...).
        Raises: ValueError, in each process, if the shapes or dtypes differ.
        """
        out = np.array(array, order="C")
        self.exchange("sum", [f"an array {out.shape} {out.dtype}"])
        self.sum_in_place(out)
        return out

    def agree(self, what: str, values: Sequence[str]) -> None:
        """Check that a list of texts is the same in each process, and wait for all of them.

        Raises: ValueError, in each process, with the first difference.
        """
        self.exchange(what, values)

    def first(self, function: Callable[[], T]) -> T:
        """Call a function in process 0 and, when it is done, in the others, such as a download.

        Raises: its error, in each process.
        """

        def in_turn() -> T:
            if self.rank:
                self.agree("the call that process 0 makes first", [])
            result = function()
            if not self.rank:
                self.agree("the call that process 0 makes first", [])
            return result

        return self.together(in_turn)

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
        process that has one; RuntimeError if it makes another call or has ended.
        """
        if self.size == 1:
            return value
        message = Message(self.rank, call, tuple(same), value)
        found = self._reduced(message, functools.partial(joined_messages, combine or first_given))
        if isinstance(found, Message):
            return found.value
        if found.way == STOPPED:
            raise StoppedElsewhere(found.text)
        raise error_of(found)

    def sum_in_place(self, array: np.ndarray) -> None:
        """Replace a contiguous array by its sum over the processes, in one Allreduce.

        Shapes: (...), the same in each process.
        """
        if self.size > 1:
            self._communicator.Allreduce(self._interface.IN_PLACE, array)

    def copy_from_first(self, array: np.ndarray) -> None:
        """Replace an array by that of process 0.

        Shapes: (...), the same in each process.
        """
        if self.size > 1:
            row = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            self._communicator.Bcast(row, root=0)
            array[...] = row.view(array.dtype).reshape(array.shape)

    def together(self, function: Callable[[], T]) -> T:
        """Call a function; an error that it has here is one in each process.

        Raises: its error.
        """
        try:
            return function()
        except BaseException as error:
            if self.size > 1 and not is_known(error):
                if is_half_step(error):  # the others may wait for the other half
                    self._end_all(type(error), error, error.__traceback__)
                text = str(error) or "without a message"
                self._leave(FAILED, type(error).__name__, text)
                mark(error, self.rank)
            raise

    def stop(self, reason: str) -> str:
        """End a training in all processes; return the reason of the first that has one.

        Raises: the error of another process.
        """
        if self.size == 1:
            return reason
        found = self._leave(STOPPED, "", reason)
        if found.way == FAILED:
            raise error_of(found)
        return found.text

    def complete(self, function: Callable[[], T]) -> T:
        """Call a function that the others wait for, so that an error in it ends all processes."""
        try:
            return function()
        except BaseException as error:
            if self.size > 1:
                self._end_all(type(error), error, error.__traceback__)
            raise

    def _reduced(self, message: Any, join: Callable[[Any, Any], Any]) -> Any:
        return self._communicator.allreduce(message, op=join)

    def _leave(self, way: int, kind: str, text: str) -> Any:
        """Take part in the next call of the others, in order to leave them."""
        return self._reduced(
            Left(self.rank, way, kind, text), functools.partial(joined_messages, first_given)
        )

    def _wait_for_others(self) -> None:
        """Wait at the end of the program for the ends of the others, whose calls are errors now."""
        while not self._interface.Is_finalized():
            found = self._leave(EXITED, "", "")
            if found.way == EXITED:
                return

    def _end_all(self, kind: type[BaseException], error: BaseException, where: Any) -> None:
        """Print an error and end all processes."""
        if origin(error, self.rank) != self.rank:
            time.sleep(GRACE)  # the process that it comes from prints it, with its traceback
        if sys.stderr is not None:
            print(f"error in process {self.rank} of {self.size}:", file=sys.stderr)
            traceback.print_exception(kind, error, where)
            sys.stderr.flush()
        self._communicator.Abort(1)


def average_gradients(
    optimizer: Optimizer, processes: MPI | None = None, *, samples: float = 1
) -> None:
    """Replace the gradients of an optimizer's parameters by their means over the processes.

    Call it after `backward` and before `optimizer.step()`. `samples`, the number of those that the
    gradients here are the mean of, weights the processes. It is one Allreduce of all gradients.
    Raises: ValueError, in each process, if the parameters or the settings of the optimizers differ.
    """
    together: Processes = processes or MPI()
    together.together(lambda: _mean_gradients(optimizer, together, samples))


def _mean_gradients(optimizer: Optimizer, processes: Processes, samples: float) -> None:
    if not (isinstance(samples, NUMBER) and samples > 0):
        raise ValueError(f"samples must be a number above 0, not {argument_text(samples)}")
    parameters = optimizer.parameters
    texts = []
    if _checked.get(optimizer) != (key := tuple(map(id, parameters))):
        described = (f"the parameter {p.name} {p.shape} {p.dtype}" for p in parameters)
        texts = [without_addresses(optimizer), *described]
    own = [p.grad is not None for p in parameters], samples
    present, total = processes.exchange("the optimizer", texts, own, _either)
    _checked[optimizer] = key

    def average() -> None:
        chosen = [p for p, is_there in zip(parameters, present) if is_there]
        grads = [np.zeros_like(p.data) if p.grad is None else p.grad.data for p in chosen]
        for p, mean in zip(chosen, weighted_sums(processes, grads, samples / total)):
            p.grad = tg.Tensor(mean)

    processes.complete(average)


_checked: WeakKeyDictionary[Optimizer, tuple[int, ...]] = WeakKeyDictionary()
_prepared: list[MPI] = []  # at most one, whose process ends the others if it fails


def _add_pairs(a: Any, b: Any) -> Any:
    return a[0] + b[0], a[1] + b[1]


def _either(a: Any, b: Any) -> Any:
    return [x or y for x, y in zip(a[0], b[0])], a[1] + b[1]


def _interface() -> Any:
    """Import the module of mpi4py that speaks to MPI.

    Raises: ImportError if it or an MPI is not installed.
    """
    try:
        import mpi4py.MPI
    except ImportError as error:
        raise ImportError(f"mpi4py, which MPI needs, is not installed; {INSTALL_MPI}") from error
    except RuntimeError as error:  # of mpi4py, without a library that it can load
        raise ImportError(f"mpi4py finds no MPI ({error}); {INSTALL_MPI}") from error
    return mpi4py.MPI
