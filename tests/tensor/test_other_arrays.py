"""Tensors of other libraries' arrays: programs on a stand-in that refuses conversion, and on Dask."""

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tests.duck import Duck

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
Y = np.array([0, 2, 1, 1, 0, 2])


def two_layers(x: Any, W: Any, b: Any) -> Any:
    return np.mean(np.tanh(x @ W + b) ** 2)


def classifier(x: Any, W: Any, b: Any) -> Any:
    return tg.softmax_cross_entropy(x @ W + b, Y)


def normalized(x: Any, W: Any, b: Any) -> Any:
    z = np.maximum(x @ W, 0) + b
    return np.sum((z - z.mean(axis=0)) ** 2 / (z.var(axis=0) + 0.1))


def covariance(x: Any, W: Any, b: Any) -> Any:
    C = x.T @ x + 0.5 * np.einsum("ij,kj->ik", W, W)
    return np.linalg.slogdet(C)[1] + np.sum(np.linalg.solve(C, W) @ b)


def written(x: Any, W: Any, b: Any) -> Any:
    z = x @ W
    z[1:3] = b
    z[0] *= 2.0
    return np.sum(z**3) + np.sum(np.sort(x, axis=0)[-1])


def windowed(x: Any, W: Any, b: Any) -> Any:
    return np.sum(tg.windows(x, (2, 2)) ** 2) + np.sum(np.concatenate([W[:, 0], b]) ** 3)


PROGRAMS = [two_layers, classifier, normalized, covariance, written, windowed]


def numpys(tree: Any) -> Any:
    return [np.asarray(x.get()) for x in tree]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_program_runs_on_arrays_that_refuse_conversion(f: Callable[..., Any]) -> None:
    gradient = tg.value_and_grad(f, (0, 1, 2))
    value, right = gradient(X, W, B)
    found, grads = gradient(Duck(X), Duck(W), Duck(B))
    assert type(found) is Duck
    assert {type(g) for g in grads} == {Duck}
    np.testing.assert_allclose(found.get(), value, rtol=1e-12)
    for g, expected in zip(numpys(grads), right, strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_so_does_its_second_derivative(f: Callable[..., Any]) -> None:
    def g(make: Any) -> Any:
        return tg.hvp(lambda W: f(make(X), W, make(B)), make(W), make(np.ones_like(W)))

    np.testing.assert_allclose(g(Duck).get(), g(np.array), rtol=1e-9, atol=1e-11)


def test_transforms_keep_the_kind() -> None:
    x = np.array([0.3, -1.0, 2.0])

    def f(x: Any) -> Any:
        return np.tanh(x) ** 2

    for derivative in (tg.jacobian(f), tg.hessian(lambda x: np.sum(f(x))), tg.elementwise_grad(f)):
        np.testing.assert_allclose(derivative(Duck(x)).get(), derivative(x), rtol=1e-12)
    _, pushed = tg.jvp(f, (Duck(x),), (Duck(np.ones(3)),))
    np.testing.assert_allclose(pushed.get(), tg.jvp(f, (x,), (np.ones(3),))[1])


def test_a_gradient_that_does_not_arrive_is_zeros_of_the_same_kind() -> None:
    found = tg.grad(lambda x, y: np.sum(x), (0, 1))(Duck(X), Duck(B))
    assert [type(g) for g in found] == [Duck, Duck]
    np.testing.assert_array_equal(found[1].get(), 0)


def test_a_zero_gradient_times_an_infinite_slope_is_zero_where_divisions_do_not_raise() -> None:
    x = tg.Tensor(Duck(np.array([0.0, 4.0])), requires_grad=True)
    y = np.where(x.data > 0, np.sqrt(x), 0.0)
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 0.25])


def test_a_tensor_keeps_the_array_and_brings_it_to_numpy_when_asked() -> None:
    x = Duck(np.arange(3.0))
    t = tg.Tensor(x)
    assert t.data is x or type(t.data) is Duck
    np.testing.assert_array_equal(t.numpy(), [0.0, 1.0, 2.0])
    assert t.tolist() == [0.0, 1.0, 2.0]
    assert "Duck" in repr(t)
    with pytest.raises(TypeError, match="without being asked"):
        np.asarray(t)


def test_a_leaf_copies_its_array() -> None:
    x = Duck(np.ones(2))
    t = tg.Tensor(x, requires_grad=True)
    x.array[:] = 5.0
    np.testing.assert_array_equal(t.data.get(), 1.0)
    t.data = t.data - 1.0
    assert type(t.data) is Duck
    for other in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert type(other.data) is Duck
        assert other.requires_grad


def test_kinds_that_refuse_each_other_say_so_at_the_call() -> None:
    t = tg.Tensor(Duck(np.ones(3)), requires_grad=True)
    for call in (lambda: t + np.ones(3), lambda: np.ones(3) * t, lambda: np.dot(t, np.ones(3))):
        with pytest.raises(TypeError, match="without being asked"):
            call()


def test_a_compiled_function_runs_eagerly_and_says_so() -> None:
    f = tg.compile(tg.value_and_grad(two_layers, (1, 2)))
    with pytest.warns(RuntimeWarning, match="NumPy's arrays, but was given a Duck"):
        value, _ = f(Duck(X), Duck(W), Duck(B))
    np.testing.assert_allclose(value.get(), two_layers(X, W, B))
    with pytest.raises(TypeError, match="NumPy's arrays, but was given a Duck"):
        f.program(Duck(X), Duck(W), Duck(B))


def test_what_watches_brings_numbers_to_numpy() -> None:
    x = tg.Tensor(Duck(np.array([1.0, 2.0])), requires_grad=True, name="x")
    with tg.trace() as trace:
        y = np.sum(np.exp(x))
        y.backward()
    assert "sum" in tg.draw(y).dot
    assert trace is not None
    negative = tg.Tensor(Duck(np.array([-1.0])), requires_grad=True)
    with np.errstate(invalid="ignore"), tg.detect_anomaly(), pytest.raises(FloatingPointError):
        np.sqrt(negative)
    with pytest.raises(TypeError, match="was given a Duck"):
        tg.check_grads(np.tanh, Duck(np.ones(2)))


def test_dask_stays_lazy_and_its_gradient_goes_through_chunks() -> None:
    da = pytest.importorskip("dask.array")
    computed = []

    def block(x: Any) -> Any:
        computed.append(x.shape)
        return x

    data = da.from_array(X, chunks=(2, 4)).map_blocks(block, dtype=float, meta=np.empty((0, 0)))
    weights, biases = da.from_array(W), da.from_array(B)
    value, grads = tg.value_and_grad(normalized, (1, 2))(data, weights, biases)
    assert computed == []
    right, expected = tg.value_and_grad(normalized, (1, 2))(X, W, B)
    np.testing.assert_allclose(value.compute(), right)
    for g, e in zip(grads, expected, strict=True):
        assert isinstance(g, da.Array)
        np.testing.assert_allclose(g.compute(), e, rtol=1e-10, atol=1e-12)
    assert len(computed) >= 3


def test_softmax_and_writes_of_dask() -> None:
    da = pytest.importorskip("dask.array")

    def f(x: Any, W: Any) -> Any:
        z = x @ W
        z[0] = 0.0
        return -np.sum(np.log(tg.softmax(z))) + np.sum(np.exp(tg.logsumexp(z, axis=1)))

    found = tg.grad(f, 1)(da.from_array(X, chunks=(3, 4)), da.from_array(W))
    np.testing.assert_allclose(found.compute(), tg.grad(f, 1)(X, W), rtol=1e-10)


@pytest.mark.long
def test_an_array_larger_than_the_memory_that_is_allowed() -> None:
    """A sum over 4 GB, in chunks of 32 MB."""
    da = pytest.importorskip("dask.array")
    x = da.ones((1 << 13, 1 << 16), chunks=(64, 1 << 16))
    w = tg.Tensor(da.from_array(np.full(1 << 16, 2.0)), requires_grad=True)
    np.mean((tg.Tensor(x) @ w) ** 2).backward()
    np.testing.assert_allclose(w.grad.numpy()[:3], 2 * 2.0 * (1 << 16))


LARGER = """
import resource
import dask, dask.array as da, numpy as np
import tensorgrad as tg

X = da.random.default_rng(0).random((300_000, 100), chunks=(10_000, 100))
W = da.from_array(np.full((100, 3), 0.01))
np.ones((200, 200)) @ np.ones((200, 200))  # for which BLAS takes its memory
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + X.nbytes // 3,) * 2)

def loss(W):
    return np.mean(np.tanh(X @ W) ** 2)

with dask.config.set(scheduler="synchronous"):
    try:
        X.compute()
    except MemoryError:
        print("X does not fit")
    value, gradient = dask.compute(*tg.value_and_grad(loss)(W))
print(repr(float(value)), *map(float, gradient[:2].ravel()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory as Linux does")
def test_a_gradient_through_an_array_that_is_larger_than_the_memory():
    da = pytest.importorskip("dask.array")
    done = subprocess.run(
        [sys.executable, "-c", LARGER], env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "X does not fit"
    value, *found = map(float, lines[1].split())
    # The same in parts, with the derivative written by hand.
    X = da.random.default_rng(0).random((300_000, 100), chunks=(10_000, 100))
    W, total, gradient = np.full((100, 3), 0.01), 0.0, 0.0
    for block in X.to_delayed().ravel():
        part = block.compute()
        h = np.tanh(part @ W)
        total += np.sum(h**2)
        gradient += part.T @ (2 * h * (1 - h**2))
    np.testing.assert_allclose(value, total / 9e5)
    np.testing.assert_allclose(found, (gradient / 9e5)[:2].ravel())
