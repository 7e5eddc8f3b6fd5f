"""Standalone files: a program as a Python file that predicts in NumPy alone."""

import ast
import inspect
import pprint
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

IMPORTS = ("import io", "import sys", "import zipfile", "import zlib", "from pathlib import Path")
TEMPLATE = '''\
"""{title}, in NumPy alone.

    from {stem} import predict
    python {stem}.py {usage}

predict({names}) takes {takes} and returns {returns}.
The weights are in {stem}.npz, which belongs beside this file. Written by tensorgrad.
"""

{imports}

INPUTS = {inputs}  # the shape and the dtype of one sample
WEIGHTS = {weights}
CLASSES = {classes}  # the names of the outputs
BATCH = {batch}  # samples that are computed at a time


{functions}


def predict({names}):
    """Return the outputs for samples, whose first axis counts them."""
    samples = [{checks}]
    n = len(samples[0])
    if any(len(x) != n for x in samples):
        counts = [len(x) for x in samples]
        raise ValueError(f"the inputs have {{counts}} samples; give as many of each")
    parts = [
        {main}(*(x[i : i + BATCH] for x in samples){given})
        for i in range(0, max(n, 1), BATCH)
    ]
    return np.concatenate(parts)


def checked_input(x, name):
    """Return samples as an array of the network's dtype, or say why they do not fit."""
    shape, dtype = INPUTS[name]
    x = np.asarray(x)
    kinds = "biu" if np.dtype(dtype).kind in "iu" else "biuf"
    if x.dtype.kind not in kinds:
        numbers = "integers" if kinds == "biu" else "real numbers"
        raise TypeError(f"{{name}} takes {{numbers}}, but this array has dtype {{x.dtype}}")
    if x.shape[1:] != shape or not x.ndim:
        alone = f"; this is one sample: write {{name}}[None]" if x.shape == shape else ""
        raise ValueError(
            f"{{name}} takes samples of shape {{shape}}, behind an axis that counts them, but this "
            f"array has shape {{x.shape}}{{alone}}"
        )
    return x.astype(dtype)


def loaded_weights():
    """Return the weights from the file beside this one."""
    path = Path(__file__).with_suffix(".npz")
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            found = {{name: file[name] for name in WEIGHTS}}
    except FileNotFoundError:
        message = f"the weights are missing: put {{path.name}} into {{path.parent}}"
        raise FileNotFoundError(message) from None
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{{path}} is damaged, or belongs to another file: {{error}}") from None
    for name, (shape, dtype) in WEIGHTS.items():
        x = found[name]
        if (x.shape, x.dtype) != (shape, dtype):
            raise ValueError(
                f"{{path}} belongs to another file: {{name}} has shape {{x.shape}} and dtype "
                f"{{x.dtype}}, not {{shape}} and {{dtype}}"
            )
    return found


{reader}


def as_samples(x, name):
    """Return what a file holds as samples: one, or several, also in another shape of their size."""
    shape, _ = INPUTS[name]
    x, size = np.asarray(x), int(np.prod(shape))
    if x.size == size:
        return x.reshape(1, *shape)
    return x.reshape(len(x), *shape) if x.ndim and x[:1].size == size else x


def row_as_text(row):
    """Return one row of outputs as text: the likeliest classes, or the numbers."""
    if CLASSES is None or row.shape != (len(CLASSES),):
        return np.array2string(row, precision=4)
    share = row.min() >= 0 and abs(row.sum() - 1) < 1e-3
    best = np.argsort(-row)[:3]
    return ", ".join(f"{{CLASSES[k]}} {{row[k]:{{'.1%' if share else '.4g'}}}}" for k in best)


def command_line(paths):
    """Print the outputs for files, {each}; return True if one could not be read."""
    if not paths:
        print(__doc__)
        return True
    failed = False
    for i in range(0, len(paths), len(INPUTS)):
        group = paths[i : i + len(INPUTS)]
        try:
            given = [read(path) for path in group]
            rows = predict(*map(as_samples, given, INPUTS))
        except (OSError, ValueError, TypeError, ImportError) as error:
            print(f"{{' '.join(group)}}: error: {{error}}", file=sys.stderr)
            failed = True
            continue
        for row in rows:
            print(f"{{' '.join(group)}}: {{row_as_text(row)}}")
    return failed


ARRAYS = loaded_weights()
if __name__ == "__main__":
    sys.exit(command_line(sys.argv[1:]))
'''


def read(path: str) -> np.ndarray:
    """Return the array in a .npy file: one sample, or several."""
    return np.load(path, allow_pickle=False)


class StandaloneText(NamedTuple):
    """The parts of a standalone file that depend on the network."""

    title: str
    stem: str
    source: str  # of the program
    main: str  # the name of its function
    inputs: Mapping[str, tuple[tuple[int, ...], str]]  # shape of one sample, and dtype
    output: tuple[int, ...]  # shape of the outputs for one sample
    weights: Mapping[str, np.ndarray]
    classes: Sequence[str] | None
    batch: int
    reader: Callable[..., Any] | None

    def text(self) -> str:
        """Return the file's text.

        Raises: TypeError if the reader's source cannot stand in it.
        """
        imports, functions = split_imports(self.source)
        read_imports, reader = reader_source(self.reader or read)
        standard = [
            "import io",
            "import sys",
            "import zipfile",
            "import zlib",
            "from pathlib import Path",
        ]
        found = sorted({*standard, *imports, *read_imports} - {"import numpy as np"})
        found.sort(key=lambda line: line.startswith("from"))
        names = ", ".join(self.inputs)
        shapes = [f"{name} {shown_shape(shape)}" for name, (shape, _) in self.inputs.items()]
        weights = {n: (a.shape, a.dtype.name) for n, a in self.weights.items()}
        text = TEMPLATE.format(
            title=self.title, stem=self.stem, names=names,
            usage="FILE..." if len(self.inputs) == 1 else " ".join(n.upper() for n in self.inputs),
            takes=" and ".join(shapes), returns=shown_shape(self.output),
            imports="\n".join([*found, "", "import numpy as np"]),
            inputs=literal(dict(self.inputs), "INPUTS = "), weights=literal(weights, "WEIGHTS = "),
            classes=literal(None if self.classes is None else list(self.classes), "CLASSES = "),
            batch=self.batch, functions=functions, main=self.main,
            checks=", ".join(f'checked_input({name}, "{name}")' for name in self.inputs),
            given=", **ARRAYS" if self.weights else "",
            reader=reader, each="one for each" if len(self.inputs) == 1 else "one for each input",
        )  # fmt: skip
        check_names(text)
        return text


def check_names(text: str) -> None:
    """Raise TypeError if a file defines a name twice, as a reader named like another part would."""
    defined = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    twice = sorted({name for name in defined if defined.count(name) > 1})
    if twice:
        raise TypeError(
            f"the file has a function {twice[0]} already; give the reader's another name"
        )


def shown_shape(shape: tuple[int, ...]) -> str:
    """Return a shape with N for the samples."""
    return f"({', '.join(['N', *map(str, shape)])})" if shape else "(N,)"


def literal(value: Any, before: str) -> str:
    """Return a constant as text, over several lines if it is long."""
    text = pprint.pformat(value, width=98 - len(before), sort_dicts=False)
    text = text if '"' in text else text.replace("'", '"')
    return text.replace("\n", "\n" + " " * len(before))


def split_imports(source: str) -> tuple[list[str], str]:
    """Return the lines of a text that import, and the rest."""
    lines = source.splitlines()
    n = next(
        i for i, line in enumerate(lines) if line and not line.startswith(("import ", "from "))
    )
    return [line for line in lines[:n] if line], "\n".join(lines[n:]).strip()


def reader_source(function: Callable[..., Any]) -> tuple[list[str], str]:
    """Return the imports and the text of a function `read(path)` and of those that it calls.

    Raises: TypeError if it has no source text, or uses what is neither NumPy's nor Python's.
    """
    imports: dict[str, None] = {}
    texts: dict[str, str] = {}
    stack = [function]
    while stack:
        f = stack.pop()
        name = "read" if f is function else f.__name__
        if name in texts:
            continue
        texts[name] = source_of(f)
        for key, value in globals_of(f):
            if isinstance(value, types.ModuleType):
                imports[import_line(key, value, function)] = None
            elif isinstance(value, types.FunctionType):
                stack.append(value)
            else:
                texts.setdefault(key, f"{key} = {constant_text(key, value, function)}")
    main = f"def {function.__name__}("
    texts["read"] = texts["read"].replace(main, "def read(", 1)
    ordered = [text for key, text in texts.items() if key != "read"]
    return list(imports), "\n\n\n".join([*reversed(ordered), texts["read"]])


def source_of(function: Callable[..., Any]) -> str:
    """Return the text of a function, without annotations of types.

    Raises: TypeError if it has none, or closes over variables.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        tree = None
    node = tree.body[0] if tree is not None else None
    if not isinstance(node, ast.FunctionDef) or function.__code__.co_freevars:
        raise TypeError(
            f"reader is written into the file, so it must be a function defined by def at the top "
            f"of a file, not {function!r}"
        )
    lines = text.splitlines()[node.body[0].lineno - 1 :]
    node.returns = None
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    return "\n".join([f"def {node.name}({ast.unparse(arguments)}):", *lines])


def globals_of(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield the globals that a function uses, except Python's own."""
    codes = [function.__code__]
    for code in codes:
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        for name in code.co_names:
            if name in function.__globals__:
                yield name, function.__globals__[name]


def import_line(name: str, module: types.ModuleType, function: Callable[..., Any]) -> str:
    """Return the import of a module of Python or NumPy under a name.

    Raises: TypeError for others, which may not be installed where the file runs.
    """
    package = module.__name__.partition(".")[0]
    if package != "numpy" and package not in sys.stdlib_module_names:
        raise TypeError(
            f"reader {function.__name__} uses {module.__name__}, which may not be installed where "
            "the file runs; import it inside the function that needs it"
        )
    return f"import {module.__name__}" + (f" as {name}" if name != module.__name__ else "")


def constant_text(name: str, value: Any, function: Callable[..., Any]) -> str:
    """Return a constant that a reader uses as text.

    Raises: TypeError if it has none.
    """
    try:
        if ast.literal_eval(repr(value)) == value:
            return repr(value)
    except (ValueError, SyntaxError):
        pass
    raise TypeError(
        f"reader {function.__name__} uses {name}, a {type(value).__name__}, which the file cannot "
        "hold; use functions, modules, numbers and texts"
    )
