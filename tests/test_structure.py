"""The structure of the project, held: who imports whom, what is public, what an import costs."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import nn
import tensorgrad

ROOT = Path(tensorgrad.__file__).parent.parent

# Each layer sees only itself and those before it; within a layer, what is said in WITHIN.
LAYERS = [
    "rules",
    "ops",
    "graph",
    "state",
    "record",
    "views",
    "exchange",
    "tensor",
    "operators",
    "anomaly",
    "trees",
    "evaluation",
    "functional",
    "joint",
    "draw",
    "check",
]
NN = [
    "config", "summary", "module", "init", "files", "garments", "datasets", "layers", "activations", "losses",
    "metrics", "threads", "arena", "optimizer", "optimizers", "data", "progress", "history", "training",
    "checkpoint", "model", "__init__",
]  # fmt: skip


def sources(package, layer):
    folder = ROOT / package / layer
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / package / f"{layer}.py"]


def imports(file):
    """Every module that a file imports, wherever in it, with the names that it takes from it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def layers_imported(file):
    """The layers of tensorgrad that a file imports."""
    found = set()
    for module, name in imports(file):
        parts = module.split(".")
        if parts[0] == "tensorgrad":
            found.add(parts[1] if len(parts) > 1 else name)
    return found


def test_every_file_of_tensorgrad_has_its_layer():
    files = {
        p.stem if p.is_file() else p.name
        for p in (ROOT / "tensorgrad").iterdir()
        if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert files - {"__init__"} == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_down(layer):
    allowed = {*LAYERS[: LAYERS.index(layer)], layer}
    for file in sources("tensorgrad", layer):
        assert layers_imported(file) <= allowed, f"{file} imports {layers_imported(file) - allowed}"


def test_families_of_ops_do_not_import_each_other():
    for file in sources("tensorgrad", "ops"):
        if file.name != "__init__.py":
            assert layers_imported(file) <= {"rules"}, file


def test_the_graph_knows_no_tensor():
    tree = ast.parse((ROOT / "tensorgrad" / "graph.py").read_text())
    assert "Tensor" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_tensorgrad_does_not_import_nn():
    for file in (ROOT / "tensorgrad").rglob("*.py"):
        assert all(module.split(".")[0] != "nn" for module, _ in imports(file)), file


def test_nn_uses_only_public_names_of_tensorgrad():
    for file in (ROOT / "nn").rglob("*.py"):
        for module, name in imports(file):
            if module.split(".")[0] == "tensorgrad":
                assert module == "tensorgrad", f"{file} imports {module}"
                assert name is None or name in tensorgrad.__all__, f"{file} imports {name}"
        tree = ast.parse(file.read_text())
        used = {
            n.attr
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "tg"
        }
        assert used <= set(tensorgrad.__all__), f"{file} uses {used - set(tensorgrad.__all__)}"


def test_every_file_of_nn_has_its_place():
    assert {p.stem for p in (ROOT / "nn").glob("*.py")} == set(NN)


@pytest.mark.parametrize("name", NN)
def test_nn_points_down(name):
    file = ROOT / "nn" / f"{name}.py"
    found = {(module + "." + part if module == "nn" else module).split(".")[1]
             for module, part in imports(file) if module.split(".")[0] == "nn"}  # fmt: skip
    assert found <= set(NN[: NN.index(name)]), f"{file} imports {found - set(NN[: NN.index(name)])}"


@pytest.mark.parametrize("package", [tensorgrad, nn])
def test_every_public_name_is_declared(package):
    public = {
        n for n, v in vars(package).items() if not n.startswith("_") and not inspect.ismodule(v)
    }
    modules = {n for n in package.__all__ if inspect.ismodule(getattr(package, n))}
    assert public | modules == set(package.__all__)


@pytest.mark.parametrize("package", [tensorgrad, nn])
def test_every_public_function_has_a_docstring_and_hints(package):
    for name in package.__all__:
        value = getattr(package, name)
        if not inspect.ismodule(value) and callable(value):
            assert value.__doc__, f"{package.__name__}.{name} has no docstring"


HEAVY = [
    "IPython",
    "cv2",
    "graphviz",
    "hypothesis",
    "jax",
    "matplotlib",
    "pooch",
    "safetensors",
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
