"""Optimizers against PyTorch's, step by step, and their settings in descriptions and states."""

import json

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.config import build, describe
from tests.nn.optim.test_optimizers import follow

rng = np.random.default_rng(0)
START = rng.normal(size=(3, 4))
GRADIENTS = rng.normal(size=(20, 3, 4))

# fmt: off
CASES = [  # ours, the same of torch.optim
    (nn.SGD(learning_rate=0.1, momentum=0.9),                       lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9)),
    (nn.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),        lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    (nn.RMSprop(learning_rate=0.01, epsilon=1e-8, rho=0.8),         lambda optim, p: optim.RMSprop(p, lr=0.01, alpha=0.8)),
    (nn.Adagrad(learning_rate=0.1, epsilon=1e-10),                  lambda optim, p: optim.Adagrad(p, lr=0.1)),
    (nn.Adam(learning_rate=0.01, epsilon=1e-8),                     lambda optim, p: optim.Adam(p, lr=0.01)),
    (nn.AdamW(learning_rate=0.01, epsilon=1e-8),                    lambda optim, p: optim.AdamW(p, lr=0.01)),
    (nn.AdamW(learning_rate=0.01, epsilon=1e-8, weight_decay=0.3, beta_2=0.9), lambda optim, p: optim.AdamW(p, lr=0.01, weight_decay=0.3, betas=(0.9, 0.9))),
]
# fmt: on
every_case = pytest.mark.parametrize(
    ("optimizer", "theirs"), CASES, ids=[repr(case[0]) for case in CASES]
)


def steps(optimizer, gradients, start=START):
    """List the parameter after each step with these gradients."""
    p = tg.Tensor(start, requires_grad=True)
    optimizer.parameters = [p]
    return follow(optimizer, gradients)


@every_case
def test_twenty_steps_are_torchs(optimizer, theirs):
    torch = pytest.importorskip("torch")
    p = torch.tensor(START, requires_grad=True)
    other = theirs(torch.optim, [p])
    for found, g in zip(steps(build(describe(optimizer)), GRADIENTS), GRADIENTS, strict=True):
        p.grad = torch.tensor(g)
        other.step()
        np.testing.assert_allclose(found, p.detach().numpy(), rtol=1e-10, atol=1e-12)


@every_case
def test_descriptions_and_states_hold_all_settings(optimizer, theirs):
    again = build(json.loads(json.dumps(describe(optimizer))))
    assert repr(again) == repr(optimizer)
    first = build(describe(optimizer))
    middle = steps(first, GRADIENTS[:5])[-1]
    other = type(optimizer)()
    other.parameters = [tg.Tensor(middle, requires_grad=True)]
    other.load_state_dict(first.state_dict())
    assert describe(other) == describe(optimizer)
    assert repr(other) == repr(optimizer)
    straight = steps(build(describe(optimizer)), GRADIENTS[:8])[5:]
    (p,) = other.parameters
    for g, expected in zip(GRADIENTS[5:8], straight, strict=True):
        p.grad = tg.Tensor(g)
        other.step()
        np.testing.assert_array_equal(p.data, expected)


def test_the_decay_of_weights_is_decoupled_from_their_gradient():
    after = steps(nn.AdamW(learning_rate=0.1, weight_decay=0.5), np.zeros((3, 3, 4)))
    np.testing.assert_allclose(after[-1], START * 0.95**3)
