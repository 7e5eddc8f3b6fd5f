"""Fourier transforms: linear and symmetric, so that each is, but for padding, its own rule."""

import numpy as np

from tensorgrad.rules import composite, nondifferentiable, rule

# What makes a transform of a conjugate into the conjugate of the opposite transform.
OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho", None: "forward"}


def fitted(g, axis, n):
    """g cut off or filled up with zeros to n elements along an axis."""
    if g.shape[axis] > n:
        return g[(slice(None),) * (axis % g.ndim) + (slice(0, n),)]
    if g.shape[axis] < n:
        widths = [(0, 0)] * g.ndim
        widths[axis] = (0, n - g.shape[axis])
        return np.pad(g, widths)
    return g


def _symmetric(transform):
    """Of fft and ifft: the transform's matrix is its own transpose, and what it cut off gets nothing."""

    def gradient(g, _out, _a, n=None, axis=-1, norm=None):
        return fitted(transform(g, axis=axis, norm=norm), axis, _a.shape[axis])

    return gradient


def _symmetric_along(transform):
    """Of fftn and ifftn."""

    def gradient(g, _out, _a, s=None, axes=None, norm=None):
        axes = axes_of(_a, s, axes)
        g = transform(g, axes=axes, norm=norm)
        for axis in axes:
            g = fitted(g, axis, _a.shape[axis])
        return g

    return gradient


def _rfft(g, _out, _a, n=None, axis=-1, norm=None):
    """The whole transform of half of a spectrum, whose real part the engine takes."""
    length = _a.shape[axis]
    n = length if n is None else n
    return np.real(fitted(np.fft.fft(g, n, axis, norm), axis, length))


def _irfft(g, _out, _a, n=None, axis=-1, norm=None):
    """Half of the spectrum; all but its ends stand for two frequencies, so count twice."""
    n = g.shape[axis]
    half = np.conj(np.fft.rfft(g, axis=axis, norm=OPPOSITE[norm]))
    twice = np.full(half.shape[axis], 2, g.dtype)
    twice[0] = 1
    if n % 2 == 0:
        twice[-1] = 1
    twice = np.reshape(twice, (-1,) + (1,) * (g.ndim - axis % g.ndim - 1))
    return fitted(half * twice, axis, _a.shape[axis])


# fmt: off
rule(np.fft.fft,   _symmetric(np.fft.fft))
rule(np.fft.ifft,  _symmetric(np.fft.ifft))
rule(np.fft.fftn,  _symmetric_along(np.fft.fftn))
rule(np.fft.ifftn, _symmetric_along(np.fft.ifftn))
rule(np.fft.rfft,  _rfft)
rule(np.fft.irfft, _irfft)
# fmt: on


def axes_of(a, s, axes):
    """The axes that a transform of several goes along: all, or the last ones that s has lengths for."""
    if axes is not None:
        return tuple(axes)
    return tuple(range(-(a.ndim if s is None else len(s)), 0))


def lengths_of(a, s, axes):
    """The axes, and the length asked for along each (None: as it is)."""
    axes = axes_of(a, s, axes)
    return axes, [None if s is None or n == -1 else n for n in (axes if s is None else s)]


@composite(np.fft.fft2)
def _fft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.fftn(a, s, axes, norm)


@composite(np.fft.ifft2)
def _ifft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.ifftn(a, s, axes, norm)


@composite(np.fft.rfftn)
def _rfftn(a, s=None, axes=None, norm=None):
    """The real transform along the last axis first, which halves the work of the others."""
    axes, lengths = lengths_of(a, s, axes)
    a = np.fft.rfft(a, lengths[-1], axes[-1], norm)
    for axis, n in zip(axes[:-1], lengths[:-1], strict=True):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composite(np.fft.irfftn)
def _irfftn(a, s=None, axes=None, norm=None):
    axes, lengths = lengths_of(a, s, axes)
    for axis, n in zip(axes[:-1], lengths[:-1], strict=True):
        a = np.fft.ifft(a, n, axis, norm)
    n = 2 * (a.shape[axes[-1]] - 1) if lengths[-1] is None else lengths[-1]
    return np.fft.irfft(a, n, axes[-1], norm)


@composite(np.fft.rfft2)
def _rfft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.rfftn(a, s, axes, norm)


@composite(np.fft.irfft2)
def _irfft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.irfftn(a, s, axes, norm)


@composite(np.fft.hfft)
def _hfft(a, n=None, axis=-1, norm=None):
    return np.fft.irfft(np.conj(a), n, axis, OPPOSITE[norm])


@composite(np.fft.ihfft)
def _ihfft(a, n=None, axis=-1, norm=None):
    return np.conj(np.fft.rfft(a, n, axis, OPPOSITE[norm]))


@composite(np.fft.fftshift)
def _fftshift(x, axes=None):
    """The frequency 0 goes to the middle."""
    axes = range(x.ndim) if axes is None else np.atleast_1d(axes).tolist()
    return np.roll(x, [x.shape[axis] // 2 for axis in axes], tuple(axes))


@composite(np.fft.ifftshift)
def _ifftshift(x, axes=None):
    axes = range(x.ndim) if axes is None else np.atleast_1d(axes).tolist()
    return np.roll(x, [-(x.shape[axis] // 2) for axis in axes], tuple(axes))


nondifferentiable(np.fft.fftfreq, np.fft.rfftfreq)
