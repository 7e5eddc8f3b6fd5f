"""Fourier transforms: linear and symmetric, so each is its own rule, apart from padding."""

import numpy as np

from tensorgrad.ops.common import create
from tensorgrad.rules import composite, nondifferentiable, refuse_out, rule

# The norm with which the opposite transform equals the conjugate of the transform of a conjugate.
OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho", None: "forward"}


def resized(g, axis, n):
    """Crop or zero-pad g to n elements along an axis."""
    if g.shape[axis] > n:
        return g[(slice(None),) * (axis % g.ndim) + (slice(0, n),)]
    if g.shape[axis] < n:
        widths = [(0, 0)] * g.ndim
        widths[axis] = (0, n - g.shape[axis])
        return np.pad(g, widths)
    return g


def _symmetric(transform):
    """Return the rule of fft or ifft: its matrix is symmetric, and elements cropped from the input get 0."""

    def gradient(g, _out, _a, n=None, axis=-1, norm=None):
        return resized(transform(g, axis=axis, norm=norm), axis, _a.shape[axis])

    return gradient


def axes_of(a, s, axes):
    """Return the axes of a transform: all, or the last len(s) of them."""
    if axes is not None:
        return tuple(axes)
    return tuple(range(-(a.ndim if s is None else len(s)), 0))


def _symmetric_along(transform):
    """Return the rule of fftn or ifftn."""

    def gradient(g, _out, _a, s=None, axes=None, norm=None):
        axes = axes_of(_a, s, axes)
        g = transform(g, axes=axes, norm=norm)
        for axis in axes:
            g = resized(g, axis, _a.shape[axis])
        return g

    return gradient


def _rfft(g, _out, _a, n=None, axis=-1, norm=None):
    """Transform half of a spectrum, and take the real part."""
    length = _a.shape[axis]
    n = length if n is None else n
    return np.real(resized(np.fft.fft(g, n, axis, norm), axis, length))


def _irfft(g, _out, _a, n=None, axis=-1, norm=None):
    """Return half of the spectrum; all elements but the ends stand for two frequencies, so they count twice."""
    n = g.shape[axis]
    half = np.conj(np.fft.rfft(g, axis=axis, norm=OPPOSITE[norm]))
    twice = create(np.full, g, half.shape[axis], 2, g.dtype)
    twice[0] = 1
    if n % 2 == 0:
        twice[-1] = 1
    twice = np.reshape(twice, (-1,) + (1,) * (g.ndim - axis % g.ndim - 1))
    return resized(half * twice, axis, _a.shape[axis])


# fmt: off
rule(np.fft.fft,   _symmetric(np.fft.fft))
rule(np.fft.ifft,  _symmetric(np.fft.ifft))
rule(np.fft.fftn,  _symmetric_along(np.fft.fftn))
rule(np.fft.ifftn, _symmetric_along(np.fft.ifftn))
rule(np.fft.rfft,  _rfft)
rule(np.fft.irfft, _irfft)
# fmt: on


def lengths_of(a, s, axes):
    """Return the axes, and the requested length along each."""
    s = np.take(a.shape, axes).tolist() if s is None and axes is not None else s
    axes = axes_of(a, s, axes)
    s = a.shape if s is None else s
    if len(s) != len(axes):
        raise ValueError(f"a transform along {len(axes)} axes takes as many lengths, not s={s}")
    return axes, [a.shape[axis] if n == -1 else n for n, axis in zip(s, axes, strict=True)]


def opposite(norm):
    """Return the norm of the opposite transform.

    Raises: ValueError if there is no such norm.
    """
    if norm not in OPPOSITE:
        raise ValueError(
            f"a transform has no norm={norm!r}; 'backward', 'ortho' and 'forward' are known"
        )
    return OPPOSITE[norm]


@composite(np.fft.fft2)
def _fft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    refuse_out("fft2", out)
    return np.fft.fftn(a, s, axes, norm)


@composite(np.fft.ifft2)
def _ifft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    refuse_out("ifft2", out)
    return np.fft.ifftn(a, s, axes, norm)


@composite(np.fft.rfftn)
def _rfftn(a, s=None, axes=None, norm=None, out=None):
    """Apply the real transform along the last axis first, which halves the work along the others."""
    refuse_out("rfftn", out)
    axes, lengths = lengths_of(a, s, axes)
    a = np.fft.rfft(a, lengths[-1], axes[-1], norm)
    for axis, n in zip(axes[-2::-1], lengths[-2::-1], strict=True):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composite(np.fft.irfftn)
def _irfftn(a, s=None, axes=None, norm=None, out=None):
    refuse_out("irfftn", out)
    axes, lengths = lengths_of(a, s, axes)
    if s is None:
        lengths[-1] = 2 * (lengths[-1] - 1)
    for axis, n in zip(axes[:-1], lengths[:-1], strict=True):
        a = np.fft.ifft(a, n, axis, norm)
    return np.fft.irfft(a, lengths[-1], axes[-1], norm)


@composite(np.fft.rfft2)
def _rfft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    refuse_out("rfft2", out)
    return np.fft.rfftn(a, s, axes, norm)


@composite(np.fft.irfft2)
def _irfft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    refuse_out("irfft2", out)
    return np.fft.irfftn(a, s, axes, norm)


@composite(np.fft.hfft)
def _hfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("hfft", out)
    return np.fft.irfft(np.conj(a), n, axis, opposite(norm))


@composite(np.fft.ihfft)
def _ihfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out("ihfft", out)
    return np.conj(np.fft.rfft(a, n, axis, opposite(norm)))


@composite(np.fft.fftshift)
def _fftshift(x, axes=None):
    """Move the frequency 0 to the middle."""
    axes = range(x.ndim) if axes is None else np.atleast_1d(axes).tolist()
    return np.roll(x, [x.shape[axis] // 2 for axis in axes], tuple(axes))


@composite(np.fft.ifftshift)
def _ifftshift(x, axes=None):
    axes = range(x.ndim) if axes is None else np.atleast_1d(axes).tolist()
    return np.roll(x, [-(x.shape[axis] // 2) for axis in axes], tuple(axes))


nondifferentiable(np.fft.fftfreq, np.fft.rfftfreq, np.fft.test)
