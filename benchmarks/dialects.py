"""The peers' names of the functions of a network, and their ways to compute value and gradients.

A formula is `f(xp, *leaves, *constants)`, with `xp` the peer's namespace; `ways(f)` turns it into a step for every
peer, which returns the value and the gradients in the leaves.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import tensorgrad as tg
from benchmarks.harness import Step

Formula = Callable[..., Any]
Inputs = tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]  # leaves, constants


OURS = SimpleNamespace(
    tanh=np.tanh,
    exp=np.exp,
    relu=tg.relu,
    linear=tg.linear,
    cross_entropy=tg.softmax_cross_entropy,
    logsumexp=tg.logsumexp,
    max=np.max,
    sum=np.sum,
    mean=np.mean,
    var=np.var,
    rows=lambda x, index: x[index],
)


def _tensorgrad(formula: Formula, inputs: Inputs) -> Step:
    leaves = [tg.Tensor(x, requires_grad=True) for x in inputs[0]]

    def step() -> Any:
        for p in leaves:
            p.grad = None
        out = formula(OURS, *leaves, *inputs[1])
        out.backward()
        return out, *[p.grad for p in leaves]

    return step


def _compiled(formula: Formula, inputs: Inputs) -> Step:
    args = [*inputs[0], *inputs[1]]
    f = compiled_gradient(formula, len(inputs[0]))
    f.program(*args)  # traced now, so that the memory of a step is not that of tracing

    def step() -> Any:
        out, grads = f(*args)
        return out, *grads

    return step


def compiled_gradient(formula: Formula, leaves: int) -> Any:
    """Return the compiled function from the leaves and constants to the value and its gradients."""
    value_and_grad = tg.value_and_grad(lambda *args: formula(OURS, *args), tuple(range(leaves)))
    return tg.compile(value_and_grad)


def _torch(formula: Formula, inputs: Inputs, compiled: bool = False) -> Step:
    import torch
    import torch.nn.functional as F

    leaves = [torch.tensor(x, requires_grad=True) for x in inputs[0]]
    constants = [torch.tensor(x) for x in inputs[1]]
    xp = SimpleNamespace(
        tanh=torch.tanh,
        exp=torch.exp,
        relu=F.relu,
        linear=lambda x, W, b: torch.addmm(b, x, W),
        cross_entropy=F.cross_entropy,
        logsumexp=lambda x, axis: torch.logsumexp(x, axis),
        max=lambda x, axis: torch.amax(x, axis),
        sum=torch.sum,
        mean=torch.mean,
        var=lambda x, axis: torch.var(x, axis, correction=0),
        rows=lambda x, index: F.embedding(index, x),
    )

    def value(*args: Any) -> Any:
        return formula(xp, *args)

    f = torch.compile(value) if compiled else value

    def step() -> Any:
        for p in leaves:
            p.grad = None
        out = f(*leaves, *constants)
        out.backward()
        return out, *[p.grad for p in leaves]

    return step


def torch_compiled(formula: Formula) -> Callable[[Inputs], Step]:
    """Return the step of a formula by torch.compile, which takes a minute to compile the longer ones."""
    return lambda inputs: _torch(formula, inputs, compiled=True)


def _jax(formula: Formula, inputs: Inputs, jit: bool = True) -> Step:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    xp = SimpleNamespace(
        tanh=jnp.tanh,
        exp=jnp.exp,
        relu=jax.nn.relu,
        linear=lambda x, W, b: x @ W + b,
        cross_entropy=lambda z, y: -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(len(y)), y]),
        logsumexp=jax.nn.logsumexp,
        max=jnp.max,
        sum=jnp.sum,
        mean=jnp.mean,
        var=jnp.var,
        rows=lambda x, index: x[index],
    )
    f = jax.value_and_grad(lambda *args: formula(xp, *args), argnums=tuple(range(len(inputs[0]))))
    if jit:
        f = jax.jit(f)
    args = [jnp.asarray(x) for x in (*inputs[0], *inputs[1])]

    def step() -> Any:
        out, grads = jax.block_until_ready(f(*args))
        return out, *grads

    return step


def _jax_eager(formula: Formula, inputs: Inputs) -> Step:
    return _jax(formula, inputs, jit=False)


def _autograd(formula: Formula, inputs: Inputs) -> Step:
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    xp = SimpleNamespace(
        tanh=anp.tanh,
        exp=anp.exp,
        relu=lambda x: anp.maximum(x, 0),
        linear=lambda x, W, b: anp.dot(x, W) + b,
        cross_entropy=lambda z, y: anp.mean(logsumexp(z, axis=1) - z[np.arange(len(y)), y]),
        logsumexp=logsumexp,
        max=anp.max,
        sum=anp.sum,
        mean=anp.mean,
        var=anp.var,
        rows=lambda x, index: x[index],
    )
    f = value_and_grad(lambda leaves: formula(xp, *leaves, *inputs[1]))

    def step() -> Any:
        out, grads = f(inputs[0])
        return out, *grads

    return step


def _mygrad(formula: Formula, inputs: Inputs) -> Step:
    import mygrad as mg
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    leaves = [mg.tensor(x) for x in inputs[0]]
    xp = SimpleNamespace(
        tanh=mg.tanh,
        exp=mg.exp,
        relu=relu,
        linear=lambda x, W, b: mg.matmul(x, W) + b,
        cross_entropy=softmax_crossentropy,
        logsumexp=lambda x, axis: mg.log(mg.sum(mg.exp(x), axis=axis)),
        max=mg.max,
        sum=mg.sum,
        mean=mg.mean,
        var=mg.var,
        rows=lambda x, index: x[index],
    )

    def step() -> Any:
        for p in leaves:
            p.null_grad()
        out = formula(xp, *leaves, *inputs[1])
        out.backward()
        return out, *[p.grad for p in leaves]

    return step


DIALECTS = {
    "tensorgrad": _tensorgrad,
    "compiled": _compiled,
    "torch": _torch,
    "jax": _jax,
    "jax eager": _jax_eager,
    "autograd": _autograd,
    "mygrad": _mygrad,
}


def ways(formula: Formula, **others: Callable[[Inputs], Any]) -> dict[str, Callable[[Inputs], Any]]:
    """Return the steps of a formula by peer, for all dialects and some further peers."""
    translated = {
        peer: lambda inputs, dialect=dialect: dialect(formula, inputs)
        for peer, dialect in DIALECTS.items()
    }
    return translated | others
