"""Programs follow what is defined anew at run time: methods, functions, classes, modules, order."""

import collections
import copy
import functools
import itertools
import os
import pickle
import re
import sys
import types
import weakref

import numpy as np
import pytest

import nn
import tensorgrad as tg


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor


def twice(self, x):
    return x * 2


def thrice(self, x):
    return x * 3


def square(self, x):
    return x**2


def family():
    """Return a class, one derived from it, and an object of that."""
    base = type(
        "Base", (), {"f": twice, "__call__": twice, "__mul__": twice, "__module__": "users"}
    )
    derived = type("Derived", (base,), {"__module__": "users"})
    return base, derived, derived()


def of_method():
    base, derived, x = family()
    changes = [
        lambda: setattr(base, "f", thrice),
        lambda: setattr(derived, "f", square),
        lambda: setattr(x, "f", lambda y: y * 5),
        lambda: delattr(x, "f"),
        lambda: delattr(derived, "f"),
    ]
    return x.f and (lambda y: x.f(y)), changes


def of_operators():
    base, _, x = family()
    changes = [lambda: setattr(base, "__call__", thrice), lambda: setattr(base, "__mul__", square)]
    return (lambda y: x(y) * (x * y)), changes


def of_kinds():
    base = type("Base", (), {"__module__": "users"})
    base.s, base.c, base.p = staticmethod(len), classmethod(twice), property(lambda self: 2.0)
    x = base()
    changes = [
        lambda: setattr(base, "s", staticmethod(lambda y: 7)),
        lambda: setattr(base, "c", classmethod(thrice)),
        lambda: setattr(base, "p", property(lambda self: 3.0)),
    ]
    return (lambda y: x.s(y) * base.c(y) * x.p), changes


def of_class():
    x = family()[2]
    other = type("Other", (), {"f": thrice, "__module__": "users"})
    return (lambda y: x.f(y)), [lambda: setattr(x, "__class__", other)]


def of_missing_attributes():
    base, _, x = family()
    changes = [lambda: setattr(base, "k", 2.0), lambda: setattr(x, "k", 3.0)]
    return (lambda y: y * getattr(x, "k", 1.0)), changes


def of_property_of_super():
    base, derived, x = family()
    derived.f = lambda self, y: base.f(self, y) * 2
    return (lambda y: x.f(y)), [lambda: setattr(base, "f", square)]


def of_function():
    def f(y, a=1.0, *, b=1.0):
        return y * a * b

    def g(y, a=1.0, *, b=1.0):
        return y * a + b * y**2

    changes = [
        lambda: setattr(f, "__code__", g.__code__),
        lambda: setattr(f, "__defaults__", (2.0,)),
        lambda: f.__kwdefaults__.update(b=3.0),
        lambda: setattr(f, "__kwdefaults__", {"b": 4.0}),
    ]
    return (lambda y: f(y)), changes


def of_globals():
    space = {"np": np, "kind": np.float32, "best": max, "xp": np}
    exec("def f(y): return y.astype(kind) * best(2, 3) * xp.pi", space)
    space["__name__"] = "users"
    changes = [
        lambda: space.update(kind=np.float64),
        lambda: space.update(best=min),
        lambda: space.update(xp=types.SimpleNamespace(pi=3.0)),
    ]
    return space["f"], changes


def of_imports():
    module = types.ModuleType("users_module")
    module.c, module.f = 2.0, lambda y: y * 2
    sys.modules["users_module"] = module

    def use(y):
        import users_module
        from users_module import f

        return f(y) * users_module.c

    return use, [lambda: setattr(module, "c", 3.0), lambda: setattr(module, "f", lambda y: y**2)]


def of_layer():
    net = nn.Sequential(nn.ReLU())
    return (lambda y: net(y)), [lambda: setattr(net[0], "forward", lambda y: y * 5.0)]


def of_environment():
    def use(y):
        return y * float(os.environ.get("TENSORGRAD_TEST_FACTOR", "1"))

    return use, [
        lambda: os.environ.update(TENSORGRAD_TEST_FACTOR="2"),
        lambda: os.environ.pop("TENSORGRAD_TEST_FACTOR"),
    ]


def of_order():
    names, some = {"a": 1.0, "b": 2.0}, collections.deque([1.0, 2.0])
    few, ordered = {1.0, 2.0}, collections.OrderedDict(a=1.0, b=2.0)

    def use(y):
        return y * next(iter(names.values())) * some[0] * sum(few) * next(iter(ordered.values()))

    changes = [
        lambda: names.update(a=names.pop("a")),
        lambda: some.rotate(1),
        lambda: few.symmetric_difference_update({1.0, 5.0}),
        lambda: ordered.move_to_end("a"),
    ]
    return use, changes


def of_objects():
    raw, objects = bytearray(b"ab"), np.array([2.0, None])
    view, box = memoryview(raw), Scale(2.0)
    of_box = weakref.ref(box)
    changes = [
        lambda: raw.__setitem__(0, 3),
        lambda: objects.__setitem__(0, 3.0),
        lambda: setattr(box, "factor", 3.0),
    ]
    return (lambda y: y * view[0] * objects[0] * of_box().factor), changes


class Alike(Scale):
    """An object that says to be equal to anything."""

    __hash__ = Scale.__hash__

    def __eq__(self, other):
        return True


def of_equal_objects():
    box = types.SimpleNamespace(f=Alike(2.0), keys={1: 2.0, "a": 3.0})
    changes = [
        lambda: setattr(box, "f", Alike(3.0)),
        lambda: box.keys.update({1: box.keys.pop(1)}),
    ]
    return (lambda y: box.f(y) * next(iter(box.keys.values()))), changes


def of_signs():
    box = types.SimpleNamespace(k=0.0, z=complex(-4, 0.0), n=np.float32(2))
    changes = [
        lambda: setattr(box, "k", -0.0),
        lambda: setattr(box, "z", complex(-4, -0.0)),
        lambda: setattr(box, "z", complex(-9, -0.0)),
        lambda: setattr(box, "n", np.float32(3)),
        lambda: setattr(box, "n", np.float32(np.nan)),
    ]
    return (lambda y: np.copysign(y, box.k) + y * np.sqrt(box.z).imag * box.n), changes


KINDS = [
    of_method, of_operators, of_kinds, of_class, of_missing_attributes, of_property_of_super,
    of_function, of_globals, of_imports, of_layer, of_environment, of_order, of_objects, of_equal_objects, of_signs,
]  # fmt: skip


def check_changes_are_used(use, changes, derive):
    """Compare two compiled calls with the function itself after each change."""
    eager = derive(lambda x: np.sum(use(x) ** 2))
    compiled, x = tg.compile(eager), np.array([0.5, 1.5, 2.0])
    results = []
    for change in (lambda: None, *changes):
        change()
        results.append(repr(eager(x)).replace(", op=sum", ""))
        for _ in range(2):
            assert repr(compiled(x)) == results[-1]
    changed = [a != b for a, b in itertools.pairwise(results)]
    assert all(changed)  # each change shows, so a test could fail


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("derive", [lambda f: f, tg.value_and_grad])
def test_what_is_defined_anew_is_used(kind, derive):
    check_changes_are_used(*kind(), derive)


@pytest.mark.parametrize("static", [(), 1])
def test_an_object_among_the_arguments_is_compared_too(static):
    scale = Scale(2.0)
    f = tg.compile(tg.grad(lambda x, g: np.sum(g(x))), static_argnums=static)
    assert f(np.ones(2), scale).tolist() == [2, 2]
    scale.factor = 3.0
    assert f(np.ones(2), scale).tolist() == [3, 3]
    assert f(np.ones(2), Scale(5.0)).tolist() == [5, 5]


def test_static_arrays_numbers_and_sets_are_compared_by_their_values():
    f = tg.compile(lambda x, n: x * np.sum(n), static_argnums=1)
    large = np.ones(20_000)
    assert f(np.ones(1), large) == 20_000
    large[:] = 5
    assert f(np.ones(1), np.ones(20_000)) == 20_000
    assert f(np.ones(1), large) == 100_000
    g = tg.compile(np.copysign, static_argnums=1)
    assert [g(np.ones(1), 0.0)[0], g(np.ones(1), -0.0)[0]] == [1, -1]
    h = tg.compile(lambda x, n: x * len(n), static_argnums=1)
    assert [h(np.ones(1), {1})[0], h(np.ones(1), {1, 2})[0]] == [1, 2]
    with pytest.raises(TypeError, match="bytearray is not; pass a tuple of what the function uses"):
        h(np.ones(1), bytearray(b"a"))


Pair = collections.namedtuple("Pair", "first second")


class Row(tuple):
    pass


@pytest.mark.parametrize(
    "f",
    [
        lambda x: Pair(x * 2, x + 1),
        lambda x: {"pair": Pair(x, [Pair(x * 2, x)])},
        lambda x: Row([x * 2, x]),
        lambda x: np.linalg.eigh(np.outer(x, x)),
    ],
)
def test_results_in_subclasses_of_tuple_keep_their_class(f):
    x = np.ones(2)
    expected, found = f(x), tg.compile(f)(x)
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)


weight = 2.0  # as the parameters and variables of functions below are called


@tg.impure
def weighted(x, weight):
    return x * weight


@tg.impure
def summed(x):
    total = 0.0
    for weight in (1.0, 3.0):
        total = total + x * weight
    return total + sum(x * weight for weight in (5.0, 7.0))


@tg.impure
def with_global(x):
    return x * weight


def test_parameters_and_variables_of_a_copied_function_hide_globals_of_their_name():
    f = tg.compile(lambda x, y: weighted(x, y) + summed(x) * with_global(x))
    for y in (2.0, 5.0):  # the first is the value of the global one
        assert f(np.full(2, 3.0), y).tolist() == [3 * y + 48 * 6] * 2


@pytest.mark.parametrize("name", ["where", "out", "ratio"])
def test_variables_of_a_block_do_not_hide_an_array_of_their_name(name):
    scale = np.random.default_rng(0).normal(size=3)  # so long a text that the rule stands alone
    given = {name: np.array([[True, False, True], [True, True, True]])}
    f = tg.grad(lambda x: np.sum(np.std(x, axis=0, where=given[name]) * scale))
    x = np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 5.0]])
    np.testing.assert_array_equal(tg.compile(f)(x), f(x))


class Metre(float):
    def __repr__(self):
        return f"{float(self):.1f} m"


def test_a_static_number_is_known_by_its_value_not_by_its_text():
    f = tg.compile(lambda x, n: x * n, static_argnums=1)
    assert [f(np.ones(1), Metre(n))[0] for n in (1.01, 1.04)] == [1.01, 1.04]


def test_keywords_with_the_names_of_other_parameters():
    def f(x, /, *args, **names):
        return x * sum(args) * sum(names.values())

    compiled = tg.compile(f)
    for y in (2.0, 3.0):
        given = {"x": np.full(2, y), "args": np.ones(2)}
        np.testing.assert_array_equal(compiled(np.ones(2), y, **given), f(np.ones(2), y, **given))
    assert "def f(x_, *args_, x, args):" in compiled.program(np.ones(2), 2.0, **given).source


def quadratic(x):
    return np.sum(x**2)


@tg.compile
def by_decorator(x):
    return np.sum(x**2)


class WithMethod:
    factor = 2.0

    @tg.compile
    def scaled(self, x):
        return np.sum(x) * self.factor


def test_compiled_functions_are_copied_and_pickled():
    x = np.array([1.0, 2.0])
    several = [
        by_decorator,
        tg.compile(quadratic),
        tg.compile(functools.partial(quadratic)),
        tg.compile(nn.Dense(2, 2, rng=0)),
        WithMethod().scaled,
    ]
    for f in several:
        for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
            assert np.array_equal(other(x[None]), f(x[None]))
    assert pickle.loads(pickle.dumps(by_decorator)) is by_decorator


def test_programs_are_copied_and_pickled():
    x = np.array([1.0, 2.0])
    program = tg.compile(quadratic).program(x)
    for other in (copy.copy(program), copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        assert other.source == program.source
        assert np.array_equal(other(x), program(x))


@pytest.mark.parametrize("f", [tg.compile(tg.value_and_grad(quadratic)), tg.compile(lambda x: x)])
def test_functions_without_a_name_in_a_module_travel_by_cloudpickle(f):
    cloudpickle = pytest.importorskip("cloudpickle")
    x = np.ones(2)
    for other in (pickle.loads(cloudpickle.dumps(f)), copy.deepcopy(f), f.program(x)):
        assert repr(other(x)) == repr(f(x))


def test_a_result_without_a_graph_is_copied():
    result = tg.compile(nn.Dense(2, 2, rng=0))(np.ones((1, 2)))
    for other in (copy.copy(result), copy.deepcopy(result)):
        assert other.requires_grad
        np.testing.assert_array_equal(other.data, result.data)


def test_a_gradient_that_is_a_constant_arrives_at_its_leaf():
    w, v = (tg.Tensor(np.ones(3, np.float32), requires_grad=True) for _ in range(2))

    def step(x):
        loss = np.sum(w * 2) + np.sum(v * x)
        loss.backward()
        return loss

    found = []
    for run in (tg.compile(step), step):
        w.grad = v.grad = None
        for x in (np.ones(3, np.float32), np.full(3, 2, np.float32)):
            run(x)
            found.append([w.grad.data.tolist(), v.grad.data.tolist(), w.grad.dtype])
    assert found[:2] == found[2:]


@pytest.mark.parametrize("nothing", [(), [], {}, None])
def test_a_step_may_return_nothing(nothing):
    w = tg.Tensor(np.ones(2), requires_grad=True)

    def step(x):
        np.sum(w * x).backward()
        return nothing

    compiled = tg.compile(step)
    for n in (1.0, 2.0):
        assert compiled(np.full(2, 3.0)) == nothing
        assert w.grad.tolist() == [3 * n] * 2


class AnswersAll:
    """An object that any attribute is asked of in vain."""

    def __getattr__(self, name):
        raise KeyError(name)


def test_an_object_among_the_variables_is_not_asked_for_attributes():
    def f(x):
        seen = AnswersAll()
        y = np.sum(x * x)
        return y if type(seen) is AnswersAll else x

    np.testing.assert_array_equal(tg.compile(f)(np.arange(3.0)), 5.0)


@tg.primitive
def whole(x, power=2):
    """Return x, halved if its numbers are large, to a power."""
    if power == 2 and x.ndim == 1:
        return x * x / 2 if float(x[0]) > 10 else x * x
    return x**power


def test_a_primitive_of_ones_own_is_copied_as_it_is():
    compiled = tg.compile(lambda x: whole(x) * 3)
    for first in (1.0, 20.0):
        x = np.array([first, 2.0])
        assert compiled(x).tolist() == (whole(x) * 3).tolist()
    assert "if power == 2 and x.ndim == 1:" in compiled.program(x).source


def definite(x):
    try:
        np.linalg.cholesky(np.outer(x, x) + np.eye(3) * x[0])
    except np.linalg.LinAlgError:
        return x * 0
    return x * 1


def checked(x):
    np.linalg.cholesky(np.outer(x, x) + np.eye(3) * x[0])
    return x * 1


@pytest.mark.parametrize("f", [definite, checked])
def test_a_decomposition_may_be_called_for_its_error(f):
    compiled = tg.compile(f)
    for first in (1.0, -1.0, 2.0):
        x = np.array([first, 0.5, 2.0])
        try:
            expected = f(x).tolist()
        except np.linalg.LinAlgError as error:
            with pytest.raises(np.linalg.LinAlgError, match=re.escape(str(error))):
                compiled(x)
        else:
            assert compiled(x).tolist() == expected


def by_place(name, *args, method=False):
    """Return a function that gives a function of NumPy its `out` by position."""

    def f(x):
        y = np.outer(x, x) if name in ("dot", "mean") else x * 2
        out = y[0] * 0 if name == "mean" else y * 0
        call = getattr(y, name) if method else functools.partial(getattr(np, name), y)
        call(*args, *([y] if name == "dot" else []), out)
        return out

    return f


@pytest.mark.parametrize("method", [False, True])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("clip", (0, 1)),
        ("cumsum", (0, None)),
        ("take", ([0, 1, 1], 0)),
        ("round", (0,)),
        ("dot", ()),
        ("mean", (0, None)),
    ],
)
def test_an_out_by_position_is_written(name, args, method):
    f = by_place(name, *args, method=method)
    compiled = tg.compile(f)
    for x in (np.array([1.0, 0.5, 2.0]), np.array([-1.0, 0.2, 3.0])):
        assert compiled(x).tolist() == f(x).tolist()


def test_an_array_of_the_trace_as_out_by_position_is_refused():
    def f(x):
        total = np.zeros(())
        np.sum(x, 0, None, total)
        return total + 1

    with pytest.raises(tg.Untraceable, match="a traced value is written into an ndarray"):
        tg.compile(f)(np.ones(3))
