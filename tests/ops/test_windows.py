"""Sliding windows: what convolution and pooling make of them is what PyTorch's own layers compute."""

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.ops.windows import fold, windows

RNG = np.random.default_rng(0)


def leaf(x):
    return tg.Tensor(x, requires_grad=True)


def convolve(x, W, step=1):
    """Return a convolution of images, as networks mean it. Shapes: x (N, C, H, W), W (F, C, h, w) -> (N, F, H', W')."""
    seen = windows(x, W.shape[-2:], step)  # (N, C, H', W', h, w)
    return np.moveaxis(np.tensordot(seen, W, ((1, 4, 5), (1, 2, 3))), -1, 1)


def check_against(ours, theirs, *arrays):
    """Compare values, and the gradients of a weighted sum."""
    torch = pytest.importorskip("torch")
    mine = [leaf(a) for a in arrays]
    twins = [torch.tensor(a, requires_grad=True) for a in arrays]
    out, right = ours(*mine), theirs(*twins)
    np.testing.assert_allclose(out.data, right.detach().numpy(), atol=1e-12)
    weights = RNG.standard_normal(out.shape)
    out.backward(weights)
    right.backward(torch.tensor(weights))
    for a, b in zip(mine, twins, strict=True):
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("step", [1, 2, (2, 1)])
def test_a_convolution(step):
    torch = pytest.importorskip("torch")
    x, W = RNG.standard_normal((2, 3, 7, 6)), RNG.standard_normal((4, 3, 3, 2))
    check_against(
        lambda x, W: convolve(x, W, step),
        lambda x, W: torch.nn.functional.conv2d(x, W, stride=step),
        x,
        W,
    )


@pytest.mark.parametrize("step", [2, 1, 3])
def test_poolings(step):
    torch = pytest.importorskip("torch")
    x = RNG.standard_normal((2, 3, 7, 7))
    check_against(
        lambda x: np.max(windows(x, (2, 2), step), axis=(-2, -1)),
        lambda x: torch.nn.functional.max_pool2d(x, 2, step),
        x,
    )
    check_against(
        lambda x: np.mean(windows(x, (2, 2), step), axis=(-2, -1)),
        lambda x: torch.nn.functional.avg_pool2d(x, 2, step),
        x,
    )


def test_windows_copy_nothing():
    x = RNG.standard_normal((4, 8, 8))
    assert np.shares_memory(windows(x, (3, 3)), x)
    assert windows(x, (3, 3), 2).shape == (4, 3, 3, 3, 3)


def test_overlap_is_the_adjoint_of_windows():
    """<windows(x), w> = <x, overlap(w)>, for every x and w."""
    for size, step in (((2, 3), 1), ((3, 3), 2), ((1, 2), (3, 2))):
        x = RNG.standard_normal((2, 6, 7))
        seen = windows(x, size, step)
        w = RNG.standard_normal(seen.shape)
        np.testing.assert_allclose(np.sum(seen * w), np.sum(x * fold(w, x.shape[1:], step)))


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"has \(4,\) windows of \(2,\) at steps of 1, but \(3,\)"):
        fold(np.zeros((3, 2)), (5,))
    with pytest.raises(TypeError, match="cannot be written to"):
        np.lib.stride_tricks.sliding_window_view(leaf(np.zeros(4)), 2, writeable=True)
    with pytest.raises(ValueError, match="need 2 axes, but axis=0 names 1"):
        np.lib.stride_tricks.sliding_window_view(leaf(np.zeros(4)), (2, 2), axis=0)
