"""Which copied functions and expressions have no effects, so that they may be left out."""

import ast
from typing import Any

import numpy as np

from tensorgrad.program.cutting import array_facts, builtin_facts
from tensorgrad.program.cutting.calls import is_numpys
from tensorgrad.program.cutting.facts import BoundMethod, Copied, Known
from tensorgrad.program.cutting.flow import Flow, is_plain_fact
from tensorgrad.program.cutting.signatures import own_parts
from tensorgrad.program.cutting.syntax import walk_syntax

QUIET_METHODS = {
    *array_facts.ARRAY_METHODS, "transpose", "ravel", "view", "conj", "conjugate", "item", "tolist",
    "std", "argmax", "argmin", "cumsum", "trace", "diagonal", "squeeze", "nonzero", "_replace",
    "round",
}  # fmt: skip
QUIET = {zip, enumerate, map, reversed, sorted, list, set, iter}
WRITING = (ast.Delete, ast.Try, ast.Global, ast.Nonlocal, ast.Raise)

ACTS = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)


class Effects:
    """Tells what has effects: errors that it may raise, and changes of what it is given."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.known: dict[str, bool] = {}

    def is_quiet(self, name: str) -> bool:
        """Return True if a copied function only returns something."""
        if name not in self.known:
            self.known[name] = False  # if it calls itself
            node = self.flow.functions.get(name)
            if node is None:  # a class
                self.known[name] = hasattr(self.flow.values[name], "_fields")
            elif name not in self.flow.fixed:
                raises = any(
                    isinstance(part, (ast.Raise, ast.Assert)) and part in self.flow.reached
                    for part in walk_syntax(node)
                )
                # It may change what is new in it, but not what it is given.
                given = (x for c in self.flow.contexts[name] for x in c.given.values())
                pure = self.flow.is_pure(name) and all(map(is_plain_fact, given)) and not raises
                self.known[name] = pure or all(map(self.is_quiet_part, own_parts(node)))
        return self.known[name]

    def is_quiet_part(self, part: ast.AST) -> bool:
        """Return True for a part of a function that has no effects, or is never reached."""
        flow = self.flow
        if isinstance(part, ast.stmt) and part not in flow.reached:
            return True
        if isinstance(part, WRITING) or (isinstance(part, ast.Expr) and not self.is_idle(part)):
            return False
        if isinstance(part, ast.Assert):
            return flow.tests.get(part.test) == {True}
        if isinstance(part, (ast.Subscript, ast.Attribute)) and not isinstance(part.ctx, ast.Load):
            return False
        if isinstance(part, ast.AugAssign):
            return self.flow.numbers.get(part, False)  # of which a new one is made
        if not isinstance(part, ast.Call) or part not in flow.facts:  # which is never reached
            return True
        return self.is_quiet_call(part)

    def is_idle(self, node: ast.Expr) -> bool:
        """Return True for a statement without effects; NumPy's calls that stand alone have some."""
        value = node.value
        if isinstance(value, ast.Call):
            copied = isinstance(value.func, ast.Name) and value.func.id in self.flow.values
            return copied and self.is_quiet_expression(value)
        return self.is_quiet_expression(value)

    def is_quiet_call(self, node: ast.Call) -> bool:
        """Return True for a call without effects."""
        function = self.flow.facts.get(node.func)
        if function is None:
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name == "slice":  # which was written for a known one
                return True
            if name not in self.flow.values:
                return False
            function = Copied(name)
        if any(k.arg == "out" for k in node.keywords):
            return False
        if type(function) is Copied:
            return self.is_quiet(function.name)
        if type(function) is BoundMethod:
            own = self.flow.method_of(function.owner, function.name)
            if own is not None:
                return self.is_quiet(own)
            return function.name in QUIET_METHODS
        return type(function) is Known and is_quiet_function(function.value, node)

    def is_quiet_expression(self, node: ast.AST) -> bool:
        """Return True for an expression that may be left out."""
        return all(
            self.is_quiet_call(part) if isinstance(part, ast.Call) else not isinstance(part, ACTS)
            for part in walk_syntax(node)
        )


def is_quiet_function(function: Any, node: ast.Call) -> bool:
    """Return True for a function of NumPy or Python without effects."""
    if is_numpys(function):
        outs = isinstance(function, np.ufunc) and len(node.args) > function.nin
        module = getattr(function, "__module__", "") or ""
        writes = function in (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal)
        return not (outs or writes or module.startswith("numpy.random"))
    return function in QUIET or builtin_facts.is_pure(function)
