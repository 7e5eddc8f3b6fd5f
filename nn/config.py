"""Descriptions of layers, losses and metrics in files: a class and its arguments, never code."""

import inspect
import math
import reprlib
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from types import ModuleType
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np

from nn.words import WithWords

# The remedy in every error about an optional package that is missing.
INSTALL_EXTRAS = "pip install '.[examples]' in the clone of tensorgrad"

NUMBER = (int, float, np.integer, np.floating)  # the types of a number among the arguments
SPARE_ELEMENTS = 1 << 16  # that a file may need beside those that it holds
Seed: TypeAlias = np.random.Generator | int | None
Description = dict[str, Any]  # {"kind": a registered class's name, "config": its arguments}

KINDS: dict[str, type["Configured"]] = {}

# Elements that the layers being built from a file may still have, and the largest size of one.
ALLOWANCE: ContextVar[tuple[list[int], int] | None] = ContextVar("allowance", default=None)


def import_extra(module: str, purpose: str, command: str = INSTALL_EXTRAS) -> ModuleType:
    """Import a library that only some programs need, and return its package.

    Raises: ImportError, with the purpose and the command that installs it, if it is missing.
    """
    try:
        return __import__(module)
    except ImportError as error:
        raise ImportError(f"{purpose}, which is not installed; run {command}") from error


def count(value: Any, name: str) -> int:
    """Return a number of things as an int, after checking it.

    Raises: ValueError if it is not an integer of at least 1.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
    return int(value)


def check_unmasked(data: Any, name: str) -> None:
    """Raise TypeError for a masked array."""
    if isinstance(data, np.ma.MaskedArray):
        array = name if name.isidentifier() else "array"
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost; replace the masked values with "
            f"{array}.filled(value), or leave those samples out"
        )


def names_remedy(array: Any, name: str) -> str:
    """Return what to write in place of names of classes, "" if the array holds none."""
    if array.ndim != 1 or not array.size or not isinstance(array[0], str):
        return ""
    return f"write names, {name} = np.unique({name}, return_inverse=True) for names of classes"


def argument_text(value: Any) -> str:
    """Describe a wrong argument; for a class, show the call that was forgotten."""
    if isinstance(value, type):
        return f"the class {value.__name__}; write {value.__name__}()"
    return repr(value) if isinstance(value, str | float) else f"a value of {type(value)}"


class Configured(WithWords):
    """Base of classes that can be rebuilt from their constructor's arguments.

    Each argument is stored as the attribute of the same name, but those named in `transient`.
    """

    # Arguments that only the constructor needs, and attributes that a file may lose.
    transient: ClassVar[tuple[str, ...]] = ("rng",)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments in a form that JSON can hold.

        Raises: TypeError if an argument is not stored under its name, or JSON cannot hold it.
        """
        kind, config = type(self).__name__, {}
        for name in _parameters(type(self)):
            if name in self.transient:
                continue
            if not hasattr(self, name):
                raise TypeError(
                    f"{kind} cannot be saved: its constructor takes {name}, but there is no "
                    f"attribute self.{name} to read it from; store it there, or define config()"
                )
            config[name] = _to_json(getattr(self, name), f"{kind} cannot be saved: its {name}")
        return config

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._shown_arguments())})"

    def _shown_arguments(self) -> list[str]:
        """Format the required arguments and those that differ from their defaults."""
        try:
            config = self.config()
        except TypeError:
            return []
        parameters = _parameters(type(self))
        shown = []
        for name, value in config.items():
            p = parameters[name]
            if p.kind is p.VAR_POSITIONAL:
                shown += [repr(item) for item in value if not _is_description(item)]
                continue
            if _is_description(value):
                continue
            if p.default is p.empty:
                shown.append(repr(value))
            elif value != _to_json(p.default, name):
                shown.append(f"{name}={value!r}")
        return shown


C = TypeVar("C", bound=type[Configured])


def register(cls: C) -> C:
    """Decorate a class so that its instances can be saved in files and loaded again.

    Raises: ValueError if another class is registered under the same name.
    """
    known = KINDS.setdefault(cls.__name__, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"the name {cls.__name__} in saved files already stands for "
            f"{known.__module__}.{known.__qualname__}; give your class another name"
        )
    KINDS[cls.__name__] = cls  # the same class may come again: a notebook's cell can run twice
    return cls


def describe(part: Configured) -> Description:
    """Return the class name and arguments of a part, from which `build` makes an equal one.

    Raises: TypeError if its class is not registered or its arguments cannot be saved.
    """
    kind, config = type(part).__name__, part.config()
    if KINDS.get(kind) is not type(part):
        raise TypeError(
            f"{kind} cannot be saved, because a file can only name registered classes; "
            "put @nn.register above its class"
        )
    return {"kind": kind, "config": config}


def build(description: Description) -> Any:
    """Make a new part from the class name and arguments that `describe` returned.

    Raises: ValueError if the class is not registered or does not take these arguments.
    """
    if not _is_description(description):
        raise ValueError(
            f'a description is {{"kind": ..., "config": {{...}}}}, not {description!r}'
        )
    kind, config = description["kind"], description["config"]
    cls = KINDS.get(kind)
    if cls is None:
        raise ValueError(
            f"there is no registered class {kind!r}; if it is your own, put @nn.register above it "
            "and import its module before loading "
            f"(registered: {', '.join(sorted(KINDS))})"
        )
    if cls.__module__.partition(".")[0] == "nn":
        _check_sizes(kind, config)
    arguments = {name: _from_json(value) for name, value in config.items()}
    starred = [p.name for p in _parameters(cls).values() if p.kind is p.VAR_POSITIONAL]
    positional = arguments.pop(starred[0], ()) if starred else ()
    try:
        return cls(*positional, **arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{kind} does not take the arguments {reprlib.repr(config)}: {error}"
        ) from error


def build_within(description: Description, elements: int) -> Any:
    """Build a part from a file that holds so many elements; a larger one is refused.

    Raises: ValueError, before the memory is used, if a layer would be larger.
    """
    allowed = 4 * elements + SPARE_ELEMENTS  # a layer may draw some that it then replaces
    context = copy_context()
    context.run(ALLOWANCE.set, ([allowed], allowed))
    return context.run(build, description)


def charge(shape: tuple[int, ...]) -> None:
    """Count the elements of an array that a layer is about to draw.

    Raises: ValueError if a file is loaded that does not hold as many.
    """
    allowance = ALLOWANCE.get()
    if allowance is None:
        return
    left, allowed = allowance
    left[0] -= math.prod(shape)
    if left[0] < 0:
        raise ValueError(
            f"its layers would need more than {allowed:,} elements, the last of them an array of "
            f"shape {shape}, but the file holds far fewer"
        )


def _check_sizes(kind: str, config: dict[str, Any]) -> None:
    """Raise ValueError if an integer among arguments from a file is no possible size of a layer."""
    allowance = ALLOWANCE.get()
    if allowance is None:
        return
    for name, value in config.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int) and abs(number) > allowance[1]:
                raise ValueError(
                    f"{kind} would have {name}={reprlib.repr(number)}, but the arrays of the file "
                    "are far smaller"
                )


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def _is_description(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"kind", "config"}
        and isinstance(value["kind"], str)
        and isinstance(value["config"], dict)
    )


def _to_json(value: Any, what: str) -> Any:
    """Convert a value to a form that JSON can hold.

    Raises: TypeError, which begins with `what`, if there is none.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, Configured):
        return describe(value)
    if isinstance(value, list | tuple):
        return [_to_json(item, what) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _to_json(item, what) for key, item in value.items()}
    raise TypeError(
        f"{what} is a {type(value).__name__}, which JSON cannot hold; define config() to convert it"
    )


def _from_json(value: Any) -> Any:
    """Convert the result of `_to_json` back to the value."""
    if _is_description(value):
        return build(value)
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _from_json(item) for key, item in value.items()}
    return value
