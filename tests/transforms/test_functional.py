"""The transformations: against differences and closed forms, nested in each other, over structures."""

import itertools
import tracemalloc
import weakref
from collections import namedtuple

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine.state import Observer, with_state

rng = np.random.default_rng(0)
V = np.array([0.5, -1.2, 2.0])
M = rng.normal(size=(4, 3))


def differences(f, x, h=1e-6):
    """Approximate the Jacobian by central differences."""
    x, y = np.asarray(x, float), np.asarray(f(x))
    out = np.zeros((*y.shape, *x.shape))
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        out[(..., *i)] = (np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * h)
    return out


def close(found, expected, rtol=1e-7, atol=1e-9):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def wave(x):
    return np.sin(x) * np.exp(-(x**2) / 3) + x**3


def mixing(x):
    """Compute a function of vectors whose Hessian is full."""
    return np.sum(np.tanh(M @ x) ** 2) * np.exp(np.mean(x))


# grad and value_and_grad

SCALAR_FUNCTIONS = {
    "mixing": mixing,
    "wave": lambda x: np.sum(wave(x)),
    "prod": np.prod,
    "norm": lambda x: np.sqrt(np.sum(x**2)),
    "logsumexp": lambda x: tg.logsumexp(x),
    "in place": lambda x: np.sum(written(x) ** 2),
    "indexed": lambda x: x[0] * x[-1] ** 2 + np.sum(x[[1, 1, 2]]),
    "max": np.max,
    "loop": lambda x: sum(x[i] * x[i - 1] for i in range(3)),
    "size one": lambda x: np.sum(x * x, keepdims=True),
}


def written(x):
    x = x * 1.0
    x[1] = x[0] * 3
    x += 1.0
    return x


@pytest.mark.parametrize("f", SCALAR_FUNCTIONS.values(), ids=SCALAR_FUNCTIONS)
def test_grad(f):
    value, g = tg.value_and_grad(f)(V)
    assert type(g) is np.ndarray
    assert not isinstance(value, tg.Tensor)
    close(value, f(V))
    close(g, differences(f, V).reshape(3))
    close(tg.grad(f)(V), g, rtol=0)


def test_a_function_may_write_to_its_argument():
    def f(x):
        x[0] = 10.0
        x *= 2.0
        return np.sum(x**2)

    given = V.copy()
    assert tg.grad(f)(given).tolist() == [0, 8 * V[1], 8 * V[2]]
    assert given.tolist() == V.tolist()


def test_python_numbers():
    g = tg.grad(lambda x: x**3)(2.0)
    assert g == 12.0
    assert isinstance(g, float)
    assert tg.value_and_grad(lambda x: x**3)(np.float32(2)) == (8, 12)
    assert tg.grad(lambda x: x**3)(np.float32(2)).dtype == np.float32


def test_argnums():
    def f(a, b, c):
        return a * b**2 * c**3

    assert tg.grad(f)(2.0, 3.0, 1.0) == 9
    assert tg.grad(f, 1)(2.0, 3.0, 1.0) == 12
    assert tg.grad(f, -1)(2.0, 3.0, 1.0) == 54
    assert tg.grad(f, (0, 2))(2.0, 3.0, 1.0) == (9, 54)
    assert tg.grad(f, [1])(2.0, 3.0, 1.0) == (12,)
    assert tg.grad(f, (2, 0))(2.0, 3, 1.0) == (54, 9)


def test_keyword_arguments_are_passed_on():
    def f(x, *, power, scale=1.0):
        return scale * np.sum(x**power)

    close(tg.grad(f)(V, power=2, scale=3.0), 6 * V)


def test_other_arguments_are_passed_on_as_they_are():
    marker = object()

    def f(x, words, n, other):
        assert (words, type(n), other) == ("as is", int, marker)
        return x * n

    assert tg.grad(f)(2.0, "as is", 3, marker) == 3


def test_auxiliary_results():
    def f(x):
        return np.sum(x**2), {"double": 2 * x, "text": "kept", "n": 3}

    g, aux = tg.grad(f, has_aux=True)(V)
    close(g, 2 * V)
    assert type(aux["double"]) is np.ndarray
    close(aux.pop("double"), 2 * V)
    assert aux == {"text": "kept", "n": 3}
    (value, aux), g = tg.value_and_grad(f, has_aux=True)(V)
    close(value, np.sum(V**2))
    assert aux["text"] == "kept"


Point = namedtuple("Point", "x y")


def test_structures():
    def f(p, scale):
        layers, (a, b), point, nothing = p["layers"], p["pair"], p["point"], p["nothing"]
        assert nothing is None
        assert isinstance(point, Point)
        return scale * (np.sum(layers[0]["W"] ** 2) + a * b + point.x**3 + layers[1] * point.y)

    parameters = {
        "layers": [{"W": M}, 2.0],
        "pair": (3.0, np.float32(4)),
        "point": Point(1.5, V[:1]),
        "nothing": None,
    }
    g = tg.grad(f)(parameters, 2.0)
    close(g["layers"][0]["W"], 4 * M)
    close(g["layers"][1], 2 * V[0])
    assert g["pair"] == (8, 6)
    assert g["pair"][1].dtype == np.float32
    assert isinstance(g["point"], Point)
    close(g["point"].x, 6 * 1.5**2)
    close(g["point"].y, [4.0])
    assert g["nothing"] is None


def test_arrays_give_arrays_and_tensors_give_tensors():
    def f(p):
        return np.sum(p["array"] * p["tensor"])

    value, g = tg.value_and_grad(f)({"array": V, "tensor": tg.Tensor(V)})
    assert type(g["array"]) is np.ndarray
    assert type(g["tensor"]) is tg.Tensor
    assert type(value) is tg.Tensor
    assert not g["tensor"].requires_grad


def test_the_arrays_belong_to_the_caller():
    a, b = tg.grad(lambda a, b: np.sum(a + b), (0, 1))(V, V)
    a += 5.0
    assert b.tolist() == [1, 1, 1]
    value, pullback = tg.vjp(np.exp, V)
    value[:] = 0
    close(pullback(np.ones(3))[0], np.exp(V))


def test_an_argument_that_does_not_matter_has_gradient_zero():
    assert tg.grad(lambda a, b: a, 1)(1.0, 2.0) == 0
    assert tg.grad(lambda x: 3.0)(1.0) == 0
    assert tg.grad(lambda x: np.sum(np.floor(x)))(V).tolist() == [0, 0, 0]
    close(tg.grad(lambda p: p["used"])({"used": 1.0, "unused": M})["unused"], 0 * M)


@pytest.mark.parametrize(
    ("f", "args", "argnums", "message"),
    [
        (np.sum, (3,), 0, r"argument 0 of sum has dtype int64, .*; write 1\.0 for 1"),
        (np.sum, (np.arange(3),), 0, "argument 0 of sum has dtype int64"),
        (lambda a, b: a, (1.0, True), 1, "argument 1 of <lambda> has dtype bool"),
        (lambda a: a["x"], ({"x": 1},), 0, "argument 0 of <lambda> has dtype int64"),
        (lambda a: a, ("text",), 0, "argument 0 of <lambda> has dtype <U4"),
        (lambda x: (x, x), (1.0,), 0, "a single number, but it returned a tuple.*has_aux=True"),
        (lambda x: None, (1.0,), 0, "a single number, but it returned a NoneType"),
        (
            lambda x: np.argmax(x),
            (V,),
            0,
            r"returned dtype int64 and shape \(\), which has no gradient",
        ),
        (lambda x: x * 1j, (1.0,), 0, r"returned complex128, but grad takes real .* holomorphic"),
    ],
)
def test_what_has_no_gradient_is_refused(f, args, argnums, message):
    with pytest.raises(TypeError, match=message):
        tg.grad(f, argnums)(*args)


def pair(x):
    """Return an array of objects, as of a data frame with columns of several types."""
    out = np.empty(2, object)
    out[0], out[1] = 2 * x[0], x[1]
    return out


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: tg.grad(f)(x),
        lambda f, x: tg.value_and_grad(f)(x),
        lambda f, x: tg.elementwise_grad(f)(x),
        lambda f, x: tg.jacobian(f)(x),
        lambda f, x: tg.hessian(f)(x),
        lambda f, x: tg.hvp(f, x, x),
        lambda f, x: tg.vjp(f, x),
        lambda f, x: tg.jvp(f, (x,), (x,)),
        lambda f, x: tg.checkpoint(f)(tg.Tensor(x, requires_grad=True)),
        lambda f, x: tg.check_grads(f, x),
    ],
)
def test_an_array_of_objects_is_refused_with_its_dtype_and_shape(transform):
    def nested(x):
        return {"a": [x, pair(x)]}

    message = (
        r"returned an array of dtype object and shape \(2,\), .*; return a tensor, as np\.stack"
    )
    with pytest.raises(TypeError, match="^pair " + message):
        transform(pair, V[:2])
    with pytest.raises(TypeError, match="^nested " + message):
        transform(nested, V[:2])


class Result:
    """An object that is no container."""

    def __init__(self, y):
        self.y = y


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: tg.vjp(f, np.ones(2)),
        lambda f: tg.jvp(f, (np.ones(2),), (np.ones(2),)),
        lambda f: tg.jacobian(f)(np.ones(2)),
    ],
)
def test_an_object_that_hides_its_tensors_is_refused(transform):
    with pytest.raises(TypeError, match="returned a Result, whose tensors would lose"):
        transform(lambda x: Result(x * x))
    with pytest.raises(TypeError, match="returned a Result, whose tensors would lose"):
        transform(lambda x: {"a": x, "b": [Result(x * x)]})


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (lambda x: ({"x": x},), {}),
        (lambda x: ([x, 1.0],), {}),
        (lambda x: (x, (x,)), {}),
        (lambda x: (x,), {"k": tg.Tensor(2.0, requires_grad=True)}),
    ],
)
def test_a_custom_gradient_of_tensors_that_are_no_positional_arguments_is_refused(args, kwargs):
    f = tg.custom_gradient(lambda *_args, **_kwargs: (1.0, lambda g: (g, g)))
    with pytest.raises(TypeError, match="pass it as one, not as a keyword or in a"):
        tg.grad(lambda x: f(*args(x), **kwargs))(2.0)
    with tg.no_grad():
        assert f(*args(tg.Tensor(2.0, requires_grad=True)), **kwargs) == 1.0


def test_a_custom_gradient_of_objects_is_refused():
    x = tg.Tensor(V[:2], requires_grad=True)
    message = r"{} returned an array of dtype object and shape \(2,\)"
    with pytest.raises(TypeError, match=message.format("<lambda>")):
        tg.custom_gradient(lambda x: (pair(x), lambda g: g))(x)
    y = tg.custom_gradient(lambda x: (2 * x, lambda g: pair(g)))(x)
    with pytest.raises(TypeError, match=message.format("the gradient of <lambda>")):
        np.sum(y).backward()


@pytest.mark.parametrize(
    ("f", "argnums", "has_aux", "error", "message"),
    [
        (
            lambda x: x * V,
            0,
            False,
            ValueError,
            r"shape \(3,\); reduce it, .* or use jacobian or el",
        ),
        (
            lambda x: x,
            1,
            False,
            ValueError,
            "argnums=1 must name positional arguments of <lambda>, which was given 1",
        ),
        (lambda x: x, -2, False, ValueError, "argnums=-2 must name"),
        (lambda x: x, (0, 0), False, ValueError, "and each once"),
        (lambda x: x, 0, True, TypeError, r"has_aux=True <lambda> must return \(value, aux\)"),
        (lambda x: (x, x, x), 0, True, TypeError, r"must return \(value, aux\)"),
    ],
)
def test_misuse_of_grad(f, argnums, has_aux, error, message):
    with pytest.raises(error, match=message):
        tg.grad(f, argnums, has_aux)(2.0)


# Only the rules that are needed run


class Steps(Observer):
    """A counter of the rules that backward calls."""

    def __init__(self):
        super().__init__()
        self.ops, self.nodes = [], []

    def returned(self, op, args, kwargs, t):
        if t.node is not None:
            self.nodes.append(weakref.ref(t.node))

    def backward(self, node, i, given, contribution):
        if i is not None:
            self.ops.append(node.op.name)


def test_leaves_that_are_closed_over_keep_their_grad_and_are_not_walked_to():
    w = tg.Tensor(V, requires_grad=True)
    w.grad = tg.Tensor(np.full(3, 7.0))
    steps = Steps()
    with tg.no_grad(), with_state(observer=steps):
        g = tg.grad(lambda x: np.sum(np.exp(np.sin(w)) * x))(V)
    close(g, np.exp(np.sin(V)))
    assert w.grad.tolist() == [7, 7, 7]
    assert not {"exp", "sin"} & set(steps.ops)


def test_an_outer_graph_is_not_walked():
    w = tg.Tensor(1.0, requires_grad=True)
    outer = w
    for _ in range(50):
        outer = np.sin(outer)
    steps = Steps()
    with with_state(observer=steps):
        g = tg.grad(lambda x: outer * x**2)(3.0)
    assert g.requires_grad
    assert len(steps.ops) < 10
    g.backward()
    assert w.grad is not None


def test_no_node_is_left_behind():
    import gc

    gc.collect()
    gc.disable()
    try:
        steps = Steps()
        with with_state(observer=steps):
            tg.grad(mixing)(V)
            tg.hvp(mixing, V, V)
            tg.hessian(mixing)(V)
            tg.jvp(wave, (V,), (V,))
            _, pullback = tg.vjp(wave, V)
            pullback(V)
            del pullback
            tg.grad(tg.grad(lambda x: tg.checkpoint(np.sin)(x)))(1.0)
            tg.grad(tg.grad(custom_square))(1.0)
        assert len(steps.nodes) > 50
        assert [r() for r in steps.nodes if r() is not None] == []
    finally:
        gc.enable()


@tg.custom_gradient
def custom_square(x):
    return x * x, lambda g: g * 2 * x


# elementwise_grad, vjp, jvp


def test_elementwise_grad_to_the_third_order():
    d = tg.elementwise_grad
    x = np.linspace(-2, 2, 7)
    close(d(np.tanh)(x), 1 - np.tanh(x) ** 2)
    close(d(d(d(np.sin)))(x), -np.cos(x))
    close(d(lambda a, b: a * b**2, 1)(x, x + 1), 2 * x * (x + 1))


def test_vjp():
    y, pullback = tg.vjp(lambda a, b: {"prod": a * b, "sum": [np.sum(a), 5.0]}, V, V + 1)
    close(y["prod"], V * (V + 1))
    assert y["sum"][1] == 5.0
    for scale in (1.0, 2.0):  # as often as wanted
        a, b = pullback({"prod": scale * V, "sum": (3.0, 0.0)})
        close(a, scale * V * (V + 1) + 3)
        close(b, scale * V * V)
    y, pullback, aux = tg.vjp(lambda x: (x**2, x + 1), V, has_aux=True)
    close(aux, V + 1)
    close(pullback(np.ones(3))[0], 2 * V)


def test_vjp_of_one_tensor_returned_twice_adds_its_cotangents():
    def twice(x):
        y = np.sin(x)
        return y, y

    _, pullback = tg.vjp(twice, V)
    (g,) = pullback((V, 2.0 * V))
    close(g, 3.0 * V * np.cos(V))


def test_vjp_refuses_what_does_not_fit():
    _, pullback = tg.vjp(lambda x: {"y": x}, V)
    with pytest.raises(ValueError, match=r"expected something built like \{'y'"):
        pullback(V)
    with pytest.raises(ValueError, match=r"expected something built like \{'y'"):
        pullback({"z": V})
    with pytest.raises(ValueError, match=r"shape \(3,\) .* cannot have shape \(2,\)"):
        pullback({"y": V[:2]})


@pytest.mark.parametrize(
    "f", [wave, np.sort, np.cumsum, lambda x: M @ x, lambda x: np.outer(x, x), mixing]
)
def test_jvp(f):
    v = np.array([0.3, -0.7, 1.1])
    y, rate = tg.jvp(f, (V,), (v,))
    close(y, f(V))
    close(rate, differences(f, V) @ v)


def test_jvp_of_structures():
    def f(p, q):
        return {"a": p["x"] * q, "b": (np.sum(p["x"]), "text" and 2.0)}

    y, rate = tg.jvp(f, ({"x": V}, 2.0), ({"x": M[0]}, 0.5))
    close(y["a"], 2 * V)
    close(rate["a"], 2 * M[0] + 0.5 * V)
    close(rate["b"][0], np.sum(M[0]))
    assert rate["b"][1] == 0


def test_jvp_refuses_tangents_that_do_not_fit():
    with pytest.raises(ValueError, match=r"tangent of shape \(2,\) was given for shape \(3,\)"):
        tg.jvp(np.sin, (V,), (V[:2],))
    with pytest.raises(ValueError, match="expected something built like"):
        tg.jvp(np.sin, (V,), (V, V))


def test_jvp_and_vjp_agree():
    v, w = rng.normal(size=3), rng.normal(size=4)

    def f(x):
        return np.tanh(M @ x) * np.exp(x[0])

    _, rate = tg.jvp(f, (V,), (v,))
    _, pullback = tg.vjp(f, V)
    close(w @ rate, pullback(w)[0] @ v)


# jacobian, hessian, hvp


@pytest.mark.parametrize(
    "f",
    [
        wave,
        mixing,
        lambda x: M @ x,
        lambda x: np.outer(x, x),
        lambda x: x[1],
        lambda x: np.ones((2, 2)),
        lambda x: x[:0],
    ],
)
def test_jacobian(f):
    found = tg.jacobian(f)(V)
    assert type(found) is np.ndarray
    assert found.shape == (*np.shape(f(V)), 3)
    close(found, differences(f, V))


def test_jacobian_of_structures():
    def f(p, q):
        return {"a": p["x"] * q, "b": [np.sum(p["x"]) * q]}

    found = tg.jacobian(f, (0, 1))({"x": V}, 2.0)
    close(found["a"][0]["x"], 2 * np.eye(3))
    close(found["a"][1], V)
    close(found["b"][0][0]["x"], [2, 2, 2])
    close(found["b"][0][1], np.sum(V))
    jacobian, aux = tg.jacobian(lambda x: (x**2, "aux"), has_aux=True)(V)
    close(jacobian, np.diag(2 * V))
    assert aux == "aux"


def test_jacobian_keeps_the_dtype():
    assert tg.jacobian(wave)(V.astype(np.float32)).dtype == np.float32
    assert tg.jacobian(lambda x: x * np.ones(9))(np.float32(2)).dtype == np.float32


TALL = {
    "one number": (lambda x: np.sin(x) * np.arange(1.0, 9), 0.7),
    "array": (lambda x: np.outer(x, x[:2])[None] * np.arange(1.0, 9).reshape(4, 1, 2), V),
    "used in part": (lambda x: np.exp(x[1]) * np.ones(20), V),
}


@pytest.mark.parametrize(("f", "x"), TALL.values(), ids=TALL)
def test_a_tall_jacobian_takes_a_push_per_column(f, x):
    steps = Steps()
    with with_state(observer=steps):
        found = tg.jacobian(f)(x)
    assert steps.ops.count("variable") <= 1 + np.size(x)
    assert found.shape == np.shape(f(x)) + np.shape(x)
    close(found, differences(f, x))


def test_tall_jacobians_of_structures_nest_and_are_complex():
    def f(x, s):
        return {"a": x[0] * s * np.ones(20), "b": [x, 3.0, np.sum(x)]}

    found = tg.jacobian(f, (0, 1))(V[:2], 2.0)
    close(found["a"][0], np.outer(np.ones(20), [2, 0]))
    close(found["a"][1], np.full(20, V[0]))
    close(found["b"][0][0], np.eye(2))
    assert found["b"][1][1] == 0
    close(found["b"][2][0], [1, 1])

    def tall(x):
        return x**3 * np.ones((2, 9))

    close(tg.jacobian(tg.jacobian(tall))(0.5), np.full((2, 9), 3.0))
    close(tg.grad(lambda x: np.sum(tg.jacobian(tall)(x)))(0.5), 18 * 3.0)
    z = 0.3 + 1j
    close(tg.jacobian(lambda z: np.exp(z * V), holomorphic=True)(z), V * np.exp(z * V))


@pytest.mark.parametrize(
    "f", [mixing, np.prod, lambda x: x @ M.T @ M @ x, lambda x: np.sum(x), lambda x: x[0] ** 3]
)
def test_hessian(f):
    found = tg.hessian(f)(V)
    close(found, differences(tg.grad(f), V), rtol=1e-6)
    close(found, found.T)
    v = rng.normal(size=3)
    close(tg.hvp(f, V, v), found @ v)


def test_hessian_of_structures_and_aux():
    def f(p):
        return p["a"] ** 2 * np.sum(p["b"]), "aux"

    found, aux = tg.hessian(f, has_aux=True)({"a": 3.0, "b": V})
    assert aux == "aux"
    close(found["a"]["a"], 2 * np.sum(V))
    close(found["a"]["b"], [6, 6, 6])
    close(found["b"]["a"], [6, 6, 6])
    close(found["b"]["b"], np.zeros((3, 3)))


def test_hvp_of_structures():
    found = tg.hvp(lambda p: p["a"] ** 2 * p["b"], {"a": 3.0, "b": 2.0}, {"a": 1.0, "b": 10.0})
    assert found == {"a": 4.0 + 60.0, "b": 6.0}


def test_hvp_through_a_dense_network():
    W1, W2, X = rng.normal(size=(5, 8)), rng.normal(size=(8, 1)), rng.normal(size=(20, 5))

    def loss(p):
        return np.mean((np.tanh(tg.linear(X, p["W1"], p["b"])) @ p["W2"] - 1) ** 2)

    p = {"W1": W1, "b": np.zeros(8), "W2": W2}
    v = {k: rng.normal(size=a.shape) for k, a in p.items()}
    h = 1e-5
    up, down = ({k: p[k] + s * v[k] for k in p} for s in (h, -h))
    g_up, g_down, found = tg.grad(loss)(up), tg.grad(loss)(down), tg.hvp(loss, p, v)
    for k in p:
        close(found[k], (g_up[k] - g_down[k]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_a_hvp_costs_a_few_gradients():
    counts = []
    for f in (lambda: tg.grad(mixing)(V), lambda: tg.hvp(mixing, V, V)):
        steps = Steps()
        with with_state(observer=steps):
            f()
        counts.append(len(steps.ops))
    assert counts[1] < 6 * counts[0]


# Nesting


def test_derivatives_of_derivatives_to_the_fourth_order():
    f, expected = np.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]
    for d in expected:
        f = tg.grad(f)
        close(f(0.7), d(0.7))


def test_an_inner_derivative_closes_over_an_outer_variable():
    """The classical perturbation confusion: the answers are 1 and 4, not 2 and 2."""
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0) == 1
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(1.0))(2.0) == 4
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y**2)(x))(3.0) == 6 * 3**2


def test_the_inner_argument_is_the_outer_variable_itself():
    """d/dx [d/dy (x y^2) at y = x] = d/dx 2x^2."""
    assert tg.grad(lambda x: tg.grad(lambda y: x * y * y)(x))(3.0) == 12


def test_jvp_inside_jvp_confuses_nothing():
    def f(x):
        _, rate = tg.jvp(lambda y: x * y, (1.0,), (1.0,))
        return x * rate

    assert tg.jvp(f, (3.0,), (1.0,)) == (9, 6)


def hessian_of(outer, inner):
    return lambda f: outer(inner(f))


def by_jvp(f):
    """Compute the Jacobian column by column."""

    def columns(x):
        rates = [tg.jvp(f, (x,), (e,))[1] for e in np.eye(np.size(x))]
        return np.stack(rates, axis=-1)

    return columns


def by_vjp(f):
    """Compute the Jacobian row by row."""

    def rows(x):
        y, pullback = tg.vjp(f, x)
        units = np.eye(np.size(y)).reshape(-1, *y.shape)
        return np.stack([pullback(e)[0] for e in units]).reshape(*y.shape, 3)

    return rows


FIRST = {"grad": tg.grad, "jacobian": tg.jacobian, "jvp": by_jvp, "vjp": by_vjp}


@pytest.mark.parametrize(
    "names", list(itertools.product(["jacobian", "jvp", "vjp"], FIRST)), ids="-".join
)
def test_every_second_derivative_is_the_hessian(names):
    outer, inner = (FIRST[name] for name in names)

    def gradient(x):
        return np.reshape(inner(mixing)(x), (3,))

    close(outer(gradient)(V), tg.hessian(mixing)(V))


@pytest.mark.parametrize(
    "names", list(itertools.product(["jacobian", "jvp", "vjp"], repeat=2)), ids="-".join
)
def test_third_derivatives(names):
    a, b = (FIRST[name] for name in names)

    def hessian(x):
        return np.reshape(b(tg.grad(mixing))(x), (9,))

    expected = differences(tg.hessian(mixing), V, h=1e-4)
    close(np.reshape(a(hessian)(V), (3, 3, 3)), expected, rtol=1e-5, atol=1e-6)


def test_hvp_is_differentiable():
    v = rng.normal(size=3)
    found = tg.grad(lambda x: np.sum(tg.hvp(mixing, x, v)))(V)
    close(found, differences(lambda x: np.sum(tg.hessian(mixing)(x) @ v), V), rtol=1e-6)
    found = tg.jacobian(lambda v: tg.hvp(mixing, V, v))(v)
    close(found, tg.hessian(mixing)(V))


def test_gradients_flow_through_recorded_tensors():
    """Given or closed over, a tensor that requires a gradient makes the result recorded."""
    w = tg.Tensor(V, requires_grad=True)
    x = tg.Tensor(V + 1, requires_grad=True)
    g = tg.grad(lambda t: np.sum(w * t**3))(x)
    np.sum(g).backward()
    close(x.grad.data, 6 * V * (V + 1))
    close(w.grad.data, 3 * (V + 1) ** 2)


def test_a_gradient_penalty_on_arrays():
    W = tg.Tensor(M, requires_grad=True)
    g = tg.grad(lambda x: np.sum(np.tanh(W @ x)))(V)
    assert g.requires_grad
    np.sum(g**2).backward()
    slope = differences(lambda W: np.sum((W.T @ (1 - np.tanh(W @ V) ** 2)) ** 2), M)
    close(W.grad.data, slope, rtol=1e-6)


def test_the_value_is_recorded_too():
    w = tg.Tensor(2.0, requires_grad=True)
    value, g = tg.value_and_grad(lambda x: w * x**2)(3.0)
    (value + g).backward()
    assert w.grad.item() == 9 + 6


def test_pullbacks_are_differentiable_in_what_arrives_and_in_where():
    g, x = tg.Tensor(V, requires_grad=True), tg.Tensor(V, requires_grad=True)
    (back,) = tg.vjp(np.sin, V)[1](g)
    np.sum(back).backward()
    close(g.grad.data, np.cos(V))
    (back,) = tg.vjp(np.sin, x)[1](V)
    np.sum(back).backward()
    close(x.grad.data, -np.sin(V) * V)


def test_tangents_are_differentiable():
    v = tg.Tensor(V, requires_grad=True)
    _, rate = tg.jvp(np.sin, (V,), (v,))
    np.sum(rate).backward()
    close(v.grad.data, np.cos(V))


def test_no_grad_around_gives_values_and_inside_stops_gradients():
    w = tg.Tensor(V, requires_grad=True)
    with tg.no_grad():
        g = tg.grad(lambda x: np.sum(w * x**2))(V)
        assert type(g) is np.ndarray
        close(g, 2 * V * V)

    def f(x):
        with tg.no_grad():
            scale = x * 2
        return np.sum(scale * x)

    close(tg.grad(f)(V), 2 * V)


# Complex numbers

Z = np.array([0.3 + 0.4j, -1.0 + 0.5j])


def test_the_gradient_of_a_real_loss_points_to_steepest_ascent():
    close(tg.grad(lambda z: np.sum(np.abs(z) ** 2))(Z), 2 * Z)
    g = tg.grad(lambda z: np.sum(np.real(z**3)))(Z)
    h = 1e-6
    for i, unit in itertools.product(range(2), (1, 1j)):
        step = np.zeros(2, complex)
        step[i] = h * unit
        slope = (np.sum(np.real((Z + step) ** 3)) - np.sum(np.real((Z - step) ** 3))) / (2 * h)
        close(np.real(np.conj(g[i]) * unit), slope, rtol=1e-6)


def test_holomorphic_derivatives():
    close(tg.grad(lambda z: z**3, holomorphic=True)(Z[0]), 3 * Z[0] ** 2)
    close(tg.jacobian(np.exp, holomorphic=True)(Z), np.diag(np.exp(Z)))
    d = tg.grad(tg.grad(np.sin, holomorphic=True), holomorphic=True)
    close(d(Z[0]), -np.sin(Z[0]))


@pytest.mark.parametrize("f", [lambda z: z**3, lambda z: np.conj(z) * z, lambda z: np.abs(z) ** 2])
def test_jvp_of_complex_functions_is_the_directional_derivative(f):
    v, h = np.array([0.2 - 1j, 1.5 + 0.1j]), 1e-6
    _, rate = tg.jvp(f, (Z,), (v,))
    close(rate, (f(Z + h * v) - f(Z - h * v)) / (2 * h), rtol=1e-6)


def test_jvp_from_real_to_complex():
    _, rate = tg.jvp(lambda x: np.exp(1j * x), (V,), (V,))
    close(rate, 1j * V * np.exp(1j * V))


@pytest.mark.parametrize(
    ("f", "x"), [(lambda x: x**2, 1.0), (lambda z: np.abs(z), 1j), (lambda x: x * 1j, 1.0)]
)
def test_holomorphic_is_for_complex_functions_of_complex_numbers(f, x):
    with pytest.raises(
        TypeError, match="takes complex functions of complex numbers, but <lambda> too"
    ):
        tg.grad(f, holomorphic=True)(x)
    with pytest.raises(TypeError, match="jacobian with holomorphic=True"):
        tg.jacobian(f, holomorphic=True)(x)


# checkpoint


def chain(x, n, width=1):
    for _ in range(n):
        x = np.sin(x) + x * 0.1
    return x


def test_checkpoint_has_the_same_gradient():
    x, twin = tg.Tensor(V, requires_grad=True), tg.Tensor(V, requires_grad=True)
    y = tg.checkpoint(chain)(x, 5)
    assert y.op.__name__ == "chain"
    np.sum(y * y).backward()
    expected = chain(twin, 5)
    np.sum(expected * expected).backward()
    close(y.data, expected.data, rtol=0)
    close(x.grad.data, twin.grad.data)


def test_checkpoint_recomputes_once_for_all_arguments():
    calls = []

    @tg.checkpoint
    def f(a, b, c):
        calls.append(1)
        return np.exp(a * b) * c

    a, b, c = (tg.Tensor(k, requires_grad=True) for k in (0.5, 2.0, 3.0))
    f(a, b, c).backward()
    assert len(calls) == 2
    close([t.grad.item() for t in (a, b, c)], np.exp(1.0) * np.array([6, 1.5, 1]))


def test_checkpoint_of_checkpoints_and_higher_orders():
    inner = tg.checkpoint(lambda x: np.sin(x) * x)
    outer = tg.checkpoint(lambda x: inner(inner(x)))

    def f(x):
        return np.sin(np.sin(x) * x) * np.sin(x) * x

    for d in (tg.grad, lambda f: tg.grad(tg.grad(f)), lambda f: tg.grad(tg.grad(tg.grad(f)))):
        close(d(outer)(0.7), d(f)(0.7))


def test_checkpoint_gives_gradients_of_what_it_closes_over():
    W, x = tg.Tensor(M, requires_grad=True), tg.Tensor(V, requires_grad=True)
    np.sum(tg.checkpoint(lambda t: np.tanh(W @ t) ** 2)(x)).backward()
    close(W.grad.data, differences(lambda W: np.sum(np.tanh(W @ V) ** 2), M), rtol=1e-6)
    close(x.grad.data, differences(lambda x: np.sum(np.tanh(M @ x) ** 2), V), rtol=1e-6)


def test_checkpoint_of_a_function_of_its_closure_alone():
    w = tg.Tensor(2.0, requires_grad=True)
    (tg.checkpoint(lambda: w**3)() * 2).backward()
    assert w.grad.item() == 24


def test_checkpoint_of_an_argument_made_from_what_is_closed_over():
    """The direct way and the way through the argument are not counted twice."""
    w = tg.Tensor(2.0, requires_grad=True)
    tg.checkpoint(lambda t: t * w)(w**2).backward()
    assert w.grad.item() == 12


@pytest.mark.parametrize("x", [0.0, 4.0])
@pytest.mark.parametrize("how", ["item", "in place", "data", "data in place"])
def test_checkpoint_refuses_a_leaf_that_was_written_to(x, how):
    """At x = 0 the result is the same again, but its gradient in x is not."""
    w, x = tg.Tensor([1.0, 2.0], requires_grad=True, name="w"), tg.Tensor(x, requires_grad=True)
    y = tg.checkpoint(lambda t: np.sum(t * w))(x)
    with tg.no_grad():
        if how == "item":
            w[0] = 100.0
        elif how == "in place":
            w *= 100.0
        elif how == "data":
            w.data = np.ones(2)
        else:
            w.data *= 100.0
    with pytest.raises(RuntimeError, match=r"leaf 'w' of shape \(2,\) was written to after the"):
        y.backward()


def test_checkpoint_over_structures():
    @tg.checkpoint
    def cell(state, *, scale):
        return {"h": np.tanh(state["h"] * scale), "c": [state["c"] + state["h"], "kept"]}

    def loss(h, c):
        state = {"h": h, "c": c}
        for _ in range(3):
            out = cell(state, scale=0.5)
            assert out["c"][1] == "kept"
            state = {"h": out["h"], "c": out["c"][0]}
        return np.sum(state["h"] * state["c"])

    plain = cell.__wrapped__
    found = tg.grad(loss, (0, 1))(V, V.astype(np.float32))
    cell = plain
    expected = tg.grad(loss, (0, 1))(V, V.astype(np.float32))
    for a, b in zip(found, expected, strict=True):
        close(a, b)
        assert a.dtype == b.dtype


def test_checkpoint_of_complex_functions():
    close(
        tg.grad(lambda z: np.sum(np.real(tg.checkpoint(lambda t: t**3)(z))))(Z), np.conj(3 * Z**2)
    )


def test_checkpoint_respects_the_state():
    x = tg.Tensor(V, requires_grad=True)
    f = tg.checkpoint(np.sin)
    with tg.no_grad():
        assert not f(x).requires_grad

    @tg.checkpoint
    def half(t):
        with tg.no_grad():
            scale = t * 2
        return scale * t

    np.sum(half(x)).backward()
    close(x.grad.data, 2 * V)
    assert type(f(V)) is np.ndarray
    assert not f(tg.Tensor(V)).requires_grad


def test_checkpoint_keeps_the_argument_as_it_was():
    x = tg.Tensor(V, requires_grad=True)
    y = x * 1.0
    z = tg.checkpoint(lambda t: t * t)(y)
    y += 100.0
    np.sum(z).backward()
    close(x.grad.data, 2 * V)


def test_checkpoint_notices_that_a_leaf_was_overwritten():
    w = tg.Tensor(V, requires_grad=True, name="w")
    y = tg.checkpoint(lambda: np.sum(w * w))()
    w.data -= 1.0
    with pytest.raises(RuntimeError, match=r"computed something else|leaf 'w' .* written to"):
        y.backward()


def test_checkpoint_notices_a_write_that_does_not_change_the_result():
    w = tg.Tensor(V, requires_grad=True)
    y = tg.checkpoint(lambda x: np.sum(x * x))(w)
    w.data *= -1.0
    with pytest.raises(RuntimeError, match=r"run <lambda> again, because the leaf of shape \(3,\)"):
        y.backward()


def test_a_custom_gradient_of_integers_is_refused():
    # The gradient in an integer would be one too: 0.3 would be 0.
    rounded = tg.custom_gradient(lambda x: (np.round(x).astype(int), lambda g: g))
    with pytest.raises(TypeError, match="made an array of dtype int64, which has no gradient"):
        tg.grad(lambda x: np.sum(rounded(x) * 0.3))(V)


def test_checkpoint_notices_a_small_step_of_a_leaf():
    w = tg.Tensor(V, requires_grad=True)
    y = tg.checkpoint(lambda x: np.sum(x * w))(tg.Tensor(V, requires_grad=True))
    with tg.no_grad():
        w -= 1e-5
    with pytest.raises(RuntimeError, match=r"leaf of shape .* was written to after the call"):
        y.backward()


def test_checkpoint_refuses_what_computes_something_else_the_second_time():
    random = np.random.default_rng(0)
    x = tg.Tensor(np.ones(100), requires_grad=True)
    y = tg.checkpoint(lambda t: t * (random.random(100) < 0.5))(x)
    with pytest.raises(
        RuntimeError, match=r"draws random numbers .* do so outside and pass them in"
    ):
        np.sum(y).backward()


def test_checkpoint_refuses_what_is_no_longer_recorded():
    counts = iter([1, 0])
    x = tg.Tensor(V, requires_grad=True)
    y = tg.checkpoint(lambda t: t * 2 if next(counts) else V)(x)
    with pytest.raises(RuntimeError, match="computed something else"):
        np.sum(y).backward()


def test_checkpoint_appears_as_one_node():
    x = tg.Tensor(V, requires_grad=True)
    y = tg.checkpoint(chain)(x, 20)
    assert y.node.parents == [x.node]


def peak_of(f):
    tracemalloc.start()
    f()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def segmented(x, n, segment):
    run = tg.checkpoint(chain)
    for _ in range(n // segment):
        x = run(x, segment)
    return x


def test_the_memory_of_a_chain_in_segments_grows_as_the_square_root():
    x = tg.Tensor(np.full(10_000, 0.5), requires_grad=True)
    size = x.data.nbytes

    def arrays(f, n):
        def run():
            np.sum(f(x, n)).backward()
            x.zero_grad()

        return peak_of(run) / size

    plain = [arrays(chain, n) for n in (64, 256)]
    cut = [arrays(lambda x, n: segmented(x, n, int(n**0.5)), n) for n in (64, 256)]
    assert 3.5 < plain[1] / plain[0] < 4.5
    assert cut[1] / cut[0] < 2.4
    assert cut[1] < plain[1] / 5


def test_checkpoint_frees_what_it_computed(monkeypatch):
    import gc

    gc.disable()
    try:
        steps = Steps()
        x = tg.Tensor(V, requires_grad=True)
        with with_state(observer=steps):
            y = np.sum(tg.checkpoint(chain)(x, 10))
            assert len([r for r in steps.nodes if r() is not None]) == 2
            y.backward()
            del y
        assert [r for r in steps.nodes if r() is not None] == []
    finally:
        gc.enable()
