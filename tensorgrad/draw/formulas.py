"""The local rules of the ops in mathematical notation: ∂a = g · b.

`g` is the gradient that arrives at `out`. A line with " = " is an equation, in which the page puts
numbers in place of the letters; a line with ": " is in words, and stays as it is. Every equation
holds as printed: tests evaluate it as text, and compare the result with the engine's.
"""

import ast
import functools
import inspect
import linecache
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgrad.draw.calls import (
    CallShapes,
    Prose,
    computed_text,
    conjugate_rule,
    rewritten,
    summed,
)
from tensorgrad.draw.formula_tables import ELEMENTWISE_FORMULAS, PROSE_FORMULAS
from tensorgrad.draw.model import Vertex
from tensorgrad.draw.notation import NOTATION
from tensorgrad.joint import AllOp
from tensorgrad.rules import EachOp, Function, Op

# Operands that are called otherwise in the rules, where `g` and `out` would have two meanings.
RENAMED = {
    "quotient": ("a", "b"),
    "concatenate": ("x",),
    "einsum": ("x",),
    "max_pool_input": ("h", "x", "best"),
    "max_pool_output": ("h", "x", "best"),
}
MODULES = ("np", "sp")  # as they are called in the tables
REAL_RESULT = {"absolute"}  # whose rule gives the direction of steepest ascent as it stands
LARGER, SMALLER = (
    "g where {} is the larger, half at ties",
    "g where {} is the smaller, half at ties",
)
COMPLEX_WORDS = {  # of ops whose formula holds for real numbers only
    name: (words.format("a"), words.format("b"))
    for words, names in ((LARGER, ("maximum", "fmax")), (SMALLER, ("minimum", "fmin")))
    for name in names
}


def written_rules(op: Op) -> Sequence[Function | None]:
    """Return the rules of an op as they were declared: one per operand, also if all share one."""
    if isinstance(op, EachOp):
        return [op.gradient]
    return [op.gradient] * op.arity if isinstance(op, AllOp) else op.rules


@functools.cache
def operands(op: Op) -> tuple[str, ...]:
    """Return the operands' names in the rules of an op; a variadic op has one name for all."""
    if op.name in RENAMED:
        return RENAMED[op.name]
    rule = next(r for r in written_rules(op) if r is not None)
    names = list(inspect.signature(rule).parameters)
    skip, arity = (3, 1) if isinstance(op, EachOp) else (2, op.arity)
    return tuple(name.lstrip("_") for name in names[skip : skip + arity])


def slot_name(op: Op, slot: int) -> str:
    """Return the name of an operand; the operands of a variadic op are numbered."""
    names = operands(op)
    return f"{names[0]}{slot}" if isinstance(op, EachOp) else names[slot]


def formula(vertex: Vertex) -> dict[str, Any]:
    """Return the formula of a call, its operands' names and the gradient of each (or None)."""
    op = vertex.op
    assert op is not None
    names = tuple(slot_name(op, slot) for slot in range(len(vertex.inputs)))
    call = CallShapes.of(vertex, names)
    first, *parts = _lines(op, call)
    whole = first or ""
    parts = [*parts, *[None] * (len(names) - len(parts))]
    return {
        "text": _titled("out", whole),
        "operands": list(names),
        "rules": [
            part and _titled(f"∂{name}", part) for name, part in zip(names, parts, strict=True)
        ],
    }


def computations(vertex: Vertex) -> tuple[str | None, ...]:
    """Return the formulas to compute a call and the gradient of each operand with.

    They are in the notation of `formula`, and None where there are none, as in a user's own op.
    """
    op = vertex.op
    assert op is not None
    names = tuple(slot_name(op, slot) for slot in range(len(vertex.inputs)))
    lines = _known_lines(op, CallShapes.of(vertex, names)) or [None]
    return (*map(computed_text, lines), *[None] * (1 + len(names) - len(lines)))


def _titled(name: str, text: str) -> str:
    return f"{name}: {text}" if isinstance(text, Prose) else f"{name} = {text}"


def _lines(op: Op, call: CallShapes) -> Sequence[str | None]:
    """Return the formula of a call, then the gradient of each operand."""
    return _known_lines(op, call) or _generic(op, call)


def _known_lines(op: Op, call: CallShapes) -> Sequence[str | None] | None:
    """Return the lines of an op of the tables; None for any other."""
    if (
        op.name in ELEMENTWISE_FORMULAS
        and len(ELEMENTWISE_FORMULAS[op.name]) <= len(call.names) + 1
    ):
        return _elementwise(op.name, call)
    if op.name in NOTATION and (lines := NOTATION[op.name](call)) is not None:
        whole, *parts = lines
        return [whole, *(p and conjugate_rule(p, call, slot) for slot, p in enumerate(parts))]
    if op.name in PROSE_FORMULAS:
        return [Prose(part) for part in PROSE_FORMULAS[op.name]]
    return None


def _elementwise(name: str, call: CallShapes) -> Sequence[str | None]:
    """Return the lines of an op whose operands are broadcast, with the sums that undo it."""
    whole, *parts = (part and rewritten(part, call.fill) for part in ELEMENTWISE_FORMULAS[name])
    if call.complex and name in COMPLEX_WORDS:
        parts = [Prose(part) for part in COMPLEX_WORDS[name]]
    if not (call.complex and name in REAL_RESULT):
        parts = [p and conjugate_rule(p, call, slot) for slot, p in enumerate(parts)]
    return [whole, *(p and summed(p, call, slot) for slot, p in enumerate(parts))]


def _generic(op: Op, call: CallShapes) -> Sequence[str | None]:
    """Return a call as it is written, and its rules as their source."""
    given = {k: v for k, v in call.keywords.items() if v != "None" or k == "axis"}
    keywords = [f"{name}={value}" for name, value in given.items()]
    whole = f"{op.name}({', '.join([*call.names, *keywords])})"
    plain = not any(re.search(r":|\.\.\.|…|array of", text) for text in (*keywords, *call.texts))
    rules = list(written_rules(op))
    each = rules * len(call.names) if isinstance(op, EachOp) else rules
    lines = [None if r is None else _rule_source(r, call) for r in each]
    if not plain:
        lines = [line and Prose(line) for line in lines]
    lines = [p and conjugate_rule(p, call, slot) for slot, p in enumerate(lines)]
    if isinstance(op.function, np.ufunc):
        lines = [p and summed(p, call, slot) for slot, p in enumerate(lines)]
    home = getattr(op.function, "__module__", None) or ""  # a ufunc has none
    if home.startswith("tensorgrad.") and op.function.__doc__:
        return [_words(op.function.__doc__), *lines]  # its name tells readers nothing
    return [whole if plain else Prose(whole), *lines]


def _words(docstring: str) -> Prose:
    """Return the first line of a docstring as a description of the result."""
    line = docstring.strip().splitlines()[0].rstrip(".")
    return Prose(re.sub(r"(?<=[ (=])-(?=[ \w(])", "−", re.sub("^(Return|Apply) ", "", line)))


def _rule_source(rule: Any, call: CallShapes) -> str:
    """Return the expression of a lambda, or the first line of a function's docstring."""
    rule = inspect.unwrap(rule)
    if rule.__doc__:
        return _words(rule.__doc__)
    # A row of a table can hold several lambdas, which differ in the position of their bodies.
    begins = {(line, column) for line, _, column, _ in rule.__code__.co_positions()}
    for body in _lambdas(rule.__code__.co_filename):
        if (body.lineno, body.col_offset) in begins:
            readable = Readable(call, rule)
            text = ast.unparse(readable.visit(body))
            for code, sign in (" * ", " · "), (" - ", " − "), (" ** ", " ^ "):
                text = text.replace(code, sign)
            text = re.sub(r"(?<![\w)\]:,])-(?=[a-z(])", "−", text)
            return text if readable.is_known else Prose(text)
    return Prose(f"computed by {rule.__name__.strip('_')}")


@functools.cache
def _trees(file: str) -> tuple[str, ...]:
    """Return the lines of the lambdas' bodies in a file; none for input typed at a prompt."""
    return tuple(linecache.getlines(file))


def _lambdas(file: str) -> list[ast.expr]:
    """Return the bodies of the lambdas in a file, which the caller may rewrite."""
    try:
        tree = ast.parse("".join(_trees(file)))
    except SyntaxError:
        return []
    return [node.body for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


class Readable(ast.NodeTransformer):
    """A rewriting of a rule's source with the keywords and the shapes of a call in their places.

    `is_known` is False if the text then has names that no reader can know.
    """

    def __init__(self, call: CallShapes, rule: Function) -> None:
        self.call = call
        self.rule = rule
        self.is_known = True
        parameters = inspect.signature(rule).parameters.values()
        self.keywords = {p.name: str(p.default) for p in parameters if p.default is not p.empty}
        self.keywords |= call.keywords

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Write `safe_divide(a, b)`, which is 0 for 0 / 0, as a / b."""
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        if not isinstance(node.func, ast.Name):
            node.func = self.visit(node.func)
        elif node.func.id == "safe_divide":
            return ast.BinOp(node.args[0], ast.Div(), node.args[1])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Write n + 1 as its value where n is known."""
        self.generic_visit(node)
        text = ast.unparse(node)
        return ast.Constant(eval(text)) if re.fullmatch(r"-?\d+ [-+*] \d+", text) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Write np.f as f, and x.shape as the shape."""
        name = node.value.id.lstrip("_") if isinstance(node.value, ast.Name) else ""
        if name in MODULES:
            return ast.Name("π" if node.attr == "pi" else node.attr)
        self.generic_visit(node)
        shape = self.call.shape_of(name) if node.attr == "shape" else None
        if shape is None:
            self.is_known = False
            return node
        return ast.parse(repr(shape), mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.AST:
        name = node.id.lstrip("_")
        if name in {*self.call.names, "g", "out"}:
            return ast.Name(name)
        if name in self.keywords:
            return ast.Name(self.keywords[name])
        value = self.rule.__globals__.get(node.id)
        if isinstance(value, (int, float)):
            return ast.Name("sqrt(π)" if value == math.sqrt(math.pi) else f"{value:.7g}")
        self.is_known = False
        return node
