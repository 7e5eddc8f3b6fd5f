"""Export: a network's predictions as a file that runs without this library."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from inspect import Parameter, Signature, isfunction, signature
from pathlib import Path
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.standalone import StandaloneText, split_imports
from nn.summary import first_input_shape
from tensorgrad.files import as_path, check_output, write_file

EXAMPLES = 3  # samples that a network is traced with
SAMPLES_AT_ONCE = 1024  # samples that a file computes at a time


class WithExport:
    """Base of modules, whose predictions can be written to files that run without this library."""

    def export(
        self,
        path: str | os.PathLike[str],
        *input_shapes: tuple[int, ...],
        dtype: Any = None,
        classes: Sequence[str] | None = None,
        preprocessing: str = "",
        reader: Callable[[str], Any] | None = None,
        **named_shapes: tuple[int, ...],
    ) -> Path:
        """Write the predictions to a file that runs without this library, and return its path.

        A path .py gets a file that needs NumPy alone, with the weights in .npz beside it: its
        `predict` takes samples, and its command line files, which `reader` reads (.npy without
        one). A path .onnx gets an ONNX model with a free batch axis. `classes` names the outputs,
        and `preprocessing` says in words how inputs are made. The inputs have the given dtype, or
        else that of the parameters; those that `forward` takes by name are given so, as mask=(6,).
        Shapes: each is that of one sample, without N.
        Raises: ValueError for another suffix, or a layer in training mode; TypeError if the module
        cannot be traced; ImportError if onnx is not installed; OSError if it cannot be written.
        """
        n = max(len(input_shapes), 1) + len(named_shapes)
        return export(
            self, path, input_shapes, named_shapes, dtypes=[] if dtype is None else [dtype] * n,
            classes=classes, preprocessing=preprocessing, reader=reader,
        )  # fmt: skip


def export(
    module: Any,
    path: Any,
    input_shapes: Sequence[tuple[int, ...]],
    named_shapes: Mapping[str, tuple[int, ...]],
    *,
    dtypes: Sequence[Any] = (),
    classes: Sequence[str] | None = None,
    preprocessing: str = "",
    reader: Callable[[str], Any] | None = None,
) -> Path:
    """Write the predictions of a module to a file, .py or .onnx, and return its path.

    `dtypes` are those of the inputs, in order and then by name.
    Shapes: each of the inputs is that of one sample, without N.
    Raises: ValueError for another suffix, or a module in training mode; TypeError if it cannot be
    traced; OSError if the file cannot be written.
    """
    path = as_path(path)
    if path.suffix not in (".py", ".onnx"):
        raise ValueError(f"export writes a file .py or .onnx, by its name, not {str(path)!r}")
    check_output(path)
    refuse_training_mode(module)
    if not (input_shapes or named_shapes):
        input_shapes = [first_input_shape(module)]
    shapes = [*input_shapes, *named_shapes.values()]
    dtypes = list(dtypes) or [parameter_dtype_of(module)] * len(shapes)
    samples = [sample_of(shape, dtype, EXAMPLES) for shape, dtype in zip(shapes, dtypes)]
    function = predictions_of(module, len(input_shapes), list(named_shapes))
    try:
        if path.suffix == ".py":
            write_standalone(module, function, path, samples, classes, reader)
        else:
            write_onnx(module, function, path, samples, classes, preprocessing)
    except tg.Untraceable as error:
        raise TypeError(f"{path} was not written: {error}") from error
    return path


def parameter_dtype_of(module: Any) -> Any:
    """Return the dtype of the first parameter."""
    return next((p.dtype for p in module.parameters()), np.dtype(np.float32))


def sample_of(shape: tuple[int, ...], dtype: Any, n: int) -> np.ndarray:
    """Return so many samples of random numbers, or of zeros if they are integers.

    Shapes: `shape` -> (n, ...).
    """
    numbers = np.random.default_rng(n).uniform(-1, 1, (n, *shape))
    return (numbers if np.dtype(dtype).kind == "f" else np.zeros((n, *shape))).astype(dtype)


def refuse_training_mode(module: Any) -> None:
    """Raise ValueError if a layer that has two modes is in that of training."""
    found = [
        f"{name or 'the module'} ({type(part).__name__})"
        for name, part in module.named_modules()
        if part.training and reads_mode(type(part))
    ]
    if found:
        raise ValueError(
            f"{', '.join(found)} {'are' if len(found) > 1 else 'is'} in training mode, in which "
            "predictions are random or change the module; call module.eval() first"
        )


def reads_mode(kind: type) -> bool:
    """Return True if the code of a class asks for its mode."""
    functions = [f for base in kind.__mro__ for f in vars(base).values() if isfunction(f)]
    own = [f for f in functions if f.__module__ != "nn.module"]
    return any("training" in getattr(f, "__wrapped__", f).__code__.co_names for f in own)


def predictions_of(module: Any, n_inputs: int, by_name: Sequence[str]) -> Callable[..., Any]:
    """Return the function from the inputs of a module, so many and some by name, to its outputs."""

    def network(*inputs: Any) -> Any:
        given = [*map(tg.Tensor, inputs)]
        out = module(*given[:n_inputs], **dict(zip(by_name, given[n_inputs:], strict=True)))
        several = isinstance(out, (tuple, list))
        return tuple(map(without_graph_of, out)) if several else without_graph_of(out)

    parameters = list(signature(module.forward).parameters.values())[:n_inputs]
    named = all(p.kind is Parameter.POSITIONAL_OR_KEYWORD for p in parameters)
    names = [p.name for p in parameters] if named and len(parameters) == n_inputs else None
    names = [*(names or [f"x{i}" for i in range(n_inputs)]), *by_name]
    network.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return network


def without_graph_of(x: Any) -> Any:
    """Return a tensor without its graph; anything else as it is."""
    return x.detach() if isinstance(x, tg.Tensor) else x


def in_no_grad(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function without recording."""

    def call() -> Any:
        with tg.no_grad():
            return function(*args, **kwargs)

    return copy_context().run(call)


def write_onnx(
    module: Any,
    function: Callable[..., Any],
    path: Path,
    samples: list[np.ndarray],
    classes: Sequence[str] | None,
    preprocessing: str,
) -> None:
    """Write an ONNX model."""
    names = dict(module.named_parameters()) | dict(module.named_buffers())
    metadata = {"classes": json.dumps(list(classes))} if classes is not None else {}
    metadata |= {"preprocessing": preprocessing} if preprocessing else {}
    fixed = [name for name, x in names.items() if not getattr(x, "requires_grad", False)]
    metadata |= {"parameters": json.dumps(list(names)), "frozen": json.dumps(fixed)}
    batch = list(signature(function).parameters)
    program = in_no_grad(tg.compile(function).program, *samples)
    in_no_grad(program.save, path, batch=batch, names=names, metadata=metadata)


def write_standalone(
    module: Any,
    function: Callable[..., Any],
    path: Path,
    samples: list[np.ndarray],
    classes: Sequence[str] | None,
    reader: Callable[[str], Any] | None,
) -> None:
    """Write a Python file that predicts in NumPy alone, and its weights beside it."""
    weights_path = path.with_suffix(".npz")
    check_output(weights_path)
    program, batch = in_no_grad(program_of_any_batch, function, samples)
    if len(program.outputs) != 1:
        raise tg.Untraceable("a .py file is for a network with one output; select it in forward")
    refuse_references(program.source)
    weights = dict(program.parameters)
    names = list(signature(function).parameters)
    text = StandaloneText(
        title=f"Predictions of a {type(module).__name__}", stem=path.stem,
        source=program.source, main="network",
        inputs={k: (x.shape[1:], x.dtype.name) for k, x in zip(names, samples, strict=True)},
        output=program.outputs[0][0][1:], weights=weights, classes=classes, batch=batch,
        reader=reader,
    ).text()  # fmt: skip
    arrays = io.BytesIO()
    np.savez(arrays, allow_pickle=False, **(weights | dict(large_constants(program))))
    write_both(weights_path, arrays.getvalue(), path, text.encode())


def refuse_references(source: str) -> None:
    """Raise Untraceable if a program's text names what stands outside of it."""
    for line in split_imports(source)[0]:
        package = line.split()[1].partition(".")[0]
        if package != "numpy" and package not in sys.stdlib_module_names:
            raise tg.Untraceable(
                f"its text needs {package}, which may not be installed where the file runs; write "
                "it in NumPy's functions"
            )
    notes = [line for line in source.splitlines() if "does not stand alone" in line]
    if notes:
        raise tg.Untraceable(
            f"{notes[0].removeprefix('# ').partition(', so')[0]}; write it in NumPy's functions"
        )


def large_constants(program: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the constants that the text of a program reads from its file."""
    loads = [line for line in program.source.splitlines() if "np.load(__file__" in line]
    for name, array in program.constants.items():
        if any(line.startswith(f"{name} = ") for line in loads):
            yield name, array


def program_of_any_batch(
    function: Callable[..., Any], samples: list[np.ndarray]
) -> tuple[Any, int]:
    """Return the program of a function, and how many samples it takes at a time."""
    program = tg.compile(function).program(*samples)
    for n in (1, EXAMPLES + 2):
        others = [sample_of(x.shape[1:], x.dtype, n) for x in samples]
        try:
            found = program(*others)
        except (ValueError, IndexError):
            found = None
        expected = function(*others)
        if found is None or not equal_outputs(found, expected):
            return tg.compile(function).program(*(x[:1] for x in samples)), 1
    return program, SAMPLES_AT_ONCE


def equal_outputs(found: Any, expected: Any) -> bool:
    """Return True if two outputs are equal except for the rounding of products of other sizes."""
    if isinstance(expected, tuple):
        return all(map(equal_outputs, found, expected))
    a, b = np.asarray(found.data), np.asarray(expected.data)
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)


def write_both(first: Path, data: bytes, second: Path, text: bytes) -> None:
    """Write two files that belong together: if the second fails, the first is as it was."""
    before = first.read_bytes() if first.exists() else None
    write_file(first, data)
    try:
        write_file(second, text)
    except BaseException:
        if before is None:
            first.unlink(missing_ok=True)
        else:
            write_file(first, before)
        raise
