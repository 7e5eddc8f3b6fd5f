"""Attention and transformer blocks: against PyTorch and differences; masks, dropout, and their errors."""

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.nn.layers.test_recurrent import normal

KEYS = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)  # steps that count, of 2 samples
PAIRS = np.random.default_rng(3).random((2, 5, 5)) < 0.7
PAIRS[:, np.arange(5), np.arange(5)] = True


def attention_pair(bias=True):
    torch = pytest.importorskip("torch")
    layer = nn.MultiHeadAttention(6, 2, bias=bias, rng=0, dtype=np.float64)
    for k, p in enumerate(layer.parameters()):
        p.data += 0.3 * normal(*p.shape, seed=k)
    twin = torch.nn.MultiheadAttention(6, 2, bias=bias, batch_first=True).double()
    assert not any(twin.load_state_dict(nn.to_torch(layer)))
    return layer, twin


def check_gradients(layer, twin):
    """Compare the gradients by their names in PyTorch."""
    state = nn.to_torch(layer)
    theirs = dict(twin.named_parameters())
    for p in layer.parameters():
        p.data = p.grad.data.copy()
    for name, value in nn.to_torch(layer).items():
        np.testing.assert_allclose(value.numpy(), theirs[name].grad.numpy(), atol=1e-12)
    nn.from_torch(state, layer)


# fmt: off
MASKS = {  # ours, and PyTorch's, which is True where a step may not be looked at
    "none":   ({}, {}),
    "keys":   ({"mask": KEYS},  {"key_padding_mask": ~KEYS}),
    "pairs":  ({"mask": PAIRS}, {"attn_mask": np.repeat(~PAIRS, 2, axis=0)}),
    "heads":  ({"mask": np.stack([PAIRS, PAIRS | True], 1)}, {"attn_mask": np.stack([~PAIRS, PAIRS & False], 1).reshape(4, 5, 5)}),
    "causal": ({"causal": True}, {"attn_mask": ~np.tri(5, dtype=bool)}),
    "both":   ({"causal": True, "mask": KEYS}, {"attn_mask": ~np.tri(5, dtype=bool), "key_padding_mask": ~KEYS}),
}
# fmt: on


@pytest.mark.parametrize("name", MASKS)
def test_it_is_torchs(name):
    layer, twin = attention_pair()
    import torch

    ours, theirs = MASKS[name]
    theirs = {k: torch.tensor(v) for k, v in theirs.items()}
    x = normal(2, 5, 6)
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, weights = layer(a, **ours, return_weights=True)
    expected, shown = twin(b, b, b, **theirs, average_attn_weights=False)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), atol=1e-13)
    np.testing.assert_allclose(weights.data, shown.detach().numpy(), atol=1e-13)
    w, v = normal(*out.shape, seed=1), normal(*weights.shape, seed=2)
    (np.sum(out * w) + np.sum(weights * v)).backward()
    ((expected * torch.tensor(w)).sum() + (shown * torch.tensor(v)).sum()).backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-12)
    check_gradients(layer, twin)
    again = nn.from_torch(twin.state_dict(), nn.MultiHeadAttention(6, 2, dtype=np.float64))
    np.testing.assert_equal(again.state_dict(), layer.state_dict())


def test_keys_and_values_of_another_sequence():
    layer, twin = attention_pair(bias=False)
    import torch

    q, k, v = normal(2, 5, 6), normal(2, 3, 6), normal(2, 3, 6, seed=1)
    expected, _ = twin(*map(torch.tensor, (q, k, v)))
    np.testing.assert_allclose(layer(q, k, v).data, expected.detach().numpy(), atol=1e-13)
    expected, _ = twin(*map(torch.tensor, (q, k, k)))
    np.testing.assert_allclose(layer(q, k).data, expected.detach().numpy(), atol=1e-13)
    assert "bias=False" in repr(layer)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_block_is_torchs(activation, norm_first):
    torch = pytest.importorskip("torch")
    settings = {"activation": activation, "norm_first": norm_first}
    block = nn.TransformerBlock(6, 2, n_hidden=10, **settings, rng=0, dtype=np.float64)
    for k, p in enumerate(block.parameters()):
        p.data += 0.3 * normal(*p.shape, seed=k)
    T = torch.nn.TransformerEncoderLayer
    twin = T(6, 2, 10, dropout=0, **settings, batch_first=True).double()
    net, theirs = nn.Sequential(block), torch.nn.Sequential(twin)  # names below another module
    assert not any(theirs.load_state_dict(nn.to_torch(net)))
    x = normal(2, 5, 6)
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = block(a, mask=KEYS), twin(b, src_key_padding_mask=torch.tensor(~KEYS))
    np.testing.assert_allclose(out.data, expected.detach().numpy(), atol=1e-13)
    w = normal(*out.shape, seed=1)
    out.backward(w)
    expected.backward(torch.tensor(w))
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-11)
    check_gradients(net, theirs)
    causal = nn.TransformerBlock(6, 2, n_hidden=10, causal=True, **settings, dtype=np.float64)
    nn.from_torch(twin.state_dict(), causal)
    expected = twin(b, src_mask=torch.tensor(~np.tri(5, dtype=bool)))
    np.testing.assert_allclose(causal(x).data, expected.detach().numpy(), atol=1e-13)


def test_derivatives_of_first_and_second_order():
    block = nn.TransformerBlock(4, 2, n_hidden=3, causal=True, rng=0, dtype=np.float64)
    tg.check_grads(lambda x: block(x, mask=KEYS[:, :3]), normal(2, 3, 4))
    W = normal(4, 12)

    def f(W):
        block.attention.__dict__["weights"] = W
        return block(normal(2, 3, 4))

    tg.check_grads(f, W)


def test_weights_are_shares_of_what_may_be_looked_at():
    layer = nn.MultiHeadAttention(6, 3, rng=0)
    _, weights = layer(normal(2, 5, 6), mask=KEYS, causal=True, return_weights=True)
    assert weights.shape == (2, 3, 5, 5)
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1, rtol=1e-6)
    assert not weights.data[:, :, np.triu_indices(5, 1)[0], np.triu_indices(5, 1)[1]].any()
    assert not weights.data[0, :, :, 3:].any()


def test_who_may_look_nowhere_finds_nothing():
    layer = nn.MultiHeadAttention(6, 2, bias=False, rng=0)
    x = tg.Tensor(normal(1, 2, 6).astype(np.float32), requires_grad=True)
    out, weights = layer(x, mask=np.array([[[True, False], [False, False]]]), return_weights=True)
    assert not out.data[0, 1].any()
    assert weights.data[0, :, 1].tolist() == [[0, 0], [0, 0]]
    np.sum(out).backward()
    assert np.isfinite(x.grad.data).all()


def test_later_steps_do_not_matter_to_a_causal_block():
    net = nn.Sequential(nn.PositionalEncoding(6), nn.TransformerBlock(6, 2, causal=True, rng=0))
    x = normal(2, 5, 6)
    other = x.copy()
    other[:, 3:] += 1
    np.testing.assert_array_equal(net(x).data[:, :3], net(other).data[:, :3])
    assert not np.array_equal(net(x).data[:, 3:], net(other).data[:, 3:])


def test_dropout_is_in_training_only_and_keeps_the_mean():
    block = nn.TransformerBlock(6, 2, dropout=0.5, rng=0)
    x = normal(2, 5, 6).astype(np.float32)
    outputs = np.stack([block(x).data for _ in range(400)])
    assert outputs.std(axis=0).min() > 0.01
    block.eval()
    np.testing.assert_array_equal(block(x).data, block(x).data)
    layer = nn.MultiHeadAttention(6, 2, dropout=0.5, rng=0)
    mean = np.mean([layer(x).data for _ in range(2000)], axis=0)
    np.testing.assert_allclose(mean, layer.eval()(x).data, atol=0.06)
    position = nn.PositionalEncoding(6, dropout=0.5, rng=0)
    assert np.mean(position(tg.Tensor(x)).data == 0) == pytest.approx(0.5, abs=0.2)


def test_positions_are_those_of_the_paper():
    out = nn.PositionalEncoding(5).eval()(tg.Tensor(np.zeros((1, 7, 5))))
    assert out.dtype == np.float64
    for t in range(7):
        for i in range(5):
            angle = t / 10000 ** (2 * (i // 2) / 5)
            right = np.cos(angle) if i % 2 else np.sin(angle)
            assert out.data[0, t, i] == pytest.approx(right, abs=1e-12)


@pytest.mark.parametrize("scores", [1, 30, 10**6])
def test_blocks_of_samples_are_right(scores, monkeypatch):
    q, k, v = normal(7, 3, 4), normal(7, 5, 4), normal(7, 5, 4, seed=1)
    mask = np.random.default_rng(0).random((7, 1, 3, 5)) < 0.6
    dropped = np.random.default_rng(1).random((7, 2, 3, 5))
    expected = tg.grad(lambda q: np.sum(np.sin(tg.attention(q, k, v, mask, dropped, heads=2))))(q)
    with monkeypatch.context() as patch:
        patch.setattr("tensorgrad.ops.attention.SCORES", scores)
        found = tg.grad(lambda q: np.sum(np.sin(tg.attention(q, k, v, mask, dropped, heads=2))))(q)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_large_scores_do_not_overflow():
    q = 1e4 * normal(1, 3, 2).astype(np.float32)
    for mask in (None, np.array([[[[True, True, False]]]])):
        out = tg.attention(q, q, q, mask, None)
        assert np.isfinite(out).all()
        assert np.isfinite(tg.attention_weights(q, q, mask)).all()


@pytest.mark.parametrize("size", [0.1, 3, 7, 30, 200])  # scores near to 0, and too far for exp
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_scores_of_any_size_give_the_weights_of_double_precision(dtype, masked, size):
    q, k, v = ((s * normal(2, 5, 4, seed=i)).astype(dtype) for i, s in enumerate((size, 3, 1)))
    mask = PAIRS[:, None].copy() if masked else None
    if masked:
        mask[0, 0, 2] = False  # one may look nowhere
    exact = tg.attention(*(a.astype(float) for a in (q, k, v)), mask, None)
    out = tg.attention(q, k, v, mask, None)
    assert out.dtype == dtype
    # The scores are rounded, and the exponential has as large a relative error as they have an absolute one.
    bound = 4 * np.finfo(dtype).eps * max(9 * size, 1)
    np.testing.assert_allclose(out, exact, atol=bound)
    k[1, 3] = np.nan
    spoiled = tg.attention(q, k, v, mask, None)
    np.testing.assert_array_equal(np.isnan(spoiled[0]), False)
    np.testing.assert_allclose(spoiled[0], exact[0], atol=bound)


def test_sums_over_many_steps_do_not_overflow():
    q, k = np.full((1, 1, 4), 1.1, np.float16), np.full((1, 6000, 4), 1.1, np.float16)
    found = tg.attention(q, k, np.ones_like(k), None, None)
    np.testing.assert_allclose(found, 1, rtol=2e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_keys_that_the_mask_hides_may_be_anything(value):
    q = np.random.default_rng(0).standard_normal((1, 3, 4))
    k, mask = q.copy(), np.ones((1, 1, 3, 3), bool)
    mask[..., 2] = False
    k[0, 2] = value
    with np.errstate(invalid="ignore"):  # of infinity times numbers of both signs
        found, weights = tg.attention(q, k, q, mask, None), tg.attention_weights(q, k, mask)
    expected = tg.attention_weights(q, q[:, :2])
    np.testing.assert_allclose(weights[..., :2], expected, rtol=1e-12)
    np.testing.assert_allclose(found, tg.attention(q, q[:, :2], q[:, :2], None, None), rtol=1e-12)
    assert not np.any(weights[..., 2])


def test_one_product_of_x_or_three_products_find_the_same():
    layer = nn.MultiHeadAttention(6, 2, rng=0, dtype=np.float64)
    x = tg.Tensor(normal(2, 5, 6), requires_grad=True)
    for settings in ({"mask": KEYS}, {"causal": True}):
        found = []
        for key in (None, x + 0):
            x.zero_grad()
            layer.zero_grad()
            out, weights = layer(x, key, **settings, return_weights=True)
            (np.sum(np.sin(out)) + np.sum(weights**2)).backward()
            found.append([out, weights, x.grad, *(p.grad for p in layer.parameters())])
        for one, three in zip(*found, strict=True):
            np.testing.assert_allclose(one.data, three.data, atol=1e-13)


def test_sequences_without_steps_pass():
    layer, x = nn.MultiHeadAttention(6, 2, rng=0), tg.Tensor(normal(2, 3, 6), requires_grad=True)
    out = layer(x, x.data[:, :0])  # nothing can be found where there is nothing
    np.testing.assert_array_equal(out.data, np.broadcast_to(layer.output_biases.data, out.shape))
    np.sum(out).backward()
    assert not x.grad.data.any()
    block = nn.Sequential(nn.PositionalEncoding(6), nn.TransformerBlock(6, 2, causal=True, rng=0))
    assert block(x[:, :0]).shape == (2, 0, 6)
    assert block(x[:0]).shape == (0, 3, 6)


def test_integers_and_masks_of_numbers():
    q, mask = np.arange(24).reshape(2, 3, 4) % 5, np.array([2.0, 0, 1])[None, None, None]
    expected = tg.attention(q.astype(float), q.astype(float), q.astype(float), mask != 0, None)
    np.testing.assert_array_equal(tg.attention(q, q, q, mask, None), expected)


X = np.zeros((2, 5, 6), np.float32)
# fmt: off
WRONG = [
    (ValueError, lambda: nn.MultiHeadAttention(6, 4),           "n_heads of MultiHeadAttention must divide n_features, but 4 heads cannot share 6 features evenly"),
    (ValueError, lambda: nn.TransformerBlock(6, 4),             "4 heads cannot share 6 features evenly"),
    (ValueError, lambda: nn.TransformerBlock(6, 2, n_hidden=0), "n_hidden of TransformerBlock must be an integer of at least 1, not 0"),
    (ValueError, lambda: nn.TransformerBlock(6, 2, dropout=1),  "dropout of TransformerBlock must be at least 0 and below 1, not 1"),
    (ValueError, lambda: nn.PositionalEncoding(6, dropout=-1),  "dropout of PositionalEncoding must be"),
    (ValueError, lambda: nn.MultiHeadAttention(6, 2)(X[0]),     r"takes inputs of 3 axes, with 6 features along the last axis, but got an input of shape \(5, 6\)"),
    (ValueError, lambda: nn.MultiHeadAttention(6, 2)(X, X[..., :3]), r"got an input of shape \(2, 5, 3\)"),
    (ValueError, lambda: nn.MultiHeadAttention(6, 2)(X, X[:1]), r"but got shapes \(2, 5, 6\), \(1, 5, 6\), \(1, 5, 6\)"),
    (ValueError, lambda: nn.MultiHeadAttention(6, 2)(X, X[:, :3], causal=True), "T = S if causal"),
    (ValueError, lambda: nn.MultiHeadAttention(6, 2)(X, mask=np.ones((2, 4))), r"takes a mask of shape \(2, 5\), \(2, 5, 5\) or \(2, 2, 5, 5\), True where .* got shape \(2, 4\)"),
    (ValueError, lambda: nn.TransformerBlock(6, 2)(X, mask=np.ones(5)), r"but got shape \(5,\)"),
    (ValueError, lambda: tg.attention(X, X, X, np.ones((2, 5)), None), r"a mask of shape \(2, 5\) does not fit scores .* of shape \(2, 1, 5, 5\)"),
    (ValueError, lambda: tg.self_attention(X[..., :5], None, None), r"side by side, \(N, T, 3 D\), but got shape \(2, 5, 5\)"),
    (ValueError, lambda: tg.self_attention(X, None, None, heads=3), r"attention of 3 heads .* got shapes \(2, 5, 2\)"),
    (ValueError, lambda: tg.layer_norm(X, np.ones(5), None),    r"features of shape \(2, 5, 6\) take a gain and a bias of shape \(6,\), not \(5,\)"),
]
# fmt: on


@pytest.mark.parametrize(("error", "call", "message"), WRONG)
def test_wrong_settings_and_inputs(error, call, message):
    with pytest.raises(error, match=message):
        call()


def test_a_mask_that_is_added_to_scores_is_refused():
    layer, x = nn.MultiHeadAttention(8, 2, rng=0), np.ones((1, 3, 8), np.float32)
    added = np.where(np.tri(3, dtype=bool), 0.0, -np.inf)[None]
    allowed = added == 0
    np.testing.assert_array_equal(layer(x, mask=allowed).data, layer(x, mask=1.0 * allowed).data)
    with pytest.raises(ValueError, match="got -inf; of a mask that is added to the scores"):
        layer(x, mask=added)
