"""The check that a module can be built again from its description, before it is saved."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.module import Module, part_items


def check_rebuilt(module: Module, again: Module) -> None:
    """Check that a module rebuilt from its description equals this one, up to what a file holds.

    Raises: TypeError if it has other parts, because the file could not be loaded, or if arrays that
    are not in the file differ, because they would be lost.
    """
    old, new = _parts(module), _parts(again)
    if old != new:
        names = ", ".join(sorted({k for k in old | new if old.get(k) != new.get(k)}))
        raise TypeError(
            f"{type(module).__name__} cannot be saved: rebuilt from its arguments, it would have "
            f"other parameters, buffers or modules ({names}), because one layer or Tensor is in "
            "two places or was added after the constructor; do so in the constructor of a "
            "registered class of your own, or use save_parameters"
        )
    for part, rebuilt in zip(module.modules(), again.modules(), strict=True):
        for name in _lost_arrays(part, rebuilt):
            kind, word = type(part).__name__, name.replace(".", "_")
            raise TypeError(
                f"{kind} cannot be saved: its array {name} is not the one that the constructor "
                f"makes, and a file would lose it; write self.buffer({word!r}, array) in the "
                f"constructor of {kind}, or name it in the class's `transient` if that is no loss"
            )


def _parts(module: Module) -> dict[str, Any]:
    """Describe the parameters, buffers and modules in a module, by name."""
    parts: dict[str, Any] = {k: (a.shape, a.dtype) for k, a in module.state_dict().items()}
    return parts | {k: type(m) for k, m in module.named_modules()}


def _lost_arrays(part: Module, rebuilt: Module) -> Iterator[str]:
    """Iterate over the names of the arrays, in no file, that are not those of a rebuilt module.

    An attribute that the constructor does not make is a result that `forward` left behind.
    """
    constructed = dict(part_items(vars(rebuilt)))
    excused = {*part.transient, *(name for name, _ in part.named_buffers())}
    for name, value in part_items(vars(part)):
        attribute = name.partition(".")[0]
        array, made = _constant(value), _constant(constructed.get(name))
        if array is None or attribute in excused or attribute not in vars(rebuilt):
            continue
        if made is None or not np.array_equal(array, made, equal_nan=array.dtype.kind in "fc"):
            yield name


def _constant(value: Any) -> np.ndarray | None:
    """Return the array of an array or of a Tensor that is no parameter or result, else None."""
    if isinstance(value, tg.Tensor):
        return None if value.requires_grad or value.is_frozen else value.data
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic) else None
