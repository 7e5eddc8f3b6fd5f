"""The random states of a training in its file: each generator once, with all who share it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nn.bits import generator_in
from nn.training.train_state import TrainState


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


def restore_generators(state: TrainState, saved: Any) -> None:
    """Put the saved generators where they were.

    Raises: ValueError, before any is put there, if a generator is missing, not used here, of an
    unknown kind, or in an impossible state.
    """
    holders = {name: (owner, attribute) for name, owner, attribute in _holders(state)}
    entries = [_entry(entry) for entry in (saved if isinstance(saved, list) else [saved])]
    names = [name for names, _ in entries for name in names]
    if sorted(names) != sorted(holders):
        raise ValueError(f"it has random states for {sorted(names)}, but needs {sorted(holders)}")
    restored = [(names, generator_in(saved)) for names, saved in entries]
    for names, rng in restored:
        for name in names:
            setattr(*holders[name], rng)


def _entry(entry: Any) -> tuple[list[str], Any]:
    """Return the names and the state in the entry of a generator.

    Raises: ValueError if it has another form.
    """
    if not isinstance(entry, dict) or entry.keys() != {"names", "state"}:
        raise ValueError("a random state of it has not the form of one")
    names = entry["names"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"the names of a random state are {names!r}, but should be strings")
    return names, entry["state"]
