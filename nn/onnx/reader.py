"""Reading ONNX files: a network trained elsewhere as a module, to draw, step through and train."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import count, import_extra
from nn.onnx.limits import MAX_RESULTS
from nn.onnx.network import OnnxNetwork, Operation
from nn.onnx.operators import NEEDS_OPSET, NEEDS_OUTPUTS, function_of
from tensorgrad.files import as_path, read_file

# fmt: off
DTYPES = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2",
    11: "<f8", 12: "<u4", 13: "<u8",
}
TYPED = {
    1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data", 13: "uint64_data",
}
# fmt: on
MOST_NODES = 100_000
FACTOR_OPERATORS = {"Div", "Mul", "Pow", "Sqrt"}
TIES = 2  # arrays that may lie in the same place of a file, such as those of tied weights


def from_onnx(
    path: str | os.PathLike[str], outputs: Sequence[str] = (), *, max_bytes: int = MAX_RESULTS
) -> OnnxNetwork:
    """Read an ONNX file as a module, of which the parameters are those of the file.

    `outputs` names the results that it returns; without it they are those of floating-point
    numbers, or all if there are none. Nodes that they do not need are left out. A call of the
    network is refused before its results need more than `max_bytes`.
    Raises: ValueError, with the name of the file, if it is damaged or holds what cannot be read;
    ImportError if onnx is not installed; OSError if there is no such file.
    """
    onnx = import_extra("onnx", "ONNX files are read with the package onnx", "pip install onnx")
    data, limit = read_file(path), count(max_bytes, "max_bytes")
    file = as_path(path)
    try:
        model = onnx.load_model_from_string(data)
        return network_of(ExternalFiles(file), model, list(outputs), limit)
    except UnreadableError as error:
        raise ValueError(f"{file}: {error}") from error
    except Exception as error:  # whatever the decoder of protocol buffers stumbles over
        raise ValueError(
            f"{file}, of {len(data):,} bytes, is damaged or no ONNX file ({error})"
        ) from error


class UnreadableError(ValueError):
    """The part of a file that cannot be read, and the reason."""


class ExternalFiles:
    """The files beside a model that hold its arrays, and how many bytes were asked of each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._asked: dict[str, int] = {}

    def read(self, tensor: Any, size: int) -> bytes:
        """Return the bytes of a tensor.

        Raises: UnreadableError if its file is not in the folder of the model or has not so many
        bytes, or if the tensors of a file are larger than twice the file.
        """
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        folder = os.path.realpath(self.path.parent)
        file = os.path.realpath(os.path.join(folder, location))
        if os.path.commonpath([folder, file]) != folder or not os.path.isfile(file):
            raise UnreadableError(
                f"{tensor.name} is in the file {location!r}, which is not a file in the folder of "
                "the model"
            )
        whole = os.path.getsize(file)
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
        if length != size or offset < 0 or offset + length > whole:
            raise UnreadableError(
                f"{tensor.name} needs {size:,} bytes, but its place in {location!r} has "
                f"{length:,} from {offset:,}"
            )
        self._asked[file] = self._asked.get(file, 0) + size
        if self._asked[file] > TIES * whole:
            raise UnreadableError(
                f"its arrays in {location!r}, up to {tensor.name}, have {self._asked[file]:,} "
                f"bytes, but the file has {whole:,}; so many cannot share places in it"
            )
        with open(file, "rb") as stream:
            stream.seek(offset)
            return stream.read(length)


def network_of(files: ExternalFiles, model: Any, chosen: list[str], max_bytes: int) -> OnnxNetwork:
    """Return the network of a model.

    Raises: UnreadableError if it has what is not known.
    """
    graph = model.graph
    if not graph.output or len(graph.node) > MOST_NODES:
        raise UnreadableError(
            f"its graph has {len(graph.node):,} nodes and {len(graph.output)} results"
        )
    opset = max([o.version for o in model.opset_import if o.domain in ("", "ai.onnx")], default=0)
    outputs = outputs_of_graph(graph, chosen)
    nodes = needed_nodes(graph, outputs)
    wanted = {name for node in nodes for name in node.input} | set(outputs)
    arrays = {a.name: tensor_array(a, files) for a in graph.initializer if a.name in wanted}
    if graph.sparse_initializer:
        raise UnreadableError("sparse initializers are not known")
    inputs = [i.name for i in graph.input if i.name not in {a.name for a in graph.initializer}]
    entries = {
        p.key: names_in(p) for p in model.metadata_props if p.key in ("parameters", "frozen")
    }
    constants = {n.output[0]: constant_of(n, files) for n in nodes if n.op_type == "Constant"}
    arrays |= constants
    operations = [operation_of(n, opset, files) for n in nodes if n.op_type != "Constant"]
    check_order(operations, {*inputs, *arrays}, outputs)
    if "parameters" not in entries:  # a file of another program, whose formulas have constants
        entries["frozen"] = [*constants, *factors_of(operations, arrays)]
    return OnnxNetwork(files.path, operations, arrays, inputs, outputs, entries, max_bytes)


def factors_of(operations: list[Operation], arrays: dict[str, np.ndarray]) -> list[str]:
    """List the single numbers that only multiply, divide or are powers.

    Exporters write the constants of formulas, such as the scale of attention, as they write
    parameters.
    """
    uses = {name for op in operations if op.op not in FACTOR_OPERATORS for name in op.inputs}
    return [name for name, array in arrays.items() if array.size == 1 and name not in uses]


def names_in(entry: Any) -> list[str]:
    """Return the names in an entry of the metadata.

    Raises: UnreadableError if it holds something else.
    """
    try:
        names = json.loads(entry.value)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnreadableError(f"its entry {entry.key!r} is no list of names")
    return names


def outputs_of_graph(graph: Any, chosen: list[str]) -> list[str]:
    """Return the names of the results: those chosen, or the floating-point ones, or all.

    Raises: UnreadableError if there is none of a name.
    """
    names = [o.name for o in graph.output]
    missing = [name for name in chosen if name not in names]
    if missing:
        raise UnreadableError(f"there is no output {missing[0]!r}; it has {', '.join(names)}")
    floats = [o.name for o in graph.output if {1, 10, 11} & set(numbers_in(o.type))]
    return chosen or floats or names


def numbers_in(kind: Any) -> tuple[int, int]:
    """Return the numbers of the dtypes of a tensor, and of the dicts that ZipMap makes; or 0."""
    entries = kind.sequence_type.elem_type.map_type.value_type
    return kind.tensor_type.elem_type, entries.tensor_type.elem_type


def needed_nodes(graph: Any, outputs: list[str]) -> list[Any]:
    """Return the nodes that the results need, in the order of the file."""
    wanted, kept = set(outputs), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def operation_of(node: Any, opset: int, files: ExternalFiles) -> Operation:
    """Return the operation of a node.

    Raises: UnreadableError if its operator is not known.
    """
    name = node.name or node.output[0]
    function = function_of(node.domain, node.op_type)
    if function is None:
        domain = f" of the domain {node.domain}" if node.domain else ""
        raise UnreadableError(
            f"the node {name} has the operator {node.op_type}{domain}, which has no function in "
            "the table nn/onnx/operators.py; add one there, or export the network without it"
        )
    attributes = {a.name: attribute_of(a, name, files) for a in node.attribute}
    if node.op_type in NEEDS_OPSET:
        attributes["opset"] = opset
    if node.op_type in NEEDS_OUTPUTS:
        attributes["n_outputs"] = len(node.output)
    if node.op_type == "MaxPool" and len(node.output) > 1:
        raise UnreadableError(f"the node {name} returns positions of maxima, which are not known")
    inputs, outputs = tuple(node.input), tuple(node.output)
    scope = tg.Scope(node.op_type, name)
    return Operation(node.op_type, name, function, inputs, outputs, attributes, scope)


def attribute_of(attribute: Any, node: str, files: ExternalFiles) -> Any:
    """Return the value of an attribute.

    Raises: UnreadableError for graphs inside of graphs.
    """
    kinds = {1: "f", 2: "i", 6: "floats", 7: "ints", 8: "strings"}
    if attribute.type == 3:
        return attribute.s.decode("utf-8", "replace")
    if attribute.type == 4:
        return tensor_array(attribute.t, files)
    if attribute.type not in kinds:
        raise UnreadableError(
            f"the node {node} has the attribute {attribute.name} of a kind that is not known, such "
            "as a graph of its own"
        )
    value = getattr(attribute, kinds[attribute.type])
    return value if attribute.type in (1, 2) else list(value)


def constant_of(node: Any, files: ExternalFiles) -> np.ndarray:
    """Return the array of a Constant.

    Raises: UnreadableError if it is not of numbers.
    """
    for attribute in node.attribute:
        value = attribute_of(attribute, node.output[0], files)
        if attribute.name == "value":
            return value
        if attribute.name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    raise UnreadableError(f"the constant {node.output[0]} is not of numbers")


def tensor_array(tensor: Any, files: ExternalFiles) -> np.ndarray:
    """Return the array of a tensor; its size is compared with its bytes before it is made.

    Raises: UnreadableError if they differ, or its numbers are of a kind that NumPy has not.
    """
    name, shape = tensor.name or "a constant", tuple(tensor.dims)
    if tensor.data_type not in DTYPES:
        raise UnreadableError(
            f"{name} holds numbers of the type {tensor.data_type}, which NumPy lacks"
        )
    dtype = np.dtype(DTYPES[tensor.data_type])
    if any(n < 0 for n in shape):
        raise UnreadableError(f"{name} would have the shape {shape}")
    size = math.prod(shape)
    if tensor.data_location == 1:
        data = files.read(tensor, size * dtype.itemsize)
    elif tensor.HasField("raw_data"):
        data = tensor.raw_data
    else:
        return typed_array(tensor, name, shape, dtype)
    if len(data) != size * dtype.itemsize:
        raise UnreadableError(
            f"{name}, of shape {shape} and dtype {dtype}, has {len(data):,} bytes"
        )
    native = dtype.newbyteorder("=")
    return np.frombuffer(data, dtype).reshape(shape).astype(native)


def typed_array(tensor: Any, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return the array of a tensor that holds numbers instead of bytes."""
    values = getattr(tensor, TYPED.get(tensor.data_type, "int32_data"))
    if len(values) != math.prod(shape):
        raise UnreadableError(f"{name}, of shape {shape}, has {len(values):,} numbers")
    if tensor.data_type == 10:
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    return np.array(values).astype(dtype.newbyteorder("=")).reshape(shape)


def check_order(operations: list[Operation], known: set[str], outputs: list[str]) -> None:
    """Raise UnreadableError if a node reads what no node before it makes."""
    for operation in operations:
        missing = [name for name in operation.inputs if name and name not in known]
        if missing:
            raise UnreadableError(
                f"the node {operation.name} reads {missing[0]!r}, which nothing makes"
            )
        known.update(operation.outputs)
    for name in outputs:
        if name not in known:
            raise UnreadableError(f"nothing makes the output {name!r}")
