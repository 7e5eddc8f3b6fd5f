"""Compiled functions: the same bits as eager ones, and what comes back."""

import collections
import copy
import os
import subprocess
import sys
import threading
import traceback
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.program.results import same_bits


def drawn(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def loss(x, y, W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    return tg.softmax_cross_entropy(h @ W2 + b2, y)


LABELS = np.random.default_rng(1).integers(0, 10, 32)
NETWORK = (drawn(32, 64), LABELS, drawn(64, 64), drawn(64), drawn(64, 10), drawn(10))


def same(a, b):
    """Return True if two results have the same structure, types, dtypes and bits."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, tg.Tensor):
        return isinstance(b, tg.Tensor) and same(a.data, b.data)
    if isinstance(a, (np.ndarray, np.generic)):
        alike = type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
        return alike and a.tobytes() == b.tobytes()
    return a is b or a == b


def assert_same(f, *calls, **options):
    """Compare a function with the program that it becomes, on arguments of one shape."""
    compiled = tg.compile(f, **options)
    for args in calls:
        assert same(f(*args), compiled(*args))
    return compiled.program(*calls[0])


def test_two_layers_have_the_same_bits():
    others = tuple(drawn(*x.shape, seed=5) if x.dtype.kind == "f" else x[::-1] for x in NETWORK)
    assert_same(tg.value_and_grad(loss, (2, 3, 4, 5)), NETWORK, others)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.where(x > 0, x, 0.1 * x) ** 2),
        lambda x: np.sum(np.sort(x) * np.arange(6.0)),
        lambda x: np.sum(x[np.argsort(x)][:3] ** 2),
        lambda x: np.mean(np.abs(x - np.mean(x))),
        lambda x: np.sum(np.maximum(x, 0.0) * x[::-1]),
        lambda x: np.linalg.norm(x) * np.max(x),
    ],
)
@pytest.mark.parametrize("transform", [tg.value_and_grad, tg.grad])
def test_what_depends_on_values_is_computed_at_each_call(f, transform):
    assert_same(transform(f), *[(drawn(6, dtype=float, seed=i),) for i in range(4)])


def test_a_gradient_that_is_constant_at_first():
    def f(x):
        y = x * 1.0
        return y * y + (y + y)  # the sum comes first in backward, and its contributions are known

    assert_same(tg.jacobian(f), (np.arange(3.0),))


def test_a_jacobian_a_hessian_and_a_product_with_one():
    def f(x):
        return np.tanh(x[:3] * x[3:])

    x, v = drawn(6, dtype=float), drawn(6, dtype=float, seed=1)
    assert_same(tg.jacobian(f), (x,), (v,))
    assert_same(tg.hessian(lambda x: np.sum(f(x))), (x,), (v,))
    assert_same(lambda x, v: tg.hvp(lambda x: np.sum(f(x)), x, v), (x, v), (v, x))


def test_writes_through_views():
    def f(x):
        y = x * 1
        y.T[0] += 1
        z = y.reshape(-1)
        z *= 2
        z[1:3] = y[0] * 3
        return np.sum(y * y)

    assert_same(
        tg.value_and_grad(f), (drawn(3, 2, dtype=float),), (drawn(3, 2, seed=2, dtype=float),)
    )


def test_containers_and_keywords():
    def f(p, *, scale):
        return np.sum(np.tanh(p["W"] @ p["b"][0]) * scale)

    p = {"W": drawn(3, 4, dtype=float), "b": [drawn(4, dtype=float)]}
    g = tg.value_and_grad(f)
    assert same(tg.compile(g)(p, scale=2.0), g(p, scale=2.0))
    assert same(tg.compile(g)(p, scale=3.0), g(p, scale=3.0))


def test_tensors_come_back_for_tensors():
    f = tg.compile(lambda t: np.sin(t) * 2)
    out = f(tg.Tensor([1.0, 2.0]))
    assert isinstance(out, tg.Tensor)
    assert not out.requires_grad
    assert isinstance(f(np.array([1.0, 2.0])), np.ndarray)


def test_a_step_function_adds_to_grad():
    W = tg.Tensor(drawn(64, 10), requires_grad=True, name="W")

    def step(x, y):
        loss = tg.softmax_cross_entropy(x @ W, y)
        loss.backward()
        return loss

    found = []
    for f in (step, tg.compile(step)):
        W.grad = None
        for x in (NETWORK[0], NETWORK[0] * 2):
            value = f(x, LABELS)
        found.append((value.data, W.grad.data))
    assert same(*found)


def test_parameters_are_read_at_each_call():
    W = tg.Tensor(drawn(4, dtype=float), requires_grad=True)
    f = tg.compile(lambda x: np.sum(x * W))
    x = drawn(4, dtype=float, seed=2)
    f(x)
    W.data *= 3
    assert f(x).item() == np.sum(x * W.data)


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.backward(),
        lambda t: t * 2,
        lambda t: 2 - t,
        lambda t: tg.Tensor(1.0) * t,
        lambda t: np.ones(2) * t,
        lambda t: -t,
        lambda t: np.sin(t),
        lambda t: tg.softmax(t),
        lambda t: np.stack([t, t]),
        lambda t: tg.Tensor(np.zeros(2)).__setitem__(0, t),
        lambda t: tg.grad(lambda w: w * t)(2.0),
        lambda t: tg.compile(lambda x: x * t)(np.ones(2)),
        lambda t: tg.draw(t),
    ],
)
def test_a_result_of_parameters_has_no_graph_and_says_so_at_its_use(use):
    W = tg.Tensor(drawn(4, dtype=float), requires_grad=True)
    t = tg.compile(lambda x: np.sum(x * W))(np.ones(4))
    with pytest.raises(RuntimeError, match=r"compile the gradient, as tg.compile\(tg.value_and"):
        use(t)


def test_the_values_of_a_result_without_a_graph_can_be_used():
    W = tg.Tensor(drawn(4, dtype=float), requires_grad=True)
    t = tg.compile(lambda x: np.sum(x * W))(np.ones(4))
    assert t.requires_grad
    assert t.item() == t.data == np.sum(W.data)
    assert f"{t:.3f}" == f"{t.item():.3f}"
    assert repr(t).endswith("dtype=float64, without a graph)")
    assert (t < 3) == (t.item() < 3)
    assert (t.detach() * 2).item() == 2 * t.item()
    with tg.no_grad():
        assert (t * 2).item() == 2 * t.item()


def test_a_result_whose_graph_backward_has_freed_is_a_constant():
    W = tg.Tensor(drawn(4, dtype=float), requires_grad=True)

    @tg.compile
    def step(x):
        loss = np.sum(x * W)
        loss.backward()
        return loss

    total = step(np.ones(4)) + step(np.ones(4))
    assert total.item() == 2 * np.sum(W.data)


def test_recorded_arguments_run_eagerly():
    f = tg.compile(lambda x: np.sum(np.tanh(x) ** 2))
    x = drawn(4, dtype=float)
    assert same(tg.grad(f)(x), tg.grad(f.f)(x))


scale = 2.0


def test_a_number_from_outside_that_changes_makes_another_program():
    global scale
    f = tg.compile(lambda x: x * scale)
    assert f(np.ones(1))[0] == 2
    scale = 3.0
    try:
        assert f(np.ones(1))[0] == 3
    finally:
        scale = 2.0
    assert f(np.ones(1))[0] == 2
    assert len(f.programs) == 1


class Setting:
    factor = 2.0  # of the class, until an object has one of its own


def test_a_value_of_a_class_and_the_length_of_a_container_make_another_program():
    setting, factors, named = Setting(), [2.0], {"a": 2.0}
    f = tg.compile(lambda x: x * setting.factor * np.prod(factors) * sum(named.values()))
    x = np.ones(2)
    np.testing.assert_array_equal(f(x), 8 * x)
    setting.factor = 3.0
    np.testing.assert_array_equal(f(x), 12 * x)
    factors.append(2.0)
    np.testing.assert_array_equal(f(x), 24 * x)
    named["b"] = 2.0
    np.testing.assert_array_equal(f(x), 48 * x)


class Scaled(nn.Module):
    """A module that uses globals, in a method and through a property."""

    def __init__(self):
        self.dense = nn.Dense(2, 2, rng=0)

    @property
    def offset(self):
        return scale

    def forward(self, x):
        return self.shifted(self.dense(x)) * scale

    def shifted(self, x):
        return x + self.offset


def test_globals_of_methods_make_another_program(monkeypatch):
    module, X = Scaled(), np.ones((3, 2), np.float32)
    compiled = tg.compile(module)
    for value in (2.0, 3.0, 2.0):
        monkeypatch.setitem(globals(), "scale", value)
        np.testing.assert_array_equal(compiled(X).data, module(tg.Tensor(X)).data)
    assert len(compiled.programs) == 1


def test_variables_of_a_users_module_make_another_program(monkeypatch):
    settings = types.ModuleType("settings_of_a_user")
    settings.factor, settings.itself = 2.0, settings
    monkeypatch.setitem(globals(), "settings", settings)
    f = tg.compile(lambda x: x * settings.itself.factor)
    assert f(np.ones(1))[0] == 2
    settings.factor = 3.0
    assert f(np.ones(1))[0] == 3


def test_a_module_is_compiled_for_its_mode():
    module = nn.Sequential(nn.Dense(4, 3, rng=0), nn.Dropout(0.5, rng=1))
    same = nn.Sequential(nn.Dense(4, 3, rng=0), nn.Dropout(0.5, rng=1))
    compiled, X = tg.compile(module), np.ones((2, 4), np.float32)
    for mode in (True, True, False, True, False):
        module.train(mode)
        same.train(mode)
        np.testing.assert_array_equal(compiled(X).data, same(tg.Tensor(X)).data)


def test_at_most_16_programs_are_kept():
    f = tg.compile(np.sin)
    for n in range(1, 20):
        f(np.ones(n))
    assert sum(map(len, f.programs.values())) == 16


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x if x[0] > 0 else -x, "the truth of a traced value"),
        (lambda x: x * float(x[0]), "Python's numbers, by float"),
        (lambda x: x * np.random.rand(), "two runs of the function"),
        (lambda x: np.asarray(tg.Tensor(x)) * 2, "converted to an ndarray"),
        (lambda x: tg.Tensor(x).item() if x.size == 1 else x.tolist(), "by tolist"),
        (lambda x: object(), "returns a object"),
    ],
)
def test_what_cannot_be_a_program_is_refused_with_the_line(f, words):
    with pytest.raises(TypeError, match=words):
        tg.compile(f)(np.array([1.0, 2.0]))


kept_in_a_global = None


def keepers():
    """Yield functions that keep a value, and how to look at what they keep."""
    items, named, unique, queue = [], {}, set(), collections.deque()
    holder = types.SimpleNamespace(value=None)
    local = None

    def in_a_list(x):
        items.append(x * 2)  # kept

    def in_a_dict(x):
        named["a"] = x * 2  # kept

    def in_a_set(x):
        unique.add(x * 2)  # kept

    def in_a_deque(x):
        queue.append(x * 2)  # kept

    def in_an_attribute(x):
        holder.value = x * 2  # kept

    def in_a_global(x):
        global kept_in_a_global
        kept_in_a_global = x * 2  # kept

    def in_a_closure(x):
        nonlocal local
        local = x * 2  # kept

    yield in_a_list, lambda: items
    yield in_a_dict, lambda: named
    yield in_a_set, lambda: unique
    yield in_a_deque, lambda: queue
    yield in_an_attribute, lambda: holder.value
    yield in_a_global, lambda: kept_in_a_global
    yield in_a_closure, lambda: local


@pytest.mark.parametrize(("keep", "kept"), list(keepers()), ids=lambda f: f.__name__)
def test_a_value_that_is_kept_outside_is_refused(keep, kept):
    def f(x):
        keep(x)
        return np.sum(x)

    with pytest.raises(TypeError, match=r"keeps a traced value in a variable(.|\n)*# kept"):
        tg.compile(f)(np.ones(2))
    assert not kept()


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_an_optimizers_step_inside_is_refused_with_what_to_write(kind):
    net = nn.Dense(2, 1, rng=0)
    optimizer = getattr(nn, kind)(net.parameters())
    before = [p.data.copy() for p in net.parameters()]

    def f(x):
        loss = np.sum(net(x))
        loss.backward()
        optimizer.step()  # this line
        return loss

    words = (
        r"take it after the call, as in loss = step\(X, y\); optimizer.step\(\)(.|\n)*# this line"
    )
    with pytest.raises(tg.Untraceable, match=words):
        tg.compile(f)(np.ones((3, 2), np.float32))
    for p, array in zip(net.parameters(), before, strict=True):
        assert same(p.data, array)
        assert p.grad is None


def test_a_hook_of_a_parameter_switches_programs_off_and_says_so_once():
    W = tg.Tensor(np.ones(2), requires_grad=True)

    @tg.compile
    def step(x):
        np.sum(x * W).backward()

    step(np.ones(2))
    remove = W.register_hook(lambda g: g * 2)
    with pytest.warns(RuntimeWarning, match="step runs eagerly: a parameter has a hook"):
        step(np.ones(2))
    step(np.ones(2))
    assert W.grad.data.tolist() == [5, 5]
    with pytest.raises(tg.Watched, match="a parameter has a hook"):
        step.by_program(np.ones(2))
    remove()
    step.by_program(np.ones(2))
    assert W.grad.data.tolist() == [6, 6]


@pytest.mark.parametrize("watching", [tg.detect_anomaly, tg.trace])
def test_what_watches_every_call_switches_programs_off_and_says_so_once(watching):
    def inverse(x):
        return 1 / x

    f = tg.compile(inverse)
    x = np.ones(2)
    with watching(), pytest.warns(RuntimeWarning, match="inverse runs eagerly: detect_anomaly or"):
        f(x)
    with watching():
        assert f(x).tolist() == [1, 1]
        with pytest.raises(tg.Watched):
            f.program(x)
    f.by_program(x)


def test_an_optimizers_step_inside_is_refused_and_nothing_is_left_behind():
    W = tg.Tensor(np.ones(2), requires_grad=True)

    def f(x):
        np.sum(x * W).backward()
        W.data -= 0.1 * W.grad.data

    with pytest.raises(TypeError, match="converted to an ndarray"):
        tg.compile(f)(np.ones(2))
    assert type(W) is tg.Tensor
    assert W.grad is None
    assert W.data.tolist() == [1, 1]


def test_a_write_into_an_argument_is_refused():
    def f(x):
        x[0] = 0.0
        return np.sum(x)

    x = np.ones(2)
    with pytest.raises(TypeError, match="writes into its argument"):
        tg.compile(f)(x)
    assert x.tolist() == [1, 1]


def test_a_refusal_shows_the_users_line():
    def f(x):
        if x[0] > 0:  # this line
            return x
        return -x

    with pytest.raises(TypeError, match=r"test_compile.py\", line \d+\n    if x\[0\] > 0:  # this"):
        tg.compile(f)(np.ones(2))


def test_static_arguments_are_what_a_program_is_made_for():
    f = tg.compile(lambda x, n: x * n if n > 1.5 else x, static_argnums=1)
    assert f(np.ones(1), 2.0)[0] == 2
    assert f(np.ones(1), 1.0)[0] == 1


def test_programs_can_be_switched_off():
    f = tg.compile(lambda x: x if x[0] > 0 else -x)
    with tg.no_compile():
        assert f(np.array([-2.0])) == 2
    code = (
        "import numpy as np, tensorgrad as tg; "
        "print(tg.compile(lambda x: x if x > 0 else -x)(np.float64(-2.0)))"
    )
    environment = os.environ | {"TENSORGRAD_COMPILE": "0"}
    root = Path(tg.__file__).parent.parent
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, check=True
    )
    assert out.stdout.split() == [b"2.0"]


def test_an_error_in_a_program_shows_its_line_and_the_users():
    def f(x):
        inverse = np.linalg.inv(x)  # the user's line
        return np.sum(inverse**2)

    compiled = tg.compile(tg.grad(f))
    compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as error:
        compiled(np.zeros((2, 2)))
    shown = "".join(traceback.format_exception(error.value))
    assert "inverse = np.linalg.inv(x)\n" in shown.partition("recorded by")[0]
    assert "inverse = np.linalg.inv(x)  # the user's line" in shown.partition("recorded by")[2]


def inverse_of(x):
    return np.linalg.inv(x)  # a line inside


def test_an_error_in_a_line_of_several_shows_all_their_lines():
    def f(x):
        y = inverse_of(x) * 2  # the line around it
        return np.sum(y)

    compiled = tg.compile(f)
    compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as error:
        compiled(np.zeros((2, 2)))
    (note,) = error.value.__notes__
    assert note.index("# a line inside") < note.index("# the line around it")


def test_an_error_in_the_line_that_returns_shows_the_users_line():
    def f(x):
        z = np.exp(x)
        return np.sum(np.log(z - 1))  # whose rule divides

    compiled = tg.compile(tg.grad(f))
    compiled(np.ones(2))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError) as error:
        compiled(np.zeros(2))
    assert "# whose rule divides" in error.value.__notes__[0]
    assert compiled.program(np.ones(2)).source.endswith("    return 1.0 / (z - 1) * z\n")


def test_random_numbers_of_a_declared_function_are_drawn_at_each_call():
    @tg.impure
    def noise(rng, shape):
        return rng.standard_normal(shape)

    def f(x, rng):
        return x + noise(rng, x.shape)

    a, b = np.random.default_rng(0), np.random.default_rng(0)
    compiled = tg.compile(f)
    for _ in range(3):
        assert same(f(np.zeros(3), a), compiled(np.zeros(3), b))


def test_results_are_not_overwritten_and_threads_do_not_meet():
    f = tg.compile(tg.value_and_grad(loss, (2, 3, 4, 5)))
    found = {}

    def run(k):
        args = (NETWORK[0] * k, *NETWORK[1:])
        found[k] = [f(*args) for _ in range(20)]

    threads = [threading.Thread(target=run, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, results in found.items():
        want = f.f(NETWORK[0] * k, *NETWORK[1:])
        assert all(same(want, got) for got in results)


@pytest.mark.parametrize("transform", [tg.value_and_grad, tg.grad])
def test_an_interpolation_in_a_table_of_constants(transform):
    table = np.array([-1.0, 0.0, 2.0]), np.array([0.0, 1.0, 0.5])

    def f(x):
        return np.sum(np.interp(x, *table) ** 2)

    assert_same(transform(f), *[(drawn(6, dtype=float, seed=i),) for i in range(3)])


def test_a_checkpoint_computes_again_in_backward():
    kept = tg.checkpoint(lambda a: np.sum(np.tanh(a) ** 2))
    program = assert_same(
        tg.value_and_grad(lambda a: kept(a) * 2), (drawn(4),), (drawn(4, seed=1),)
    )
    assert program.source.count("np.tanh(a)") == 2


class Scaling:
    """An object with a compiled method."""

    factor = 2.0

    def __init__(self):
        self.weights = tg.Tensor(np.ones(3), requires_grad=True)

    @tg.compile
    def scaled(self, x):
        return np.sum(x * self.factor * self.weights)


def test_a_compiled_method_sees_its_objects_attributes():
    a, x = Scaling(), np.arange(3.0)
    assert a.scaled(x).item() == 6
    a.factor = 3.0
    assert a.scaled(x).item() == 9
    a.weights.data *= 2
    assert a.scaled(x).item() == 18
    assert "def scaled(x, weights):" in a.scaled.program(x).source
    b = copy.deepcopy(a)
    b.factor = 1.0
    assert (b.scaled(x).item(), a.scaled(x).item()) == (6, 18)


def test_a_compiled_function_inside_another_is_watched_too():
    inner = tg.compile(lambda x: x * scale)
    outer = tg.compile(lambda x: inner(x) + 1)
    global scale
    x = np.arange(3.0)
    assert same(outer(x), x * 2.0 + 1)
    scale = 5.0
    try:
        assert same(outer(x), x * 5.0 + 1)
    finally:
        scale = 2.0


def test_the_sign_of_nan_makes_no_other_bits():
    slope = tg.grad(lambda x: np.sum(np.cov(x) ** 2))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of one number's degrees of freedom
        found = tg.compile(slope)(np.array([2.0]))
    assert np.isnan(found).all()
    assert found.shape == (1,)
    x, y = np.array([np.nan, 1.0, 0.0]), np.array([-np.nan, 1.0, 0.0])
    assert same_bits(x, y)
    assert same_bits(x + 1j * y, y + 1j * x)
    for other in ([-np.nan, 1.0, -0.0], [-np.nan, np.nan, 0.0], [1.0, 1.0, 0.0]):
        assert not same_bits(x, np.array(other))
    assert not same_bits(np.array([1]), np.array([2]))
