"""Recurrent layers: against PyTorch, cells in a loop and differences; masks, states, and their errors."""

import numpy as np
import pytest

import nn
import tensorgrad as tg

KINDS = ["RNN", "GRU", "LSTM"]
every_kind = pytest.mark.parametrize("kind", KINDS)
LENGTHS = [5, 2, 4, 1]
MASK = np.arange(5) < np.array(LENGTHS)[:, None]


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def layer_of(kind, **settings):
    layer = getattr(nn, kind)(3, 4, rng=0, dtype=np.float64, **settings)
    for k, p in enumerate(layer.parameters()):
        p.data += 0.3 * normal(*p.shape, seed=k)
    return layer


def pair(kind, bidirectional=False):
    """Return a layer and PyTorch's, with the same parameters."""
    torch = pytest.importorskip("torch")
    layer = layer_of(kind, return_sequences=True, bidirectional=bidirectional)
    twin = getattr(torch.nn, kind)(3, 4, batch_first=True, bidirectional=bidirectional).double()
    assert not any(twin.load_state_dict(nn.to_torch(layer)))
    return layer, twin


def arrays_of(state):
    return list(state) if isinstance(state, tuple) else [state]


def check_gradients(layer, twin):
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.data.T, q.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@every_kind
def test_it_is_torchs(kind, bidirectional):
    layer, twin = pair(kind, bidirectional)
    import torch

    x, width = normal(4, 5, 3), 8 if bidirectional else 4
    n = layer.n_states
    states = [normal(4, width, seed=k) for k in range(n)]
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours = [tg.Tensor(s, requires_grad=True) for s in states]
    stacked = [np.stack(np.split(s, width // 4, axis=1)) for s in states]
    theirs = [torch.tensor(s, requires_grad=True) for s in stacked]
    out, after = layer(a, tuple(ours) if n > 1 else ours[0], return_state=True)
    expected, last = twin(b, tuple(theirs) if n > 1 else theirs[0])
    np.testing.assert_allclose(out.data, expected.detach().numpy(), atol=1e-14)
    weights = normal(*out.shape, seed=9)
    total, goal = np.sum(out * weights), (expected * torch.tensor(weights)).sum()
    for k, (s, t) in enumerate(zip(arrays_of(after), arrays_of(last), strict=True)):
        t = torch.cat(list(t), dim=-1)
        np.testing.assert_allclose(s.data, t.detach().numpy(), atol=1e-14)
        total, goal = total + (k + 2) * np.sum(s * s), goal + (k + 2) * (t * t).sum()
    total.backward()
    goal.backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), atol=1e-12)
    for s, t in zip(ours, theirs, strict=True):
        found = np.stack(np.split(s.grad.data, width // 4, axis=1))
        np.testing.assert_allclose(found, t.grad.numpy(), atol=1e-12)
    check_gradients(layer, twin)
    again = nn.from_torch(twin.state_dict(), layer_of(kind, bidirectional=bidirectional))
    np.testing.assert_equal(again.state_dict(), layer.state_dict())


@pytest.mark.parametrize("bidirectional", [False, True])
@every_kind
def test_a_mask_is_torchs_packed_sequence(kind, bidirectional):
    layer, twin = pair(kind, bidirectional)
    import torch

    x = normal(4, 5, 3)
    x[~MASK] = np.nan  # must not matter, forward or backward
    out, after = layer(x, mask=MASK, return_state=True)
    lengths = torch.tensor(LENGTHS)
    given = torch.tensor(np.where(MASK[..., None], x, 0))
    packed = torch.nn.utils.rnn.pack_padded_sequence(given, lengths, True, enforce_sorted=False)
    found, last = twin(packed)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(found, batch_first=True)
    np.testing.assert_allclose(out.data[MASK], expected.detach().numpy()[MASK], atol=1e-14)
    for s, t in zip(arrays_of(after), arrays_of(last), strict=True):
        np.testing.assert_allclose(s.data, torch.cat(list(t), -1).detach().numpy(), atol=1e-14)
    np.sum(out[MASK] ** 2).backward()
    (expected**2).sum().backward()
    check_gradients(layer, twin)
    final = layer_of(kind, bidirectional=bidirectional)
    np.testing.assert_array_equal(final(x, mask=MASK).data, arrays_of(after)[0].data)
    np.testing.assert_array_equal(
        final(x, mask=MASK.astype(np.float32)).data, final(x, mask=MASK).data
    )


@every_kind
def test_a_cell_in_a_loop_is_the_layer(kind):
    torch = pytest.importorskip("torch")
    layer, cell = (
        layer_of(kind, return_sequences=True),
        getattr(nn, f"{kind}Cell")(3, 4, dtype=np.float64),
    )
    cell.load_state_dict(layer.state_dict())
    twin = getattr(torch.nn, f"{kind}Cell")(3, 4).double()
    twin.load_state_dict(nn.to_torch(cell))
    x, state, outputs = normal(2, 6, 3), None, []
    for t in range(6):
        state = cell(x[:, t], state)
        outputs.append(arrays_of(state)[0])
    after = twin(torch.tensor(x[:, 0]))
    after = after[0] if isinstance(after, tuple) else after
    np.testing.assert_allclose(outputs[0].data, after.detach().numpy(), atol=1e-14)
    expected = layer(x)
    np.testing.assert_allclose(np.stack(outputs, axis=1).data, expected.data, atol=1e-14)
    np.sum(np.stack(outputs, axis=1) ** 2).backward()
    np.sum(expected**2).backward()
    for p, q in zip(cell.parameters(), layer.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.data, atol=1e-12)


@pytest.mark.parametrize("mask", [None, MASK[:2, :3]])
@every_kind
def test_derivatives_of_first_and_second_order(kind, mask):
    layer = layer_of(kind, bidirectional=True)
    names = [name for name, _ in layer.named_parameters()]

    def f(x, *values):
        for name, value in zip(names, values, strict=True):
            layer.__dict__[name] = value
        return layer(x, mask=mask)

    tg.check_grads(f, normal(2, 3, 3), *(p.data for p in layer.parameters()))


@every_kind
def test_third_order_and_a_gradient_of_a_gradient_in_a_program(kind):
    layer = layer_of(kind)

    def f(x):
        return np.sum(np.sin(layer(x)))

    def norm(x):
        return np.sum(tg.grad(f)(x) ** 2)

    x = normal(2, 3, 3)
    tg.check_grads(norm, x)  # to the third derivative of f
    compiled, eager = tg.compile(tg.grad(norm)), tg.grad(norm)
    for k in range(2):
        np.testing.assert_array_equal(compiled(x + k).data, eager(x + k).data)


@every_kind
def test_float32_is_close_to_float64_and_states_stay_in_range(kind):
    layer = getattr(nn, kind)(3, 8, rng=0)
    twin = getattr(nn, kind)(3, 8, dtype=np.float64)
    twin.load_state_dict(layer.state_dict())
    x = 100 * normal(2, 40, 3)
    out = layer(x)
    assert out.dtype == np.float32
    assert np.abs(out.data).max() <= 1
    np.testing.assert_allclose(out.data, twin(x).data, atol=2e-3)


def test_gates_are_drawn_by_themselves_and_an_lstm_remembers_at_first():
    layer = nn.LSTM(30, 20, rng=0)
    R = layer.recurrent_weights.data.reshape(20, 4, 20)
    for k in range(4):
        np.testing.assert_allclose(R[:, k].T @ R[:, k], np.eye(20), atol=1e-5)
    assert layer.biases.data.reshape(4, 20).tolist() == [[0] * 20, [1] * 20, [0] * 20, [0] * 20]
    assert np.abs(layer.weights.data).max() <= np.sqrt(6 / 50)


def test_a_loop_of_cells_is_drawn_as_one_times_its_steps():
    cell = nn.GRUCell(3, 4, rng=0)
    columns, h = (
        np.unstack(tg.Tensor(normal(2, 6, 3, seed=1), requires_grad=True), axis=1),
        np.zeros((2, 4)),
    )
    with tg.trace() as trace:
        for x in columns:
            h = cell(x, h)
    assert "GRUCell ×6" in trace.draw(depth=0).dot


def test_an_empty_batch_passes():
    layer = nn.LSTM(3, 4, return_sequences=True, bidirectional=True)
    assert layer(np.zeros((0, 5, 3), np.float32)).shape == (0, 5, 8)


X = np.zeros((2, 5, 3), np.float32)
# fmt: off
WRONG = [
    (ValueError, lambda: nn.LSTM(0, 4),                          "n_inputs of LSTM must be an integer of at least 1, not 0"),
    (ValueError, lambda: nn.GRU(3, 2.5),                         "n_neurons of GRU must be an integer of at least 1, not 2.5"),
    (ValueError, lambda: nn.RNN(3, 4)(X[0]),                     r"RNN\(3, 4\) takes inputs of 3 axes, with 3 features .* got an input of shape \(5, 3\)"),
    (ValueError, lambda: nn.RNN(3, 4)(X[..., :2]),               r"3 features along the last axis, but got an input of shape \(2, 5, 2\)"),
    (ValueError, lambda: nn.RNN(3, 4)(X[:, :0]),                 r"takes sequences of one step or more, not of \(2, 0, 3\)"),
    (TypeError,  lambda: nn.RNN(3, 4)([[1]]),                    "takes a Tensor or an array, but got list"),
    (ValueError, lambda: nn.GRU(3, 4)(X, mask=np.ones((2, 4))),  r"takes a mask of shape \(2, 5\), True for each step .* but got shape \(2, 4\)"),
    (ValueError, lambda: nn.GRU(3, 4)(X, mask=np.ones(2)),       r"takes a mask of shape \(2, 5\), .* but got shape \(2,\)"),
    (ValueError, lambda: nn.GRU(3, 4)(X, np.zeros((2, 3))),      r"was given a state of shape \(2, 3\), but 2 samples need one of shape \(2, 4\)"),
    (TypeError,  lambda: nn.LSTM(3, 4)(X, np.zeros((2, 4))),     r"the state of LSTM\(3, 4\) is a pair \(h, c\) of arrays of shape \(2, 4\)"),
    (ValueError, lambda: nn.LSTMCell(3, 4)(X),                   "takes inputs of 2 axes"),
    (ValueError, lambda: tg.rnn(X, X[:, 0], np.ones((3, 3)), np.ones((3, 3)), np.ones(4), None), "rnn takes sequences .* but got arrays of shapes"),
    (TypeError,  lambda: tg.rnn(X * 1j, X[:, 0], np.ones((3, 3)), np.ones((3, 3)), np.ones(3), None), "with real floating-point numbers, not with complex"),
]
# fmt: on


@pytest.mark.parametrize(("error", "call", "message"), WRONG)
def test_wrong_settings_and_inputs(error, call, message):
    with pytest.raises(error, match=message):
        call()
