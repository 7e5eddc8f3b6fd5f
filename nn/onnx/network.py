"""OnnxNetwork: the nodes of an ONNX graph as a module."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.module import Module
from nn.onnx.limits import MAX_RESULTS, Held
from nn.onnx.operators import FIXED_INPUTS

# That the numbers of a file can cause, in functions which take them for right.
FAILURES = (
    TypeError, ValueError, LookupError, AttributeError, ZeroDivisionError, OverflowError,
    MemoryError,
)  # fmt: skip


class Operation(NamedTuple):
    """A node of a graph: a function, the names of its inputs and outputs, and its attributes."""

    op: str
    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    scope: tg.Scope


class OnnxNetwork(Module):
    """A network from an ONNX file: the nodes of its graph, one after another.

    Its parameters are those that the file names in its metadata, or else all arrays of
    floating-point numbers. Running statistics are frozen.
    Shapes: as in the file, where pictures have their channels first.
    """

    def __init__(
        self,
        path: Path,
        operations: list[Operation],
        arrays: dict[str, np.ndarray],
        inputs: list[str],
        outputs: list[str],
        entries: dict[str, list[str]],
        max_bytes: int = MAX_RESULTS,
    ) -> None:
        self.path = str(path)
        self.input_names, self.output_names = tuple(inputs), tuple(outputs)
        self.operations = tuple(operations)
        self.max_bytes = max_bytes
        pairs = ((op.inputs, FIXED_INPUTS.get(op.op, ())) for op in operations)
        fixed = {names[k] for names, places in pairs for k in places if k < len(names)}
        fixed |= {*entries.get("frozen", ())}
        known = entries.get("parameters")
        self.tensors: dict[str, tg.Tensor] = {}
        self.constants: dict[str, np.ndarray] = {}
        for name, array in arrays.items():
            learns = array.ndim > 0 if known is None else name in known
            if array.dtype.kind == "f" and learns:
                self.tensors[name] = tg.Tensor(array, requires_grad=True, name=name)
                self.tensors[name].requires_grad = name not in fixed
            else:
                self.constants[name] = array
        self._ended = self._last_uses()

    def _members(self) -> Iterator[tuple[str, Any]]:
        return iter(self.tensors.items())

    def config(self) -> dict[str, Any]:
        """Refuse, because a network from a file has no constructor's arguments.

        Raises: TypeError.
        """
        raise TypeError(
            "a network from an ONNX file is saved as one, by network.export('network.onnx', shape)"
        )

    def __repr__(self) -> str:
        return f"OnnxNetwork({self.path!r}, {len(self.operations)} nodes)"

    def forward(self, *inputs: Any) -> Any:
        """Compute the outputs, several as a tuple.

        Shapes: as in the file.
        Raises: ValueError for another number of inputs, or if a node cannot be computed, as if its
        results need more than `max_bytes` together with those before it that are still needed.
        """
        if len(inputs) != len(self.input_names):
            raise ValueError(
                f"{self!r} takes {len(self.input_names)} inputs, {', '.join(self.input_names)}, "
                f"but got {len(inputs)}"
            )
        values: dict[str, Any] = self.constants | self.tensors
        values |= dict(zip(self.input_names, inputs, strict=True))
        held = Held(self.max_bytes)
        for operation, ended in zip(self.operations, self._ended, strict=True):
            values |= zip(operation.outputs, self._computed(operation, values, held), strict=False)
            for name in ended:
                values.pop(name, None)
                held.free(name)
        found = self._found(values, self.output_names)
        return found[0] if len(found) == 1 else found

    def _last_uses(self) -> list[list[str]]:
        """List for each node the results that no node after it needs."""
        needed, last = {*self.output_names, *self.constants, *self.tensors, ""}, []
        for operation in reversed(self.operations):
            ended = {*operation.inputs, *operation.outputs} - needed
            last.append(sorted(ended))
            needed |= ended
        return last[::-1]

    def _found(self, values: dict[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
        """Return the values of these names, None for an empty one.

        Raises: ValueError if a node has more outputs than its operator.
        """
        for name in names:
            if name and name not in values:
                node = next(op for op in self.operations if name in op.outputs)
                raise ValueError(
                    f"{self.path}: the node {node.name} has the output {name}, but the function of "
                    f"{node.op} returns fewer"
                )
        return tuple(values[name] if name else None for name in names)

    def _computed(
        self, operation: Operation, values: dict[str, Any], held: Held
    ) -> tuple[Any, ...]:
        """Return the outputs of a node, with its name in errors."""
        given = self._found(values, operation.inputs)
        try:
            held.check(operation.op, given, operation.attributes)
            found = operation.scope.run(operation.function, given, operation.attributes)
        except tg.Untraceable:
            raise
        except FAILURES as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self.path}: the node {operation.name}: {error}") from error
        results = found if isinstance(found, tuple) else (found,)
        for name, result in zip(operation.outputs, results, strict=False):
            held.add(name, result, list(zip(operation.inputs, given, strict=True)))
        return results
