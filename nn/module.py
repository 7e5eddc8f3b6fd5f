"""Module: the base of layers and networks, a tree of parameters with a forward pass."""

import functools
import inspect
import operator
import reprlib
from collections.abc import Iterator, Mapping
from contextvars import copy_context
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

import tensorgrad as tg
from nn.archive import File, read_parameters, write_parameters
from nn.config import Configured
from nn.export import WithExport
from nn.scoped import Scoped
from nn.state import Leftovers, cast_all, fitted, loadable, set_all
from nn.summary import summary
from nn.words import MODULE, refusing_flag


class Module(Configured, Scoped, WithExport):
    """Base of layers and networks: a function with parameters, defined by `forward`.

    Attributes that are leaves requiring a gradient, or frozen, are its parameters; those that are
    modules are its children, also in lists, tuples and dicts, however deep. Arrays that are state
    without being parameters, such as running means, are made its buffers by `buffer`. The
    operations that a call records are drawn together as one box.
    """

    _words: ClassVar[Mapping[str, str]] = MODULE
    # An array's attribute -> its name in PyTorch, and its axes there by those here; see to_torch.
    torch_layout: ClassVar[Mapping[str, tuple[str, tuple[int, ...] | None]]] = {}
    training: bool = True
    _buffers: tuple[str, ...] = ()  # names of attributes

    def __init_subclass__(cls) -> None:
        if inspect.isfunction(forward := vars(cls).get("forward")):
            cls.forward = refusing_flag(forward)  # type: ignore[method-assign]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; to be defined by a subclass, and called through the module itself.

        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method forward")

    def __call__(self, *args: Any, **kwargs: Any) -> tg.Tensor:
        """Call `forward`, and record its operations as those of this module."""
        return (self._scope or self._scope_named("")).run(self.forward, args, kwargs)

    def penalty(self) -> tg.Tensor | None:
        """Return the regularization of this module without its children, or None for none."""
        return None

    def regularization_loss(self) -> tg.Tensor:
        """Return the sum of the penalties of this module and its submodules, 0 without any.

        Shapes: -> ().
        """
        penalties = [p for module in self.modules() if (p := module.penalty()) is not None]
        if not penalties:
            dtype = next((p.dtype for _, p in self.named_parameters()), np.float32)
            return tg.Tensor(np.zeros((), dtype))
        return functools.reduce(operator.add, penalties)

    # State that no gradient changes

    def buffer(self, name: str, array: ArrayLike) -> None:
        """Make a copy of an array the attribute `name`, part of the module's state and files.

        `forward` may assign a new array to it, which is copied and has the same shape and dtype.
        Shapes: array (...).
        Raises: ValueError if the name is not free; TypeError if `array` does not hold numbers.
        """
        if not isinstance(name, str) or not name.isidentifier() or hasattr(type(self), name):
            raise ValueError(
                f"a buffer's name is that of a new attribute of {type(self).__name__}, such as "
                f"'running_mean', not {name!r}"
            )
        object.__setattr__(self, name, np.array(tg.Tensor(array).data))
        if name not in self._buffers:
            self._buffers = (*self._buffers, name)

    def named_buffers(self) -> Iterator[tuple[str, np.ndarray]]:
        """Iterate over the buffers with their dotted names, such as "1.running_mean"."""
        return ((name, getattr(module, key)) for name, module, key in self._buffer_places())

    def _buffer_places(self) -> Iterator[tuple[str, "Module", str]]:
        """Iterate over the buffers: dotted name, the module that has it, attribute."""
        for path, module in self.named_modules():
            yield from ((f"{path}.{key}" if path else key, module, key) for key in module._buffers)

    # The tree

    def parameters(self) -> list[tg.Tensor]:
        """List the parameters of this module and its submodules, once each, in definition order."""
        return [p for _, p in self.named_parameters()]

    def named_parameters(self) -> Iterator[tuple[str, tg.Tensor]]:
        """Iterate over the parameters with their dotted names, such as "0.weights".

        A parameter in several places comes once, under its first name.
        """
        return ((name, p) for name, p in self._tree("", set()) if isinstance(p, tg.Tensor))

    def modules(self) -> Iterator["Module"]:
        """Iterate over this module and its submodules, once each, parents before children."""
        return (m for _, m in self.named_modules())

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """Iterate over the modules with their dotted names; the name of this one is ""."""
        return ((name, m) for name, m in self._tree("", set()) if isinstance(m, Module))

    def children(self) -> list["Module"]:
        """List the modules directly under this one."""
        return [part for _, part in self._members() if isinstance(part, Module)]

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Iterate over the tensors and modules among the attributes, with their names."""
        return part_items(vars(self))

    def _tree(self, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
        """Iterate over this module, its parameters and submodules, except those in `seen`."""
        seen.add(id(self))
        yield path, self
        for name, part in self._members():
            if (_is_parameter(part) or isinstance(part, Module)) and id(part) not in seen:
                below = f"{path}.{name}" if path else name
                if isinstance(part, Module):
                    yield from part._tree(below, seen)
                else:
                    seen.add(id(part))
                    yield below, part

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._buffers:
            value = fitted(value, getattr(self, name), f"{name} of {type(self).__name__}")
        elif (old := self.__dict__.get(name)) is not value and _is_parameter(old):
            _check_remains(value, name, type(self).__name__)
        if isinstance(value, PART_HOLDERS):
            for label, part in part_items({name: value}):
                if isinstance(part, Module):
                    part._scope_named(label)
                elif _is_parameter(part) and part.name is None:
                    part.name = label
        object.__setattr__(self, name, value)

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        children = [(name, part) for name, part in self._members() if isinstance(part, Module)]
        if not children:
            return super().__repr__()
        lines = [f"{name}: {child!r}".replace("\n", "\n  ") for name, child in children]
        arguments = ", ".join(self._shown_arguments())
        return "\n  ".join([f"{type(self).__name__}({arguments}", *lines]) + "\n)"

    def summary(
        self,
        *input_shapes: tuple[int, ...],
        dtype: Any = None,
        **named_shapes: tuple[int, ...],
    ) -> str:
        """Return a table of the modules: output shapes for N inputs of these shapes, parameters.

        Inputs that `forward` takes by name are given so, as mask=(6,). All have the given dtype,
        such as int for indices, or else that of the parameters.
        Shapes: each is that of one sample, without N; without any, it is that of the first layer.
        Raises: TypeError if one of them is not a shape; ValueError if none is known.
        """
        return summary(self, *input_shapes, dtype=dtype, **named_shapes)

    def draw(self, *inputs: Any, **options: Any) -> Any:
        """Return a Drawing of one forward pass with its values, in the module's current mode.

        The options are those of `tensorgrad.draw`, and inputs that `forward` takes by name.
        """
        ours = inspect.signature(tg.draw).parameters
        names = inspect.signature(self.forward).parameters.keys() - ours.keys()
        named = {name: options.pop(name) for name in [*options] if name in names}

        def traced() -> Any:
            with tg.enable_grad(), tg.trace() as trace:
                self(*inputs, **named)
            return trace

        # In a copy of the context, which an interruption cannot leave as it was inside.
        trace = copy_context().run(traced)
        settings: dict[str, Any] = {"parameters": self.parameters(), **options}
        return trace.draw(**settings)

    # State

    def freeze(self) -> Self:
        """Make all parameters constants: backward and optimizers leave them out.

        They stay parameters, in files too. `p.requires_grad = False` does so to a single one.
        """
        for p in self.parameters():
            p.requires_grad = False
        return self

    def unfreeze(self) -> Self:
        """Let all parameters have gradients and learn again."""
        for p in self.parameters():
            p.requires_grad = True
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and its submodules to training mode, or with False to evaluation."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and its submodules to evaluation mode."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Reset the gradients of all parameters."""
        for p in self.parameters():
            p.zero_grad()

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of the array of every parameter and buffer, by name."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Leftovers:
        """Copy arrays into the parameters and buffers of the same names.

        With `strict=False`, those that fit are copied, and the others are returned by name.
        Raises: ValueError, before anything is copied, that lists every array that does not fit or
        has values beyond the dtype; TypeError if `state` is no dict, or has a masked array.
        """
        own = self._arrays()
        if not isinstance(state, Mapping):
            raise TypeError(
                f"the arrays of {type(self).__name__} are given as a dict by name, with the names "
                f"{', '.join(own)}, not as a {type(state).__name__}"
            )
        given = {name: loadable(value, name) for name, value in state.items()}
        arrays, left = cast_all(given, own)  # from here on nothing can fail
        if strict and any(left):
            raise ValueError(
                f"these arrays do not fit {type(self).__name__}, and nothing was loaded: {left}"
            )
        changed = [p for name, p in self.named_parameters() if name in arrays]
        # In place, because an optimizer may hold views of the parameters' arrays.
        numbers = [(p.data, ..., arrays[n]) for n, p in self.named_parameters() if n in arrays]
        buffers = [(vars(m), key, arrays[n]) for n, m, key in self._buffer_places() if n in arrays]
        set_all([*numbers, *buffers])
        for p in changed:
            p.data = p.data  # the engine learns that an earlier graph has lost these values
        return left

    def save_parameters(self, path: File) -> None:
        """Write the parameters and buffers to a safetensors file."""
        write_parameters(path, self.state_dict())

    def load_parameters(self, path: File, strict: bool = True) -> Leftovers:
        """Read the parameters and buffers from a safetensors file.

        With `strict=False`, those that fit are read, and the others are returned by name.
        Raises: ValueError, before anything is changed, if the file is damaged or does not fit.
        """
        parameters = read_parameters(path)
        try:
            return self.load_state_dict(parameters, strict)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def _arrays(self) -> dict[str, np.ndarray]:
        """Map the names of the parameters and buffers to their arrays."""
        return {n: p.data for n, p in self.named_parameters()} | dict(self.named_buffers())


PART_HOLDERS = (tg.Tensor, Module, list, tuple, dict)  # what can be or hold parts of a module


def part_items(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Iterate over attributes, and the items of lists, tuples and dicts, with dotted names."""
    for name, value in attributes.items():
        if isinstance(value, (list, tuple, dict)):
            yield from _items(name, value, ())
        else:
            yield name, value


def _items(name: str, value: Any, outer: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """Iterate over what is in a list, tuple or dict, however deep; `outer` are those around it."""
    if not isinstance(value, (list, tuple, dict)):
        yield name, value
    elif id(value) not in outer:  # a list can contain itself
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _items(f"{name}.{key}", item, (*outer, id(value)))


def _is_parameter(value: Any) -> bool:
    if not isinstance(value, tg.Tensor):
        return False
    return value.is_leaf if value.requires_grad else value.is_frozen


def _check_remains(value: Any, name: str, kind: str) -> None:
    """Raise TypeError if a parameter's place is given to what is none, which would not learn."""
    if value is None or isinstance(value, Module) or _is_parameter(value):
        return
    what = "an array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
    if isinstance(value, tg.Tensor):
        what = "the result of an operation" if value.requires_grad else "a constant"
    raise TypeError(
        f"{name} of {kind} is a parameter, and would be none with {what} in its place; assign to "
        f"{name}.data to change its values, set {name}.requires_grad = False to freeze it, or make "
        f"another with tg.Tensor(array, requires_grad=True); take a copy as {name}.data.copy()"
    )
