"""Bodies of primitives with aliases, mutable containers, helpers and kinds that values choose."""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np


def helper(x, k=2, scale=1.0):
    return x * k + scale


def two_ways(x):
    a = helper(x)
    b = helper(x, 3) if float(x[0]) > 10 else helper(x, k=4, scale=float(x[1]))
    return a + b


def as_value(x):
    f = helper if float(x[0]) > 10 else other
    return f(x) + helper(x, 3)


def other(value):
    return value - 1


def in_table(x):
    table = {"a": helper, "b": other}
    return table["a" if float(x[0]) > 10 else "b"](x)


def mapped(x):
    return sum(map(other, [x, x * 2])) if float(x[0]) > 10 else x


def with_partial(x):
    f = functools.partial(helper, k=7)
    return f(x) if float(x[0]) > 10 else helper(x)


def sorted_by_key(x):
    items = sorted([3, 1, 2], key=key_of)
    return x * items[0] if float(x[0]) > 10 else x


def key_of(v):
    return -v


def pair(value):
    return value + 1, value.fill(2.0)


def drops_component(x):
    y = x * 1
    if float(x[0]) > 10:
        a, b = pair(y)
        return a + y
    return y


def pairs_of(value):
    yield value, 1
    yield value * 2, 2


def generator_pairs(x):
    t = 0
    for v, k in pairs_of(x):
        t = t + v * (k if float(x[0]) > 10 else 1)
    return t


def early(value):
    yield 1
    if float(value[0]) > 10:
        return
    yield 2


def generator_return(x):
    return x * sum(early(x))


def yields_from(value):
    yield from early(value)
    yield 5


def outer_generator(x):
    return x * sum(yields_from(x))


def written_between(x):
    buffer = np.zeros(4)
    t = 0
    for part in views(buffer, x):
        t = t + part.copy()
    return t + buffer


def views(buffer, x):
    for i in range(2):
        buffer[:] = x * i
        yield buffer


def last_call(x):
    y = x * 2
    return ends(y, 3)


def ends(x, k):
    y = x + k
    if float(y[0]) > 10:
        x = y * 2
    return x + y


def default_changes(x):
    return with_default(x) + with_default(x, [5])


def with_default(x, items=[1, 2]):
    return x * len(items) + (items[0] if float(x[0]) > 10 else 0)


def star_args(x):
    args = (x, 3) if float(x[0]) > 10 else (x,)
    return helper(*args)


def star_kwargs(x):
    kw = {"k": 5} if float(x[0]) > 10 else {}
    return helper(x, **kw)


def alias_changed(x):
    y = x
    z = y
    if float(x[0]) > 10:
        y = x * 2
    return z + y


def alias_in_loop(x):
    a = x
    for i in range(3):
        b = a
        a = a + 1
        if float(b[0]) > 10:
            break
    return a + b


def swap_in_loop(x):
    a, b = 1, 2
    for v in x:
        if float(v) > 10:
            a, b = b, a
    return x * a + b


def count_down(x):
    n = 3
    while n and float(x[0]) > 10 * n:
        n -= 1
    return x * n


def tuple_grows(x):
    t = ()
    for v in (1, 2, 3):
        if float(x[0]) > 10 * v:
            t = (*t, v)
    return x * len(t) + sum(t)


def list_in_tuple(x):
    t = ([1], 2)
    if float(x[0]) > 10:
        t[0].append(4)
    return x * len(t[0])


def list_in_namedtuple(x):
    b = Box([1, 2])
    if float(x[0]) > 10:
        b.items.append(5)
    return x * len(b.items) + sum(b.items)


class Box(NamedTuple):
    items: list
    n: int = 1

    def first(self):
        return self.items[0] * self.n


def namedtuple_method(x):
    b = Box([float(x[0]), 2])
    c = Box([1], 2)
    return x * b.first() + c.first() + (b.first() > 10)


def namedtuple_equal(x):
    a, b = Box([1]), Box([1], 1 if float(x[0]) > 10 else 2)
    return x * (a == b) + (a.n == b.n)


def returned_list(x):
    a, b = fresh(), fresh()
    if float(x[0]) > 10:
        a.append(1)
    return x * len(a) + len(b)


def fresh():
    return [1, 2]


def passed_list(x):
    a = [1]
    grow(a, x)
    return x * len(a)


def grow(items, x):
    if float(x[0]) > 10:
        items.append(1)


def list_slice(x):
    a = [1, 2, 3]
    if float(x[0]) > 10:
        a[1:] = [9]
    return x * len(a) + a[-1]


def list_sort(x):
    a = [3, 1, 2]
    if float(x[0]) > 10:
        a.sort()
    return x * a[0]


def list_times(x):
    a = [1] * 3
    b = a
    if float(x[0]) > 10:
        b[0] = 5
    return x * a[0]


def nested_times(x):
    a = [[0]] * 2
    if float(x[0]) > 10:
        a[0].append(1)
    return x * len(a[1])


def dict_of_lists(x):
    items = [1]
    d = {"a": items}
    if float(x[0]) > 10:
        d["a"].append(2)
    return x * len(items)


def closure_changes(x):
    items = [1]
    add = lambda: items.append(2)
    if float(x[0]) > 10:
        add()
    return x * len(items)


def late_lambda(x):
    k = 1
    f = lambda v: v * k
    if float(x[0]) > 10:
        k = 2
    return f(x)


def comprehension_scope(x):
    k = 5
    parts = [k for k in (1, 2)]
    return x * k + (sum(parts) if float(x[0]) > 10 else 0)


def comprehension_condition(x):
    parts = [k for k in (1, 2, 30) if k < float(x[0])]
    return x * len(parts) + (parts[-1] if parts else 7)


def nested_comprehension(x):
    return x * sum(a * b for a in (1, 2) for b in range(a) if float(x[0]) > 10 or b == 0)


def set_comprehension(x):
    return x * len({v % 2 for v in (1, 2, 3) if v < float(x[0])})


def dict_comprehension(x):
    return x * {k: k * 2 for k in (1, 2)}[2 if float(x[0]) > 10 else 1]


def conditional_default(x):
    k = 3 if x is None else 4 if float(x[0]) > 10 else 5
    return x * k


def none_or_value(x):
    k = None
    if float(x[0]) > 10:
        k = 2
    return x if k is None else x * k


def or_default(x):
    k = int(float(x[0]) > 10) or 7
    return x * k


def and_value(x):
    k = float(x[0]) > 10 and 3
    return x * k


def not_value(x):
    return x * (not float(x[0]) > 10)


def equality_of_arrays(x):
    return x * 2 if np.array_equal(x, x[::-1]) else x * 3


def all_close(x):
    return x * 2 if np.allclose(x, x[0]) else x * 3


def max_is_first(x):
    return x * int(np.argmax(x)) + (2 if np.argmax(x) == 0 else 3)


def empty_where(x):
    (i,) = np.nonzero(np.asarray(x) > 10)
    return x * len(i) + (i[0] if len(i) else -1) + i.size


def mask_some(x):
    m = x > 10
    return (x * 2 if m.any() else x * 3) + (1 if m.all() else 0) + m.sum()


def where_alias(x):
    y = x * 1
    m = y > 10
    y[m] = 0
    return y + m


def isnan_branch(x):
    if np.isnan(x).any():
        return np.where(np.isnan(x), 0, x)
    return x * 2


def rank_of(x):
    a = np.outer(x, x)
    r = int(np.linalg.matrix_rank(np.nan_to_num(a, nan=0, posinf=1, neginf=-1)))
    return x * r


def complex_eigen(x):
    e = np.linalg.eigvals(np.nan_to_num(np.array([[0, x[1]], [x[2], 0]]), posinf=1, neginf=-1))
    return x * 2 if np.iscomplexobj(e) else x * 3


def kind_of_root(x):
    e = np.emath.sqrt(x)
    return x * 2 if e.dtype.kind == "c" else x * 3


def dtype_of_where(x):
    y = np.where(x > 10, 1, 2)
    return x * y.dtype.itemsize + y


def python_scalar(x):
    y = float(x[1]) if float(x[0]) > 10 else np.float32(x[1])
    z = np.float32(2) * y
    return x * isinstance(y, np.generic) + z


def scalar_or_array(x):
    y = x[0] if float(x[0]) > 10 else x[:1]
    return x * np.ndim(y) + (y.ndim == 0)


def int_or_float(x):
    k = 2 if float(x[0]) > 10 else 2.0
    return np.arange(4) * k


def bool_or_int(x):
    k = True if float(x[0]) > 10 else 1
    return np.array([k, k]).astype(float) + (2 if k is True else 3)


def zero_signs(x):
    k = 0.0 if float(x[0]) > 10 else -0.0
    return np.copysign(1.0, k) * x + np.arctan2(k, -1.0)


def nan_constant(x):
    k = math.nan if float(x[0]) > 10 else math.inf
    return np.where(x > k, 1.0, k)


def tiny_literal(x):
    k = 1e-320 if float(x[0]) > 10 else 0.1 + 0.2
    return x * k


def big_int(x):
    k = 2**70 if float(x[0]) > 10 else 2**53 + 1
    return x * float(k) + k % 7


def text_branch(x):
    mode = "a" if float(x[0]) > 10 else "b"
    return x * {"a": 1, "b": 2}[mode] + len(mode + "xyz") + (mode == "a")


def fstring(x):
    mode = f"{'big' if float(x[0]) > 10 else 'small'}-{2}"
    return x * len(mode)


def raises_with_text(x):
    k = 3
    if float(x[0]) > 20:
        raise ValueError(f"{k} of {x.shape} at {float(x[0])!r}: {'x' * k}")
    return x


def nested_raise(x):
    check_it(x, 5, name="values")
    return x * 2


def check_it(x, k, name):
    if float(x[0]) > k * 4:
        raise ValueError(f"{name} must be below {k * 4}, not {float(x[0])}")


def asserts(x):
    assert float(x[0]) < 20, ("too large", x.shape)
    return x


def generator_expression_order(x):
    log = []

    def note(v):
        log.append(v)
        return v

    t = sum(note(v) for v in (1, 2)) if float(x[0]) > 10 else 0
    return x * len(log) + t


def iterator_shared(x):
    it = iter((1, 2, 3, 4))
    return x * sum(a * b for a, b in zip(it, it)) if float(x[0]) > 10 else x


def enumerate_start(x):
    return x * sum(i for i, v in enumerate((5, 6), 3)) + (1 if float(x[0]) > 10 else 0)


def reversed_twice(x):
    r = reversed((1, 2, 3))
    a = next(r) if float(x[0]) > 10 else 0
    return x * a + sum(r)


def chain_of(x):
    r = itertools.chain((1, 2), (3,) if float(x[0]) > 10 else ())
    return x * len(list(r))


def product_of(x):
    return x * len(list(itertools.product((1, 2), range(int(float(x[0]) > 10) + 1))))


def view_written(x):
    y = np.zeros((2, 2))
    r = y.reshape(-1)
    r[0] = 5
    if float(x[0]) > 10:
        y.T[0, 1] = 7
    return x + r.sum() + y[1, 0]


def broadcast_written(x):
    y = x.copy()
    v = y[None, :][:, :2]
    if float(x[0]) > 10:
        v += 1
    return y


def asarray_alias(x):
    y = x * 1
    z = np.asarray(y)
    if float(x[0]) > 10:
        z[0] = 0
    return y


def whole_slice_copy(x):
    y = x * 1
    z = y[:]
    w = z[...]
    if float(x[0]) > 10:
        w[0] = 0
    return y + z


def astype_copies(x):
    y = x * 1
    z = y.astype(float)
    w = y.astype(float, copy=False)
    if float(x[0]) > 10:
        z[0] = 5
        w[1] = 6
    return y


def contiguous_alias(x):
    y = x * 1
    z = np.ascontiguousarray(y)
    if float(x[0]) > 10:
        z[0] = 0
    return y


def augmented_alias(x):
    y = x * 1
    z = y
    if float(x[0]) > 10:
        z += 1
    return y


def augmented_number(x):
    y = x.sum()
    z = y
    z += 1
    return x * y + z if float(x[0]) > 10 else x


def out_argument(x):
    y = np.zeros(4)
    z = np.add(x, 1, out=y) if float(x[0]) > 10 else y
    return y


def out_position(x):
    y = np.zeros(4)
    if float(x[0]) > 10:
        np.add(x, 1, y)
    return y


def out_unread(x):
    y = np.zeros(4)
    if float(x[0]) > 10:
        unused = np.add(x, 1, y)
    return y


def reduce_out(x):
    y = np.zeros(())
    if float(x[0]) > 10:
        unused = np.add.reduce(x, 0, None, y)
    return x + y


def method_sort(x):
    y = x * 1
    if float(x[0]) > 10:
        unused = y.sort()
    return y


def chosen_function(x):
    f = np.maximum if float(x[0]) > 10 else np.minimum
    return f(x, 1) + f.reduce(x)


def chosen_method(x):
    name = x.max if float(x[0]) > 10 else x.min
    return x * name()


def ufunc_attribute(x):
    return x * (np.add if float(x[0]) > 10 else np.negative).nin


def divmod_parts(x):
    a, b = divmod(x, 3)
    return a if float(x[0]) > 10 else b


def frexp_parts(x):
    m, e = np.frexp(x)
    return e if float(x[0]) > 10 else m


def integer_values(x):
    n = int(np.nan_to_num(x[1], posinf=3, neginf=3)) % 5
    return x[n:] if n < 4 else x


def repeats_value(x):
    n = int(abs(np.nan_to_num(x[1], posinf=3, neginf=3))) % 5
    t = 0
    for i in range(n):
        t = t + x * i
    return t + n


def loop_else_break(x):
    for i, v in enumerate(x):
        if float(v) > 10:
            break
    else:
        i = -1
    return x * i


def flag_in_loop(x):
    found = False
    for v in x:
        if float(v) > 10:
            found = True
    return x * 2 if found else x


def two_flags(x):
    a = b = False
    for v in x:
        a, b = b or float(v) > 10, a
    return x * (1 + a + 2 * b)


def state_machine(x):
    state = "start"
    for v in x:
        if state == "start" and float(v) > 10:
            state = "in"
        elif state == "in":
            state = "out"
    return x * {"start": 1, "in": 2, "out": 3}[state]


def swapped_names(x):
    first, second = x, x * 2
    if float(x[0]) > 10:
        first, second = second, first
    return first - second


def delete_name(x):
    y = x * 2
    z = y
    del y
    return z if float(x[0]) > 10 else x


def same_branches(x):
    return x * 2 if float(x[0]) > 10 else x * 2


def chained_assignment(x):
    a = b = x * 1
    if float(x[0]) > 10:
        a += 1
    return b


def index_by_tuple(x):
    y = np.outer(x, x)
    i = (0, 1)
    return y[i] * x if float(x[0]) > 10 else y[i, :][0]


def index_by_list(x):
    i = [0, 1]
    return x[i] if float(x[0]) > 10 else x[[1, 0]]


def index_by_bool(x):
    y = x[True] if float(x[0]) > 10 else x[None]
    return y


def index_star(x):
    y = np.outer(x, x)
    i = (slice(None), 0)
    return y[*i] if float(x[0]) > 10 else y[(*i,)] * 2


def shape_index(x):
    y = np.zeros((2, 3, 4))
    a, *b = y.shape
    return x * (b[0] if float(x[0]) > 10 else a) + y.shape[-1] + y.shape[1:][0]


def ndim_branch(x):
    y = x[:, None] if float(x[0]) > 10 else x
    return y.sum(axis=-1) + y.ndim


def dtype_branch(x):
    y = x.astype(np.float32) if float(x[0]) > 10 else x
    return y * (2 if y.dtype == np.float32 else 3)


def result_type_branch(x):
    y = np.float32(1) if float(x[0]) > 10 else np.float64(1)
    return x * np.result_type(y, np.float32).itemsize


def finfo_branch(x):
    y = x.astype(np.float32) if float(x[0]) > 10 else x
    return x + np.finfo(y.dtype).eps


class Choice(NamedTuple):
    n: int

    def double(self):
        return self.n * 2


def method_by_text(x):
    c = Choice(3)
    return x * getattr(c, "double")() if float(x[0]) > 10 else x * c.n


def attribute_by_text(x):
    return getattr(x, "max" if float(x[0]) > 10 else "min")() + x


def appended_generator(x):
    k, kept = 1, []
    kept.append(k * v for v in (1.0, 2.0))
    if float(x[0]) > 10:
        k = 2
        return x * sum(kept[0])
    return x * k
