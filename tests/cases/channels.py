"""Calls of sums over all axes but the last."""

from tensorgrad.ops.channels import sum_channels
from tests.cases import call, r

# fmt: off
CASES = {
    sum_channels: [call(r(3, 4)), call(r(2, 3, 2, 2)), call(r(3))],
}
# fmt: on
