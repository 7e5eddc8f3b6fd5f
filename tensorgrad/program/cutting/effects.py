"""Which copied functions and expressions have no effects, so that they may be left out."""

import ast
from typing import Any

from tensorgrad.program.arrays import WRITERS
from tensorgrad.program.cutting import array_facts, builtin_facts
from tensorgrad.program.cutting.calls import is_numpys
from tensorgrad.program.cutting.facts import BoundMethod, Copied, Known
from tensorgrad.program.cutting.flow import Flow, is_plain_fact
from tensorgrad.program.cutting.signatures import own_parts
from tensorgrad.program.cutting.syntax import walk_syntax
from tensorgrad.program.steps import place_of_out

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
            most = OUT_OF_METHODS.get(function.name, len(node.args))
            return function.name in QUIET_METHODS and len(node.args) <= most
        return type(function) is Known and is_quiet_function(function.value, node)

    def is_quiet_expression(self, node: ast.AST) -> bool:
        """Return True for an expression that may be left out."""
        return all(
            self.is_quiet_call(part) if isinstance(part, ast.Call) else not isinstance(part, ACTS)
            for part in walk_syntax(node)
        )


def is_quiet_function(function: Any, node: ast.Call) -> bool:
    """Return True for a function of NumPy or Python without effects."""
    if not is_numpys(function):
        return function in QUIET or builtin_facts.is_pure(function)
    module, name = getattr(function, "__module__", "") or "", getattr(function, "__name__", "")
    stars = any(isinstance(x, ast.Starred) for x in node.args)
    most = place_of_out(function)
    if most is not None and (stars or len(node.args) > most):
        return False
    given = len(node.args) > 1 or node.keywords
    changes = name in CHANGING or (name == "nan_to_num" and given)  # copy=False
    return not changes and not module.startswith("numpy.random")


# Functions of NumPy that change what they are given or a setting, or call a function.
CHANGING = {
    *(function.__name__ for function in WRITERS), "at", "seterr", "seterrcall", "setbufsize",
    "set_printoptions", "save", "savetxt", "savez", "savez_compressed", "apply_along_axis",
    "apply_over_axes", "piecewise", "fromfunction", "frompyfunc", "fromiter",
}  # fmt: skip
# Methods with `out`, and how many arguments come before it.
OUT_OF_METHODS = {
    "sum": 2, "prod": 2, "mean": 2, "std": 2, "cumsum": 2, "max": 1, "min": 1, "any": 1, "all": 1,
    "argmax": 1, "argmin": 1, "dot": 1, "round": 1, "trace": 4,
}  # fmt: skip
