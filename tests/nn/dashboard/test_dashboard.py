"""Dashboard: it changes nothing, its numbers are right, and it works for every kind of training."""

import copy

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.dashboard import callback, curves, records
from tests.nn.dashboard.dashboards import VALIDATION, X, model, read, train, y

# It changes nothing


class Restless(nn.Module):
    """A layer that draws random numbers and counts its calls, in evaluation too."""

    def __init__(self):
        self.rng = np.random.default_rng(5)
        self.buffer("calls", np.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return x + 0.01 * self.rng.normal(size=x.shape).astype(np.float32)


class Counter(nn.Callback):
    """Write down what changes in a training."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, run):
        arrays = run.model.module.state_dict()
        self.seen.append([*arrays.values(), run.logs["loss"]])


@pytest.mark.parametrize("compile", ["auto", False])
def test_the_training_is_the_same_to_the_last_bit(tmp_path, compile):
    runs = []
    for callbacks in ([], [nn.Dashboard(tmp_path / "run.html", every=1, refresh=0)]):
        counter, made = Counter(), model()
        train(made, *callbacks, counter, compile=compile)
        runs.append((made, counter))
    (plain, seen), (watched, also_seen) = runs
    for a, b in zip(seen.seen, also_seen.seen, strict=True):
        assert all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))
    for made in (plain, watched):
        assert str(made.programs).count("train runs as a program") == (compile == "auto")
    assert plain.rng.bit_generator.state == watched.rng.bit_generator.state
    assert all(
        m.training == n.training for m, n in zip(plain.module.modules(), watched.module.modules())
    )


def test_random_numbers_and_buffers_of_a_layer_stay_as_they_are(tmp_path):
    runs = []
    for callbacks in ([], [nn.Dashboard(tmp_path / "run.html", every=1)]):
        made = nn.Model(
            nn.Sequential(nn.Dense(5, 3, rng=np.random.default_rng(0)), Restless(), nn.Softmax())
        )
        made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD(learning_rate=0.1))
        runs.append(train(made, *callbacks).module.state_dict())
    assert all(np.array_equal(runs[0][name], runs[1][name]) for name in runs[0])


# Its numbers


class Gradients(nn.Callback):
    """Keep the gradients of each step."""

    def __init__(self):
        self.kept = []

    def on_backward_end(self, run):
        named = run.model.module.named_parameters()
        self.kept.append({name: p.grad.data.copy() for name, p in named})


def check(found, array):
    low, high, mean, deviation, zeros, bad, begin, end, counts = found
    numbers = array.min(), array.max(), array.mean(), array.std(), np.mean(array == 0)
    np.testing.assert_allclose((low, high, mean, deviation, zeros), numbers, rtol=2e-3, atol=1e-6)
    assert bad == 0
    if low == begin and high == end and high > low:
        assert sum(counts) == array.size


def test_values_gradients_and_outputs_are_those_of_the_network(tmp_path):
    path, gradients = tmp_path / "run.html", Gradients()
    made = train(model(), nn.Dashboard(path, every=5), gradients)
    data, found = read(path)
    assert [r["step"] for r in found] == [0, 5, 10, 15]
    for name, p in made.module.named_parameters():
        check(found[-1]["values"][name], p.data)
    for record in found[1:]:
        for name, g in gradients.kept[record["step"] - 1].items():
            check(record["gradients"][name], g)
    assert found[0]["gradients"] == {}
    out, layers = tg.Tensor(VALIDATION[0]), made.module.eval().children()
    for k, layer in enumerate(layers):
        out = layer(out)
        check(found[-1]["outputs"][str(k)][0], out.data)
    assert [layer["path"] for layer in data["layers"]] == list("012345")
    assert data["layers"][1] == {
        "path": "1",
        "kind": "BatchNorm",
        "parameters": ["1.weights", "1.biases"],
    }
    matrix = nn.confusion_matrix(out.data, VALIDATION[1])
    assert found[-1]["confusion"] == matrix.tolist()
    assert data["epochs"]["val_accuracy"][-1] == pytest.approx(np.trace(matrix) / 30, rel=1e-3)
    assert (data["done"], data["goal"], data["status"], data["ends"]) == (
        3,
        3,
        "finished",
        [5, 10, 15],
    )


def test_dead_units_are_counted(tmp_path):
    made = model()
    dense, norm = made.module[0], made.module[1]
    dense.weights.data[:, :3] = 0
    norm.weights.data[:3], norm.biases.data[:3] = 0, -1
    train(made, nn.Dashboard(tmp_path / "run.html", every=1), epochs=1)
    record = read(tmp_path / "run.html")[1][0]
    assert record["outputs"]["2"][1:] == [3, 8]
    assert record["outputs"]["5"][1:] == [0, 3]


def test_the_curves_are_those_of_the_history(tmp_path):
    made = train(model(), nn.Dashboard(tmp_path / "run.html"))
    data, _ = read(tmp_path / "run.html")
    np.testing.assert_allclose(data["curves"]["loss"], made.history.steps["loss"], rtol=1e-3)
    np.testing.assert_allclose(data["epochs"]["loss"], made.history.epochs["loss"], rtol=1e-3)
    assert data["curves"]["step"] == list(range(1, 16))
    assert set(data["curves"]) >= {"loss", "accuracy", "learning_rate"}


def test_many_epochs_are_shown_evenly_and_the_last_step_has_gradients(tmp_path, monkeypatch):
    monkeypatch.setattr(callback, "EPOCHS_SHOWN", 5)
    dashboard = nn.Dashboard(tmp_path / "run.html", every=7)
    made = train(model(), dashboard, epochs=12, data=(X[:24], y[:24]))
    data, found = read(tmp_path / "run.html")
    assert (data["numbers"], data["ends"]) == ([1, 3, 6, 9, 12], [2, 6, 12, 18, 24])
    losses = made.history.epochs["val_loss"]
    np.testing.assert_allclose(
        data["epochs"]["val_loss"], [losses[k - 1] for k in data["numbers"]], rtol=1e-3
    )
    assert data["least"] == [min(losses), 1 + int(np.argmin(losses))]
    assert [r["epoch"] for r in found] == [(r["step"] + 1) // 2 for r in found]
    assert found[-1]["step"] == 24
    assert set(found[-1]["gradients"]) == set(found[-1]["values"])


def test_a_second_training_goes_on_with_the_curves(tmp_path):
    made = train(model(), nn.Dashboard(tmp_path / "a.html"))
    train(made, nn.Dashboard(tmp_path / "b.html"))
    data, found = read(tmp_path / "b.html")
    assert data["ends"] == [5, 10, 15, 20, 25, 30]
    assert (data["done"], data["goal"], found[0]["step"], found[-1]["step"]) == (6, 6, 15, 30)


# Every kind of training


def dense_model(outputs, loss, *last, **settings):
    rng = np.random.default_rng(0)
    made = nn.Model(
        nn.Sequential(nn.Dense(5, 8, rng=rng), nn.ReLU(), nn.Dense(8, outputs, rng=rng), *last)
    )
    made.set(loss=loss, optimizer=nn.Adam(learning_rate=0.01), **settings)
    return made


class TwoInputs(nn.Module):
    def __init__(self):
        self.dense = nn.Dense(10, 3, rng=np.random.default_rng(0))

    def forward(self, left, right):
        return tg.softmax(self.dense(np.concatenate([left, right], axis=1)))


class NoChildren(nn.Module):
    def __init__(self):
        self.w = tg.Tensor(np.ones((5, 3), np.float32), requires_grad=True)

    def forward(self, x):
        return tg.softmax(x @ self.w)


class Tagger(nn.Module):
    def __init__(self):
        rng = np.random.default_rng(0)
        self.embedding = nn.Embedding(9, 4, rng=rng)
        self.rnn = nn.LSTM(4, 6, return_sequences=True, rng=rng)
        self.out = nn.Dense(6, 4, rng=rng)

    def forward(self, x, mask):
        return tg.softmax(self.out(self.rnn(self.embedding(x), mask=mask)))


def with_module(module):
    made = nn.Model(module)
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(learning_rate=0.01))
    return made


def tokens():
    x, mask = nn.data.pad([np.arange(1 + k % 6) for k in range(60)])
    return {"x": x, "mask": mask}, np.where(mask, x % 4, 0)


NUMBERS = np.stack([X.sum(axis=1), X[:, 0]], axis=1)
BITS = (X[:, :2] > 0).astype(int)
TRAININGS = {
    "indices": lambda: (dense_model(3, nn.CategoricalCrossentropy(), nn.Softmax()), (X, y), "confusion"),
    "rows": lambda: (dense_model(3, nn.CategoricalCrossentropy(), nn.Softmax()), (X, np.eye(3)[y]), "confusion"),
    "logits": lambda: (dense_model(3, nn.CategoricalCrossentropy(from_logits=True)), (X, y), "confusion"),
    "binary": lambda: (dense_model(1, nn.BinaryCrossentropy(), nn.Sigmoid()), (X, BITS[:, :1]), "confusion"),
    "several_answers": lambda: (dense_model(2, nn.BinaryCrossentropy(), nn.Sigmoid()), (X, BITS), "confusion"),
    "binary_logits": lambda: (dense_model(1, nn.BinaryCrossentropy(from_logits=True)), (X, BITS[:, :1]), "confusion"),
    "many_classes": lambda: (dense_model(30, nn.CategoricalCrossentropy(), nn.Softmax()), (X, np.arange(60) % 30), "pairs"),
    "regression": lambda: (dense_model(2, nn.MeanSquaredError(), metrics=[nn.RSquared(), nn.AbsoluteError()]), (X, NUMBERS), "points"),
    "two_inputs": lambda: (with_module(TwoInputs()), ((X, X), y), "confusion"),
    "named_inputs": lambda: (with_module(TwoInputs()), ({"left": X, "right": X}, y), "confusion"),
    "no_children": lambda: (with_module(NoChildren()), (X, y), "confusion"),
    "sequences": lambda: (with_module(Tagger()), tokens(), "confusion"),
    "pictures": lambda: (
        with_module(nn.Sequential(nn.Conv2D(1, 2, 3, rng=np.random.default_rng(0)), nn.ReLU(), nn.Flatten(), nn.Dense(128, 3, rng=np.random.default_rng(0)), nn.Softmax())),
        (np.repeat(X, 13, 1)[:, :64].reshape(60, 8, 8, 1), y), "confusion"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TRAININGS)
def test_it_works_for_every_kind_of_training(tmp_path, kind):
    made, data, answer = TRAININGS[kind]()
    path = tmp_path / "run.html"
    train(made, nn.Dashboard(path, every=2), data=data, epochs=2, validation_data=None)
    page, found = read(path)
    assert all(answer in record for record in found)
    assert page["of"] == "training"
    assert (
        len(found[-1]["predictions"])
        == 24
        == len(page["inputs"].get("pictures") or page["inputs"]["words"])
    )
    layers = {layer["path"] for layer in page["layers"]}
    assert layers == set(found[-1]["outputs"])
    assert {name for layer in page["layers"] for name in layer["parameters"]} == set(
        found[-1]["values"]
    )


def test_the_confusion_of_binary_answers_and_sequences_counts_what_the_accuracy_counts(tmp_path):
    for kind, total in (
        ("binary", 60),
        ("several_answers", 120),
        ("sequences", int(tokens()[0]["mask"].sum())),
    ):
        made, data, _ = TRAININGS[kind]()
        made.set(accuracy=nn.CategoricalAccuracy(binary=kind != "sequences"))
        train(made, nn.Dashboard(tmp_path / "run.html"), data=data, validation_data=None)
        matrix = np.array(read(tmp_path / "run.html")[1][-1]["confusion"])
        assert matrix.sum() == total
        assert np.trace(matrix) / total == pytest.approx(
            made.evaluate(*data, verbose=False).accuracy
        )


def test_an_iterable_of_batches_without_validation(tmp_path):
    made = model()
    made.train(lambda: ((X[k : k + 10], y[k : k + 10]) for k in range(0, 60, 10)), epochs=2, print_every=0,
               callbacks=[nn.Dashboard(tmp_path / "run.html", every=4)])  # fmt: skip
    data, found = read(tmp_path / "run.html")
    assert [record["step"] for record in found] == [0, 4, 10, 12]
    assert (data["samples"], data["ends"]) == (10, [6, 12])


def test_a_frozen_layer_has_no_gradient_and_one_that_is_used_twice_comes_once(tmp_path):
    dense = nn.Dense(5, 5, rng=np.random.default_rng(0))
    made = with_module(
        nn.Sequential(
            dense, nn.Tanh(), dense, nn.Dense(5, 3, rng=np.random.default_rng(0)), nn.Softmax()
        )
    )
    dense.freeze()
    train(made, nn.Dashboard(tmp_path / "run.html"))
    data, found = read(tmp_path / "run.html")
    assert set(found[-1]["gradients"]) == {"3.weights", "3.biases"}
    assert [layer["path"] for layer in data["layers"]] == ["0", "1", "3", "4"]


def test_pictures_and_classes_as_given(tmp_path):
    made = nn.Model(nn.Sequential(nn.Dense(64, 3, rng=np.random.default_rng(0)), nn.Softmax()))
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD(learning_rate=0.1))
    rows = np.repeat(X, 13, 1)[:, :64]
    dashboard = nn.Dashboard(
        tmp_path / "run.html", image_shape=(8, 8), classes=["a", "b", "</script>"]
    )
    train(made, dashboard, data=(rows, y), validation_data=None)
    data, found = read(tmp_path / "run.html")
    assert data["inputs"]["shape"] == [8, 8, 1]
    assert {row[1] for row in found[-1]["predictions"]} == {"a", "b", "</script>"}
    assert (tmp_path / "run.html").read_text("utf-8").count("</script>") == 3


# It goes on


@pytest.mark.parametrize("at", [4, 7, 10])
def test_a_resumed_training_has_the_records_of_one_that_was_not_interrupted(tmp_path, at):
    whole = train(model(), nn.Dashboard(tmp_path / "whole.html", every=2), epochs=4)
    half = model()

    class Stop(nn.Callback):
        acts_last = True

        def on_step_end(self, run):
            if run.model.optimizer.iterations == at:
                run.model.save(tmp_path / "half.model")
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(half, nn.Dashboard(tmp_path / "half.html", every=2), Stop(), epochs=4)
    data, found = read(tmp_path / "half.html")
    assert (data["status"], found[-1]["step"]) == ("interrupted", at)
    loaded = nn.Model.load(tmp_path / "half.model")
    train(
        loaded,
        nn.Dashboard(tmp_path / "rest.html", every=2),
        epochs=4 - len(loaded.history),
        seed=None,
    )
    (_, expected), (_, resumed) = read(tmp_path / "whole.html"), read(tmp_path / "rest.html")
    assert resumed == expected
    assert all(
        np.array_equal(a, b)
        for a, b in zip(whole.module.state_dict().values(), loaded.module.state_dict().values())
    )


def test_a_state_that_does_not_fit_is_refused():
    kept = records.Records(3)
    record = {"step": 0, "values": {"w": []}, "gradients": {}, "outputs": {}}
    kept.end_turn(record)
    state = kept.state_dict()
    other = records.Records(3)
    other.load_state_dict(state, {"w"})
    assert list(other.texts()) == list(kept.texts())
    letters = np.frombuffer(b"[1]", np.uint8)
    for change, error in [
        ({"turn": -1}, "no numbers of records"),
        ({"stride": 0}, "no numbers of records"),
        ({"records": letters}, "not the form"),
        ({"records": letters[:2]}, "Expecting"),
        ({"turns": np.arange(3)}, "do not fit together"),
    ]:
        with pytest.raises(ValueError, match=error):
            other.load_state_dict(state | change, {"w"})
    with pytest.raises(ValueError, match="its parameters are w, not those of this model"):
        other.load_state_dict(state, {"v"})


# It stays small


def test_curves_are_means_of_groups_in_a_bounded_number():
    numbers = np.random.default_rng(0).normal(size=5000)
    numbers[17] = np.nan
    found = curves.Curves()
    for k, x in enumerate(numbers):
        found.add({"loss": x} if k else {"loss": x, "other": 1.0})
    columns = found.columns()
    assert curves.POINTS <= len(columns["step"]) <= 2 * curves.POINTS
    assert found.size == 16
    means = [np.nanmean(numbers[k : k + 16]) for k in range(0, 5000, 16)]
    np.testing.assert_allclose(columns["loss"], means, rtol=1e-3, atol=1e-6)
    assert columns["step"][:2] == [16, 32]
    assert columns["step"][-1] == 5000
    assert columns["other"][:2] == [1.0, None]


def test_records_are_thinned_out():
    kept = records.Records(1)
    for k in range(5000):
        wanted = kept.wanted()
        kept.end_turn({"step": k} if wanted else None)
    steps = [eval(text)["step"] for text in kept.texts()]
    assert records.MOST_RECORDS // 2 <= len(steps) <= records.MOST_RECORDS
    assert steps == list(range(0, 5000, kept.stride))
    assert records.Records(10_000).most == records.FEWEST_RECORDS


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"path": "run.png"}, ValueError, "named such as run.html, not 'run.png'"),
        ({"path": 3}, TypeError, "PathLike"),
        ({"every": 0}, ValueError, "every"),
        ({"samples": 0}, ValueError, "samples"),
        ({"classes": "abc"}, TypeError, "the name of each class, not 'abc'"),
        ({"classes": [1, 2]}, TypeError, "the name of each class"),
        ({"image_shape": (28,)}, ValueError, r"\(height, width\)"),
        ({"image_shape": 28}, ValueError, "not 28"),
        ({"refresh": -1}, ValueError, "refresh must be"),
    ],
)
def test_arguments_that_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        nn.Dashboard(**arguments)


def test_a_file_that_cannot_be_written_is_found_before_the_training(tmp_path):
    made = model()
    before = copy.deepcopy(made.module.state_dict())
    with pytest.raises(OSError, match="create it first"):
        train(made, nn.Dashboard(tmp_path / "missing" / "run.html"))
    assert len(made.history.steps["loss"]) == 0
    assert all(np.array_equal(before[n], a) for n, a in made.module.state_dict().items())


def test_a_file_that_cannot_be_written_later_is_told_and_the_training_goes_on(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()

    class Remove(nn.Callback):
        def on_epoch_begin(self, run):
            if run.epoch == 2:
                (folder / "run.html").unlink()
                folder.rmdir()

    with pytest.warns(UserWarning, match=r"run\.html, which cannot be written") as caught:
        made = train(model(), nn.Dashboard(folder / "run.html"), Remove())
    assert len(made.history) == 3
    assert len(caught) == 1


def test_the_page_says_how_the_training_ended(tmp_path):
    path = tmp_path / "run.html"

    class Stop(nn.Callback):
        def on_epoch_end(self, run):
            run.stop("that is enough")

    train(model(), nn.Dashboard(path), Stop())
    assert (read(path)[0]["status"], read(path)[0]["said"]) == ("stopped", "that is enough")
    with pytest.raises(FloatingPointError), np.errstate(all="ignore"):
        train(model(optimizer=nn.SGD(learning_rate=1e38)), nn.Dashboard(path))
    data, found = read(path)
    assert data["status"] == "failed"
    assert "FloatingPointError" in data["said"]
    assert found


def test_another_callback_that_refuses_the_training_gives_its_own_error(tmp_path):
    with pytest.raises(ValueError, match="validation_data"):
        train(
            model(), nn.EarlyStopping(), nn.Dashboard(tmp_path / "run.html"), validation_data=None
        )
    assert not (tmp_path / "run.html").exists()
