"""Data of a training: several inputs, weights, splits, iterables, accumulated gradients, metrics."""

import math
import warnings

import numpy as np
import pytest

import nn
import tensorgrad as tg

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
W = rng.integers(0, 3, 60).astype(float)


def model(module=None, **settings):
    made = nn.Model(module or nn.Sequential(nn.Dense(4, 3, rng=0), nn.Softmax()))
    settings = {"optimizer": nn.Adam(learning_rate=0.05)} | settings
    made.set(loss=nn.CategoricalCrossentropy(), accuracy=nn.CategoricalAccuracy(), **settings)
    return made


def train(made, *data, **options):
    options = {"print_every": 0, "shuffle": False} | options
    return made.train(*(data or (X, y)), **options)


def assert_same(first, second, **tolerance):
    for name, array in first.get_parameters().items():
        np.testing.assert_allclose(second.get_parameters()[name], array, **tolerance)


# Several inputs


class Pair(nn.Module):
    """Two inputs, of which one is indices."""

    def __init__(self):
        self.left = nn.Dense(4, 3, rng=0)
        self.table = tg.Tensor(np.zeros((3, 3), np.float32), requires_grad=True)

    def forward(self, x, kind):
        return tg.softmax(self.left(x) + self.table[kind])


@pytest.mark.parametrize("pack", [lambda x, k: (x, k), lambda x, k: {"kind": k, "x": x}])
def test_several_inputs(pack):
    kinds = y.copy()
    made = model(Pair())
    history = train(made, pack(X, kinds), y, epochs=30, batch_size=20, shuffle=True, seed=0,
                    validation_data=(pack(X, kinds), y))  # fmt: skip
    assert history.epochs["val_accuracy"][-1] > 0.9
    assert made.predict(pack(X, kinds)).shape == (60, 3)
    assert made.evaluate(pack(X, kinds), y, verbose=False).accuracy > 0.9
    assert made(pack(X[:2], kinds[:2])).shape == (2, 3)
    assert "left" in str(made.draw(pack(X[:2], kinds[:2])).dot)
    with pytest.raises(ValueError, match=r"inputs in X have \[60, 59\] samples"):
        train(made, (X, kinds[:59]), y)
    with pytest.raises(
        TypeError, match=r"Pair takes 2 inputs \(x, kind\), and this is a dict of 2"
    ):
        train(made, {"x": X, "kinds": kinds}, y)
    with pytest.raises(
        TypeError,
        match=r"not fit the model: Pair takes 2 .*, and this is one array, .*: give a tuple",
    ):
        train(made, X, y)
    with pytest.raises(
        TypeError, match=r"Sequential takes 1 input \(x\), and this is a tuple of 2"
    ):
        train(model(), (X, X), y)


class Scored(nn.Module):
    """A number for each step of a sequence."""

    def __init__(self):
        self.dense = nn.Dense(2, 1, rng=0)

    def forward(self, x, mask):
        return self.dense(x)


# Weights


def test_weights_of_samples_are_those_of_the_loss():
    made = model()
    train(made, sample_weight=W)
    loss, _ = made.history.steps["loss"], made.history
    expected = nn.CategoricalCrossentropy()(model()(X), y, W)
    assert loss == [pytest.approx(expected.item(), rel=1e-6)]
    repeated, weighted = (
        model(optimizer=nn.SGD(learning_rate=0.1)),
        model(optimizer=nn.SGD(learning_rate=0.1)),
    )
    index = np.repeat(np.arange(60), W.astype(int))
    train(repeated, X[index], y[index], epochs=3)
    train(weighted, sample_weight=W * 60 / len(index), epochs=3)
    assert_same(repeated, weighted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(
    ("given", "table"),
    [
        ({0: 2.0, 2: 0.5}, [2, 1, 0.5]),
        ([2.0, 1.0, 0.5], [2, 1, 0.5]),
        ("balanced", 60 / (3 * np.bincount(y))),
    ],
)
def test_weights_of_classes(given, table, rows):
    targets = np.eye(3)[y] if rows else y
    first, second = model(), model()
    train(first, X, targets, class_weight=given, sample_weight=W)
    train(second, X, targets, sample_weight=W * np.array(table)[y])
    assert_same(first, second, rtol=1e-6, atol=1e-7)


def test_weights_of_two_classes():
    module = nn.Sequential(nn.Dense(4, 1, rng=0), nn.Sigmoid())
    made = nn.Model(module)
    made.set(loss=nn.BinaryCrossentropy(), optimizer=nn.SGD(learning_rate=0.1))
    targets = (y > 0).astype(np.float32)[:, None]
    made.train(X, targets, class_weight={0: 0.0}, print_every=0)
    assert made.history.steps["loss"][0] > 0
    with pytest.raises(ValueError, match="class_weight needs targets that are class indices"):
        made.train(X, targets + 0.5, class_weight={0: 1.0}, print_every=0)


def test_weights_of_a_validation():
    made = model()
    train(made, validation_data=(X, y, W))
    found = made.evaluate(X, y, sample_weight=W, verbose=False)
    assert made.history.epochs["val_loss"][0] == pytest.approx(found.loss, rel=1e-6)
    assert made.history.epochs["val_accuracy"][0] == pytest.approx(found.accuracy, rel=1e-6)
    right = made.predict(X).argmax(axis=1) == y
    assert found.accuracy == pytest.approx(np.average(right, weights=W), rel=1e-6)
    assert found.accuracy != np.mean(right)


def loader():
    for part in (slice(0, 20), slice(20, 60)):
        yield X[part], y[part], W[part]


@pytest.mark.parametrize("form", [loader, [*loader()], "object"])
def test_batches_of_a_validation(form):
    class Loader:
        def __iter__(self):
            return loader()

    whole, made = model(metrics=[nn.F1()]), model(metrics=[nn.F1()])
    train(whole, epochs=3, validation_data=(X, y, W))
    train(made, epochs=3, validation_data=Loader() if form == "object" else form)
    for name in ("val_loss", "val_accuracy", "val_f1"):
        assert made.history.epochs[name] == pytest.approx(whole.history.epochs[name], rel=1e-6)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (X, TypeError, r"must be a pair \(X, y\), .* not a value of <class 'numpy.ndarray'>$"),
        (loader(), TypeError, "'generator'>; a generator can be read only once"),
        ([(X, y), (X, y + 9)], ValueError, "from 9 to 11"),
        ([(X, y), (X[:, :3], y)], ValueError, r"batch 2 of X of validation_data has .*\(3,\)"),
        (lambda: iter(()), ValueError, "X of validation_data yielded no batch"),
    ],
)
def test_what_is_no_validation(data, error, words):
    with pytest.raises(error, match=words):
        train(model(), validation_data=data)


def test_weights_that_are_all_0_are_refused():
    with pytest.raises(ValueError, match="sample_weight is 0 for all 60 samples of X, so that"):
        train(model(), sample_weight=0 * W)
    with pytest.raises(ValueError, match="for all 60 samples of X_val"):
        model().evaluate(X, y, sample_weight=0 * W)


def test_metrics_count_weights_of_samples_but_not_of_classes():
    made = model(metrics=[nn.F1("weighted")])
    right = made.module(X).data.argmax(axis=1) == y
    truth = nn.F1("weighted").calculate(made.module(X), y, W)
    train(made, sample_weight=W, class_weight={0: 100.0})
    assert made.history.epochs["accuracy"] == [pytest.approx(np.average(right, weights=W))]
    assert made.history.epochs["f1"] == [pytest.approx(truth)]


def test_weights_of_masked_sequences_are_those_of_their_steps():
    made = nn.Model(Scored())
    made.set(loss=nn.MeanSquaredError(), metrics=[nn.AbsoluteError()])
    X, y = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 4, 1))
    mask = np.arange(4) < np.array([[1], [4], [2]])
    found = made.evaluate({"x": X, "mask": mask}, y, sample_weight=[1, 0.5, 3], verbose=False)
    errors = np.abs(made.module(X, None).data - y)[..., 0]
    each = np.array([[1], [0.5], [3]]) * mask
    assert found.metrics["absolute_error"] == pytest.approx(np.average(errors, weights=each))


def test_a_metric_without_weights_is_refused_before_the_training():
    class Largest(nn.Metric):
        def statistics(self, y_pred, y):
            return np.max(y_pred.data)

        def value(self, statistics):
            return float(statistics)

    made = model(metrics=[Largest()])
    with pytest.raises(TypeError, match=r"^Largest was given sample_weight"):
        train(made, sample_weight=W)
    train(made, class_weight="balanced")


def test_a_loss_of_ones_own_that_returns_one_number_per_sample_does_not_blame_the_targets():
    class PerSample(nn.losses.Loss):
        def forward(self, y_pred, y):
            return np.mean((y_pred - y) ** 2, axis=-1)

    made = nn.Model(nn.Sequential(nn.Dense(2, 3, rng=0)))
    made.set(loss=PerSample(), optimizer=nn.SGD())
    made.finalize()
    with pytest.raises(TypeError, match=r"^PerSample\.forward must return one number"):
        made.train(np.ones((4, 2)), np.ones((4, 3)), print_every=0)


# Splits


def test_a_split_is_the_same_each_time():
    class Seen(nn.Callback):
        def on_train_begin(self, run):
            self.sizes = run.steps, run.names

    made, seen = model(), Seen()
    train(made, validation_split=0.25, batch_size=15, callbacks=[seen])
    assert seen.sizes[0] == 3
    assert "val_loss" in seen.sizes[1]
    first = made.history.epochs["val_loss"]
    again = model()
    train(again, validation_split=0.25, batch_size=15, seed=5)
    assert again.history.epochs["val_loss"] == first
    with pytest.raises(
        ValueError, match=r"validation_split=0\.001 of 60 samples leaves 60 for the"
    ):
        train(made, validation_split=0.001)


def test_weights_of_classes_beside_a_split():
    """They are those of all data, and do not count in the validation."""
    rare = np.zeros(60, int)
    rare[:2], rare[2:4] = 1, 2
    plain, weighted = model(), model()
    for made, options in ((plain, {}), (weighted, {"class_weight": {0: 1e-3, 1: 5.0, 2: 5.0}})):
        train(made, X, rare, validation_split=0.9, **options)
    part = np.random.default_rng(60).permutation(60)[:54]
    for made in (plain, weighted):
        found = made.evaluate(X[part], rare[part], verbose=False).loss
        assert made.history.epochs["val_loss"] == [pytest.approx(found, rel=1e-5)]
    assert weighted.history.epochs["loss"] != plain.history.epochs["loss"]


# Accumulated gradients


def test_accumulated_batches_are_one_large_batch():
    first, second = model(), model()
    train(first, batch_size=40, epochs=3, sample_weight=W)
    train(second, batch_size=10, accumulate=4, epochs=3, sample_weight=W)
    assert second.optimizer.iterations == first.optimizer.iterations == 6
    assert_same(first, second, rtol=1e-5, atol=1e-6)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(second.history.steps[name], first.history.steps[name], rtol=1e-5)


# Iterables


def batches(n=15, repeat=1):
    for _ in range(repeat):
        for k in range(0, 60, n):
            yield X[k : k + n], y[k : k + n]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (batches, {}),
        (list(batches()), {}),
        (batches, {"steps": 4}),
        (list(batches()), {"steps": 4}),
        (batches(repeat=3), {"steps": 4}),
        ([(a, b, np.ones(len(b))) for a, b in batches()], {}),
    ],
    ids=["function", "list", "function, steps", "list, steps", "generator", "weights"],
)
def test_batches_from_an_iterable(data, options):
    first, second = model(), model()
    train(first, batch_size=15, epochs=3, validation_data=(X, y))
    train(second, data, epochs=3, validation_data=(X, y), **options)
    assert_same(first, second, rtol=1e-6, atol=1e-7)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(second.history.epochs[name], first.history.epochs[name])


def test_a_list_goes_on_from_epoch_to_epoch():
    made = model()
    train(made, list(batches()), steps=3, epochs=4)
    losses = made.history.steps["loss"]
    assert len(losses) == 12
    assert made.history.steps["epoch"] == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3


def test_a_file_on_disk_is_data(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    mapped[:] = X
    first, second = model(), model()
    train(first, batch_size=15, shuffle=True, seed=0)
    train(second, mapped, y, batch_size=15, shuffle=True, seed=0)
    assert_same(first, second, rtol=0)


def ends():
    yield from list(batches())[:2]


def other_shape():
    yield X[:9], y[:9]
    yield X[:9, :3], y[:9]


def broken():
    yield X[:9], y[:9]
    raise OSError("no such file")


@pytest.mark.parametrize(
    ("data", "options", "error", "words"),
    [
        (ends(), {"steps": 3}, ValueError, r"X ended after 2 of 3 steps of the epoch; .* the function that makes it"),
        (ends(), {"epochs": 2}, ValueError, "X ended after 0 steps of the epoch"),
        (other_shape, {}, ValueError, r"batch 2 of X has samples and targets of the shapes \[\(3,\), \(\)\], but .*\(4,\)"),
        (broken, {}, OSError, "no such file"),
        ([], {}, ValueError, "X yielded no batch"),
        ([X], {}, TypeError, r"batch 1 of X is a ndarray; batches must be tuples \(X, y\)"),
        ([(X, y, W, W)], {}, TypeError, "is a tuple of length 4"),
        ([(X, y, W[1:])], {}, ValueError, "one number for each of the 60 samples"),
        ([(X, y[1:])], {}, ValueError, r"X in batch 1 of X has 60 samples but y in batch 1"),
        (7, {}, TypeError, "iterable of batches, or a function that returns one, but it is a int"),
        (X, {}, TypeError, r"without the targets y; write model.train\(X, y\)"),
        (list(batches()), {"batch_size": 3}, ValueError, "batch_size is for data in arrays"),
        (list(batches()), {"class_weight": [1, 1, 1]}, ValueError, "class_weight is for data in arrays"),
    ],
)  # fmt: skip
def test_iterables_that_go_wrong(data, options, error, words):
    made = model()
    with pytest.raises(error, match=words) as caught:
        train(made, data, **options)
    taken = len(made.history.steps["loss"])
    assert made.optimizer.iterations == taken
    if taken:
        assert any("raised by the data of epoch" in note for note in caught.value.__notes__)
    reference = model()
    if taken:
        good = [
            item
            for item, _ in zip(batches(9 if data in (other_shape, broken) else 15), range(taken))
        ]
        train(reference, good)
    assert_same(reference, made, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sample_weight": W[1:]}, ValueError, r"shape \(60,\), but has shape \(59,\)"),
        ({"class_weight": {0: -1}}, ValueError, "class_weight has -1 for class 0"),
        ({"class_weight": {7: 1}}, ValueError, r"for the classes \[7\], which do not occur in y"),
        ({"class_weight": [1, 1]}, ValueError, "class_weight has 2 weights, but the classes go from 0 to 2"),
        ({"class_weight": "even"}, TypeError, 'or "balanced", not \'even\''),
        ({"validation_split": 1.5}, ValueError, "validation_split must be above 0 and below 1"),
        ({"steps": 3}, ValueError, "with y, give batch_size"),
        ({"accumulate": 0}, ValueError, "accumulate must be an integer of at least 1"),
        ({"validation_every": 0}, ValueError, "validation_every must be"),
        ({"validation_data": (X,)}, TypeError, r"a pair \(X, y\), or \(X, y, sample_weight\)"),
    ],
)  # fmt: skip
def test_refused(options, error, words):
    made = model()
    with pytest.raises(error, match=words):
        train(made, **options)
    assert made.optimizer.iterations == 0


@pytest.mark.parametrize("value", [math.nan, -1.0])
def test_a_schedule_that_goes_wrong_leaves_the_last_step(value):
    made = model(optimizer=nn.Adam(learning_rate=lambda t: 0.05 if t < 2 else value))
    with pytest.raises(ValueError, match=f"rate of step 2, from the schedule .* is {value}"):
        train(made, batch_size=15)
    assert made.optimizer.iterations == len(made.history.steps["loss"]) == 2


# Metrics


def test_several_metrics(capsys, tmp_path):
    made = model(metrics=[nn.F1(), nn.TopKAccuracy(2), nn.F1("micro"), nn.ROCAUC()])
    history = train(made, batch_size=20, epochs=2, validation_data=(X, y), print_every=1)
    names = ["f1", "top_k_accuracy", "f1_2", "roc_auc"]
    for table in (history.steps, history.epochs):
        assert set(names) < set(table)
    found = made.evaluate(X, y)
    assert list(found.metrics) == names
    assert found.metrics["f1"] == nn.F1().calculate(made.predict(X), y)
    assert [history.epochs[f"val_{name}"][-1] for name in names] == list(found.metrics.values())
    loss, accuracy, *rest = found
    assert (loss, accuracy, rest) == (found.loss, found.accuracy, list(found.metrics.values()))
    assert "f1: 0." in capsys.readouterr().out
    made.save(tmp_path / "model")
    again = nn.Model.load(tmp_path / "model")
    assert again.evaluate(X, y, verbose=False) == found
    assert again.history.epochs["roc_auc"] == history.epochs["roc_auc"]
    train(again, epochs=1)
    assert repr(again.metrics) == repr(made.metrics)


def test_a_metric_added_later_is_nan_before(tmp_path):
    made = model()
    train(made)
    made.set(metrics=[nn.Recall()])
    train(made)
    first, second = made.history.epochs["recall"]
    assert math.isnan(first)
    assert 0 <= second <= 1
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(made.history.epochs)
    assert frame.shape == (2, len(made.history.epochs))
    pytest.importorskip("matplotlib").use("agg")
    made.history.plot(tmp_path / "history.png")
    with pytest.raises(TypeError, match=r"such as nn.F1\(\), not 'f1'"):
        made.set(metrics=["f1"])
    with pytest.raises(TypeError, match="must be a list"):
        made.set(metrics=nn.F1())


def test_an_interrupted_epoch_is_plotted_to_where_it_stopped():
    class Stop(nn.Callback):
        def on_step_end(self, run):
            if run.step == 3:
                run.stop("")

    made = model()
    train(made, batch_size=6, callbacks=[Stop()])
    assert made.history._positions().tolist() == pytest.approx([0.1, 0.2, 0.3])


# Settings that cannot learn

# fmt: off
SETTINGS = [
    (nn.Sequential(nn.Dense(4, 1), nn.Softmax()),  nn.CategoricalCrossentropy(), 0.1, "Softmax over one output, which is always 1"),
    (nn.Sequential(nn.Dense(4, 3), nn.Sigmoid()),  nn.CategoricalCrossentropy(), 0.1, r"a Sigmoid before nn.CategoricalCrossentropy"),
    (nn.Sequential(nn.Dense(4, 3), nn.Softmax()),  nn.CategoricalCrossentropy(from_logits=True), 0.1, "ends with a Softmax, but .* takes logits"),
    (nn.Sequential(nn.Dense(4, 3), nn.Softmax()),  nn.BinaryCrossentropy(), 0.1, r"a Softmax before nn.BinaryCrossentropy"),
    (nn.Sequential(nn.Dense(4, 3), nn.Softmax()),  nn.CategoricalCrossentropy(), 0, "has the learning rate 0"),
    (nn.Sequential(nn.Dense(4, 3).freeze(), nn.Softmax()), nn.CategoricalCrossentropy(), 0.1, "all 2 parameters of the model are frozen"),
]
# fmt: on


@pytest.mark.parametrize(("module", "loss", "rate", "words"), SETTINGS)
def test_settings_that_cannot_learn_are_told(module, loss, rate, words):
    made = nn.Model(module)
    made.set(loss=loss, optimizer=nn.SGD(learning_rate=rate))
    with pytest.warns(nn.LearningWarning, match=words):
        made.finalize()


@pytest.mark.parametrize("last", [nn.Linear(), nn.ReLU()], ids=["Linear", "ReLU"])
def test_layers_that_let_probabilities_pass_are_no_mistake(last):
    made = nn.Model(nn.Sequential(nn.Dense(4, 3), nn.Softmax(), last))
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD())
    with warnings.catch_warnings(action="error"):
        made.finalize()
    made.module.layers.pop(1)
    with pytest.warns(nn.LearningWarning, match=f"ends with a {type(last).__name__}, but"):
        made.finalize()


def test_the_first_step_tells_them_too():
    made = nn.Model(SETTINGS[1][0])
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD(learning_rate=0.1))
    with pytest.warns(nn.LearningWarning, match="a Sigmoid before"):
        train(made)


@pytest.mark.parametrize("metric", [nn.CategoricalAccuracy(binary=True), nn.F1("binary")], ids=repr)
def test_a_threshold_of_probabilities_is_told_where_the_outputs_are_logits(metric):
    made = nn.Model(nn.Dense(4, 1))
    made.set(loss=nn.BinaryCrossentropy(from_logits=True), optimizer=nn.SGD(), metrics=[metric])
    with pytest.warns(nn.LearningWarning, match=r"above 0\.5 as class 1, .* threshold=0"):
        made.finalize()
    metric.threshold = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.finalize()


def test_usual_settings_are_not_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().finalize()


def test_a_pipeline_of_augmented_pictures():
    pictures = rng.normal(size=(40, 6, 6, 1)).astype(np.float32)
    labels = (pictures.mean(axis=(1, 2, 3)) > 0).astype(int)
    made = nn.Model(nn.Sequential(nn.Flatten(), nn.Dense(36, 2, rng=0), nn.Softmax()))
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(learning_rate=0.01))
    augmented = nn.augment.AugmentedBatches(
        pictures, labels, [nn.augment.flip, nn.augment.shift], batch_size=10, rng=0
    )
    history = made.train(augmented, epochs=8, print_every=0, validation_data=(pictures, labels))
    assert len(history.steps["loss"]) == 32
    assert history.epochs["val_loss"][-1] < history.epochs["val_loss"][0]


# Evaluation and prediction by batches


def parts(n=15):
    yield from zip(np.split(X, len(X) // n), np.split(y, len(X) // n), strict=True)


@pytest.mark.parametrize("source", [parts, lambda: list(parts()), lambda: iter(list(parts(20)))])
def test_batches_are_evaluated_and_predicted_as_arrays_are(source):
    made = model()
    train(made)
    whole = made.evaluate(X, y, verbose=False)
    for given in (source, source()):
        np.testing.assert_allclose(made.evaluate(given, verbose=False), whole, rtol=1e-6)
    outputs = made.predict(X)
    np.testing.assert_allclose(made.predict(x for x, _ in source()), outputs, rtol=1e-6)
    np.testing.assert_allclose(made.predict(lambda: [x for x, _ in source()]), outputs, rtol=1e-6)


def test_weights_in_batches_are_those_of_the_loss_in_an_evaluation():
    made = model()
    train(made)
    batches = [(X[:20], y[:20], W[:20]), (X[20:], y[20:], W[20:])]
    assert made.evaluate(batches, verbose=False).loss == pytest.approx(
        made.evaluate(X, y, sample_weight=W, verbose=False).loss, rel=1e-6
    )


def test_batches_that_cannot_be_evaluated_or_predicted():
    made = model()
    train(made)
    with pytest.raises(
        TypeError, match=r"evaluate was given X_val, of shape .*evaluate\(X_val, y_v"
    ):
        made.evaluate(X)
    with pytest.raises(ValueError, match="batch_size is for data in arrays, but X_val without y_v"):
        made.evaluate(parts, batch_size=3)
    with pytest.raises(TypeError, match="X_val without y_val must be an iterable of batches"):
        made.evaluate(5)
    with pytest.raises(ValueError, match="X yielded no batch"):
        made.predict(iter([]))
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        made.predict(iter([X, X[:, :1]]))
    assert caught.value.__notes__ == ["raised by batch 2 of X, counted from 1"]
