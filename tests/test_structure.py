"""The structure of the project, held: who imports whom, what is public, what an import costs."""

import ast
import graphlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import nn
import tensorgrad
from tensorgrad import files, pages

ROOT = Path(tensorgrad.__file__).parent.parent

# Each room sees only itself and those before it; a room is a file or a folder.
ROOMS = {
    "tensorgrad": ["contexts", "operands", "rules", "joint", "ops", "engine", "tensor", "transforms", "debug", "files", "pages", "draw", "program", "scipy", "neighbours", "__init__"],
    "nn": [
        "words", "config", "figures", "archive", "seeding", "bits", "summary", "standalone", "export", "state", "scoped", "module", "interchange", "onnx", "losses", "metrics", "layers", "optim", "data", "training", "dashboard",
        "augment", "datasets", "distributed", "init", "schedules", "estimator_parts", "sklearn", "__init__",
    ],
}  # fmt: skip
# Within a room, each file sees only those before it.
FILES = {
    "tensorgrad/engine": ["node", "backward", "state", "base", "record", "gradients", "views", "walk", "__init__"],
    "tensorgrad/tensor": ["interop", "words", "attributes", "logits", "signatures", "tensor", "operators", "__init__"],
    "tensorgrad/transforms": ["trees", "call", "colouring", "functional", "custom", "__init__"],
    "tensorgrad/program": [
        "sizes", "steps", "names", "arrays", "simplify", "counts", "repetitions", "branches", "traced_rules", "refusals", "recording", "recorder", "guards", "members", "watching", "reached", "outside", "sources", "tracing", "comparison",
        "capture",
        "text", "layout", "constants", "expressions", "source", "copied", "cutting",
        "functions", "writing", "drawing", "onnx", "program", "results", "keys", "comparing", "runner", "compiled", "__init__",
    ],
    "tensorgrad/program/cutting": [
        "facts", "joins", "size_facts", "index_facts", "combined_facts", "array_facts", "builtin_facts", "operator_facts", "syntax", "evaluation", "parts", "comprehensions", "calls", "signatures", "statements", "flow", "effects", "literals", "indexing", "cutting", "inlining", "docstrings", "trimming", "specialised", "__init__",
    ],
    "tensorgrad/program/onnx": [
        "sizes", "formulas", "calls", "graph", "elementwise", "index", "shapes", "networks", "recurrent", "table", "layout", "export", "__init__",
    ],
    "tensorgrad/scipy": [
        "families", "integrals", "zeta", "student", "formulas", "outputs", "bessel", "orthogonal", "lifting", "functions", "tables", "special",
        "linalg", "densities", "stats", "values", "sparse_linalg", "sparse",
        "closures", "implicit", "rates", "sensitivity", "fft", "integrate", "grids", "interpolate", "optimize", "signal", "__init__",
    ],
    "tensorgrad/neighbours": ["einops_backend", "xarray_accessor", "__init__"],
    "tensorgrad/debug": ["frames", "anomaly", "check", "__init__"],
    "nn/onnx": ["functions", "layers", "sequences", "operators", "limits", "network", "reader", "__init__"],
    "nn/layers": [
        "init", "activations", "parts", "dense", "convolution", "pooling", "normalization", "dropout", "shape",
        "container", "embedding", "recurrent", "attention", "__init__",
    ],
    "nn/losses": ["base", "rows", "classification", "regression", "__init__"],
    "nn/metrics": ["base", "accuracy", "classification", "ranking", "regression", "perplexity", "__init__"],
    "nn/optim": ["threads", "flat", "settings", "schedules", "clipping", "groups", "base", "algorithms", "muon", "__init__"],
    "nn/data": ["sequences", "samples", "batches", "streams", "augment", "pictures", "files", "book_pictures", "synthetic", "toys", "datasets", "__init__"],
    "nn/dashboard": ["distributions", "curves", "layers", "samples", "page", "records", "callback", "__init__"],
    "nn/training": [
        "progress", "history", "interruptions", "position", "programs", "train_state", "callback", "resuming", "generators",
        "processes", "messages", "plan", "sharing", "evaluation",
        "steps", "loop", "weighting", "monitor", "averaging", "health", "logs", "finder", "rebuilding",
        "saving", "checkpoint", "advice", "assembly", "model", "generation", "__init__",
    ],
}  # fmt: skip
ROOM_PAIRS = [(package, room) for package, rooms in ROOMS.items() for room in rooms]
FILE_PAIRS = [(folder, name) for folder, names in FILES.items() for name in names]


def sources(package, room):
    folder = ROOT / package / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / package / f"{room}.py"]


def imports(file):
    """Yield every module that a file imports, anywhere in it, with the names that it imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def imported_from(folder, file):
    """Yield the rooms, or files, of a folder that a file imports from."""
    parts = folder.split("/")
    for module, name in imports(file):
        path = [*module.split("."), *([name] if name else [])]
        if path[: len(parts)] == parts and len(path) > len(parts):
            yield path[len(parts)]


def entries(folder):
    """Return the rooms, or files, of a folder."""
    return {
        p.stem
        for p in (ROOT / folder).iterdir()
        if p.suffix == ".py" or (p / "__init__.py").exists()
    }


@pytest.mark.parametrize(("folder", "order"), [*ROOMS.items(), *FILES.items()])
def test_everything_has_its_place(folder, order):
    assert entries(folder) == set(order)


@pytest.mark.parametrize(("package", "room"), ROOM_PAIRS)
def test_rooms_import_what_lies_below(package, room):
    order = ROOMS[package]
    allowed = {*order[: order.index(room)], room}
    for file in sources(package, room):
        found = set(imported_from(package, file)) & set(order)
        assert found <= allowed, f"{file} imports {found - allowed}"


@pytest.mark.parametrize(("folder", "name"), FILE_PAIRS)
def test_files_of_a_room_import_what_lies_below(folder, name):
    order = FILES[folder]
    allowed = set(order[: order.index(name)])
    for file in sources(folder, name):
        found = set(imported_from(folder, file)) & set(order) - {name}
        assert found <= allowed, f"{file} imports {found - allowed}"


def test_the_files_of_drawings_do_not_import_each_other_in_a_circle():
    folder = "tensorgrad/draw"
    graph = {
        name: {n for file in sources(folder, name) for n in imported_from(folder, file)} - {name}
        for name in entries(folder)
    }
    assert len([*graphlib.TopologicalSorter(graph).static_order()]) >= len(graph) > 20


def test_families_of_ops_do_not_import_each_other():
    helpers = [
        "common",
        "repeated",
        "channels",
        "spatial",
        "spectral",
        "recurrence",
    ]  # each sees only those before it
    for file in sources("tensorgrad", "ops"):
        if file.name != "__init__.py":
            assert set(imported_from("tensorgrad", file)) <= {
                "contexts",
                "operands",
                "rules",
                "joint",
                "ops",
            }, file
            allowed = set(helpers[: helpers.index(file.stem)] if file.stem in helpers else helpers)
            assert set(imported_from("tensorgrad/ops", file)) <= allowed, file


def test_backward_knows_no_tensor():
    tree = ast.parse((ROOT / "tensorgrad" / "engine" / "backward.py").read_text())
    assert "Tensor" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_tensorgrad_does_not_import_nn():
    for file in (ROOT / "tensorgrad").rglob("*.py"):
        assert all(module.split(".")[0] != "nn" for module, _ in imports(file)), file


# Drawings and trainings are files and pages alike; the rest of these two rooms is not for users.
PUBLIC = {
    "tensorgrad": tensorgrad.__all__,
    "tensorgrad.files": files.__all__,
    "tensorgrad.pages": pages.__all__,
}


def test_nn_uses_only_public_names_of_tensorgrad():
    for file in (ROOT / "nn").rglob("*.py"):
        for module, name in imports(file):
            if module.split(".")[0] == "tensorgrad":
                assert module in PUBLIC, f"{file} imports {module}"
                assert name is None or name in PUBLIC[module], f"{file} imports {name}"
        tree = ast.parse(file.read_text())
        used = {
            n.attr
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "tg"
        }
        used -= {*tensorgrad.__all__, "__version__"}
        assert not used, f"{file} uses {used}"


@pytest.mark.parametrize("package", [tensorgrad, nn])
def test_every_public_name_is_declared(package):
    assert all(hasattr(package, name) for name in package.__all__)  # and loads those of programs
    public = {
        n for n, v in vars(package).items() if not n.startswith("_") and not inspect.ismodule(v)
    }
    modules = {n for n in package.__all__ if inspect.ismodule(getattr(package, n))}
    assert public | modules == set(package.__all__)


def functions(package):
    """Yield the public functions of a package, and the methods that its public classes define."""
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.isclass(value):
            for member, method in vars(value).items():
                defined = inspect.isfunction(method) and not hasattr(method, "__wrapped__")
                if defined and method.__module__ == value.__module__ and member[0] != "_":
                    yield f"{name}.{member}", method, 1  # self needs no hint
            if inspect.isfunction(vars(value).get("__init__")):
                yield f"{name}.__init__", value.__init__, 1
        elif inspect.isfunction(value):
            yield name, value, 0


@pytest.mark.parametrize("package", [tensorgrad, nn])
def test_every_public_name_has_a_docstring(package):
    for name in package.__all__:
        value = getattr(package, name)
        if not inspect.ismodule(value) and callable(value):
            assert value.__doc__, f"{package.__name__}.{name} has no docstring"


def unhinted(function, skip):
    """List the parameters without a type hint, and `return` if there is none."""
    signature = inspect.signature(function)
    bare = [p.name for p in signature.parameters.values() if p.annotation is p.empty][skip:]
    return bare + ["return"] * (signature.return_annotation is signature.empty)


@pytest.mark.parametrize("package", [tensorgrad, nn])
def test_every_public_function_has_hints(package):
    found = {name: unhinted(f, skip) for name, f, skip in functions(package)}
    assert len(found) > 20
    missing = {name: bare for name, bare in found.items() if bare}
    assert not missing, f"no type hints in {package.__name__}: {missing}"


def test_a_parameter_without_a_hint_is_found():
    def f(a: int, b, *, c=1): ...

    assert unhinted(f, 0) == ["b", "c", "return"]


HEAVY = [
    "IPython",
    "cv2",
    "graphviz",
    "hypothesis",
    "jax",
    "matplotlib",
    "onnx",
    "pooch",
    "safetensors",
    "scipy",
    "threadpoolctl",
    "torch",
    "tqdm",
]


@pytest.mark.parametrize("package", ["tensorgrad", "nn"])
def test_importing_loads_nothing_heavy(package):
    code = f"import sys, {package}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_files_are_of_a_readable_length():
    for folder in ("tensorgrad", "nn"):
        for file in (ROOT / folder).rglob("*.py"):
            lines = len(file.read_text().splitlines())
            assert lines <= 320, (
                f"{file.relative_to(ROOT)} has {lines} lines: do two jobs live there?"
            )


SOURCES = [file for package in ROOMS for file in sorted((ROOT / package).rglob("*.py"))]


def defined(node):
    """Yield the names that a statement at the top of a file defines; imports define none."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            stored = (part for part in ast.walk(target) if isinstance(part, ast.Name))
            yield from (part.id for part in stored if isinstance(part.ctx, ast.Store))


@pytest.fixture(scope="module")
def homes():
    """Map every top-level name of tensorgrad and nn to the files that define it."""
    found = {}
    for file in SOURCES:
        for node in ast.parse(file.read_text()).body:
            for name in defined(node):
                found.setdefault(name, set()).add(file)
    return found


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_top_level_name_has_one_home(file, homes):
    shared = {name: files for name, files in homes.items() if file in files and len(files) > 1}
    for name in (
        "__all__",
        "__getattr__",
        "__dir__",
        "_HOMES",
        "Function",
    ):  # the type of any function, and the layer
        shared.pop(name, None)
    assert not shared, f"a name has one home in tensorgrad and nn, but these have several: {shared}"
