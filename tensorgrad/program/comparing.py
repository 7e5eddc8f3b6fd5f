"""Comparing: straight lines of code that tell if a program is the one for a call.

All that a program was made for is compared at each call, so the lines name each object directly.
"""

import functools
import keyword
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tensorgrad.engine.state import STATE
from tensorgrad.program.guards import (
    PLAIN_VALUES,
    AbsentGuard,
    AttributeGuard,
    ClassGuard,
    FunctionGuard,
    Guard,
    InstanceGuard,
    MemberGuard,
    OrderGuard,
    SizeGuard,
    TypeGuard,
    is_same,
)
from tensorgrad.program.keys import SWITCH
from tensorgrad.program.reached import AttributesNow
from tensorgrad.program.sources import BufferSource, GradSource, Source


class Code:
    """The lines of a function, and the objects that they name."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.alike: dict[int, Callable[[Any], bool]] = {}
        self.objects: dict[str, Any] = {}

    def name(self, x: Any) -> str:
        """Return the name of an object."""
        if x is None:
            return "None"
        if id(x) not in self.names:
            self.names[id(x)] = name = f"x{len(self.names)}"
            self.objects[name] = x
        return self.names[id(x)]

    def function(self, parameters: str, lines: Iterable[str]) -> Any:
        """Return the function of these lines."""
        body = "".join(f"    {line}\n" for line in lines)
        exec(f"def function({parameters}):\n{body}", self.objects)
        return self.objects.pop("function")

    def is_other(self, guard: Guard, now: str) -> str:
        """Return the expression for another value; most are the same objects as before."""
        value = self.name(guard.value)
        if not isinstance(guard.value, PLAIN_VALUES) or guard.value is None:
            return f"{now} is not {value}"
        return f"{now} is not {value} and not {self.same(guard.value)}({now})"

    def same(self, value: Any) -> str:
        """Return the name of a function that is true for an equal value."""
        return self.name(self.alike.setdefault(id(value), functools.partial(is_same, value)))


def changed(guard: Guard, code: Code) -> str:
    """Return lines of expressions, one of which is true, or raises, if a guard does not hold."""
    name, kind = code.name, type(guard)
    if isinstance(guard, InstanceGuard) and is_found_first(guard.owner, guard.key):
        return code.is_other(guard, f"{name(guard.owner)}.{guard.key}")
    if kind in (Guard, MemberGuard, InstanceGuard):
        key = repr(guard.key) if type(guard.key) in (str, int) else name(guard.key)
        item = f"[{key}]" if guard.key is not None else ".cell_contents"
        return code.is_other(guard, name(guard.where) + item)
    if kind is AttributeGuard and is_written(guard.key):
        return code.is_other(guard, f"{name(guard.where)}.{guard.key}")
    if kind is ClassGuard and is_written(guard.key):
        other = code.is_other(guard, f"{name(type(guard.where))}.{guard.key}")
        return f"{guard.key!r} in {name(vars(guard.where))}\n{other}"
    if kind in EXPRESSIONS:
        return EXPRESSIONS[kind](guard, name)
    return f"not {name(guard)}.holds()"


def is_written(name: Any) -> bool:
    """Return True for a name that can follow a dot."""
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)


def is_found_first(x: Any, name: Any) -> bool:
    """Return True if `x.name` is what the dict of x has, and faster."""
    kind = type(x)
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    hides = hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")
    own = hasattr(kind, "__getattr__") or kind.__getattribute__ is not object.__getattribute__
    return is_written(name) and not hides and not own


def of_function(guard: Any, name: Callable[[Any], str]) -> str:
    parts = zip(("__code__", "__defaults__", "__kwdefaults__"), guard.value, strict=True)
    return " or ".join(f"{name(guard.where)}.{part} is not {name(x)}" for part, x in parts)


def of_order(guard: Any, name: Callable[[Any], str]) -> str:
    if guard.texts:
        return f"[*{name(guard.where)}] != {name(guard.value)}"
    return f"not {name(guard)}.holds()"


def of_size(guard: Any, name: Callable[[Any], str]) -> str:
    x = guard.where
    items = f"{name(x.owner)}.__dict__" if isinstance(x, AttributesNow) else name(x)
    return f"len({items}) != {guard.value}"


EXPRESSIONS: dict[type, Callable[[Any, Callable[[Any], str]], str]] = {
    AbsentGuard: lambda guard, name: f"{guard.key!r} in {name(guard.where)}",
    FunctionGuard: of_function,
    OrderGuard: of_order,
    SizeGuard: of_size,
    TypeGuard: lambda guard, name: f"type({name(guard.where)}) is not {name(guard.value)}",
}


def all_hold(
    guards: list[Guard], nodes: list[tuple[Any, Any]], had_gradients: list[tuple[Any, bool]]
) -> Callable[[], bool]:
    """Return a function that is true if guards, nodes and gradients are as before."""
    code = Code()
    terms = [line for guard in guards for line in changed(guard, code).splitlines()]
    for t, node in nodes:
        now = f"{code.name(t)}.node"
        terms.append(f"{now} is not {code.name(node)}")
        if node is not None:
            extras = f"{code.name(node)}.extras"
            terms.append(f"{extras} and {extras}.hooks")
    for leaf, had in had_gradients:
        terms.append(f"{code.name(leaf)}.node.extras.grad is {'' if had else 'not '}None")
    lines = [f"    if {term}: return False" for term in dict.fromkeys(terms)]
    # An exception says that something is no longer there.
    return code.function("", ["try:", *lines, "    return True", "except Exception: return False"])


def short_look(
    plan: list[tuple[Any, Any, Any]] | None, recording: bool, fits: Callable[[], bool]
) -> Callable[[tuple[Any, ...]], bool]:
    """Return a function that is true for arguments of a plan, while `fits` is."""
    if plan is None:
        return lambda args: False
    code = Code()
    code.objects |= {"get": STATE.get, "switch": SWITCH, "fits": fits}
    terms = [f"len(args) != {len(plan)}"]
    for i, (kind, dtype, shape) in enumerate(plan):
        terms.append(f"type(a{i}) is not {code.name(kind)}")
        if kind is np.ndarray:
            terms.append(f"a{i}.dtype is not {code.name(dtype)} or a{i}.shape != {shape!r}")
            if max(shape, default=1) > 1:
                terms.append(f"not a{i}.flags.forc")
    terms.append(f"state.observer is not None or state.recording is not {recording}")
    lines = [f"if {term}: return False" for term in terms]
    names = "".join(f"a{i}, " for i in range(len(plan)))
    lines.insert(1, f"{names} = args" if plan else "pass")
    lines.insert(-1, "state = get()")
    return code.function("args", [*lines, "return not switch.off and fits()"])


def reader(sources: list[Any]) -> Callable[[], tuple[Any, ...]]:
    """Return a function that reads the values of sources."""
    code = Code()
    texts = []
    for source in sources:
        if type(source) is Source:
            texts.append(f"{code.name(source.tensor)}._value")
        elif type(source) is GradSource:
            texts.append(f"{code.name(source.tensor)}.grad._value")
        elif type(source) is BufferSource:
            texts.append(f"{code.name(source.attributes)}[{source.key!r}]")
        else:
            texts.append(f"{code.name(source)}.read()")
    return code.function("", [f"return ({''.join(f'{text}, ' for text in texts)})"])
