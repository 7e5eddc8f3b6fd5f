"""Parameters under PyTorch's names and in its layouts: from_torch and to_torch."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from nn.config import import_extra
from nn.module import Module

COUNTER = "num_batches_tracked"  # of PyTorch's batch norms, which nothing here needs


class TorchArray(NamedTuple):
    """An array of a module: its name here and in PyTorch, and its axes there by those here."""

    ours: str
    theirs: str
    axes: tuple[int, ...] | None


def to_torch(module: Module, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a state_dict for a PyTorch module: copies of parameters and buffers as torch.Tensors.

    A class gives the names of its arrays in PyTorch and their axes there in `torch_layout`; others
    keep their names and layouts. `names` maps the paths of modules here to paths there, such as
    {"0": "fc1", "2": "fc2"}; without it the paths are the same.
    Raises: ImportError if PyTorch is not installed.
    """
    torch = import_extra("torch", "to_torch makes tensors of PyTorch", "pip install torch")
    arrays, state = module.state_dict(), {}
    for ours, theirs, axes in _torch_arrays(module, names):
        array = arrays[ours] if axes is None else arrays[ours].transpose(axes)
        state[theirs] = torch.from_numpy(np.array(array, order="C"))
        if theirs.endswith("running_mean"):
            state[theirs.removesuffix("running_mean") + COUNTER] = torch.tensor(0)
    return state


def from_torch(
    state: Mapping[str, Any], module: Module, names: Mapping[str, str] | None = None
) -> Module:
    """Copy the state_dict of a PyTorch module into this module, and return it.

    `state` maps names to torch.Tensors or arrays. `names` maps the paths of modules here to paths
    there, such as {"0": "fc1", "2": "fc2"}; without it the paths are the same.
    Raises: ValueError, before anything is copied, if names or shapes do not fit; TypeError if
    `state` is no dict.
    """
    if not isinstance(state, Mapping):
        remedy = "; write from_torch(net.state_dict(), module)" * hasattr(state, "state_dict")
        raise TypeError(
            "from_torch takes the state_dict of a PyTorch module, a dict by name, not a "
            f"{type(state).__name__}{remedy}"
        )
    left = {name: value for name, value in state.items() if not name.endswith(COUNTER)}
    arrays, missing = {}, []
    for ours, theirs, axes in _torch_arrays(module, names):
        if theirs not in left:
            missing.append(f"{theirs} for {ours}")
            continue
        array = _array(left.pop(theirs))
        if axes is not None and array.ndim == len(axes):
            array = array.transpose(np.argsort(axes))
        arrays[ours] = array
    if missing or left:
        raise ValueError(
            f"the state of a PyTorch module does not fit {type(module).__name__}, and nothing was "
            f"loaded: it lacks {', '.join(missing) or 'nothing'}, and has {', '.join(left) or 'no'}"
            ' besides; name the modules with names={"path here": "path there"}'
        )
    module.load_state_dict(arrays)
    return module


def _torch_arrays(module: Module, names: Mapping[str, str] | None) -> Iterator[TorchArray]:
    """Iterate over the parameters and buffers of a module, with their names in PyTorch."""
    modules = dict(module.named_modules())
    for ours in module.state_dict():
        owner, attribute = _owner(ours, modules)
        name, axes = modules[owner].torch_layout.get(attribute, (attribute, None))
        path = owner if names is None else names.get(owner, owner)
        yield TorchArray(ours, f"{path}.{name}" if path else name, axes)


def _owner(name: str, modules: Mapping[str, Module]) -> tuple[str, str]:
    """Split the name of an array at the outermost module whose layout has it, or at its own."""
    parts = name.split(".")
    splits = [(".".join(parts[:i]), ".".join(parts[i:])) for i in range(len(parts))]
    splits = [pair for pair in splits if pair[0] in modules]
    return next((pair for pair in splits if pair[1] in modules[pair[0]].torch_layout), splits[-1])


def _array(value: Any) -> np.ndarray:
    """Convert a torch.Tensor or an array to an array; bfloat16, which NumPy lacks, to float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.asarray(value)
