"""What a file says of a layer, a loss or a metric: its kind and its arguments, never code."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np

NUMBER = (int, float, np.integer, np.floating)  # what a setting may be
Seed: TypeAlias = np.random.Generator | int | None
Description = dict[str, Any]  # {"kind": a registered class's name, "config": its arguments}

KINDS: dict[str, type["Configured"]] = {}


def count(value: Any, name: str) -> int:
    """The value as a number of things.

    Raises: ValueError if it is not an integer of at least 1.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
    return int(value)


class Configured:
    """What can be built again from its arguments, which it keeps as attributes of their names."""

    transient: ClassVar[tuple[str, ...]] = ("rng",)  # arguments that matter only while it is made

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them.

        Raises: TypeError if one was not kept under its name, or JSON has no form for it.
        """
        kind, config = type(self).__name__, {}
        for name in _parameters(type(self)):
            if name in self.transient:
                continue
            if not hasattr(self, name):
                raise TypeError(
                    f"{kind} cannot be saved: its constructor takes {name}, but there is no "
                    f"attribute self.{name} to read it from; keep it there, or define config()"
                )
            config[name] = _plain(getattr(self, name), f"{kind} cannot be saved: its {name}")
        return config

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._shown())})"

    def _shown(self) -> list[str]:
        """The arguments worth reading: those required, and those that are not at their defaults."""
        try:
            config = self.config()
        except TypeError:
            return []
        parameters = _parameters(type(self))
        shown = []
        for name, value in config.items():
            p = parameters[name]
            if p.kind is p.VAR_POSITIONAL or _is_description(value):
                continue
            if p.default is p.empty:
                shown.append(repr(value))
            elif value != _plain(p.default, name):
                shown.append(f"{name}={value!r}")
        return shown


C = TypeVar("C", bound=type[Configured])


def register(cls: C) -> C:
    """Let files name this class, so that what is made of it can be saved and loaded: a decorator.

    Raises: ValueError if another class has the name.
    """
    known = KINDS.setdefault(cls.__name__, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(
            f"in saved files the name {cls.__name__} already stands for "
            f"{known.__module__}.{known.__qualname__}; give your class another name"
        )
    KINDS[cls.__name__] = cls  # the same class again, from a notebook's cell that ran twice
    return cls


def describe(part: Configured) -> Description:
    """The kind and arguments of a part, from which `build` makes another like it.

    Raises: TypeError if its class is not registered or its arguments cannot be saved.
    """
    kind = type(part).__name__
    if KINDS.get(kind) is not type(part):
        raise TypeError(
            f"{kind} cannot be saved, because a file can only name registered classes; "
            "put @nn.register above its class"
        )
    return {"kind": kind, "config": part.config()}


def build(description: Description) -> Any:
    """A new part of the kind and with the arguments that `describe` told.

    Raises: ValueError if the kind is not registered or does not take these arguments.
    """
    if not _is_description(description):
        raise ValueError(
            f'a description is {{"kind": ..., "config": {{...}}}}, not {description!r}'
        )
    kind, config = description["kind"], description["config"]
    cls = KINDS.get(kind)
    if cls is None:
        raise ValueError(
            f"there is no registered class {kind!r}; if it is one of your own, import the module "
            "that defines it, with @nn.register above the class, before loading "
            f"(registered: {', '.join(sorted(KINDS))})"
        )
    arguments = {name: _revived(value) for name, value in config.items()}
    starred = [p.name for p in _parameters(cls).values() if p.kind is p.VAR_POSITIONAL]
    positional = arguments.pop(starred[0], ()) if starred else ()
    try:
        return cls(*positional, **arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind} does not take the arguments {config}: {error}") from error


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def _is_description(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"kind", "config"}
        and isinstance(value["kind"], str)
        and isinstance(value["config"], dict)
    )


def _plain(value: Any, what: str) -> Any:
    """The value in the form of JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, Configured):
        return describe(value)
    if isinstance(value, list | tuple):
        return [_plain(item, what) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, what) for key, item in value.items()}
    raise TypeError(
        f"{what} is a {type(value).__name__}, which JSON cannot hold; "
        "define config() to give it another form"
    )


def _revived(value: Any) -> Any:
    """The value that `_plain` gave this form."""
    if _is_description(value):
        return build(value)
    if isinstance(value, list):
        return [_revived(item) for item in value]
    if isinstance(value, dict):
        return {key: _revived(item) for key, item in value.items()}
    return value
