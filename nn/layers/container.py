"""Sequential: modules applied one after another."""

from collections.abc import Iterator
from typing import Any, overload

import tensorgrad as tg
from nn.config import register
from nn.module import Module


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
            raise TypeError(f"Sequential takes modules, but number {len(self)} is {layer!r}{hint}")
        layer._scope_named(str(len(self)))
        self.layers.append(layer)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Apply the modules in order.

        Shapes: as of the first module -> as of the last one.
        """
        for layer in self.layers:
            x = layer(x)
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
