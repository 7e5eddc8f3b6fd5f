"""Copied functions as a program needs them: what its calls decide has been decided."""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.program.cutting.cutting import Cut
from tensorgrad.program.cutting.effects import Effects
from tensorgrad.program.cutting.facts import ANY, Arr, Integer, fact_of, is_fixed, made
from tensorgrad.program.cutting.flow import Definition, Flow
from tensorgrad.program.cutting.signatures import positional
from tensorgrad.program.cutting.syntax import walk_syntax
from tensorgrad.program.cutting.trimming import Trimming
from tensorgrad.program.sizes import ArgumentSize, SizedArray
from tensorgrad.program.steps import Step, Var


class NotCut(Exception):
    """The error about copied functions that have to stay as they are."""


class CopiedCall(NamedTuple):
    """A call of a copied function in the program: the facts about its arguments.

    Without arguments, it may be called with anything.
    """

    name: str
    args: list[Any] | None
    kwargs: dict[str, Any]


class Specialised(NamedTuple):
    """The functions and classes that are still needed, and the parameters that went."""

    nodes: dict[str, ast.FunctionDef | ast.ClassDef]
    parameters: dict[str, list[str]]  # of each function before: those by position, and *args
    dropped: dict[str, set[str]]

    def kept(self, name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the arguments of a call whose parameters are left."""
        dropped = self.dropped[name]
        names = self.parameters[name][: len(args)]
        names += names[-1:] * (len(args) - len(names))  # those that *args takes
        rest = tuple(x for x, p in zip(args, names, strict=True) if p not in dropped)
        return rest, {k: x for k, x in kwargs.items() if k not in dropped}


def specialised(
    definitions: dict[str, Definition], names: dict[str, Any], calls: list[CopiedCall]
) -> Specialised:
    """Return functions without what these calls decide.

    Raises: NotUnderstood if they cannot be followed.
    """
    flow = Flow(definitions, names)
    flow.run(calls)
    effects = Effects(flow)
    before = {name: positional(node) for name, node in flow.functions.items()}
    nodes = {name: node for name, node in flow.functions.items() if flow.contexts[name]}
    for name in sorted(set(nodes) - flow.opaque):
        cut(nodes[name], Cut(flow, effects, flow.local[name]))
    roots = {call.name for call in calls}
    needed = needed_by(roots, definitions)
    for name in [x for x in nodes if x.partition(".")[0] not in needed]:
        del nodes[name]
    trimming = Trimming(flow, effects, nodes, roots)
    cut_classes(definitions, nodes, flow.opaque)
    needed = needed_by(roots, definitions)
    found = {name: d.node for name, d in definitions.items() if name in needed}
    return Specialised(found, before, trimming.dropped)


def cut(node: ast.FunctionDef, change: Cut) -> None:
    """Cut the body of a function, behind its docstring."""
    doc = node.body[:1] if ast.get_docstring(node) is not None else []
    node.body = doc + change.body(node.body[len(doc) :])


def cut_classes(
    definitions: dict[str, Definition], nodes: dict[str, Any], opaque: set[str]
) -> None:
    """Leave methods out of classes that nobody calls."""
    while True:
        read = {
            part.attr
            for node in nodes.values()
            for part in walk_syntax(node)
            if isinstance(part, ast.Attribute) and getattr(part.value, "id", "") != "np"
        }
        methods = {x: x.partition(".")[2] for x in nodes if "." in x and x not in opaque}
        idle = [x for x, m in methods.items() if m not in read and not m.startswith("__")]
        for name in idle:
            del nodes[name]
        if not idle:
            break
    for name, (node, _) in definitions.items():
        if isinstance(node, ast.ClassDef):
            kept = [f"{name}.{getattr(x, 'name', '')}" in nodes for x in node.body]
            pairs = zip(node.body, kept, strict=True)
            body = [x for x, keep in pairs if keep or not isinstance(x, ast.FunctionDef)]
            node.body = body or [ast.Pass()]


def needed_by(roots: set[str], definitions: Any) -> set[str]:
    """Return the names of all functions and classes that these use."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        node = definitions[name].node
        read = {part.id for part in walk_syntax(node) if isinstance(part, ast.Name)}
        waiting += [x for x in read if x in definitions]
    return found


def fact_about(x: Any, follows: bool) -> Any:
    """Return the fact about an argument of a call; sizes that follow the batch are not known."""
    if type(x) is Var:
        return fact_about_variable(x, follows)
    if type(x) is ArgumentSize:
        return fact_about_size(x)
    if type(x) is SizedArray:
        axes = [n if isinstance(n, int) else fact_about_size(n) for n in x.shape]
        return Arr(x.like.dtype, tuple(Integer(None, 0) if n is ANY else n for n in axes))
    if type(x) is tuple:
        return made(fact_about(item, follows) for item in x)
    if isinstance(x, (np.ndarray, np.generic)) or is_fixed(x):
        return fact_of(x)
    return ANY


def fact_about_size(x: ArgumentSize) -> Any:
    """Return the fact about a number that follows the lengths of the arguments."""
    if x.form != "count" or not isinstance(x.like, int):
        return ANY
    lengths, times, plus = x.whole
    alone = len(lengths) == 1 and times == 1 and not plus
    # The lengths of arguments are 1 at least, but one less may be 0.
    return Integer(("length", *lengths) if alone else ("size", x.whole), times + plus)


def fact_about_variable(v: Var, follows: bool) -> Any:
    """Return the fact about a variable: its dtype, and the axes that are always as long."""
    if v.weak:
        return ANY
    kind = "generic" if v.scalar else "array"
    if v.counted:
        return Arr(v.dtype, (Integer(None, 0),) * len(v.shape), kind)
    free = v.free if follows else (None,) * len(v.shape)
    if len(free) != len(v.shape):  # the comparison has not met it
        return Arr(v.dtype, (Integer(None, 0),) * len(v.shape), kind)
    shape = tuple(
        n if k is None else Integer(None, 0) if k < 0 else Integer(("length", k), 1)
        for n, k in zip(v.shape, free, strict=True)
    )
    return Arr(v.dtype, shape, kind)


def with_branches(steps: list[Step]) -> Iterator[Step]:
    """Yield steps, and those of the branches among them."""
    for step in steps:
        if step.form == "branch":
            for branch in step.callee.root.walk():
                yield from with_branches(branch.steps)
        else:
            yield step
