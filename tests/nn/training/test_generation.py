"""Sequences that a model continues: greedy, sampled, among the k likeliest, in a window."""

import numpy as np
import pytest

import nn
import tensorgrad as tg


@nn.register
class NextOf(nn.Module):
    """A model that knows: logits of log 8 for x + 1, log 3 for x + 2, and 0 for the others, of 5."""

    def __init__(self, all_steps=True, softmax=False):
        self.all_steps, self.softmax = all_steps, softmax
        self.seen = []

    def forward(self, x):
        ids = x.data
        self.seen.append(ids.shape)
        z = np.log(
            np.where(
                (ids[..., None] + 1) % 5 == np.arange(5),
                8,
                np.where((ids[..., None] + 2) % 5 == np.arange(5), 3, 1.0),
            )
        )
        z = tg.Tensor(z if self.all_steps else z[:, -1])
        return tg.softmax(z) if self.softmax else z


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("all_steps", [False, True])
def test_with_temperature_0_the_likeliest_is_taken(all_steps, softmax):
    model = NextOf(all_steps, softmax)
    assert nn.generate(model, [3], 4, temperature=0).tolist() == [3, 4, 0, 1, 2]
    found = nn.generate(model, np.array([[0, 1], [2, 2]]), 2, temperature=0)
    assert found.tolist() == [[0, 1, 2, 3], [2, 2, 3, 4]]
    assert nn.generate(model, [3], 2, top_k=1, rng=0).tolist() == [3, 4, 0]


@pytest.mark.parametrize(("temperature", "top_k", "shares"), [
    (1.0, None, [1, 8, 3, 1, 1]), (0.5, None, [1, 64, 9, 1, 1]), (1.0, 2, [0, 8, 3, 0, 0]), (2.0, 9, np.sqrt([1, 8, 3, 1, 1])),
])  # fmt: skip
def test_draws_have_the_shares_of_the_softmax(temperature, top_k, shares):
    starts = np.zeros((20_000, 1), int)
    found = nn.generate(NextOf(), starts, 1, temperature=temperature, top_k=top_k, rng=0)
    counts = np.bincount(found[:, 1], minlength=5) / len(found)
    np.testing.assert_allclose(counts, shares / np.sum(shares), atol=0.012)


def test_a_window_and_a_seed():
    model = NextOf()
    nn.generate(model, [0, 1], 3, window=2)
    assert model.seen == [(1, 2)] * 3
    one, other = (nn.generate(model, [0], 30, rng=5) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_model_generates_in_evaluation_mode_and_stays_in_its_own():
    net = nn.Sequential(
        nn.Embedding(5, 4, rng=0),
        nn.Dropout(0.9, rng=0),
        nn.LSTM(4, 4, rng=0),
        nn.Dense(4, 5, initializer="he", rng=0),
    )
    model = nn.Model(net)
    found = [nn.generate(model, [0], 20, temperature=0).tolist() for _ in range(2)]
    assert found[0] == found[1] == nn.generate(net, [0], 20, temperature=0).tolist()
    assert net.training
    assert all(layer.training for layer in net)


def nan_network():
    net = nn.Sequential(nn.Embedding(3, 2, rng=0), nn.Dense(2, 3, rng=0))
    net[1].weights.data *= np.nan
    return net


# fmt: off
WRONG = [
    (TypeError,  lambda: nn.generate(lambda x: x, [0], 1),                 r"takes an nn.Model or a module, not .*function.*; write a function f as nn.Function\(f\)"),
    (ValueError, lambda: nn.generate(nan_network(), [0, 1], 1),            "Sequential returned NaN for the step after 2 integers"),
    (TypeError,  lambda: nn.generate(NextOf(), [0.0], 1),                  "starts from integers, but got list of dtype float64"),
    (ValueError, lambda: nn.generate(NextOf(), np.zeros((1, 1, 1), int), 1), r"not from shape \(1, 1, 1\)"),
    (ValueError, lambda: nn.generate(NextOf(), np.zeros((1, 0), int), 1),  r"not from shape \(1, 0\)"),
    (ValueError, lambda: nn.generate(NextOf(), [0], 0),                    "n of generate must be an integer of at least 1, not 0"),
    (ValueError, lambda: nn.generate(NextOf(), [0], 1, temperature=-1),    "temperature must be a number of at least 0, not -1"),
    (ValueError, lambda: nn.generate(NextOf(), [0], 1, top_k=0),           "top_k must be an integer of at least 1, not 0"),
    (ValueError, lambda: nn.generate(NextOf(), [0], 1, window=0),          "window must be"),
    (ValueError, lambda: nn.generate(nn.Embedding(3, 2), np.array([[4]]), 1), "rows for the integers 0 to 2"),
    (ValueError, lambda: nn.generate(nn.Flatten(), [0], 1).tolist() and nn.generate(nn.Function(np.ravel), [0, 1], 1), r"returned shape \(2,\)"),
]
# fmt: on


@pytest.mark.parametrize(("error", "call", "message"), WRONG)
def test_wrong_settings(error, call, message):
    with pytest.raises(error, match=message):
        call()
