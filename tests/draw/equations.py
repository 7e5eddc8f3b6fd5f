"""A reader of the page's equations, which computes them from their text."""

import math
import re
from typing import Any

import numpy as np

TOKEN = re.compile(
    r"\s*('[^']*'|\d+(?:\.\d+)?(?:e[−+-]?\d+)?j?|[^\W\d]\w*\u0304?|==|[^\s\w])", re.UNICODE
)
SIGNS = {"·": "*", "−": "-", "^": "**", "∞": "inf"}


class Reader:
    """A translator of one expression to Python, left to right."""

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
            operand = re.match(r"[\w'(\[Σ∞]", token) and not re.match(r"=|<|>", token)
            parts.append(self.operand() if operand else SIGNS.get(self.take(), token))
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
            value = number(SIGNS.get(token, token))
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
        assert self.take() == closing
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
            self.take()
            assert self.take() in ("axis", "axes")
            found = [self.take()]
            while self.peek() == "," and self.peek(1).isdigit():
                self.take()
                found.append(self.take())
            axes = f"({', '.join(found)},)"
        return f"{'total' if word == 'Σ' else 'average'}({value}, {axes})"


def number(token: str) -> str:
    return token.replace("−", "-")


def added(shape: tuple[int, ...], value: Any, index: Any) -> np.ndarray:
    out = np.zeros(shape, np.result_type(value, float))
    np.add.at(out, index, value)
    return out


def softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ENVIRONMENT: dict[str, Any] = vars(np) | {
    **{name: getattr(np.linalg, name) for name in ("inv", "solve", "det", "cholesky", "pinv")},
    "total": lambda x, axes: np.sum(x, axis=axes, keepdims=np.ndim(x) > 0),
    "average": lambda x, axes: np.mean(x, axis=axes, keepdims=True),
    "ones": lambda *shape: np.ones(shape),
    "added": added,
    "softmax": softmax,
    "onehot": lambda y, n: np.eye(n)[np.asarray(y, int)],
    "astype": lambda x, dtype: np.asarray(np.real(x) if np.dtype(dtype).kind == "f" else x).astype(
        dtype
    ),
    "erf": np.vectorize(math.erf),
    "xlogy": lambda x, y: x * np.log(y),
    "xlog1py": lambda x, y: x * np.log1p(y),
    "π": np.pi,
    "NaN": np.nan,
    "conj": np.conj,
    "f4": np.float32,
    "index": slice(None),
}


def python_of(text: str) -> str:
    """Translate an equation's right side to Python."""
    scatter = re.fullmatch(r"zeros\((.*?)\) with (.+) added at \[(.*)\]", text)
    if scatter:
        shape, value, index = scatter.groups()
        return f"added(({shape.rstrip(',')},), {python_of(value)}, s_[{index.replace('−', '-')}])"
    return Reader(text).expression()


def value_of(text: str, **letters: Any) -> Any:
    """Compute an equation's right side, with the values of its letters.

    Raises: NameError if it calls a function that NumPy lacks.
    """
    with np.errstate(all="ignore"):
        return eval(python_of(text), {}, ENVIRONMENT | letters)
