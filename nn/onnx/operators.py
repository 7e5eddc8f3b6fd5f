"""The table from operators of ONNX to the functions that compute them."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.onnx import functions as f
from nn.onnx import layers, sequences

# Integers among the inputs decide about sizes, axes and places, and are no variables.
# fmt: off
ONNX_OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": np.abs, "Acos": np.arccos, "Acosh": np.arccosh, "Add": np.add, "And": np.logical_and,
    "ArgMax": f.position_of(np.argmax), "ArgMin": f.position_of(np.argmin), "Asin": np.arcsin, "Asinh": np.arcsinh,
    "Atan": np.arctan, "Atanh": np.arctanh, "AveragePool": layers.pooling(tg.average_pool),
    "BatchNormalization": layers.batch_normalization, "BitwiseAnd": np.bitwise_and, "BitwiseNot": np.invert,
    "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor, "Cast": f.cast_to,
    "CastLike": lambda x, like, **_: x.astype(like.dtype), "Ceil": np.ceil, "Clip": f.between, "Concat": f.concat,
    "ConstantOfShape": f.filled, "Conv": layers.convolution, "ConvTranspose": layers.transposed_convolution,
    "Cos": np.cos, "Cosh": np.cosh, "CumSum": f.cumsum, "Div": f.divide, "Dropout": f.undropped,
    "Einsum": lambda *x, equation: np.einsum(equation, *x), "Elu": f.elu, "Equal": np.equal,
    "Erf": lambda x: 2 * tg.ndtr(x * np.sqrt(2).astype(x.dtype)) - 1, "Exp": np.exp, "Expand": f.expand,
    "Flatten": f.flatten, "Floor": np.floor, "Gather": f.gather, "GatherElements": f.gather_elements,
    "GatherND": f.gather_nd, "Gelu": f.gelu_by, "Gemm": f.gemm, "GlobalAveragePool": layers.global_pooling(np.mean),
    "GlobalMaxPool": layers.global_pooling(np.max), "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
    "GroupNormalization": layers.group_normalization, "HardSigmoid": f.hard_sigmoid,
    "HardSwish": lambda x: x * f.hard_sigmoid(x, 1 / 6, 0.5), "Identity": lambda x: x,
    "InstanceNormalization": layers.instance_normalization, "IsInf": np.isinf, "IsNaN": np.isnan,
    "LayerNormalization": layers.layer_normalization, "LeakyRelu": lambda x, alpha=0.01: tg.leaky_relu(x, slope=alpha),
    "Less": np.less, "LessOrEqual": np.less_equal, "Log": np.log, "LogSoftmax": f.over_last(tg.log_softmax),
    "MatMul": np.matmul, "Max": f.chained(np.maximum), "MaxPool": layers.pooling(tg.max_pool),
    "Mean": lambda *x: f.chained(np.add)(*x) / len(x), "Min": f.chained(np.minimum), "Mish": lambda x: x * np.tanh(tg.softplus(x)), "Mod": f.modulo,
    "Mul": np.multiply, "Neg": np.negative, "Not": np.logical_not, "OneHot": f.one_hot, "Or": np.logical_or,
    "PRelu": lambda x, slope: np.where(np.greater(x, 0), x, slope * x), "Pad": f.padded_by,
    "Pow": lambda x, y: (x ** y).astype(x.dtype), "RMSNormalization": layers.rms_normalization,
    "Range": f.stretch_of_numbers, "Reciprocal": lambda x: 1 / x,
    "ReduceL1": f.along_given_axes(lambda x, **how: np.sum(np.abs(x), **how)),
    "ReduceL2": f.along_given_axes(lambda x, **how: np.sqrt(np.sum(x * x, **how))),
    "ReduceLogSumExp": f.along_given_axes(tg.logsumexp), "ReduceMax": f.along_given_axes(np.max), "ReduceMean": f.along_given_axes(np.mean),
    "ReduceMin": f.along_given_axes(np.min), "ReduceProd": f.along_given_axes(np.prod), "ReduceSum": f.along_given_axes(np.sum),
    "ReduceSumSquare": f.along_given_axes(lambda x, **how: np.sum(x * x, **how)), "Relu": tg.relu, "Reshape": f.reshape,
    "Round": np.rint, "ScatterND": f.scatter_nd, "Selu": f.selu, "Shape": f.shape_vector, "Sigmoid": tg.sigmoid,
    "Sign": np.sign, "Sin": np.sin, "Sinh": np.sinh, "Size": lambda x: np.int64(x.size), "Slice": f.slice_of,
    "Softmax": f.over_last(tg.softmax), "SoftmaxCrossEntropyLoss": layers.cross_entropy, "Softplus": tg.softplus,
    "Softsign": lambda x: x / (1 + np.abs(x)), "Split": f.parts_of, "Sqrt": np.sqrt, "Squeeze": f.squeeze,
    "Sub": np.subtract, "Sum": f.chained(np.add), "Tan": np.tan, "Tanh": np.tanh, "Tile": f.tile,
    "Transpose": f.transpose, "Trilu": f.triangle, "Unsqueeze": f.unsqueeze, "Where": np.where, "Xor": np.logical_xor,
}
ONNX_OPERATORS |= {
    "GRU": sequences.recurrence(sequences.gru_states, 3), "LSTM": sequences.recurrence(sequences.lstm_states, 4),
    "RNN": sequences.recurrence(sequences.rnn_states, 1),
}
LEARNING: dict[str, Callable[..., Any]] = {  # of the domain ai.onnx.ml
    "ArrayFeatureExtractor": layers.extract_features, "LinearClassifier": layers.linear_classification,
    "LinearRegressor": layers.linear_regression, "Normalizer": layers.normalize, "Scaler": layers.scale,
    "ZipMap": lambda scores, **_: scores,  # as an array in the order of the classes, not as dicts
}
# fmt: on
NEEDS_OPSET = {"Softmax", "LogSoftmax"}
NEEDS_OUTPUTS = {"Split"}
FIXED_INPUTS = {"BatchNormalization": (3, 4)}  # running statistics, which no gradient changes


def function_of(domain: str, op: str) -> Callable[..., Any] | None:
    """Return the function of an operator, or None if it is not known."""
    return {"": ONNX_OPERATORS, "ai.onnx": ONNX_OPERATORS, "ai.onnx.ml": LEARNING}.get(
        domain, {}
    ).get(op)
