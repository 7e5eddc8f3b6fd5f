"""Optimizer: the base of all optimizers, which differ in their settings and `update`."""

import copy
import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

import tensorgrad as tg
from nn.config import Configured
from nn.optim.clipping import norm_scale
from nn.optim.flat import Chunk, FlatParameters, by_parameter, flush_denormals, make_flats, reals
from nn.optim.groups import (
    ParameterGroup,
    build_groups,
    check_groups,
    check_missed,
    describe_groups,
    layout,
)
from nn.optim.settings import STEP_SETTINGS, Rate, check_decay, check_savable, checked, rate_at
from nn.optim.threads import run_in_threads
from nn.state import cast_or_none, loadable, set_all
from nn.words import OPTIMIZER, SETTINGS

FLUSH = 32  # steps between two flushes of denormal numbers


class Optimizer(Configured):
    """Base of optimizers: settings, a learning rate for each step, and groups of parameters.

    `learning_rate` is a number or a schedule, a function of the step counted from 0. `decay=d` is
    the book's: the rate at step t is learning_rate / (1 + d t), as nn.schedules.inverse_time. Each
    step first multiplies the weights by 1 - rate `weight_decay` (decoupled: no gradient sees it);
    `clip_norm` scales all gradients together to at most this norm, `clip_value` cuts each number.

    Parameters may be given later, as `optimizer.parameters = ...`; `nn.Model` does so. Groups are
    given as dicts, [{"parameters": [...], "learning_rate": 0.01}, ...]; settings that a group does
    not name are the optimizer's. The first step moves the arrays into one long array, and from then
    on `p.data` is a view of it. A parameter that is frozen or has no gradient does not change, nor
    does its state. A subclass names its `states`, arrays like the parameters that start at 0, and
    defines `update`, which several threads may call at once if there are millions of parameters;
    with `whole`, it gets each parameter in its own shape.

    Raises: ValueError if a setting is out of bounds, or there are two ways of clipping or decay.
    """

    transient = ("parameters",)
    _words: ClassVar[Mapping[str, str]] = OPTIMIZER
    __signature__: ClassVar[inspect.Signature]
    states: ClassVar[tuple[str, ...]] = ()
    whole: ClassVar[bool] = False
    learning_rate: Rate
    decay: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    momentum: float
    epsilon: float
    rho: float
    beta_1: float
    beta_2: float

    def __init_subclass__(cls) -> None:
        signature = inspect.signature(cls.__init__)
        own = [p for name, p in signature.parameters.items() if name != "self"]
        cls.__signature__ = signature.replace(parameters=own)  # not that of __new__

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make an optimizer, of which `__init__` takes the arguments.

        Raises: TypeError if one has its name in another library.
        """
        for name in kwargs.keys() & SETTINGS.keys():
            if name not in cls.__signature__.parameters:
                raise TypeError(f"{cls.__name__} has no argument {name}; write {SETTINGS[name]}")
        return super().__new__(cls)

    def __init__(self, parameters: Iterable[Any] | None = None, **settings: Any) -> None:
        self.iterations = 0  # steps taken
        self._parameters: list[tg.Tensor] = []
        self._groups: list[ParameterGroup] = []
        self._flats: list[FlatParameters] = []
        self._rate: float | None = None  # of the last step
        name = type(self).__name__
        for setting, value in settings.items():
            setattr(self, setting, value)
        check_decay(self.learning_rate, self.decay)
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError(
                f"{name} was given clip_norm={self.clip_norm} and clip_value={self.clip_value}, "
                "which cut the same gradients in two ways; give one of them"
            )
        if parameters is not None:
            self.parameters = parameters

    def __setattr__(self, name: str, value: Any) -> None:
        if name in STEP_SETTINGS:  # later too, as in `optimizer.learning_rate = 0.01`
            value = checked(type(self).__name__, {name: value})[name]
        super().__setattr__(name, value)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments in a form that JSON can hold.

        Raises: TypeError if the learning rate is a function that no file can name.
        """
        check_savable(self.learning_rate, type(self).__name__)
        return super().config()

    def _shown_arguments(self) -> list[str]:
        """Format the settings that differ from their defaults, and a schedule as it was made."""
        shown = super()._shown_arguments()
        scheduled = callable(self.learning_rate)
        return [f"learning_rate={self.learning_rate!r}", *shown] if scheduled else shown

    @property
    def parameters(self) -> list[tg.Tensor]:
        """The parameters of all groups, each once; assigning others resets the optimizer's state.

        Raises: TypeError if one is not a leaf that requires a gradient or is frozen, or the groups
        are malformed; ValueError if there is none, or one is in two groups.
        """
        return self._parameters

    @parameters.setter
    def parameters(self, parameters: Iterable[Any]) -> None:
        groups = check_groups(type(self), parameters)
        flat = [p for group in groups for p in group["parameters"]]
        # In one call, which no signal can interrupt.
        vars(self).update(_parameters=flat, _groups=groups, _flats=self._flats_for(groups))

    @property
    def groups(self) -> list[ParameterGroup]:
        """The groups: dicts of their parameters and of the settings that they have of their own.

        Settings may be changed here between two steps; parameters may not.
        """
        return self._groups

    @property
    def current_learning_rate(self) -> float:
        """The learning rate of the last step or, before any step, of the first.

        Of several groups it is that of the first.
        Raises: ValueError if it is not a finite number of at least 0.
        """
        if self._rate is not None:
            return self._rate
        first = self._member(self._groups[0]) if self._groups else self
        return rate_at(first.learning_rate, max(self.iterations - 1, 0), first.decay)

    def _member(self, group: ParameterGroup) -> Self:
        """Return this optimizer with the settings of a group.

        Raises: ValueError if one is out of bounds.
        """
        if len(self._groups) == 1 and len(group) == 1:
            return self
        member = copy.copy(self)
        member._rate = None
        own = {name: value for name, value in group.items() if name != "parameters"}
        for name, value in checked(type(self).__name__, own).items():
            setattr(member, name, value)
        return member

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises: RuntimeError if there are no parameters, or none has a gradient; ValueError if two
        share memory, or a learning rate is NaN or negative; FloatingPointError if clip_norm meets
        gradients that are NaN or infinite. Nothing has changed then.
        """
        tensors = [p.grad for p in self._parameters]
        present = [g is not None for g in tensors]
        if True not in present:
            raise RuntimeError(self._no_gradient())
        flats = self._flats = self._flats or make_flats(self, self._groups)
        chunks = [flat.chunks(present) for flat in flats]  # raises before anything changes
        gradients = [None if g is None else reals(g.data) for g in tensors]
        members = [self._member(group) for group in self._groups]
        rates = [rate_at(m.learning_rate, self.iterations, m.decay) for m in members]
        scale = 1.0 if self.clip_norm is None else norm_scale(gradients, self.clip_norm)
        self.iterations += 1
        for member, rate in zip(members, rates):
            member.iterations, member._rate = self.iterations, rate
        self._rate = rates[0]
        for flat, of_threads in zip(flats, chunks):
            run = functools.partial(members[flat.group]._update_chunks, gradients, scale)
            run_in_threads(run, of_threads)
        for flat in flats:
            flat.mark_written()

    def _update_chunks(self, gradients: list[Any], scale: float, chunks: list[Chunk]) -> None:
        """Update these chunks with the gradients of all parameters, multiplied by `scale`."""
        for chunk in chunks:
            g = chunk.gradient(gradients)
            if scale != 1:
                g = np.multiply(g, scale, out=chunk.buffer)
            if self.clip_value is not None:
                g = np.clip(g, -self.clip_value, self.clip_value, out=chunk.buffer)
            if self.weight_decay:
                chunk.w *= 1 - self.current_learning_rate * self.weight_decay
            chunk.rule(self).update(chunk.w, g, chunk.scratch, *chunk.states)
            if self.iterations % FLUSH == 0:
                for state in chunk.states:
                    flush_denormals(state)

    def _no_gradient(self) -> str:
        """Explain a step without any gradient."""
        name, n = type(self).__name__, len(self._parameters)
        if n and all(p.is_frozen for p in self._parameters):
            return (
                f"all {n} parameters of this {name} are frozen; call module.unfreeze(), or set "
                "p.requires_grad = True for some"
            )
        return (
            f"{name}.step() found no gradient in any of its {n} parameters; call loss.backward() "
            "before each step, and give the optimizer the parameters that the loss depends on"
        )

    def update(
        self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, *states: Any, **_: Any
    ) -> None:
        """Change part of the weights `w` and states in place, with their gradient `g`.

        A subclass defines it, with `self.current_learning_rate` as the rate of this step. It may
        write to `scratch`, but must not write to `g`.

        Shapes: all (n,); if the class is `whole`, that of the parameter.
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} needs a method update(self, w, g, scratch, *states)"
        )

    def zero_grad(self) -> None:
        """Reset the gradients, so that the next backward does not add to them."""
        for p in self._parameters:
            p.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return copies of everything that the next steps depend on.

        These are the settings, the number of iterations, the states of each parameter and, if there
        are several groups or one has settings of its own, the groups by their parameters' numbers;
        if parameters took no part in some steps, for each in how many.
        Raises: TypeError if a learning rate is a function that no file can name.
        """
        flats = self._flats = self._flats or make_flats(self, self._groups)
        states = {
            name: [segment.of(flat.states[k]).copy() for segment, flat in by_parameter(flats)]
            for k, name in enumerate(self.states)
        }
        state = {"settings": self.config(), "iterations": self.iterations, "states": states}
        groups = describe_groups(self._groups, type(self).__name__)
        missed = [int(flat.missed[segment.number]) for segment, flat in by_parameter(flats)]
        some = {"groups": groups} if groups else {}
        return state | some | ({"missed": missed} if any(missed) else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the state that `state_dict` returned.

        Raises: ValueError, before anything is changed, if it does not fit this optimizer.
        """
        name, names = type(self).__name__, {*self.__signature__.parameters} - {*self.transient}
        shapes = {k: [a.shape for a in arrays] for k, arrays in state["states"].items()}
        expected = {k: [p.shape for p in self._parameters] for k in self.states}
        if set(state["settings"]) != names or shapes != expected:
            raise ValueError(
                f"this state has the settings {sorted(state['settings'])} and arrays of the shapes "
                f"{shapes}, but this {name} has {sorted(names)} and {expected}; load it into the "
                "same kind of optimizer, with the same parameters"
            )
        settings, iterations = checked(name, state["settings"]), state["iterations"]
        if not isinstance(iterations, int | np.integer) or iterations < 0:
            raise ValueError(f"iterations is the number of steps taken, not {iterations!r}")
        groups = build_groups(state.get("groups"), self._parameters, type(self))
        saved = {k: self._converted(k, arrays) for k, arrays in state["states"].items()}
        flats = self._flats_for(groups) or make_flats(self, groups)
        places: list[tuple[Any, Any, Any]] = [
            (segment.of(flat.states[k]), ..., array)
            for k, kind in enumerate(self.states)
            for (segment, flat), array in zip(by_parameter(flats), saved[kind])
        ]
        missed = check_missed(state.get("missed"), int(iterations), len(self._parameters))
        places += [
            (flat.missed, segment.number, missed[segment.index])
            for segment, flat in by_parameter(flats)
        ] + [(vars(flat), "_present", None) for flat in flats]  # chunks know what they missed
        new = copy.copy(self)
        for setting, value in settings.items():
            setattr(new, setting, value)
        new.iterations, new._rate, new._groups, new._flats = int(iterations), None, groups, flats
        set_all([*places, *((vars(self), *item) for item in vars(new).items())])

    def _flats_for(self, groups: list[ParameterGroup]) -> list[FlatParameters]:
        """Return the flat parameters if they are laid out like these groups."""
        return self._flats if layout(groups) == layout(self._groups) else []

    def _converted(self, kind: str, arrays: list[Any]) -> list[np.ndarray]:
        """Convert arrays to the dtypes of the states of a kind.

        Raises: ValueError if one has values beyond its dtype.
        """
        new = []
        for i, (p, array) in enumerate(zip(self._parameters, arrays)):
            dtype = np.result_type(p.dtype, np.float32)
            fit = cast_or_none(loadable(array, kind), dtype)
            if fit is None:
                raise ValueError(f"the {kind} of parameter {i} has values that {dtype} cannot hold")
            new.append(fit)
        return new
