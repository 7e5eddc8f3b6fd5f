"""Copied functions cut to what a program needs: they do the same, with nothing that is decided."""

import ast
import functools
import itertools
import shutil
import subprocess
from typing import NamedTuple

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.program.constants import Constants
from tensorgrad.program.cutting.facts import ANY, Arr, Integer, Known
from tensorgrad.program.cutting.specialised import CopiedCall, specialised
from tensorgrad.program.functions import Functions
from tensorgrad.program.layout import laid_out
from tensorgrad.program.source import LocalNames
from tests.program.test_compile import drawn, same
from tests.program.test_sizes import run_text

pytestmark = pytest.mark.usefixtures("functions_of_tests_are_cut")

LENGTH = Integer(("length", 0), 1)


def fact(x, free=False):
    """Return what is known of an argument: of arrays all but the numbers and the first axis."""
    if isinstance(x, np.ndarray):
        return Arr(x.dtype, (LENGTH, *x.shape[1:]) if free and x.ndim else x.shape)
    return ANY if isinstance(x, (list, dict)) else Known(x)


def cut(*calls, free=True):
    """Return the text of functions, cut for these calls, and a function that makes such a call."""
    functions = Functions(Constants({}), LocalNames())
    functions.preparing = True
    names = [functions.with_source(f, "") for f, *_ in calls]
    asked = [
        CopiedCall(name, [fact(x, free) for x in args], {})
        for name, (_, *args) in zip(names, calls, strict=True)
    ]
    short = specialised(functions.definitions, functions.outside, asked)
    texts = [laid_out(ast.unparse(ast.fix_missing_locations(x))) for x in short.nodes.values()]
    source = "\n\n\n".join(texts)
    space = dict(functions.outside)
    exec(source, space)

    def call(name, *args):
        args, _ = short.kept(name, args, {})
        return space[name](*args)

    return source, call


def outcome(f, *args):
    """Return what a call returns or raises, and what it leaves in its arguments."""
    args = [x.copy() if isinstance(x, (np.ndarray, list, dict)) else x for x in args]
    try:
        found = f(*args)
        found = list(found) if hasattr(found, "__next__") else found
    except Exception as error:
        found = (type(error), str(error))
    return found, args


def agree(a, b):
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(agree, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


# What is decided


def checked(x, size, mode="sum"):
    """Return a sum. It is of `size` parts.

    The size is `size`. The way is `mode`.
    Raises: ValueError if x has no axes.
    """
    check(x, size)
    if mode not in ("sum", "mean"):
        raise ValueError(f"{mode} is no mode")
    n = len(size) if isinstance(size, tuple) else 1
    scale = 2 if x.dtype.kind == "f" and x.ndim == 2 else 3
    rows = x[:, :1] if mode == "sum" else x
    return np.add.reduce(rows, axis=0) * scale * n


def check(x, size):
    """Raise ValueError if something is wrong."""
    if x.ndim < 1 or not size:
        raise ValueError(f"{x.shape} does not fit {size}")


def test_settings_dtypes_and_shapes_decide():
    source, call = cut((checked, np.ones((3, 2)), (2, 4)))
    assert source == (
        'def checked(x):\n    """Return a sum."""\n    rows = x[:, :1]\n'
        "    return np.add.reduce(rows, axis=0) * 2 * 2"
    )
    for n in (1, 3, 8):
        x = drawn(n, 2, dtype=float)
        assert agree(call("checked", x, (2, 4)), checked(x, (2, 4)))


def test_what_two_calls_give_differently_is_a_parameter():
    x = np.ones((3, 2))
    source, call = cut((checked, x, (2, 4), "sum"), (checked, x, (2, 4), "mean"))
    assert 'def checked(x, mode="sum"):' in source
    assert '    rows = x[:, :1] if mode == "sum" else x\n' in source
    assert "isinstance" not in source
    for mode in ("sum", "mean"):
        assert agree(call("checked", x, (2, 4), mode), checked(x, (2, 4), mode))


class Pair(NamedTuple):
    """Two sizes."""

    first: int
    second: int

    def total(self):
        return self.first + self.second


def unpacked(x, n):
    *_first, C, outputs = x.shape
    *_some, last = (n, C)
    for i, (a, _b) in enumerate([(n, 1), (2, n)]):
        x = x + a * i
    return x * outputs + last


def with_pair(x, n):
    pair = Pair(n, n + 1)
    other = pair._replace(second=5)
    return x * pair.total() + other.second


def with_helpers(x, sizes):
    parts = [square(n) for n in sizes]
    everything = slice(None)
    total = x[everything, 0] * sum(parts)
    _, used = both(total)
    return used[:, None] + np.asarray(x)


def square(n):
    return n * n


def both(x):
    """Return two things."""
    return np.sort(x), x + 1


def test_helpers_with_one_result_and_what_nobody_reads_are_gone():
    source, _ = cut((with_helpers, np.ones((3, 2)), (1, 2)))
    assert source == (
        "def with_helpers(x):\n    total = x[:, 0] * 5\n    used = total + 1\n    return used[:, None] + x"
    )
    source, _ = cut((with_pair, np.ones(3), 4))
    assert source == "def with_pair(x):\n    return x * 9 + 5"


def in_blocks(x, size):
    """Yield blocks."""
    some = max(size // max(x[:1].nbytes, 1), 1)
    yield from ((slice(i, i + some), size) for i in range(0, len(x), some))


def by_blocks(x, size):
    out = np.empty_like(x)
    for block, _ in in_blocks(x, size):
        out[block] = x[block] * 2
    return out


def test_generators_yield_what_is_read():
    source, call = cut((by_blocks, np.ones((3, 2)), 64))
    assert "yield from (slice(i, i + 4) for i in range(0, len(x), 4))" in source
    assert "for block in in_blocks(x)" in source
    for n in (1, 5, 9):
        assert agree(
            call("by_blocks", drawn(n, 2, dtype=float), 64), by_blocks(drawn(n, 2, dtype=float), 64)
        )


# What values decide, or nobody can follow, stays as it is


def by_value(x, n):
    if x[0] > 0:
        n = n + 1
    return x * n if n > 2 else x


def grown(x, n):
    found = [n]
    other = found
    other.append(2)
    return x * len(found) + (10 if len(found) == 1 else 20)


def in_dict(x, n):
    found = [n]
    kept = {"a": found}
    kept["a"].append(5)
    return x + sum(found)


def add_to(items):
    items.append(7)


def changed_elsewhere(x, n):
    found = [n, n]
    add_to(found)
    return x * (len(found) if len(found) > 2 else -1)


def changed_in_a_tuple(x, n):
    found = [n]
    pair = (found, x)
    for items, _ in [pair]:
        items += [1, 2]
    return x * len(found)


def with_default(x, seen=[]):  # noqa: B006
    seen.append(1)
    return x * len(seen)


def counts_up(x, n):
    total, kind = 0, "first"
    for i in range(len(x)):
        total += n
        if i > 2:
            kind = "later"
        if total > 7:
            break
    else:
        kind = "all"
    return total, kind


def while_loop(x, n):
    k = n
    while k < 10:
        k = k * 2 if k % 3 else k + 1
        if k == 8:
            continue
        n = k
    return x + n, k


def tries(x, n):
    k = n
    try:
        k = 5
        y = np.linalg.inv(x)
        k = 6
    except np.linalg.LinAlgError:
        return x, k
    finally:
        n = n + 1
    return y, k, n


def writes(x, out):
    out[...] = x * 2


def calls_writer(x, n):
    out = np.zeros_like(x)
    writes(x, out)
    return out + n


def writes_into_argument(x, n):
    y = x
    y += n


def twice_written(x, n):
    writes_into_argument(x, n)
    return x


def shadowed(x, len):
    return x * len if len > 1 else x


def recursive(x, n):
    return x if n == 0 else recursive(x * 2, n - 1)


def inside(x, n):
    k = n

    def add(y):
        nonlocal k
        k = k + 1
        return y + k

    return add(x) * (1 if k == n else 2)


def with_lambda(x, n):
    f = lambda y, m=n: square(m) + y
    return f(x)


def walrus(x, n):
    if (m := n + 1) > 3:
        return x * m
    return x - m


def short_circuit(x, n):
    limits = None if n > 1 else (1, 2)
    if limits is None or len(limits) == 0:
        return x
    return x * limits[0] if n and x.any() else x - 1


def starred(x, n):
    first, *rest = (n, 2, 3)
    rest.append(4)
    return x * sum([first, *rest]) + max(*rest)


def passes_a_function(x, n):
    return functools.reduce(np.add, map(double, [x, x])) + sum(itertools.accumulate([n, n]))


def double(x):
    return x * 2


def dtype_in_a_loop(x, n):
    y = x
    for _ in range(n):
        y = y.astype(complex) if y.dtype.kind == "f" else y * 2
    return y


def needs_positive(x, n):
    if np.any(x < 0):
        raise ValueError(f"{x.min()} is negative, of {n}")


def checks_values(x, n):
    needs_positive(x, n)
    return x


def length_is_free(x, n):
    if len(x) == n:
        return x * 2
    return x if x.size else x + 1


def in_a_set(x, n):
    seen = {n}
    seen.add(3)
    return x * len(seen) + (seen == {n})


def compares(x, n):
    return x * (1 < n < 3) + (n in (1, 2)) - (not n)


def behind_a_star(x, n):
    rows = x.tolist()
    total = 0
    for column in zip(*rows, strict=True):
        total += sum(column)
    ends = [n, len(rows) + n][: len(rows)]
    return x * total + len(range(*ends)) + int(*rows[0][:1])


def of_either_dtype(x, n):
    kind = "f4" if x.any() else "f8"
    y = np.ones(3, float) if n > 1 and x.all() else np.ones(3, kind)
    if y.dtype == float:
        return y.astype(float, copy=False)
    z = np.ones(3, kind) if n == 1 else y
    return z.astype(float, copy=False) * (2 if z.dtype.itemsize == 8 else 3)


def runs_later(x, n):
    k = n
    parts = (i * k for i in (1, 2))
    k = k + 3
    return x * sum(parts) if n > 1 else x * k


def deletes(x, n):
    items = [n, n, n]
    del items[0]
    return x * len(items)


SOUND = [
    by_value, grown, in_dict, changed_elsewhere, changed_in_a_tuple, counts_up, while_loop, tries,
    calls_writer, twice_written, shadowed, recursive, inside, with_lambda, walrus, short_circuit,
    starred, passes_a_function, dtype_in_a_loop, checks_values, length_is_free, in_a_set, compares,
    deletes, unpacked, behind_a_star, runs_later, of_either_dtype, with_helpers, with_pair, by_blocks,
]  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("function", SOUND, ids=lambda f: f.__name__)
def test_a_cut_function_does_the_same(function, n):
    given = (n, 3) if function is with_helpers else n
    _, call = cut((function, np.ones((3, 3)), given))
    for rows in (3, 1, 4):
        for x in (np.ones((rows, 3)), drawn(rows, 3, dtype=float), -np.eye(rows, 3)):
            x = x[:, :1] if function is by_value else x  # whose decision is about one number
            want = outcome(function, x, given)
            assert agree(want, outcome(lambda *a: call(function.__name__, *a), x, given))


def test_a_default_that_changes_is_followed():
    source, call = cut((with_default, np.ones(2)))
    assert "seen.append(1)" in source
    assert [call("with_default", 1.0) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_calls_with_effects_stay_and_those_without_go():
    source, _ = cut((calls_writer, np.ones(3), 2))
    assert "writes(x, out)" in source
    source, _ = cut((checks_values, np.ones(3), 2))
    assert "needs_positive(x)" in source
    assert "raise ValueError" in source
    source, _ = cut((checked, np.ones((3, 2)), (2, 4)))
    assert "check(" not in source


# Programs


def convolutions(*settings):
    """Return a step of a network with these convolutions."""
    nn.manual_seed(0)
    layers = [nn.Conv2D(a, b, k, **kwargs) for a, b, k, kwargs in settings]
    net = nn.Sequential(*layers, nn.MaxPool2D(2), nn.Flatten())

    def step(x):
        loss = np.sum(net(x) ** 2)
        loss.backward()
        return loss

    return step


def network():
    """Return a step of the smallest network for images, and its arguments."""
    nn.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2D(1, 8, 3, padding=1), nn.BatchNorm(8), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(),
        nn.Dense(8 * 14 * 14, 10), nn.Softmax(),
    )  # fmt: skip
    loss_of = nn.CategoricalCrossentropy()

    def step(x, y):
        loss = loss_of(net(x), y)
        loss.backward()
        return loss

    return step, (drawn(16, 28, 28, 1), np.arange(16) % 10)


def test_a_network_for_images_has_what_it_needs():
    step, args = network()
    program = tg.compile(step).program(*args)
    assert program._text.is_cut
    assert len(program.source.splitlines()) <= 420
    for word in ("isinstance", "check_axes", "ndim", " is None", "groups=", "dilation=", "Raises:"):
        assert word not in program.source
    for line in [
        "def conv(x, W, b):",
        "    out = np.empty((len(x), 28, 28, 8), x.dtype)",
        "    conv_2 = conv(x, weights, biases)",
        "    max_pool_2 = max_pool(relu)",
        "    d_weights = conv_weights(x, d_conv_2)",
    ]:
        assert line in program.source.splitlines()


def test_two_convolutions_with_other_settings_share_one_text():
    step = convolutions(
        (2, 3, 3, {"padding": 1}),
        (3, 4, 5, {"stride": 2}),
    )
    x = drawn(4, 12, 12, 2)
    program = tg.compile(step).program(x)
    assert program._text.is_cut
    assert program.source.count("\ndef conv(") == 1
    given = [source.read() for source in program._text.read]
    longer = np.concatenate([x, -x[:3]])
    loss, gradients = run_text(program, longer, *given)
    assert same(np.asarray(loss), np.asarray(step(longer).data))
    assert len(gradients) == 4


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_saved_text_passes_ruff_and_runs_alone(tmp_path):
    step, args = network()
    program = tg.compile(step).program(*args)
    program.save(tmp_path / "step.py")
    for command in (["check"], ["format", "--check", "--line-length", "100"]):
        done = subprocess.run(
            ["ruff", *command, "--isolated", "step.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
    given = [source.read() for source in program._text.read]
    for n in (16, 5, 33):
        x, y = drawn(n, 28, 28, 1), np.arange(n) % 10
        assert np.asarray(run_text(program, x, y, *given)[0]).tobytes() == step(x, y).data.tobytes()


# Where it fails


def normalized():
    """Return a layer whose rule is copied, and its input."""
    return nn.LayerNorm(4), drawn(5, 4)


def test_functions_are_copied_whole_where_cutting_fails(monkeypatch):
    def fails(*_args):
        raise RecursionError

    monkeypatch.setattr("tensorgrad.program.functions.specialised", fails)
    layer, x = normalized()
    compiled = tg.compile(layer)
    program = compiled.program(x)
    assert not program._text.is_cut
    assert "check_features" in program.source
    assert same(compiled(x).data, layer(x).data)


@pytest.mark.parametrize("wrong", ["np.float32(2)", "undefined", "1 +"])
def test_a_wrong_cut_is_noticed(monkeypatch, wrong):
    def cut_wrongly(*args):
        found = specialised(*args)
        text = ast.unparse(found.nodes["layer_normalized"])
        changed = text.replace("np.float32(1e-05)", wrong if wrong != "1 +" else "np.float32(1)")
        node = ast.parse(changed).body[0]
        if wrong == "1 +":  # which is no Python
            node.body.append(ast.Return(ast.Name("not a name", ast.Load())))
        found.nodes["layer_normalized"] = node
        return found

    monkeypatch.setattr("tensorgrad.program.functions.specialised", cut_wrongly)
    layer, x = normalized()
    compiled = tg.compile(layer)
    assert not compiled.program(x)._text.is_cut
    assert same(compiled(x).data, layer(x).data)
