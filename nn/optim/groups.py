"""Groups of parameters: dicts of parameters and the settings that they have of their own."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import tensorgrad as tg
from nn.config import describe
from nn.optim.settings import check_savable, checked

ParameterGroup: TypeAlias = dict[str, Any]  # "parameters" and settings by name

SHARED = ("clip_norm", "clip_value")  # settings of all groups together


def check_groups(optimizer: type, parameters: Iterable[Any]) -> list[ParameterGroup]:
    """Return parameters as groups, one if they were given as a plain list, each parameter once.

    Raises: TypeError if the argument is no list, a parameter is not a leaf that requires a gradient
    or is frozen, or a setting has another name; ValueError if a list is empty, or a parameter is in
    two groups.
    """
    name = optimizer.__name__
    if not isinstance(parameters, Iterable) or isinstance(parameters, (tg.Tensor, dict)):
        raise TypeError(
            f"{name} takes a list of parameters, such as net.parameters(), but got "
            f"{type(parameters).__name__}; give settings by keyword, as in "
            f"{name}(learning_rate=0.01)"
        )
    given = list(parameters)
    if not any(isinstance(item, dict) for item in given):
        return [{"parameters": _checked_leaves(name, given)}]
    groups = [_group(optimizer, item, k) for k, item in enumerate(given)]
    seen: dict[int, int] = {}
    for k, group in enumerate(groups):
        for p in group["parameters"]:
            if seen.setdefault(id(p), k) != k:
                raise ValueError(
                    f"a parameter of shape {p.shape} is in the groups {seen[id(p)]} and {k} of "
                    f"{name}, and would be changed twice; name it in one of them"
                )
    return groups


def _group(optimizer: type, item: Any, k: int) -> ParameterGroup:
    """Check the group with number k.

    Raises: TypeError if it is no dict or a key has another name; ValueError if a value is out of
    bounds.
    """
    name = optimizer.__name__
    if not isinstance(item, dict) or "parameters" not in item:
        what = f"a dict of {sorted(item)}" if isinstance(item, dict) else f"a {type(item).__name__}"
        raise TypeError(
            f'{name} takes groups of the form {{"parameters": [...], "learning_rate": 0.01}}, but '
            f"its group {k} is {what}"
        )
    own = {key: value for key, value in item.items() if key != "parameters"}
    names = {*inspect.signature(optimizer).parameters} - {"parameters", *SHARED}
    if wrong := sorted(own.keys() - names):
        raise TypeError(
            f"group {k} of {name} has the settings {wrong}, but a group can have "
            f"{', '.join(sorted(names))}"
        )
    return {"parameters": _checked_leaves(name, item["parameters"]), **checked(name, own)}


def _checked_leaves(name: str, parameters: Iterable[Any]) -> tuple[tg.Tensor, ...]:
    """Check the parameters of one group, and return each once.

    Raises: TypeError if one is not a leaf that requires a gradient or is frozen; ValueError if
    there is none.
    """
    unique: dict[int, tg.Tensor] = {}
    for i, p in enumerate(parameters):
        if not isinstance(p, tg.Tensor) or not (p.is_leaf and (p.requires_grad or p.is_frozen)):
            what = type(p).__name__
            if isinstance(p, tg.Tensor):
                what = "the result of an operation" if p.requires_grad else "a constant"
            raise TypeError(
                f"{name} can only change leaves made with requires_grad=True, but its parameter "
                f"{i} is {what}"
            )
        unique[id(p)] = p
    if not unique:
        raise ValueError(
            f"{name} got an empty list of parameters; there is nothing to optimize: parameters are "
            "the attributes of a module that are tg.Tensor(array, requires_grad=True)"
        )
    return tuple(unique.values())


def describe_groups(groups: Sequence[ParameterGroup], owner: str) -> list[dict[str, Any]]:
    """Return the groups with the numbers of their parameters, in a form that JSON can hold.

    One group without settings of its own is none.
    Raises: TypeError if a learning rate is a function that no file can name.
    """
    if all(len(group) == 1 for group in groups) and len(groups) < 2:
        return []
    described, first = [], 0
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "parameters"}
        rate = settings.get("learning_rate")
        check_savable(rate, owner)
        if callable(rate):
            settings["learning_rate"] = describe(rate)
        stop = first + len(group["parameters"])
        described.append({"parameters": list(range(first, stop)), **settings})
        first = stop
    return described


def build_groups(
    described: Sequence[dict[str, Any]] | None, parameters: Sequence[tg.Tensor], optimizer: type
) -> list[ParameterGroup]:
    """Return the groups that `describe_groups` described, of these parameters.

    Raises: ValueError if they do not fit.
    """
    if not described:
        return [{"parameters": tuple(parameters)}] if parameters else []
    numbers = [i for group in described for i in group["parameters"]]
    if numbers != list(range(len(parameters))):
        raise ValueError(
            f"the groups of this state have the parameters {numbers}, but this "
            f"{optimizer.__name__} has {len(parameters)}"
        )
    return [
        _group(optimizer, {**group, "parameters": [parameters[i] for i in group["parameters"]]}, k)
        for k, group in enumerate(described)
    ]


def layout(groups: Sequence[ParameterGroup]) -> list[list[int]]:
    """List which parameters are in which group."""
    return [[id(p) for p in group["parameters"]] for group in groups]


def check_missed(missed: Any, iterations: int, n: int) -> list[int]:
    """Return how many of the steps each of n parameters took no part in, none by default.

    Raises: ValueError if these are not such numbers.
    """
    if missed is None:
        return [0] * n
    whole = isinstance(missed, list) and all(
        type(m) is int and 0 <= m <= iterations for m in missed
    )
    if not whole or len(missed) != n:
        raise ValueError(
            f"missed is a list of {n} numbers of steps, from 0 to {iterations}, not {missed!r}"
        )
    return missed
