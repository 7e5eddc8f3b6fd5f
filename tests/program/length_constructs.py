"""Bodies of primitives that ask for lengths in all the ways that Python allows."""

import functools
import itertools
from typing import NamedTuple

import numpy as np


def free_length(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n = len(x)
    if n > 3:
        return x * 2
    return x * 3


def empty_rows(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    if x.size == 0:
        return np.zeros((0,)) + 7
    if not len(x):
        return x
    return x * 1.0 + np.max(x)


def odd_even(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n = len(x)
    return x * (2 if n % 2 else 3) + (n & 1) + (n >> 1)


def length_minus(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n = len(x)
    k = n - 5
    y = np.zeros((12,)) if k != -1 else np.zeros(3)
    return x.sum() + (1 if y.reshape(-1, 3).shape[0] == k else 2)


def max_of_lengths(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n = len(x)
    return x * max(n - 2, 1) + min(n, 4) + max(n, 1)


def any_length(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * (5 if any(n > 4 for n in x.shape) else 1)


def next_length(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    k = next((k for k in range(min(8, len(x)), 0, -1) if len(x) % k == 0), 1)
    return x.reshape(-1, k).sum() + k


def total_of_lengths(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    parts = [x[:2], x[2:], x[4:]]
    return sum(len(p) for p in parts) + x * (1 if len(parts[2]) == 0 else 2)


def part_alike(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = x[:3]
    return x * 2 if len(y) == 3 else x * 3


def part_whole(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = x[: len(x)]
    z = x[0:]
    return (x * 2 if len(y) == len(x) else x) + (1 if z.shape == x.shape else 0)


def strided(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = x[::2]
    return x * (len(y) * 2 - len(x))


def negative_end(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = x[:-1]
    return x * len(y) + (1 if y.size == 0 else 0)


def blocks(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    total = 0.0
    for i in range(0, len(x), 4):
        total = total + x[i : i + 4].sum()
    return x * total


def squeezed(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = np.squeeze(x[:, None] * np.ones((1, 1)))
    return x * (y.ndim + 1)


def broadcasts(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = np.arange(3.0)
    z = x[:, None] * y
    return z.sum(0) * (1 if z.shape == (len(x), 3) else 2)


def broadcast_with(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    one = np.ones(1)
    z = one + x[:1]
    return x * (len(z) + 1)


def counts_in_range(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * (len(x) in (4, 5)) + (len(x) in range(3, 9)) + (len(x) == 4.0)


def tuple_of_lengths(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * (x.shape == (4,)) + (x.shape < (5,)) + (x.shape in [(4,), (7,)])


def divided(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n = len(x)
    return x * (n / 2) + n // 3 + n**2 - divmod(n, 3)[1] + -n + abs(n) + (n == 1.0) + round(n / 3)


def text_of_length(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * len(f"{len(x)}") + int(str(len(x)))


def arange_of(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    i = np.arange(len(x))
    return x * i + i.dtype.itemsize + (i.size == len(x))


def repeats(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return np.tile(x, 2) * (2 * len(x) == len(np.tile(x, 2)))


def cumulative(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = np.concatenate([np.zeros(1), np.cumsum(x)])
    return y * (len(y) == len(x) + 1) + (len(y) > 1)


def padded(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    p = (-len(x)) % 4
    y = np.pad(x, (0, p)) if p else x
    return y.reshape(-1, 4).sum(1) * (1 + bool(p))


def split_half(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    h = len(x) // 2
    a, b = x[:h], x[h:]
    return a.sum() + b.sum() * 2 + (len(a) == len(b)) + (len(a) < len(b)) * 4


def recursive(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    if len(x) <= 1:
        return x.sum()
    h = len(x) // 2
    return recursive(x[:h]) + recursive(x[h:]) * 2


def while_halves(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n, k = len(x), 0
    while n > 1:
        n //= 2
        k += 1
    return x * k + n


def zipped_lengths(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    for n, m in zip(x.shape, (4,)):
        if n != m:
            return x * 3
    return x


def accumulated(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    sizes = list(itertools.accumulate([len(x), 2]))
    return x * sizes[-1] + functools.reduce(lambda a, b: a * b, x.shape)


def enumerated(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return sum(i * v for i, v in enumerate(x)) + x * 0


def sliced_list(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    items = list(x)
    return x * len(items[1:]) + (items[-1] if len(items) > 4 else 0)


def dtype_of_length(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = np.zeros(len(x), np.min_scalar_type(len(x) * 60))
    return x * y.dtype.itemsize


class Sizes(NamedTuple):
    n: int
    k: int = 2

    def more(self):
        return self.n > self.k * 2

    @classmethod
    def of(cls, x):
        return cls(len(x))

    @staticmethod
    def two():
        return 2


def with_sizes(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    s = Sizes.of(x)
    t = Sizes(len(x), 3)._replace(k=1)
    return x * (2 if s.more() else 3) + t.more() + Sizes.two() + s.two() + (s == t) + (s < t)


def unpack_sizes(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n, k = Sizes(len(x))
    *rest, last = (1, 2, n)
    return x * k + last + len(rest) + n


def compare_chain(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    n = len(x)
    return x * (2 < n < 6) + (n if 0 < n <= 4 else -n)


def flags(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = np.ascontiguousarray(x[::-1])
    return x * y.flags.c_contiguous + y.strides[0] // 8


def ellipsis_index(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    y = np.outer(x, x)
    return y[..., 0] * (y[...].ndim) + y[:, ...].shape[0]


def not_any(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * (not any(n == 7 for n in x.shape)) + all(n for n in x.shape)


def nbytes_of(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * (1 if x.nbytes > 40 else 2) + max(1, 64 // max(x.nbytes, 1))


def default_of_max(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * max((n for n in x.shape if n > 4), default=9)


def sorted_lengths(x):
    seen = float(x.sum()) > 1e9
    if seen:
        return x
    return x * sorted((len(x), 5))[0] + min(len(x), 5, key=lambda n: -n)
