"""Formulas as JavaScript: each becomes calls of the array functions in page/sandbox/arrays.js."""

import ast
import functools
from collections.abc import Sequence

from tensorgrad.draw.reading import python_of

ARRAY_OPERATORS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.MatMult: "matmul", ast.Eq: "equal", ast.Lt: "less", ast.Gt: "greater",
    ast.LtE: "less_equal", ast.GtE: "greater_equal",
}  # fmt: skip
# The functions that a formula can call, by the names that NumPy or this notation gives them.
ARRAY_FUNCTIONS = frozenset(
    """
    abs added arccos arccosh arcsin arcsinh arctan arctan2 arctanh assigned average cbrt chosen
    concatenate conj copysign cos cosh cumsum einsum erf exp exp2 expm1 fitted flip floor
    floor_divide fmax fmin fmod folded heaviside hypot inv isfinite isnan largest log log10 log1p
    log2 log_softmax logaddexp logaddexp2 logsumexp maximum minimum moveaxis onehot ones others
    product real remainder reshape roll sign sin sinh smallest softmax solve sorted sqrt swapaxes
    tan tanh total transpose tril triu trunc unsorted where windows
    """.split()  # noqa: SIM905
)
NAMED_NUMBERS = {"π": "Math.PI", "inf": "Infinity"}


class Untranslatable(ValueError):
    """A formula that calls what the array functions lack."""


@functools.cache
def javascript(text: str, operands: tuple[str, ...], gradient: bool) -> str:
    """Return a formula as an expression of `g`, `out` and the list `x` of the operands.

    In a gradient, 0 / 0 is 0.
    Raises: Untranslatable for what has no translation.
    """
    try:
        tree = ast.parse(python_of(text), mode="eval")
        return JavaScriptWriter(operands, gradient).write(tree.body)
    except (SyntaxError, IndexError) as error:
        raise Untranslatable(f"{text!r} is not in the notation of formulas") from error


@functools.cache
def operands_read(text: str, operands: tuple[str, ...]) -> set[int]:
    """Return the positions of the operands that a formula reads."""
    names = {node.id for node in ast.walk(ast.parse(python_of(text))) if isinstance(node, ast.Name)}
    return {slot for slot, name in enumerate(operands) if name in names}


class JavaScriptWriter:
    """A writer of the syntax tree of a formula as JavaScript."""

    def __init__(self, operands: tuple[str, ...], gradient: bool) -> None:
        self.letters = {name: f"x[{slot}]" for slot, name in enumerate(operands)}
        self.letters |= {"out": "out", **({"g": "g"} if gradient else {})}
        self.gradient = gradient

    def write(self, node: ast.AST) -> str:
        """Write an expression."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise Untranslatable(f"{type(node).__name__} is not in the notation of formulas")
        return method(node)

    def _name(self, node: ast.Name) -> str:
        known = self.letters.get(node.id) or NAMED_NUMBERS.get(node.id)
        if known is None:
            raise Untranslatable(f"{node.id} is unknown")
        return known

    def _constant(self, node: ast.Constant) -> str:
        value = node.value
        if value is None:
            return "null"
        if isinstance(value, str) and value.replace("->", "").replace(",", "").isalpha():
            return f'"{value}"'  # the subscripts of einsum
        if isinstance(value, (int, float)):
            return repr(value + 0).removesuffix(".0")
        raise Untranslatable(f"{value!r} has no JavaScript here")

    def _tuple(self, node: ast.Tuple | ast.List) -> str:
        return f"[{', '.join(map(self.write, node.elts))}]"

    _list = _tuple

    def _unaryop(self, node: ast.UnaryOp) -> str:
        value = self.write(node.operand)
        if isinstance(node.operand, ast.Constant) or value == "Infinity":
            return f"-{value}"
        return f"np.negative({value})"

    def _call_of(self, operator: ast.AST, *parts: ast.AST) -> str:
        name = ARRAY_OPERATORS.get(type(operator))
        if name is None:
            raise Untranslatable(f"{type(operator).__name__} is not in the notation of formulas")
        if name == "divide" and self.gradient:
            name = "ratio"
        return f"np.{name}({', '.join(map(self.write, parts))})"

    def _binop(self, node: ast.BinOp) -> str:
        return self._call_of(node.op, node.left, node.right)

    def _compare(self, node: ast.Compare) -> str:
        return self._call_of(node.ops[0], node.left, node.comparators[0])

    def _call(self, node: ast.Call) -> str:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "astype":  # all numbers are float64 here
            return self.write(node.args[0])
        if name not in ARRAY_FUNCTIONS or any(word.arg != "axis" for word in node.keywords):
            raise Untranslatable(f"{name or 'a method'} has no JavaScript here")
        given = [*node.args, *(word.value for word in node.keywords)]  # the axis comes last
        return f"np.{name}({', '.join(map(self.write, given))})"

    def _attribute(self, node: ast.Attribute) -> str:
        if node.attr != "mT":
            raise Untranslatable(f"{node.attr} has no JavaScript here")
        return f"np.matrixTranspose({self.write(node.value)})"

    def _subscript(self, node: ast.Subscript) -> str:
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        items = f"[{', '.join(map(self._index, index))}]"
        if isinstance(node.value, ast.Name) and node.value.id == "s_":
            return items
        return f"np.take({self.write(node.value)}, {items})"

    def _index(self, node: ast.AST) -> str:
        """Write a part of an index: a slice as a list of three, newaxis as null."""
        if isinstance(node, ast.Slice):
            bounds = (node.lower, node.upper, node.step)
            return f"[{', '.join('null' if b is None else self.write(b) for b in bounds)}]"
        if isinstance(node, ast.Name) and node.id == "newaxis":
            return "null"
        if isinstance(node, ast.Constant) and node.value is ...:
            return '"…"'
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            raise Untranslatable("a truth value as an index has no JavaScript here")
        if isinstance(node, ast.List):
            return f"np.list({self.write(node)})"
        return self.write(node)


def rules_table(rows: Sequence[tuple[tuple[str, ...], Sequence[str | None]]]) -> str:
    """Write rows of operands' names and formulas (the call's, then each gradient's) as a table."""
    lines = []
    for operands, formulas in rows:
        heads = ["(x)", *["(g, out, x)"] * (len(formulas) - 1)]
        functions = [
            "null" if text is None else f"{head} => {javascript(text, operands, head != '(x)')}"
            for head, text in zip(heads, formulas, strict=True)
        ]
        lines.append(f"  [{', '.join(functions)}],\n")
    return f"const RULES = [\n{''.join(lines)}];\n"
