"""Files of parameters and of whole models, in the safetensors format: arrays and JSON, never code.

A file of parameters holds each under its name ("0.weights"), and opens in safetensors for any
framework. A model's file has the parameters under "parameters.", what the optimizer remembers under
"optimizer.", the history under "history.", and the rest as JSON in the header.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from nn.config import build, describe
from nn.losses import Loss
from nn.metrics import Accuracy
from nn.module import Module
from nn.optim.base import Optimizer
from nn.training.loop import TrainState

File = str | os.PathLike[str]

MARK = "tensorgrad"  # the entry of the header's metadata that is ours
VERSION = 1
# What building a model of a damaged or forged description can come to.
UNUSABLE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError)
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


# Parameters alone


def save_parameters(path: File, parameters: Mapping[str, np.ndarray]) -> None:
    """Write arrays under their names; the file appears complete, or is left as it was."""
    _write_file(path, parameters, {"holds": "parameters"})


def load_parameters(path: File) -> dict[str, np.ndarray]:
    """The arrays in a file of parameters, which may come from another framework.

    Raises: ValueError if it is damaged, no safetensors file, or holds a whole model.
    """
    arrays, metadata = _read(path)
    if metadata.get("holds") == "model":
        raise ValueError(f"{path} holds a whole model; load it with nn.Model.load({str(path)!r})")
    return arrays


# Whole models


def save(path: File, parts: TrainState) -> None:
    """Write a model; the file appears complete, or is left as it was.

    Raises: TypeError for a module that no file can tell: of a class that is not registered, with
    arguments that JSON cannot hold, or that another of its kind and arguments is unlike.
    """
    arrays = {f"parameters.{k}": a for k, a in parts.module.state_dict().items()}
    arrays |= {f"history.{k}": a for k, a in parts.history.state_dict().items()}
    metadata: dict[str, Any] = {"holds": "model"}
    for name in ("module", "loss", "optimizer", "accuracy"):
        part = getattr(parts, name)
        metadata[name] = None if part is None else describe(part)
    _check_alike(parts.module, build(metadata["module"]))
    if parts.optimizer is not None:
        state = parts.optimizer.state_dict()
        names = _names(parts.module, parts.optimizer)
        for kind, of_parameters in state["states"].items():
            arrays |= {f"optimizer.{kind}.{k}": a for k, a in zip(names, of_parameters)}
        metadata |= {"iterations": state["iterations"], "optimized": names}
    metadata["random"] = [
        {"names": names, "state": _jsonable(rng.bit_generator.state)}
        for rng, names in _generators(parts)
    ]
    _write_file(path, arrays, metadata)


def load(path: File) -> TrainState:
    """The model in a file, made anew.

    Raises: ValueError if it is damaged, holds no model, or one that was not made of known classes.
    """
    arrays, metadata = _read(path)
    if metadata.get("holds") == "parameters":
        raise ValueError(
            f"{path} holds parameters alone; build the model, then call "
            f"model.load_parameters({str(path)!r})"
        )
    if metadata.get("holds") != "model":
        raise ValueError(
            f"{path} is a safetensors file, but holds no model that Model.save wrote; if it holds "
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
    kinds = {"module": Module, "loss": Loss, "optimizer": Optimizer, "accuracy": Accuracy}
    built: dict[str, Any] = {}
    for name, kind in kinds.items():
        built[name] = None if metadata[name] is None else build(metadata[name])
        if not isinstance(built[name], kind | None if name != "module" else kind):
            raise ValueError(f"its {name} is of the class {type(built[name]).__name__}")
    parts = TrainState(**built)
    groups: dict[str, dict[str, np.ndarray]] = {"parameters": {}, "history": {}, "optimizer": {}}
    for name, array in arrays.items():
        group, _, rest = name.partition(".")
        if group not in groups:
            raise ValueError(f"it has an array {name!r}, which belongs to no part of a model")
        groups[group][rest] = array
    for name, p in parts.module.named_parameters():
        saved = groups["parameters"].get(name)
        if saved is not None and saved.dtype != p.dtype:
            raise ValueError(f"{name} is of {saved.dtype}, but {p.dtype} in the module as built")
    parts.module.load_state_dict(groups["parameters"])
    parts.history.load_state_dict(groups["history"])
    if parts.optimizer is not None:
        parameters = dict(parts.module.named_parameters())
        names = metadata["optimized"]
        if names:
            parts.optimizer.parameters = [parameters[name] for name in names]
        states = {
            kind: [groups["optimizer"].pop(f"{kind}.{name}") for name in names]
            for kind in parts.optimizer.states
        }
        parts.optimizer.load_state_dict(
            {
                "settings": metadata["optimizer"]["config"],
                "iterations": metadata["iterations"],
                "states": states,
            }
        )
    if groups["optimizer"]:
        raise ValueError(f"its optimizer has no use for the arrays {sorted(groups['optimizer'])}")
    _restore_generators(parts, metadata["random"])
    return parts


def _check_alike(module: Module, again: Module) -> None:
    """Raises: TypeError if a module built again has other parameters: it could not be loaded."""
    old, new = ({k: (p.shape, p.dtype) for k, p in m.named_parameters()} for m in (module, again))
    if old != new:
        names = ", ".join(sorted({k for k in old | new if old.get(k) != new.get(k)}))
        raise TypeError(
            f"{type(module).__name__} cannot be saved: built again from its arguments, it would "
            f"have other parameters ({names}), as where one layer or Tensor stands in two places "
            "or was put in after the constructor; let the constructor of a registered class of "
            "your own do so, or use save_parameters"
        )


def _names(module: Module, optimizer: Optimizer) -> list[str]:
    """The names of what is optimized, in the optimizer's order."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [names[id(p)] for p in optimizer.parameters]


# Random states


def _holders(parts: TrainState) -> Iterator[tuple[str, Any, str]]:
    """Every attribute that is a generator: its name in the file, its owner, its name there."""
    yield "rng", parts, "rng"
    for path, module in parts.module.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, np.random.Generator):
                yield f"module.{path}.{name}", module, name


def _generators(parts: TrainState) -> list[tuple[np.random.Generator, list[str]]]:
    """Each generator with the names of all that draw from it, so that they go on sharing it."""
    shared: dict[int, tuple[np.random.Generator, list[str]]] = {}
    for name, owner, attribute in _holders(parts):
        rng = getattr(owner, attribute)
        shared.setdefault(id(rng), (rng, []))[1].append(name)
    return list(shared.values())


def _restore_generators(parts: TrainState, saved: list[dict[str, Any]]) -> None:
    holders = {name: (owner, attribute) for name, owner, attribute in _holders(parts)}
    names = [name for entry in saved for name in entry["names"]]
    if sorted(names) != sorted(holders):
        raise ValueError(f"it has random states for {sorted(names)}, but needs {sorted(holders)}")
    for entry in saved:
        kind = entry["state"]["bit_generator"]
        if kind not in BIT_GENERATORS:
            raise ValueError(
                f"its random generator {kind!r} is none of {', '.join(BIT_GENERATORS)}"
            )
        bits = getattr(np.random, kind)()
        bits.state = _like(entry["state"], bits.state)
        rng = np.random.Generator(bits)
        for name in entry["names"]:
            setattr(*holders[name], rng)


def _jsonable(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _jsonable(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def _like(value: Any, template: Any) -> Any:
    """What JSON gave back, in the types of a state of the same kind."""
    if isinstance(template, dict):
        return {key: _like(value[key], item) for key, item in template.items()}
    return np.array(value, template.dtype) if isinstance(template, np.ndarray) else value


# Files


def _write_file(path: File, arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write a file beside the old one, and put it in its place once it is complete on the disk."""
    safe = _import_safetensors()
    header = {MARK: json.dumps({"version": VERSION, **metadata})}
    # Copies in C's order: safetensors writes the memory as it lies, whatever the strides say.
    try:
        data = safe.numpy.save({k: np.array(a, order="C") for k, a in arrays.items()}, header)
    except safe.SafetensorError as error:
        raise TypeError(f"{path} was not written: {error}") from error
    final = Path(os.path.realpath(path))  # a link stays a link
    new = final.with_name(f".{uuid.uuid4().hex}.part")  # shorter than most: a name can be too long
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
    """The arrays of a file, and our part of its metadata."""
    safe = _import_safetensors()
    data = Path(path).read_bytes()
    try:
        arrays = safe.numpy.load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        metadata = json.loads(header.get(MARK, "{}"))
    except (safe.SafetensorError, *UNUSABLE, ValueError) as error:
        raise ValueError(
            f"{path}, of {len(data)} bytes, is no safetensors file that NumPy can hold, or a "
            f"damaged one ({error})"
        ) from error
    if metadata.get("version", VERSION) != VERSION:
        raise ValueError(
            f"{path} was written in version {metadata['version']} of this format, but this "
            f"tensorgrad reads version {VERSION}; update it"
        )
    return arrays, metadata


def _import_safetensors() -> ModuleType:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "models are saved and loaded with safetensors, which is not installed; "
            "run: pip install 'tensorgrad[examples]'"
        ) from error
    return safetensors
