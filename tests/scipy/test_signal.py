"""Convolutions and filters: SciPy's values, and gradients by differences to second order."""

import numpy as np
import pytest

import tensorgrad as tg

scipy_signal = pytest.importorskip("scipy.signal")
from tensorgrad.scipy import signal  # noqa: E402

rng = np.random.default_rng(0)
PAIRS = {
    "vectors": (rng.normal(size=6), rng.normal(size=3)),
    "the second longer": (rng.normal(size=2), rng.normal(size=5)),
    "images": (rng.normal(size=(4, 5)), rng.normal(size=(3, 2))),
    "complex": (rng.normal(size=4) + 1j * rng.normal(size=4), rng.normal(size=3) * 1j),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "fftconvolve", "correlate"])
def test_convolutions(name, mode, pair):
    a, b = PAIRS[pair]
    f = lambda a, b: getattr(signal, name)(a, b, mode)
    expected = getattr(scipy_signal, name)(a, b, mode)
    assert f(tg.Tensor(a), b).data.tobytes() == expected.tobytes() == f(a, b).tobytes()
    tg.check_grads(f, a, b, order=2)


def test_convolution_along_an_axis_repeats_the_others():
    f = lambda a, b: signal.fftconvolve(a, b, axes=1)
    tg.check_grads(f, rng.normal(size=(3, 4)), rng.normal(size=(1, 2)), order=2)


def test_float32_convolution():
    a, b = (tg.Tensor(x.astype(np.float32), requires_grad=True) for x in PAIRS["images"])
    np.sum(signal.convolve(a, b) ** 2).backward()
    expected = tg.grad(lambda a, b: np.sum(signal.convolve(a, b) ** 2), (0, 1))(*PAIRS["images"])
    for t, g in zip((a, b), expected):
        assert t.grad.dtype == np.float32
        assert np.allclose(t.grad.data, g, rtol=1e-4)


def test_convolution_against_torch():
    torch = pytest.importorskip("torch")
    a, b = PAIRS["images"]
    ta, tb = (torch.tensor(x, requires_grad=True) for x in (a, b))
    image, kernel = ta[None, None], torch.flip(tb, (0, 1))[None, None]
    torch.sum(torch.nn.functional.conv2d(image, kernel) ** 3).backward()
    found = tg.grad(lambda a, b: np.sum(signal.convolve(a, b, "valid") ** 3), (0, 1))(a, b)
    assert np.allclose(found[0], ta.grad)
    assert np.allclose(found[1], tb.grad)


FILTERS = {
    "moving average": (np.array([0.5, 0.3, 0.2]), np.array([1.0])),
    "feedback": (np.array([0.5]), np.array([1.0, -0.6, 0.2])),
    "both": (np.array([0.5, -0.4]), np.array([2.0, 0.5, 0.3])),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(name):
    (b, a), x = FILTERS[name], rng.normal(size=(2, 7))
    tg.check_grads(signal.lfilter, b, a, x, order=2)
    tg.check_grads(lambda b, a, x: signal.lfilter(b, a, x, axis=0), b, a, x.T, order=1)
    assert np.array_equal(signal.lfilter(b, a, tg.Tensor(x)).data, scipy_signal.lfilter(b, a, x))


@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("name", FILTERS)
def test_filters_with_a_state(name, n):
    (b, a), x = FILTERS[name], rng.normal(size=(2, n))
    zi = rng.normal(size=(2, max(len(a), len(b)) - 1))
    for part in (0, 1):
        tg.check_grads(lambda b, a, x, z, i=part: signal.lfilter(b, a, x, zi=z)[i], b, a, x, zi)
    ours = signal.lfilter(b, a, tg.Tensor(x), zi=zi)
    for found, expected in zip(ours, scipy_signal.lfilter(b, a, x, zi=zi)):
        assert np.array_equal(found.data, expected)


def test_filters_and_convolutions_in_programs():
    def f(x):
        return np.sum(signal.lfilter([1.0], [1.0, 0.5], signal.convolve(x, [1.0, 0.5])) ** 2)

    g, x = tg.grad(f), rng.normal(size=5)
    program = tg.compile(g)
    program(x)
    assert np.array_equal(program(2 * x), g(2 * x))
