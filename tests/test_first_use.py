"""Modules that `import tensorgrad` loads; all else comes whole at its first use, here in processes."""

import ast
import atexit
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import nn
import tensorgrad
from tensorgrad.ops import FIRST, REST
from tests.test_structure import ROOT

OPS = ROOT / "tensorgrad" / "ops"
# Loaded by every program. A new one costs all of them time: can it be loaded at its first use?
LOADED = {
    *("contexts", "draw", "neighbours", "operands", "rules", "scipy", "engine", "ops", "tensor"),
    *(
        f"engine.{file}"
        for file in ("backward", "base", "gradients", "node", "record", "state", "views", "walk")
    ),
    *(
        f"ops.{file}"
        for file in (
            "common",
            "complex_numbers",
            "elementwise",
            "index",
            "linear",
            "neural",
            "others",
        )
    ),
    *("ops.reduce", "ops.shape", "ops.writes"),
    *(
        f"tensor.{file}"
        for file in (
            "attributes",
            "interop",
            "logits",
            "operators",
            "signatures",
            "tensor",
            "words",
        )
    ),
}


# Some environments disable bytecode files, so that every process would compile everything.
BYTECODE = tempfile.mkdtemp()
atexit.register(shutil.rmtree, BYTECODE, ignore_errors=True)
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPYCACHEPREFIX"] = BYTECODE


def run(code):
    """Run code in a new process, and return what it prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_loads_these_files_alone():
    code = "import numpy, sys; before = {*sys.modules}; import tensorgrad; print(*{*sys.modules} - before)"
    loaded = run(code).split()
    ours = {name.removeprefix("tensorgrad.") for name in loaded if "tensorgrad." in name}
    assert ours == LOADED
    assert not {"numpy.fft", "numpy.random"} & {*loaded}  # which take as long as many files of ours


def lazy_imports(package):
    """Return what type checkers are told of the names that are loaded later."""
    tree = ast.parse(Path(package.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.name: node.module for node in block.body for alias in node.names}


@pytest.mark.parametrize("package", [tensorgrad, nn])
def test_type_checkers_and_the_first_use_find_the_same(package):
    assert lazy_imports(package) == package._HOMES
    assert package._HOMES.keys() < set(package.__all__)


def test_nn_loads_no_page_and_no_formats_of_others():
    code = "import sys, nn; print([n for n in sys.modules if n in ('nn.dashboard', 'nn.onnx.network', 'html', 'numpy.fft')])"
    assert run(code) == "[]"
    names = "from nn import *; import nn; print(Dashboard.__name__, to_torch.__name__, {*nn.__all__} <= {*dir(nn)})"
    assert run(names) == "Dashboard to_torch True"


def test_names_that_are_loaded_later_are_names_like_others():
    code = (
        "import sys, tensorgrad as tg; assert {*tg.__all__} <= {*dir(tg)}; first = tg.grad;"
        "assert 'grad' in vars(tg) and tg.grad is first; from tensorgrad import *; assert grad is first and lstm;"
        "import tensorgrad.ops.lstm; assert tensorgrad.ops.lstm.lstm is lstm;"
        "print(sum(n.startswith('tensorgrad.ops') for n in sys.modules))"
    )
    assert int(run(code)) < len([*OPS.glob("*.py")])  # the rest of NumPy's functions was not called


@pytest.mark.parametrize("name", ["KinkWarning", "grad", "attention", "Tensor"])
def test_what_is_loaded_later_is_pickled_by_its_name(name):
    text = pickle.dumps(getattr(tensorgrad, name))
    assert run(f"import pickle; print(pickle.loads({text!r}).__name__)") == name


def test_every_family_of_functions_is_loaded_at_some_time():
    public = {
        home.removeprefix("tensorgrad.ops.")
        for home in lazy_imports(tensorgrad).values()
        if ".ops." in home
    }
    helpers = {"__init__", "common", "repeated", "channels", "spatial", "spectral", "recurrence"}
    later = {*REST.split(), "fourier"}
    assert {file.stem for file in OPS.glob("*.py")} == {
        *FIRST.split(),
        "neural",
        *later,
        *public,
        *helpers,
    }


# One function of each table that is loaded later, in each way in which it can be called.
CALLS = {
    "apply": "np.apply_along_axis(np.sum, 0, x)",
    "arrange": "np.tril(x)",
    "arrange, a method": "x.trace()",
    "calculus": "np.diff(x)",
    "cumulative": "x.cumsum()",
    "cumulative, a method of a ufunc": "np.add.accumulate(x)",
    "decompositions": "np.linalg.svd(x)[1]",
    "fourier": "np.fft.fft(x).real",
    "linalg": "np.linalg.inv(x)",
    "linalg, no gradient": "np.linalg.matrix_rank(x) * x",
    "methods": "np.multiply.outer(x, x)",
    "methods, keywords": "np.exp(x, where=np.array([True, False]))",
    "norms": "np.linalg.norm(x)",
    "polynomials": "np.polyval(x[0], 2.0)",
    "qr": "np.linalg.qr(x).R",
    "quantiles": "np.median(x)",
    "sets": "np.unique(x)",
    "special": "np.sinc(x)",
    "statistics": "np.nansum(x)",
    "windows": "np.lib.stride_tricks.sliding_window_view(x, 2, 0)",
}


def test_every_table_that_is_loaded_later_is_called():
    assert {name.partition(",")[0] for name in CALLS} == {*REST.split(), "fourier"}


SUMS = """
import numpy as np, tensorgrad as tg
from tensorgrad.rules import LATER
def gradient(call):
    x = tg.Tensor([[3.0, 1.0], [0.5, 2.0]], requires_grad=True)
    np.sum(eval(call)).backward()
    return x.grad.tolist()
"""


@pytest.fixture(scope="module")
def gradients():
    """Return the gradients of all calls, with every table loaded before."""
    names = {}
    exec(SUMS, names)
    return {call: names["gradient"](call) for call in CALLS.values()}


def test_first_calls_are_right(gradients):
    """Each call is the first of its process, which is forked when nothing is loaded yet."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    code = SUMS + (
        "import os, sys\n"
        f"for call, right in {gradients!r}.items():\n"
        "    assert LATER\n"
        "    if not os.fork():\n"
        "        assert gradient(call) == right, call\n"
        "        constant = eval(call, {**globals(), 'x': tg.Tensor([[3.0, 1.0], [0.5, 2.0]])})\n"
        "        os._exit(not isinstance(constant, tg.Tensor))\n"
        "    assert os.wait()[1] == 0, call\n"
    )
    run(code)


def test_the_first_call_may_be_in_a_trace():
    code = SUMS + (
        "f = tg.value_and_grad(lambda x: np.sum(np.linalg.norm(np.diff(x, axis=1), axis=1)))\n"
        "x = np.array([[3.0, 1.0, 7.0], [0.5, 2.0, 4.0]])\n"
        "compiled = tg.compile(f)\n"
        "first = compiled(x)\n"
        "print(all(map(np.array_equal, first, f(x))), all(map(np.array_equal, compiled(x), f(x))))"
    )
    assert run(code) == "True True"


def test_a_file_of_onnx_opens_composites_that_are_loaded_later(tmp_path):
    pytest.importorskip("onnx")
    code = SUMS + (
        "f = lambda x: np.linalg.norm(np.diff(x, axis=1), axis=1)\n"
        f"tg.compile(f).program(np.ones((2, 3), np.float32)).save({str(tmp_path / 'f.onnx')!r})"
    )
    run(code)
    assert (tmp_path / "f.onnx").stat().st_size > 100


def test_unknown_functions_are_refused_as_ever():
    code = SUMS + (
        "x = tg.Tensor([1.0], requires_grad=True)\n"
        "for f in (tg.primitive(lambda a: a), np.power.reduce):\n"
        "    try: f(x)\n"
        "    except TypeError as error: print(error)\n"
    )
    first, second = run(code).splitlines()
    assert "has no gradient rule; declare one with tensorgrad.rule" in first
    assert "power.reduce of tensors that require a gradient" in second


def test_a_rule_of_ones_own_counts_although_the_table_is_loaded_later():
    code = SUMS + (
        "tg.rule(np.linalg.inv, lambda g, _out, _a: 7 * g)\n"
        "tg.rule_all(np.cumsum, lambda g, _out, _a, axis=None: (5 * g,))\n"
        "tg.composite(np.diff)(lambda a: 3 * a)\n"
        "x = tg.Tensor([[3.0, 1.0], [0.5, 2.0]], requires_grad=True)\n"
        "np.linalg.svd(x)\n"
        "print(*(gradient(call)[0][0] for call in ('np.linalg.inv(x)', 'np.cumsum(x, axis=0)', 'np.diff(x)')))"
    )
    assert run(code) == "7.0 5.0 3.0"


def test_threads_that_make_the_first_call_at_once(gradients):
    code = SUMS + (
        "import sys, threading\n"
        "sys.setswitchinterval(1e-6)\n"
        f"calls = {gradients!r}\n"
        "barrier, wrong = threading.Barrier(len(calls)), []\n"
        "def first(call, right):\n"
        "    barrier.wait()\n"
        "    try:\n"
        "        if gradient(call) != right or not tg.lstm or not tg.hessian: wrong.append(call)\n"
        "    except BaseException as error: wrong.append((call, error))\n"
        "threads = [threading.Thread(target=first, args=item) for item in calls.items()]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(wrong)\n"
    )
    assert run(code) == "[]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("used", ["np.linalg.svd(x)[1]", "tg.lstm"])
def test_ctrl_c_in_the_middle_of_a_first_use_leaves_nothing_half_loaded(used, gradients):
    """An interruption at one line after another, in a process forked for each, and then all calls."""
    code = SUMS + f"calls, used = {gradients!r}, {used!r}\n" + INTERRUPTIONS
    assert int(run(code)) > 20


INTERRUPTIONS = """
import os, sys
right = calls.get(used)
class Lines:
    def __init__(self, last): self.left = self.last = last
    def __call__(self, frame, event, arg):
        if event == "line":
            self.left -= 1
            if self.left == 0: raise KeyboardInterrupt
        return self
def use():
    x = tg.Tensor([[3.0, 1.0], [0.5, 2.0]], requires_grad=True)
    return eval(used, globals(), {"x": x})
def interrupted(last):
    sys.settrace(Lines(last))
    try: use()
    except KeyboardInterrupt: return True
    finally: sys.settrace(None)
    return False
count, last = 0, 1
while True:
    if not (child := os.fork()):
        ended = not interrupted(last)
        for call, right in calls.items(): assert gradient(call) == right, (last, call)
        use()
        os._exit(77 if ended else 0)
    status = os.waitstatus_to_exitcode(os.wait()[1])
    assert status in (0, 77), last
    if status: break
    count, last = count + 1, last + 1 + last // 12
print(count)
"""

REGISTERING = {
    "rule",
    "rule_each",
    "composite",
    "nondifferentiable",
    "unsupported",
    "valued_by_numpy",
    "like_numpy",
}


def names_in(node):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def rows_above_what_they_use(text):
    """Yield the line of each registration, and a name that it reaches and that is defined below it."""
    body = ast.parse(text).body
    defined, uses = {}, {}
    for node in body:
        stored = {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        for name in [node.name] if named else stored if isinstance(node, ast.Assign) else []:
            defined[name], uses[name] = node.end_lineno, names_in(node)
    for node in body:
        heads = getattr(
            node, "decorator_list", [node] if isinstance(node, (ast.Expr, ast.For, ast.If)) else []
        )
        if not any(names_in(head) & REGISTERING for head in heads):
            continue
        seen, todo = set(), names_in(node)
        while todo:
            seen |= todo
            todo = set().union(*(uses.get(name, ()) for name in todo)) - seen
        yield from ((node.lineno, name) for name in seen if defined.get(name, 0) > node.end_lineno)


TABLES = [
    *(f"ops/{family}" for family in (*REST.split(), "fourier")),
    "scipy/tables",
    "scipy/sparse",
]


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_a_table_that_is_loaded_later_stand_below_what_they_use(table):
    text = Path(ROOT / "tensorgrad" / f"{table}.py").read_text()
    assert any(name in text for name in REGISTERING)
    assert not [*rows_above_what_they_use(text)]


def test_a_row_above_what_it_uses_is_found():
    text = "@composite(np.f)\ndef _f(x):\n    return g(x)\ndef g(x):\n    return h(x)\ndef h(x):\n    return x\n"
    assert {*rows_above_what_they_use(text)} == {(2, "g"), (2, "h")}
    assert not [*rows_above_what_they_use(text.partition("def g")[0])]
