"""Module: parameters, other modules, and a function of them."""

import functools
import operator
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

import tensorgrad as tg
from nn.config import Configured
from nn.summary import summary


class Module(Configured):
    """A function with parameters; what its `forward` records is drawn together.

    Its parameters are those of its attributes that are leaves requiring a gradient, its children
    those that are modules; lists, tuples and dicts of them count too.
    """

    training = True
    _scope: tg.Scope | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a method forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scope = self._scope or self._named("")
        return scope.call(self.forward, *args, **kwargs)

    def penalty(self) -> tg.Tensor | None:
        """What this module alone, without its children, adds to the loss; None for nothing."""
        return None

    def regularization_loss(self) -> tg.Tensor:
        """The sum of all penalties in this tree; without any, a constant 0, best not added."""
        penalties = [p for module in self.modules() if (p := module.penalty()) is not None]
        if not penalties:
            dtype = next((p.dtype for _, p in self.named_parameters()), np.float32)
            return tg.Tensor(np.zeros((), dtype))
        return functools.reduce(operator.add, penalties)

    # The tree

    def parameters(self) -> list[tg.Tensor]:
        """Every parameter at and under this module, once each, in the order of definition."""
        return [p for _, p in self.named_parameters()]

    def named_parameters(self) -> Iterator[tuple[str, tg.Tensor]]:
        """The parameters with dotted names ("0.weights"), a shared one under its first name."""
        return ((name, p) for name, p in self._tree("", set()) if isinstance(p, tg.Tensor))

    def modules(self) -> Iterator["Module"]:
        """This module and every one under it, once each, a parent before its children."""
        return (m for _, m in self.named_modules())

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """The modules with their dotted names; this one's is ""."""
        return ((name, m) for name, m in self._tree("", set()) if isinstance(m, Module))

    def children(self) -> list["Module"]:
        return [part for _, part in self._parts() if isinstance(part, Module)]

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Everything that could be a parameter or a child, with its name here."""
        return _items(vars(self))

    def _tree(self, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
        seen.add(id(self))
        yield path, self
        for name, part in self._parts():
            if (_is_parameter(part) or isinstance(part, Module)) and id(part) not in seen:
                below = f"{path}.{name}" if path else name
                if isinstance(part, Module):
                    yield from part._tree(below, seen)
                else:
                    seen.add(id(part))
                    yield below, part

    # Names, for drawing

    def __setattr__(self, name: str, value: Any) -> None:
        for label, part in _items({name: value}):
            if isinstance(part, Module):
                part._named(label)
            elif _is_parameter(part) and part.name is None:
                part.name = label
        object.__setattr__(self, name, value)

    def _named(self, name: str) -> tg.Scope:
        """The scope of this module, under its first name: slices and shared modules keep theirs."""
        if self._scope is None or not self._scope.name:
            object.__setattr__(self, "_scope", tg.Scope(type(self).__name__, name))
        return self._scope  # type: ignore[return-value]

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        children = [(name, part) for name, part in self._parts() if isinstance(part, Module)]
        if not children:
            return super().__repr__()
        lines = [f"{name}: {child!r}".replace("\n", "\n  ") for name, child in children]
        arguments = ", ".join(self._shown())
        return "\n  ".join([f"{type(self).__name__}({arguments}", *lines]) + "\n)"

    def summary(self, *input_shapes: tuple[int, ...]) -> str:
        """A table of the modules: what each returns for N inputs of these shapes, parameters."""
        return summary(self, *input_shapes)

    def draw(self, *inputs: Any, **options: Any) -> Any:
        """A Drawing of one forward pass, in the mode the module is in, with all its values.

        The options are those of `tensorgrad.draw`.
        """
        with tg.enable_grad(), tg.trace() as trace:
            self(*inputs)
        return trace.draw(**{"parameters": self.parameters()} | options)

    # State

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: the scope's name, but not the states that it has met."""
        scope = self._scope and tg.Scope(self._scope.kind, self._scope.name)
        return vars(self) | {"_scope": scope}

    def train(self, mode: bool = True) -> Self:
        """Switch the whole tree to training (dropout drops) or, with False, to evaluation."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.zero_grad()

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of every parameter's array, by name."""
        return {name: p.data.copy() for name, p in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters of the same names.

        Raises: ValueError that lists all that does not fit, with nothing copied.
        """
        parameters = dict(self.named_parameters())
        arrays = {name: np.asarray(value) for name, value in state.items()}
        problems = [f"{name} is missing" for name in parameters if name not in arrays]
        problems += [f"{name} is not a parameter here" for name in arrays if name not in parameters]
        for name in parameters.keys() & arrays.keys():
            p, array = parameters[name], arrays[name]
            if array.shape != p.shape:
                problems.append(f"{name} has shape {array.shape}, but {p.shape} is needed")
            elif not np.can_cast(array.dtype, p.dtype, "same_kind"):
                problems.append(f"{name} has dtype {array.dtype}, but {p.dtype} is needed")
        if problems:
            raise ValueError(
                f"these arrays do not fit {type(self).__name__}, and nothing was loaded: "
                + "; ".join(sorted(problems))
            )
        for name, p in parameters.items():
            data = p.data
            data[...] = arrays[name]  # in place: an optimizer may hold views of these arrays
            p.data = data  # tells the engine that a graph recorded earlier no longer has its values


def _items(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The tensors and modules in attributes, also in lists, tuples and dicts, with their names."""
    for name, value in attributes.items():
        if isinstance(value, (tg.Tensor, Module)):
            yield name, value
        elif isinstance(value, (list, tuple)):
            yield from ((f"{name}.{i}", item) for i, item in enumerate(value))
        elif isinstance(value, dict):
            yield from ((f"{name}.{key}", item) for key, item in value.items())


def _is_parameter(value: Any) -> bool:
    return isinstance(value, tg.Tensor) and value.requires_grad and value.is_leaf
