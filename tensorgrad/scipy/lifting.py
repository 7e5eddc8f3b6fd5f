"""Lifting: functions of SciPy that take arrays only are made to take tensors."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from tensorgrad.ops.common import valued_by_numpy
from tensorgrad.rules import COMPOSITE, Function, composite, primitive


def taking_tensors(function: Any, name: str) -> Function:
    """Return SciPy's function as one that tensors are dispatched by; arrays go to it as before."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    # Not by functools.wraps, through which a program would copy SciPy's text.
    call.__name__ = call.__qualname__ = name
    call.__doc__, call.__module__ = function.__doc__, "scipy"
    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return primitive(call)


def expressed(function: Any, name: str = "") -> Callable[[Function], Function]:
    """Declare an expression that gives SciPy's function its gradient; its value is SciPy's own.

    The expression gets SciPy's arguments by name, or by position if there may be any number. A
    tensor's memory is not overwritten, whatever `overwrite_a` says.
    """
    taken = taking_tensors(function, name or function.__name__)
    parameters = inspect.signature(function).parameters
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    safe = {name: False for name in parameters if name.startswith("overwrite")}

    def declare(expression: Function) -> Function:
        valued_by_numpy(taken)(expression)
        call = COMPOSITE[taken]

        @functools.wraps(expression)
        def by_name(*args: Any, **kwargs: Any) -> Any:
            given = inspect.signature(function).bind(*args, **kwargs).arguments
            return call(**given | safe)

        if not several:
            composite(taken, by_name)
        return taken

    return declare
