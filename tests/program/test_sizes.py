"""One text for every batch: printed programs run alone on other lengths, with the bits of eager."""

import copy

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program.test_compile import drawn, loss, same
from tests.program.test_layers import LAYERS


def program_at(f, *args):
    return tg.compile(f).program(*args)


def run_text(program, *args):
    """Run the printed text as a file of its own, and call its last function."""
    space = {}
    exec(program.source, space)
    return space[program.source.rpartition("\ndef ")[2].partition("(")[0]](*args)


def network_of(n):
    labels = np.random.default_rng(n).integers(0, 10, n)
    return drawn(n, 64), labels, drawn(64, 64), drawn(64), drawn(64, 10), drawn(10)


FUNCTIONS = {
    "a network": (tg.value_and_grad(loss, (2, 3, 4, 5)), network_of),
    "a mean of squares": (tg.value_and_grad(lambda x: np.mean(x**2)), lambda n: (drawn(n, 3),)),
    "a mean of rows": (
        tg.grad(lambda x: np.sum(np.mean(x, axis=1) ** 3)),
        lambda n: (drawn(4, n),),
    ),
    "an unbiased variance": (tg.grad(lambda x: np.var(x, ddof=1)), lambda n: (drawn(n),)),
    "a root of a size": (lambda x: np.sum(x) / np.sqrt(len(x)), lambda n: (drawn(n),)),
    "a product of sizes": (lambda x: x.reshape(x.size) * 2, lambda n: (drawn(n, 5, 3),)),
    "one less than a size": (tg.grad(lambda x: np.sum(np.diff(x) ** 2)), lambda n: (drawn(n),)),
    "a constant gradient": (tg.grad(lambda x: np.sum(x)), lambda n: (drawn(n, 2),)),
    "a cumulative sum": (tg.grad(lambda x: np.sum(np.cumsum(x))), lambda n: (drawn(n),)),
    "positions": (lambda x: x * np.arange(len(x))[:, None], lambda n: (drawn(n, 2),)),
    "equal rows": (
        lambda x: x + np.repeat(np.array([[0.5, 2.0]], np.float32), len(x), 0),
        lambda n: (drawn(n, 2),),
    ),
    "an identity": (lambda x: x @ np.eye(len(x)), lambda n: (drawn(n, dtype=float),)),
    "two lengths": (
        tg.grad(lambda a, b: np.mean((a[:, None] - b) ** 2), (0, 1)),
        lambda n: (drawn(n), drawn(2 * n + 1)),
    ),
    "lengths in a dict": (
        tg.grad(lambda p, x: np.mean(np.tanh(x @ p["W"] + p["b"]))),
        lambda n: ({"W": drawn(4, 2), "b": drawn(2)}, drawn(n, 4)),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_text_serves_all_lengths(name):
    f, arguments = FUNCTIONS[name]
    program = program_at(f, *arguments(12))
    assert program.free_axes
    assert program.source == program_at(f, *arguments(10)).source
    for n in (12, 9, 20):
        args = arguments(n)
        assert same(f(*args), run_text(program, *args)), program.source


def flat(tree):
    return [x for item in tree for x in flat(item)] if isinstance(tree, tuple) else [tree]


SERVED = [name for name in LAYERS if name not in ("Dropout", "SpatialDropout")]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", SERVED)
def test_one_text_of_a_layer_serves_all_batches(name, training):
    make, x = LAYERS[name]
    layer = make()
    layer.train(training)
    W = drawn(x.shape[-1], x.shape[-1])

    program = program_at(tg.value_and_grad(lambda x, W: np.sum(layer(x @ W) ** 2), (0, 1)), x, W)
    assert 0 in program.free_axes["x"]
    longer = np.concatenate([x, -x[:3]])
    given = [copy.copy(source.read()) for source in program._text.read]
    if any(hasattr(x, "bit_generator") for x in given):  # which has drawn for these rows only
        return
    want = tg.value_and_grad(lambda x, W: np.sum(layer(x @ W) ** 2), (0, 1))(longer, W)
    got = run_text(program, longer, W, *given)
    assert same([np.asarray(x.data) for x in flat(want)], [np.asarray(x) for x in flat(got[:2])])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * np.sin(np.arange(5.0))),  # another array for another length
        lambda x: np.sum(x[:3] * x[2:]),  # wants five
        lambda x: np.linalg.det(np.outer(x, x) + np.diag(x**2)) * (len(x) ** 3),
        lambda x: sum(x[i] * i for i in range(len(x))),  # a loop of as many steps
        lambda x: x * {5: 2.0}.get(len(x), 3.0),
        lambda x: x[: (len(x) - 1) // 2] * 0,  # which a formula fits at two lengths
    ],
)
def test_what_wants_one_length_keeps_its_numbers(f):
    x = drawn(5, dtype=float)
    program = program_at(f, x)
    assert program.free_axes == {}
    assert "len(" not in program.source
    assert same(f(x), program(x))


def test_a_size_follows_the_nearest_of_lengths_that_grow_alike():
    source = tg.compile(lambda x: np.sum(x) * (x.shape[1] - 1)).program(np.ones((5, 3))).source
    assert "x.shape[1] - 1" in source
    assert "len(x)" not in source


def test_a_size_is_written_as_the_length_of_an_argument_if_one_has_it():
    f = lambda A, x: np.sum(A, axis=1) / A.shape[1] + np.sum(x) * 0
    source = tg.compile(f).program(np.ones((3, 5)), np.ones(5)).source
    assert "    return np.sum(A, axis=1) / len(x) + np.sum(x) * 0\n" in source
    source = tg.compile(lambda x: x @ np.eye(len(x))).program(np.ones(5)).source
    assert "    return x @ np.eye(len(x))\n" in source


def test_sizes_of_a_module_are_not_mixed_up_with_the_batch():
    net = nn.Sequential(nn.Dense(8, 8, rng=0), nn.ReLU(), nn.Dense(8, 3, rng=1))

    def step(X, y):
        loss = tg.softmax_cross_entropy(net(X), y)
        loss.backward()
        return loss

    program = program_at(step, drawn(8, 8), np.arange(8) % 3)
    assert program.free_axes
    assert program.source == program_at(step, drawn(7, 8), np.arange(7) % 3).source
    assert program.free_axes == {"X": (0,), "y": (0,)}


def test_generators_are_where_one_call_leaves_them():
    a, b = np.random.default_rng(0), np.random.default_rng(0)
    drop = nn.Dropout(0.5, rng=a)
    same_drop = nn.Dropout(0.5, rng=b)
    f = tg.compile(lambda x: drop(x) * 2)
    x = np.ones((6, 3), np.float32)
    for _ in range(3):
        np.testing.assert_array_equal(f(x).data, (same_drop(tg.Tensor(x)) * 2).data)
    assert a.bit_generator.state == b.bit_generator.state
    assert f.program(x).free_axes == {"x": (0, 1)}


def test_a_constant_result_is_new_at_each_call():
    f = tg.compile(tg.grad(lambda x: np.sum(x * np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5]))))
    x = np.ones(7)
    first = f(x)
    first[:] = 0
    assert f(x)[-1] == 7.5


def test_an_array_that_only_begins_like_a_pattern_is_written_out():
    f = tg.grad(lambda x: np.sum(np.nextafter.reduce(x)))
    x = drawn(4, dtype=float)
    program = program_at(f, x)
    assert same(f(x), program(x))
    assert f(x).tolist() == [1, 0, 0, 0]


def test_constants_keep_the_signs_of_zeros():
    z = drawn(3, dtype=float) + 1j
    for zero in (complex(0.0, -0.0), complex(-0.0, 0.0), complex(1.0, -0.0), -0.0, 0.0):
        f = lambda x, zero=zero: (x * 2, np.full(len(x), zero), np.full(3, zero))
        assert same(f(z), tg.compile(f)(z))


def test_a_size_that_no_argument_of_a_function_above_has_is_a_number():
    f = tg.grad(lambda x, h: np.sum(np.gradient(x, h)), (0, 1))
    second = tg.grad(lambda x, h: sum(np.sum(g * 0.7) for g in f(x, h)), (0, 1))
    x = drawn(5, dtype=float)
    assert same(second(x, 2.0), tg.compile(second)(x, 2.0))
