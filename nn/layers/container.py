"""Modules made of modules: one after another, or beside the identity."""

import inspect
from collections.abc import Iterator
from typing import Any, overload

import tensorgrad as tg
from nn.config import argument_text, register
from nn.layers.parts import floating
from nn.module import Module


def with_mask(module: Module, x: tg.Tensor, mask: Any) -> tg.Tensor:
    """Call a module, with the mask if there is one and the module takes it."""
    if mask is None or "mask" not in inspect.signature(type(module).forward).parameters:
        return module(x)
    return module(x, mask=mask)


@register
class Sequential(Module):
    """A chain of modules, each applied to the output of the one before.

    Shapes: as of the first module -> as of the last one.
    """

    def __init__(self, *layers: Module) -> None:
        self.layers: list[Module] = []
        for layer in layers:
            self.append(layer)

    def append(self, layer: Module) -> None:
        """Add a module at the end.

        Raises: TypeError if it is not a Module.
        """
        if not isinstance(layer, Module):
            hint = ""
            if isinstance(layer, type):
                hint = f"; write {layer.__name__}()"
            elif isinstance(layer, (list, tuple)):
                hint = "; write Sequential(*layers)"
            elif isinstance(getattr(layer, "module", None), Module):
                hint = "; write its module, model.module"
            elif callable(layer):
                hint = "; write nn.Function(f) for a function f of tensors"
            raise TypeError(f"Sequential takes modules, but number {len(self)} is {layer!r}{hint}")
        layer._scope_named(str(len(self)))
        self.layers.append(layer)

    def forward(self, x: tg.Tensor, *, mask: Any = None) -> tg.Tensor:
        """Apply the modules in order; a mask goes to each that takes one.

        Shapes: as of the first module, mask (N, T) -> as of the last one.
        """
        for layer in self.layers:
            x = with_mask(layer, x, mask)
        return x

    def __len__(self) -> int:
        """Count the modules directly in this one."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        """Iterate over the modules in order."""
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> "Module | Sequential":
        """Return one module, or for a slice a Sequential that shares its modules."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def _members(self) -> Iterator[tuple[str, Any]]:
        return ((str(i), layer) for i, layer in enumerate(self.layers))


@register
class Residual(Module):
    """A module with a shortcut around it: x + module(x), or shortcut(x) + module(x).

    Shapes: x as of the module, whose output has the same shape, or that of the shortcut's.
    Raises: TypeError if it is given anything but modules.
    Source: He, Zhang, Ren and Sun (2016), arXiv:1512.03385, equations 1 and 2.
    """

    def __init__(self, module: Module, *, shortcut: Module | None = None) -> None:
        for part in (module, shortcut):
            if not isinstance(part, Module | None):
                raise TypeError(f"Residual takes a module, not {argument_text(part)}")
        self.module = module
        self.shortcut = shortcut

    def forward(self, x: tg.Tensor, *, mask: Any = None) -> tg.Tensor:
        """Add the input, or what the shortcut makes of it, to the output of the module.

        Shapes: x as of the module, mask (N, T) if it takes one -> as of the module.
        Raises: ValueError if the two have different shapes.
        """
        out = with_mask(self.module, x, mask)
        around = floating(x, out.dtype) if self.shortcut is None else self.shortcut(x)
        if out.shape != around.shape:
            raise ValueError(
                f"Residual adds the output of its module, of shape {out.shape}, to the "
                f"{'input' if self.shortcut is None else 'shortcut'} of shape {around.shape}; "
                "their shapes must be equal: give a shortcut= that changes it in the same way"
            )
        return around + out
