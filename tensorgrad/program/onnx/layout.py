"""Layout of an ONNX graph: transpositions that meet cancel, and what nobody reads is left out."""

from typing import Any

import numpy as np

from tensorgrad.program.onnx.graph import OnnxGraph, OnnxNode

# Operators on each element, which may come before a transposition as well as behind it.
ELEMENT_BY_ELEMENT = {
    "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Exp", "Log", "Neg", "Abs", "Sqrt", "Erf",
    "Cast", "Identity", "Reciprocal", "Sign", "Floor", "Ceil",
}  # fmt: skip
PAIRS = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"}


def simplify_graph(g: OnnxGraph, outputs: list[str]) -> None:
    """Move transpositions down until they cancel, and leave out nodes that nobody reads."""
    fold_transposed_arrays(g)
    while any(moved(g, node, outputs) for node in list(g.nodes)):
        pass
    remove_unread(g, outputs)


def fold_transposed_arrays(g: OnnxGraph) -> None:
    """Transpose initializers now that are read once, and once for all that read them alike."""
    done: dict[Any, str] = {}
    for node in list(g.nodes):
        if node.op == "Transpose" and node.inputs[0] in g.arrays:
            source, perm = node.inputs[0], tuple(node.attributes["perm"])
            readers = sum(n.inputs.count(source) for n in g.nodes)
            result = done.get((source, perm))
            if result is None:
                array = np.ascontiguousarray(g.arrays[source].transpose(perm))
                if readers == 1 and source not in done.values():
                    g.arrays[source], result = array, source
                else:
                    result = done[source, perm] = g.array(f"{source}_transposed", array)
            g.nodes.remove(node)
            renamed(g, node.outputs[0], result)


def renamed(g: OnnxGraph, old: str, new: str) -> None:
    """Let all nodes that read one value read another."""
    for node in g.nodes:
        node.inputs = [new if name == old else name for name in node.inputs]


def readers_of(g: OnnxGraph, name: str) -> list[OnnxNode]:
    """Return the nodes that read a value."""
    return [node for node in g.nodes if name in node.inputs]


def moved(g: OnnxGraph, node: OnnxNode, outputs: list[str]) -> bool:
    """Move a transposition behind its only reader, or merge it with that; return True if so."""
    if node.op != "Transpose" or node.outputs[0] in outputs:
        return False
    readers = readers_of(g, node.outputs[0])
    if len(readers) != 1:
        return False
    reader, perm = readers[0], node.attributes["perm"]
    if reader.op == "Transpose":
        if reader.outputs[0] in outputs and identity(perm, reader.attributes["perm"]):
            return False  # a result is to keep its name
        both = [perm[k] for k in reader.attributes["perm"]]
        g.nodes.remove(node)
        reader.inputs, reader.attributes = list(node.inputs), {"perm": both}
        if both == sorted(both):
            g.nodes.remove(reader)
            renamed(g, reader.outputs[0], reader.inputs[0])
        return True
    if reader.outputs[0] in outputs or len(reader.outputs) > 1:
        return False
    if not fits_before(g, reader, node.outputs[0], perm):
        return False
    sink(g, node, reader)
    return True


def identity(first: list[int], second: list[int]) -> bool:
    """Return True if a transposition undoes another."""
    both = [first[k] for k in second]
    return both == sorted(both)


def fits_before(g: OnnxGraph, reader: OnnxNode, name: str, perm: list[int]) -> bool:
    """Return True if an operator can be applied before a transposition, its other operand too."""
    if reader.op in ELEMENT_BY_ELEMENT:
        return True
    if reader.op not in PAIRS or len(reader.inputs) != 2 or reader.inputs.count(name) != 1:
        return False
    (other,) = (k for k in reader.inputs if k != name)
    shape = g.arrays[other].shape if other in g.arrays else shapes_of(g).get(other)
    if shape is None or len(shape) > len(perm) or sum(n != 1 for n in shape) > 1:
        return False
    if shape:
        whole = (1,) * (len(perm) - len(shape)) + shape
        reader.inputs[reader.inputs.index(other)] = column(
            g, reader, other, tuple(whole[k] for k in np.argsort(perm))
        )
    return True


def shapes_of(g: OnnxGraph) -> dict[str, Any]:
    """Return the shapes of the values that do not depend on the batch size."""
    shapes = {name: g.shape(v) for v, name in g.values.items()}
    return {k: shape for k, shape in shapes.items() if all(isinstance(n, int) for n in shape)}


def column(g: OnnxGraph, reader: OnnxNode, name: str, shape: tuple[int, ...]) -> str:
    """Return a vector in the shape that fits other axes, by a node before its reader."""
    if name in g.arrays and len(readers_of(g, name)) == 1:
        g.arrays[name] = np.ascontiguousarray(g.arrays[name].reshape(shape))
        return name
    key = ("column", name, shape)
    if key not in g.known:
        count = len(g.nodes)
        g.known[key] = g.node("Reshape", name, g.shape_input(shape), dtype=g.dtypes[name])
        made = g.nodes[count:]
        del g.nodes[count:]
        source = max((i for i, n in enumerate(g.nodes) if name in n.outputs), default=-1)
        g.nodes[source + 1 : source + 1] = made
    return g.known[key]


def sink(g: OnnxGraph, node: OnnxNode, reader: OnnxNode) -> None:
    """Exchange a transposition and the operator that reads it."""
    g.nodes.remove(node)
    result = reader.outputs[0]
    inner = node.outputs[0]
    reader.inputs = [node.inputs[0] if k == inner else k for k in reader.inputs]
    reader.outputs = [inner]
    g.dtypes[inner] = g.dtypes[result]
    g.nodes.insert(
        g.nodes.index(reader) + 1,
        OnnxNode("Transpose", [inner], [result], node.attributes, node.name),
    )


def remove_unread(g: OnnxGraph, outputs: list[str]) -> None:
    """Leave out nodes and arrays that the results do not need."""
    wanted, kept = set(outputs), []
    for node in reversed(g.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    g.nodes = kept[::-1]
    g.arrays = {name: x for name, x in g.arrays.items() if name in wanted}
