"""The calls that are checked: what of them is known by name, copied, and turned into tensors."""

import builtins
import functools
import operator
import re
import types

import numpy as np

import tensorgrad as tg
from docs.coverage import functions, label, methods
from tests.numpy_suite.rewrite import OPERATORS

ELEMENTS = 3000  # of all arrays of a call together; larger calls are not checked
# What has effects outside its result, and what depends on more than its arguments.
# fmt: off
LEFT_OUT = {
    "empty", "empty_like", "test", "linalg.test", "fft.test", "info", "show_config", "show_runtime", "save", "savez",
    "savez_compressed", "savetxt", "load", "loadtxt", "genfromtxt", "fromfile", "fromregex", "fromiter", "fromstring", "frombuffer",
    "nested_iters", "set_printoptions", "seterr", "seterrcall", "setbufsize", "may_share_memory", "shares_memory",
    "from_dlpack", "frompyfunc", "printoptions", "get_printoptions",
}
METHODS_LEFT_OUT = {"tofile", "dump", "dumps", "setflags", "resize", "byteswap"}
# They write into their first argument, and it is that which is compared.
WRITERS = {
    "operator.setitem", "ndarray.sort", "ndarray.partition", "ndarray.fill", "ndarray.put", "ndarray.setfield", "copyto", "place",
    "putmask", "put", "put_along_axis", "fill_diagonal", "add.at", "subtract.at",
}
IN_PLACE = "add and floordiv lshift matmul mod mul or pow rshift sub truediv xor"
WRITERS |= {f"operator.i{name}" for name in IN_PLACE.split()}
UNARY_BUILTINS = (abs, bool, divmod, int, len, round)
# fmt: on
FUNCTIONS = {f: re.match(r"[\w.]+", label(f, names))[0] for f, names in functions().items()}
FUNCTIONS = {f: name for f, name in FUNCTIONS.items() if name not in LEFT_OUT}
FUNCTIONS |= {m: f"{ufunc.__name__}.{name}" for ufunc, name, m in methods()}
USED = [*OPERATORS.values(), "getitem", "setitem", *(f"i{name}" for name in IN_PLACE.split())]
FUNCTIONS |= {getattr(operator, name): f"operator.{name}" for name in USED}
FUNCTIONS |= {f: f"builtins.{f.__name__}" for f in UNARY_BUILTINS}
KINDS = {type(f) for f in FUNCTIONS}
SCALARS = frozenset(np.sctypeDict.values())
PLAIN = (type(None), bool, int, float, complex, str, bytes, slice, type(...), type, np.dtype)


class LeftOut(Exception):
    """A call that cannot be made twice, or is too large."""


def name_of(f):
    """Return the name of a function that is checked, None of any other."""
    if type(f) not in KINDS:
        return None
    owner = getattr(f, "__self__", None)
    if type(owner) is np.ndarray:
        skip = f.__name__ in METHODS_LEFT_OUT or f.__name__.startswith("__")
        return None if skip else f"ndarray.{f.__name__}"
    if owner is not None and not isinstance(owner, (np.ufunc, types.ModuleType)):
        return None
    return FUNCTIONS.get(f)


def as_function(f, args):
    """Return a method of an array as a function of that array."""
    owner = getattr(f, "__self__", None)
    if type(owner) is not np.ndarray:
        return f, args
    return functools.partial(call_method, f.__name__), (owner, *args)


def returning_target(function):
    """Return a function that writes into its first argument as one that returns it, and leaves leaves alone."""

    def call(target, *args, **kwargs):
        if getattr(target, "requires_grad", False):
            target = np.copy(target)
        result = function(target, *args, **kwargs)
        return target if result is None else result

    return call


def determined(function):
    """Return a ufunc as a function with 0 for the elements of a new array that `where` leaves undefined."""
    if not isinstance(function, np.ufunc):
        return function

    def call(*args, **kwargs):
        return without_undefined(function, args, kwargs, function(*args, **kwargs))

    return call


def without_undefined(function, args, kwargs, result):
    """Return what a call gave with 0 for elements that it leaves undefined."""
    where = kwargs.get("where", True)
    into = kwargs.get("out") is not None or len(args) > getattr(function, "nin", 0)
    if not isinstance(function, np.ufunc) or where is True or into or result is None:
        return result
    if isinstance(result, tuple):
        return tuple(without_undefined(function, args, kwargs, x) for x in result)
    return np.where(where, result, np.zeros((), getattr(result, "dtype", object)))


def call_method(name, x, *args, **kwargs):
    return getattr(x, name)(*args, **kwargs)


def is_array(x):
    return type(x) is np.ndarray or type(x) in SCALARS


def arrays_in(tree):
    """Return the arrays and NumPy's scalars in an argument, however deep in lists, tuples and dicts."""
    if is_array(tree):
        yield tree
    elif type(tree) in (list, tuple):
        for item in tree:
            yield from arrays_in(item)
    elif type(tree) is dict:
        yield from arrays_in(list(tree.values()))


def mapped(tree, change):
    """Return the same tree with `change` applied to what is no list, tuple or dict."""
    if type(tree) in (list, tuple):
        return type(tree)(mapped(item, change) for item in tree)
    if type(tree) is dict:
        return {key: mapped(item, change) for key, item in tree.items()}
    return change(tree)


def once(change):
    """Return the change, which gives one object one image, so that `f(x, out=x)` stays what it is."""
    seen = {}

    def changed(x):
        if id(x) not in seen:
            seen[id(x)] = (x, change(x))
        return seen[id(x)][1]

    return changed


def is_checked(name, operands, kwargs):
    """Return True if a call has an array of numbers where it counts: `"%s" % (array,)` has none."""
    if name.startswith("operator."):
        operands = operands[:1] if name in ("operator.getitem", "operator.setitem") else operands
        return any(wants(x, "biufc") for x in operands)
    return any(wants(x, "biufc") for x in arrays_in([list(operands), kwargs]))


def overlaps_itself(x):
    """Return True if two elements of an array lie at one place, which a copy does not show."""
    extent = x.itemsize
    for stride, n in sorted((abs(s), n) for s, n in zip(x.strides, x.shape) if n > 1):
        if stride < extent:
            return True
        extent = stride * n
    return False


def copied(tree, written=False):
    """Return a tree of arguments with arrays of its own.

    Raises: LeftOut for iterators, which another call would find exhausted, and for large arrays.
    """
    left = ELEMENTS

    def copy(x):
        nonlocal left
        if isinstance(x, np.ndarray):
            left -= x.size
            # A write gives a tensor another array, so that it can be read-only, or overlap itself.
            if left < 0 or (written and (overlaps_itself(x) or not x.flags.writeable)):
                raise LeftOut
            own = x.copy(order="K") if type(x) is np.ndarray else x.copy()
            own.flags.writeable = x.flags.writeable
            return own
        if hasattr(type(x), "__next__") or isinstance(x, (np.nditer, np.flatiter)):
            raise LeftOut
        return x

    return mapped(tree, once(copy))


def key_of(tree):
    """Return what distinguishes one call from another: the values, shapes and dtypes."""
    if isinstance(tree, np.ndarray):
        if tree.dtype.hasobject:
            return type(tree), tree.shape, tree.dtype.str, repr(tree)
        return type(tree), tree.shape, tree.dtype.str, tree.strides, hash(tree.tobytes())
    if type(tree) in (list, tuple):
        return type(tree), *map(key_of, tree)
    if type(tree) is dict:
        return dict, *((k, key_of(v)) for k, v in tree.items())
    if isinstance(tree, (np.generic, *PLAIN)):
        return type(tree), repr(tree)
    return type(tree), id(tree)


def wants(x, kinds):
    return is_array(x) and x.dtype.kind in kinds


def as_leaves(tree, dtype=None):
    """Return the tree with floating-point and complex arrays as leaves, and the leaves with their arrays."""
    pairs = []

    def leaf(x):
        if not wants(x, "fc"):
            return x
        t = tg.Tensor(x if dtype is None else x.astype(dtype(x)), requires_grad=True)
        pairs.append((x, t))
        return t

    return mapped(tree, once(leaf)), pairs


def as_constants(tree):
    """Return the tree with arrays of numbers as constant tensors, and these with their arrays."""
    pairs = []

    def constant(x):
        if not wants(x, "biufc"):
            return x
        pairs.append((x, tg.Tensor(x)))
        return pairs[-1][1]

    return mapped(tree, once(constant)), pairs


def text_of(name, args, kwargs):
    """Return the call as one could type it, cut short."""
    parts = [short(a) for a in args] + [f"{k}={short(v)}" for k, v in kwargs.items()]
    return f"{name}({', '.join(parts)})"


def short(x):
    """Return the text of an argument, of a large array its shape and dtype alone."""
    if type(x) in (list, tuple) and any(True for _ in arrays_in(x)):
        return f"{type(x).__name__}({', '.join(map(short, x))})"
    if isinstance(x, np.ndarray) and x.size > 30:
        return f"<{x.dtype} of shape {x.shape}>"
    text = " ".join(builtins.repr(x).split())
    if isinstance(x, np.ndarray) and "dtype" not in text:
        text = f"{text[:-1]}, dtype={x.dtype})"
    return text if len(text) <= 300 else f"{text[:300]}…"
