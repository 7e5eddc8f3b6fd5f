"""Bodies of primitives in all the ways that Python allows, whose branches depend on values."""

import math
from contextlib import suppress
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy import sqrt as sqrt_of_each


def walrus_behind_and(x):
    n = 0
    if float(x[0]) > 10 and (n := 5):
        return x * n
    return x + n


def walrus_in_a_choice(x):
    n = 0
    y = (n := 3) if float(x[0]) > 10 else 1
    return x * y + n


def walrus_in_a_chain(x):
    n = 1
    big = 10 < float(x[0]) < (n := 7000)
    return x * n + big


def best_without_a_start(x):
    for v in (1.0, 2.0, 3.0):
        y = v * 2
        if v < 2 or float(x[0]) > 10 * v:
            best = y
    return x + best


def last_index(x):
    for i in range(len(x)):
        if i == 0 or float(x[i]) > float(x[0]):
            k = i
    return x * k


def whole_number(x):
    try:
        k = int(x[0])
        return x * 2
    except ValueError:
        return x * 3


def suppressed(x):
    k = 1
    with suppress(ValueError):
        n = int(x[0])
        k = 2
    return x * k


def cleared(a):
    return a.fill(7.0)


def inlined_effect(x):
    y = x * 1
    if float(x[0]) > 10:
        done = cleared(y)
    return y


def scatter(out, x):
    return np.add.at(out, [0], x[1])


def scattered(x):
    y = x * 1
    if float(x[0]) > 10:
        scatter(y, x)
    return y


def clipped_in_place(x):
    y = x * 1
    if float(x[0]) > 10:
        z = np.clip(y, 0, 1, y)
    return y


def summed_in_place(x):
    y = np.zeros(())
    if float(x[0]) > 10:
        z = x.sum(0, None, y)
    return x + y


def put_along(x):
    y = x * 1
    if float(x[0]) > 10:
        z = np.put_along_axis(y, np.array([1]), 9.0, 0)
    return y


def without_nan(x):
    y = x / (x[0] - 11)
    if float(x[0]) > 10:
        z = np.nan_to_num(y, False)
    return y


def settings_changed(x):
    if float(x[0]) > 10:
        old = np.seterr(divide="raise")
    try:
        return 1 / (x - 11)
    except FloatingPointError:
        return x
    finally:
        np.seterr(divide="ignore")


def nested_effect(x):
    y = x * 1

    def change():
        done = y.fill(5.0)
        return y

    return change() if float(x[0]) > 10 else y


def popped(x):
    items = [1, 2, 3]

    def change():
        last = items.pop()
        return items

    if float(x[0]) > 10:
        change()
    return x * len(items)


def halves(x):
    n = len(x)
    if float(x[0]) > 10:
        return x * (n >> 1) + (n / 1) + (n | 1) + (n & 1) + (n << 1)
    return x


def quotient_type(x):
    n = len(x)
    if float(x[0]) > 10:
        return x * isinstance(n / 1, float)
    return x


def late_generator(x):
    k = 1
    parts = (k * v for v in (1.0, 2.0))
    if float(x[0]) > 10:
        k = 2
        return x * sum(parts)
    return x


def used_up(x):
    pairs = zip((1, 2), (3, 4))
    if float(x[0]) > 10:
        n = 0
        for a, b in pairs:
            n = n + 1
        for a, b in pairs:
            n = n + 1
        return x * n
    return x


def empty_pairs(x):
    pairs = zip((), ())
    if float(x[0]) > 10 and pairs:
        return x * 2
    return x


def chosen_rows(x):
    rows = (0, 1)
    y = np.outer(x, x)
    return y[rows, :] if float(x[0]) > 10 else y[:2]


def dots(x):
    y = np.outer(x, x)[None]
    d = Ellipsis
    return y[d, 0, :] if float(x[0]) > 10 else y[0]


def fortran(x):
    y = np.outer(x, x)
    z = np.reshape(y, (y.size,), "F") if float(x[0]) > 10 else np.reshape(y, y.size, "C")
    return z * z.ndim


def scalar_cast(x):
    s = x.sum().astype(np.float32)
    if float(x[0]) > 10:
        return np.asarray(s).shape + () == () and isinstance(s, np.ndarray), x * isinstance(
            s, np.generic
        )
    return False, x


def scalar_copy(x):
    s = x.sum().copy()
    y = np.asarray(s)
    if float(x[0]) > 10:
        y = np.asarray(s)
        y[...] = 3
    return x + y


def scalar_astype_written(x):
    s = x.sum().astype(np.float32)
    if float(x[0]) > 10:
        y = np.asarray(s)
        y[...] = 3
        return x + y
    return x


def stacked_dtype(x):
    y = np.concatenate([x, x], dtype=np.float32, casting="unsafe")
    if float(x[0]) > 10:
        return y.astype(np.float64, copy=False)
    return x


def negative_zero(x):
    z = -0.0
    if float(x[0]) > 10:
        return x * (z**2) + np.copysign(1, z**2)
    return x


class Options(NamedTuple):
    n: int

    @property
    def even(self):
        return self.n % 2 == 0


def with_property(x):
    o = Options(3)
    if float(x[0]) > 10:
        return x * 2 if o.even else x * 3
    return x


def drawn_number(n):
    return float(np.random.rand()) * n


def random_choice(x):
    if float(x[0]) > 10:
        return x * drawn_number(3)
    return x


def swapped(a, b):
    return b - a


def in_order(x):
    it = iter([1.0, 5.0])
    if float(x[0]) > 10:
        return x * swapped(next(it), next(it))
    return x


def when(a, b, c):
    return a if c else b


def not_asked(x):
    items = [1.0]
    if float(x[0]) > 10:
        y = when(1.0, items.pop(), x[1] > 0)
        return x * y + len(items)
    return x


def finally_changes(x):
    k = 1
    for i in (1, 2, 3):
        try:
            if float(x[0]) > 10:
                break
        finally:
            k = k + 1
    return x * k


def finally_break(x):
    k = 1
    while True:
        try:
            k = 2
            if float(x[0]) > 10 or k == 2:
                break
        finally:
            k = 5
    return x * k


def mutated_list(x):
    items = [1, 2]
    other = items
    if float(x[0]) > 10:
        other.append(3)
    return x * len(items)


def mutated_inner(x):
    items = [[1], [2]]
    for row in items:
        if float(x[0]) > 10:
            row.append(3)
    return x * sum(len(row) for row in items)


def extended(x):
    items = [1]
    alias = items
    if float(x[0]) > 10:
        alias += [2, 3]
    return x * len(items)


def default_list(x, seen=[1]):
    if float(x[0]) > 10:
        seen = seen + [2]
    return x * len(seen)


def loop_joins(x):
    k, m = 1, 1
    for v in x:
        k, m = m, (k + 1 if float(v) > 10 else m)
    return x * k * m


def else_of_loop(x):
    for v in x:
        if float(v) > 10:
            break
    else:
        return x * 2
    return x * 3


def while_loop(x):
    n = 0
    while n < float(x[0]):
        n += 1
        if n == 12:
            break
    else:
        n = -n
    return x * n


def continues(x):
    total = 0
    for v in (1, 2, 3):
        if v < float(x[0]):
            continue
        total += v
    return x * total


def division(x):
    try:
        k = 1 // int(float(x[0]) > 10)
    except ZeroDivisionError:
        k = 4
    return x * k


def math_domain(x):
    try:
        y = math.log(x[0] - 5)
        k = 1
    except ValueError:
        k = 2
    return x * k


def lambda_hides(x):
    y = x
    f = lambda y: y + 1
    return f(x * 2) if float(x[0]) > 10 else y


def underscore(x):
    _ = x * 2
    a, b = divmod(x, 2)
    return _ + a if float(x[0]) > 10 else a


def deleted(x):
    items = [1, 2, 3]
    if float(x[0]) > 10:
        del items[0]
    return x * len(items)


def matched(x):
    match int(float(x[0]) > 10):
        case 1:
            y = x * 1
            done = y.fill(3.0)
            return y
        case _:
            return x


def aliased_view(x):
    y = x * 1
    part = y[:2]
    if float(x[0]) > 10:
        part += 5
    return y


def nonlocal_change(x):
    k = 1

    def up():
        nonlocal k
        k = 2

    if float(x[0]) > 10:
        up()
    return x * k


def any_of(x):
    if any(float(v) > 10 for v in x):
        return x * 2
    return x


def all_of(x):
    return x * 2 if all(float(v) < 10 for v in x) else x


def largest(x):
    return x * max(1, int(x[0]))


def bool_and(x):
    flag = np.bool_(float(x[0]) > 10) is True
    return x * 2 if flag else x


def truth_of_sum(x):
    return x * 2 if x.sum() else x * 3


def recursion(x, n=0):
    return x * n if n > 2 or float(x[0]) < 10 else recursion(x, n + 1)


def is_same(x):
    s = float(x[0])
    return x * 2 if s == int(s) else x


def dict_values(x):
    d = {"a": 1}
    if float(x[0]) > 10:
        d["a"] = 2
    return x * d["a"]


def set_values(x):
    d = {1, 2}
    if float(x[0]) > 10:
        d.add(3)
    return x * len(d)


def generator_of(items):
    for v in items:
        yield v


def generator_later(x):
    items = [1, 2]
    g = generator_of(items)
    if float(x[0]) > 10:
        items.append(3)
    return x * sum(g)


def first_greater(x):
    return x * next((i for i, v in enumerate(x) if v > 0.25), -1)


def errors_where(x):
    with np.errstate(all="raise"):
        try:
            y = 1 / (x - 11)
        except FloatingPointError:
            return x * 2
    return x


def checks_value(v):
    if float(v) > 10:
        raise ValueError("too large")
    return v


def raising(x):
    try:
        v = checks_value(x[0])
    except ValueError:
        return x * 2
    return x


def raising_plainly(x):
    checks_value(x[0])
    return x * 1


def float32_number(x):
    k = np.float32(0.1)
    y = x.astype(np.float32)
    return y * k + (y * 0.1 if float(x[0]) > 10 else y)


def number_kinds(x):
    k = np.float64(2)
    y = x.astype(np.float32)
    return y * k if float(x[0]) > 10 else y.astype(float)


def python_number(x):
    k = float(np.float64(2))
    y = x.astype(np.float32)
    return y * k if float(x[0]) > 10 else y


def int_overflow(x):
    n = np.int8(100)
    with np.errstate(all="ignore"):
        return x * (n + np.int8(100)) if float(x[0]) > 10 else x


def rule_user(rule, x):
    return rule(x)


def other(x, y=1):
    return x * 5


def rule(x, y):
    return x


def named_alike(x):
    return rule_user(other, x) if float(x[0]) > 10 else rule(x, 2)


def star(*xs, k=2, unused=0):
    return xs[0] * k + xs[1]


def starred(x):
    return star(x, x * 3, k=3) if float(x[0]) > 10 else star(x, x)


def two_roots(x):
    if float(x[0]) > 10:
        return sqrt_of_each(x * -1)
    return x * sqrt(4.0)


INFINITE = float("inf")


def infinite(x):
    return np.where(x > 10, INFINITE, x)


def sorted_by(x):
    order = sorted(range(len(x)), key=lambda i: -x[i])
    return x[order]


def first_of(x):
    parts = [p for p in (None, x, x * 2) if p is not None]
    if float(x[0]) > 10:
        parts.insert(0, x * 9)
    return parts[0]


def multiple_targets(x):
    a = b = [1]
    if float(x[0]) > 10:
        a.append(2)
    return x * len(b)


def star_target(x):
    first, *rest = (1, 2, 3)
    if float(x[0]) > 10:
        rest.append(4)
    return x * sum(rest)


def augmented_tuple(x):
    t = (1,)
    if float(x[0]) > 10:
        t += (2,)
    return x * len(t)


def in_range(x):
    k = 3 if float(x[0]) > 10 else 1
    return x * (k in (1, 2))


def equal_tuples(x):
    t = (1, 2 if float(x[0]) > 10 else 3)
    return x * (t == (1, 3))


def shape_of_part(x):
    y = x[x > 10]
    return x * 2 if y.size == 0 else x * y.size


def view_of(x):
    y = x.view(np.ndarray)
    return x * 2 if y.dtype == x.dtype else x


def sum_kept(x):
    s = np.sum(x.sum(), keepdims=True)
    return x * isinstance(s, np.ndarray)


def turned(x):
    s = np.transpose(x.sum())
    return x * isinstance(s, np.ndarray)


def reshaped_scalar(x):
    s = x.sum().reshape(())
    return x * isinstance(s, np.ndarray)


def whole_index(x):
    y = x.sum()[()]
    return x * 2 if float(x[0]) > 10 else x[()] + y
