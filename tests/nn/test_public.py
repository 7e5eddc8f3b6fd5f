"""The public names of nn: each is documented and typed, and has one home."""

import ast
import inspect
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg

ROOT = Path(nn.__file__).parent
MODULES = [nn, nn.augment, nn.datasets, nn.distributed, nn.init, nn.schedules]
# Classes that users subclass or get from public functions, without being public names.
BASES = [nn.losses.Loss, nn.metrics.Accuracy, nn.training.evaluation.Evaluation]
ARRAYS = {"X", "y", "X_val", "y_val", "y_pred", "y_true"}


def public_values():
    """Yield every public class and function, with its name."""
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value
    yield from ((base.__qualname__, base) for base in BASES)


def callables():
    """Yield every public function and method, and the getter of every property, with its name."""
    seen = set()
    for name, value in public_values():
        if inspect.isfunction(value):
            yield name, value
            continue
        for base in inspect.getmro(value):
            if base.__module__.split(".")[0] != "nn":
                continue
            for member, attribute in vars(base).items():
                function = getattr(attribute, "fget", None) or getattr(
                    attribute, "__func__", attribute
                )
                public = not member.startswith("_") or member in ("__init__", "__call__")
                written = inspect.isfunction(function) and function.__module__ == base.__module__
                generated = written and function.__code__.co_filename == "<string>"  # a dataclass's
                if public and written and not generated and function not in seen:
                    seen.add(function)
                    yield f"{base.__name__}.{member}", function


CALLABLES = dict(callables())
CLASSES = {
    base.__name__: base
    for _, value in public_values()
    if inspect.isclass(value)
    for base in inspect.getmro(value)
}


@pytest.mark.parametrize("name", [*dict(public_values()), *CALLABLES])
def test_every_public_name_has_a_docstring_in_plain_english(name):
    doc = (dict(public_values()) | CALLABLES)[name].__doc__
    if name.endswith(".__init__"):
        return  # the class says it
    assert doc, f"{name} has no docstring"
    first = doc.strip().splitlines()[0]
    assert first.split()[0] not in ("What", "Whether", "How"), first


@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_signature_is_hinted(name):
    signature = inspect.signature(CALLABLES[name])
    assert signature.return_annotation is not inspect.Signature.empty, f"{name} has no return type"
    for parameter in list(signature.parameters.values()):
        if parameter.name not in ("self", "cls"):
            assert parameter.annotation is not inspect.Parameter.empty, f"{name}: {parameter}"


@pytest.mark.parametrize("name", CALLABLES)
def test_shapes_are_documented_where_arrays_go_in(name):
    function = CALLABLES[name]
    doc = function.__doc__ or CLASSES[name.partition(".")[0]].__doc__  # of a constructor
    for parameter in inspect.signature(function).parameters.values():
        array = parameter.annotation in (np.ndarray, tg.Tensor) or parameter.name in ARRAYS
        if array and name != "Sequential.forward":  # as its modules
            assert "Shapes:" in doc, f"{name} has no shapes, but takes {parameter}"


def raised_directly(function):
    """Yield the names of the exceptions in the raise statements of a function."""
    tree = ast.parse(inspect.cleandoc(f"\n{inspect.getsource(function)}"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func)


@pytest.mark.parametrize("name", CALLABLES)
def test_what_a_public_function_raises_is_documented(name):
    function = CALLABLES[name]
    doc = function.__doc__ or ""
    if name.endswith(".__init__"):  # its class documents it
        doc = inspect.getdoc(CLASSES[name.removesuffix(".__init__")])
    for error in raised_directly(function):
        if error.isidentifier() and error.endswith("Error"):
            assert error in doc.partition("Raises:")[2], f"{name} does not document {error}"


def test_every_top_level_name_has_one_home():
    homes = defaultdict(list)
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            names = [getattr(node, "name", None)]
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            for name in names:
                if name and name not in ("__all__", "__getattr__"):  # which modules have
                    homes[name].append(file.relative_to(ROOT).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "from nn.datasets import spiral, vertical, sine, fashion_mnist, synthetic_garments",
        "from nn.datasets import FASHION_MNIST_CLASSES, FashionMNIST, SyntheticDataWarning",
        "from nn.datasets import image_folder, read_idx",
        "import nn.datasets; nn.datasets.spiral(10, 2)",
        "from nn.init import book, fans, glorot, he, lecun, orthogonal, Initializer",
        "import nn; nn.datasets.sine(3); nn.init.he",
        "from nn import Dense, Model, datasets, init",
    ],
)
def test_the_documented_imports(statement):
    """In a process of its own, because an import that came before could hide a missing one."""
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT.parent, check=True)


@pytest.mark.parametrize("module", MODULES[1:])
def test_public_modules_hold_what_they_promise(module):
    assert all(hasattr(module, name) for name in module.__all__)


def test_every_name_that_a_message_gives_exists():
    """Advice such as "write nn.Model.load(path)" must name what is there."""
    import ast
    import contextlib
    import importlib.util
    import re
    from pathlib import Path

    scipy = importlib.util.find_spec("scipy")
    if scipy:
        importlib.import_module("tensorgrad.scipy.stats")
        importlib.import_module("tensorgrad.scipy.sensitivity")
    found = set()
    for package in (nn, tg):
        for file in Path(package.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    # Not an accessor, as in array.tg.interp.
                    names = re.findall(
                        r"(?<![\w.])(nn|tg|tensorgrad)((?:\.[a-zA-Z_]\w*)+)", node.value
                    )
                    found.update(names)
    missing = []
    for package, path in sorted(found):
        value = nn if package == "nn" else tg
        with contextlib.suppress(ImportError):  # of a name that needs a library
            for name in path[1:].split("."):
                value = getattr(value, name, None)
        if value is None and package == "tensorgrad":  # a file that is imported where it is used
            value = importlib.util.find_spec(package + path)
        if value is None and (scipy or not path.startswith(".scipy.")):
            missing.append(package + path)
    assert missing == ["tensorgrad.state"]  # the name of a context variable
