"""The local rules of the ops as a reader writes them: ∂a = g · b."""

import ast
import functools
import inspect
import linecache
import re
from typing import Any

from tensorgrad.rules import EachOp, Op

# `g` is the gradient arriving at `out`. A test computes the elementwise ones as they are written,
# and compares them with the engine.
# fmt: off
FORMULAS = {  # op -> its formula, then the gradient of each operand in turn
    "add":          ("a + b",            "g",                            "g"),
    "subtract":     ("a − b",            "g",                            "−g"),
    "multiply":     ("a · b",            "g · b",                        "g · a"),
    "divide":       ("a / b",            "g / b",                        "−g · out / b"),
    "power":        ("a ^ b",            "g · b · a ^ (b − 1)",          "g · out · log(a)"),
    "negative":     ("−x",               "−g"),
    "positive":     ("x",                "g"),
    "absolute":     ("abs(x)",           "g · sign(x)"),
    "reciprocal":   ("1 / x",            "−g · out ^ 2"),
    "square":       ("x ^ 2",            "g · 2 · x"),
    "sqrt":         ("sqrt(x)",          "g / (2 · out)"),
    "cbrt":         ("cbrt(x)",          "g / (3 · out ^ 2)"),
    "exp":          ("exp(x)",           "g · out"),
    "exp2":         ("2 ^ x",            "g · out · log(2)"),
    "expm1":        ("exp(x) − 1",       "g · (out + 1)"),
    "log":          ("log(x)",           "g / x"),
    "log2":         ("log2(x)",          "g / (x · log(2))"),
    "log10":        ("log10(x)",         "g / (x · log(10))"),
    "log1p":        ("log(1 + x)",       "g / (1 + x)"),
    "logaddexp":    ("log(exp(a) + exp(b))",   "g · exp(a − out)",   "g · exp(b − out)"),
    "sin":          ("sin(x)",           "g · cos(x)"),
    "cos":          ("cos(x)",           "−g · sin(x)"),
    "tan":          ("tan(x)",           "g · (1 + out ^ 2)"),
    "sinh":         ("sinh(x)",          "g · cosh(x)"),
    "cosh":         ("cosh(x)",          "g · sinh(x)"),
    "tanh":         ("tanh(x)",          "g · (1 − out ^ 2)"),
    "arcsin":       ("arcsin(x)",        "g / sqrt(1 − x ^ 2)"),
    "arccos":       ("arccos(x)",        "−g / sqrt(1 − x ^ 2)"),
    "arctan":       ("arctan(x)",        "g / (1 + x ^ 2)"),
    "arctan2":      ("arctan2(a, b)",    "g · b / (a ^ 2 + b ^ 2)",   "−g · a / (a ^ 2 + b ^ 2)"),
    "arcsinh":      ("arcsinh(x)",       "g / sqrt(1 + x ^ 2)"),
    "arctanh":      ("arctanh(x)",       "g / (1 − x ^ 2)"),
    "hypot":        ("sqrt(a ^ 2 + b ^ 2)",    "g · a / out",        "g · b / out"),
    "maximum":      ("maximum(a, b)",    "g · (a > b)",                  "g · (b > a)"),
    "minimum":      ("minimum(a, b)",    "g · (a < b)",                  "g · (b < a)"),
    "where":        ("where(c, a, b)",   None,   "where(c, g, 0)",   "where(c, 0, g)"),
    "relu":         ("maximum(x, 0)",    "g · (out > 0)"),
    "leaky_relu":   ("where(x > 0, x, slope · x)",   "where(x > 0, g, slope · g)"),
    "sigmoid":      ("1 / (1 + exp(−x))",   "g · out · (1 − out)"),
    "softplus":     ("log(1 + exp(x))",  "g · sigmoid(x)"),
    "dropout":      ("x · mask",         "g · mask"),
    "matmul":       ("a b",              "g bᵀ",                         "aᵀ g"),
    "linear":       ("x W + b",          "g Wᵀ",   "xᵀ g",   "Σ g, over the rows"),
    "sum":          ("Σ x",              "g, to every element of x"),
    "mean":         ("Σ x / n",          "g / n, to every element of x"),
    "max":          ("max(x)",           "g, to the largest; those that tie share it"),
    "min":          ("min(x)",           "g, to the smallest; those that tie share it"),
    "prod":         ("Π x",              "g · the product of the others"),
    "var":          ("Σ (x − mean) ^ 2 / n",         "g · 2 · (x − mean) / n"),
    "std":          ("sqrt(Σ (x − mean) ^ 2 / n)",   "g · (x − mean) / (n · out)"),
    "sort":         ("x, in order",      "g, each to where its element stood"),
    "cumsum":       ("running sum of x", "sum of g from there to the end"),
    "softmax":      ("exp(x) / Σ exp(x)",   "out · (g − Σ g · out)"),
    "log_softmax":  ("x − log Σ exp(x)", "g − exp(out) · Σ g"),
    "logsumexp":    ("log Σ exp(x)",     "g · exp(x − out)"),
    "softmax_cross_entropy": ("−mean log softmax(z)[y]",   "g · (softmax(z) − onehot(y)) / N"),
    "sigmoid_cross_entropy": ("log(1 + exp(z)) − z · y",   "g · (sigmoid(z) − y)"),
    "reshape":      ("x, in another shape",         "g, in the shape of x"),
    "ravel":        ("x, as one row",               "g, in the shape of x"),
    "squeeze":      ("x, without axes of 1",        "g, in the shape of x"),
    "expand_dims":  ("x, with an axis of 1 more",   "g, in the shape of x"),
    "transpose":    ("xᵀ",                          "gᵀ"),
    "broadcast_to": ("x, repeated",                 "g, summed over the repeats"),
    "swapaxes":     ("x, with two axes swapped",    "g, with them swapped back"),
    "moveaxis":     ("x, with axes moved",          "g, with them moved back"),
    "concatenate":  ("arrays, one after another",   "the stretch of g that came from there"),
    "take":         ("x[index]",                    "g, put at index into zeros"),
    "put":          ("v, put at index into zeros",  "g[index]"),
    "einsum":       ("einsum(operands)",            "einsum of g and the other operands"),
    "cast":         ("x, in another dtype",         "g, in the dtype of x"),
}
# fmt: on


@functools.cache
def operands(op: Op) -> tuple[str, ...]:
    """The names that the rules of an op give its operands; a variadic op has one for all."""
    rule = op.gradient if isinstance(op, EachOp) else next(r for r in op.rules if r is not None)
    names = list(inspect.signature(rule).parameters)
    skip, arity = (3, 1) if isinstance(op, EachOp) else (2, op.arity)
    return tuple(name.lstrip("_") for name in names[skip : skip + arity])


@functools.cache
def formula(op: Op) -> dict[str, Any]:
    """The op's formula, its operands' names, and the gradient of each; None: there is none."""
    names = operands(op)
    if op.name in FORMULAS and len(FORMULAS[op.name]) <= len(names) + 1:
        whole, *parts = FORMULAS[op.name]
    else:
        rules = [op.gradient] if isinstance(op, EachOp) else op.rules
        whole = f"{op.name}({', '.join(names)})"
        parts = [None if rule is None else _rule_source(rule) for rule in rules]
    parts += [None] * (len(names) - len(parts))
    return {
        "text": f"out = {whole}",
        "operands": list(names),
        "rules": [part and f"∂{name} = {part}" for name, part in zip(names, parts, strict=True)],
    }


def slot_name(op: Op, slot: int) -> str:
    """The name of an operand; those of a variadic op are numbered."""
    names = operands(op)
    return f"{names[0]}{slot}" if isinstance(op, EachOp) else names[slot]


def _rule_source(rule: Any) -> str:
    """A rule as its own text says it: a lambda's expression, or the first line of a docstring."""
    if rule.__doc__:
        return rule.__doc__.strip().splitlines()[0].rstrip(".")
    # A row of a table can hold several lambdas: they are told apart by where their bodies begin.
    begins = {(line, column) for line, _, column, _ in rule.__code__.co_positions()}
    for body in _lambdas(rule.__code__.co_filename):
        if (body.lineno, body.col_offset) in begins:
            text = ast.unparse(Quotient().visit(body))
            return re.sub(r"\bnp\.|\b_(?=\w)", "", text).replace(" * ", " · ")
    return f"{rule.__name__}(g, …)"


@functools.cache
def _lambdas(file: str) -> list[ast.expr]:
    """The bodies of a file's lambdas; none of what was typed at a prompt."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    return [node.body for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


class Quotient(ast.NodeTransformer):
    """The tables' `over(a, b)`, which is 0 for 0 / 0, as a / b."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "over":
            return ast.BinOp(node.args[0], ast.Div(), node.args[1])
        return node
