"""Contexts: what a function changes in a copy of its own, as by `np.errstate`, ends with it."""

import functools
from collections.abc import Callable
from contextvars import copy_context
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def in_own_context(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Run a function in a copy of the context, so that its changes end with it, however it ends.

    A signal can end a `with` before the first line of `__exit__`, which is written in Python.
    """

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        return copy_context().run(function, *args, **kwargs)

    return call
