"""Layers, activations and initializers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
import tensorgrad as tg
from nn.config import build, describe
from nn.layers.init import INITIALIZERS, fans, initialize

sizes = st.integers(1, 6)
shapes = st.lists(sizes, min_size=1, max_size=3).map(tuple)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


# Dense


@given(st.lists(sizes, max_size=3).map(tuple), sizes, sizes)
def test_dense_is_x_times_weights_plus_biases(batch, D, H):
    layer, x = nn.Dense(D, H, initializer="he"), normal(*batch, D)
    layer.biases.data += 1
    out = layer(x)
    assert out.shape == (*batch, H)
    assert out.dtype == np.float32
    expected = x @ layer.weights.data + layer.biases.data
    np.testing.assert_allclose(out.data, expected, rtol=1e-5, atol=1e-6)


def test_dense_begins_as_in_the_book():
    layer = nn.Dense(784, 128, rng=0)
    assert layer.weights.shape == (784, 128)
    assert layer.biases.shape == (128,)
    assert layer.weights.dtype == layer.biases.dtype == np.float32
    assert layer.weights.data.std() == pytest.approx(0.01, rel=0.01)
    assert not layer.biases.data.any()


def test_dense_takes_a_generator_or_a_seed():
    rng = np.random.default_rng(5)
    a, b, c = nn.Dense(3, 3, rng=rng), nn.Dense(3, 3, rng=rng), nn.Dense(3, 3, rng=5)
    np.testing.assert_array_equal(a.weights.data, c.weights.data)
    assert (a.weights.data != b.weights.data).all()
    assert (nn.Dense(3, 3).weights.data != nn.Dense(3, 3).weights.data).all()


def test_the_dtype_changes_the_precision_but_not_the_weights():
    a, b = nn.Dense(3, 4, rng=0), nn.Dense(3, 4, rng=0, dtype=np.float64)
    assert b.dtype == b.weights.dtype == b.biases.dtype == np.float64
    np.testing.assert_allclose(a.weights.data, b.weights.data, rtol=1e-6)


def test_a_shortcut_stays_in_the_dtype_of_its_module():
    """Data of float64 in a plain loop are an example."""
    x = np.random.default_rng(0).normal(size=(4, 3))
    for block in (
        nn.Residual(nn.Dense(3, 3, rng=0)),
        nn.Residual(nn.Dense(3, 2, rng=0), shortcut=nn.Dense(3, 2, rng=1)),
        nn.Sequential(nn.Residual(nn.Dense(3, 3, rng=0)), nn.Dense(3, 3, rng=0)),
    ):
        out = block(tg.Tensor(x))
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out.data, block(tg.Tensor(x.astype(np.float32))).data)
    assert nn.Residual(nn.Dense(3, 3, dtype=np.float64))(tg.Tensor(x)).dtype == np.float64
    assert nn.Residual(nn.Dense(3, 3))(tg.Tensor(x, requires_grad=True)).dtype == np.float64


# fmt: off
WRONG = [
    (lambda: nn.Dense(0, 3),                          "n_inputs of Dense must be a positive integer, not 0"),
    (lambda: nn.Dense(3, 2.0),                        r"n_neurons of Dense must be a positive integer, not 2\.0"),
    (lambda: nn.Dense(3, 2, weight_regularizer_l2=-1), "a regularizer of Dense must be at least 0, not -1"),
    (lambda: nn.Dense(3, 2, initializer="xavier"),    "no initializer 'xavier'; write one of book, he, .*, orthogonal, or give"),
    (lambda: nn.Dense(3, 2, initializer=lambda shape, rng: np.ones(3)), r"asked for weights of shape \(3, 2\), but returned \(3,\)"),
    (lambda: nn.Dense(3, 2)(normal(5, 4)),            r"Dense\(3, 2\) takes 3 features .* got an input of shape \(5, 4\)"),
    (lambda: nn.Dense(1, 2)(np.float32(1)),           r"takes 1 features .* shape \(\)"),
    (lambda: nn.Dropout(1),                           "rate is the fraction of dropped units and must be at least 0 and below 1, not 1"),
    (lambda: nn.Dropout(-0.1),                        r"not -0\.1"),
    (lambda: nn.Dropout(float("nan")),                "not nan"),
    (lambda: nn.Dropout("0.2"),                       r"at least 0 and below 1, not '0\.2'"),
    (lambda: nn.Dense(3, 2, bias_regularizer_l1="a"), "a regularizer of Dense must be at least 0, not 'a'"),
]
NO_TYPES = [
    (lambda: nn.Dense(3, 2, initializer=3),           r"a name \(book, he, .*, orthogonal\) or a function \(shape, rng\) -> array, not 3"),
    (lambda: nn.Dense(3, 2)([1, 2, 3]),               r"takes a Tensor or an array, but got list: \[1, 2, 3\]"),
    (lambda: nn.LeakyReLU("0.1"),                     r"alpha is the slope for x below 0 and must be a number, not '0\.1'"),
    (lambda: nn.ELU(None),                            "alpha is minus the limit for large negative x and must be a number, not None"),
    (lambda: nn.GELU(approximate="tanh"),             "approximate must be True, for the formula with tanh, or False, not 'tanh'"),
    (lambda: nn.Dense(3, 2).summary(3),               r"such as \(784,\), not 3"),
    (lambda: nn.Dense(3, 2).summary((3.0,)),          r"such as \(784,\), not \(3\.0,\)"),
]
# fmt: on


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_sizes_and_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), NO_TYPES)
def test_what_is_of_no_use_at_all(make, message):
    with pytest.raises(TypeError, match=message):
        make()


# Initializers


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("book", 1e-4),
        ("he", 2 / 300), ("he_normal", 2 / 300), ("he_uniform", 2 / 300),
        ("glorot", 2 / 800), ("glorot_normal", 2 / 800), ("glorot_uniform", 2 / 800),
        ("lecun", 1 / 300), ("lecun_normal", 1 / 300), ("lecun_uniform", 1 / 300),
        ("orthogonal", 1 / 500),
    ],
)  # fmt: skip
def test_initializers_have_their_variance(name, variance):
    layer = nn.Dense(300, 500, initializer=name, rng=0)
    assert layer.weights.data.var() == pytest.approx(variance, rel=0.02)
    assert abs(layer.weights.data.mean()) < 0.01 * np.sqrt(variance)


# fmt: off
FILLS = [  # initializer, the largest number it draws or None, the filler of torch.nn.init
    (nn.init.he,            None,             lambda init, W: init.kaiming_normal_(W, nonlinearity="relu")),
    (nn.init.he_uniform,    np.sqrt(6 / 300), lambda init, W: init.kaiming_uniform_(W, nonlinearity="relu")),
    (nn.init.glorot_normal, None,             lambda init, W: init.xavier_normal_(W)),
    (nn.init.glorot,        np.sqrt(6 / 800), lambda init, W: init.xavier_uniform_(W)),
    (nn.init.lecun,         None,             lambda init, W: init.kaiming_normal_(W, nonlinearity="linear")),
    (nn.init.lecun_uniform, np.sqrt(3 / 300), lambda init, W: init.kaiming_uniform_(W, nonlinearity="linear")),
    (nn.init.orthogonal,    None,             lambda init, W: init.orthogonal_(W)),
]
# fmt: on


@pytest.mark.parametrize(("initializer", "limit", "fill"), FILLS)
def test_initializers_draw_as_torchs_do(initializer, limit, fill):
    torch = pytest.importorskip("torch")
    W = initializer((300, 500), np.random.default_rng(0))
    theirs = torch.empty(500, 300, dtype=torch.float64)
    torch.manual_seed(0)
    fill(torch.nn.init, theirs)
    quantiles = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(
        np.quantile(W, quantiles), np.quantile(theirs.numpy(), quantiles), atol=0.02 * W.std()
    )
    if limit is not None:
        assert 0.99 * limit < np.abs(W).max() <= limit


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 4, 7), (1, 1)])
def test_orthogonal_columns_or_rows(shape):
    layer = initialize("orthogonal", shape, np.random.default_rng(0), np.dtype(np.float64))
    W = layer.reshape(-1, shape[-1])
    products = W.T @ W if len(W) >= shape[-1] else W @ W.T
    np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-13)


def test_orthogonal_matrices_of_both_signs():
    rng = np.random.default_rng(0)
    signs = [float(nn.init.orthogonal((1, 1), rng)[0, 0]) for _ in range(50)]
    assert {-1.0, 1.0} == set(signs)


def test_an_initializer_can_be_a_function():
    layer = nn.Dense(2, 3, initializer=lambda shape, rng: np.full(shape, rng.integers(7, 8)))
    np.testing.assert_array_equal(layer.weights.data, np.full((2, 3), 7))


def test_a_window_counts_with_the_features():
    assert fans((784, 128)) == (784, 128)
    assert fans((3, 5, 8, 16)) == (15 * 8, 15 * 16)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_make_any_dtype(name):
    W = initialize(name, (2, 3), np.random.default_rng(0), np.dtype(np.float16))
    assert W.dtype == np.float16
    assert W.shape == (2, 3)


# Dropout


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dropout_drops_a_fraction_and_scales_the_rest(dtype):
    layer = nn.Dropout(0.2, rng=0)
    x = tg.Tensor(np.ones((500, 200), dtype), requires_grad=True)
    out = layer(x)
    assert out.dtype == dtype
    assert set(np.unique(out.data)) == {0, dtype(1.25)}
    assert np.mean(out.data == 0) == pytest.approx(0.2, abs=0.005)
    out.backward(np.ones_like(out.data))
    np.testing.assert_array_equal(x.grad.data, out.data)  # the same mask
    assert x.grad.dtype == dtype
    assert (layer(x).data != out.data).any()  # a new mask at each call


def test_dropout_in_evaluation_is_x_itself_and_draws_nothing():
    layer = nn.Dropout(0.9, rng=0).eval()
    state = layer.rng.bit_generator.state
    x = tg.Tensor(np.ones(5))
    assert layer(x) is x
    assert layer.rng.bit_generator.state == state
    assert nn.Dropout(0)(x) is x


def test_dropout_goes_on_from_a_saved_state():
    layer, x = nn.Dropout(0.5, rng=0), np.ones(50)
    state = layer.rng.bit_generator.state
    first = layer(x)
    layer.rng.bit_generator.state = state
    np.testing.assert_array_equal(layer(x), first)


def test_dropout_of_integers_is_a_float():
    out = nn.Dropout(0.5, rng=0)(np.ones(20, int))
    assert set(np.unique(out)) == {0, 2}


# Flatten and Sequential


@given(shapes)
def test_flatten_makes_a_row_of_each_sample(shape):
    x = normal(*shape)
    np.testing.assert_array_equal(nn.Flatten()(x), x.reshape(shape[0], -1))


def test_flatten_of_no_samples():
    assert nn.Flatten()(tg.Tensor(np.ones((0, 2, 3)))).shape == (0, 6)


def test_sequential_applies_one_after_another():
    net = nn.Sequential(nn.Dense(4, 3), nn.Tanh())
    x = normal(2, 4)
    np.testing.assert_array_equal(net(x).data, np.tanh(net[0](x).data))
    x = tg.Tensor(x)
    assert nn.Sequential()(x) is x


def test_sequential_is_a_sequence():
    a, b, c = nn.Dense(2, 2), nn.ReLU(), nn.Dense(2, 1)
    net = nn.Sequential(a, b)
    net.append(c)
    assert len(net) == 3
    assert list(net) == [a, b, c]
    assert net[0] is a
    assert net[-1] is c
    assert isinstance(net[1:], nn.Sequential)
    assert list(net[1:]) == [b, c]
    with pytest.raises(IndexError):
        net[3]


# fmt: off
NO_MODULES = [
    (tg.relu,      "Sequential takes modules, but number 1 is <function relu"),
    (nn.ReLU,      r"number 1 is <class .*>; write ReLU\(\)$"),
    ([nn.ReLU()],  r"number 1 is \[ReLU\(\)\]; write Sequential\(\*layers\)$"),
    (None,         "number 1 is None$"),
]
# fmt: on


@pytest.mark.parametrize(("wrong", "message"), NO_MODULES)
def test_sequential_takes_modules_only(wrong, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(nn.Flatten(), wrong)


# Activations

x = np.array([[-1e4, -2, -0.5], [0.25, 3, 1e4]])
# fmt: off
ACTIVATIONS = [  # module, its value at x
    (nn.ReLU(),         np.maximum(x, 0)),
    (nn.LeakyReLU(),    np.where(x > 0, x, 0.01 * x)),
    (nn.LeakyReLU(0.3), np.where(x > 0, x, 0.3 * x)),
    (nn.Sigmoid(),      0.5 * (1 + np.tanh(x / 2))),
    (nn.Tanh(),         np.tanh(x)),
    (nn.ELU(),          np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    (nn.ELU(0.3),       np.where(x > 0, x, 0.3 * np.expm1(np.minimum(x, 0)))),
    (nn.GELU(),         x * np.array([[0, 0.022750131948179, 0.308537538725987], [0.598706325682924, 0.998650101968370, 1]])),
    (nn.GELU(approximate=True), x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2),
    (nn.SiLU(),         x * 0.5 * (1 + np.tanh(x / 2))),
    (nn.Softplus(),     np.logaddexp(x, 0)),
    (nn.Softmax(),      np.array([[0, 1 / (1 + np.exp(1.5)), 1 / (1 + np.exp(-1.5))], [0, 0, 1]])),
    (nn.Linear(),       x),
]
# fmt: on


@pytest.mark.parametrize(("module", "expected"), ACTIVATIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activation(module, expected, dtype):
    for value in (x.astype(dtype), tg.Tensor(x.astype(dtype), requires_grad=True)):
        out = module(value)
        assert out.dtype == dtype
        np.testing.assert_allclose(np.asarray(out.data), expected, rtol=1e-6, atol=1e-12)
    tg.check_grads(module.forward, normal(4, 3).astype(np.float64))


# fmt: off
TORCH = [  # module -> the same in torch.nn.functional
    (nn.ReLU(),                 lambda F, x: F.relu(x)),
    (nn.LeakyReLU(0.3),         lambda F, x: F.leaky_relu(x, 0.3)),
    (nn.ELU(),                  lambda F, x: F.elu(x)),
    (nn.ELU(0.3),               lambda F, x: F.elu(x, 0.3)),
    (nn.GELU(),                 lambda F, x: F.gelu(x)),
    (nn.GELU(approximate=True), lambda F, x: F.gelu(x, approximate="tanh")),
    (nn.SiLU(),                 lambda F, x: F.silu(x)),
    (nn.Softplus(),             lambda F, x: F.softplus(x)),
]
# fmt: on


@pytest.mark.parametrize(("module", "theirs"), TORCH, ids=[repr(case[0]) for case in TORCH])
def test_activations_and_two_derivatives_are_torchs(module, theirs):
    torch = pytest.importorskip("torch")
    points = np.array([-1e4, -30, -6, -2, -0.5, 0.25, 3, 8, 30, 1e4])
    t = torch.tensor(points, requires_grad=True)
    value = theirs(torch.nn.functional, t)
    (first,) = torch.autograd.grad(value.sum(), t, create_graph=True)
    second = torch.zeros_like(t)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), t)
    slope = tg.elementwise_grad(module.forward)
    for f, expected in ((module, value), (slope, first), (tg.elementwise_grad(slope), second)):
        found = np.asarray(f(points))
        np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("module", "theirs"), TORCH, ids=[repr(case[0]) for case in TORCH])
def test_slopes_at_0_are_torchs(module, theirs):
    torch = pytest.importorskip("torch")
    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    theirs(torch.nn.functional, t).backward()
    assert tg.grad(module.forward)(0.0) == pytest.approx(t.grad.item())


@pytest.mark.parametrize("module", [module for module, _ in ACTIVATIONS], ids=str)
def test_a_description_builds_the_same_activation(module):
    again = build(describe(module))
    assert repr(again) == repr(module)
    np.testing.assert_array_equal(again(x), module(x))


# fmt: off
NOT_DENSE = [
    ((784, 128), {},            r"nn.Linear\(784, 128\): nn.Linear is the identity .* nn.Dense\(n_inputs, n_neurons\)"),
    ((),         {"bias": True}, r"nn.Linear\(bias=True\)"),
]
# fmt: on


@pytest.mark.parametrize(("args", "settings", "message"), NOT_DENSE)
def test_linear_with_sizes_names_dense(args, settings, message):
    with pytest.raises(TypeError, match=message):
        nn.Linear(*args, **settings)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
@pytest.mark.parametrize("make", [np.asarray, tg.Tensor])
def test_dense_converts_integers_to_its_dtype(kind, make):
    layer, x = nn.Dense(2, 3, rng=0), np.array([[1, 0], [0, 1]], kind)
    y = layer(make(x))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, layer(x.astype(np.float32)).data)
    np.sum(y).backward()
    assert layer.weights.grad.dtype == np.float32


def test_what_is_no_layer_has_its_remedy():
    for part, remedy in (
        (nn.Model(nn.ReLU()), "write its module, model.module"),
        (np.tanh, r"write nn.Function\(f\)"),
        (nn.ReLU, r"write ReLU\(\)"),
    ):
        with pytest.raises(TypeError, match=f"number 0 is .*{remedy}"):
            nn.Sequential(part)


def test_a_summary_without_a_shape_takes_that_of_the_first_layer():
    chain = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU())
    assert chain.summary() == chain.summary((4,))
    with pytest.raises(ValueError, match=r"give the shape, as in summary\(\(28, 28\)\)"):
        nn.Sequential(nn.ReLU()).summary()
