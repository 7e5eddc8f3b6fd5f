"""Sequences of different lengths: padded, masked, and on their way through a model, its loss and its metrics."""

import runpy

import numpy as np
import pytest

import nn
from nn.data import length_mask, pad

SEQUENCES = [[3, 1, 2, 1], [1, 2], [4, 4, 1]]


def test_padding_with_numbers_and_with_rows():
    x, mask = pad(SEQUENCES)
    assert x.tolist() == [[3, 1, 2, 1], [1, 2, 0, 0], [4, 4, 1, 0]]
    assert mask.sum(axis=1).tolist() == [4, 2, 3]
    rows = [np.ones((n, 2), np.float32) for n in (1, 3)]
    x, mask = pad(rows, 4, value=-1)
    assert (x.shape, x.dtype, mask.shape) == ((2, 4, 2), np.float32, (2, 4))
    assert x[0, :, 0].tolist() == [1, -1, -1, -1]
    np.testing.assert_array_equal(length_mask([1, 3], 4), mask)
    assert length_mask(np.array([0, 2]), 2).tolist() == [[False, False], [True, True]]
    x, mask = pad([[], [3, 1]])  # the empty one has no dtype
    assert (x.tolist(), x.dtype.kind) == ([[0, 0], [3, 1]], "i")
    assert mask.tolist() == [[False, False], [True, True]]
    assert np.isnan(pad([[1.0], [1.0, 2.0]], value=np.nan)[0][0, 1])


def network():
    return nn.Sequential(
        nn.Embedding(5, 3, rng=0),
        nn.LSTM(3, 4, return_sequences=True, rng=1),
        nn.Dense(4, 5, initializer="he", rng=2),
    )


def model_of():
    model = nn.Model(network())
    model.set(
        loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.SGD(learning_rate=0.1),
        accuracy=nn.CategoricalAccuracy(), metrics=[nn.Perplexity(from_logits=True)],
    )  # fmt: skip
    model.finalize()
    return model


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("size", [3, 2])
def test_a_mask_reaches_layers_loss_and_metrics(size, compile):
    """Everything is as if the steps that are padding did not exist."""
    x, mask = pad(SEQUENCES)
    y = np.where(mask, (x + 1) % 5, 0)
    model = model_of()
    found = model.evaluate(
        {"x": x, "mask": mask}, y, batch_size=size, verbose=False, compile=compile
    )
    loss = nn.CategoricalCrossentropy(from_logits=True)
    logits = [model.module(np.array([s])).data[0] for s in SEQUENCES]
    rows, right = np.concatenate(logits), (np.concatenate(SEQUENCES) + 1) % 5
    assert found.loss == pytest.approx(loss(rows, right).item(), rel=1e-5)
    assert found.accuracy == pytest.approx(np.mean(rows.argmax(axis=1) == right))
    assert found.metrics["perplexity"] == pytest.approx(np.exp(found.loss), rel=1e-5)
    model.train(
        {"x": x, "mask": mask},
        y,
        batch_size=size,
        epochs=3,
        print_every=0,
        shuffle=False,
        compile=compile,
    )
    assert model.history.epochs["data_loss"][0] == pytest.approx(found.loss, rel=0.1)
    out = model.predict({"x": x, "mask": mask})
    np.testing.assert_allclose(out[1, :2], model.predict(np.array([[1, 2]]))[0], rtol=1e-5)


def test_a_step_of_several_batches_is_that_of_all_together():
    x, mask = pad(SEQUENCES)
    y = np.where(mask, (x + 1) % 5, 0)
    one, other = model_of(), model_of()
    one.train({"x": x, "mask": mask}, y, print_every=0)
    other.train({"x": x, "mask": mask}, y, batch_size=1, accumulate=3, print_every=0)
    for name, p in one.get_parameters().items():
        np.testing.assert_allclose(p, other.get_parameters()[name], atol=1e-7)
    assert one.history.epochs["data_loss"] == pytest.approx(other.history.epochs["data_loss"])


def test_a_mask_of_inputs_alone_leaves_the_loss_as_it_is():
    x, mask = pad(SEQUENCES)
    model = nn.Model(
        nn.Sequential(nn.Embedding(5, 3, rng=0), nn.GRU(3, 4, rng=0), nn.Dense(4, 4, rng=0))
    )
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.Adam())
    model.finalize()
    y = np.ones((3, 4), np.float32)  # as wide as the sequences are long
    found = model.evaluate({"x": x, "mask": mask}, y, verbose=False)
    assert found.loss == pytest.approx(
        np.mean((model.predict({"x": x, "mask": mask}) - y) ** 2), rel=1e-5
    )
    single = model.predict(np.array([[1, 2]]))
    np.testing.assert_allclose(model.predict({"x": x, "mask": mask})[1], single[0], rtol=1e-5)


X3 = np.random.default_rng(0).standard_normal((3, 4, 6)).astype(np.float32)
# fmt: off
MODULES = {  # with the inputs beside a mask
    "chain":    (network, pad(SEQUENCES)[0]),
    "gru":      (lambda: nn.GRU(6, 4, rng=0), X3),  # whose second argument is a state
    "block":    (lambda: nn.TransformerBlock(6, 2, rng=0), X3),
    "residual": (lambda: nn.Residual(nn.MultiHeadAttention(6, 2, rng=0)), X3),
}
# fmt: on


@pytest.mark.parametrize("name", MODULES)
def test_a_model_of_masked_sequences_is_exported_drawn_and_summed_up(name, tmp_path):
    make, x = MODULES[name]
    mask = length_mask([4, 2, 3], 4)
    module = make()
    model = nn.Model(module)
    model.finalize()
    without = model.predict(x)
    expected = model.predict({"mask": mask, "x": x})  # files are of the last data
    assert not np.allclose(expected, without, atol=1e-3)
    predict = runpy.run_path(str(model.export(tmp_path / "net.py")))["predict"]
    np.testing.assert_allclose(predict(x, mask), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(predict(x[1:2], mask[1:2]), expected[1:2], rtol=1e-5, atol=1e-6)
    # A file of the module takes its inputs in the dtype of its parameters, or in the given one.
    path = tmp_path / "module.py"
    module.eval().export(path, x.shape[1:], mask=(4,), dtype=x.dtype)
    found = runpy.run_path(str(path))["predict"](x, mask)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    shape = ", ".join(["N", *map(str, expected.shape[1:])])
    assert f"({shape})" in model.summary().splitlines()[1]
    assert module.summary(x.shape[1:], mask=(4,), dtype=x.dtype) in model.summary()
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    session = onnxruntime.InferenceSession(model.export(tmp_path / "net.onnx"))
    for n in (3, 1):
        found = session.run(None, {"x": x[:n], "mask": mask[:n].astype(np.float32)})[0]
        np.testing.assert_allclose(found, expected[:n], rtol=1e-4, atol=1e-5)


def test_a_mask_is_drawn_by_its_name():
    module, mask = nn.GRU(6, 4, rng=0), length_mask([4, 2, 3], 4)
    model = nn.Model(module)
    model.finalize()
    assert model.draw({"x": X3, "mask": mask}).dot == module.draw(X3, mask=mask).dot
    assert model.draw({"x": X3, "mask": mask}).dot != model.draw(X3).dot


def test_losses_of_steps_are_means_over_those_that_count():
    rng = np.random.default_rng(0)
    mask = length_mask([2, 3], 3)
    z, y = rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))
    loss = nn.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    assert loss(z, y).item() == pytest.approx(loss(z.reshape(6, 4), y.ravel()).item())
    assert loss(z, y, mask=mask).item() == pytest.approx(loss(z[mask], y[mask]).item())
    rows = np.eye(4)[y]
    assert loss(z, rows, mask=mask).item() == pytest.approx(loss(z[mask], y[mask]).item())
    p = nn.Softmax()(z)
    plain = nn.CategoricalCrossentropy()
    assert plain(p, y, mask=mask).item() == pytest.approx(plain(p[mask], y[mask]).item())
    weights = np.array([1.0, 3.0])
    each = [plain(p[i][mask[i]], y[i][mask[i]]).item() * mask[i].sum() for i in (0, 1)]
    assert plain(p, y, weights, mask).item() == pytest.approx((each[0] + 3 * each[1]) / 5)
    error = nn.MeanSquaredError()
    assert error(z, 2 * z, mask=mask).item() == pytest.approx(np.mean(z[mask] ** 2))


def test_perplexity():
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    metric = nn.Perplexity()
    assert metric.calculate(p, np.array([0, 1])) == pytest.approx((0.5 * 0.8) ** -0.5)
    assert metric.calculate(np.full((2, 3, 7), 1 / 7), np.zeros((2, 3), int)) == pytest.approx(7)
    logits = nn.Perplexity(from_logits=True)
    assert logits.calculate(np.log(p), np.array([0, 1])) == pytest.approx((0.5 * 0.8) ** -0.5)
    assert metric.calculate(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(1e7)
    metric.update(p[:1], np.array([0]))
    metric.update(p[1:], np.array([1]))
    assert metric.result() == pytest.approx((0.5 * 0.8) ** -0.5)
    assert repr(logits) == "Perplexity(from_logits=True)"


# fmt: off
WRONG = [
    (ValueError, lambda: pad([]),                          "pad was given no sequences"),
    (ValueError, lambda: pad(SEQUENCES, 3),                "length=3 is too short: sequence 0 has 4 steps"),
    (ValueError, lambda: pad([[1, 2], [[1, 2]]]),          r"number 1 has shape \(1, 2\) and number 0 has \(2,\)"),
    (ValueError, lambda: pad([3, 4]),                      r"a list of sequences, but number 0 is the number 3; .* \[sequence\]"),
    (TypeError,  lambda: pad([["a"]]),                     "number 0 has dtype <U1"),
    (ValueError, lambda: pad(SEQUENCES, value=0.5),        "value=0.5 is no number of int64, which the sequences have; convert them"),
    (ValueError, lambda: pad(SEQUENCES, value=np.nan),     "value=nan is no number of int64"),
    (ValueError, lambda: pad([np.ones(1, np.uint8)], 2, value=-1), "value=-1 is no number of uint8"),
    (ValueError, lambda: length_mask([1], 2.5),            "n_steps must be an integer of at least 0, not 2.5"),
    (ValueError, lambda: length_mask([1, 5], 4),           "lengths go from 1 to 5, but there are 4 steps"),
    (ValueError, lambda: length_mask([-1, 4], 4),          "lengths go from -1 to 4"),
    (TypeError,  lambda: length_mask([1.0], 4),            "one integer for each sequence"),
    (ValueError, lambda: nn.MeanSquaredError()(np.ones((2, 3, 1)), np.ones((2, 3, 1)), mask=np.ones((2, 4))), r"a mask of shape \(2, 4\) does not fit predictions of shape \(2, 3, 1\)"),
    (ValueError, lambda: nn.MeanSquaredError()(np.ones((2, 3)), np.ones((2, 3)), mask=np.ones((2, 3))), "does not fit predictions"),
    (ValueError, lambda: nn.MeanSquaredError()(np.ones((2, 3, 1)), np.ones((2, 3, 1)), mask=np.zeros((2, 3))), "False everywhere: no step counts"),
    (ValueError, lambda: nn.CategoricalCrossentropy()(np.ones((2, 3, 4)), np.ones(6, int)), r"need targets of shape \(2, 3\), class indices, or \(2, 3, 4\)"),
    (ValueError, lambda: model_of().train(pad(SEQUENCES)[0], pad(SEQUENCES)[0], class_weight=[1.0] * 5), "has one for each step; give class_weight= to the loss"),
    (ValueError, lambda: nn.Perplexity().calculate(np.ones((2, 3)), np.array([0, 3])), "classes 0 to 2, but they go from 0 to 3"),
    (ValueError, lambda: nn.Perplexity().calculate(np.ones((2, 3)), np.array([0])), "shapes are"),
    (ValueError, lambda: nn.Perplexity().calculate(np.array([[-1.0, 2.0]]), np.array([0])), r"Perplexity\(\) takes probabilities, .* from -1 to 2; .* Perplexity\(from_logits=True\)"),
]
# fmt: on


@pytest.mark.parametrize(("error", "call", "message"), WRONG)
def test_wrong_inputs(error, call, message):
    with pytest.raises(error, match=message):
        call()
