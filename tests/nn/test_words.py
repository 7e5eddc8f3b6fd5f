"""Words of the book and of other libraries get the right one."""

import copy
import operator
import pickle
import re

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn import words

OBJECTS = [
    (nn.Model(), words.MODEL),
    (nn.Dense(2, 3), words.MODULE),
    (nn.Sequential(nn.ReLU()), words.MODULE),
    (nn.MeanSquaredError(), words.LOSS),
    (nn.CategoricalAccuracy(), words.METRIC),
    (nn.Adam(), words.OPTIMIZER),
]


@pytest.mark.parametrize(("thing", "table"), OBJECTS, ids=lambda x: type(x).__name__)
def test_attributes_that_are_not_there_say_what_to_write(thing, table):
    for name, remedy in table.items():
        with pytest.raises(AttributeError, match=f"{name!r}; write {re.escape(remedy)}"):
            getattr(thing, name)
        assert not hasattr(thing, name)
    with pytest.raises(AttributeError, match=r"object has no attribute 'fti'$"):
        _ = thing.fti


@pytest.mark.parametrize("name", words.SETTINGS)
def test_arguments_of_optimizers(name):
    for kind in (nn.SGD, nn.Adam, nn.Muon):
        with pytest.raises(
            TypeError, match=f"has no argument {name}; write {words.SETTINGS[name]}"
        ):
            kind(**{name: 0.1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rat'"):
        nn.Adam(learning_rat=0.1)


@pytest.mark.parametrize(("args", "keywords"), [((True,), {}), ((), {"training": True})])
def test_the_books_flag_of_forward(args, keywords):
    x = np.ones((2, 2), np.float32)
    for layer in (nn.Dropout(0.5), nn.Sequential(nn.Dense(2, 2))):
        for call in (layer, layer.forward):
            with pytest.raises(TypeError, match=r"no flag for training; call module.train\(\) or"):
                call(x, *args, **keywords)
    for call in (nn.ReLU(), nn.ReLU().forward):
        with pytest.raises(TypeError, match="positional argument"):
            call(x, x, x)

    class Takes(nn.Module):
        def forward(self, x, training=False):
            return len(x) + "a" if training else x

    with pytest.raises(TypeError, match="unsupported operand"):
        Takes()(x, training=True)


IDIOMS = {  # what the book, Keras and PyTorch write -> words of the answer
    "layer.forward(X, True)": "call module.train",
    "layer.forward(X, training=False)": "module.eval",
    "layer.output": r"y = layer\(x\)",
    "loss.calculate(X, X, include_regularization=True)": r"\+ module.regularization_loss\(\)",
    "optimizer.pre_update_params()": r"optimizer.step\(\)",
    "optimizer.update_params(layer)": r"optimizer.step\(\)",
    "optimizer.post_update_params()": r"optimizer.step\(\)",
    "activation.predictions(X)": r"outputs.argmax\(axis=1\)",
    "model.output_layer_activation": r"model.module\[-1\]",
    "model.layers[0]": r"model.module\[i\]",
    "model.fit(X, X)": "model.train",
    "model.compile(loss)": "model.set",
    "layer.get_parameters()": r"layer.state_dict\(\)",
    "layer.set_parameters(X, X)": "layer.load_state_dict",
    "nn.Layer_Dense(2, 3)": "write nn.Dense$",
    "nn.Activation_ReLU()": "write nn.ReLU$",
    "nn.Optimizer_Adam()": "write nn.Adam$",
    "nn.Loss_CategoricalCrossentropy()": "write nn.CategoricalCrossentropy$",
    "nn.datasets.spiral_data(100, 3)": "write nn.datasets.spiral$",
    "nn.datasets.mnist()": "no attribute 'mnist'$",
    "nn.Accuracy_Categorical()": "write nn.CategoricalAccuracy$",
    "nn.CrossEntropyLoss()": "from_logits=True",
    "nn.Adam(lr=0.1)": "learning_rate=",
    "nn.Adam(betas=(0.9, 0.99))": "beta_1= and beta_2=",
    "x.sum(dim=0)": "axis=",
    "x.size()": "x.shape",
    "tg.tensor([1.0])": "tg.Tensor",
    "x.exp()": r"np.exp\(x\)",
    "x.unsqueeze(0)": r"np.expand_dims\(x, axis\)",
    "x.cpu()": "NumPy's memory",
}


@pytest.mark.parametrize("idiom", IDIOMS)
def test_idioms_of_others_say_what_to_write(idiom):
    layer, activation = nn.Dense(2, 2), nn.Softmax()
    names = {
        "nn": nn, "tg": tg, "layer": layer, "activation": activation, "optimizer": nn.Adam(),
        "loss": nn.CategoricalCrossentropy(), "model": nn.Model(nn.Sequential(layer, activation)),
        "X": np.ones((2, 2), np.float32), "x": tg.Tensor([1.0]),
    }  # fmt: skip
    with pytest.raises((AttributeError, TypeError), match=IDIOMS[idiom]):
        eval(idiom, names)


def test_the_names_of_classes_that_are_given_in_their_place_exist():
    for name, remedy in (words.BOOK | words.TORCH).items():
        assert not hasattr(nn, name) or name == "Loss"
        for path in re.findall(r"nn\.([\w.]+)", remedy):
            assert operator.attrgetter(path)(nn)


def test_an_argument_of_ones_own_may_have_such_a_name():
    class Mine(nn.SGD):
        def __init__(self, lr):
            self.lr = lr
            super().__init__(learning_rate=lr)

    class Heir(Mine):
        pass

    assert Heir(lr=0.5).learning_rate == 0.5
    assert Heir(lr=0.5).config() == {"lr": 0.5}


def test_the_words_do_not_hide_an_error_inside_a_property():
    class Broken(nn.Module):
        @property
        def width(self):
            return self.missing

    with pytest.raises(AttributeError, match="'missing'"):
        _ = Broken().width


def test_a_layer_may_have_an_attribute_of_such_a_name():
    layer = nn.ReLU()
    layer.output = 3
    assert layer.output == 3


@pytest.mark.parametrize("thing", [thing for thing, _ in OBJECTS], ids=lambda x: type(x).__name__)
def test_copies_and_pickles(thing):
    assert repr(copy.deepcopy(thing)) == repr(copy.copy(thing)) == repr(thing)
    if not isinstance(thing, nn.Module | nn.Model | nn.losses.Loss):  # these hold scopes
        assert repr(pickle.loads(pickle.dumps(thing))) == repr(thing)


# Seeds


def draws():
    data, _ = nn.datasets.spiral(5, 2)
    model = nn.Model(nn.Sequential(nn.Dense(2, 3, initializer="he"), nn.Dropout(0.5)))
    model.module.train()
    return [data, model.module[0].weights.data, model.module(data).data, model.rng.random(3)]


def test_a_seed_fixes_all_that_follows():
    nn.manual_seed(3)
    first, second = draws(), draws()
    nn.manual_seed(3)
    np.testing.assert_equal(draws(), first)
    np.testing.assert_equal(draws(), second)
    assert not np.array_equal(first[1], second[1])
    nn.manual_seed(4)
    assert not np.array_equal(draws()[1], first[1])


def test_a_given_generator_is_not_touched():
    nn.manual_seed(3)
    weights = nn.Dense(2, 3, rng=5).weights.data
    nn.manual_seed(4)
    np.testing.assert_array_equal(nn.Dense(2, 3, rng=5).weights.data, weights)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_what_is_no_seed(seed):
    with pytest.raises(ValueError, match="a seed must be an integer of at least 0"):
        nn.manual_seed(seed)


@pytest.fixture(autouse=True)
def unseeded():
    yield
    nn.seeding._root.clear()
