"""Callbacks: the protocol, each of ours, and what goes wrong."""

import csv
import math
import os

import numpy as np
import pytest

import nn
from nn.training import logs
from nn.training.callback import HOOKS

X, y = nn.datasets.spiral(30, 3, rng=0)
X_VAL, y_VAL = nn.datasets.spiral(10, 3, rng=1)


def model(optimizer=None, hidden=16, **settings):
    rng = np.random.default_rng(0)
    first, second = (
        nn.Dense(n, m, initializer="he", rng=rng) for n, m in ((2, hidden), (hidden, 3))
    )
    made = nn.Model(nn.Sequential(first, nn.ReLU(), second, nn.Softmax()))
    made.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=optimizer or nn.Adam(learning_rate=0.02),
        accuracy=nn.CategoricalAccuracy(),
        **settings,
    )
    return made


def train(made, *callbacks, epochs=4, **options):
    options = {"batch_size": 30, "print_every": 0, "seed": 0} | options
    return made.train(X, y, epochs=epochs, callbacks=list(callbacks), **options)


VALIDATION = {"validation_data": (X_VAL, y_VAL)}


class Recorder(nn.Callback):
    """Record the hooks in order, and what the run says then."""

    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if name not in HOOKS:
            return super().__getattribute__(name)
        return lambda run: self.calls.append((name, run.epoch, run.step, dict(run.logs)))


def test_the_order_of_the_hooks():
    recorder = Recorder()
    made = model()
    history = train(made, recorder, epochs=2, **VALIDATION)
    step = ["on_backward_end", "on_step_end"]
    epoch = [
        "on_epoch_begin",
        *step * 3,
        "on_validation_begin",
        "on_validation_end",
        "on_epoch_end",
    ]
    assert [c[0] for c in recorder.calls] == ["on_train_begin", *epoch * 2, "on_train_end"]
    assert [c[1:3] for c in recorder.calls if c[0] == "on_step_end"] == [
        (e, s) for e in (1, 2) for s in (1, 2, 3)
    ]
    logs = [c[3] for c in recorder.calls if c[0] == "on_epoch_end"]
    assert [log["val_loss"] for log in logs] == history.epochs["val_loss"]
    steps = [c[3] for c in recorder.calls if c[0] == "on_step_end"]
    assert [log["loss"] for log in steps] == history.steps["loss"]


def test_callbacks_change_nothing_by_being_there():
    first, second = model(), model()
    train(first, **VALIDATION)
    quiet = nn.Callback(), Recorder(), nn.GradientHealth(), nn.EarlyStopping("loss", 99)
    train(second, *quiet, **VALIDATION)
    np.testing.assert_equal(second.history.steps["loss"], first.history.steps["loss"])


def test_a_callback_stops_the_training():
    class Stop(nn.Callback):
        def on_step_end(self, run):
            if run.epoch == 2 and run.step == 2:
                run.stop("enough")

    made = model()
    train(made, Stop(), epochs=9)
    assert (len(made.history), made.optimizer.iterations) == (1, 5)
    train(made, epochs=1, seed=None)  # completes the epoch
    assert made.history.steps["epoch"] == [1, 1, 1, 2, 2, 2]


def test_the_reason_is_printed(capsys):
    train(model(), nn.EarlyStopping("accuracy", 1, min_delta=1.0), epochs=9, print_every=99)
    assert "stopped: accuracy has not become better than" in capsys.readouterr().out


# Early stopping and plateaus


def test_early_stopping_restores_the_best_epoch():
    made = model(nn.SGD(learning_rate=lambda t: 0.5 if t < 9 else 20.0))
    stopping = nn.EarlyStopping(patience=2)
    seen = []

    class Keep(nn.Callback):
        def on_epoch_end(self, run):
            seen.append(run.model.get_parameters())

    history = train(made, Keep(), stopping, epochs=50, **VALIDATION)
    losses = history.epochs["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3
    assert (stopping.best, stopping.best_epoch) == (losses[best], best + 1)
    np.testing.assert_equal(made.get_parameters(), seen[best])
    assert made.evaluate(X_VAL, y_VAL, verbose=False).loss == pytest.approx(losses[best], rel=1e-6)


def test_early_stopping_without_restoring():
    made = model(nn.SGD(learning_rate=0.1))
    stopping = nn.EarlyStopping("loss", 1, mode="max", restore_best=False)
    train(made, stopping, epochs=9)
    assert len(made.history) == 2
    assert stopping.best_parameters is None


def test_the_best_weights_are_kept_after_an_error():
    class Fail(nn.Callback):
        def on_epoch_end(self, run):
            if run.epoch == 3:
                raise ValueError("full disk")

    stopping, made = nn.EarlyStopping("loss", 9), model()
    with pytest.raises(ValueError, match="full disk") as caught:
        train(made, stopping, Fail(), epochs=9)
    (note,) = caught.value.__notes__
    assert note.startswith(
        "raised by on_epoch_end of the callback Fail(), in epoch 3 after 3 steps"
    )
    assert stopping.best_epoch == 3
    assert made.optimizer.iterations == len(made.history.steps["loss"]) == 9
    np.testing.assert_equal(stopping.best_parameters, made.get_parameters())


def test_epochs_without_a_number_do_not_count():
    stopping = nn.EarlyStopping("val_loss", 2)
    made = model(nn.SGD(learning_rate=1e-9))
    train(made, stopping, epochs=9, validation_every=2, **VALIDATION)
    measured = [not math.isnan(x) for x in made.history.epochs["val_loss"]]
    assert measured == [(k + 1) % 2 == 0 for k in range(len(measured))]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("val_los", r"follows 'val_los', which this training does not measure; it measures loss, "),
        ("val_loss", "it needs validation_data or validation_split"),
        ("f1", "does not measure"),
    ],
)
def test_a_number_that_is_never_measured(name, words):
    made = model()
    for callback in (nn.EarlyStopping(name), nn.ReduceOnPlateau(name)):
        with pytest.raises(ValueError, match=words):
            train(made, callback)
    assert made.optimizer.iterations == 0


def test_the_rate_is_reduced_on_a_plateau():
    made = model(nn.SGD(learning_rate=1e-6))
    plateau = nn.ReduceOnPlateau("loss", 2, factor=0.1, cooldown=1, minimum=3e-9)
    rates = train(made, plateau, epochs=12).epochs["learning_rate"]
    expected = [1e-6] * 3 + [1e-7] * 3 + [1e-8] * 3 + [3e-9] * 3
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


@pytest.mark.parametrize("settings", [{"min_delta": 1e3}, {"mode": "max"}])
def test_a_loss_that_falls_can_count_as_a_plateau(settings):
    plateau = nn.ReduceOnPlateau("loss", 1, factor=0.5, **settings)
    rates = train(model(nn.SGD(learning_rate=1e-3)), plateau, epochs=3).epochs["learning_rate"]
    assert rates == [1e-3, 1e-3, 5e-4]


def test_the_rates_of_groups_are_reduced():
    made = model()
    first, *rest = made.parameters()
    groups = [{"parameters": [first], "learning_rate": 1e-6}, {"parameters": rest}]
    made.set(optimizer=nn.SGD(groups, learning_rate=1e-5))
    train(made, nn.ReduceOnPlateau("loss", 1, factor=0.5), epochs=3)
    assert made.optimizer.groups[0]["learning_rate"] == 2.5e-7
    assert made.optimizer.learning_rate == 2.5e-6


def test_a_schedule_is_not_reduced():
    made = model(nn.SGD(learning_rate=nn.schedules.cosine(0.1, 9)))
    with pytest.raises(ValueError, match="is the schedule cosine"):
        train(made, nn.ReduceOnPlateau("loss"))


# Averages


def test_the_averages_are_used_after_each_epoch():
    made, own, seen = model(), [], []
    average = nn.ExponentialMovingAverage(0.8)

    class Watch(nn.Callback):
        def on_step_end(self, run):
            own.append(run.model.get_parameters()["0.weights"])

        def on_epoch_end(self, run):
            seen.append(run.model.get_parameters()["0.weights"])

    plain = model()
    start = plain.get_parameters()["0.weights"]
    train(plain, epochs=3)
    history = train(made, average, Watch(), epochs=3, **VALIDATION)
    np.testing.assert_array_equal(history.steps["loss"], plain.history.steps["loss"])
    expected = start
    for t, w in enumerate(own, 1):
        decay = min(0.8, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * w
        if t % 3 == 0:
            np.testing.assert_allclose(seen[t // 3 - 1], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(made.get_parameters()["0.weights"], seen[-1])
    last = made.evaluate(X_VAL, y_VAL, verbose=False).loss
    assert last == pytest.approx(history.epochs["val_loss"][-1], rel=1e-6)


# Gradients


@pytest.mark.filterwarnings("ignore::nn.training.health.GradientWarning")
def test_vanished_and_exploded_gradients_are_named():
    rng = np.random.default_rng(0)
    layers = [layer for _ in range(12) for layer in (nn.Dense(8, 8, rng=rng), nn.Sigmoid())]
    deep = nn.Model(
        nn.Sequential(
            nn.Dense(2, 8, activation="sigmoid", rng=rng), *layers, nn.Dense(8, 3), nn.Softmax()
        )
    )
    deep.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD(learning_rate=0.1))
    health = nn.GradientHealth(every=2)
    with pytest.warns(
        nn.GradientWarning, match=r"gradient of 0.weights, in Dense, epoch 1, has van"
    ):
        train(deep, health, epochs=1)
    assert health.norms["0.weights"][0] < 1e-8 < health.norms["25.weights"][0]
    assert len(health.norms["0.weights"]) == 2  # of three steps
    wild = nn.Model(nn.Dense(2, 1, rng=0))
    wild.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=1e-9))
    with pytest.warns(nn.GradientWarning, match=r"has exploded: .* clip_norm=1\.0"):
        wild.train(X, 1e6 * X[:, :1], print_every=0, callbacks=[nn.GradientHealth()])


# The finder


@pytest.mark.parametrize("kind", [nn.SGD, nn.Adam])
def test_the_finder_leaves_the_model_as_it_was(kind, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    made = model(kind(learning_rate=0.01, decay=1e-3))
    train(made, epochs=2)
    before = made.get_parameters(), made.optimizer.state_dict(), made.rng.bit_generator.state
    finder = nn.LearningRateFinder(1e-4, 1e3, steps=60)
    train(made, finder, epochs=99, seed=None)
    after = made.get_parameters(), made.optimizer.state_dict(), made.rng.bit_generator.state
    np.testing.assert_equal(after, before)
    assert len(made.history) == 2
    assert finder.rates == pytest.approx([finder.rate(t) for t in range(len(finder.rates))])
    assert 1e-4 < finder.suggestion < 10
    finder.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 5000
    train(made, epochs=1)
    assert made.history.epochs["learning_rate"][-1] == pytest.approx(0.01 / (1 + 1e-3 * 8))


def test_an_epoch_that_was_interrupted_goes_on_after_a_trial():
    class Stop(nn.Callback):
        def on_step_end(self, run):
            if run.epoch == 2 and run.step == 1:
                run.stop("")

    first, second = model(), model()
    for made in (first, second):
        train(made, Stop(), epochs=9)
        if made is second:
            train(made, nn.LearningRateFinder(steps=5), epochs=9, seed=None)
            assert len(made.history.steps["loss"]) == 4
        train(made, epochs=2, seed=None)
    for table in ("steps", "epochs"):
        for name, numbers in getattr(first.history, table).items():
            if name != "time":
                np.testing.assert_equal(getattr(second.history, table)[name], numbers)


def test_an_error_at_the_beginning_is_the_one_that_is_seen():
    made = model()
    with pytest.raises(ValueError, match="does not measure"):
        train(made, nn.EarlyStopping("f1"), nn.LearningRateFinder())
    train(made, epochs=1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_finder_survives_divergence():
    made = nn.Model(nn.Dense(2, 1, rng=0))
    made.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=0.1))
    finder = nn.LearningRateFinder(1e9, 1e30, steps=9)
    before = made.get_parameters()
    made.train(1e3 * X, X[:, :1], epochs=99, print_every=0, callbacks=[finder])
    np.testing.assert_equal(made.get_parameters(), before)
    with pytest.raises(ValueError, match="too few to choose from"):
        nn.LearningRateFinder().plot()


# Files


def test_a_csv_has_a_row_for_each_epoch(tmp_path):
    path = tmp_path / "logs" / "log.csv"
    made = model(metrics=[nn.F1()])
    train(made, nn.CSVLogger(path), epochs=2, validation_every=2, **VALIDATION)
    train(made, nn.CSVLogger(path, append=True), epochs=1, **VALIDATION)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["val_loss"] == "" for row in rows] == [True, False, False]
    for name in ("loss", "accuracy", "f1", "val_f1"):
        numbers = [float(row[name] or "nan") for row in rows]
        np.testing.assert_array_equal(numbers, made.history.epochs[name])
    with pytest.raises(ValueError, match=r"log.csv has the columns .* write to another file"):
        train(made, nn.CSVLogger(path, append=True), epochs=1)


def test_a_csv_that_cannot_be_written_is_found_before_the_training(tmp_path, monkeypatch):
    made = model()
    (tmp_path / "folder").mkdir()
    paths = ["folder"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # which would wait for ever
        paths.append("pipe")
    for name in paths:
        for append in (False, True):
            with pytest.raises(OSError, match=f"this is a {name}"):
                train(made, nn.CSVLogger(tmp_path / name, append=append), epochs=1)
    assert made.optimizer.iterations == 0
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    train(made, nn.CSVLogger("~/log.csv"), epochs=1)
    assert (tmp_path / "log.csv").exists()


def test_a_log_on_a_full_disk_is_a_warning_and_the_training_goes_on(tmp_path, monkeypatch):
    path, made = tmp_path / "log.csv", model()

    class Full:
        """A writer to a disk that has no more space in the second epoch."""

        def __init__(self, file):
            self.file = file

        def writerow(self, row):
            self.file.write(",".join(map(str, row))[: 8 if row[0] == 2 else None] + "\n")
            if row[0] == 2:
                self.file.flush()
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(logs.csv, "writer", Full)
    with pytest.warns(UserWarning, match=r"^epoch 2 is not in .*log\.csv, which .*: No space left"):
        train(made, nn.CSVLogger(path), epochs=3)
    assert [row.split(",")[0] for row in path.read_text().splitlines()] == ["epoch", "1", "3"]
    assert len(made.history) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_on_a_full_disk_is_a_warning(tmp_path, monkeypatch):
    tensorboard = pytest.importorskip("tensorboardX")

    def full(*_):
        raise OSError(28, "No space left on device")

    made = model()
    monkeypatch.setattr(tensorboard.SummaryWriter, "flush", full)
    with pytest.warns(UserWarning, match=r"^epoch 1 is not in .*board, which .*: No space left"):
        train(made, nn.TensorBoard(tmp_path / "board"), epochs=1)
    assert len(made.history) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_the_numbers(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter  # noqa: F401  # its format is read below

    made = model()
    train(made, nn.TensorBoard(tmp_path), epochs=2, **VALIDATION)
    for kind, column in (("training", "loss"), ("validation", "val_loss")):
        (path,) = (tmp_path / kind).iterdir()
        data, found = path.read_bytes(), []
        while data:
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            found += [(event.step, v.simple_value) for v in event.summary.value if v.tag == "loss"]
            data = data[16 + length :]
        assert [step for step, _ in found] == [1, 2]
        np.testing.assert_allclose([x for _, x in found], made.history.epochs[column], rtol=1e-6)


# Wrong arguments


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: train(model(), len), TypeError, r"a subclass of nn.Callback, .*on_epoch_end"),
        (lambda: train(model(), nn.CSVLogger), TypeError, "the class CSVLogger; write CSVLogger"),
        (lambda: model().train(X, y, callbacks=nn.Callback()), TypeError, "must be a list"),
        (lambda: nn.EarlyStopping("loss", 0), ValueError, "patience must be an integer"),
        (lambda: nn.EarlyStopping(None), TypeError, "monitor is the name of a number .* not None"),
        (lambda: nn.EarlyStopping("loss", mode="up"), ValueError, "auto, min, max, not 'up'"),
        (lambda: nn.ReduceOnPlateau("loss", factor=2), ValueError, "factor must be above 0 and below"),
        (lambda: nn.ReduceOnPlateau("loss", cooldown=-1), ValueError, "cooldown must be a number of epochs"),
        (lambda: nn.ReduceOnPlateau("loss", minimum="x"), ValueError, "minimum must be a number of at l"),
        (lambda: nn.ExponentialMovingAverage(1), ValueError, "decay must be at least 0"),
        (lambda: nn.GradientHealth(low=2, high=1), ValueError, "below high, not 2 and 1"),
        (lambda: nn.LearningRateFinder(1, 0.1), ValueError, "below highest, not 1 and 0.1"),
    ],
)  # fmt: skip
def test_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


class Typo(nn.Callback):
    def on_epoch_ends(self, run):
        raise AssertionError


class OfKeras(nn.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise AssertionError


class TwoArguments(nn.Callback):
    def on_epoch_end(self, epoch, logs):
        raise AssertionError


class OfBatches(nn.Callback):
    def on_train_batch_end(self, batch, logs):
        raise AssertionError


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (Typo(), "Typo has the method on_epoch_ends, which no training calls; write on_epoch_end$"),
        (OfBatches(), "has the method on_train_batch_end, which no training calls; write on_train"),
        (
            TwoArguments(),
            r"takes \(epoch, logs\); write def on_epoch_end\(self, run\), where run.ep",
        ),
    ],
)
def test_methods_that_a_training_cannot_call_are_refused_before_it(callback, words):
    made = model()
    with pytest.raises(TypeError, match=words):
        train(made, callback)
    assert not made.history.steps["loss"]


class Improvement(nn.Callback):
    on_gpu = False

    def __init__(self):
        self.losses = []

    def on_epoch_end(self, run):
        self.on_improvement(run.logs["loss"], epoch=run.epoch)

    def on_improvement(self, loss, *, epoch):
        self.losses.append((epoch, loss))


def test_a_callback_may_call_its_own_methods():
    callback = Improvement()
    history = train(model(), callback)
    assert callback.losses == [*enumerate(history.epochs["loss"], 1)]


def test_another_optimizer_in_a_training():
    class Other(nn.Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                run.model.set(optimizer=nn.SGD(learning_rate=0.5))

    made, twin = model(), model()
    train(made, Other())
    train(twin, epochs=2)
    twin.set(optimizer=nn.SGD(learning_rate=0.5))
    train(twin, epochs=2, seed=None)
    assert made.history.epochs["learning_rate"] == [0.02, 0.02, 0.5, 0.5]
    for name, array in made.get_parameters().items():
        np.testing.assert_array_equal(twin.get_parameters()[name], array)


def test_layers_that_cannot_learn_together_are_named():
    def warned(*layers):
        made = nn.Model(nn.Sequential(*layers))
        made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD(learning_rate=0.1))
        made.finalize()

    dense = lambda n, m: nn.Dense(n, m, rng=0)
    with pytest.warns(nn.LearningWarning, match="two Softmax layers in a row"):
        warned(dense(2, 3), nn.Softmax(), nn.Softmax())
    with pytest.warns(nn.LearningWarning, match="ends with a ReLU, but .* write nn.Softmax"):
        warned(dense(2, 3), nn.ReLU())
    warned(dense(2, 8), dense(8, 3), nn.Softmax())
