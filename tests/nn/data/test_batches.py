"""Batches: memory that a user still refers to is not overwritten, and data are converted by batch."""

import tracemalloc

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.data.batches import Batch, Batches, inputs

X = np.arange(60, dtype=np.float32).reshape(20, 3)
y = np.arange(20)
ORDER = np.random.default_rng(0).permutation(20)
float32 = np.dtype(np.float32)


def test_batches_cover_the_samples_in_their_order():
    for order in (None, ORDER):
        batches = Batches(Batch(X, y), 6, float32)
        parts = [batches.batch(k, order) for k in range(batches.steps)]
        assert [len(part.X) for part in parts] == [6, 6, 6, 2]
        index = y if order is None else order
        np.testing.assert_array_equal(np.concatenate([part.X for part in parts]), X[index])
        np.testing.assert_array_equal(np.concatenate([part.y for part in parts]), index)


def test_memory_is_reused_only_when_nobody_refers_to_it():
    batches = Batches(Batch(X, y), 6, float32)
    addresses = {batches.batch(k, ORDER)[0].ctypes.data for k in range(3)}
    assert len(addresses) == 1
    first, *_ = batches.batch(0, ORDER)
    held = first[1:3]  # a view of a view keeps the memory, though the batch is gone
    before = held.copy()
    del first
    batches.batch(1, ORDER)
    np.testing.assert_array_equal(held, before)


@pytest.mark.filterwarnings("ignore::nn.training.advice.LearningWarning")
def test_a_tensor_of_an_earlier_batch_keeps_its_values_and_gradients():
    w = tg.Tensor(np.ones(3, np.float32), requires_grad=True)

    class Net(nn.Module):
        def __init__(self):
            self.head, self.losses = nn.Dense(3, 20, rng=0), []

        def forward(self, x):
            if self.training:
                self.losses.append(np.sum(x * w))
            return tg.softmax(self.head(x))

    model = nn.Model(Net())
    model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.SGD(learning_rate=0.0))
    model.train(X, y, batch_size=6, print_every=0)
    losses = model.module.losses
    sum(losses[1:], losses[0]).backward()
    np.testing.assert_allclose(w.grad, X.sum(axis=0))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.bool_, np.int16])
def test_small_numbers_are_converted_by_batch(dtype):
    data = (X % 7).astype(dtype)
    kept = inputs(data, "X", float32)
    assert kept is data
    part, *_ = Batches(Batch(kept, y), 6, float32).batch(1, ORDER)
    np.testing.assert_array_equal(part, data[ORDER[6:12]].astype(np.float32), strict=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_mapped_files_are_read_by_batch(dtype, tmp_path):
    shape = (20_000, 100)
    data = np.memmap(tmp_path / "x", dtype, "w+", shape=shape)
    data[:] = np.arange(100) % 5
    labels = np.arange(len(data)) % 3
    model = nn.Model(nn.Sequential(nn.Dense(100, 3, rng=0), nn.Softmax()))
    model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam())
    model.train(data[:2], labels[:2], print_every=0)
    tracemalloc.start()
    model.train(np.asarray(data), labels, batch_size=100, print_every=0)
    model.train(data, labels, batch_size=100, print_every=0, validation_split=0.3)
    model.predict(data[1:])
    assert tracemalloc.get_traced_memory()[1] < data.size * 4 / 2  # half of a copy as float32
    tracemalloc.stop()
    np.testing.assert_array_equal(
        model.predict(data[:50]), model.predict(np.array(data[:50], np.float32))
    )


def test_mapped_floats_beyond_the_dtype_are_refused(tmp_path):
    data = np.memmap(tmp_path / "x", np.float64, "w+", shape=(20, 3))
    data[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"X goes from 0 to 1e\+300, which float32 cannot hold"):
        inputs(data, "X", float32)


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array(X, X > 50)
    with pytest.raises(TypeError, match=r"X is a masked array, whose mask .* X\.filled\(value\)"):
        inputs(masked, "X", float32)
    numbers = np.ma.masked_array(np.ones((3, 1), np.float32), True)
    layer = nn.Dense(3, 1)
    optimizer = nn.SGD(layer.parameters(), momentum=0.9)
    states = {"v": [numbers, np.zeros(1)]}
    for function, words in [
        (lambda: nn.MeanSquaredError()(np.ones((3, 1)), numbers), "an argument of the loss"),
        (lambda: nn.MeanSquaredError()(numbers.data, numbers.data, numbers[:, 0]), "an argument"),
        (lambda: nn.RegressionAccuracy().calculate(numbers, numbers.data), "of the metric"),
        (lambda: layer.load_state_dict({"weights": numbers, "biases": [0]}), "weights"),
        (lambda: optimizer.load_state_dict(optimizer.state_dict() | {"states": states}), "v"),
    ]:
        with pytest.raises(TypeError, match=f"{words}.* is a masked array, whose mask would be"):
            function()
    assert not np.array_equal(layer.weights.data, numbers.data)


def test_errors_of_shapes_give_advice_that_fits():
    """For more samples than are checked at once too."""
    data = np.random.default_rng(0).normal(size=(3000, 4))
    model = nn.Model(nn.Dense(4, 1, rng=0))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.Adam())
    words = r"shape \(3000, 1\), but the targets \(3000,\); .*write y\.reshape\(\(-1, 1\)\)"
    with pytest.raises(ValueError, match=words):
        model.train(data, data[:, 0], print_every=0)
    model.train(data, data[:, 0].reshape((-1, 1)), print_every=0)
    with pytest.raises(ValueError, match=r"this is one sample alone, so write X\[None\]"):
        model.predict(data[0])
    model.predict(data[0][None])
    picture = nn.Model(nn.Sequential(nn.Conv2D(2, 3, 3), nn.Flatten()))
    with pytest.raises(ValueError, match=r"write X\[None\]"):
        picture.predict(np.ones((6, 6, 2)))
    with pytest.raises(ValueError, match=r"model: Dense\(4, 1\) takes 4") as caught:
        model.predict(data[:, :3])  # no shape of a sample
    assert "[None]" not in str(caught.value)
    two = [data, data]
    words = r"2 samples but y has 3000 .* list of 2 arrays, .* several inputs of a module are given as a tuple"
    with pytest.raises(ValueError, match=words):
        model.train(two, data[:, :1], print_every=0)
    with pytest.raises(ValueError, match=r"X is not one array.* list of 2 arrays, and each"):
        model.train([data, data[:, :1]], data[:, :1], print_every=0)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
def test_a_plain_loop_computes_in_the_dtype_of_the_first_layer(dtype):
    data = np.random.default_rng(0).integers(0, 9, (6, 8, 8, 2)).astype(dtype)
    for layer in (nn.Dense(2, 3, rng=0), nn.Conv2D(2, 3, 3, rng=0), nn.BatchNorm(2)):
        for x in (data, tg.Tensor(data)):
            assert layer(x).dtype == np.float32
    wide = tg.Tensor(data.astype(np.float64), requires_grad=True)  # its gradient is wanted as it is
    assert nn.Dense(2, 3, rng=0)(wide).dtype == np.float64
