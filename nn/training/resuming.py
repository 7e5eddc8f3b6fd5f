"""The states of callbacks in the file of a model, from which a resumed training goes on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nn.config import argument_text
from nn.training.callback import Callback, Run

SavedState = tuple[str, dict[str, Any]]  # the name of a callback's class, and its state


class Waiting(Callback):
    """The state of a callback that is not there yet: it was read from a file."""

    def __init__(self, kind: str, state: Mapping[str, Any]) -> None:
        self.kind = kind
        self.state = dict(state)

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        return dict(self.state)


def saved_states(callbacks: Iterable[Callback]) -> list[SavedState]:
    """List the states of callbacks that have one."""
    named = ((c.kind if isinstance(c, Waiting) else type(c).__name__, c) for c in callbacks)
    return [(kind, state) for kind, c in named if (state := c.state_dict())]


def resume(callbacks: Sequence[Callback], saved: Iterable[SavedState], run: Run) -> None:
    """Give callbacks that have begun anew the states of those of their class, in their order.

    Raises: ValueError, with the class, if a state does not fit.
    """
    waiting = list(callbacks)
    for kind, state in saved:
        callback = next((c for c in waiting if type(c).__name__ == kind), None)
        if callback is None:
            continue  # it is left out this time
        waiting.remove(callback)
        try:
            callback.load_state_dict(state, run)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"the saved state of {kind} does not fit this training: {error!s}; give seed= to "
                "begin a new training, whose callbacks begin anew"
            ) from error


def described_states(
    callbacks: Iterable[Callback],
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return the states in a form for JSON, and their arrays by number and name.

    Raises: TypeError if a value of a state is neither an array nor fits into JSON.
    """
    described, arrays = [], {}
    for k, (kind, state) in enumerate(saved_states(callbacks)):
        values = {}
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                arrays[f"{k}.{name}"] = value
                continue
            try:
                values[name] = json.loads(json.dumps(value))
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"{name} in the state_dict of {kind} is {argument_text(value)}; give an array, "
                    "numbers, strings, or lists and dicts of these"
                ) from error
        described.append({"kind": kind, "state": values})
    return described, arrays


def waiting_states(described: Any, arrays: Mapping[str, np.ndarray]) -> list[Waiting]:
    """Return the states in a file as callbacks that wait for those that go on from them.

    Raises: ValueError if they have another form.
    """
    entries = described if isinstance(described, list) else [described]
    states: list[dict[str, Any]] = []
    for entry in entries:
        if (
            not isinstance(entry, dict)
            or entry.keys() != {"kind", "state"}
            or not isinstance(entry["kind"], str)
            or not isinstance(entry["state"], dict)
        ):
            raise ValueError("the state of a callback in it has not the form of one")
        states.append(dict(entry["state"]))
    for path, array in arrays.items():
        number, _, name = path.partition(".")
        if not (number.isdecimal() and int(number) < len(states)) or name in states[int(number)]:
            raise ValueError(f"it has an array {path!r}, which belongs to no callback")
        states[int(number)][name] = array
    return [Waiting(entry["kind"], state) for entry, state in zip(entries, states)]
