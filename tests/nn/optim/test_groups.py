"""Groups, decay of weights, clipping and Muon, beside PyTorch, and through states and files."""

import copy
import json

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.optim.muon import orthogonalized

rng = np.random.default_rng(0)
SHAPES = [(3, 4), (4,), (5, 2)]
START = [rng.normal(size=shape) for shape in SHAPES]
GRADIENTS = [[rng.normal(size=shape) * 3 for shape in SHAPES] for _ in range(12)]


def leaves(start=START):
    return [tg.Tensor(a, requires_grad=True) for a in start]


def run(optimizer, parameters, gradients=GRADIENTS):
    """List the parameters after each step."""
    after = []
    for grads in gradients:
        for p, g in zip(parameters, grads):
            p.grad = tg.Tensor(g.astype(p.dtype))
        optimizer.step()
        after.append([p.data.copy() for p in parameters])
    return after


def assert_equal(found, expected, **tolerance):
    for step, other in zip(found, expected, strict=True):
        for a, b in zip(step, other, strict=True):
            np.testing.assert_allclose(a, b, **tolerance)


def torch_run(make, clip=None):
    """List PyTorch's parameters after each step; `clip` acts on the gradients first."""
    torch = pytest.importorskip("torch")
    parameters = [torch.tensor(a, requires_grad=True) for a in START]
    optimizer = make(torch.optim, parameters)
    after = []
    for grads in GRADIENTS:
        for p, g in zip(parameters, grads):
            p.grad = torch.tensor(g)
        if clip:
            clip(torch.nn.utils, parameters)
        optimizer.step()
        after.append([p.detach().numpy().copy() for p in parameters])
    return after


# fmt: off
GROUPS = [  # optimizer and settings of the groups, the same of torch
    (lambda groups: nn.SGD(groups, learning_rate=0.1), {}, {"learning_rate": 0.01, "momentum": 0.9},
     lambda o, a, b: o.SGD([{"params": a}, {"params": b, "lr": 0.01, "momentum": 0.9}], lr=0.1)),
    (lambda groups: nn.AdamW(groups, learning_rate=0.1, epsilon=1e-8), {"weight_decay": 0.0}, {"beta_1": 0.5, "weight_decay": 0.3},
     lambda o, a, b: o.AdamW([{"params": a, "weight_decay": 0.0}, {"params": b, "betas": (0.5, 0.999), "weight_decay": 0.3}], lr=0.1)),
    (lambda groups: nn.RMSprop(groups, learning_rate=0.1, epsilon=1e-8), {"rho": 0.5}, {"learning_rate": 0.0},
     lambda o, a, b: o.RMSprop([{"params": a, "alpha": 0.5}, {"params": b, "lr": 0.0}], lr=0.1, alpha=0.9)),
]
CLIPPED = [
    ({"clip_norm": 2.0},  lambda u, p: u.clip_grad_norm_(p, 2.0)),
    ({"clip_norm": 1e9},  lambda u, p: u.clip_grad_norm_(p, 1e9)),
    ({"clip_value": 0.5}, lambda u, p: u.clip_grad_value_(p, 0.5)),
]
# fmt: on


def grouped(make, first, second, parameters):
    a, b, c = parameters
    return make([{"parameters": [a, b], **first}, {"parameters": [c], **second}])


@pytest.mark.parametrize(("make", "first", "second", "theirs"), GROUPS)
def test_groups_step_as_torchs(make, first, second, theirs):
    parameters = leaves()
    found = run(grouped(make, first, second, parameters), parameters)
    expected = torch_run(lambda optim, p: theirs(optim, p[:2], p[2:]))
    assert_equal(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("make", "first", "second", "theirs"), GROUPS)
def test_a_state_holds_the_groups(make, first, second, theirs):
    straight = leaves()
    expected = run(grouped(make, first, second, straight), straight)
    parameters = leaves()
    optimizer = grouped(make, first, second, parameters)
    run(optimizer, parameters, GRADIENTS[:5])
    state = optimizer.state_dict()
    groups = json.loads(json.dumps(state["groups"]))
    again = type(optimizer)(leaves([p.data for p in parameters]))
    again.load_state_dict(state | {"groups": groups})
    assert again.groups[1].keys() == {"parameters", *second}
    assert_equal(run(again, again.parameters, GRADIENTS[5:]), expected[5:], rtol=0)
    assert_equal(run(copy.deepcopy(optimizer), [], GRADIENTS[:0]), [], rtol=0)


def test_a_schedule_and_a_change_of_one_group():
    p, q = leaves([np.zeros(1)] * 2)
    schedule = nn.schedules.step(1.0, 1, 0.5)
    optimizer = nn.SGD([{"parameters": [p], "learning_rate": schedule}, {"parameters": [q]}], 3.0)
    run(optimizer, [p, q], [[np.ones(1)] * 2] * 3)
    assert (p.data, q.data) == (-1.75, -9)
    assert optimizer.current_learning_rate == 0.25
    assert optimizer.state_dict()["groups"][0]["learning_rate"]["config"]["name"] == "step"
    optimizer.groups[1]["learning_rate"] = 1.0
    run(optimizer, [p, q], [[np.ones(1)] * 2])
    assert (p.data, q.data) == (-1.875, -10)
    optimizer.groups[1]["learning_rate"] = -1.0
    with pytest.raises(ValueError, match=r"learning_rate=-1\.0"):
        run(optimizer, [p, q], [[np.ones(1)] * 2])
    assert (p.data, q.data, optimizer.iterations) == (-1.875, -10, 4)


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        (lambda p, q: [{"params": [p]}], TypeError, r'of the form \{"parameters": .* its group 0 is a dict of \[\'params\'\]'),
        (lambda p, q: [{"parameters": [p]}, q], TypeError, "its group 1 is a Tensor"),
        (lambda p, q: [{"parameters": [p], "lr": 0.1}], TypeError, r"group 0 of Adam has the settings \['lr'\], but .*learning_rate"),
        (lambda p, q: [{"parameters": [p], "clip_norm": 1}], TypeError, "'clip_norm'"),
        (lambda p, q: [{"parameters": [p], "beta_1": 2}], ValueError, "beta_1=2"),
        (lambda p, q: [{"parameters": [p, q]}, {"parameters": [q]}], ValueError, "is in the groups 0 and 1 of Adam"),
        (lambda p, q: [{"parameters": []}], ValueError, "empty list"),
    ],
)  # fmt: skip
def test_malformed_groups(groups, error, words):
    with pytest.raises(error, match=words):
        nn.Adam(groups(*leaves([np.zeros(1)] * 2)))


@pytest.mark.parametrize(("settings", "clip"), CLIPPED)
def test_clipping_is_torchs(settings, clip):
    parameters = leaves()
    found = run(nn.Adam(parameters, 0.01, epsilon=1e-8, **settings), parameters)
    expected = torch_run(lambda optim, p: optim.Adam(p, lr=0.01), clip)
    assert_equal(found, expected, rtol=1e-6, atol=1e-9)  # PyTorch adds 1e-6 to the norm


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex128"])
@pytest.mark.parametrize("size", [3, 40_000])
def test_clipping_by_hand(dtype, size):
    w = np.ones(size, dtype)
    g = np.linspace(-2, 3, size).astype(dtype)
    norm = np.linalg.norm(g.astype(np.complex128))
    for settings, factor in (({"clip_norm": 0.5}, 0.5 / norm), ({}, 1)):
        (p,) = leaves([w])
        run(nn.SGD([p], 0.5, **settings), [p], [[g]])
        np.testing.assert_allclose(p.data, w - 0.5 * factor * g, rtol=2e-3)
    (p,) = leaves([w])
    optimizer = nn.SGD([p], 0.5, clip_value=0.7)
    p.grad = gradient = tg.Tensor(g)
    optimizer.step()
    np.testing.assert_allclose(p.data, w - 0.5 * np.clip(g.real, -0.7, 0.7), rtol=2e-3)
    np.testing.assert_array_equal(gradient.data, g)  # a gradient is read, never written


def test_a_norm_beyond_single_precision_is_clipped():
    (p,) = leaves([np.zeros(2, np.float32)])
    run(nn.SGD([p], 1.0, clip_norm=1.0), [p], [[np.array([3e30, 4e30])]])
    np.testing.assert_allclose(p.data, [-0.6, -0.8], rtol=1e-6)


def test_a_gradient_of_nan_is_not_clipped_but_refused():
    p, q = leaves([np.zeros(2)] * 2)
    optimizer = nn.Adam([p, q], clip_norm=1.0)
    with pytest.raises(FloatingPointError, match=r"gradient of parameter 1 .* NaN or infinity"):
        run(optimizer, [p, q], [[np.ones(2), np.array([1, np.nan])]])
    assert not p.data.any()
    assert optimizer.iterations == 0


@pytest.mark.parametrize("kind", [nn.SGD, nn.Adagrad, nn.RMSprop, nn.Adam, nn.AdamW, nn.Muon])
def test_the_decay_of_weights_is_decoupled(kind):
    plain, decayed = leaves(), leaves()
    run(kind(plain, 0.1, weight_decay=0), plain, GRADIENTS[:1])
    run(kind(decayed, 0.1, weight_decay=0.3), decayed, GRADIENTS[:1])
    for p, q, w in zip(plain, decayed, START):
        np.testing.assert_allclose(q.data, p.data - 0.03 * w, rtol=1e-12, atol=1e-14)


def test_two_ways_of_clipping_are_refused():
    with pytest.raises(ValueError, match=r"clip_norm=1.0 and clip_value=2.0, .* give one of them"):
        nn.Adam(clip_norm=1, clip_value=2)
    with pytest.raises(ValueError, match="clip_norm=0, but clip_norm must be above 0, or None"):
        nn.Adam(clip_norm=0)


# Muon


def test_muon_steps_as_torchs(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda t: t.clone())  # full precision
    parameters = leaves()

    def both(optim, p):
        muon = optim.Muon([p[0], p[2]], lr=0.02, adjust_lr_fn="match_rms_adamw")
        adam = optim.AdamW([p[1]], lr=0.02, weight_decay=0.1, eps=1e-7)

        class Both:
            def step(self):
                muon.step()
                adam.step()

        return Both()

    found = run(nn.Muon(parameters, learning_rate=0.02), parameters)
    assert_equal(found, torch_run(both), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (3, 7), (7, 3), (1, 5)])
def test_a_step_of_muon_is_nearly_orthogonal(shape):
    u = np.random.default_rng(1).normal(size=shape)
    values = np.linalg.svd(orthogonalized(u), compute_uv=False)
    assert values.min() > 0.3
    assert values.max() < 1.3
    left, _, right = np.linalg.svd(u, full_matrices=False)
    turned = left.T @ orthogonalized(u) @ right.T
    np.testing.assert_allclose(turned, np.diag(np.diagonal(turned)), atol=1e-12)


def test_muon_in_groups_states_and_large_matrices():
    a, b = rng.normal(size=(2, 60, 40)).astype(np.float32)
    p, q = leaves([a, b])
    optimizer = nn.Muon([{"parameters": [p]}, {"parameters": [q], "momentum": 0.5}])
    grads = [[np.float32(a * b), np.float32(a + b)]] * 3
    after = run(optimizer, [p, q], grads)
    r, s = leaves(after[0])
    other = nn.Muon([{"parameters": [r]}, {"parameters": [s], "momentum": 0.5}])
    fresh = leaves([a, b])
    first = nn.Muon([{"parameters": fresh[:1]}, {"parameters": fresh[1:], "momentum": 0.5}])
    run(first, fresh, grads[:1])
    other.load_state_dict(first.state_dict())
    assert_equal(run(other, [r, s], grads[1:]), after[1:], rtol=0)


def test_muon_refuses_complex_parameters():
    (p,) = leaves([np.ones((2, 2), np.complex128)])
    with pytest.raises(TypeError, match="looks at whole parameters of real numbers"):
        run(nn.Muon([p]), [p], [[np.ones((2, 2))]])
