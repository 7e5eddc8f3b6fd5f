"""Calls of convolution and of its two gradients."""

import tensorgrad as tg
from tests.cases import c, call, r

# fmt: off
CASES = {
    tg.conv: [
        call(r(2, 4, 5, 2), r(3, 2, 2, 3), r(3)),
        call(r(2, 5, 2), r(3, 2, 2), None, padding="same"),
        call(r(1, 5, 4, 2), r(2, 3, 1, 4), r(4), stride=2, padding=1, groups=2),
        call(r(2, 6, 1), r(2, 1, 2), r(2), 1, ((2, 0),), 2),
        call(r(1, 3, 3, 2, 2), r(2, 2, 2, 2, 1), None, stride=(1, 2, 1), padding=(0, 1, 0)),
        call(c(1, 4, 1), c(2, 1, 2), c(2)),
        call(r(1, 3, 2), r(2, 2, 1), None, padding=4),  # more than a kernel reaches
        call(r(1, 12, 2), r(11, 2, 1), r(1), padding="same"),  # by Fourier transforms
    ],
    tg.conv_input: [
        call(r(2, 3, 2), r(3, 2, 2), lengths=(5,)),
        call(r(1, 2, 3, 4), r(2, 2, 1, 4), lengths=(4, 5), stride=2, padding="same", groups=2),
        call(r(1, 5, 5, 2), r(2, 2, 2, 2), lengths=(5, 5), dilation=2, padding=1, stride=1),
        call(r(1, 2, 2, 2), r(2, 2, 1, 2), (5, 5), (3, 2), 0),
    ],
    tg.conv_weights: [
        call(r(2, 5, 2), r(2, 3, 2), size=(3,)),
        call(r(1, 4, 5, 2), r(1, 2, 3, 4), size=(2, 2), stride=2, padding="same", groups=2),
        call(r(1, 4, 4, 1), r(1, 4, 4, 2), (3, 3), 1, "same"),
    ],
}
# fmt: on
