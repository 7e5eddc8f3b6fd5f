"""Model: the book's methods on any module, its output and its errors."""

import copy
import errno
import io
import math
import os
import re
import sys
import time

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.optim import threads
from nn.training import progress

rng = np.random.default_rng(0)
CENTRES = 3 * rng.normal(size=(3, 4))
y = rng.integers(3, size=150)
X = (CENTRES[y] + rng.normal(size=(150, 4))).astype(np.float32)


def layers(seed: int = 0) -> list[nn.Module]:
    rng = np.random.default_rng(seed)
    return [nn.Dense(4, 8, initializer="he", rng=rng), nn.ReLU(), nn.Dense(8, 3, rng=rng)]


def classifier(*more: nn.Module, **parts) -> nn.Model:
    model = nn.Model()
    for layer in more or (*layers(), nn.Softmax()):
        model.add(layer)
    model.set(
        loss=parts.get("loss", nn.CategoricalCrossentropy()),
        optimizer=parts.get("optimizer", nn.Adam(learning_rate=0.01)),
        accuracy=parts.get("accuracy", nn.CategoricalAccuracy()),
    )
    model.finalize()
    return model


# Training


def test_the_example_of_the_documentation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X_train, y_train = rng.normal(size=(300, 784)), rng.integers(10, size=300)
    X_val, y_val = X_train[:50], y_train[:50]
    X_test = rng.normal(size=(40, 784))

    model = nn.Model()
    model.add(nn.Dense(784, 128))
    model.add(nn.ReLU())
    model.add(nn.Dropout(0.2))
    model.add(nn.Dense(128, 10))
    model.add(nn.Softmax())
    model.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=0.001, decay=1e-4),
        accuracy=nn.CategoricalAccuracy(),
    )
    model.finalize()
    model.train(X_train, y_train, epochs=10, batch_size=128, validation_data=(X_val, y_val))
    predictions = model.predict(X_test, batch_size=128)
    model.save("my_model.model")
    model.save_parameters("weights.params")
    loaded = nn.Model.load("my_model.model")
    loaded.load_parameters("weights.params")

    assert predictions.shape == (40, 10)
    np.testing.assert_array_equal(loaded.predict(X_test, batch_size=128), predictions)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["my_model.model", "weights.params"]
    assert capsys.readouterr().out.count("step: ") == 30


@pytest.mark.skipif("TENSORGRAD_DATA" not in os.environ, reason="needs the real Fashion-MNIST")
def test_fashion_mnist_learns_in_one_epoch():
    data = nn.datasets.fashion_mnist()
    rng = np.random.default_rng(0)
    sizes = [(784, 128), (128, 128), (128, 10)]
    first, second, third = (nn.Dense(*n, initializer="he", rng=rng) for n in sizes)
    model = classifier(
        nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), third, nn.Softmax(), optimizer=nn.Adam()
    )
    scaled = [images / np.float32(127.5) - 1 for images in (data.X_train, data.X_test)]
    model.train(scaled[0], data.y_train, batch_size=128, print_every=None, seed=0)
    assert model.evaluate(scaled[1], data.y_test).accuracy > 0.8


def test_a_plain_loop_does_the_same_steps():
    model = classifier()
    history = model.train(X, y, epochs=3, batch_size=40, shuffle=False, print_every=None)
    net = nn.Sequential(*layers(), nn.Softmax())
    optimizer, loss_function = nn.Adam(net.parameters(), learning_rate=0.01), model.loss
    losses = []
    for _ in range(3):
        for start in (0, 40, 80, 120):  # the last with 30 samples
            part = slice(start, start + 40)
            loss = loss_function(net(tg.Tensor(X[part])), y[part])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    assert history.steps["loss"] == losses
    np.testing.assert_equal(model.get_parameters(), net.state_dict())


def test_figures_of_an_epoch_are_means_over_samples():
    model = classifier(nn.Dense(4, 3, weight_regularizer_l2=0.1), nn.Softmax())
    history = model.train(X, y, batch_size=100, print_every=np.int64(0))
    weights = np.array([100, 50]) / 150
    for name in ("loss", "data_loss", "regularization_loss", "accuracy"):
        assert history.epochs[name] == [pytest.approx(weights @ history.steps[name])]
    assert history.steps["regularization_loss"][0] > 0
    for figures in (history.steps, history.epochs):
        total = np.add(figures["data_loss"], figures["regularization_loss"])
        np.testing.assert_allclose(figures["loss"], total)


@pytest.mark.filterwarnings("ignore::nn.training.advice.LearningWarning")
def test_every_sample_comes_once_an_epoch_in_a_new_order():
    class Recording(nn.Module):
        def __init__(self):
            self.w = tg.Tensor(np.ones(1), requires_grad=True)
            self.seen = []

        def forward(self, x):
            if self.training:
                self.seen.append(x.data[:, 0].copy())
            return x * self.w

    numbers = np.arange(10.0)[:, None]

    def order(shuffle: bool, seed: int | None) -> list[list[float]]:
        model = nn.Model(Recording())
        model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=0))
        model.train(
            numbers, numbers, epochs=2, batch_size=4, print_every=0, shuffle=shuffle, seed=seed
        )
        seen = model.module.seen
        assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
        return [np.concatenate(seen[:3]).tolist(), np.concatenate(seen[3:]).tolist()]

    straight = list(range(10))
    assert order(False, None) == [straight, straight]
    first, second = order(True, 7)
    assert sorted(first) == sorted(second) == straight
    assert len({tuple(first), tuple(second), tuple(straight)}) == 3
    assert order(True, 7) == [first, second]
    assert order(True, 8) != [first, second]


class Embedding(nn.Module):
    """The mean of the rows of a table that integers name, and their dtype."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.table = tg.Tensor(rng.standard_normal((10, 4)).astype(np.float32), requires_grad=True)
        self.out = nn.Dense(4, 2, rng=rng)

    def forward(self, x):
        self.dtype = x.dtype
        return self.out(self.table[x].mean(axis=1))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32])
def test_integers_stay_integers(kind):
    ids = np.random.default_rng(1).integers(0, 10, (64, 5)).astype(kind)
    targets = (ids[:, 0] > 4).astype(int)
    model = nn.Model(Embedding())
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.Adam())
    assert "(N, 2)" in model.summary((5,), dtype=kind)
    model.train(ids, targets, batch_size=16, print_every=0, validation_data=(ids, targets))
    assert model.module.dtype == kind
    assert model.predict(ids).dtype == np.float32
    np.testing.assert_array_equal(model.predict(ids.tolist()), model.module(ids).data)
    model.evaluate(ids, targets, verbose=False)
    assert "(N, 2)" in model.summary()
    assert "(N, 2)" in model.summary((7,))
    assert "(N, 2)" in model.module.summary((5,), dtype=int)
    model.draw(ids)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, bool])
def test_small_integers_become_floats_that_do_not_overflow(kind):
    class Centered(nn.Module):
        def __init__(self):
            self.weight = tg.Tensor(np.ones(3, np.float32), requires_grad=True)

        def forward(self, x):
            return (x - 128) * self.weight

    pictures = np.array([[0, 1, 2]], kind)
    outputs = nn.Model(Centered()).predict(pictures)
    np.testing.assert_array_equal(outputs, pictures.astype(np.float32) - 128)
    assert outputs.dtype == np.float32


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "float16", "float64"])
def test_data_of_any_real_dtype_is_brought_to_that_of_the_parameters(kind):
    data = np.round(X).astype(kind)
    models = classifier(), classifier()
    models[0].train(data, y, batch_size=50, print_every=0, seed=1)
    models[1].train(data.astype(np.float32), y, batch_size=50, print_every=0, seed=1)
    np.testing.assert_equal(models[0].get_parameters(), models[1].get_parameters())
    assert models[0].predict(data).dtype == np.float32


def test_lists_and_tensors_are_data_too():
    model = classifier()
    model.train(X.tolist(), y.tolist(), print_every=0)
    model.train(tg.Tensor(X), tg.Tensor(y), print_every=0)
    np.testing.assert_array_equal(model.predict(X.tolist()), model.predict(tg.Tensor(X)))


def test_any_module_and_one_layer():
    class Sum(nn.Module):
        def __init__(self):
            self.parts = [nn.Dense(4, 1), nn.Dense(4, 1)]

        def forward(self, x):
            return self.parts[0](x) + self.parts[1](np.square(x))

    target = (X[:, :1] - X[:, 1:2]).astype(float)
    for module in (Sum(), nn.Dense(4, 1)):
        model = nn.Model(module)
        model.set(
            loss=nn.MeanSquaredError(),
            optimizer=nn.Adam(learning_rate=0.1),
            accuracy=nn.RegressionAccuracy(),
        )
        history = model.train(X, target, epochs=200, print_every=None)
        assert history.epochs["loss"][-1] < 1e-2 * history.epochs["loss"][0]
        assert 0 < model.evaluate(X, target).accuracy <= 1


def test_one_layer_added():
    model = classifier(nn.Dense(4, 3))
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True))
    model.train(X, y, epochs=50, print_every=0)
    assert model.evaluate(X, y).accuracy > 0.9


def test_training_goes_on_where_it_stopped():
    straight, paused = classifier(), classifier()
    straight.train(X, y, epochs=5, batch_size=50, print_every=0, seed=3)
    paused.train(X, y, epochs=2, batch_size=50, print_every=0, seed=3)
    history = paused.train(X, y, epochs=3, batch_size=50, print_every=0)
    np.testing.assert_equal(paused.get_parameters(), straight.get_parameters())
    assert history is paused.history
    assert history.steps["epoch"] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]
    assert history.epochs["loss"] == straight.history.epochs["loss"]


def test_an_optimizer_made_with_parameters_keeps_to_them():
    model = classifier()
    last = model.module[2]
    model.set(optimizer=nn.Adam(last.parameters()))
    before = model.get_parameters()
    model.train(X, y, epochs=2, print_every=0)
    changed = {k for k, a in model.get_parameters().items() if not np.array_equal(a, before[k])}
    assert changed == {"2.weights", "2.biases"}
    assert all(p.grad is None for p in model.module.parameters())


def test_a_layer_added_later_is_trained():
    model = classifier(*layers())
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True))
    model.train(X, y, print_every=0)
    model.add(nn.Dense(3, 3, initializer="glorot"))
    with pytest.raises(
        RuntimeError, match=r"call model.finalize\(\) after the last of its 4 layers"
    ):
        model.train(X, y)
    model.finalize()
    before = model.get_parameters()["3.weights"]
    model.train(X, y, print_every=0)
    assert not np.array_equal(model.get_parameters()["3.weights"], before)


def test_gradients_left_by_others_do_not_count():
    models = classifier(), classifier()
    np.sum(models[0].module(tg.Tensor(X))).backward()
    for model in models:
        model.train(X, y, print_every=0)
    np.testing.assert_equal(models[0].get_parameters(), models[1].get_parameters())


# Evaluating and predicting


def test_evaluation_is_the_same_in_any_batches_and_changes_nothing(capsys):
    model = classifier(*layers(), nn.Dropout(0.5), nn.Softmax())
    model.module[2].eval()
    before = copy.deepcopy(model.module[3].rng.bit_generator.state)
    whole = model.evaluate(X, y)
    assert (
        capsys.readouterr().out
        == f"validation, acc: {whole.accuracy:.3f}, loss: {whole.loss:.3f}\n"
    )
    parts = model.evaluate(X, y, batch_size=7, verbose=False)
    assert whole == pytest.approx(parts)
    model.set_parameters(model.get_parameters())
    np.testing.assert_allclose(model.predict(X, batch_size=7), model.predict(X), rtol=1e-5)
    assert model.module[3].rng.bit_generator.state == before
    assert [m.training for m in model.module] == [True, True, False, True, True]
    assert capsys.readouterr().out == ""


def test_evaluation_takes_the_loss_from_the_logits():
    model = classifier(nn.Dense(4, 3), nn.Softmax())
    model.module[0].biases.data[:] = [0, 500, 0]  # a probability of 0 for the others
    loss = model.evaluate(X, np.zeros(150, int)).loss
    assert loss == pytest.approx(500, rel=0.01)


def test_evaluation_records_nothing():
    class Watching(nn.CategoricalCrossentropy):
        def forward(self, y_pred, y):
            value = super().forward(y_pred, y)
            assert y_pred.node is None
            assert value.node is None
            return value

    model = classifier(nn.Dense(4, 3), nn.Softmax())
    before = model.evaluate(X, y).loss
    model.set(loss=Watching())
    assert model.evaluate(X, y).loss == before


def test_prediction_records_nothing():
    class Watching(nn.Dense):
        def forward(self, x):
            out = super().forward(x)
            assert out.node is None
            assert not self.training
            return out

    model = nn.Model(Watching(4, 3))
    assert model.predict(X).shape == (150, 3)
    assert model.module.training


def test_summary_finds_the_shape_of_a_sample():
    model = classifier()
    table = model.summary()
    assert "(N, 8)" in table
    assert "67" in table.splitlines()[-1]  # 4 * 8 + 8 + 8 * 3 + 3
    flat = classifier(nn.Flatten(), *layers(), nn.Softmax())
    with pytest.raises(ValueError, match=r"as in summary\(\(28, 28\)\)"):
        flat.summary()
    flat.evaluate(X.reshape(150, 2, 2), y, verbose=False)
    assert flat.summary() == flat.summary(input_shape=(2, 2))


# Output


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_lines_are_the_books(capsys):
    model = classifier(optimizer=nn.SGD(learning_rate=0.1, decay=1e-3))
    model.train(X, y, epochs=2, batch_size=40, print_every=2, validation_data=(X[:9], y[:9]))
    steps, epochs = model.history.steps, model.history.epochs

    def figures(h, i):
        return (
            f"acc: {h['accuracy'][i]:.3f}, loss: {h['loss'][i]:.3f} "
            f"(data_loss: {h['data_loss'][i]:.3f}, reg_loss: 0.000), lr: {h['learning_rate'][i]}"
        )

    expected = []
    for epoch in range(2):
        expected += [
            f"epoch: {epoch + 1}",
            *(f"step: {i}, {figures(steps, 4 * epoch + i)}" for i in (0, 2, 3)),
            f"training, {figures(epochs, epoch)}",
            "validation, acc: {:.3f}, loss: {:.3f}".format(
                epochs["val_accuracy"][epoch], epochs["val_loss"][epoch]
            ),
        ]
    assert lines(capsys) == expected
    assert steps["learning_rate"][1] == 0.1 / 1.001


def test_without_an_accuracy_none_is_printed(capsys):
    model = nn.Model(nn.Sequential(*layers(), nn.Softmax()))
    model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD())
    model.train(X, y)
    assert all("acc" not in line and "nan" not in line for line in lines(capsys))
    assert math.isnan(model.history.epochs["accuracy"][0])
    assert math.isnan(model.evaluate(X, y).accuracy)


@pytest.mark.parametrize("print_every", [0, None])
def test_silence(print_every, capfd):
    classifier().train(X, y, batch_size=10, print_every=print_every, validation_data=(X, y))
    assert capfd.readouterr() == ("", "")


def test_without_tqdm_the_lines_are_printed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    classifier().train(X, y)
    assert [line.split(",")[0] for line in lines(capsys)] == ["epoch: 1", "step: 0", "training"]


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    class Slow(nn.Module):
        def forward(self, x):
            time.sleep(0.06)
            return x

    monkeypatch.setattr(progress, "REFRESH", 0.05)
    monkeypatch.setattr(sys, "stderr", Terminal())
    model = classifier(*layers(), Slow(), nn.Softmax())
    model.train(X, y, batch_size=15, print_every=5)
    bar = sys.stderr.getvalue()
    assert re.search(r"\d\d:\d\d, \d+ samples/s, step \d, acc: 0\.\d{3}, loss: \d\.\d{3}", bar)
    assert max(len(text) for text in bar.split("\r")) <= 80
    said = [line.split(",")[0].strip("\r ") for line in lines(capsys)]
    assert said == ["epoch: 1", "step: 0", "step: 5", "step: 9", "training"]


# Errors during training


class Failing(nn.Module):
    """A layer that raises at one call in training mode."""

    def __init__(self, error: BaseException, at: int) -> None:
        self.error, self.left = error, at

    def forward(self, x):
        if self.training:
            self.left -= 1
            if self.left < 0:
                raise self.error
        return x


def test_an_interruption_leaves_the_model_and_its_history():
    model = classifier(*layers(), Failing(KeyboardInterrupt(), at=5), nn.Softmax())
    with pytest.raises(KeyboardInterrupt):
        model.train(X, y, epochs=9, batch_size=50, print_every=None, seed=1)
    assert len(model.history.steps["loss"]) == 5
    assert len(model.history.epochs["loss"]) == 1
    assert model.optimizer.iterations == 5
    model.module[3].left = 100
    model.train(X, y, epochs=2, batch_size=50, print_every=None)  # the interrupted epoch first
    assert model.history.steps["epoch"] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert model.predict(X).shape == (150, 3)


class Watching(nn.Module):
    """A layer that stores the result of `look` at each call in training mode."""

    def __init__(self, look) -> None:
        self.look, self.seen = look, []

    def forward(self, x):
        if self.training:
            self.seen.append(self.look())
        return x


def test_modes_are_restored():
    model = classifier(*layers(), Failing(RuntimeError("stop"), at=1), nn.Softmax())
    model.module.eval()
    model.module[1].train()
    with pytest.raises(RuntimeError, match="stop"):
        model.train(X, y, epochs=2, print_every=0)
    assert [m.training for m in model.module.modules()] == [i == 2 for i in range(6)]


def choose_threads(chosen, monkeypatch):
    """Set the number of threads as a user may, or, with None, leave the choice to the library."""
    for name in threads.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if chosen:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)


def blas() -> list[int]:
    """Return the number of threads of each BLAS library."""
    info = pytest.importorskip("threadpoolctl").threadpool_info()
    return [pool["num_threads"] for pool in info if pool["user_api"] == "blas"]


@pytest.mark.parametrize("chosen", [None, "2"])
def test_small_products_run_on_one_thread_unless_somebody_chose(chosen, monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    choose_threads(chosen, monkeypatch)
    model = classifier(*layers(), Watching(blas), nn.Softmax())
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas()
        model.train(X, y, print_every=0)
        assert blas() == before
    assert model.module[3].seen == [before if chosen else [1] * len(before)]


@pytest.mark.parametrize("chosen", [None, "1"])
def test_train_takes_the_number_of_blas_threads_and_restores_it(chosen, monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    choose_threads(chosen, monkeypatch)

    class Validating(nn.Callback):
        def on_step_end(self, run):
            run.model.evaluate(X, y, verbose=False)
            seen.append(blas())

    seen: list[list[int]] = []
    model = classifier(*layers(), Watching(blas), nn.Softmax())
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        before = blas()
        model.train(X, y, print_every=0, threads=2, callbacks=[Validating()])
        assert blas() == before
        assert seen == model.module[3].seen == [[2] * len(before)]
        failing = classifier(*layers(), Failing(RuntimeError("stop"), at=0), nn.Softmax())
        with pytest.raises(RuntimeError, match="stop"):
            failing.train(X, y, print_every=0, threads=2)
        assert blas() == before
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        model.train(X, y, print_every=0, threads=1)
    assert model.module[3].seen[1:] == [[1] * len(before)]


def test_the_number_of_threads_is_checked(monkeypatch):
    model = classifier(*layers(), nn.Softmax())
    for wrong in (0, 1.5, "2"):
        with pytest.raises((TypeError, ValueError), match="threads"):
            model.train(X, y, threads=wrong)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ImportError, match="threads=2 needs threadpoolctl: pip install"):
        model.train(X, y, threads=2)
    model.train(X, y, print_every=0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_before_the_step():
    model = nn.Model(nn.Dense(4, 1))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=1e5))
    target = np.ones((150, 1))
    with pytest.raises(FloatingPointError) as caught:
        model.train(X, target, epochs=50, batch_size=75, print_every=0)
    n = len(model.history.steps["loss"])
    said = str(caught.value)
    assert f"epoch {n // 2 + 1}, step {n % 2}, with SGD(learning_rate=100000.0)" in said
    assert "lower the learning rate" in said
    assert model.optimizer.iterations == n

    whole = classifier()
    whole.module[0].weights.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="is NaN"):
        whole.train(X, y)


def test_outputs_that_become_nan_are_told_as_such():
    class Poison(nn.Module):
        def forward(self, x):
            return x * np.float32(np.nan) if self.training else x

    model = classifier(*layers(), Poison(), nn.Softmax())
    with pytest.raises(
        FloatingPointError,
        match=r"outputs are NaN or infinite in epoch 1, step 0, .* the parameters are finite",
    ):
        model.train(X, y, print_every=0)


# Errors at the call


def bare(**parts) -> nn.Model:
    model = nn.Model(nn.Sequential(*layers(), nn.Softmax()))
    model.set(**parts)
    return model


STOP = nn.EarlyStopping("loss")
NAN = np.where(np.arange(600).reshape(150, 4) == 9, np.nan, X)
# fmt: off
REFUSED = [  # call, error, words
    (lambda m: bare().train(X, y),                      RuntimeError, r"train needs its loss set; call model.set\(loss="),
    (lambda m: bare(loss=m.loss).train(X, y),           RuntimeError, r"train needs its optimizer set; call model.set"),
    (lambda m: bare().evaluate(X, y),                   RuntimeError, r"evaluate needs its loss"),
    (lambda m: nn.Model().finalize(),                   RuntimeError, r"no layers; call model.add\(layer\)"),
    (lambda m: nn.Model().predict(X),                   RuntimeError, r"predict was called before .* it has no layers; call model.add"),
    (lambda m: nn.Model().save("x"),                    RuntimeError, r"save was called before"),
    (lambda m: m.add(nn.ReLU),                          TypeError,    r"write ReLU\(\)"),
    (lambda m: nn.Model(nn.ReLU()).add(nn.ReLU()),      TypeError,    r"made from a ReLU, to which no layer can"),
    (lambda m: nn.Model(nn.ReLU),                       TypeError,    r"the class ReLU; write ReLU\(\)"),
    (lambda m: m.set(loss=nn.MeanSquaredError),         TypeError,    r"loss must be an nn.losses.Loss, such as .*, but .* write MeanSq"),
    (lambda m: m.set(optimizer="adam"),                 TypeError,    r"optimizer must be an nn.Optimizer, such as nn.Adam\(\), but got 'adam'"),
    (lambda m: m.train(X, y[:-1]),                      ValueError,   r"X has 150 samples but y has 149 targets"),
    (lambda m: m.train(X, y + 1),                       ValueError,   r"y does not fit .* 0 to 2, but the targets go from 1 to 3"),
    (lambda m: m.train(X, y - 1),                       ValueError,   r"y does not fit .* from -1 to 1"),
    (lambda m: m.train(X, y[:, None]),                  ValueError,   r"y does not fit .* \(150, 1\); write y\[..., 0\]"),
    (lambda m: m.train(X, np.array(["a", "b", "c"])[y]), TypeError,   r"dtype <U1; write names, y = np.unique\(y, return_inverse=True\)"),
    (lambda m: m.train(X, y / 2),                       TypeError,    r"y does not fit .* must be integers"),
    (lambda m: m.train(X, np.eye(4)[y]),                ValueError,   r"y does not fit .*shape \(150, 4\)"),
    (lambda m: m.train(NAN, y),                         ValueError,   r"X holds 1 values that are NaN .* the first at \(2, 1\)"),
    (lambda m: m.train(X * np.float64(1e300), y),       ValueError,   r"which float32 cannot hold"),
    (lambda m: m.train(X[:, :3], y),                    ValueError,   r"X, of shape \(150, 3\), does not fit .* shape \(1, 3\)"),
    (lambda m: m.train(X[:0], y[:0]),                   ValueError,   r"X has shape \(0, 4\), which holds no samples"),
    (lambda m: m.train(5.0, y),                         ValueError,   r"X has shape \(\), which holds no samples"),
    (lambda m: m.train(X.astype(str), y),               TypeError,    r"X must be an array of real numbers"),
    (lambda m: m.train(X + 1j, y),                      TypeError,    r"X must be an array of real numbers"),
    (lambda m: m.train([[1], [1, 2]], [0, 1]),          ValueError,   r"X is not one array of numbers"),
    (lambda m: m.train(X, y, batch_size=0),             ValueError,   r"batch_size must be an integer of at least 1, not 0"),
    (lambda m: m.train(X, y, batch_size=2.5),           ValueError,   r"batch_size must be .* not 2.5"),
    (lambda m: m.train(X, y, sample_weight=np.ones((150, 1))), ValueError, r"shape \(150, 1\); write sample_weight\.reshape\(-1\)"),
    (lambda m: m.train(X, y, callbacks=[STOP, STOP]),   ValueError,   r"the same EarlyStopping is in callbacks twice, .* make another"),
    (lambda m: m.train(X, y, epochs=0),                 ValueError,   r"epochs must be .* not 0"),
    (lambda m: m.train(X, y, print_every=-1),           ValueError,   r"print_every must be"),
    (lambda m: m.train(X, y, validation_data=X),        TypeError,    r"validation_data must be a pair \(X, y\), .* not a value"),
    (lambda m: m.train(X, y, validation_data=(X, y+9)), ValueError,   r"y of validation_data does not fit"),
    (lambda m: m.train(X, y, validation_data=(X, [])),  ValueError,   r"y of validation_data has shape \(0,\)"),
    (lambda m: m.evaluate(X, y[:3]),                    ValueError,   r"X_val has 150 samples but y_val has 3"),
    (lambda m: m.evaluate(X, y, batch_size=-1),         ValueError,   r"batch_size must be"),
    (lambda m: m.predict(X[:, :3]),                     ValueError,   r"X, of shape \(150, 3\), does not fit"),
    (lambda m: m.predict(X[0]),                         ValueError,   r"X, of shape \(4,\), does not fit"),
    (lambda m: m.predict(NAN),                          ValueError,   r"X holds 1 values"),
    (lambda m: m.predict([]),                           ValueError,   r"X has shape \(0,\)"),
    (lambda m: m.set_parameters({"0.weights": X}),      ValueError,   r"0.biases is missing"),
]
# fmt: on


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refused(call, error, words):
    model = classifier()
    before, state = model.get_parameters(), model.rng.bit_generator.state
    with pytest.raises(error, match=words):
        call(model)
    np.testing.assert_equal(model.get_parameters(), before)
    assert model.rng.bit_generator.state == state
    assert not model.history.steps["loss"]


def test_an_optimizer_of_another_models_parameters_is_refused():
    model = classifier(optimizer=nn.SGD(classifier().module.parameters()))
    with pytest.raises(ValueError, match="not this model's"):
        model.train(X, y)


def test_a_module_must_return_a_row_for_each_sample():
    class Sum(nn.Module):
        def forward(self, x):
            return np.sum(x)

    with pytest.raises(TypeError, match="one row per sample, but for one sample Sum returned"):
        nn.Model(Sum()).predict(X)


def test_predict_before_training_says_what_to_do(tmp_path):
    model = classifier()
    with pytest.raises(RuntimeError, match=r"parameters are random; call model.train\(...\)"):
        model.predict(X)
    model.save_parameters(tmp_path / "p")
    model.load_parameters(tmp_path / "p")
    assert model.predict(X).shape == (150, 3)
    assert nn.Model(classifier().module).predict(X).shape == (
        150,
        3,
    )  # it may have been trained in another way


def test_a_training_that_was_refused_leaves_the_accuracy_as_it_was():
    t = np.linspace(0, 1, 50, dtype=np.float32)[:, None]
    model = nn.Model(nn.Sequential(nn.Dense(1, 1), nn.Linear()))
    accuracy = nn.RegressionAccuracy()
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=0.1), accuracy=accuracy)
    with pytest.raises(ValueError, match="does not fit"):
        model.train(np.ones((50, 7)), t * 1e6, print_every=0)
    model.train(t, t, print_every=0)
    assert accuracy.precision == pytest.approx(t.std() / 250)


def test_a_model_of_which_all_is_frozen_says_so():
    model = nn.Model(nn.Sequential(nn.Dense(2, 2)).freeze())
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.Adam())
    message = r"all 2 parameters of the model are frozen.*model\.module\.unfreeze\(\)"
    with pytest.raises(RuntimeError, match=message):
        model.train(np.ones((4, 2)), np.array([0, 1, 0, 1]), print_every=0)
    assert len(model.history) == 0


class Full(io.StringIO):
    """An output that takes some characters, as a file on a disk that becomes full."""

    def write(self, text):
        if self.tell() > 300:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


class Gone(io.StringIO):
    """A pipe whose reader has gone, as of `| head`."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("make", "reason"),
    [(Full, "No space left on device"), (closed, "closed file")],
    ids=["full", "closed"],
)
def test_lines_that_cannot_be_printed_end_no_training(make, reason, monkeypatch):
    silent, model = classifier(), classifier()
    silent.train(X, y, epochs=4, batch_size=50, print_every=0, seed=0)
    monkeypatch.setattr(sys, "stdout", make())
    with pytest.warns(UserWarning, match=f"no longer be printed .*{reason}.*, so it goes on"):
        model.train(X, y, epochs=4, batch_size=50, seed=0)
    monkeypatch.undo()
    assert len(model.history) == 4
    np.testing.assert_equal(model.get_parameters(), silent.get_parameters())


def test_a_reader_that_has_gone_ends_a_training_between_two_steps(monkeypatch):
    model = classifier()
    monkeypatch.setattr(sys, "stdout", Gone())
    with pytest.raises(BrokenPipeError):
        model.train(X, y, epochs=4, batch_size=50, seed=0)
    monkeypatch.undo()
    assert model.optimizer.iterations in (0, 1)
    model.train(X, y, epochs=1, batch_size=50, print_every=0, seed=0)
