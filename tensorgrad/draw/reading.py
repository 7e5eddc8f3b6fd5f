"""A reader of the notation of formulas, which translates them to the syntax of Python.

A sum `Σ x over axis 0` becomes `total(x, (0,))`, a mean `average(x, (0,))`, a transposed matrix
`x.mT`, and `zeros(3,) with g added at [i]` becomes `added((3,), g, s_[i])`.
"""

import re

TOKEN = re.compile(
    r"\s*('[^']*'|\d+(?:\.\d+)?(?:e[−+-]?\d+)?j?|[^\W\dᵀ][^\Wᵀ]*\u0304?|ᵀ|==|<=|>=|[^\s\w])",
    re.UNICODE,
)
PYTHON_SIGNS = {"·": "*", "−": "-", "^": "**", "∞": "inf"}
SCATTER = re.compile(r"zeros\((.*?)\) with (.+) added at \[(.*)\]")


class ExpressionReader:
    """A translator of one expression, left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [(m[1], m.end() - len(m[1])) for m in TOKEN.finditer(text)]
        self.at = 0

    def peek(self, n: int = 0) -> str:
        return self.tokens[self.at + n][0] if self.at + n < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][0]

    def expression(self, closing: str = "") -> str:
        parts = []
        while self.peek() and self.peek() not in closing:
            token = self.peek()
            operand = re.match(r"[\w'(\[Σ∞]", token)
            parts.append(self.operand() if operand else PYTHON_SIGNS.get(self.take(), token))
        return " ".join(parts)

    def operand(self) -> str:
        token = self.take()
        if token == "Σ" or (token == "mean" and self.peek() != "(" and self.peek() not in "),"):
            return self.reduction(token)
        if token == "mean" and self.peek() == "(" and self.text[self.tokens[self.at][1] - 1] == " ":
            return self.reduction(token)
        if token == "(":
            value = f"({self.inside(')')})"
        elif token == "[":
            value = f"array([{self.inside(']')}])"
        else:
            value = PYTHON_SIGNS.get(token, token).replace("−", "-")
            value += ".0" if value.isdigit() and self.peek() == "^" else ""
        return self.postfix(value)

    def postfix(self, value: str) -> str:
        while self.peek() in ("(", "[", "ᵀ") and self.peek():
            token = self.take()
            if token == "ᵀ":
                value += ".mT"
            elif token == "(":
                value += f"({self.inside(')')})"
            else:
                value += f"[{self.index()}]"
        return value

    def inside(self, closing: str) -> str:
        text = self.expression(closing)
        if self.peek() != closing:
            raise SyntaxError(f"{closing} is missing in {self.text!r}")
        self.take()
        return text

    def index(self) -> str:
        """Copy an index; a list inside it selects elements."""
        start, depth = self.tokens[self.at][1], 1
        while depth:
            depth += {"[": 1, "]": -1}.get(self.take(), 0)
        return self.text[start : self.tokens[self.at - 1][1]].replace("−", "-")

    def reduction(self, word: str) -> str:
        value = self.operand()
        axes = "None"
        if self.peek() == "over":
            self.at += 2  # over axis, over axes
            found = [self.take()]
            while self.peek() == "," and self.peek(1).isdigit():
                self.take()
                found.append(self.take())
            axes = f"({', '.join(found)},)"
        return f"{'total' if word == 'Σ' else 'average'}({value}, {axes})"


def python_of(text: str) -> str:
    """Translate the right side of an equation to an expression of Python."""
    if scatter := SCATTER.fullmatch(text):
        shape, value, index = scatter.groups()
        return f"added(({shape.rstrip(',')},), {python_of(value)}, s_[{index.replace('−', '-')}])"
    return ExpressionReader(text).expression()
