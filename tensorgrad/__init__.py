"""tensorgrad: an ndarray that remembers. Write NumPy, get gradients of any order, see the graph."""

import typing as _typing
from importlib import import_module as _import_module

from tensorgrad import neighbours as _neighbours  # noqa: F401  # registers a backend in einops
from tensorgrad import scipy as _scipy  # noqa: F401  # registers its tables
from tensorgrad.draw import draw, trace
from tensorgrad.engine.backward import unbroadcast
from tensorgrad.engine.node import Node
from tensorgrad.engine.record import impure
from tensorgrad.engine.state import Scope, enable_grad, no_grad
from tensorgrad.engine.walk import walk
from tensorgrad.ops.common import check
from tensorgrad.ops.neural import (
    dropout,
    leaky_relu,
    linear,
    log_softmax,
    relu,
    sigmoid,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    softplus,
)
from tensorgrad.ops.reduce import logsumexp
from tensorgrad.rules import composite, nondifferentiable, primitive, rule, rule_each
from tensorgrad.tensor import operators as _operators  # noqa: F401  # gives Tensor its operators
from tensorgrad.tensor.logits import logits_of
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.tensor.words import missing_name as _missing_name

if _typing.TYPE_CHECKING:  # imported by `__getattr__` when they are first used
    from tensorgrad.debug.anomaly import KinkWarning, detect_anomaly
    from tensorgrad.debug.check import check_grads
    from tensorgrad.joint import rule_all
    from tensorgrad.ops.attention import attention, attention_weights, self_attention
    from tensorgrad.ops.convolution import conv, conv_input, conv_weights
    from tensorgrad.ops.lstm import lstm
    from tensorgrad.ops.normalization import (
        batch_norm,
        channel_moments,
        layer_norm,
        shift_scale,
        standardize,
    )
    from tensorgrad.ops.pooling import average_pool, max_pool
    from tensorgrad.ops.recurrent import gru, rnn
    from tensorgrad.ops.special import gelu, ndtr
    from tensorgrad.ops.windows import fold, windows
    from tensorgrad.program import Program, Untraceable, Watched, no_compile, onnx_row
    from tensorgrad.program import compile as compile  # noqa: A004  # as JAX and PyTorch call it
    from tensorgrad.transforms.custom import checkpoint, custom_gradient
    from tensorgrad.transforms.functional import (
        elementwise_grad,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        value_and_grad,
        vjp,
    )

__version__ = "0.1.0"
_LATER = {  # the same for `__getattr__`: all of them take longer than the rest, programs than NumPy
    "debug.anomaly": "KinkWarning detect_anomaly",
    "debug.check": "check_grads",
    "joint": "rule_all",
    "ops.attention": "attention attention_weights self_attention",
    "ops.convolution": "conv conv_input conv_weights",
    "ops.lstm": "lstm",
    "ops.normalization": "batch_norm channel_moments layer_norm shift_scale standardize",
    "ops.pooling": "average_pool max_pool",
    "ops.recurrent": "gru rnn",
    "ops.special": "gelu ndtr",
    "ops.windows": "fold windows",
    "program": "Program Untraceable Watched compile no_compile onnx_row",
    "transforms.custom": "checkpoint custom_gradient",
    "transforms.functional": "elementwise_grad grad hessian hvp jacobian jvp value_and_grad vjp",
}
_HOMES = {name: f"tensorgrad.{home}" for home, names in _LATER.items() for name in names.split()}

__all__ = [
    "KinkWarning",
    "Node",
    "Program",
    "Scope",
    "Tensor",
    "Untraceable",
    "Watched",
    "attention",
    "attention_weights",
    "average_pool",
    "batch_norm",
    "channel_moments",
    "check",
    "check_grads",
    "checkpoint",
    "compile",
    "composite",
    "conv",
    "conv_input",
    "conv_weights",
    "custom_gradient",
    "detect_anomaly",
    "draw",
    "dropout",
    "elementwise_grad",
    "enable_grad",
    "fold",
    "gelu",
    "grad",
    "gru",
    "hessian",
    "hvp",
    "impure",
    "jacobian",
    "jvp",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logits_of",
    "logsumexp",
    "lstm",
    "max_pool",
    "ndtr",
    "no_compile",
    "no_grad",
    "nondifferentiable",
    "onnx_row",
    "primitive",
    "relu",
    "rnn",
    "rule",
    "rule_all",
    "rule_each",
    "self_attention",
    "shift_scale",
    "sigmoid",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "standardize",
    "trace",
    "unbroadcast",
    "value_and_grad",
    "vjp",
    "walk",
    "windows",
]


def __getattr__(name: str) -> object:
    """Import a name at its first use, or say what to write for one that torch or NumPy has."""
    if name in _HOMES:
        value = globals()[name] = getattr(_import_module(_HOMES[name]), name)
        return value
    raise AttributeError(_missing_name(name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
