"""What every optimizer does, whatever its formula."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Configured
from nn.optim.flat import Chunk, FlatParameters, Segment, flush_denormals, reals
from nn.optim.threads import side_by_side

FLUSH = 32  # steps from one flush of denormals to the next

# fmt: off
BOUNDS = {  # setting -> whether a value is allowed, and what is
    "learning_rate": (lambda x: 0 <= x < math.inf, "at least 0"),
    "decay":         (lambda x: 0 <= x < math.inf, "at least 0"),
    "momentum":      (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "rho":           (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "beta_1":        (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "beta_2":        (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "epsilon":       (lambda x: 0 < x < math.inf,  "above 0, for without it 0 / 0 is a step"),
}
# fmt: on


class Optimizer(Configured):
    """Steps that follow the gradients of parameters, at `learning_rate / (1 + decay * iterations)`.

    The parameters may be given later, as `optimizer.parameters = ...`; `nn.Model` does so. The
    first step moves their arrays into one long array, and `p.data` is a view of it from then on.
    A parameter without a gradient is left alone, with what is remembered of it. An optimizer of
    your own names its `states`, arrays like the parameters that start at 0, and has an `update`,
    which several threads may call at once if there are millions of parameters.
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
        """What is optimized, each once; giving others forgets what was remembered of these.

        Raises: TypeError for what is no leaf that requires a gradient.
        """
        return self._parameters

    @parameters.setter
    def parameters(self, parameters: Iterable[tg.Tensor]) -> None:
        name = type(self).__name__
        if not isinstance(parameters, Iterable) or isinstance(parameters, (tg.Tensor, dict)):
            raise TypeError(
                f"{name} takes a list of parameters, such as net.parameters(), but got "
                f"{type(parameters).__name__}; a setting goes by its keyword, as in "
                f"{name}(learning_rate=0.01)"
            )
        unique: dict[int, tg.Tensor] = {}
        for i, p in enumerate(parameters):
            if not isinstance(p, tg.Tensor) or not p.requires_grad or not p.is_leaf:
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
        """The learning rate of the last step; before the first, that of the first."""
        return self.learning_rate / (1 + self.decay * max(self.iterations - 1, 0))

    def step(self) -> None:
        """Change every parameter that has a gradient.

        Raises: RuntimeError if there are no parameters, or none has a gradient.
        """
        tensors = [p.grad for p in self._parameters]
        present = [g is not None for g in tensors]
        if True not in present:
            raise RuntimeError(
                f"{type(self).__name__}.step() found no gradient in any of its "
                f"{len(self._parameters)} parameters; call loss.backward() before each step, and "
                "give the optimizer the parameters that the loss depends on"
            )
        flats = self._flats or self._make_flats()
        lanes = [flat.lanes(present) for flat in flats]  # or an error, before anything changes
        gradients = [None if g is None else reals(g.data) for g in tensors]
        self.iterations += 1

        def run(chunks: list[Chunk]) -> None:
            for chunk in chunks:
                self.update(chunk.w, chunk.gradient(gradients), chunk.scratch, *chunk.states)
                if self.iterations % FLUSH == 0:
                    for state in chunk.states:
                        flush_denormals(state)

        for of_flat in lanes:
            side_by_side(run, of_flat)
        for flat in flats:
            flat.written()

    def update(self, w: Any, g: Any, scratch: Any, *states: Any) -> None:
        """Change a stretch of weights `w` in place, and of the states, by their gradient `g`.

        Shapes: all (n,); `g` is only read, `scratch` may be written to.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to update the weights")

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward does not add to them."""
        for p in self._parameters:
            p.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Copies of all that the next steps depend on: settings, iterations, and the states."""
        flats = self._flats or self._make_flats()
        state = {
            name: [segment.of(flat.states[k]).copy() for segment, flat in self._segments(flats)]
            for k, name in enumerate(self.states)
        }
        return {"settings": self.config(), "iterations": self.iterations, "states": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where the optimizer whose `state_dict` this is stood.

        Raises: ValueError, before anything is changed, for what does not fit this optimizer.
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
            raise ValueError(f"iterations counts the steps taken; it cannot be {iterations!r}")
        for setting, value in settings.items():
            setattr(self, setting, value)
        self.iterations = int(iterations)
        flats = self._flats or self._make_flats()
        for k, states in enumerate(self.states):
            for (segment, flat), array in zip(self._segments(flats), state["states"][states]):
                segment.of(flat.states[k])[...] = array

    def _make_flats(self) -> list[FlatParameters]:
        """One FlatParameters for each dtype among the parameters."""
        kinds: dict[Any, dict[int, tg.Tensor]] = {}
        for i, p in enumerate(self._parameters):
            kinds.setdefault(reals(p.data).dtype, {})[i] = p
        self._flats = [FlatParameters(members, len(self.states)) for members in kinds.values()]
        return self._flats

    def _segments(self, flats: list[FlatParameters]) -> list[tuple[Segment, FlatParameters]]:
        """Each parameter's place, in the order of the parameters."""
        pairs = [(segment, flat) for flat in flats for segment in flat.segments]
        return sorted(pairs, key=lambda pair: pair[0].index)


def _checked(optimizer: str, settings: dict[str, Any]) -> dict[str, float]:
    """The settings as Python's floats: NumPy's would make float32 arrays float64.

    Raises: ValueError for a setting out of its bounds.
    """
    for name, value in settings.items():
        allowed, words = BOUNDS.get(name, (lambda _: True, "a number"))
        if not isinstance(value, NUMBER) or not allowed(value):
            raise ValueError(f"{optimizer} was given {name}={value!r}, but {name} must be {words}")
    return {name: float(value) for name, value in settings.items()}
