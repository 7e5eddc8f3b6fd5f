"""Optimizer: the base of all optimizers, which differ in their settings and `update`."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Configured
from nn.optim.flat import Chunk, FlatParameters, Segment, flush_denormals, reals
from nn.optim.threads import run_in_threads

FLUSH = 32  # steps between two flushes of denormal numbers

# fmt: off
BOUNDS = {  # setting -> the condition on a value, and its words
    "learning_rate": (lambda x: 0 <= x < math.inf, "at least 0"),
    "decay":         (lambda x: 0 <= x < math.inf, "at least 0"),
    "momentum":      (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "rho":           (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "beta_1":        (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "beta_2":        (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "epsilon":       (lambda x: 0 < x < math.inf,  "above 0, because a step could be 0 / 0"),
}
# fmt: on


class Optimizer(Configured):
    """Base of optimizers, with learning rate `learning_rate / (1 + decay * iterations)`.

    Parameters may be given later, as `optimizer.parameters = ...`; `nn.Model` does so. The first
    step moves their arrays into one long array, and from then on `p.data` is a view of it. A
    parameter that is frozen or has no gradient does not change, nor does its state. A subclass
    names its `states`, arrays like the parameters that start at 0, and defines `update`, which
    several threads may call at once if there are millions of parameters.
    """

    transient = ("parameters",)
    states: ClassVar[tuple[str, ...]] = ()
    learning_rate: float
    decay: float
    momentum: float
    epsilon: float
    rho: float
    beta_1: float
    beta_2: float

    def __init__(self, parameters: Iterable[tg.Tensor] | None = None, **settings: float) -> None:
        self.iterations = 0  # steps taken
        self._parameters: list[tg.Tensor] = []
        self._flats: list[FlatParameters] = []
        for name, value in _checked(type(self).__name__, settings).items():
            setattr(self, name, value)
        if parameters is not None:
            self.parameters = parameters

    @property
    def parameters(self) -> list[tg.Tensor]:
        """The parameters, each once; assigning new ones resets the optimizer's state.

        Raises: TypeError if one is not a leaf that requires a gradient or is frozen; ValueError if
        the list is empty.
        """
        return self._parameters

    @parameters.setter
    def parameters(self, parameters: Iterable[tg.Tensor]) -> None:
        name = type(self).__name__
        if not isinstance(parameters, Iterable) or isinstance(parameters, (tg.Tensor, dict)):
            raise TypeError(
                f"{name} takes a list of parameters, such as net.parameters(), but got "
                f"{type(parameters).__name__}; give settings by keyword, as in "
                f"{name}(learning_rate=0.01)"
            )
        unique: dict[int, tg.Tensor] = {}
        for i, p in enumerate(parameters):
            if not isinstance(p, tg.Tensor) or not (p.is_leaf and (p.requires_grad or p.is_frozen)):
                what = type(p).__name__
                if isinstance(p, tg.Tensor):
                    what = "the result of an operation" if p.requires_grad else "a constant"
                raise TypeError(
                    f"{name} can only change leaves made with requires_grad=True, but its "
                    f"parameter {i} is {what}"
                )
            unique[id(p)] = p
        if not unique:
            raise ValueError(
                f"{name} got an empty list of parameters; there is nothing to optimize"
            )
        if list(unique) != list(map(id, self._parameters)):
            self._flats = []
        self._parameters = list(unique.values())

    @property
    def current_learning_rate(self) -> float:
        """The learning rate of the last step or, before any step, of the first."""
        return self.learning_rate / (1 + self.decay * max(self.iterations - 1, 0))

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises: RuntimeError if there are no parameters, or none has a gradient; ValueError if two
        share memory. Nothing has changed then.
        """
        tensors = [p.grad for p in self._parameters]
        present = [g is not None for g in tensors]
        if True not in present:
            if self._parameters and all(p.is_frozen for p in self._parameters):
                raise RuntimeError(
                    f"all {len(self._parameters)} parameters of this {type(self).__name__} are "
                    "frozen; call module.unfreeze(), or set p.requires_grad = True for some"
                )
            raise RuntimeError(
                f"{type(self).__name__}.step() found no gradient in any of its "
                f"{len(self._parameters)} parameters; call loss.backward() before each step, and "
                "give the optimizer the parameters that the loss depends on"
            )
        flats = self._flats or self._make_flats()
        chunks = [flat.chunks(present) for flat in flats]  # raises before anything changes
        gradients = [None if g is None else reals(g.data) for g in tensors]
        self.iterations += 1

        def run(chunks: list[Chunk]) -> None:
            for chunk in chunks:
                self.update(chunk.w, chunk.gradient(gradients), chunk.scratch, *chunk.states)
                if self.iterations % FLUSH == 0:
                    for state in chunk.states:
                        flush_denormals(state)

        for of_threads in chunks:
            run_in_threads(run, of_threads)
        for flat in flats:
            flat.mark_written()

    def update(
        self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, *states: Any, **_: Any
    ) -> None:
        """Change part of the weights `w` and states in place, with their gradient `g`.

        A subclass defines it. It may write to `scratch`, but must not write to `g`.

        Shapes: all (n,).
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} needs a method update(w, g, scratch, *states)"
        )

    def zero_grad(self) -> None:
        """Reset the gradients, so that the next backward does not add to them."""
        for p in self._parameters:
            p.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return copies of everything that the next steps depend on.

        These are the settings, the number of iterations, and the states of each parameter.
        """
        flats = self._flats or self._make_flats()
        state = {
            name: [segment.of(flat.states[k]).copy() for segment, flat in self._segments(flats)]
            for k, name in enumerate(self.states)
        }
        return {"settings": self.config(), "iterations": self.iterations, "states": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the state that `state_dict` returned.

        Raises: ValueError, before anything is changed, if it does not fit this optimizer.
        """
        name, names = type(self).__name__, set(self.config())
        shapes = {k: [a.shape for a in arrays] for k, arrays in state["states"].items()}
        expected = {k: [p.shape for p in self._parameters] for k in self.states}
        if set(state["settings"]) != names or shapes != expected:
            raise ValueError(
                f"this state has the settings {sorted(state['settings'])} and arrays of the shapes "
                f"{shapes}, but this {name} has {sorted(names)} and {expected}; load it into the "
                "same kind of optimizer, with the same parameters"
            )
        settings, iterations = _checked(name, state["settings"]), state["iterations"]
        if not isinstance(iterations, int | np.integer) or iterations < 0:
            raise ValueError(f"iterations is the number of steps taken, not {iterations!r}")
        for setting, value in settings.items():
            setattr(self, setting, value)
        self.iterations = int(iterations)
        flats = self._flats or self._make_flats()
        for k, states in enumerate(self.states):
            for (segment, flat), array in zip(self._segments(flats), state["states"][states]):
                segment.of(flat.states[k])[...] = array

    def _make_flats(self) -> list[FlatParameters]:
        """Make one FlatParameters for each dtype among the parameters."""
        kinds: dict[Any, dict[int, tg.Tensor]] = {}
        for i, p in enumerate(self._parameters):
            kinds.setdefault(reals(p.data).dtype, {})[i] = p
        self._flats = [FlatParameters(members, len(self.states)) for members in kinds.values()]
        return self._flats

    def _segments(self, flats: list[FlatParameters]) -> list[tuple[Segment, FlatParameters]]:
        """List the segment of each parameter, in the order of the parameters."""
        pairs = [(segment, flat) for flat in flats for segment in flat.segments]
        return sorted(pairs, key=lambda pair: pair[0].index)


def _checked(optimizer: str, settings: dict[str, Any]) -> dict[str, float]:
    """Convert settings to Python's floats, because NumPy's would make float32 arrays float64.

    Raises: ValueError if a setting is out of bounds.
    """
    for name, value in settings.items():
        allowed, words = BOUNDS.get(name, (lambda _: True, "a number"))
        if not isinstance(value, NUMBER) or not allowed(value):
            raise ValueError(f"{optimizer} was given {name}={value!r}, but {name} must be {words}")
    return {name: float(value) for name, value in settings.items()}
