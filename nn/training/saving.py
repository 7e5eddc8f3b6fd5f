"""Files of whole models, in the safetensors format: arrays and JSON, never code.

The arrays of the parameters and buffers have names that begin with "parameters.", those of the
optimizer's states with "optimizer.", those of the history with "history.", the sums of an epoch
that is not complete with "epoch.", the states of callbacks with "callbacks.", and that of the
batches' source with "source."; the rest is JSON in the header.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.archive import File, import_safetensors, read_archive, warn_of_values, write_archive
from nn.bits import jsonable
from nn.config import build, build_within, describe
from nn.data.streams import SourceState
from nn.losses import Loss
from nn.metrics import Accuracy, Metric
from nn.module import Module
from nn.optim.base import Optimizer
from nn.training.generators import generators, restore_generators
from nn.training.history import History
from nn.training.position import COUNT_LIMIT, Position
from nn.training.rebuilding import check_rebuilt
from nn.training.resuming import Waiting, described_states, waiting_states
from nn.training.train_state import TrainState


def save(path: File, state: TrainState) -> None:
    """Write a model; the file is replaced as a whole, or stays as it was.

    Raises: TypeError if a part's class is not registered, its arguments do not fit into JSON, or a
    module built from them would have other parts, or arrays that are no buffers have changed.
    """
    write_archive(path, *state.guard.between_steps(lambda: _contents(state)))


def check_savable_model(state: TrainState) -> None:
    """Raise TypeError or ImportError, with what to do, if a model cannot be saved."""
    import_safetensors()
    _contents(state)


def _contents(state: TrainState) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return copies of the arrays, and the metadata, of a model's file.

    Raises: TypeError as `save`.
    """
    arrays = {f"parameters.{k}": a for k, a in state.module.state_dict().items()}
    arrays |= {f"history.{k}": a for k, a in state.history.state_dict().items()}
    metadata: dict[str, Any] = {"holds": "model"}
    for name in ("module", "loss", "optimizer", "accuracy"):
        part = getattr(state, name)
        metadata[name] = None if part is None else describe(part)
    metadata["metrics"] = [describe(metric) for metric in state.metrics]
    check_rebuilt(state.module, build(metadata["module"]))
    if state.optimizer is not None:
        saved = state.optimizer.state_dict()
        names = _names(state.module, state.optimizer)
        for kind, of_parameters in saved["states"].items():
            arrays |= {f"optimizer.{kind}.{k}": a for k, a in zip(names, of_parameters)}
        metadata |= {"iterations": saved["iterations"], "optimized": names}
        metadata |= {"groups": saved.get("groups", []), "missed": saved.get("missed")}
    metadata["random"] = [
        {"names": names, "state": jsonable(rng.bit_generator.state)}
        for rng, names in generators(state)
    ]
    metadata["frozen"] = [k for k, p in state.module.named_parameters() if p.is_frozen]
    if state.position is not None:
        metadata["epoch"] = state.position.description()
        sums = {name: measure._statistics for name, measure in state.measures().items()}
        arrays |= {f"epoch.{name}": array for name, array in sums.items() if array is not None}
    source = [] if state.source is None else [Waiting(state.source.kind, state.source.state)]
    for name, parts in (("callbacks", state.callbacks), ("source", source)):
        metadata[name], states = described_states(parts)
        arrays |= {f"{name}.{key}": array for key, array in states.items()}
    return arrays, metadata


def load(path: File) -> TrainState:
    """Build the model in a file.

    Weights that are NaN or infinite, and a file without a checksum, load with a warning.
    Raises: ValueError if the file is damaged, holds no model, or one of unknown classes.
    """
    arrays, metadata = read_archive(path)
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
        state = _assemble(arrays, metadata)
    except Exception as error:  # also those of the constructors of a user's own classes
        words = (
            f"has no entry {error}" if isinstance(error, KeyError) else f"is not usable: {error}"
        )
        raise ValueError(f"the model in {path} {words}") from error
    warn_of_values(path, state.module.state_dict())
    return state


def _assemble(arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> TrainState:
    """Build a model from the arrays and the metadata of its file.

    Raises: an exception if they do not fit together.
    """
    groups = _grouped(arrays)
    state = TrainState(**_built_parts(metadata, groups["parameters"]))
    _check_dtypes(groups["parameters"], state.module.state_dict(), "the built module")
    state.module.load_state_dict(groups["parameters"])
    parameters = dict(state.module.named_parameters())
    for name in _names_in(metadata, "frozen", parameters):
        parameters[name].requires_grad = False
    _load_history(state.history, groups["history"])
    if state.optimizer is not None:
        _load_optimizer(state.optimizer, parameters, groups["optimizer"], metadata)
    if groups["optimizer"]:
        raise ValueError(f"its optimizer does not use the arrays {sorted(groups['optimizer'])}")
    restore_generators(state, metadata["random"])
    if "epoch" in metadata:
        state.position = Position.described(metadata["epoch"])
        _load_sums(state, groups["epoch"])
    # Older files have no such entries.
    state.callbacks = waiting_states(metadata.get("callbacks", []), groups["callbacks"])
    for source in waiting_states(metadata.get("source", []), groups["source"]):
        state.source = SourceState(source.kind, source.state)
    return state


def _built_parts(metadata: dict[str, Any], parameters: dict[str, np.ndarray]) -> dict[str, Any]:
    """Build the module, and the loss, optimizer and accuracy if they are not None.

    Raises: ValueError if one is of another kind, or a layer would be larger than the arrays.
    """
    kinds = {"module": Module, "loss": Loss, "optimizer": Optimizer, "accuracy": Accuracy}
    elements = sum(array.size for array in parameters.values())
    built: dict[str, Any] = {}
    for name, kind in kinds.items():
        description = metadata[name]
        built[name] = None if description is None else build_within(description, elements)
        if not isinstance(built[name], kind | None if name != "module" else kind):
            raise ValueError(f"its {name} is of the class {type(built[name]).__name__}")
    described = metadata.get("metrics", [])  # older files have no such entry
    built["metrics"] = [build_within(description, elements) for description in described]
    if not all(isinstance(metric, Metric) for metric in built["metrics"]):
        raise ValueError("its metrics are of other classes")
    return built


def _check_dtypes(
    arrays: Mapping[str, np.ndarray], needed: Mapping[str, np.ndarray], owner: str
) -> None:
    """Raise ValueError if an array has another dtype than that of the same name in `needed`."""
    for name in arrays.keys() & needed.keys():
        if arrays[name].dtype != needed[name].dtype:
            raise ValueError(
                f"{name} has dtype {arrays[name].dtype}, but {owner} has {needed[name].dtype}"
            )


def _names_in(
    metadata: dict[str, Any], entry: str, parameters: Mapping[str, tg.Tensor]
) -> list[str]:
    """Return an entry that lists names of parameters; older files have not all of them.

    Raises: ValueError if it lists anything else.
    """
    names = metadata.get(entry, [])
    if not isinstance(names, list) or not all(
        isinstance(name, str) and name in parameters for name in names
    ):
        raise ValueError(f"its {entry} should be a list of its parameters, not {names!r}")
    return names


def _load_history(history: History, arrays: dict[str, np.ndarray]) -> None:
    """Give the history its columns; those that an older file lacks are NaN.

    Raises: ValueError if they do not fit.
    """
    needed = history.state_dict()
    _check_dtypes(arrays, needed, "a history")
    for name in needed.keys() - arrays.keys():
        table = name.partition(".")[0]
        like = next((a for k, a in arrays.items() if k.startswith(f"{table}.")), needed[name])
        arrays[name] = np.full(like.shape, np.nan)
    history.load_state_dict(arrays)


def _grouped(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group arrays by the first part of their names: parameters, history, optimizer, epoch, ...

    Raises: ValueError if a name begins with another word.
    """
    groups: dict[str, dict[str, np.ndarray]] = {
        "parameters": {}, "history": {}, "optimizer": {}, "epoch": {}, "callbacks": {}, "source": {}
    }  # fmt: skip
    for name, array in arrays.items():
        group, _, rest = name.partition(".")
        if group not in groups:
            raise ValueError(f"it has an array {name!r}, which belongs to no part of a model")
        groups[group][rest] = array
    return groups


def _load_optimizer(
    optimizer: Optimizer,
    parameters: Mapping[str, tg.Tensor],
    arrays: dict[str, np.ndarray],
    metadata: dict[str, Any],
) -> None:
    """Give the optimizer its parameters and its state; the arrays that it uses leave `arrays`.

    Raises: ValueError if they do not fit.
    """
    names, iterations = _names_in(metadata, "optimized", parameters), metadata["iterations"]
    if type(iterations) is not int or not 0 <= iterations < COUNT_LIMIT:
        raise ValueError(f"its iterations should be the number of steps taken, not {iterations!r}")
    if names:
        optimizer.parameters = [parameters[name] for name in names]
    own = optimizer.state_dict()["states"] if names else {}
    states = {kind: [arrays.pop(f"{kind}.{name}") for name in names] for kind in optimizer.states}
    for kind, needed in own.items():
        _check_dtypes(dict(zip(names, states[kind])), dict(zip(names, needed)), "the optimizer")
    # Its settings are those that it was built with: those that an older file lacks are defaults.
    optimizer.load_state_dict(
        {
            "settings": optimizer.config(),
            "iterations": iterations,
            "states": states,
            "groups": metadata.get("groups", []),  # older files have no such entries
            "missed": metadata.get("missed"),
        }
    )


def _load_sums(state: TrainState, arrays: dict[str, np.ndarray]) -> None:
    """Give the metrics their sums over the steps of an epoch that is not complete.

    Raises: ValueError if they are not the sums of such metrics.
    """
    measures = state.measures()
    if arrays.keys() != measures.keys():
        raise ValueError(f"its epoch has the sums {sorted(arrays)}")
    for name, measure in measures.items():
        measure._statistics = arrays[name]
        measure.result()  # which fails if they have the wrong shape


def _names(module: Module, optimizer: Optimizer) -> list[str]:
    """List the names of the optimizer's parameters, in its order."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [names[id(p)] for p in optimizer.parameters]
