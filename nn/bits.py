"""The states of NumPy's random generators as JSON, checked before they are set."""

import reprlib
from typing import Any

import numpy as np

WORD, LONG_WORD = 2**32, 2**64
Bounds = dict[str, tuple[int | None, int]]
_BUFFERED: Bounds = {"has_uint32": (None, 2), "uinteger": (None, WORD)}
_PCG: Bounds = {"state.state": (None, 2**128), "state.inc": (None, 2**128), **_BUFFERED}
# The numbers in the state of each kind: how many (None: one, without a list), and a bound above
# them. NumPy does not check them, and reads outside its memory for some.
BIT_GENERATORS: dict[str, Bounds] = {
    "PCG64": _PCG,
    "PCG64DXSM": _PCG,
    "MT19937": {"state.key": (624, WORD), "state.pos": (None, 625)},
    "Philox": {
        "state.counter": (4, LONG_WORD), "state.key": (2, LONG_WORD),
        "buffer": (4, LONG_WORD), "buffer_pos": (None, 5), **_BUFFERED,
    },
    "SFC64": {"state.state": (4, LONG_WORD), **_BUFFERED},
}  # fmt: skip


def generator_in(state: Any) -> np.random.Generator:
    """Make a generator in a state that `jsonable` returned.

    Raises: ValueError if there is no such state.
    """
    kind = state.get("bit_generator") if isinstance(state, dict) else None
    if not isinstance(kind, str) or kind not in BIT_GENERATORS:
        raise ValueError(f"its random generator {kind!r} is not one of {', '.join(BIT_GENERATORS)}")
    numbers = {name: _number(state, name, kind) for name in BIT_GENERATORS[kind]}
    if kind in ("PCG64", "PCG64DXSM") and numbers["state.inc"] % 2 == 0:
        raise ValueError(f"the state.inc of its random generator {kind} is even")
    if kind == "MT19937" and not any(numbers["state.key"]):
        raise ValueError("the state.key of its random generator MT19937 is 0")
    bits = getattr(np.random, kind)()
    bits.state = _filled(bits.state, numbers, "")
    return np.random.Generator(bits)


def _number(state: Any, name: str, kind: str) -> Any:
    """Return a number, or a list of numbers, in the state of a generator of this kind.

    Raises: ValueError if it is missing or out of its bounds.
    """
    value = state
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    length, bound = BIT_GENERATORS[kind][name]
    numbers = value if isinstance(value, list) else [value]
    if (
        isinstance(value, list) != (length is not None)
        or len(numbers) != (length or 1)
        or not all(type(n) is int and 0 <= n < bound for n in numbers)
    ):
        raise ValueError(
            f"the {name} of its random generator {kind} should be {length or 'one'} "
            f"integer{'s' * bool(length)} from 0 to {bound - 1}, but is {reprlib.repr(value)}"
        )
    return value


def jsonable(state: Any) -> Any:
    """Convert the arrays and scalars in the state of a generator to lists and numbers."""
    if isinstance(state, dict):
        return {key: jsonable(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def _filled(template: dict[str, Any], numbers: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a state like the template, with these numbers under their dotted names."""
    state: dict[str, Any] = {}
    for key, old in template.items():
        new = numbers.get(path + key, old)
        if isinstance(old, dict):
            new = _filled(old, numbers, f"{path}{key}.")
        state[key] = np.array(new, old.dtype) if isinstance(old, np.ndarray) else new
    return state
