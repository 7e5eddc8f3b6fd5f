"""check_grads: it rejects wrong rules, and names the place."""

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import check_grads, primitive, rule
from tensorgrad.rules import RULES
from tests.cases import c, r

X = np.array([0.5, -1.0, 2.0])


def op(function, *rules):
    made = primitive(function)
    rule(made, *rules)
    return made


@pytest.fixture(autouse=True)
def _leave_the_registry_as_it_was():
    before = set(RULES)
    yield
    for function in RULES.keys() - before:
        del RULES[function]


def test_right_rules_pass_at_every_order():
    check_grads(lambda a, b: np.sin(a) * b, X, 2.0, order=4)
    check_grads(lambda x: x**3, c(2, 2), order=3)


def test_a_rule_wrong_at_first_order_is_rejected():
    double = op(lambda x: 2 * x, lambda g, _out, _x: 2.001 * g)
    with pytest.raises(
        AssertionError,
        match=r"order 1, in argument 0 at \(\): the rules give 0\.2515\d*, but central differences give 0\.2514",
    ):
        check_grads(double, np.array(1.0))


def test_the_argument_and_the_position_are_named():
    product = op(lambda a, b: a * b, lambda g, _o, _a, b: g * b, lambda g, _o, a, _b: g * np.abs(a))
    with pytest.raises(AssertionError, match=r"order 1, in argument 1 at \(1,\)"):
        check_grads(product, X, X)


# fmt: off
FORGETS_X = lambda g, _out, x: 2 * g * np.asarray(x.data)
FORGETS_G = lambda g, _out, x: 2 * np.asarray(g.data) * x
# fmt: on


@pytest.mark.parametrize(
    ("gradient", "where"), [(FORGETS_X, "argument 0"), (FORGETS_G, "the cotangent")]
)
def test_a_rule_wrong_only_at_second_order_is_rejected(gradient, where):
    square = op(lambda x: x * x, gradient)
    check_grads(square, X, order=1)
    with pytest.raises(AssertionError, match=rf"order 2, in {where} at .*: the rules give 0, but"):
        check_grads(square, X)


def test_a_wrong_imaginary_part_is_rejected():
    square = op(lambda x: x * x, lambda g, _out, x: g * 2 * np.conj(x))
    check_grads(square, X)
    with pytest.raises(AssertionError, match=r"in argument 0 at \(0,\).*: the rules give"):
        check_grads(square, c(2))


def test_a_value_that_a_rule_reads_but_only_another_rule_saves_is_noticed():
    product = op(
        lambda a, b: a * b, lambda g, _o, _a, _b: g * _b, lambda g, _o, a, _b: g * a + 0 * _b
    )
    with pytest.raises(TypeError, match="Node"):
        check_grads(product, X, X)


def test_only_a_sample_of_a_large_argument_is_perturbed():
    calls = []
    check_grads(lambda x: (calls.append(0), np.sum(x * x))[1], r(100, 100), order=1)
    assert len(calls) < 150


def test_outputs_can_be_nested_and_integers_are_passed_on():
    check_grads(lambda x, n: {"a": [x * n, (np.exp(x),)], "b": n}, X, 3)


def test_float32_is_checked_in_double_precision():
    check_grads(lambda x: np.exp(x) * x, X.astype(np.float32))


def test_a_tensor_is_an_argument_too():
    x = tg.Tensor(X, requires_grad=True)
    check_grads(np.sin, x)
    assert x.grad is None


# fmt: off
REFUSED = [
    (np.sin,   (1,),   TypeError,  r"the arguments are: int; write 1\.0 instead of 1"),
    (np.sin,   (),     TypeError,  "the arguments are: none"),
    (np.argmax, (X,),  TypeError,  "f returned nothing that depends on its arguments through recorded operations"),
    (lambda x: x.detach(), (X,), TypeError, "f returned nothing that depends"),
    (np.log,   (0.0,), ValueError, r"it returned -inf; choose arguments inside its domain"),
    (lambda x: x * np.random.default_rng().random(), (1.0,), ValueError, "f must return the same result at every call"),
]
# fmt: on


@pytest.mark.parametrize(("f", "args", "error", "message"), REFUSED)
def test_functions_that_cannot_be_checked_are_refused(f, args, error, message):
    with pytest.raises(error, match=message):
        check_grads(f, *args)


def test_orders_start_at_one():
    with pytest.raises(ValueError, match="order must be 1 or more, but order=0 was given"):
        check_grads(np.sin, 1.0, order=0)
