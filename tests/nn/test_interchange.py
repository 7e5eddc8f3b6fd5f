"""Weights to and from PyTorch, with equal outputs."""

import sys

import numpy as np
import pytest

import nn

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def network():
    rng = np.random.default_rng(1)
    first, second = (nn.Dense(*n, initializer="he", rng=rng) for n in ((4, 7), (7, 3)))
    first.biases.data += 0.5
    return nn.Sequential(first, nn.Tanh(), second)


def torch_network(torch):
    return torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))


class Named(nn.Module):
    """A module of one's own, with parts in a list and an array with a name of its own."""

    def __init__(self):
        self.parts = [nn.Dense(4, 7, rng=0), nn.Dense(7, 3, rng=1)]
        self.buffer("scale", np.float32([2.0]))

    def forward(self, x):
        return self.scale * self.parts[1](np.tanh(self.parts[0](x)))


def test_to_torch_and_back():
    torch = pytest.importorskip("torch")
    ours, theirs = network(), torch_network(torch)
    assert theirs.load_state_dict(nn.to_torch(ours)).missing_keys == []
    with torch.no_grad():
        outputs = theirs(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(outputs, ours(X).data, rtol=1e-5, atol=1e-6)
    again = nn.Sequential(nn.Dense(4, 7), nn.Tanh(), nn.Dense(7, 3))
    assert nn.from_torch(theirs.state_dict(), again) is again
    np.testing.assert_equal(again.state_dict(), ours.state_dict())
    nn.from_torch({k: v.numpy() for k, v in theirs.state_dict().items()}, again)
    half = {k: v.to(torch.bfloat16) for k, v in theirs.state_dict().items()}
    np.testing.assert_allclose(nn.from_torch(half, again)(X).data, outputs, atol=0.05)


def test_names_of_another_module():
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = torch.nn.Linear(4, 7), torch.nn.Linear(7, 3)
            self.register_buffer("scale", torch.tensor([3.0]))

        def forward(self, x):
            return self.scale * self.fc2(torch.tanh(self.fc1(x)))

    theirs, ours = Theirs(), Named()
    names = {"parts.0": "fc1", "parts.1": "fc2"}
    nn.from_torch(theirs.state_dict(), ours, names)
    with torch.no_grad():
        outputs = theirs(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(ours(X).data, outputs, rtol=1e-5, atol=1e-6)
    theirs.load_state_dict(nn.to_torch(ours, names))


def test_a_counter_of_batches_is_made_and_left_out():
    class Norm(nn.Module):
        torch_layout = {"gain": ("weight", None), "shift": ("bias", None)}

        def __init__(self):
            self.gain, self.shift = (nn.Dense(1, 4).biases for _ in range(2))
            self.buffer("running_mean", np.arange(4, dtype=np.float32))
            self.buffer("running_var", np.arange(1, 5, dtype=np.float32))

    torch = pytest.importorskip("torch")
    theirs = torch.nn.BatchNorm1d(4)
    theirs.load_state_dict(nn.to_torch(Norm()))
    assert theirs.running_mean.tolist() == [0, 1, 2, 3]
    nn.from_torch(theirs.state_dict(), Norm())


def test_what_does_not_fit_changes_nothing():
    ours = network()
    before = ours.state_dict()
    state = {"0.weight": np.zeros((7, 4)), "0.bias": np.zeros(7), "fc.weight": np.zeros((3, 7))}
    with pytest.raises(
        ValueError, match=r"lacks 2.weight for 2.weights, 2.bias for 2.biases, and has fc.weight"
    ):
        nn.from_torch(state, ours)
    state = {
        "0.weight": np.zeros((4, 7)),
        "0.bias": np.zeros(7),
        "2.weight": np.zeros((3, 7)),
        "2.bias": np.zeros(3),
    }
    with pytest.raises(ValueError, match=r"0.weights has shape \(7, 4\), but \(4, 7\) is needed"):
        nn.from_torch(state, ours)
    np.testing.assert_equal(ours.state_dict(), before)
    with pytest.raises(
        TypeError, match=r"not a Linear; write from_torch\(net\.state_dict\(\), module"
    ):
        nn.from_torch(type("Linear", (), {"state_dict": dict})(), ours)
    with pytest.raises(
        TypeError, match=r"takes the state_dict of a PyTorch module, .* not a list$"
    ):
        nn.from_torch([np.zeros((7, 4))], ours)
    np.testing.assert_equal(ours.state_dict(), before)


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="run pip install torch"):
        nn.to_torch(network())


def test_a_convolutional_network_in_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    ours = nn.Sequential(
        nn.Conv2D(2, 4, (3, 5), stride=2, padding=1, rng=rng),
        nn.BatchNorm(4),
        nn.ReLU(),
        nn.Conv2D(4, 6, 3, groups=2, padding=1, dilation=2, rng=rng),
        nn.GroupNorm(3, 6),
        nn.GlobalAveragePool2D(),
        nn.LayerNorm(6),
        nn.Dense(6, 3, rng=rng, bias=False),
    )
    images = rng.normal(size=(5, 9, 11, 2)).astype(np.float32)
    ours(images)  # moves the running statistics
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, (3, 5), stride=2, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 6, 3, groups=2, padding=1, dilation=2),
        torch.nn.GroupNorm(3, 6),
        torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()),
        torch.nn.LayerNorm(6),
        torch.nn.Linear(6, 3, bias=False),
    )
    theirs.load_state_dict(nn.to_torch(ours))
    with torch.no_grad():
        outputs = theirs.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    np.testing.assert_allclose(outputs, ours.eval()(images).data, rtol=1e-4, atol=1e-5)
    before = ours.state_dict()
    for p in ours.parameters():
        p.data = np.zeros_like(p.data)
    nn.from_torch(theirs.state_dict(), ours)
    np.testing.assert_equal(ours.state_dict(), before)
