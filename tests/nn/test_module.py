"""Module: the tree, its names and modes, its state, and its description in files."""

import copy
import json
import pickle

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.config import KINDS, Configured
from nn.losses import Loss


def parameter(*shape: int) -> tg.Tensor:
    return tg.Tensor(np.ones(shape, np.float32), requires_grad=True)


class Attention(nn.Module):
    """A module with parameters and modules in every kind of attribute."""

    def __init__(self) -> None:
        self.scale = parameter()
        self.encoder = nn.Sequential(nn.Dense(2, 3), nn.ReLU())
        self.heads = [nn.Dense(3, 1), nn.Dense(3, 1)]
        self.gates = {"left": parameter(3), "right": nn.Dense(3, 2)}
        self.again = self.heads[0]
        self.constant = tg.Tensor([1.0])
        self.size = 3

    def forward(self, x):
        self.last = self.encoder(x) * self.gates["left"]  # not a parameter itself
        return self.scale * sum(head(self.last) for head in self.heads)


NAMES = [
    "scale",
    "encoder.0.weights", "encoder.0.biases",
    "heads.0.weights", "heads.0.biases", "heads.1.weights", "heads.1.biases",
    "gates.left", "gates.right.weights", "gates.right.biases",
]  # fmt: skip


# The tree


def test_parameters_are_found_in_every_attribute_once_and_in_order():
    module = Attention()
    module(np.ones((5, 2), np.float32))
    assert [name for name, _ in module.named_parameters()] == NAMES
    assert len(module.parameters()) == len(NAMES)
    assert module.parameters()[0] is module.scale


def test_modules_are_found_once_with_parents_first():
    module = Attention()
    names = ["", "encoder", "encoder.0", "encoder.1", "heads.0", "heads.1", "gates.right"]
    assert [name for name, _ in module.named_modules()] == names
    assert list(module.modules())[:2] == [module, module.encoder]
    assert module.encoder.children() == [module.encoder[0], module.encoder[1]]


def test_a_parameter_in_two_places_counts_once():
    a, b = nn.Dense(3, 3), nn.Dense(3, 3)
    b.weights = a.weights
    net = nn.Sequential(a, b, a)
    assert [n for n, _ in net.named_parameters()] == ["0.weights", "0.biases", "1.biases"]


def test_lists_in_lists_and_dicts_in_dicts_are_searched():
    class Deep(nn.Module):
        def __init__(self):
            self.blocks = [[nn.Dense(2, 2), nn.ReLU()], (nn.Dense(2, 1),)]
            self.heads = {"a": {"b": [parameter(3)]}, 7: nn.Dense(1, 1)}

    module = Deep()
    assert [name for name, _ in module.named_parameters()] == [
        "blocks.0.0.weights", "blocks.0.0.biases", "blocks.1.0.weights", "blocks.1.0.biases",
        "heads.a.b.0", "heads.7.weights", "heads.7.biases",
    ]  # fmt: skip
    assert module.heads["a"]["b"][0].name == "heads.a.b.0"
    assert repr(module.blocks[0][1](parameter(2)).node.scope) == "blocks.0.1 ReLU"
    module.blocks.append(module.blocks)  # a list that contains itself
    assert len(module.children()) == 4


# fmt: off
IN_A_PARAMETERS_PLACE = {
    "an array":                 lambda w: w.data.copy(),
    "a constant":               lambda w: tg.Tensor(w.data),
    "the result of an operation": lambda w: w.copy(),
    "a list":                   lambda w: w.data.tolist(),
}
# fmt: on


@pytest.mark.parametrize(("what", "make"), IN_A_PARAMETERS_PLACE.items())
@pytest.mark.parametrize("frozen", [False, True])
def test_a_parameter_is_not_replaced_by_what_does_not_learn(what, make, frozen):
    layer = nn.Dense(2, 2)
    weights = layer.weights
    value = make(weights)
    weights.requires_grad = not frozen
    message = rf"weights of Dense is a parameter, .* {what} in its place; assign to weights\.data"
    with pytest.raises(TypeError, match=message):
        layer.weights = value
    assert layer.weights is weights


def test_a_parameter_is_replaced_by_another_or_by_none():
    layer = nn.Dense(2, 2)
    layer.weights = other = parameter(2, 2)
    assert layer.parameters()[0] is other
    layer.weights = None
    assert [name for name, _ in layer.named_parameters()] == ["biases"]


def test_a_tree_that_contains_itself_ends():
    module = nn.Dense(2, 2)
    module.parent = nn.Sequential(module)
    assert len(list(module.modules())) == 2
    assert repr(module) == "Dense(2, 2\n  parent: Sequential(\n    0: ...\n  )\n)"


def test_a_module_that_calls_no_constructor_above_works():
    class Bias(nn.Module):
        def __init__(self):
            self.b = parameter(3)

        def forward(self, x):
            return x + self.b

    assert Bias()(np.zeros((2, 3), np.float32)).shape == (2, 3)


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty needs a method forward"):
        Empty()(1)


def test_train_and_eval_reach_the_whole_tree():
    module = Attention()
    assert all(m.training for m in module.modules())
    assert module.eval() is module
    assert not any(m.training for m in module.modules())
    assert module.train() is module
    assert all(m.training for m in module.modules())


def test_zero_grad():
    module = Attention()
    np.sum(module(np.ones((5, 2), np.float32))).backward()
    assert module.scale.grad is not None
    module.zero_grad()
    assert all(p.grad is None for p in module.parameters())


# Names, for drawing


def test_calls_are_recorded_under_the_path_of_modules():
    net = nn.Sequential(nn.Dense(2, 3), nn.Sequential(nn.ReLU()))
    out = net(np.ones((1, 2)))
    assert [(p.kind, p.name) for p in out.node.scope.path] == [
        ("Sequential", ""),
        ("Sequential", "1"),
        ("ReLU", "0"),
    ]
    (linear,) = out.node.parents
    assert repr(linear.scope) == "Sequential > 0 Dense"


def test_attributes_name_modules_and_parameters():
    module = Attention()
    out = module(np.ones((1, 2)))
    assert repr(module.encoder(np.ones((1, 2))).node.scope) == "encoder Sequential > 1 ReLU"
    assert repr(out.node.scope) == "Attention"
    assert repr(module.heads[1](np.ones((1, 3))).node.scope) == "heads.1 Dense"
    assert module.scale.name == "scale"
    assert module.gates["left"].name == "gates.left"
    assert module.encoder[0].weights.name == "weights"


def test_a_slice_keeps_the_names_of_the_whole():
    net = nn.Sequential(nn.Dense(2, 2), nn.ReLU(), nn.Dense(2, 2))
    assert repr(net[1:](parameter(1, 2)).node.scope) == "Sequential > 2 Dense"
    assert repr(net(parameter(1, 2)).node.scope) == "Sequential > 2 Dense"


def test_a_name_given_to_a_parameter_is_kept():
    layer = nn.Dense(2, 2)
    layer.weights = tg.Tensor(np.ones((2, 2)), requires_grad=True, name="W")
    assert layer.weights.name == "W"


def test_repr_is_a_tree():
    net = nn.Sequential(
        nn.Dense(784, 128, weight_regularizer_l2=5e-4),
        nn.Dropout(0.2),
        nn.Sequential(nn.Dense(128, 10, dtype=np.float64), nn.LeakyReLU(0.1)),
        nn.Sequential(),
    )
    assert repr(net) == (
        "Sequential(\n"
        "  0: Dense(784, 128, weight_regularizer_l2=0.0005)\n"
        "  1: Dropout(0.2)\n"
        "  2: Sequential(\n"
        "    0: Dense(128, 10, dtype='float64')\n"
        "    1: LeakyReLU(alpha=0.1)\n"
        "  )\n"
        "  3: Sequential()\n"
        ")"
    )


SUMMARY = """\
                   output    parameters    bytes
       Sequential  (N, 10)
0      Flatten     (N, 784)
1      Dense       (N, 128)     100,480  401,920
2      Dropout     (N, 128)
3      Sequential  (N, 10)
  0    Dense       (N, 10)        1,290    5,160
  1    Softmax     (N, 10)
total                           101,770  407,080"""


def test_summary_is_a_table_and_changes_nothing():
    drop = nn.Dropout(0.5, rng=0)
    inner = nn.Sequential(nn.Dense(128, 10), nn.Softmax())
    net = nn.Sequential(nn.Flatten(), nn.Dense(784, 128), drop, inner)
    inner.eval()
    before = drop.rng.bit_generator.state
    assert net.summary((28, 28)) == SUMMARY
    assert drop.rng.bit_generator.state == before
    assert net.training
    assert not inner.training
    assert "forward" not in vars(drop)


def test_summary_of_modules_shared_and_not_called():
    class Twice(nn.Module):
        def __init__(self):
            self.a, self.spare = nn.Dense(2, 2), nn.Dense(2, 5)
            self.spare.biases = self.a.biases

        def forward(self, x, y):
            return self.a(x) + self.a(y)

    lines = Twice().summary((2,), (2,)).splitlines()
    assert lines[2].split() == ["a", "Dense", "(N,", "2)", "6", "24"]
    assert lines[3].split() == ["spare", "Dense", "not", "called", "10", "40"]
    assert lines[4].split() == ["total", "16", "64"]


def test_a_failing_summary_changes_nothing_either():
    net = nn.Sequential(nn.Dense(3, 2))
    with pytest.raises(ValueError, match=r"3 features.*shape \(1, 4\)"):
        net.summary((4,))
    assert net.training
    assert "forward" not in vars(net[0])


# State


def test_state_dict_is_a_copy_that_loads_back():
    module, other = Attention(), Attention()
    state = module.state_dict()
    assert list(state) == NAMES
    module.scale.data[...] = 7
    assert state["scale"] == 1
    other.load_state_dict(module.state_dict())
    for p, q in zip(module.parameters(), other.parameters()):
        np.testing.assert_array_equal(p.data, q.data)
        assert not np.may_share_memory(p.data, q.data)


def test_loading_writes_into_the_arrays_that_are_there():
    layer = nn.Dense(2, 2)
    array = layer.weights.data
    layer.load_state_dict({"weights": np.eye(2), "biases": [1, 2]})
    assert layer.weights.data is array
    np.testing.assert_array_equal(array, np.eye(2))
    assert layer.weights.dtype == np.float32


def test_backward_through_parameters_loaded_over_is_refused():
    layer = nn.Dense(2, 2)
    y = np.sum(layer(parameter(1, 2)))
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match=r"'weights'.*written to in place"):
        y.backward()


def test_a_state_that_does_not_fit_is_refused_whole():
    net = nn.Sequential(nn.Dense(4, 8), nn.Dense(8, 3))
    before = net.state_dict()
    state = {
        "0.weights": np.zeros((4, 8)),
        "0.biases": np.zeros(7),
        "1.weights": np.zeros((8, 3), complex),
        "extra": np.zeros(1),
    }
    message = (
        r"do not fit Sequential, and nothing was loaded: "
        r"0.biases has shape \(7,\), but \(8,\) is needed; "
        r"1.biases is missing; "
        r"1.weights has dtype complex128, but float32 is needed; "
        r"extra is neither a parameter nor a buffer here$"
    )
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_arrays_of_a_state_have_names():
    message = "Dense are given as a dict by name, with the names weights, biases, not as a list"
    with pytest.raises(TypeError, match=message):
        nn.Dense(2, 3).load_state_dict([(np.zeros((2, 3)), np.zeros((1, 3)))])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_share_nothing_and_keep_their_names(copied):
    net = nn.Sequential(nn.Dense(2, 2), nn.Dropout(0.5, rng=0))
    x = np.ones((3, 2), np.float32)
    with tg.no_grad():
        net(x)
    other = copied(net)
    np.testing.assert_array_equal(net(x).data, other(x).data)  # also from the same random state
    assert other[0].weights is not net[0].weights
    assert repr(other[0](x).node.scope) == "0 Dense"
    assert other[0].weights.name == "weights"


# Freezing


def test_a_frozen_module_has_its_parameters_and_no_gradients():
    net = nn.Sequential(nn.Dense(2, 2, rng=0), nn.ReLU(), nn.Dense(2, 2, rng=1))
    names = [name for name, _ in net.named_parameters()]
    assert net[0].freeze() is net[0]
    assert [p.is_frozen for p in net.parameters()] == [True, True, False, False]
    assert [name for name, _ in net.named_parameters()] == names
    assert list(net.state_dict()) == names
    np.sum(net(np.ones((3, 2), np.float32))).backward()
    assert [p.grad is None for p in net.parameters()] == [True, True, False, False]
    assert net[0].weights.name == "weights"
    net.load_state_dict(net.state_dict())
    assert [p.is_frozen for p in copy.deepcopy(net).parameters()] == [True, True, False, False]
    assert net.unfreeze() is net
    assert all(p.requires_grad for p in net.parameters())


def test_a_frozen_layer_is_not_recorded_but_for_what_lies_below():
    first, second = nn.Dense(2, 2, rng=0).freeze(), nn.Dense(2, 2, rng=1).freeze()
    assert not second(first(np.ones((1, 2), np.float32))).requires_grad
    first.unfreeze()
    second(first(np.ones((1, 2), np.float32))).sum().backward()
    assert first.weights.grad is not None


def test_summary_and_drawing_of_frozen_parameters():
    net = nn.Sequential(nn.Dense(2, 2), nn.Dense(2, 1), Counter())
    net[0].freeze()
    net[1].biases.requires_grad = False
    lines = net.summary((2,)).splitlines()
    assert [line.split()[5:] for line in lines[2:4]] == [["24", "frozen"], ["12", "1", "frozen"]]
    assert lines[5].endswith("9     52  7 frozen, and 3 in buffers")
    assert "weights" in net.draw(np.ones((3, 2), np.float32)).dot


# Buffers


class Counter(nn.Module):
    def __init__(self):
        self.buffer("mean", np.zeros(2, np.float32))
        self.buffer("steps", 0)

    def forward(self, x):
        self.mean = self.mean * 0.5 + np.float64(0.5)
        self.steps += 1
        return x - self.mean


def test_buffers_are_state_but_no_parameters():
    net = nn.Sequential(nn.Dense(2, 2), Counter())
    net(np.ones((3, 2), np.float32))
    assert [name for name, _ in net.named_parameters()] == ["0.weights", "0.biases"]
    assert [name for name, _ in net.named_buffers()] == ["1.mean", "1.steps"]
    state = net.state_dict()
    assert list(state) == ["0.weights", "0.biases", "1.mean", "1.steps"]
    np.testing.assert_array_equal(state["1.mean"], np.float32([0.5, 0.5]))
    assert state["1.mean"].dtype == np.float32
    assert state["1.steps"].shape == ()
    net[1].mean[...] = 7
    assert state["1.mean"][0] == 0.5  # a copy
    net.load_state_dict(state)
    state["1.mean"][...] = 9
    np.testing.assert_array_equal(net[1].mean, [0.5, 0.5])
    with pytest.raises(ValueError, match=r"1\.mean has shape \(3,\), but \(2,\) is needed"):
        net.load_state_dict(state | {"1.mean": np.zeros(3)})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_their_own_buffers(copied):
    module = Counter()
    other = copied(module)
    other(np.ones(2, np.float32))
    assert (module.steps, other.steps) == (0, 1)
    assert list(other.state_dict()) == ["mean", "steps"]


def test_a_buffer_copies_what_it_is_given():
    module, array = Counter(), np.ones(2, np.float32)
    module.mean = array
    assert not np.may_share_memory(module.mean, array)
    module.buffer("mean", array)
    assert not np.may_share_memory(module.mean, array)
    same = module.mean
    module.mean *= 2  # in place
    assert module.mean is same
    module.mean = tg.Tensor([1.0, 2.0])
    assert type(module.mean) is np.ndarray
    module.buffer("mean", np.zeros(3))  # anew, in another shape and dtype
    assert module.mean.dtype == np.float64
    assert list(module.state_dict()) == ["mean", "steps"]


# fmt: off
WRONG_BUFFERS = [
    (lambda m: setattr(m, "mean", np.zeros(3)),                 ValueError, r"buffer mean of Counter was assigned an array of shape \(3,\), but \(2,\) is needed; .*self\.buffer\(name, array\)"),
    (lambda m: setattr(m, "steps", 0.5),                        ValueError, "array of dtype float64, but int64 is needed"),
    (lambda m: setattr(m, "mean", parameter(2) * 2),            TypeError,  r"lose the gradient.*\.detach\(\)"),
    (lambda m: setattr(m, "mean", None),                        TypeError,  "a Tensor holds numbers"),
    (lambda m: m.buffer("words", ["a"]),                        TypeError,  "a Tensor holds numbers"),
    (lambda m: m.buffer("forward", 0),                          ValueError, "name is that of a new attribute of Counter, such as 'running_mean', not 'forward'"),
    (lambda m: m.buffer("a.b", 0),                              ValueError, "not 'a.b'"),
    (lambda m: m.buffer(np.zeros(2), "mean"),                   ValueError, "not array"),
]
# fmt: on


@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG_BUFFERS)
def test_wrong_buffers_are_refused(wrong, kind, message):
    module = Counter()
    with pytest.raises(kind, match=message):
        wrong(module)
    assert list(module.state_dict()) == ["mean", "steps"]


def test_summary_counts_buffers():
    lines = nn.Sequential(nn.Dense(2, 2), Counter()).summary((2,)).splitlines()
    assert lines[2].endswith("6     24")
    assert lines[3].split() == ["1", "Counter", "(N,", "2)", "0", "16", "and", "3", "in", "buffers"]
    assert lines[4].split() == ["total", "6", "40", "and", "3", "in", "buffers"]


# Penalties


def test_regularization_is_summed_over_the_tree():
    net = nn.Sequential(
        nn.Dense(2, 3, weight_regularizer_l1=0.5, weight_regularizer_l2=0.25),
        nn.ReLU(),
        nn.Sequential(nn.Dense(3, 1, bias_regularizer_l1=2, bias_regularizer_l2=3)),
    )
    net[0].weights.data[...] = -2
    net[2][0].biases.data[...] = -1
    loss = net.regularization_loss()
    assert loss.item() == 0.5 * 12 + 0.25 * 24 + 2 + 3
    assert loss.dtype == np.float32
    loss.backward()
    np.testing.assert_array_equal(net[0].weights.grad.data, np.full((2, 3), -0.5 + 0.25 * -4))
    np.testing.assert_array_equal(net[2][0].biases.grad.data, [-2 - 6])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_without_regularization_it_is_a_constant_zero(dtype):
    loss = nn.Sequential(nn.ReLU(), nn.Dense(2, 3, dtype=dtype)).regularization_loss()
    assert loss.item() == 0
    assert loss.dtype == dtype
    assert not loss.requires_grad


def test_a_module_of_ones_own_adds_its_penalty():
    class Scale(nn.Module):
        def __init__(self):
            self.s = parameter()

        def penalty(self):
            return 3 * self.s

    assert nn.Sequential(Scale(), nn.Dense(1, 1), Scale()).regularization_loss().item() == 6


# Descriptions in files

PARTS = [
    nn.Dense(3, 2),
    nn.Dense(3, 2, 0.1, 0.2, 0.3, 0.4, dtype=np.float64, initializer="he"),
    nn.Dense(3, 2, bias=False, activation="gelu"),
    nn.Dropout(np.float64(0.25), rng=3),
    nn.SpatialDropout(0.25, rng=3),
    nn.Flatten(),
    nn.Reshape(2, -1),
    nn.Function(np.sin),
    nn.Function(tg.softplus),
    nn.Residual(nn.Dense(3, 3)),
    nn.Residual(nn.Dense(3, 2), shortcut=nn.Dense(3, 2, bias=False)),
    nn.Conv1D(4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False),
    nn.Conv2D(
        1, 4, (3, 5), padding=((1, 1), (0, 2)), activation=nn.LeakyReLU(0.2), dtype=np.float64
    ),
    nn.Conv2DTranspose(4, 2, 3, stride=(2, 1), padding="valid", groups=2, activation="relu"),
    nn.MaxPool1D(3, stride=1, padding="same"),
    nn.MaxPool2D(),
    nn.AveragePool1D(2),
    nn.AveragePool2D((2, 3), padding=(0, 1)),
    nn.GlobalAveragePool1D(),
    nn.GlobalAveragePool2D(),
    nn.BatchNorm(3, momentum=0.8, epsilon=1e-3, dtype=np.float64),
    nn.LayerNorm(3, bias=False),
    nn.GroupNorm(2, 4),
    nn.RMSNorm(3),
    nn.Sequential(nn.Dense(3, 2), nn.Sequential(nn.ReLU())),
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softmax(),
    nn.Linear(),
    nn.ELU(0.5),
    nn.GELU(approximate=True),
    nn.SiLU(),
    nn.Softplus(),
    nn.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, class_weight=(1, 2.5)),
    nn.BinaryCrossentropy(from_logits=True, class_weight=np.array([1, 3])),
    nn.KLDivergence(from_logits=True),
    nn.Hinge(),
    nn.Huber(np.float32(0.5)),
    nn.MeanSquaredError(),
    nn.MeanAbsoluteError(),
    nn.CategoricalAccuracy(binary=True),
    nn.RegressionAccuracy(0.5),
    nn.TopKAccuracy(3),
    nn.Precision("micro"),
    nn.Recall("binary", threshold=0),
    nn.F1(),
    nn.ROCAUC(),
    nn.RSquared(),
    nn.ROCAUC(),
    nn.AbsoluteError(),
    nn.Perplexity(from_logits=True),
    nn.Embedding(7, 3, padding_index=0),
    nn.RNN(3, 2, return_sequences=True),
    nn.GRU(3, 2, bidirectional=True),
    nn.LSTM(3, 2, dtype=np.float64),
    nn.RNNCell(3, 2),
    nn.GRUCell(3, 2),
    nn.LSTMCell(3, 2),
    nn.MultiHeadAttention(4, 2, dropout=0.1),
    nn.PositionalEncoding(4),
    nn.TransformerBlock(4, 2, n_hidden=5),
]


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_every_part_is_built_again_from_json(part):
    text = json.dumps(nn.describe(part), allow_nan=False)
    again = nn.build(json.loads(text))
    assert type(again) is type(part)
    assert again.config() == part.config()
    if isinstance(part, nn.Module):
        again.load_state_dict(part.state_dict())
        assert [p.dtype for p in again.parameters()] == [p.dtype for p in part.parameters()]


def test_every_registered_part_is_in_the_table():
    ours = [k for k in KINDS.values() if k.__module__.startswith("nn.")]  # not those of other tests
    registered = {k for k in ours if issubclass(k, (nn.Module, Loss, nn.Metric))}
    assert registered == {type(part) for part in PARTS}


@pytest.fixture
def own_kinds(monkeypatch):
    """Forget the classes that a test registers."""
    monkeypatch.setattr("nn.config.KINDS", KINDS.copy())


class ScaledResidual(nn.Module):
    """A user's module that holds another; it can be saved because it is registered."""

    def __init__(self, inner: nn.Module, scales: tuple[float, ...] = (1.0,), rng=None) -> None:
        self.inner = inner
        self.scales = scales

    def forward(self, x):
        return x + self.inner(x) * self.scales[0]


@pytest.mark.usefixtures("own_kinds")
def test_ones_own_class_is_saved_by_its_arguments():
    nn.register(ScaledResidual)
    net = nn.Sequential(ScaledResidual(nn.Dense(2, 2), scales=(0.5, 2.0)))
    again = nn.build(json.loads(json.dumps(nn.describe(net))))
    assert repr(again) == repr(net)
    assert "0: ScaledResidual(scales=[0.5, 2.0]\n    inner: Dense(2, 2)\n  )" in repr(net)
    assert nn.register(ScaledResidual) is ScaledResidual


def test_a_class_that_is_not_registered_cannot_be_saved():
    with pytest.raises(TypeError, match=r"ScaledResidual cannot be saved.*put @nn.register above"):
        nn.describe(nn.Sequential(ScaledResidual(nn.ReLU())))


@pytest.mark.usefixtures("own_kinds")
def test_a_name_stands_for_one_class():
    class Dense(nn.Module):
        pass

    with pytest.raises(
        ValueError, match=r"Dense in saved files already stands for nn\.layers\.dense\.Dense"
    ):
        nn.register(Dense)


class Forgetful(Configured):
    def __init__(self, width: int, shape: object = None) -> None:
        self.shape = shape


class Keeping(Configured):
    def __init__(self, shape: object) -> None:
        self.shape = shape


# fmt: off
UNSAVABLE = [
    (Forgetful(3),           "Forgetful cannot be saved: its constructor takes width, but there is no attribute self.width"),
    (Keeping(np.ones(3)),    "Keeping cannot be saved: its shape is a ndarray, which JSON cannot hold"),
    (Keeping([{"a": {1}}]),  "its shape is a set"),
    (Keeping({1: 2}),        "its shape is a dict"),
]
# fmt: on


@pytest.mark.parametrize(("part", "message"), UNSAVABLE)
def test_arguments_that_cannot_be_saved(part, message):
    with pytest.raises(TypeError, match=message):
        part.config()
    assert repr(part) == f"{type(part).__name__}()"


# fmt: off
UNBUILDABLE = [
    ({"kind": "Convolution", "config": {}},          "no registered class 'Convolution'.*import its module.*Dense, "),
    ({"kind": "Dense", "config": {"width": 3}},      r"Dense does not take the arguments \{'width': 3\}: .*unexpected keyword"),
    ({"kind": "Dropout", "config": {"rate": 2}},     "Dropout does not take .*fraction of dropped units"),
    ({"kind": "Sequential", "config": {"layers": [1]}}, "Sequential takes modules, but number 0 is 1"),
    ({"kind": "Dense"},                              "a description is .*, not"),
    ("os.system",                                    "a description is .*, not 'os.system'"),
]
# fmt: on


@pytest.mark.parametrize(("description", "message"), UNBUILDABLE)
def test_descriptions_that_nothing_can_be_built_from(description, message):
    with pytest.raises(ValueError, match=message):
        nn.build(description)


@pytest.mark.parametrize(
    ("dtype", "wide", "beyond"),
    [
        (np.float32, np.float64, 1e60),
        (np.float16, np.float32, 1e6),
        (np.int32, np.int64, 2**40),
        (np.complex64, np.complex128, 1e60),
    ],
)
@pytest.mark.parametrize("strict", ["raise", "warn", "ignore"])
def test_values_beyond_the_dtype_load_nothing(dtype, wide, beyond, strict):
    net = nn.Dense(2, 2, rng=0)
    net.buffer("last", np.zeros(2, dtype))
    before = net.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    state["last"] = np.array([1, beyond], wide)
    words = f"last has values beyond {np.dtype(dtype)}"
    with np.errstate(all=strict), pytest.raises(ValueError, match=words):
        net.load_state_dict(state)
    np.testing.assert_equal(net.state_dict(), before)
    state["last"] = np.array([1, np.inf if np.dtype(dtype).kind in "fc" else 7], wide)
    net.load_state_dict(state)  # an infinity fits into every float
    np.testing.assert_equal(net.state_dict(), state)


# Files of parameters


def test_parameters_of_any_module_in_a_file(tmp_path):
    module, path = Counter(), tmp_path / "p.safetensors"
    module.buffer("count", np.arange(3.0))
    module.save_parameters(path)
    again = Counter()
    again.buffer("count", np.zeros(3))
    left = again.load_parameters(path)
    assert not any(left)
    np.testing.assert_equal(again.state_dict(), module.state_dict())


def test_what_fits_is_loaded_and_the_rest_is_reported(tmp_path):
    first = nn.Sequential(nn.Dense(2, 3, rng=0), nn.Dense(3, 4, rng=1))
    path = tmp_path / "p"
    first.save_parameters(path)
    other = nn.Sequential(nn.Dense(2, 3, rng=2), nn.ReLU(), nn.Dense(3, 4, rng=3))
    before = other.state_dict()
    with pytest.raises(
        ValueError, match=r"p: these arrays do not fit Sequential, .* 2\.weights is"
    ):
        other.load_parameters(path)
    np.testing.assert_equal(other.state_dict(), before)
    left = other.load_parameters(path, strict=False)
    assert left.missing == ["2.weights", "2.biases"]
    assert sorted(left.unexpected) == ["1.biases", "1.weights"]
    assert left.mismatched == {}
    assert str(left).startswith("1.biases is neither a parameter nor a buffer here; 1.weights is")
    np.testing.assert_array_equal(other[0].weights.data, first[0].weights.data)
    np.testing.assert_array_equal(other[2].weights.data, before["2.weights"])
    wide = nn.Sequential(nn.Dense(2, 3, rng=4), nn.Dense(3, 5, rng=5))
    left = wide.load_state_dict(first.state_dict(), strict=False)
    assert left.mismatched == {
        "1.weights": "shape (3, 4), but (3, 5) is needed",
        "1.biases": "shape (4,), but (5,) is needed",
    }
    model = nn.Model(wide)
    assert model.load_parameters(path, strict=False) == left
