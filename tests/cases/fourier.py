"""Calls of Fourier transforms."""

import numpy as np

from tests.cases import c, call, r

NORMS = ("backward", "ortho", "forward")


def one_axis(x):
    """Return calls along one axis: of even and odd lengths, cut off, filled up, scaled in each way."""
    return [
        call(x(4)),
        call(x(5)),
        call(x(4), 3),
        call(x(3), n=6),
        call(x(3, 2), axis=0),
        call(x(2, 3), 4, 1),
        *(call(x(5), norm=norm) for norm in NORMS),
        *(call(x(4), 5, norm=norm) for norm in NORMS),
    ]


def several_axes(x):
    return [
        call(x(2, 3)),
        call(x(3, 4)),
        call(x(3, 2, 2), axes=(0, 1)),
        call(x(3, 2), s=(2, 4), axes=(1, 0)),
        *(call(x(3, 3), norm=norm) for norm in NORMS),
    ]


# fmt: off
CASES = {
    np.fft.fft:    [*one_axis(c), call(r(4)), call(r(3), 5)],
    np.fft.ifft:   [*one_axis(c), call(r(4)), call(r(3), 5)],
    np.fft.rfft:   one_axis(r),
    np.fft.irfft:  [*one_axis(c), call(r(4)), call(c(1), 1), call(c(2), 7)],
    np.fft.hfft:   [*one_axis(c), call(r(4))],
    np.fft.ihfft:  one_axis(r),
    np.fft.fftn:   [*several_axes(c), call(c(2, 3, 2)), call(r(2, 2, 2), axes=(2,))],
    np.fft.ifftn:  [*several_axes(c), call(c(2, 3, 2)), call(r(2, 2, 2), axes=(2,))],
    np.fft.rfftn:  [*several_axes(r), call(r(2, 3, 2))],
    np.fft.irfftn: [*several_axes(c), call(c(2, 3, 2))],
    np.fft.fft2:   several_axes(c),
    np.fft.ifft2:  several_axes(c),
    np.fft.rfft2:  several_axes(r),
    np.fft.irfft2: several_axes(c),
    np.fft.fftshift:  [call(r(5)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axes=(0, 1)), call(c(4))],
    np.fft.ifftshift: [call(r(5)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axes=(0, 1)), call(c(4))],
}
# fmt: on
