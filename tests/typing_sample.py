"""Code as users write it: mypy and pyright accept it, and the types that they see are the real ones.

A test runs it too, with an `assert_type` that looks at the values.
"""

from typing import Any, assert_type

import numpy as np

import nn
import tensorgrad as tg

# Tensors
x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
w = tg.Tensor([0.5, -1.0], requires_grad=True)
n = tg.Tensor([1, 2, 3])
assert_type(x.shape, tuple[int, ...])
assert_type(x.ndim, int)
assert_type(x.size, int)
assert_type(x.requires_grad, bool)
assert_type(x.grad, tg.Tensor | None)
assert_type(x.detach(), tg.Tensor)
assert_type(x.T, tg.Tensor)
assert_type(x.mT, tg.Tensor)
assert_type(x.real, tg.Tensor)
assert_type(x.imag, tg.Tensor)
assert_type(len(x), int)
assert_type({x: "x", w: "w"}[x], str)
assert_type([row.sum() for row in x], list[tg.Tensor])

# Operators
assert_type(x * w, tg.Tensor)
assert_type(x @ w, tg.Tensor)
assert_type(x - 1, tg.Tensor)
assert_type(2 / x, tg.Tensor)
assert_type(2**x, tg.Tensor)
assert_type(x % 2, tg.Tensor)
assert_type(-x, tg.Tensor)
assert_type(+x, tg.Tensor)
assert_type(abs(x), tg.Tensor)
assert_type(x + np.ones(2), tg.Tensor)
assert_type(np.float64(2) * x, tg.Tensor)
scaled = np.ones(2) * x  # a Tensor, but NumPy's stubs say ndarray
assert_type(x[0], tg.Tensor)
assert_type(x[:, None], tg.Tensor)
assert_type(x[x > 1], tg.Tensor)
assert_type((x**2 + 1).sum(axis=0), tg.Tensor)
assert_type(x < 1, Any)
assert_type(x == w, Any)
assert_type(n // 2, Any)
assert_type(n & 1, Any)
assert_type(~n, Any)
quotient, remainder = divmod(n, 2)
assert_type(remainder, tg.Tensor)
c = x.detach()
c += 1
c *= w.detach()
c[0] = 0.0
assert_type(c, tg.Tensor)

# Methods
assert_type(x.sum(axis=0, keepdims=True), tg.Tensor)
assert_type(x.sum(), tg.Tensor)
assert_type(x.mean(axis=(0, 1)), tg.Tensor)
assert_type(x.max(axis=-1), tg.Tensor)
assert_type(x.min(initial=5.0), tg.Tensor)
assert_type(x.prod(0), tg.Tensor)
assert_type(x.var(ddof=1), tg.Tensor)
assert_type(x.std(axis=1), tg.Tensor)
assert_type(x.cumsum(axis=0), tg.Tensor)
assert_type(x.cumprod(axis=0), tg.Tensor)
assert_type(x.clip(0, 3), tg.Tensor)
assert_type(x.clip(min=0), tg.Tensor)
assert_type(x.dot(w), tg.Tensor)
assert_type(x.take([0, 1], axis=0), tg.Tensor)
assert_type(x.repeat(2, axis=0), tg.Tensor)
assert_type(x.swapaxes(0, 1), tg.Tensor)
assert_type(x.diagonal(), tg.Tensor)
assert_type(x.trace(), tg.Tensor)
assert_type(x.ravel(), tg.Tensor)
assert_type(x.reshape(4), tg.Tensor)
assert_type(x.reshape((4, 1)), tg.Tensor)
assert_type(x.transpose(1, 0), tg.Tensor)
assert_type(x.flatten(), tg.Tensor)
assert_type(x.squeeze(), tg.Tensor)
assert_type(x.copy(), tg.Tensor)
assert_type(x.conj(), tg.Tensor)
assert_type(x.compress([True, False], axis=0), tg.Tensor)
assert_type(x.argmax(axis=1), Any)
assert_type(x.argsort(), np.ndarray)
assert_type(x.nonzero(), tuple[np.ndarray, ...])
assert_type(x.all(), Any)
assert_type(x.astype(np.float32), Any)
assert_type(x.numpy() if not x.requires_grad else x.data, np.ndarray)
number: float = x.sum().item()
c.sort()
c.partition(1)
c.put([0], [2.0])
c.fill(1.0)

# Gradients
(x * w).sum().backward()
np.sum(np.tanh(x * w) ** 2).backward()
x.zero_grad()
remove = w.register_hook(lambda g: 2 * g)
remove()


def loss(p: tg.Tensor) -> tg.Tensor:
    return (p**2).sum()


gradient = tg.grad(loss)(x)
value, gradients = tg.value_and_grad(loss, argnums=0)(x)
matrix = tg.jacobian(lambda p: p * 2)(w)
second = tg.hessian(loss)(w)
outputs, pullback = tg.vjp(loss, x)[:2]
tangent = tg.jvp(loss, (x,), (x.data,))[1]
tg.check_grads(loss, x.data)

with tg.no_grad():
    assert_type(x * w, tg.Tensor)
    with tg.enable_grad():
        x.sum().backward()


@tg.no_grad
def predict(p: tg.Tensor, scale: float = 1.0) -> tg.Tensor:
    return p * scale


@tg.enable_grad()
def record(p: tg.Tensor) -> int:
    return p.ndim


assert_type(predict(x, scale=2.0), tg.Tensor)
assert_type(record(x), int)

# Functions that NumPy lacks
assert_type(tg.relu(x), tg.Tensor)
assert_type(tg.leaky_relu(x, slope=0.1), tg.Tensor)
assert_type(tg.sigmoid(x), tg.Tensor)
assert_type(tg.softplus(x), tg.Tensor)
assert_type(tg.ndtr(x), tg.Tensor)
assert_type(tg.softmax(x, axis=0), tg.Tensor)
assert_type(tg.log_softmax(x), tg.Tensor)
assert_type(tg.logsumexp(x, axis=(0, 1), keepdims=True), tg.Tensor)
assert_type(tg.linear(x.data, x, w), tg.Tensor)
assert_type(tg.dropout(x, np.ones(2)), tg.Tensor)
assert_type(tg.windows(x, (2, 1)), tg.Tensor)
assert_type(tg.fold(tg.windows(x, (2, 1)), (2, 2)), tg.Tensor)
assert_type(tg.softmax_cross_entropy(x, np.array([0, 1])), tg.Tensor)
assert_type(tg.sigmoid_cross_entropy(x, np.ones((2, 2))), tg.Tensor)


# Functions of one's own
@tg.primitive
def double(a: Any) -> Any:
    return 2 * a


tg.rule(double, lambda g, _out, _a: 2 * g)
doubled: tg.Tensor = double(x)


@tg.primitive
def halve(a: tg.Tensor, times: int = 1) -> tg.Tensor:
    return a / 2**times


tg.rule(halve, lambda g, _out, _a, times=1: g / 2**times)
assert_type(halve(x, times=2), tg.Tensor)


@tg.custom_gradient
def straight_through(a: Any) -> tuple[Any, Any]:
    return np.round(a), lambda g: g


rounded: tg.Tensor = straight_through(x)
again: tg.Tensor = tg.checkpoint(loss)(x)

# Networks
layer = nn.Dense(2, 3, rng=np.random.default_rng(0))
assert_type(layer(x), tg.Tensor)
assert_type(layer(x).sum(axis=1), tg.Tensor)
model = nn.Sequential(nn.Dense(2, 4), nn.ReLU(), nn.Dense(4, 2))
assert_type(model(x), tg.Tensor)
