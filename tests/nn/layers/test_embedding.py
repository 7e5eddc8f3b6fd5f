"""Embedding: rows of a table, against PyTorch; saved, frozen, compiled, and its errors."""

import numpy as np
import pytest

import nn
import tensorgrad as tg

IDS = np.random.default_rng(0).integers(0, 7, (4, 5))


@pytest.mark.parametrize("padding", [None, 2])
def test_it_is_torchs(padding):
    torch = pytest.importorskip("torch")
    layer = nn.Embedding(7, 3, padding_index=padding, rng=0, dtype=np.float64)
    twin = torch.nn.Embedding(7, 3, padding_idx=padding, dtype=torch.float64)
    twin.load_state_dict(nn.to_torch(layer))
    out, theirs = layer(IDS), twin(torch.tensor(IDS))
    np.testing.assert_array_equal(out.data, theirs.detach().numpy())
    weights = np.random.default_rng(1).normal(size=out.shape)
    out.backward(weights)
    theirs.backward(torch.tensor(weights))
    np.testing.assert_allclose(layer.weights.grad.data, twin.weight.grad.numpy(), rtol=1e-14)
    again = nn.from_torch(twin.state_dict(), nn.Embedding(7, 3, dtype=np.float64))
    np.testing.assert_array_equal(again.weights.data, layer.weights.data)


def test_indices_of_any_shape_and_kind():
    layer = nn.Embedding(7, 3, rng=0)
    W = layer.weights.data
    for ids in (IDS, IDS[0], IDS.astype(np.uint8), 4, [1, 2], IDS[:0], tg.Tensor(IDS)):
        np.testing.assert_array_equal(layer(ids).data, W[np.asarray(getattr(ids, "data", ids))])


def test_gradients_of_first_and_second_order():
    layer = nn.Embedding(4, 2, rng=0, dtype=np.float64)

    def f(W):
        layer.weights.data = W.data
        return np.sum(np.sin(W[np.array([0, 3, 3])]) ** 3)

    tg.check_grads(f, layer.weights.data)
    layer.freeze()
    assert layer([1, 2]).node is None


def test_in_a_model_it_is_saved_drawn_and_summed_up(tmp_path):
    pytest.importorskip("safetensors")
    net = nn.Sequential(
        nn.Embedding(7, 3, padding_index=0, rng=0), nn.GRU(3, 4, rng=1), nn.Dense(4, 2, rng=2)
    )
    model = nn.Model(net)
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.Adam())
    model.finalize()
    model.train(IDS, np.array([0, 1, 1, 0]), epochs=3, print_every=0, compile=True)
    assert not net[0].weights.data[0].any()
    model.save(tmp_path / "model.safetensors")
    again = nn.Model.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(IDS), model.predict(IDS))
    assert repr(again.module[0]) == "Embedding(7, 3, padding_index=0)"
    assert "Embedding   (N, 5, 3)" in model.summary()
    assert "0 Embedding" in net.draw(IDS).dot


def test_its_program_stands_alone():
    layer = nn.Embedding(7, 3, rng=0)
    program = tg.compile(tg.value_and_grad(lambda x, ids: np.sum(layer(ids) * x)))
    text = program.program(np.ones(3, np.float32), IDS).source
    assert "does not stand alone" not in text
    with pytest.raises(ValueError, match=r"rows for the integers 0 to 6, but .* from 0 to 7"):
        program(np.ones(3, np.float32), IDS.clip(0, 0) + 7 * (IDS > 3))


# fmt: off
WRONG = [
    (ValueError, lambda: nn.Embedding(7, 3)([0, 7]),           r"Embedding\(7, 3\) has rows for the integers 0 to 6, but the input goes from 0 to 7"),
    (ValueError, lambda: nn.Embedding(7, 3)([-1, 2]),          "goes from -1 to 2"),
    (TypeError,  lambda: nn.Embedding(7, 3)([0.0, 2.0]),       r"takes integers, but got an input of dtype float64; .* x.astype\(int\)"),
    (TypeError,  lambda: nn.Embedding(7, 3)(np.ma.masked_array([0, 2], [True, False])), r"the input of Embedding\(7, 3\) is a masked array"),
    (TypeError,  lambda: nn.Embedding(7, 3)(["a"]),            "takes integers, but got an input of dtype <U1"),
    (ValueError, lambda: nn.Embedding(0, 3),                   "n of Embedding must be an integer of at least 1, not 0"),
    (ValueError, lambda: nn.Embedding(7, 3, padding_index=7),  "padding_index of Embedding is one of its integers, from 0 to 6, not 7"),
    (ValueError, lambda: nn.Embedding(7, 3, padding_index=-1), "from 0 to 6, not -1"),
]
# fmt: on


@pytest.mark.parametrize(("error", "call", "message"), WRONG)
def test_wrong_settings_and_inputs(error, call, message):
    with pytest.raises(error, match=message):
        call()
