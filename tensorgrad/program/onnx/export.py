"""ONNX models of programs: the calls of a function as a graph that other runtimes read."""

import json
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.onnx.calls import Calls, Example, batched, calls_of, refuse_changes
from tensorgrad.program.onnx.graph import OnnxGraph
from tensorgrad.program.onnx.layout import simplify_graph
from tensorgrad.program.onnx.sizes import BatchSize, Dim
from tensorgrad.program.onnx.table import ROWS, write_call
from tensorgrad.program.steps import USERS, Var, resolved
from tensorgrad.program.tracing import Result, Tracing, results_in

OPSET, IR = 18, 8  # of 2022: onnxruntime reads them since 1.14
MOST_BYTES = 2**31 - 1  # bytes of a protocol buffer


def onnx_bytes(
    example: Example,
    inputs: Sequence[Var],
    title: str,
    known: dict[int, str],
    *,
    batch: Sequence[str] | None = None,
    names: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the ONNX model of a function, as `Program.save` writes it.

    Raises: TypeError for a call without a row; ImportError if onnx is not installed; ValueError if
    a name in `batch` is none of an array with an axis.
    """
    onnx = import_onnx()
    given = {id(getattr(x, "_value", x)): name for name, x in (names or {}).items()}
    source = Exported(example, list(inputs), known, given)
    if batch is None:
        calls, graph, outputs = with_free_batch(source)
    else:
        calls, graph, outputs = graph_of(source, numbers_of(batch, inputs))
    simplify_graph(graph, outputs)
    model = model_of(onnx, graph, calls, outputs, title)
    entries = {
        key: x if isinstance(x, str) else json.dumps(x) for key, x in (metadata or {}).items()
    }
    onnx.helper.set_model_props(model, entries)
    if model.ByteSize() > MOST_BYTES:
        raise ValueError(
            f"an ONNX file holds {MOST_BYTES:,} bytes at most, but this model has "
            f"{model.ByteSize():,}; write it as .py, whose arrays are in a file of their own"
        )
    check_model(onnx, model)
    return model.SerializeToString()


def check_model(onnx: ModuleType, model: Any) -> None:
    """Check a model by the rules of ONNX, with the types and shapes of all values.

    Raises: Untraceable if a row has written what these do not allow.
    """
    try:
        checked = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
        onnx.checker.check_model(checked, full_check=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise Untraceable(
            f"the operators that the function is written with do not fit each other: {error}"
        ) from error


def import_onnx() -> ModuleType:
    """Import onnx, which only its files need.

    Raises: ImportError if it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise ImportError(
            "ONNX files are written and read with the package onnx, which is not installed; run "
            "pip install onnx"
        ) from error
    return onnx


def numbers_of(names: Sequence[str], inputs: Sequence[Var]) -> list[int]:
    """Return the numbers of the inputs with these names.

    Raises: ValueError if there is none, or it has no axes.
    """
    known = [v.name for v in inputs]
    for name in names:
        if name not in known or not inputs[known.index(name)].shape:
            raise ValueError(
                f"batch names arguments whose first axis is free, but {name!r} is none of the "
                f"arrays {', '.join(v.name for v in inputs if v.shape)}"
            )
    return [known.index(name) for name in names]


class Exported(NamedTuple):
    """A function to export: how it is traced, its inputs, and the names of arrays from outside."""

    example: Example
    inputs: list[Var]
    known: dict[int, str]
    given: dict[int, str]


def with_free_batch(source: Exported) -> tuple[Calls, OnnxGraph, list[str]]:
    """Write a function with a free first axis of its first input, if it takes other lengths."""
    axes = batched(source.inputs)
    if axes:
        try:
            return graph_of(source, axes)
        except (TypeError, ValueError, IndexError):  # which come again if they have other reasons
            pass
    return graph_of(source, [])


def graph_of(source: Exported, axes: list[int]) -> tuple[Calls, OnnxGraph, list[str]]:
    """Write the calls of a function as a graph; return them with the names of its outputs."""
    calls = calls_of(source.example, source.inputs, axes, ROWS)
    trace = calls.trace
    refuse_changes(trace, source.known)
    graph = OnnxGraph(calls.shapes)
    names = [v.name for v in source.inputs]
    graph.taken.update(names)
    for name, v in zip(names, trace.inputs, strict=True):
        graph.values[v], graph.dtypes[name] = name, v.dtype
    graph.batch = names[axes[0]] if axes else ""
    for origin, v in trace.externals:
        array = np.asarray(origin.read())
        name = source.given.get(id(array)) or origin.name(source.known)
        graph.values[v] = graph.array(name, array)
    for step in trace.steps:
        write_call(graph, step)
    outputs: list[str] = []
    for result in results_of_trace(trace):
        hint = resolved(result.value).hint if type(result.value) is Var else None
        base = hint.name if hint is not None and hint.rank >= USERS else "output"
        outputs.append(as_output(graph, graph.value(result.value), base, outputs))
    return calls, graph, outputs


def results_of_trace(trace: Tracing) -> list[Result]:
    """Return the results of a trace, in order.

    Raises: Untraceable if none depends on the arguments.
    """
    found = list(results_in(trace.results))
    if not any(type(r.value) is Var for r in found):
        raise Untraceable("the function returns nothing that depends on its arguments")
    return found


def as_output(graph: OnnxGraph, name: str, base: str, outputs: list[str]) -> str:
    """Give a value the name of a result; an input, or a result of before, is copied."""
    made = next((node for node in graph.nodes if name in node.outputs), None)
    if made is None or name in outputs:
        return graph.node("Identity", name, name=base, dtype=graph.dtypes[name])
    final = graph.named(base)
    graph.dtypes[final] = graph.dtypes[name]
    made.outputs = [final if k == name else k for k in made.outputs]
    for node in graph.nodes:
        node.inputs = [final if k == name else k for k in node.inputs]
    for v in [v for v, k in graph.values.items() if k == name]:
        graph.values[v] = final
    return final


def model_of(
    onnx: ModuleType, graph: OnnxGraph, calls: Calls, outputs: list[str], title: str
) -> Any:
    """Return the ONNX model of a graph."""
    helper = onnx.helper
    results = [r.value for r in results_of_trace(calls.trace)]

    def value_info(name: str, shape: tuple[Dim, ...]) -> Any:
        kind = helper.np_dtype_to_tensor_dtype(graph.dtypes[name])
        return helper.make_tensor_value_info(name, kind, list(map(dimension, shape)))

    inputs = [value_info(graph.values[v], calls.shapes[v]) for v in calls.trace.inputs]
    found = [value_info(name, graph.shape(x)) for name, x in zip(outputs, results, strict=True)]
    nodes = [
        helper.make_node(n.op, n.inputs, n.outputs, name=n.name, **n.attributes_of(helper))
        for n in graph.nodes
    ]
    arrays = [onnx.numpy_helper.from_array(in_order(x), name) for name, x in graph.arrays.items()]
    made = helper.make_graph(nodes, title, inputs, found, arrays)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(made, opset_imports=[opset], ir_version=IR, producer_name="tensorgrad")


def dimension(n: Dim) -> Any:
    """Return a length as it is declared: a number, N, or None for what N decides."""
    if isinstance(n, BatchSize):
        return "N" if (n.factor, n.offset, n.inverse) == (1, 0, False) else None
    return int(n)


def in_order(x: np.ndarray) -> np.ndarray:
    """Return an array in the order of C and the bytes of this machine."""
    return np.ascontiguousarray(x, x.dtype.newbyteorder("=")).reshape(x.shape)
