"""Programs follow what code without a module, subclasses and modules have: each kind of change."""

import builtins
import collections
import dataclasses
import doctest
import enum
import functools
import importlib
import itertools
import logging
import math
import sys
import types
import typing

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program.test_definitions import check_changes_are_used

FACTOR = 2.0


def defined(text, **names):
    """Return the names that a text defines where there is no `__name__`, as exec does it."""
    space = {"np": np, "nn": nn, "tg": tg, **names}
    exec(text, space)
    return types.SimpleNamespace(space=space, **space)


def scaled(f):
    """Decorate a function; the result has the name and the module of f."""

    @functools.wraps(f)
    def of(x):
        return f(x) * FACTOR

    return of


def patched(where, name, value):
    old = getattr(where, name)
    return [lambda: setattr(where, name, value), lambda: setattr(where, name, old)]


# Code without a module


def class_of_exec():
    d = defined(
        "class S:\n  k = 2.0\n  def __init__(s): s.a = np.ones(3)\n"
        "  def g(s, x): return x * s.k * (2 * s.a)\n"
        "obj = S()\nf = lambda x: obj.g(x)"
    )
    return d.f, [
        lambda: setattr(d.S, "k", 3.0),
        lambda: setattr(d.obj, "k", 4.0),
        lambda: d.obj.a.__setitem__(0, 5.0),
        lambda: setattr(d.S, "g", lambda s, x: x),
    ]


def slots_of_exec():
    d = defined(
        "class S:\n  __slots__ = 'k'\n  def g(s, x): return x * s.k\n"
        "obj = S()\nobj.k = 2.0\nf = lambda x: obj.g(x)"
    )
    return d.f, [lambda: setattr(d.obj, "k", 3.0), lambda: setattr(d.S, "g", lambda s, x: x)]


def module_of_exec():
    d = defined(
        "class S(nn.Module):\n"
        "  def __init__(s): s.k, s.n = tg.Tensor(np.ones(3)), 2.0\n"
        "  def forward(s, x): return x * s.k * s.n\n"
        "obj = S()\nf = lambda x: obj(x)"
    )
    return d.f, [lambda: setattr(d.obj.k, "data", np.full(3, 3.0)), lambda: setattr(d.obj, "n", 5)]


def class_without_a_module():
    d = defined("S = type('S', (), {'k': 2.0, 'g': lambda s, x: x * s.k})\nobj = S()")
    assert not hasattr(d.S, "__module__")
    return (lambda x: d.obj.g(x)), [lambda: setattr(d.S, "k", 3.0), lambda: setattr(d.obj, "k", 4)]


def function_of_a_code():
    space = {"k": 2.0}
    f = types.FunctionType((lambda x: x * k).__code__, space)  # noqa: F821
    return f, [lambda: space.update(k=3.0)]


def lambda_of_eval():
    space = {"k": 2.0}
    return eval("lambda x: x * k", space), [lambda: space.update(k=3.0)]


def function_of_a_doctest():
    text = ">>> k = 2.0\n>>> def f(x):\n...     return x * k\n"
    test = doctest.DocTestParser().get_doctest(text, {}, "example", None, 0)
    doctest.DocTestRunner().run(test, clear_globs=False)
    return test.globs["f"], [lambda: test.globs.update(k=3.0)]


def methods_of_a_dataclass():
    kind = dataclasses.make_dataclass("C", [("k", float, 2.0)])
    a, b = kind(), kind()
    changes = [lambda: setattr(b, "k", 3.0), lambda: setattr(kind, "__eq__", lambda a, b: 1)]
    return (lambda x: x * (2.0 if a == b else b.k)), changes


def wrapped_function_of_numpy():
    f = scaled(np.tanh)
    assert f.__module__ == "numpy"
    return (lambda x: f(x)), [
        lambda: globals().update(FACTOR=3.0),
        lambda: globals().update(FACTOR=2.0),
    ]


def wrapping_object():
    class Scaled:
        def __init__(self, f):
            functools.update_wrapper(self, f)
            self.k = 2.0

        def __call__(self, x):
            return self.__wrapped__(x) * self.k

    a, b = Scaled(np.tanh), Scaled(lambda x: x)
    return (lambda x: a(x) + b(x)), [lambda: setattr(a, "k", 3.0), lambda: setattr(b, "k", 3.0)]


def file_named_as_of_the_standard_library():
    module = sys.modules["antigravity"] = types.ModuleType("antigravity")
    exec("k, __file__ = 2.0, 'antigravity.py'\ndef g(x): return x * k", vars(module))
    assert "antigravity" in sys.stdlib_module_names
    return (lambda x: module.g(x)), [lambda: setattr(module, "k", 3.0)]


# What subclasses of values have


def of_subclass(kind, *args):
    kind = type("Users", (kind,), {"__module__": "users", "n": 1.0, "g": lambda s: s.k * s.n})
    value = np.ones(3).view(kind) if issubclass(kind, np.ndarray) else kind(*args)
    value.k = 2.0
    changes = [
        lambda: setattr(value, "k", 3.0),
        lambda: setattr(kind, "n", 2.0),
        lambda: setattr(kind, "g", lambda s: 1.0),
    ]
    return (lambda x: x * value.g()), changes


def named_tuple():
    class Pair(typing.NamedTuple):
        a: float

        def g(self, x):
            return x * self.a

    pair = Pair(2.0)
    return (lambda x: pair.g(x)), [lambda: setattr(Pair, "g", lambda s, x: x)]


def member_of_an_enum():
    kind = enum.IntEnum("Kind", {"A": 2})
    kind.A.k = 2.0
    return (lambda x: x * kind.A.k), [lambda: setattr(kind.A, "k", 3.0)]


def partial():
    p = functools.partial(lambda x: x * p.k)
    p.k = 2.0
    return (lambda x: p(x)), [lambda: setattr(p, "k", 3.0)]


def default_factory():
    d = collections.defaultdict(lambda: 2.0)
    return (lambda x: x * d.default_factory()), [lambda: setattr(d, "default_factory", lambda: 3)]


def method_of_a_dict():
    d, items = {"a": 2.0}, [1.0]
    get, item = d.get, items.__getitem__
    return (lambda x: x * get("a") * item(0)), [
        lambda: d.update(a=3.0),
        lambda: items.__setitem__(0, 2.0),
    ]


def static_method():
    state = {"k": 2.0}
    f = staticmethod(lambda x: x * state["k"])
    return (lambda x: f(x)), [lambda: state.update(k=3.0)]


def objects_in_an_array():
    a = np.array([types.SimpleNamespace(k=2.0), None])
    return (lambda x: x * a[0].k), [lambda: setattr(a[0], "k", 3.0)]


# What classes have


def object_of_a_class():
    class Net:
        config = types.SimpleNamespace(k=2.0)

        class Inner:
            k = 2.0

        def g(self, x):
            return x * self.config.k * self.Inner.k

    net = Net()
    return (lambda x: net.g(x)), [
        lambda: setattr(Net.config, "k", 3.0),
        lambda: setattr(Net, "config", types.SimpleNamespace(k=5.0)),
        lambda: setattr(Net.Inner, "k", 3.0),
        lambda: setattr(Net, "Inner", Net.config),
    ]


def metaclass():
    class Meta(type):
        k = 2.0

        @property
        def p(cls):
            return cls.k

    class Net(metaclass=Meta):
        pass

    return (lambda x: x * Net.p), [
        lambda: setattr(Meta, "k", 3.0),
        lambda: setattr(Meta, "p", property(lambda c: 7.0)),
    ]


def descriptor():
    class Scaled:
        n = 1.0

        def __init__(self):
            self.k = 2.0

        def __get__(self, instance, owner):
            if instance is None:
                raise RuntimeError("of objects only")
            return self.k * self.n

    class Net:
        p = Scaled()

    net = Net()
    return (lambda x: x * net.p), [
        lambda: setattr(vars(Net)["p"], "k", 3.0),
        lambda: setattr(Scaled, "n", 2.0),
        lambda: setattr(Scaled, "__get__", lambda *_: 9.0),
    ]


def setter():
    class Net:
        n, _k = 2.0, 0.0

        @property
        def k(self):
            return self._k

        @k.setter
        def k(self, value):
            self._k = value * self.scale()

        def scale(self):
            return self.n

    def use(x):
        net = Net()
        net.k = 3.0
        return x * net.k

    return use, [lambda: setattr(Net, "n", 4.0), lambda: setattr(Net, "scale", lambda s: 5.0)]


def bases():
    a, b = (type("Base", (), {"k": k, "__module__": "users"}) for k in (2.0, 3.0))
    net = type("Net", (a,), {"__module__": "users"})()
    return (lambda x: x * net.k), [lambda: setattr(type(net), "__bases__", (b,))]


def method_named_by_a_text():
    class Net:
        def act(self, x):
            return x * 2.0

    net = Net()

    def use(x):
        for name in ("act", "__class__"):
            if name == "act":
                x = getattr(net, name)(x)
        return x

    return use, [lambda: setattr(Net, "act", lambda s, x: x)]


# Modules, globals and builtins


def functions_of_libraries():
    changes = [
        patched(np, "tanh", np.cos), patched(np, "pi", 3.0), patched(np.linalg, "norm", np.sum),
        patched(tg, "sigmoid", tg.relu), patched(math, "sqrt", abs),
        patched(nn.ReLU, "forward", lambda self, x: x * 5.0),
        patched(nn.Module, "__call__", lambda self, x: x * 6.0),
    ]  # fmt: skip
    layer = nn.ReLU()

    def use(x):
        y = np.tanh(x) * np.pi + np.linalg.norm(x) + tg.sigmoid(x) * math.sqrt(4.0)
        return y + layer(x)

    return use, list(itertools.chain(*changes))


def users_function_in_a_library():
    state = {"k": 2.0}
    changes = patched(tg, "sigmoid", lambda x: x * state["k"])
    return (lambda x: tg.sigmoid(x)), [changes[0], lambda: state.update(k=3.0), changes[1]]


def hidden_builtins():
    d = defined("f = lambda x: x * len((1, 2)) * len(str(credits))", __name__="users")
    return d.f, [
        lambda: d.space.update(len=lambda _: 5.0),
        lambda: d.space.pop("len"),
        *patched(builtins, "credits", "text"),
    ]


def missing_global():
    d = defined("def f(x):\n  try:\n    return x * k\n  except NameError:\n    return x * 2.0")
    g = defined("f = lambda x: x * globals().get('k', 2.0)")
    return (lambda x: d.f(x) + g.f(x)), [
        lambda: d.space.update(k=3.0),
        lambda: g.space.update(k=3.0),
    ]


def module_in_an_attribute():
    module, old = types.ModuleType("users_module"), np.tanh
    module.k = 2.0
    box = types.SimpleNamespace(module=module, xp=np)
    return (lambda x: box.xp.tanh(x) * box.module.k), [
        lambda: setattr(module, "k", 3.0),
        lambda: setattr(np, "tanh", np.cos),
        lambda: setattr(np, "tanh", old),
    ]


def attributes_that_a_module_computes():
    module = types.ModuleType("users_module")
    exec("state = {'k': 2.0}\ndef __getattr__(name): return state[name]", vars(module))
    return (lambda x: x * module.k), [lambda: module.state.update(k=3.0)]


def module_imported_anew():
    for name in ("users_module_1", "users_module_2"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].k = float(name[-1])

    def use(x):
        def inner():
            import users_module_1

            return users_module_1.k

        return x * inner()

    return use, [lambda: sys.modules.update(users_module_1=sys.modules["users_module_2"])]


def slot_set_later():
    class S:
        __slots__ = ("k",)

    s = S()
    return lambda x: x * getattr(s, "k", 3.0), [
        lambda: setattr(s, "k", 2.0),
        lambda: delattr(s, "k"),
    ]


def private_slot():
    class S:
        __slots__ = ("__k",)

        def __init__(self, k):
            self.__k = k

        def times(self, x):
            return x * self.__k

    s = S(1.0)
    return s.times, [lambda: s.__init__(2.0)]


def attributes_replaced():
    kind = type("Kind", (), {})
    x = kind()
    x.k = 2.0

    def replace(**values):
        x.__dict__ = values

    use = lambda y: y * getattr(x, "j", x.k)
    return use, [lambda: replace(k=2.0, j=3.0), lambda: replace(k=2.0)]


def views_of_a_dict():
    d = {"a": 1.0}
    keys, values = d.keys(), d.values()
    return lambda x: x * sum(values) * len(keys), [lambda: d.update(a=2.0), lambda: d.update(b=3.0)]


def vectorized():
    d = {"k": 1.0}
    times = np.vectorize(lambda n: n * d["k"])
    return lambda x: x * times(np.arange(3)), [lambda: d.update(k=2.0)]


def added_to_a_module():
    module = types.ModuleType("users_module_3")
    return lambda x: x * getattr(module, "k", 3.0), [lambda: setattr(module, "k", 2.0)]


def variable_set_later():
    def use(x):
        try:
            return x * k
        except NameError:
            return x

    def change(value):
        nonlocal k
        k = value

    if FACTOR == 0:
        k = 0.0
    return use, [lambda: change(2.0), lambda: change(3.0)]


KINDS = [
    class_of_exec, slots_of_exec, module_of_exec, class_without_a_module, function_of_a_code,
    lambda_of_eval, function_of_a_doctest, methods_of_a_dataclass, wrapped_function_of_numpy,
    wrapping_object, file_named_as_of_the_standard_library, named_tuple, member_of_an_enum, partial,
    default_factory, method_of_a_dict, static_method, objects_in_an_array, object_of_a_class,
    metaclass, descriptor, setter, bases, method_named_by_a_text, functions_of_libraries,
    users_function_in_a_library, hidden_builtins, missing_global, module_in_an_attribute,
    attributes_that_a_module_computes, module_imported_anew,
    slot_set_later, private_slot, variable_set_later, views_of_a_dict, vectorized,
    added_to_a_module, attributes_replaced,
    functools.partial(of_subclass, list), functools.partial(of_subclass, dict),
    functools.partial(of_subclass, tuple), functools.partial(of_subclass, float, 2.0),
    functools.partial(of_subclass, np.ndarray), functools.partial(of_subclass, tg.Tensor, 1.0),
]  # fmt: skip
NAMES = [getattr(kind, "__name__", None) or f"of_{kind.args[0].__name__}" for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("derive", [lambda f: f, tg.value_and_grad], ids=["value", "gradient"])
def test_what_changes_is_used(kind, derive):
    check_changes_are_used(*kind(), derive)


def test_a_logger_is_not_looked_through():
    log = logging.getLogger(__name__)

    def f(x):
        log.debug("called")
        return np.sum(x)

    compiled = tg.compile(f)
    assert compiled(np.ones(3)) == 3
    assert len(compiled.recent.guards) < 10


@pytest.mark.parametrize("array", ["Series", "DataFrame", "Index"])
def test_pandas_is_not_looked_through(array):
    pandas = pytest.importorskip("pandas")
    table = getattr(pandas, array)(np.ones(3))
    compiled = tg.compile(lambda x: np.sum(x) * len(table))
    assert compiled(np.ones(3)) == 9
    assert len(compiled.recent.guards) < 10


def test_an_object_whose_attributes_raise_is_passed_over():
    class Raises:
        __slots__ = ()

        def __getattr__(self, name):
            raise KeyError(name)

    box = [Raises()]
    assert tg.compile(lambda x: np.sum(x) * len(box))(np.ones(3)) == 3


PACKAGE = """
scale, shift = 2.0, 1.0
class Scaler:
    classes = 1.0
    def __init__(self):
        self.factor = 2.0
    def transform(self, x):
        return x * self.factor * self.classes + shift
def shifted(x):
    return x + shift
"""


def test_the_code_of_installed_packages_is_as_it_is(tmp_path, monkeypatch):
    """It would take a minute to look through; what the function itself can reach is compared."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "users_package.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(folder)
    package = importlib.import_module("users_package")
    scaler = package.Scaler()

    def f(x):
        return np.sum(scaler.transform(x) * package.scale + package.shifted(x))

    compiled, x = tg.compile(f), np.ones(2)
    changes = [
        lambda: setattr(scaler, "factor", 3.0),
        lambda: setattr(package, "scale", 5.0),
        lambda: setattr(package.Scaler, "classes", 4.0),
        lambda: setattr(package, "shifted", lambda x: x * 7.0),
    ]
    for change in (lambda: None, *changes):
        change()
        assert compiled(x) == f(x)
    before = f(x)
    package.shift = 100.0  # which only the package's code names
    assert compiled(x) == before != f(x)


def test_an_array_that_cannot_be_read_is_refused():
    class Closed:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("it requires grad")

    box = [Closed()]
    with pytest.raises(tg.Untraceable, match=r"reaches a Closed from outside .* it requires grad"):
        tg.compile(lambda x: np.sum(x) * len(box))(np.ones(2))


def test_the_main_module_is_the_users_under_any_tool(monkeypatch):
    """Kernprof and notebooks run code so: their own file is in site-packages."""
    tool = types.ModuleType("__main__")
    tool.__file__ = "/venv/lib/site-packages/kernprof.py"
    monkeypatch.setitem(sys.modules, "__main__", tool)
    d = defined("f = lambda x: x * k", __name__="__main__", k=2.0)
    compiled = tg.compile(d.f)
    assert compiled(np.ones(1)) == 2
    d.space["k"] = 3.0
    assert compiled(np.ones(1)) == 3
