"""Derivatives of functions: gradient, Jacobian and Hessian-vector product of a small network, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg
from benchmarks.harness import Step, Workload

Inputs = tuple[np.ndarray, ...]  # x, W1, b1, W2, b2, v
Way = Callable[[Inputs], Step]


def inputs(_quick: bool) -> Inputs:
    rng = np.random.default_rng(0)
    shapes = (16, 8), (8, 32), (32,), (32, 4), (4,), (16, 8)
    return tuple(rng.normal(size=shape) / 2 for shape in shapes)


def network(tanh: Callable[[Any], Any], parameters: Inputs) -> Callable[[Any], Any]:
    """Return the network as a function.

    Shapes: x (..., 8) -> (..., 4).
    """
    W1, b1, W2, b2 = parameters
    return lambda x: tanh(tanh(x @ W1 + b1) @ W2 + b2)


def ours(name: str, of: Callable[[Any, Any, Any], Any]) -> Way:
    """Apply the function of that name in tensorgrad."""

    def way(inputs: Inputs) -> Step:
        x, *parameters, v = inputs
        return of(getattr(tg, name), network(np.tanh, parameters), (x, v))

    return way


def torch(of: Callable[[Any, Any, Any], Any]) -> Way:
    def way(inputs: Inputs) -> Step:
        import torch

        x, *parameters, v = map(torch.tensor, inputs)
        return of(torch, network(torch.tanh, parameters), (x, v))

    return way


def jax(of: Callable[[Any, Any, Any], Any], jit: bool = True) -> Way:
    def way(inputs: Inputs) -> Step:
        import jax

        jax.config.update("jax_enable_x64", True)
        x, *parameters, v = map(jax.numpy.asarray, inputs)
        f = of(jax, network(jax.numpy.tanh, parameters))
        f = jax.jit(f) if jit else f
        return lambda: jax.block_until_ready(f(x, v))

    return way


def autograd(of: Callable[[Any, Any, Any], Any]) -> Way:
    def way(inputs: Inputs) -> Step:
        import autograd
        import autograd.numpy as anp

        x, *parameters, v = inputs
        return of(autograd, network(anp.tanh, parameters), (x, v))

    return way


def total(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(x).sum()


def call(f: Callable[..., Any], *args: Any) -> Step:
    return lambda: (f(*args),)


def rows(kind: str) -> dict[str, Way]:
    """Return every peer's gradient of the sum, Jacobian of the first sample, or H v of the sum."""
    # fmt: off
    ours_of = {
        "grad":     lambda grad, f, a:     call(grad(total(f)), a[0]),
        "jacobian": lambda jacobian, f, a: call(jacobian(f), a[0][0]),
        "hvp":      lambda hvp, f, a:      call(hvp, total(f), *a),
    }
    compiled_of = {
        "grad":     lambda grad, f, a:     call(tg.compile(grad(total(f))), a[0]),
        "jacobian": lambda jacobian, f, a: call(tg.compile(jacobian(f)), a[0][0]),
        "hvp":      lambda hvp, f, a:      call(tg.compile(lambda x, v: hvp(total(f), x, v)), *a),
    }
    torch_of = {
        "grad":     lambda torch, f, a: call(torch.func.grad(total(f)), a[0]),
        "jacobian": lambda torch, f, a: call(torch.autograd.functional.jacobian, f, a[0][0]),
        "hvp":      lambda torch, f, a: lambda: torch.autograd.functional.hvp(total(f), *a)[1:],
    }
    jax_of = {
        "grad":     lambda jax, f: lambda x, _v: (jax.grad(total(f))(x),),
        "jacobian": lambda jax, f: lambda x, _v: (jax.jacrev(f)(x[0]),),
        "hvp":      lambda jax, f: lambda x, v: jax.jvp(jax.grad(total(f)), (x,), (v,))[1:],
    }
    autograd_of = {
        "grad":     lambda ag, f, a: call(ag.grad(lambda x: ag.numpy.sum(f(x))), a[0]),
        "jacobian": lambda ag, f, a: call(ag.jacobian(f), a[0][0]),
        "hvp":      lambda ag, f, a: call(ag.hessian_vector_product(lambda x: ag.numpy.sum(f(x))), *a),
    }
    # fmt: on
    return {
        "tensorgrad": ours(kind, ours_of[kind]),
        "compiled": ours(kind, compiled_of[kind]),
        "torch": torch(torch_of[kind]),
        "jax": jax(jax_of[kind]),
        "jax eager": jax(jax_of[kind], jit=False),
        "autograd": autograd(autograd_of[kind]),
    }


# fmt: off
WORKLOADS = [
    Workload("MLP 8-32-4: gradient",               inputs, rows("grad"),     tolerance=1e-9),
    Workload("MLP 8-32-4: Jacobian",               inputs, rows("jacobian"), tolerance=1e-9, goals={"compiled / jax": 1.4}),
    Workload("MLP 8-32-4: Hessian-vector product", inputs, rows("hvp"),      tolerance=1e-9, goals={"compiled / jax": 0.6}),
]
# fmt: on
