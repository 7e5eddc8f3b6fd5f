"""Words of PyTorch on tensors, and what to write here in their place."""

from collections.abc import Iterable
from typing import Any

KEYWORDS = {"dim": "axis=", "dims": "axis=", "keepdim": "keepdims="}


class Elements(int):
    """The number of elements; called, as PyTorch's size(), it says what to write."""

    __slots__ = ()

    def __call__(self, *axis: int) -> Any:
        """Refuse to be called.

        Raises: TypeError, which says what to write.
        """
        remedy = f"x.shape[{axis[0]}]" if axis else "x.shape"
        raise TypeError(f"x.size is a number, {int(self)}, and no method; write {remedy}")


class Missing:
    """A method of PyTorch or NumPy that a tensor lacks: its AttributeError says what to write."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        message = f"{owner.__name__!r} object has no attribute {self.name!r}"
        raise AttributeError(
            f"{message}; write {ELSEWHERE[self.name]}", name=self.name, obj=instance
        )


class Words:
    """Base of Tensor that answers methods of PyTorch, and those of ndarray that it lacks.

    Not by `__getattr__`, which would slow down every attribute of a tensor.
    """

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in ELSEWHERE]


def check_keywords(keywords: Iterable[str], method: str) -> None:
    """Raise TypeError if one of the keywords has another name in NumPy."""
    for name in keywords:
        if name in KEYWORDS:
            raise TypeError(
                f"{method} has no argument {name}, which is PyTorch's; write {KEYWORDS[name]}"
            )


def missing_name(name: str) -> str:
    """Describe a name that this package lacks, and what to write if NumPy or torch has it."""
    import numpy as np

    message = f"module 'tensorgrad' has no attribute {name!r}"
    if name in CREATED:
        return f"{message}; write tg.Tensor(np.{CREATED[name]}), with requires_grad=True for a leaf"
    if callable(getattr(np, name, None)):
        return f"{message}; write np.{name}, which takes tensors"
    return message


CREATED = {  # function of torch -> that of NumPy
    "zeros": "zeros(shape)",
    "ones": "ones(shape)",
    "full": "full(shape, value)",
    "arange": "arange(n)",
    "linspace": "linspace(a, b, n)",
    "eye": "eye(n)",
    "rand": "random.default_rng(0).random(shape)",
    "randn": "random.default_rng(0).normal(size=shape)",
    "as_tensor": "asarray(x)",
    "from_numpy": "asarray(x)",
}
TORCH_UNARY = """abs absolute arccos arcsin arctan ceil cos cosh exp exp2 expm1 flip floor isfinite
isinf isnan log log10 log1p log2 median sign sin sinh sqrt square tan tanh tril triu"""
# fmt: off
TORCH_METHODS = {  # method of PyTorch -> what to write
    **{name: f"np.{name}(x)" for name in TORCH_UNARY.split()},
    **{name: f"np.{name}(x, y)" for name in ("matmul", "maximum", "minimum", "outer")},
    "add":         "x + y",
    "sub":         "x - y",
    "mul":         "x * y",
    "div":         "x / y",
    "pow":         "x ** n",
    "mm":          "x @ y",
    "bmm":         "x @ y",
    "t":           "x.T",
    "permute":     "x.transpose(axes)",
    "unsqueeze":   "np.expand_dims(x, axis), or x[None]",
    "expand":      "np.broadcast_to(x, shape)",
    "expand_as":   "np.broadcast_to(x, y.shape)",
    "masked_fill": "np.where(mask, value, x)",
    "gather":      "np.take_along_axis(x, index, axis)",
    "amax":        "x.max(axis)",
    "amin":        "x.min(axis)",
    "norm":        "np.linalg.norm(x)",
    "softmax":     "tg.softmax(x, axis=-1)",
    "log_softmax": "tg.log_softmax(x, axis=-1)",
    "logsumexp":   "tg.logsumexp(x, axis=-1)",
    "sigmoid":     "tg.sigmoid(x)",
    "relu":        "tg.relu(x)",
    "clamp":       "x.clip(low, high)",
    "numel":       "x.size",
    "dim":         "x.ndim",
    "clone":       "x.copy()",
    "contiguous":  "np.ascontiguousarray(x), or nothing",
    "float":       "x.astype(np.float32)",
    "double":      "x.astype(np.float64)",
    "long":        "x.astype(np.int64)",
    "half":        "x.astype(np.float16)",
    "type":        "x.astype(dtype)",
    "to":          "x.astype(dtype); there is no other device than the processor",
    "cpu":         "nothing: a tensor's array is always in NumPy's memory",
    "cuda":        "nothing: NumPy computes on the processor",
    "requires_grad_": "x.requires_grad = True",
    "zero_":       "x[...] = 0",
    "fill_":       "x.fill(value)",
    "add_":        "x += y",
    "sub_":        "x -= y",
    "mul_":        "x *= y",
}
NUMPY_METHODS = {  # attribute of ndarray that has to do with its memory -> what to write
    "base":     "x.data.base",
    "byteswap": "x.data.byteswap()",
    "ctypes":   "x.data.ctypes",
    "dump":     "pickle.dump(x, file), or np.save(file, x)",
    "dumps":    "pickle.dumps(x)",
    "getfield": "x.data.getfield(dtype)",
    "resize":   "x = np.resize(x, shape)",
    "setfield": "x.data.setfield(value, dtype)",
    "setflags": "x.data.setflags(write=False)",
    "tofile":   "x.data.tofile(file)",
}
ELSEWHERE = TORCH_METHODS | NUMPY_METHODS
# fmt: on
for _method in ELSEWHERE:
    setattr(Words, _method, Missing(_method))
