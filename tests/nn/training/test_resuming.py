"""Callbacks go on in a resumed training as in one that was not interrupted."""

import json
import math

import numpy as np
import pytest

import nn
from nn.archive import read_archive, write_archive

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3
VALIDATION = (rng.normal(size=(30, 5)).astype(np.float32), np.arange(30) % 3)
EPOCHS = 9


def model():
    rng = np.random.default_rng(1)
    layers = [nn.Dense(5, 8, rng=rng), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(0.2, rng=rng)]
    made = nn.Model(nn.Sequential(*layers, nn.Dense(8, 3, rng=rng), nn.Softmax()))
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(learning_rate=0.05))
    return made


def train(made, callbacks, epochs=EPOCHS, **options):
    settings = {"batch_size": 12, "print_every": 0, "validation_data": VALIDATION} | options
    made.train(X, y, epochs=epochs, callbacks=callbacks, **settings)


CALLBACKS = {
    "stopping": lambda: [nn.EarlyStopping("val_loss", 3)],
    "stopping_late": lambda: [nn.EarlyStopping("val_loss", 5, restore_best=False)],
    "plateau": lambda: [nn.ReduceOnPlateau("val_loss", 1, factor=0.5, cooldown=1)],
    "average": lambda: [nn.ExponentialMovingAverage(0.9)],
    "all": lambda: [
        nn.ExponentialMovingAverage(0.9),
        nn.EarlyStopping("val_loss", 4),
        nn.ReduceOnPlateau("val_loss", 1),
    ],
}


def assert_same(first, second):
    (made, callbacks), (other, others) = first, second
    np.testing.assert_equal(made.get_parameters(), other.get_parameters())
    np.testing.assert_equal(made.optimizer.state_dict(), other.optimizer.state_dict())
    for name in ("loss", "val_loss", "learning_rate"):
        assert made.history.epochs[name] == other.history.epochs[name]
    for one, two in zip(callbacks, others, strict=True):
        np.testing.assert_equal(one.state_dict(), two.state_dict())


@pytest.mark.parametrize("kind", CALLBACKS)
@pytest.mark.parametrize(("every", "first"), [(None, True), (None, False), (3, True)])
def test_a_resumed_training_goes_on_and_stops_as_an_uninterrupted_one(kind, every, first, tmp_path):
    def with_checkpoint(callbacks):
        checkpoint = nn.ModelCheckpoint(tmp_path / "m", every)
        return [checkpoint, *callbacks] if first else [*callbacks, checkpoint]

    callbacks = CALLBACKS[kind]()
    whole = model()
    train(whole, with_checkpoint(callbacks), seed=0)
    stopped = len(whole.history)
    assert stopped < EPOCHS or not kind.startswith("stopping")
    for interrupted in {2, stopped}:
        partial = model()
        train(partial, with_checkpoint(CALLBACKS[kind]()), interrupted, seed=0)
        nn.Model.load(tmp_path / "m").save(tmp_path / "m")  # which keeps the states
        loaded = nn.Model.load(tmp_path / "m")
        others = CALLBACKS[kind]()
        if left := EPOCHS - len(loaded.history):
            train(loaded, with_checkpoint(others), left)
            assert_same((loaded, others), (whole, callbacks))


def test_the_average_leaves_buffers_as_they_are():
    plain, averaged = model(), model()
    train(plain, [], seed=0)
    train(averaged, [nn.ExponentialMovingAverage(0.9)], seed=0)
    for (name, one), (_, two) in zip(plain.module.named_buffers(), averaged.module.named_buffers()):
        np.testing.assert_array_equal(one, two, err_msg=name)
    assert not np.array_equal(plain.module[0].weights.data, averaged.module[0].weights.data)


def test_a_training_that_ctrl_c_ended_goes_on_with_its_callbacks():
    class Interrupt(nn.Callback):
        def on_step_end(self, run):
            if run.model.optimizer.iterations == 17:
                raise KeyboardInterrupt

    callbacks, others = CALLBACKS["all"](), CALLBACKS["all"]()
    whole, made = model(), model()
    train(whole, callbacks, seed=0)
    with pytest.raises(KeyboardInterrupt):
        train(made, [*others, Interrupt()], seed=0)
    train(made, others, EPOCHS - 3)
    assert_same((made, others), (whole, callbacks))


def test_a_training_that_ended_is_not_gone_on_with(tmp_path):
    made, stopping = model(), nn.EarlyStopping("val_loss", 2)
    train(made, [stopping], seed=0)
    made.save(tmp_path / "m")
    for again in (made, nn.Model.load(tmp_path / "m")):
        before = len(again.history)
        train(again, [stopping], 1)
        assert (len(again.history), stopping.best_epoch) == (before + 1, before + 1)


def test_a_seed_begins_anew_and_another_monitor_too(tmp_path, capsys):
    made = model()
    train(made, [nn.EarlyStopping("val_loss", 2), nn.ModelCheckpoint(tmp_path / "m")], seed=0)
    train(loaded := nn.Model.load(tmp_path / "m"), [nn.EarlyStopping("val_loss", 2)], print_every=9)
    assert len(loaded.history) == len(made.history)
    assert "stopped: val_loss has not become better" in capsys.readouterr().out
    for monitor, seed in (("val_loss", 1), ("loss", None)):
        loaded = nn.Model.load(tmp_path / "m")
        train(loaded, [nn.EarlyStopping(monitor, 2)], 1, seed=seed)
        assert len(loaded.history) == len(made.history) + 1


class Counting(nn.Callback):
    """A callback of a user's own."""

    def __init__(self):
        self.steps, self.sums = 0, np.zeros(2)

    def state_dict(self):
        return {"steps": self.steps, "sums": self.sums}

    def load_state_dict(self, state, run):
        self.steps, self.sums = state["steps"], state["sums"]

    def on_step_end(self, run):
        self.steps += 1
        self.sums += run.logs["loss"]


def test_a_callback_of_ones_own_has_a_state(tmp_path):
    whole, made = model(), model()
    first, second = Counting(), Counting()
    train(whole, [first], 4, seed=0)
    train(made, [Counting(), nn.ModelCheckpoint(tmp_path / "m")], 2, seed=0)
    train(nn.Model.load(tmp_path / "m"), [second], 2)
    assert (second.steps, second.sums.tolist()) == (20, first.sums.tolist())
    second.steps = {1}
    with pytest.raises(TypeError, match=r"steps in the state_dict of Counting is a value of .*set"):
        train(made, [second, nn.ModelCheckpoint(tmp_path / "m")])


BAD = [  # change of the state of EarlyStopping in a file, words of the error
    ({"best": "low"}, "best cannot be 'low'"),
    ({"best": True}, "best cannot be True"),
    ({"best_epoch": -1}, "best_epoch must be an integer from 0 to 2, not -1"),
    ({"best_epoch": 9}, "best_epoch must be an integer from 0 to 2, not 9"),
    ({"waited": 1.0}, "waited must be an integer"),
    ({"waited": None}, "waited must be an integer"),
    ({"waited": 10**30}, "waited must be an integer"),
    ({"waited": ...}, "'waited'"),
    ({"parameters.0.weights": np.zeros((5, 9), np.float32)}, "parameters 0.weights are not"),
    ({"parameters.0.weights": np.zeros((5, 8))}, "parameters 0.weights are not"),
    ({"parameters.0.weights": ...}, "parameters 0.weights are not"),
    ({"parameters.9.weights": np.zeros(1)}, "parameters 9.weights are not"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m"
    train(model(), [nn.EarlyStopping("val_loss", 9), nn.ModelCheckpoint(path)], 2, seed=0)
    return read_archive(path)


@pytest.mark.parametrize(("change", "words"), BAD)
def test_a_bad_state_is_refused_before_the_training(saved, change, words, tmp_path):
    arrays, metadata = dict(saved[0]), json.loads(json.dumps(saved[1]))
    state = metadata["callbacks"][0]["state"]
    for name, value in change.items():
        place = state if "." not in name else arrays
        key = name if place is state else f"callbacks.0.{name}"
        if value is ...:
            del place[key]
        else:
            place[key] = value
    write_archive(tmp_path / "m", arrays, metadata)
    loaded = nn.Model.load(tmp_path / "m")
    before = loaded.get_parameters()
    with pytest.raises(ValueError, match=rf"state of EarlyStopping does not fit .*{words}"):
        train(loaded, [nn.EarlyStopping("val_loss", 9)])
    np.testing.assert_equal(loaded.get_parameters(), before)
    assert len(loaded.history) == 2
    train(loaded, [nn.EarlyStopping("val_loss", 9)], 1, seed=0)  # the remedy
    assert len(loaded.history) == 3


@pytest.mark.parametrize(
    "callbacks",
    [{}, 5, None, [5], [{"kind": "EarlyStopping"}], [{"kind": 3, "state": {}}], [],
     [{"kind": "EarlyStopping", "state": []}],
     [{"kind": "EarlyStopping", "state": {"parameters.0.weights": 1}}]],
)  # fmt: skip
def test_what_is_no_state_is_refused_when_it_is_read(saved, callbacks, tmp_path):
    arrays, metadata = saved
    write_archive(tmp_path / "m", arrays, metadata | {"callbacks": callbacks})
    with pytest.raises(ValueError, match=r"is not usable: .*(callback|form of one)"):
        nn.Model.load(tmp_path / "m")


def test_a_file_without_states_is_older(saved, tmp_path):
    arrays, metadata = saved
    older = {k: v for k, v in metadata.items() if k != "callbacks"}
    arrays = {k: a for k, a in arrays.items() if not k.startswith("callbacks.")}
    write_archive(tmp_path / "m", arrays, older)
    loaded, stopping = nn.Model.load(tmp_path / "m"), nn.EarlyStopping("val_loss", 9)
    train(loaded, [stopping], 1)
    assert stopping.best_epoch == 3
    assert not math.isnan(stopping.best)


@pytest.mark.parametrize(
    ("callback", "name", "value", "words"),
    [
        (nn.ExponentialMovingAverage(), "steps", -1, "steps must be the number of steps taken"),
        (nn.ExponentialMovingAverage(), "steps", 99, "steps must be the number of steps taken"),
        (nn.ExponentialMovingAverage(), "own.x", np.zeros(1), "own 0.biases, 0.weights, .*, x are"),
        (nn.ReduceOnPlateau("val_loss"), "resting", "1", "resting must be an integer"),
    ],
)
def test_bad_states_of_other_callbacks(callback, name, value, words):
    made, run = model(), nn.Run(None, 1)
    train(made, [callback], 1, seed=0)
    run.model = made
    state = {k: v for k, v in callback.state_dict().items() if not k.startswith("own.")}
    callback.load_state_dict(state, run)
    with pytest.raises(ValueError, match=words):
        callback.load_state_dict(state | {name: value}, run)
