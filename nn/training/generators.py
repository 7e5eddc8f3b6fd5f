"""The random states of a training in its file: each generator once, with all who share it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nn.training.loop import TrainState

BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def _holders(state: TrainState) -> Iterator[tuple[str, Any, str]]:
    """Iterate over the random generators: name in the file, owner, attribute of the owner."""
    yield "rng", state, "rng"
    for path, module in state.module.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, np.random.Generator):
                yield f"module.{path}.{name}", module, name


def generators(state: TrainState) -> list[tuple[np.random.Generator, list[str]]]:
    """List each generator once with all its names, so that those who share it do so again."""
    shared: dict[int, tuple[np.random.Generator, list[str]]] = {}
    for name, owner, attribute in _holders(state):
        rng = getattr(owner, attribute)
        shared.setdefault(id(rng), (rng, []))[1].append(name)
    return list(shared.values())


def restore_generators(state: TrainState, saved: list[dict[str, Any]]) -> None:
    """Put the saved generators where they were.

    Raises: ValueError if a generator is missing, not used here, or of an unknown kind.
    """
    holders = {name: (owner, attribute) for name, owner, attribute in _holders(state)}
    names = [name for entry in saved for name in entry["names"]]
    if sorted(names) != sorted(holders):
        raise ValueError(f"it has random states for {sorted(names)}, but needs {sorted(holders)}")
    for entry in saved:
        kind = entry["state"]["bit_generator"]
        if kind not in BIT_GENERATORS:
            raise ValueError(
                f"its random generator {kind!r} is not one of {', '.join(BIT_GENERATORS)}"
            )
        bits = getattr(np.random, kind)()
        bits.state = _like(entry["state"], bits.state)
        rng = np.random.Generator(bits)
        for name in entry["names"]:
            setattr(*holders[name], rng)


def jsonable(state: Any) -> Any:
    """Convert the arrays and scalars in the state of a generator to lists and numbers."""
    if isinstance(state, dict):
        return {key: jsonable(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def _like(value: Any, template: Any) -> Any:
    """Convert a value from JSON to the types in a state of the same kind."""
    if isinstance(template, dict):
        return {key: _like(value[key], item) for key, item in template.items()}
    return np.array(value, template.dtype) if isinstance(template, np.ndarray) else value
