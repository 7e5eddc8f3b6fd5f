"""Files of parameters and of whole models, in the safetensors format: arrays and JSON, never code.

A file of parameters has an array under the name of each parameter and buffer, such as "0.weights",
and any framework's safetensors can read it. A model's file has these under "parameters.", the
optimizer's states under "optimizer.", the history under "history.", and the rest as JSON in the
header.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import INSTALL_EXTRAS, build, describe
from nn.losses import Loss
from nn.metrics import Accuracy
from nn.module import Module, part_items
from nn.optim.base import Optimizer
from nn.training.generators import generators, jsonable, restore_generators
from nn.training.loop import TrainState

File = str | os.PathLike[str]

MARK = "tensorgrad"  # our entry in the metadata of the header
VERSION = 1
# Errors that a damaged or forged description can cause while a model is built from it.
UNUSABLE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError)


# Parameters only


def save_parameters(path: File, parameters: Mapping[str, np.ndarray]) -> None:
    """Write arrays under their names; the file is replaced as a whole, or stays as it was.

    Raises: TypeError if safetensors has no form for an array; ImportError if it is not installed.
    """
    _write_file(path, parameters, {"holds": "parameters"})


def load_parameters(path: File) -> dict[str, np.ndarray]:
    """Read the arrays of a file of parameters, which may come from another framework.

    Raises: ValueError if the file is damaged, not of the safetensors format, or holds a whole
    model; ImportError if safetensors is not installed.
    """
    arrays, metadata = _read(path)
    if metadata.get("holds") == "model":
        raise ValueError(f"{path} holds a whole model; load it with nn.Model.load({str(path)!r})")
    return arrays


# Whole models


def save(path: File, state: TrainState) -> None:
    """Write a model; the file is replaced as a whole, or stays as it was.

    Raises: TypeError if a part's class is not registered, its arguments do not fit into JSON, or a
    module built from them would have other parts, or arrays that are no buffers have changed.
    """
    arrays = {f"parameters.{k}": a for k, a in state.module.state_dict().items()}
    arrays |= {f"history.{k}": a for k, a in state.history.state_dict().items()}
    metadata: dict[str, Any] = {"holds": "model"}
    for name in ("module", "loss", "optimizer", "accuracy"):
        part = getattr(state, name)
        metadata[name] = None if part is None else describe(part)
    _check_rebuilt(state.module, build(metadata["module"]))
    if state.optimizer is not None:
        saved = state.optimizer.state_dict()
        names = _names(state.module, state.optimizer)
        for kind, of_parameters in saved["states"].items():
            arrays |= {f"optimizer.{kind}.{k}": a for k, a in zip(names, of_parameters)}
        metadata |= {"iterations": saved["iterations"], "optimized": names}
        metadata |= {"groups": saved.get("groups", [])}
    metadata["random"] = [
        {"names": names, "state": jsonable(rng.bit_generator.state)}
        for rng, names in generators(state)
    ]
    metadata["frozen"] = [k for k, p in state.module.named_parameters() if p.is_frozen]
    _write_file(path, arrays, metadata)


def load(path: File) -> TrainState:
    """Build the model in a file.

    Raises: ValueError if the file is damaged, holds no model, or one of unknown classes.
    """
    arrays, metadata = _read(path)
    if metadata.get("holds") == "parameters":
        raise ValueError(
            f"{path} holds parameters only; build the model, then call "
            f"model.load_parameters({str(path)!r})"
        )
    if metadata.get("holds") != "model":
        raise ValueError(
            f"{path} is a safetensors file, but holds no model written by Model.save; if it holds "
            "parameters, build the model and load them with model.load_parameters"
        )
    try:
        return _assemble(arrays, metadata)
    except (*UNUSABLE, ValueError) as error:
        words = (
            f"has no entry {error}" if isinstance(error, KeyError) else f"is not usable: {error}"
        )
        raise ValueError(f"the model in {path} {words}") from error


def _assemble(arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> TrainState:
    """Build a model from the arrays and the metadata of its file."""
    state = TrainState(**_built_parts(metadata))
    groups = _grouped(arrays)
    for name, built in state.module.state_dict().items():
        saved = groups["parameters"].get(name)
        if saved is not None and saved.dtype != built.dtype:
            raise ValueError(
                f"{name} has dtype {saved.dtype}, but the built module has {built.dtype}"
            )
    state.module.load_state_dict(groups["parameters"])
    frozen = metadata.get("frozen", ())  # older files have no such entry
    for name, p in state.module.named_parameters():
        p.requires_grad = name not in frozen
    state.history.load_state_dict(groups["history"])
    if state.optimizer is not None:
        _load_optimizer(state.optimizer, state.module, groups["optimizer"], metadata)
    if groups["optimizer"]:
        raise ValueError(f"its optimizer does not use the arrays {sorted(groups['optimizer'])}")
    restore_generators(state, metadata["random"])
    return state


def _built_parts(metadata: dict[str, Any]) -> dict[str, Any]:
    """Build the module, and the loss, optimizer and accuracy if they are not None.

    Raises: ValueError if one is of another kind.
    """
    kinds = {"module": Module, "loss": Loss, "optimizer": Optimizer, "accuracy": Accuracy}
    built: dict[str, Any] = {}
    for name, kind in kinds.items():
        built[name] = None if metadata[name] is None else build(metadata[name])
        if not isinstance(built[name], kind | None if name != "module" else kind):
            raise ValueError(f"its {name} is of the class {type(built[name]).__name__}")
    return built


def _grouped(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group arrays by the first part of their names: parameters, history, optimizer.

    Raises: ValueError if a name begins with another word.
    """
    groups: dict[str, dict[str, np.ndarray]] = {"parameters": {}, "history": {}, "optimizer": {}}
    for name, array in arrays.items():
        group, _, rest = name.partition(".")
        if group not in groups:
            raise ValueError(f"it has an array {name!r}, which belongs to no part of a model")
        groups[group][rest] = array
    return groups


def _load_optimizer(
    optimizer: Optimizer, module: Module, arrays: dict[str, np.ndarray], metadata: dict[str, Any]
) -> None:
    """Give the optimizer its parameters and its state; the arrays that it uses leave `arrays`."""
    parameters = dict(module.named_parameters())
    names = metadata["optimized"]
    if names:
        optimizer.parameters = [parameters[name] for name in names]
    states = {kind: [arrays.pop(f"{kind}.{name}") for name in names] for kind in optimizer.states}
    optimizer.load_state_dict(
        {
            "settings": metadata["optimizer"]["config"],
            "iterations": metadata["iterations"],
            "states": states,
            "groups": metadata.get("groups", []),  # older files have no such entry
        }
    )


def _check_rebuilt(module: Module, again: Module) -> None:
    """Check that a module rebuilt from its description equals this one but for what a file holds.

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


def _names(module: Module, optimizer: Optimizer) -> list[str]:
    """List the names of the optimizer's parameters, in its order."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [names[id(p)] for p in optimizer.parameters]


# Files


def _write_file(path: File, arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write a new file beside the old one, and rename it when it is complete on the disk."""
    safe = _import_safetensors()
    header = {MARK: json.dumps({"version": VERSION, **metadata})}
    # Copies in C order, because safetensors writes the memory without regard to the strides.
    try:
        data = safe.numpy.save({k: np.array(a, order="C") for k, a in arrays.items()}, header)
    except safe.SafetensorError as error:
        raise TypeError(f"{path} was not written: {error}") from error
    final = Path(os.path.realpath(path))  # a link stays a link
    new = final.with_name(f".{uuid.uuid4().hex}.part")  # a longer name could be too long
    try:
        with open(new, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, final)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _read(path: File) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays of a file, and our part of its metadata.

    Raises: ValueError if the file is damaged or of another version.
    """
    safe = _import_safetensors()
    data = Path(path).read_bytes()
    try:
        arrays = safe.numpy.load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        metadata = json.loads(header.get(MARK, "{}"))
    except (safe.SafetensorError, *UNUSABLE, ValueError) as error:
        raise ValueError(
            f"{path}, of {len(data)} bytes, is damaged or not a safetensors file that NumPy can "
            f"hold ({error})"
        ) from error
    if metadata.get("version", VERSION) != VERSION:
        raise ValueError(
            f"{path} was written in version {metadata['version']} of this format, but this "
            f"tensorgrad reads version {VERSION}; update tensorgrad"
        )
    return arrays, metadata


def _import_safetensors() -> ModuleType:
    """Import safetensors, which only files need.

    Raises: ImportError if it is not installed.
    """
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "models are saved and loaded with safetensors, which is not installed; "
            f"run {INSTALL_EXTRAS}"
        ) from error
    return safetensors
