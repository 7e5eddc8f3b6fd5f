"""OnnxGraph: the nodes and arrays of an ONNX model while it is made."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.onnx.sizes import BatchSize, Dim, Pattern
from tensorgrad.program.steps import Step, Var, resolved

INT64 = np.dtype(np.int64)
ALIASED = (
    "the function reads an array that shares memory with one that it writes to, which ONNX does "
    "not have; write into a copy"
)


@dataclass
class OnnxNode:
    """A node: an operator, the names of its inputs and outputs, and its attributes."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    name: str

    def attributes_of(self, helper: Any) -> dict[str, Any]:
        """Return the attributes, with a dtype as ONNX numbers it."""
        return {
            key: helper.np_dtype_to_tensor_dtype(x) if isinstance(x, np.dtype) else x
            for key, x in self.attributes.items()
        }


class OnnxGraph:
    """An ONNX graph in the making. A row of the table adds nodes to it, by `node`."""

    def __init__(self, shapes: dict[Var, tuple[Dim, ...]]) -> None:
        self.shapes = shapes
        self.nodes: list[OnnxNode] = []
        self.arrays: dict[str, np.ndarray] = {}  # the initializers
        self.dtypes: dict[str, np.dtype[Any]] = {}
        self.values: dict[Var, str] = {}
        self.taken: set[str] = set()
        self.known: dict[Any, str] = {}  # constants and conversions that exist already
        self.batch = ""  # the name of an input whose first axis is the batch
        self.step = Step("", "", (), {})

    # Names and types

    def named(self, base: str) -> str:
        """Return a new name like this one."""
        name, k = base, 2
        while name in self.taken:
            name, k = f"{base}_{k}", k + 1
        self.taken.add(name)
        return name

    @property
    def outs(self) -> Any:
        """The variables that the current call makes."""
        outs = self.step.outs
        return outs if isinstance(outs, (tuple, list)) else (outs,)

    @property
    def out(self) -> Any:
        """The variable that the current call makes, the first of several, or that it changes."""
        return self.step.args[0] if self.step.outs is None else self.outs[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the current call's result."""
        return self.out.dtype

    def shape(self, x: Any) -> tuple[Dim, ...]:
        """Return the shape of a variable or a constant."""
        if type(x) is Var:
            return self.shapes.get(x, x.shape)
        return x.shape if isinstance(x, Pattern) else np.shape(x)

    def rank(self, x: Any) -> int:
        """Return the number of axes of a variable or a constant."""
        return len(self.shape(x))

    def lengths(self, x: Any, axes: Any = slice(None)) -> tuple[int, ...]:
        """Return the lengths of some axes.

        Raises: Untraceable if one depends on the batch size.
        """
        lengths = self.shape(x)[axes]
        if any(isinstance(n, BatchSize) for n in lengths):
            raise Untraceable(
                "an operator needs to know a length that depends on the batch size; name the "
                "arguments that have the batch as their first axis in batch="
            )
        return lengths

    def dtype_of(self, x: Any) -> Any:
        """Return the dtype of a variable or an array; Python's numbers as they are."""
        if type(x) is Var:
            return x.dtype.type(0).item() if x.weak else x.dtype
        return x.dtype if isinstance(x, (np.ndarray, np.generic, Pattern)) else x

    # Values

    def value(self, x: Any, dtype: Any = None) -> str:
        """Return the name of a variable, a constant or a size, converted to a dtype."""
        if isinstance(x, str):  # a name, or "" for an input that is left out
            return x
        dtype = None if dtype is None else np.dtype(dtype)
        if type(x) is Var:
            x = resolved(x)
            if x not in self.values:
                raise Untraceable(ALIASED)
            return self.converted(self.values[x], dtype)
        if isinstance(x, BatchSize):
            return self.size(x, dtype or INT64)
        if isinstance(x, Pattern):
            return self.converted(self.pattern(x), dtype)
        return self.constant(np.asarray(x, dtype or getattr(x, "dtype", None)))

    def converted(self, name: str, dtype: np.dtype[Any] | None) -> str:
        """Return a value in a dtype, by a node if it has another."""
        if dtype is None or self.dtypes[name] == dtype:
            return name
        key = ("cast", name, dtype)
        if key not in self.known:
            self.known[key] = self.node("Cast", name, to=dtype, dtype=dtype)
        return self.known[key]

    def constant(self, x: np.ndarray, base: str = "constant") -> str:
        """Return the name of a constant array, which equal ones share."""
        if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
            raise Untraceable(f"ONNX models hold real numbers, but a constant has dtype {x.dtype}")
        key = ("constant", x.dtype, x.shape, x.tobytes())
        if key not in self.known:
            self.known[key] = self.array(base, x)
        return self.known[key]

    def array(self, base: str, x: np.ndarray) -> str:
        """Add an initializer; return its name."""
        name = self.named(base)
        self.arrays[name] = x
        self.dtypes[name] = x.dtype
        return name

    def integers(self, *numbers: int) -> str:
        """Return the name of a vector of integers, as many inputs want it."""
        return self.constant(np.array(numbers, np.int64), "axes")

    # Sizes that depend on the batch

    def size(self, x: BatchSize, dtype: np.dtype[Any], *, vector: bool = False) -> str:
        """Return the name of a size, as a number or a vector of one number."""
        key = ("size", x, dtype, vector)
        if key not in self.known:
            self.known[key] = self.new_size(x, dtype, vector)
        return self.known[key]

    def new_size(self, x: BatchSize, dtype: np.dtype[Any], vector: bool) -> str:
        key = ("batch", vector)
        if key not in self.known:
            n = self.node("Shape", self.batch, start=0, end=1, name="batch_size", dtype=INT64)
            axis = self.integers(0)
            self.known[key] = n if vector else self.node("Squeeze", n, axis, dtype=INT64)
        found = self.converted(self.known[key], dtype)
        kind = dtype.type
        if x.inverse:
            return self.node("Div", self.constant(np.asarray(kind(x.factor))), found, dtype=dtype)
        if x.factor != 1:
            found = self.node("Mul", found, self.constant(np.asarray(kind(x.factor))), dtype=dtype)
        if x.offset != 0:
            found = self.node("Add", found, self.constant(np.asarray(kind(x.offset))), dtype=dtype)
        return found

    def shape_input(self, shape: tuple[Dim, ...]) -> str:
        """Return the name of a shape as a vector of integers."""
        if not any(isinstance(n, BatchSize) for n in shape):
            return self.constant(np.array(shape, np.int64), "shape")
        parts = [
            self.size(n, INT64, vector=True) if isinstance(n, BatchSize) else self.integers(n)
            for n in shape
        ]
        return self.node("Concat", *parts, axis=0, name="shape", dtype=INT64)

    def pattern(self, x: Pattern) -> str:
        """Return the name of an array whose shape depends on the batch."""
        if x.value is not None:
            value = self.constant(np.asarray(x.value, x.dtype))
            return self.node("Expand", value, self.shape_input(x.shape), dtype=x.dtype)
        stop = self.size(x.shape[0], INT64)
        zero, one = self.constant(np.int64(0)[...]), self.constant(np.int64(1)[...])
        return self.converted(self.node("Range", zero, stop, one, dtype=INT64), x.dtype)

    # Nodes

    def node(
        self,
        op: str,
        *inputs: Any,
        name: str = "",
        dtype: Any = None,
        outputs: int = 1,
        **attributes: Any,
    ) -> Any:
        """Add a node; return the name of its output, or a tuple of names for several.

        Inputs are names, variables, arrays and numbers; a number gets the dtype of the first of
        the others. `dtype` is that of the result, without it that of the call's.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        given = [x for x in inputs if not isinstance(x, (int, float)) and (type(x) is not str or x)]
        known = (self.dtypes[self.value(x)] for x in given)
        of_numbers = next(known, dtype)
        names = [self.value(x, of_numbers if isinstance(x, (int, float)) else None) for x in inputs]
        base = name or op.lower()
        made = [self.named(base) for _ in range(outputs)]
        for output in made:
            self.dtypes[output] = dtype
        self.nodes.append(OnnxNode(op, names, made, attributes, self.node_name(op)))
        return made[0] if outputs == 1 else tuple(made)

    def node_name(self, op: str) -> str:
        """Return the name of a node: the modules that it comes from, and the operator."""
        path = () if self.step.scope is None else self.step.scope.path
        parts = [part.name or part.kind for part in path if part.name or len(path) == 1]
        return self.named("node:" + "/".join([*parts, op])).removeprefix("node:")

    def transposed(self, x: Any, axes: tuple[int, ...], dtype: Any = None) -> str:
        """Return the name of an array with its axes in another order."""
        name = self.value(x, dtype)
        dtype = self.dtypes[name]
        if axes == tuple(range(len(axes))):
            return name
        return self.node("Transpose", name, perm=list(axes), dtype=dtype)
