"""The local rules of the ops in mathematical notation: ∂a = g · b."""

import ast
import functools
import inspect
import linecache
import re
from collections.abc import Sequence
from typing import Any

from tensorgrad.joint import AllOp
from tensorgrad.rules import EachOp, Function, Op

# `g` is the gradient that arrives at `out`. A test evaluates the elementwise formulas as text, and
# compares the results with the engine.
# fmt: off
FORMULAS = {  # op -> its formula, then the gradient of each operand
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
    "linear":       ("x W + b",          "g Wᵀ",   "xᵀ g",   "Σ g over the rows"),
    "conv":         ("Σ x[window] W + b",   "Σ g[window] Wᵀ",   "Σ x[window]ᵀ g",   "Σ g"),
    "conv_input":   ("Σ g[window] Wᵀ",      "Σ g[window] W",   "Σ g[window]ᵀ g"),
    "conv_weights": ("Σ x[window]ᵀ g",      "Σ g[window] Wᵀ",   "Σ x[window] g"),
    "max_pool":     ("max(x[window])",      "g for the largest of the window, shared by ties"),
    "average_pool": ("mean(x[window])",     "g / n for every pixel of the window"),
    "batch_norm":   ("x̂ · gain + bias",
                     "gain / std · (g − mean(g) − x̂ · mean(g · x̂))",   "Σ g · x̂",   "Σ g"),
    "standardize":  ("(x − mean) / std",    "(g − mean(g) − out · mean(g · out)) / std"),
    "shift_scale":  ("(x − mean) · scale + bias",   "g · scale",   "−scale · Σ g",
                     "Σ g · (x − mean)",   "Σ g"),
    "sum":          ("Σ x",              "g for every element of x"),
    "mean":         ("Σ x / n",          "g / n for every element of x"),
    "max":          ("max(x)",           "g for the largest element, shared by ties"),
    "min":          ("min(x)",           "g for the smallest element, shared by ties"),
    "prod":         ("Π x",              "g · product of the other elements"),
    "var":          ("Σ (x − mean) ^ 2 / n",         "g · 2 · (x − mean) / n"),
    "std":          ("sqrt(Σ (x − mean) ^ 2 / n)",   "g · (x − mean) / (n · out)"),
    "sort":         ("x in ascending order",   "g in the original order of x"),
    "cumsum":       ("cumulative sum of x",    "sum of g from each element to the end"),
    "softmax":      ("exp(x) / Σ exp(x)",   "out · (g − Σ g · out)"),
    "log_softmax":  ("x − log Σ exp(x)", "g − exp(out) · Σ g"),
    "logsumexp":    ("log Σ exp(x)",     "g · exp(x − out)"),
    "softmax_cross_entropy": ("−mean log softmax(z)[y]",   "g · (softmax(z) − onehot(y)) / N"),
    "sigmoid_cross_entropy": ("log(1 + exp(z)) − z · y",   "g · (sigmoid(z) − y)"),
    "reshape":      ("x in another shape",          "g in the shape of x"),
    "ravel":        ("x in one dimension",          "g in the shape of x"),
    "squeeze":      ("x without axes of length 1",  "g in the shape of x"),
    "expand_dims":  ("x with a new axis",           "g in the shape of x"),
    "transpose":    ("xᵀ",                          "gᵀ"),
    "broadcast_to": ("x repeated along axes",       "g summed over the repeats"),
    "swapaxes":     ("x with two axes swapped",     "g with the axes swapped back"),
    "moveaxis":     ("x with axes moved",           "g with the axes moved back"),
    "concatenate":  ("arrays joined along an axis", "the slice of g that belongs to the operand"),
    "take":         ("x[index]",                    "g at index, 0 elsewhere"),
    "put":          ("v at index, 0 elsewhere",  "g[index]"),
    "einsum":       ("einsum(operands)",            "einsum of g and the other operands"),
    "cast":         ("x in another dtype",          "g in the dtype of x"),
}
# fmt: on


def written_rules(op: Op) -> Sequence[Function | None]:
    """Return the rules of an op as they were declared: one per operand, also if all share one."""
    if isinstance(op, EachOp):
        return [op.gradient]
    return [op.gradient] * op.arity if isinstance(op, AllOp) else op.rules


@functools.cache
def operands(op: Op) -> tuple[str, ...]:
    """Return the operands' names in the rules of an op; a variadic op has one name for all."""
    rule = next(r for r in written_rules(op) if r is not None)
    names = list(inspect.signature(rule).parameters)
    skip, arity = (3, 1) if isinstance(op, EachOp) else (2, op.arity)
    return tuple(name.lstrip("_") for name in names[skip : skip + arity])


@functools.cache
def formula(op: Op) -> dict[str, Any]:
    """Return the op's formula, its operands' names and the gradient of each (or None)."""
    names = operands(op)
    if op.name in FORMULAS and len(FORMULAS[op.name]) <= len(names) + 1:
        whole, *parts = FORMULAS[op.name]
    else:
        rules = written_rules(op)
        whole = f"{op.name}({', '.join(names)})"
        parts = [None if rule is None else _rule_source(inspect.unwrap(rule)) for rule in rules]
    parts += [None] * (len(names) - len(parts))
    return {
        "text": f"out = {whole}",
        "operands": list(names),
        "rules": [part and f"∂{name} = {part}" for name, part in zip(names, parts, strict=True)],
    }


def slot_name(op: Op, slot: int) -> str:
    """Return the name of an operand; the operands of a variadic op are numbered."""
    names = operands(op)
    return f"{names[0]}{slot}" if isinstance(op, EachOp) else names[slot]


def _rule_source(rule: Any) -> str:
    """Return the expression of a lambda, or the first line of a function's docstring."""
    if rule.__doc__:
        return rule.__doc__.strip().splitlines()[0].rstrip(".")
    # A row of a table can hold several lambdas, which differ in the position of their bodies.
    begins = {(line, column) for line, _, column, _ in rule.__code__.co_positions()}
    for body in _lambdas(rule.__code__.co_filename):
        if (body.lineno, body.col_offset) in begins:
            text = ast.unparse(Quotient().visit(body))
            return re.sub(r"\bnp\.|\b_(?=\w)", "", text).replace(" * ", " · ")
    return f"{rule.__name__}(g, …)"


@functools.cache
def _lambdas(file: str) -> list[ast.expr]:
    """Return the bodies of the lambdas in a file; none for input typed at a prompt."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    return [node.body for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


class Quotient(ast.NodeTransformer):
    """A rewriting of `safe_divide(a, b)`, which is 0 for 0 / 0, as a / b."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "safe_divide":
            return ast.BinOp(node.args[0], ast.Div(), node.args[1])
        return node
