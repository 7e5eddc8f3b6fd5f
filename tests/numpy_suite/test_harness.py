"""The harness finds what is planted: a wrong value, dtype, shape, exception, gradient, and a silent zero."""

import ast
import operator
import types

import numpy as np
import pytest

import tensorgrad as tg
from docs.refusals import DIFFERENCES
from tensorgrad.rules import COMPOSITE, composite, nondifferentiable, rule
from tests.numpy_suite.calls import FUNCTIONS, without_undefined
from tests.numpy_suite.checker import PER_TEST, Checker
from tests.numpy_suite.known import entry_of, stale
from tests.numpy_suite.rewrite import rewritten

X = np.array([[0.5, 1.5], [2.5, 0.25]])


def run(source, checker, **names):
    """Run a test as NumPy's are run, and return its module."""
    module = types.ModuleType("planted")
    vars(module).update(
        np=np, pytest=pytest, __checked__=checker, __operator__=operator, __slice__=slice, **names
    )
    exec(compile(rewritten(source), "planted", "exec"), vars(module))
    module.test()
    return module


def found(source, **names):
    checker = Checker()
    run(source, checker, **names)
    assert not checker.report.broken
    return checker.report


def calls(expression):
    """Return the report on a test of one expression of the array x."""
    return found(f"def test():\n    x = X.copy()\n    return {expression}", X=X)


PLANTED = {
    "leaves value": lambda x: x * 2.0 + 1.0,
    "constants value": lambda x: x * 2.0 + 1e-9 * (not x.requires_grad),
    "constants dtype": lambda x: (x * 2.0).astype(np.float32),
    "constants shape": lambda x: np.ravel(x * 2.0),
    "constants type": lambda x: [x * 2.0],
    "leaves raises": lambda x: x.nonsense if x.requires_grad else x * 2.0,
    "first wrong": lambda x: x.detach() * 2.0,  # a silent zero
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_of_a_composite_is_found(planted):
    twice = tg.primitive(lambda x: x * 2.0)
    composite(twice, PLANTED[planted])
    report = found_of(twice)
    assert f"twice {planted}" in report.examples


def found_of(function):
    """Return the report on one call of a function that is no function of NumPy."""
    FUNCTIONS[function] = "twice"
    try:
        return found(
            "def test():\n    try:\n        f(x)\n    except IndexError:\n        pass",
            f=function,
            x=X,
        )
    finally:
        del FUNCTIONS[function]


def test_a_wrong_rule_is_found_at_the_order_where_it_is_wrong():
    cube = tg.primitive(lambda x: x**3)
    rule(cube, lambda g, _out, x: 3.003 * g * x**2)
    assert "twice first wrong" in found_of(cube).examples
    rule(cube, lambda g, _out, x: 3 * g * tg.Tensor(getattr(x, "data", x)) ** 2)
    report = found_of(cube)
    assert report.counts["twice"]["first"] == {"checked": 1}
    assert "twice second wrong" in report.examples
    rule(cube, lambda g, _out, x: 3 * g * x**2)
    report = found_of(cube)
    assert report.counts["twice"]["second"] == {"checked": 1}
    assert not report.examples


def test_a_wrong_exception_is_found():
    def refuse(x):
        raise ValueError("wrong")

    needs_two = tg.primitive(lambda x: x[5])
    composite(needs_two, refuse)
    report = found_of(needs_two)
    assert report.examples.keys() == {"twice leaves exception", "twice constants exception"}
    COMPOSITE[needs_two] = lambda x: x * 2.0
    assert "twice constants accepts" in found_of(needs_two).examples


def test_a_refusal_is_one_of_the_library_s_own():
    report = calls("np.asarray(x)")
    assert report.counts["asarray"]["leaves"] == {"refused": 1}
    assert report.counts["asarray"]["constants"] == {"agree": 1}

    def refuse(x):
        raise TypeError("use something else")  # not raised by tensorgrad

    twice = tg.primitive(lambda x: x * 2.0)
    composite(twice, refuse)
    assert "twice leaves raises" in found_of(twice).examples


def test_what_is_not_smooth_is_not_differentiated():
    report = calls("np.maximum(x, np.array([0.5, 0.0]))")
    assert report.counts["maximum"]["first"] == {"skipped": 1}
    twice = tg.primitive(np.floor)
    nondifferentiable(twice)
    assert "first" not in found_of(twice).counts["twice"]


EXPRESSIONS = {
    "np.linalg.det(x)": "linalg.det",
    "np.add.reduce(x)": "add.reduce",
    "x.sum(axis=0)": "ndarray.sum",
    "x @ x": "operator.matmul",
    "-x": "operator.neg",
    "x[0, 1:]": "operator.getitem",
    "np.concatenate([x, x])": "concatenate",
    "np.testing.assert_raises(ValueError, np.reshape, x, (3,))": "reshape",
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_calls_methods_operators_and_indices_are_seen(expression):
    counts = calls(expression).counts
    assert counts[EXPRESSIONS[expression]]["leaves"] == {"agree": 1}
    assert counts[EXPRESSIONS[expression]]["constants"] == {"agree": 1}


def test_writes_are_compared_and_differentiated():
    report = found("def test():\n    x = X.copy()\n    x[0] = x[1]\n    x += x\n    x.sort()", X=X)
    for name in ("operator.setitem", "operator.iadd", "ndarray.sort"):
        assert report.counts[name]["leaves"] == {"agree": 1}
        assert report.counts[name]["second"] == {"checked": 1}


def test_the_test_goes_on_undisturbed():
    source = "def test():\n    global y\n    y = np.linalg.inv(x)\n    with pytest.raises(ValueError):\n        np.dot(x, z)"
    module = run(source, Checker(), x=X, z=np.ones(3))
    assert type(module.y) is np.ndarray
    assert np.array_equal(module.y, np.linalg.inv(X))


def test_a_call_is_compared_once():
    report = found("def test():\n    for _ in range(3):\n        np.sum(x)", x=X)
    assert report.counts["sum"]["leaves"] == {"agree": 1}


def test_a_test_that_loops_is_sampled():
    source = "def test():\n    for i in range(150):\n        np.sum(x + i)"
    assert found(source, x=X).counts["sum"]["leaves"] == {"agree": PER_TEST}


def test_rewriting_leaves_decorators_defaults_and_patterns():
    source = "@d(1 + 1)\ndef f(a=g(1)):\n    return super().f(-1)"
    tree = rewritten(source)
    text = ast.unparse(tree)
    assert "@d(1 + 1)" in text
    assert "a=g(1)" in text
    assert "__checked__(super().f, -1)" in text


def test_the_table_of_known_disagreements_is_held_from_both_sides():
    report = calls("np.isscalar(x[0, 0])")
    assert not report.examples
    assert report.known == ["isscalar · value · True, found False"] * 2
    assert entry_of("isscalar", "dtype", "True, found False") is None
    assert len(stale(report.known)) == len(DIFFERENCES) - 1
    assert len(stale([])) == len(DIFFERENCES)


def test_elements_that_where_leaves_undefined_are_not_compared():
    mask = np.array([[True, False], [False, True]])
    for x in (X, tg.Tensor(X), tg.Tensor(X, requires_grad=True)):
        shown = without_undefined(np.add, (x, x), {"where": mask}, x + x)
        np.testing.assert_array_equal(getattr(shown, "data", shown), mask * X * 2)
    for args, kwargs in (((X, X), {}), ((X, X, X), {"where": mask}), ((X, X), {"out": X})):
        assert without_undefined(np.add, args, kwargs, X) is X
    assert not calls("np.add(x, x, where=x > 1, out=None)").examples
