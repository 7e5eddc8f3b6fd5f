"""Random expressions against PyTorch, and random reductions against differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from tests.torch_functions import torch

# Of bounded slope, so that a dozen of them in a row stay comparable.
# fmt: off
UNARY = {
    "sin":     (np.sin,                          lambda t: torch.sin(t)),
    "tanh":    (np.tanh,                         lambda t: torch.tanh(t)),
    "arctan":  (np.arctan,                       lambda t: torch.arctan(t)),
    "sigmoid": (tg.sigmoid,                      lambda t: torch.sigmoid(t)),
    "relu":    (tg.relu,                         lambda t: torch.relu(t)),
    "abs":     (abs,                             lambda t: abs(t)),
    "sqrt":    (lambda x: np.sqrt(x * x + 1),    lambda t: torch.sqrt(t * t + 1)),
    "log":     (lambda x: np.log1p(x**2),        lambda t: torch.log1p(t**2)),
    "negate":  (lambda x: -x,                    lambda t: -t),
    "self":    (lambda x: x * x / (1 + abs(x)),  lambda t: t * t / (1 + abs(t))),
    "clip":    (lambda x: np.clip(x, -1.5, 0.7), lambda t: torch.clamp(t, -1.5, 0.7)),
    "T":       (lambda x: x.T,                   lambda t: t.mT if t.ndim > 1 else t),
    "sum":     (lambda x: np.sum(x, axis=0, keepdims=True) / 3 if x.ndim else x,  lambda t: torch.sum(t, 0, True) / 3 if t.ndim else t),
    "softmax": (lambda x: tg.softmax(x) if x.ndim else x, lambda t: torch.softmax(t, -1) if t.ndim else t),
    "cumsum":  (lambda x: np.cumsum(x, axis=0) / 3 if x.ndim else x, lambda t: torch.cumsum(t, 0) / 3 if t.ndim else t),
    "mean":    (np.mean,                         lambda t: torch.mean(t)),
    "max":     (np.max,                          lambda t: torch.amax(t)),
    "row":     (lambda x: x[0] if x.ndim else x, lambda t: t[0] if t.ndim else t),
}
BINARY = {
    "add":       (lambda x, y: x + y,                lambda t, u: t + u),
    "subtract":  (lambda x, y: x - y,                lambda t, u: t - u),
    "multiply":  (lambda x, y: x * y / 2,            lambda t, u: t * u / 2),
    "divide":    (lambda x, y: x / (1 + y**2),       lambda t, u: t / (1 + u**2)),
    "maximum":   (np.maximum,                        lambda t, u: torch.maximum(t, u)),
    "minimum":   (np.minimum,                        lambda t, u: torch.minimum(t, u)),
    "hypot":     (lambda x, y: np.hypot(x, 1 + y),   lambda t, u: torch.hypot(t, 1 + u)),
    "arctan2":   (lambda x, y: np.arctan2(x, 2 + y), lambda t, u: torch.arctan2(t, 2 + u)),
    "where":     (lambda x, y: np.where(x > y, x, y * 0.5), lambda t, u: torch.where(t > u, t, u * 0.5)),
    "logaddexp": (np.logaddexp,                      lambda t, u: torch.logaddexp(t, u)),
    "power":     (lambda x, y: (1 + x * x) ** np.tanh(y), lambda t, u: (1 + t * t) ** torch.tanh(u)),
}
# fmt: on
SHAPES = [(), (3,), (1, 3), (3, 1), (3, 3)]  # which broadcast together, and transposed too

step = st.tuples(
    st.sampled_from([*UNARY, *BINARY, *BINARY]), st.integers(0, 99), st.integers(0, 99)
)


def run(program, leaves, which):
    """Every step takes values made before it; the last value holds all that no step has used."""
    values, used = list(leaves), set()
    for name, i, j in program:
        i, j = i % len(values), j % len(values)
        if name in UNARY:
            values.append(UNARY[name][which](values[i]))
            used.add(i)
        else:
            values.append(BINARY[name][which](values[i], values[j]))
            used |= {i, j}
    return sum((v * v).sum() for k, v in enumerate(values) if k not in used)


@settings(max_examples=150, deadline=None)
@given(
    shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4),
    program=st.lists(step, min_size=1, max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_gradients_and_their_gradients_are_pytorchs(shapes, program, seed):
    pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    data = [rng.standard_normal(shape) for shape in shapes]
    directions = [rng.standard_normal(shape) for shape in shapes]

    ours = [tg.Tensor(x, requires_grad=True) for x in data]
    y = run(program, ours, 0)
    y.backward(create_graph=True)
    first = [t.grad for t in ours]
    theirs = [torch.tensor(x, requires_grad=True) for x in data]
    their_y = run(program, theirs, 1)
    their_first = torch.autograd.grad(their_y, theirs, create_graph=True, materialize_grads=True)
    assert y.item() == pytest.approx(their_y.item(), rel=1e-10)
    for g, h in zip(first, their_first):
        np.testing.assert_allclose(
            0 if g is None else g.data, h.detach().numpy(), rtol=1e-8, atol=1e-10
        )

    along = sum((g * v).sum() for g, v in zip(first, directions) if g is not None)
    their_along = sum((g * torch.tensor(v)).sum() for g, v in zip(their_first, directions))
    if not their_along.requires_grad:
        return
    for t in ours:
        t.zero_grad()
    if isinstance(along, tg.Tensor) and along.requires_grad:
        along.backward()
    their_second = torch.autograd.grad(their_along, theirs, materialize_grads=True)
    for t, h in zip(ours, their_second):
        g = 0 if t.grad is None else t.grad.data
        np.testing.assert_allclose(g, h.numpy(), rtol=1e-7, atol=1e-8)


MASKED = (np.sum, np.mean, np.prod, np.var, np.nansum, np.nanmean)
WHOLE = (np.max, np.min, np.ptp, np.median, tg.logsumexp, np.std, np.nanmax, np.fmin.reduce)


@settings(max_examples=100, deadline=None)
@given(
    f=st.sampled_from([*MASKED, *WHOLE]),
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple),
    data=st.data(),
)
def test_reductions_along_any_axes_and_under_any_mask(f, shape, data):
    axes = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1) | axes.map(tuple))
    keywords = {"axis": axis, "keepdims": data.draw(st.booleans())}
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    n = int(np.prod(shape))
    x = (rng.permutation(n).reshape(shape) + rng.uniform(0.2, 0.8, shape)) / 4 + 0.1
    if f in MASKED and data.draw(st.booleans()):
        where = rng.random(shape) < 0.7
        if np.all(np.any(where, axis=axis)):  # NumPy warns of a mean of nothing
            keywords["where"] = where
    counted = np.sum(np.ones(shape), axis=axis)
    if f is np.std and np.any(counted < 2):
        return  # a corner, as abs has it
    tg.check_grads(lambda t: f(t, **keywords), x)
    args = (tg.Tensor(x),)
    np.testing.assert_allclose(
        f(*args, **keywords).data, getattr(f, "compute", f)(x, **keywords), rtol=1e-12
    )
