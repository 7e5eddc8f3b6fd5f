"""Refusals: what cannot be part of a program, and what the user's code must not pass over."""

import warnings
from typing import Any

import numpy as np

from tensorgrad.program.arrays import Untraceable, stand_ins_in
from tensorgrad.program.names import in_a_step, is_library, is_users_line, look_back, with_line

TRUTH = (
    "the truth of a traced value is asked for, as by `if` or `and`; write np.where(condition, a, b)"
)
CALLBACK = "a function that NumPy calls back uses a traced value; write it without the callback"
KEPT_OUTSIDE = (
    "the function keeps a traced value in a variable, a container or an attribute from outside, "
    "which a program does not fill; return it instead"
)
STEP_INSIDE = (
    "an optimizer's step is taken inside the compiled function; take it after the call, as in "
    "loss = step(X, y); optimizer.step()"
)
INTO_NDARRAY = (
    "a traced value is written into an ndarray; write into a tensor, as tg.Tensor(array), or use "
    "np.where or np.stack"
)
ITERATOR = (
    "the function uses an iterator from outside, {!r}, which a program does not advance; pass what "
    "it yields as an argument"
)
UNREADABLE = (
    "the function reaches a {} from outside whose values cannot be compared, because of {}; pass "
    "its array as an argument"
)
GROWS = (
    "the function adds something to a container or a cache from outside at each call, which a "
    "program does not do; return it instead"
)
OF_THE_FIRST = (
    "the first call makes something outside, such as an attribute, and the next call finds it and "
    "does something else; make it before the function is compiled"
)
GOES_ON = "the function goes on after "
PASSED_OVER = (
    f"{GOES_ON}{{}} was raised, which other values may not raise; a program cannot "
    "decide by an error, so leave the `try` out of what is compiled"
)
OF_A_LINE = (
    "a line raises {} for traced values, which it does not for arrays; use NumPy's functions "
    "there, or leave the line out of what is compiled"
)
OF_THE_COMPILER = (
    "no program could be written, because of {}, which is a mistake of the compiler; call the "
    "function without compile"
)
# Calls whose ValueError says that shapes do not fit: by function, by method and by operator.
BY_SHAPES = frozenset([
    np.reshape, np.broadcast_to, np.concatenate, np.stack, np.vstack, np.hstack, np.dstack,
    np.column_stack, np.transpose, np.squeeze, np.expand_dims, np.moveaxis, np.split, np.where,
    np.matmul, np.dot, np.inner, np.tensordot, np.einsum, np.add, np.subtract, np.multiply,
    np.divide, np.maximum, np.minimum, "reshape", "transpose", "squeeze", "dot",
    "+", "-", "*", "/", "@", "<", "<=", ">", ">=", "==", "!=",
])  # fmt: skip


class Refusals:
    """The errors that were raised while a function was traced, in case that it passes over them."""

    def __init__(self) -> None:
        self.found: list[Untraceable] = []
        self.warnings = action_of_warnings()

    def note(self, message: str) -> Untraceable:
        """Return the error with this message, and keep it if a line of the user's has caused it."""
        text = with_line(STEP_INSIDE if in_a_step() else message, look_back()[2])
        error = Untraceable(text)
        if is_users_line(("tensorgrad.",)):
            self.found.append(error)
        return error

    def check_warnings(self) -> None:
        """Raise Untraceable if the function has made errors of warnings, which it may catch."""
        if action_of_warnings() == "error" != self.warnings:
            raise self.note("a decision is made by warnings that are errors; write np.where")

    def raised(self, error: Exception, form: str, callee: Any, args: Any) -> None:
        """Keep that a call raised an error, unless it does so for all values."""
        if is_decided_by_shapes(error, form, callee, args):
            return
        text = PASSED_OVER.format(type(error).__name__)
        self.found.append(Untraceable(with_line(text, look_back()[2])))

    def hidden_by(self, error: Exception) -> Untraceable | None:
        """Return the refusal that NumPy has turned into another error, or None."""
        refused = (x for x in self.found if not str(x).startswith(GOES_ON))
        return None if isinstance(error, Untraceable) else next(refused, None)

    def forget(self, number: int) -> None:
        """Forget all but the first of them, because the library tries something else."""
        del self.found[number:]


def unmade(error: Exception) -> Untraceable:
    """Return the refusal for an error of a trace or a program that the function does not raise."""
    frame, place = error.__traceback__, None
    while frame is not None:
        code, module = frame.tb_frame.f_code, frame.tb_frame.f_globals.get("__name__", "")
        if not is_library(module) and not code.co_filename.startswith("<program "):
            place = code.co_filename, frame.tb_lineno
        frame = frame.tb_next
    first = (str(error).splitlines() or [""])[0]
    message = OF_THE_COMPILER if place is None else OF_A_LINE
    return Untraceable(with_line(message.format(f"{type(error).__name__}: {first}"), place))


def is_decided_by_shapes(error: Exception, form: str, callee: Any, args: Any) -> bool:
    """Return True for an error that a call raises for all values of these shapes."""
    if isinstance(error, np.exceptions.AxisError):
        return True
    if form == "item":
        return isinstance(error, IndexError) and not any(stand_ins_in(args[1:]))
    return isinstance(error, ValueError) and callee in BY_SHAPES


def action_of_warnings() -> str:
    """Return what is done with NumPy's warnings, as "error" or "ignore"."""
    for action, message, category, module, _ in warnings.filters:
        if message is None and module is None and issubclass(RuntimeWarning, category):
            return action
    return "default"
