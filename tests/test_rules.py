"""Users' own ops, with the library's tools: rule, rule_each, primitive, composite, nondifferentiable, custom_gradient."""

import gc
import inspect
import math
import weakref

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor

V = np.array([0.5, -1.0, 2.0])


def leaf(value=V):
    return Tensor(value, requires_grad=True)


@pytest.mark.parametrize(
    "tool",
    [
        tg.rule,
        tg.rule_all,
        tg.rule_each,
        tg.primitive,
        tg.composite,
        tg.nondifferentiable,
        tg.custom_gradient,
    ],
    ids=lambda tool: tool.__name__,
)
def test_each_tool_has_an_example(tool):
    assert ">>> " in inspect.getdoc(tool)  # which is run with the tests


# primitive and rule


@tg.primitive
def _cube(x, scale=1.0):
    """Compute x³, times a scale."""
    return scale * x**3


@pytest.fixture
def cube():
    tg.rule(_cube, lambda g, _out, x, scale=1.0: g * 3 * scale * x**2)
    return _cube


def test_a_primitive_with_a_rule(cube):
    x = leaf()
    y = cube(x)
    np.testing.assert_array_equal(y.data, V**3)
    assert y.op is cube
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad.data, 3 * V**2)
    tg.check_grads(cube, V)
    tg.check_grads(lambda x: cube(x, scale=2.0), V)
    tg.check_grads(lambda x: cube(x, 2.0), V)


def test_a_primitive_stays_a_function_of_arrays(cube):
    assert type(cube(V)) is np.ndarray
    assert cube(2.0) == 8.0
    assert not cube(Tensor(V)).requires_grad
    assert (cube.__name__, cube.__doc__) == ("_cube", "Compute x³, times a scale.")


def test_a_primitive_may_return_pythons_numbers():
    f = tg.primitive(lambda x: float(np.sum(x)))
    tg.rule(f, lambda g, _out, _x: np.broadcast_to(g, _x.shape))
    np.testing.assert_array_equal(tg.grad(f)(np.ones(2)), [1, 1])


@pytest.mark.parametrize("value", [[3.0], 3.0, [3.0, 4.0]])
@pytest.mark.parametrize("tool", ["rule", "rule_each", "rule_all", "custom_gradient"])
def test_a_gradient_that_is_too_large_for_its_argument_is_refused(tool, value):
    """Summed over an axis that no operand has, it would be a wrong number."""
    wide = (5, *np.shape(value))
    f = tg.primitive(lambda x: x * 2)
    if tool == "rule":
        tg.rule(f, lambda g, _out, _x: np.ones(wide))
    elif tool == "rule_all":
        tg.rule_all(f, lambda g, _out, _x: (np.ones(wide),))
    elif tool == "rule_each":
        tg.rule_each(f, lambda g, _out, _i, *_args: np.ones(wide))
    else:
        f = tg.custom_gradient(lambda x: (x * 2, lambda g: np.ones(wide)))
    with pytest.raises(ValueError, match=r"a gradient of shape \(5,.*for an argument of shape"):
        np.sum(f(leaf(value))).backward()


def test_a_gradient_may_have_the_length_of_another_operand():
    f = tg.primitive(lambda x, y: np.sum(x * y))
    tg.rule(f, lambda g, _out, _x, y: g * y, lambda g, _out, x, y: g * x * np.ones(y.shape))
    tg.check_grads(f, 2.0, V)
    tg.check_grads(f, np.array([2.0]), V)
    pick = tg.primitive(lambda x, index: np.broadcast_to(x, (9,))[index])
    tg.rule(pick, lambda g, _out, _x, _index: g)
    tg.check_grads(lambda x: pick(x, [0, 1, 2, 3]), 2.0)


def test_a_rule_serves_every_order(cube):
    close = np.testing.assert_allclose
    close(tg.grad(tg.grad(tg.grad(cube)))(0.7), 6.0)
    close(tg.hessian(lambda x: np.sum(cube(x)))(V), np.diag(6 * V))


def test_only_what_the_rule_reads_is_saved():
    add = tg.primitive(lambda a, b: a + b)
    tg.rule(add, lambda g, _out, _a, _b: g, lambda g, _out, _a, _b: g)
    node = add(leaf(), np.ones(3)).node
    assert node.out is None
    assert not any(isinstance(a, np.ndarray) for a in node.args)


def test_broadcasting_and_promotion_are_undone_by_the_engine():
    times = tg.primitive(lambda a, b: a * b)
    tg.rule(times, lambda g, _out, _a, b: g * b, lambda g, _out, a, _b: g * a)
    a, b = leaf(np.ones((2, 3), np.float32)), leaf(V)
    np.sum(times(a, b)).backward()
    assert a.grad.dtype == np.float32
    assert b.grad.tolist() == [2, 2, 2]


def test_unknown_keywords_are_refused_at_the_call(cube):
    assert cube(Tensor(V), scale=2.0).tolist() == (2 * V**3).tolist()
    with pytest.raises(TypeError, match=r"keyword power \(its rules know: scale\)"):
        cube(leaf(), power=3)
    square = tg.primitive(lambda x, power=2: x**power)
    tg.rule(square, lambda g, _out, x: 2 * g * x)
    assert square(leaf()).requires_grad
    with pytest.raises(
        TypeError, match=r"with the keyword power \(its rules know: none\); leave it"
    ):
        square(leaf(), power=3)


@pytest.fixture
def expensive():
    """Make exp(-x²), whose rule gets the exponential's slope as a residual, and a list of its computations."""
    computed = []

    def slope(x):
        computed.append(type(x))
        return -2 * x * np.exp(-(x**2))

    @tg.primitive
    def bell(x):
        return np.exp(-(x**2))

    def both(x):
        return bell(x), slope(x)

    tg.rule(bell, lambda g, slope, _x: g * slope, residuals=(both, slope))
    return bell, computed


def test_what_a_rule_is_given_in_place_of_the_output(expensive):
    bell, computed = expensive
    x = leaf()
    y = bell(x)
    assert y.op is bell
    np.testing.assert_array_equal(y.data, bell(V))
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad.data, -2 * V * np.exp(-(V**2)))
    assert computed == [np.ndarray]  # once, forward
    assert type(bell(V)) is np.ndarray
    assert computed == [np.ndarray]  # of arrays the function alone is called


def test_it_is_differentiated_as_what_it_says_it_is(expensive):
    bell, computed = expensive
    tg.check_grads(bell, V, order=2)
    computed.clear()
    x = leaf()
    np.sum(bell(x)).backward(create_graph=True)
    assert computed == [np.ndarray, Tensor]
    g, x.grad = x.grad, None
    np.sum(g).backward()
    np.testing.assert_allclose(x.grad.data, (4 * V**2 - 2) * np.exp(-(V**2)))


def test_what_is_kept_is_computed_again_with_the_keywords():
    def exp(x, k=1):
        return np.exp(k * x)

    f = tg.primitive(exp)
    tg.rule(f, lambda g, e, _x, k=1: g * k * e, residuals=(lambda x, k=1: (exp(x, k),) * 2, exp))
    for order in range(1, 4):
        derivative = lambda x: f(x, k=2)
        for _ in range(order):
            derivative = tg.grad(derivative)
        assert derivative(0.5) == pytest.approx(2**order * np.exp(1.0))


def test_what_is_kept_has_the_arguments_of_the_rules():
    f = tg.primitive(lambda a, b: a * b)
    with pytest.raises(TypeError, match="disagree about the number of its arguments"):
        tg.rule(f, lambda g, b, _a, _b: g * b, residuals=(lambda a, b: (a * b, b), lambda b: b))


def test_a_view_whose_rule_is_given_something():
    backwards = tg.primitive(lambda x: x[::-1])
    tg.rule(
        backwards,
        lambda g, n, _x: g[::-1] * n,
        residuals=(lambda x: (x[::-1], 1.0), lambda _x: 1.0),
    )
    x = leaf() * 1.0
    backwards(x)[0] = 7.0
    assert x.tolist() == [*V[:2], 7.0]


def test_what_a_rule_keeps_is_watched_and_freed(expensive):
    bell, computed = expensive
    x = leaf()
    with tg.trace() as trace, tg.detect_anomaly():
        y = bell(x)
        np.sum(y).backward()
    assert computed == [np.ndarray]
    assert "bell" in trace.summary()
    assert y.node.out is None
    with np.errstate(invalid="ignore"):
        infinite = bell(leaf([np.inf]))
    with (
        tg.detect_anomaly(),
        pytest.raises(FloatingPointError, match=r"(?s)of bell made NaN .* the residuals: nan"),
    ):
        np.sum(infinite).backward()


def test_an_op_without_a_rule_names_the_remedy():
    double = tg.primitive(lambda x: 2 * x)
    double.__qualname__ = "double"
    assert double(Tensor(V)).tolist() == (2 * V).tolist()
    with tg.no_grad():
        assert double(leaf()).tolist() == (2 * V).tolist()
    message = r"double has no gradient rule; declare one with tensorgrad\.rule\(double, \.\.\.\)"
    with pytest.raises(TypeError, match=message):
        double(leaf())


def test_an_argument_without_a_rule_is_refused_if_it_wants_a_gradient():
    pick = tg.primitive(lambda x, weights: x * weights)
    tg.rule(pick, lambda g, _out, _x, weights: g * weights)
    pick(leaf(), V)
    with pytest.raises(
        TypeError, match=r"no gradient with respect to its argument 1, .* tensorgrad"
    ):
        pick(V, leaf())


def test_rules_that_disagree_are_refused():
    f = tg.primitive(lambda a, b: a * b)
    with pytest.raises(TypeError, match="disagree about the number of its arguments"):
        tg.rule(f, lambda g, _out, a, b: g * b, lambda g, _out, a: g * a)


def test_a_rule_that_gives_the_wrong_shape_is_refused():
    f = tg.primitive(lambda x: x * 2)
    tg.rule(f, lambda g, _out, _x: np.sum(g))
    with pytest.raises(ValueError, match=r"gave a gradient of shape \(\) for an argument of shape"):
        np.sum(f(leaf())).backward()


def test_a_rule_that_gives_as_many_numbers_in_another_shape_is_refused():
    f = tg.primitive(lambda x: x * 2)
    tg.rule(f, lambda g, _out, _x: np.transpose(g))
    with pytest.raises(ValueError, match=r"of shape \(3, 2\) for an argument of shape \(2, 3\)"):
        np.sum(f(tg.Tensor(np.ones((2, 3)), requires_grad=True))).backward()


@pytest.mark.parametrize("order", [1, 2])
def test_check_grads_rejects_a_wrong_rule(order):
    wrong = tg.primitive(np.sin)
    # Right at first order, but at the second its value is cut off from the graph.
    first = {1: lambda g, _out, x: 1.01 * g * np.cos(x), 2: None}[order]
    tg.rule(wrong, first or (lambda g, _out, x: g * np.cos(getattr(x, "data", x))))
    if order == 2:
        tg.check_grads(wrong, V, order=1)
    with pytest.raises(AssertionError):
        tg.check_grads(wrong, V, order=order)


# rule_each, composite, nondifferentiable


def test_rule_each():
    weighted = tg.primitive(lambda *xs: sum(k * x for k, x in enumerate(xs, 1)))
    tg.rule_each(weighted, lambda g, _out, i, *_xs: g * (i + 1))
    xs = [leaf() for _ in range(4)]
    np.sum(weighted(*xs)).backward()
    assert [x.grad.tolist() for x in xs] == [[k] * 3 for k in (1, 2, 3, 4)]
    tg.check_grads(weighted, V, V + 1, 2 * V)


def product_with_one_rule(calls):
    """Return the product of two arrays, whose one rule for both counts its calls."""
    product = tg.primitive(lambda a, b, scale=1.0: scale * a * b)

    def gradients(g, _out, a, b, scale=1.0):
        calls.append(1)
        g = scale * g
        return g * b, g * a

    tg.rule_all(product, gradients)
    return product


def test_rule_all():
    product = product_with_one_rule(calls := [])
    a, b = leaf(), leaf(V + 1)
    np.sum(product(a, b)).backward()
    np.testing.assert_array_equal(a.grad.data, V + 1)
    np.testing.assert_array_equal(b.grad.data, V)
    assert len(calls) == 1, "its work is done once for all arguments"
    np.sum(product(a, b, scale=2.0)).backward()
    assert len(calls) == 2
    np.testing.assert_array_equal(b.grad.data, 3 * V)
    tg.check_grads(product, V, V + 1, order=3)
    tg.check_grads(lambda a: product(a, V, 3.0), V)
    tg.check_grads(lambda a: product(a, a), V)


def test_a_wrong_rule_for_all_is_rejected():
    wrong = tg.primitive(lambda a, b: a * b)
    tg.rule_all(wrong, lambda g, _out, a, b: (g * b, 1.01 * g * a))
    with pytest.raises(AssertionError, match="order 1, in argument 1"):
        tg.check_grads(wrong, V, V + 1)


def test_a_rule_for_all_reads_residuals():
    def both(x, y):
        e = np.exp(x)
        return e * y, e

    scaled = tg.primitive(lambda x, y: both(x, y)[0])
    tg.rule_all(
        scaled, lambda g, e, _x, y: (g * y * e, g * e), residuals=(both, lambda x, _y: np.exp(x))
    )
    tg.check_grads(scaled, V, V + 1)


def test_a_rule_for_all_returns_none_where_there_is_no_gradient():
    chosen = tg.primitive(lambda x, mask: x * mask)
    tg.rule_all(chosen, lambda g, _out, _x, mask: (g * mask, None))
    mask = np.array([0.0, 1.0, 1.0])
    tg.check_grads(lambda x: chosen(x, mask), V)
    with pytest.raises(
        TypeError, match=r"no gradient with respect to argument 1, .*; pass its \.data"
    ):
        np.sum(chosen(leaf(), leaf(mask))).backward()


def test_the_buffers_of_a_rule_for_all_stay_the_users():
    buffer = np.zeros(3)
    double = tg.primitive(lambda x: 2 * x)
    tg.rule_all(double, lambda g, _out, _x: (np.multiply(2, g, out=buffer),))
    x = leaf()
    np.sum(double(x)).backward()
    buffer += 1
    np.testing.assert_array_equal(x.grad.data, [2, 2, 2])


def test_operands_are_given_by_position_or_by_keyword():
    x, y = leaf(2.0), leaf(3.0)
    area = tg.primitive(lambda a, b: a * b)
    tg.rule(area, lambda g, _out, _a, b: g * b, lambda g, _out, a, _b: g * a)
    for call in (lambda: area(x, y), lambda: area(x, b=y), lambda: area(b=y, a=x)):
        call().backward()
        assert (x.grad.item(), y.grad.item()) == (3.0, 2.0)
        x.zero_grad()
        y.zero_grad()
    for call in (lambda: area(x), lambda: area(a=x)):
        with pytest.raises(TypeError, match="needs its argument b to be differentiated"):
            call()


def test_a_rule_for_each_argument_may_read_them():
    product = tg.primitive(lambda *arrays: math.prod(arrays))
    tg.rule_each(product, lambda g, _out, i, *arrays: g * math.prod(arrays[:i] + arrays[i + 1 :]))
    assert tg.grad(product, (0, 2))(2.0, 3.0, 5.0) == (15.0, 6.0)


def test_an_argument_that_is_no_array_reaches_the_rule_as_it_is():
    factors = {"km": 1000.0}
    metres = tg.primitive(lambda x, unit: x * factors[unit])
    tg.rule(metres, lambda g, _out, _x, unit: g * factors[unit])
    assert tg.grad(tg.grad(lambda x: metres(x, "km") ** 2))(3.0) == 2e6


def test_composed():
    mse = tg.primitive(lambda a, b: ((a - b) ** 2).mean())

    @tg.composite(mse)
    def _(a, b):
        return np.mean((a - b) ** 2)

    assert mse(V, V + 1) == 1.0
    x = leaf()
    mse(x, V + 1).backward()
    np.testing.assert_allclose(x.grad.data, -2 / 3)
    tg.check_grads(mse, V, V**2)


def test_constant():
    best = tg.primitive(lambda x: x.argmax())
    tg.nondifferentiable(best)
    assert best(leaf()) == 2
    assert not isinstance(best(leaf()), Tensor)


# custom_gradient


@tg.custom_gradient
def log1pexp(x):
    e = np.exp(x)
    return np.log1p(e), lambda g: g * (1 - 1 / (1 + e))


def test_custom_gradient_at_every_order():
    sigmoid = 1 / (1 + np.exp(-V))
    x = leaf()
    y = log1pexp(x)
    assert y.op.__name__ == "log1pexp"
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad.data, sigmoid)
    tg.check_grads(log1pexp, V)
    np.testing.assert_allclose(
        tg.hessian(lambda x: np.sum(log1pexp(x)))(V), np.diag(sigmoid * (1 - sigmoid))
    )


def test_custom_gradient_replaces_the_gradient():
    @tg.custom_gradient
    def clipped(x, limit):
        return x, lambda g: (np.clip(g, -limit, limit), None)

    x = leaf()
    np.sum(clipped(x, 1.0) * [0.5, 5.0, -3.0]).backward()
    assert x.grad.tolist() == [0.5, 1, -1]
    assert type(clipped(V, 1.0)) is np.ndarray
    assert not clipped(Tensor(V), 1.0).requires_grad


def test_custom_gradient_of_several_arguments_is_called_once():
    calls = []

    @tg.custom_gradient
    def product(a, b, *, scale):
        def gradient(g):
            calls.append(1)
            return [g * b * scale, g * a * scale]

        return a * b * scale, gradient

    a, b = leaf(V.astype(np.float32)), leaf(2.0)
    np.sum(product(a, b, scale=3.0)).backward()
    assert calls == [1]
    assert a.grad.tolist() == [6, 6, 6]
    assert a.grad.dtype == np.float32
    assert b.grad.item() == 3 * V.sum()
    tg.check_grads(lambda a, b: product(a, b, scale=3.0), V, V + 1)


def test_custom_gradient_refuses_what_would_lose_a_gradient():
    w = leaf()

    @tg.custom_gradient
    def weighted(x, ws=None):
        return x * (w if ws is None else ws[0]), lambda g: (g * 1.0, None)[: 1 if ws is None else 2]

    for call in (lambda: weighted(leaf()), lambda: weighted(leaf(), [w])):
        with pytest.raises(
            TypeError, match="not a positional argument, so that its gradient would"
        ):
            call()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda x: x, r"must return \(value, gradient\), where gradient is a function"),
        (lambda x: (x, x), r"must return \(value, gradient\)"),
        (lambda x: (x, lambda g: None), "must give an array for each of its 1 arguments"),
        (lambda x: (x, lambda g: (g, g)), "must give an array for each of its 1 arguments"),
        (
            lambda x: (x, lambda g: g[:1]),
            r"a gradient of shape \(1,\) for an argument of shape \(3,",
        ),
    ],
)
def test_custom_gradient_misused(returned, message):
    with pytest.raises((TypeError, ValueError), match=message):
        np.sum(tg.custom_gradient(returned)(leaf())).backward()


def test_custom_gradient_leaves_nothing_behind():
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        y = np.sum(log1pexp(x) ** 2)
        y.backward(create_graph=True)
        references = [weakref.ref(t.node) for t in (y, x.grad)]
        x.zero_grad()
        del y
        assert [r() for r in references] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.array([1, 2]), "dtype int64, which has no gradient"),
        (np.array([1.0, None]), "dtype object, which has no gradient"),
        ("text", "dtype <U4, which has no gradient"),
        (np.ma.array([1.0, 2.0]), "would lose what a MaskedArray adds"),
    ],
)
def test_a_primitive_returns_numbers_that_have_a_gradient(result, message):
    f = tg.primitive(lambda _x: result)
    tg.rule(f, lambda g, _out, _x: g)
    with pytest.raises(TypeError, match=message):
        f(Tensor([1.0, 2.0], requires_grad=True))


def test_a_rule_may_return_a_list_or_a_number_but_not_none():
    def gradient_of(x, step):
        f = tg.primitive(lambda x: x * 2)
        tg.rule(f, lambda _g, _out, _x: step)
        return tg.grad(lambda x: np.sum(f(x)))(x)

    assert gradient_of(np.array([1.0, 2.0]), [3.0, 4.0]).tolist() == [3.0, 4.0]
    assert gradient_of(1.0, 5) == 5.0
    with pytest.raises(TypeError, match="calculates with numbers, but was given None"):
        gradient_of(1.0, None)
    with pytest.raises(ValueError, match=r"shape \(\) for an argument of shape \(2,\)"):
        gradient_of(np.array([1.0, 2.0]), 5.0)
