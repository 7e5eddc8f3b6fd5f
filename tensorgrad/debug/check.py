"""check_grads: gradients by the rules, compared with finite differences."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.engine.gradients import gradients
from tensorgrad.engine.state import STATE
from tensorgrad.operands import has_foreign
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.trees import refuse_objects

# The cube root of the machine epsilon, where truncation and rounding errors are of equal size.
DIFFERENCE_STEP = float(np.finfo(float).eps) ** (1 / 3)
SAMPLE = 64  # the largest number of elements perturbed in an argument, chosen at random

# A function of arguments, and of a flag whether to record, that returns the outputs.
Outputs = Callable[[Sequence[Any], bool], list[Tensor]]


def check_grads(
    f: Callable[..., Any], *args: Any, order: int = 2, rtol: float = 1e-5, atol: float = 1e-7
) -> None:
    """Assert that the gradients of f agree with central differences, at every order up to `order`.

    Every floating-point or complex argument is checked, in double precision; other arguments are
    passed unchanged. Order 2 checks the engine's own gradient, as a function of the arguments and
    of the cotangent; and so on.
    Raises: AssertionError with the argument, the order and the numbers; TypeError or ValueError if
    there is nothing to check.
    """
    if order < 1:
        raise ValueError(f"order must be 1 or more, but order={order} was given")
    for x in args:
        if has_foreign(x.data if isinstance(x, Tensor) else x):
            raise TypeError(
                f"check_grads compares with differences of NumPy's arrays, but was given a "
                f"{type(x).__name__}; bring it to NumPy, whose rules are the same"
            )
    values = [_double(x) for x in args]
    checked = [
        i for i, x in enumerate(values) if isinstance(x, np.ndarray) and x.dtype.kind in "fc"
    ]
    if not checked:
        kinds = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in values) or "none"
        raise TypeError(
            "check_grads needs an argument to differentiate, a floating-point or complex array or "
            f"number, but the arguments are: {kinds}; write 1.0 instead of 1"
        )

    def call(xs: Sequence[Any], record: bool) -> list[Tensor]:
        arguments = list(values)
        for i, x in zip(checked, xs):
            arguments[i] = x
        result = STATE.get().inside(recording=record).run(f, arguments)
        refuse_objects(getattr(f, "__name__", type(f).__name__), result)
        return list(_tensors(result))

    outputs: Outputs = call
    xs = [values[i] for i in checked]
    names = [f"argument {i}" for i in checked]
    _require_checkable(outputs, xs)
    rng = np.random.default_rng(0)
    for n in range(1, order + 1):
        cotangents = [_random(rng, t) for t in outputs(_leaves(xs), True)]
        gradient = _gradient_of(outputs, len(xs))
        found = [g.data for g in gradient([*xs, *map(Tensor, cotangents)], False)]
        for i, name in enumerate(names):
            where = f"order {n}, in {name}"
            _compare(where, found[i], outputs, xs, i, cotangents, rng, (rtol, atol))
            if n == 1 and len(xs) > 1:
                _compare_alone(where, found[i], outputs, xs, i, cotangents)
        outputs, xs = gradient, [*xs, *cotangents]
        names += ["the cotangent"] * len(cotangents)


def _double(x: Any) -> Any:
    """Convert a differentiable argument to an array in double precision; leave others unchanged."""
    if isinstance(x, (float, complex, np.number, np.ndarray, Tensor)):
        x = x.data if isinstance(x, Tensor) else np.asarray(x)
        if x.dtype.kind in "fc":
            return x.astype(np.result_type(x.dtype, np.float64))
    return x


def _tensors(result: Any) -> Iterator[Tensor]:
    """Yield the differentiable parts of a nested result as tensors, including constants."""
    if isinstance(result, (np.ndarray, np.inexact)):
        result = Tensor(result)
    if isinstance(result, Tensor):
        if result.dtype.kind in "fc":
            yield result
    elif isinstance(result, dict):
        yield from _tensors(list(result.values()))
    elif isinstance(result, (list, tuple)):
        for item in result:
            yield from _tensors(item)


def _leaf(x: Any) -> Tensor:
    return Tensor(x, requires_grad=True)


def _leaves(xs: Sequence[np.ndarray]) -> list[Tensor]:
    return list(map(_leaf, xs))


def _random(rng: "np.random.Generator", like: Tensor) -> np.ndarray:
    """Draw random numbers, real or complex, in the shape of a tensor."""
    draw = rng.standard_normal(like.shape)
    return np.asarray(
        draw + 1j * rng.standard_normal(like.shape) if like.dtype.kind == "c" else draw
    )


@in_own_context
def _require_checkable(outputs: Outputs, xs: list[np.ndarray]) -> None:
    """Raise unless the outputs depend on the arguments, are finite and are reproducible."""
    with np.errstate(all="ignore"):
        recorded, again = (outputs(_leaves(xs), True) for _ in range(2))
    if not any(t.requires_grad for t in recorded):
        raise TypeError(
            "f returned nothing that depends on its arguments through recorded operations; it "
            "must take tensors and return tensors of a floating-point or complex dtype"
        )
    for t, t_again in zip(recorded, again, strict=True):
        if not np.all(np.isfinite(t.data)):
            raise ValueError(
                "f must be finite near the point where it is checked, but it returned "
                f"{t.data}; choose arguments inside its domain"
            )
        if not np.array_equal(t.data, t_again.data):
            raise ValueError(
                f"f must return the same result at every call, but it returned {t.data} and then "
                f"{t_again.data}; fix the seed of its random numbers"
            )


def _gradient_of(outputs: Outputs, n: int) -> Outputs:
    """Return the function from n arguments and the outputs' cotangents to the n gradients."""

    def gradient(xs: Sequence[Any], record: bool) -> list[Tensor]:
        leaves: list[Any] = [x if getattr(x, "requires_grad", False) else _leaf(x) for x in xs[:n]]
        pairs = [(t, g) for t, g in zip(outputs(leaves, True), xs[n:]) if t.requires_grad]
        nodes = [x.node for x in leaves]
        found = gradients(pairs, set(nodes), create_graph=record) if pairs else {}
        return [found.get(n, Tensor(np.zeros(n.shape, n.dtype))) for n in nodes]

    return gradient


def _compare(
    where: str,
    found: np.ndarray,
    outputs: Outputs,
    xs: list[np.ndarray],
    i: int,
    cotangents: list[np.ndarray],
    rng: "np.random.Generator",  # in quotes, because NumPy imports its random only at first use
    tolerance: tuple[float, float],
) -> None:
    """Assert that the gradient found for argument i agrees with central differences.

    The real and the imaginary part are perturbed separately, as two real numbers.
    """
    rtol, atol = tolerance
    x = xs[i]

    def weighted(index: tuple[int, ...], step: complex) -> float:
        moved = x.copy()
        moved[index] += step
        results = outputs([Tensor(v) for v in (*xs[:i], moved, *xs[i + 1 :])], False)
        return sum(float(np.real(np.sum(np.conj(g) * t.data))) for t, g in zip(results, cotangents))

    positions = rng.choice(x.size, min(x.size, SAMPLE), replace=False) if x.size else []
    for position in positions:
        index = tuple(map(int, np.unravel_index(position, x.shape)))
        step = DIFFERENCE_STEP * max(1.0, abs(x[index]))
        for unit in (1, 1j) if x.dtype.kind == "c" else (1,):
            expected = (weighted(index, unit * step) - weighted(index, -unit * step)) / (2 * step)
            got = float(found[index].real if unit == 1 else found[index].imag)
            if not abs(got - expected) <= atol + rtol * abs(expected):
                raise AssertionError(
                    f"{where} at {index}{'' if unit == 1 else ', imaginary part'}: the rules give "
                    f"{got:.9g}, but central differences give {expected:.9g}"
                )


def _compare_alone(
    where: str,
    together: np.ndarray,
    outputs: Outputs,
    xs: list[np.ndarray],
    i: int,
    cotangents: list[np.ndarray],
) -> None:
    """Assert that a gradient is the same if all other arguments are constants.

    They are then ndarrays, and only the values that the rule of argument i reads are saved.
    """

    def of_one(x: Sequence[Any], record: bool) -> list[Tensor]:
        return outputs([*xs[:i], *x, *xs[i + 1 :]], record)

    (alone,) = _gradient_of(of_one, 1)([xs[i], *map(Tensor, cotangents)], False)
    # Not bit for bit: constants are given to NumPy's own function, which can round differently.
    if not np.allclose(alone.data, together, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise AssertionError(
            f"{where}: the rules give {alone.data} when the other arguments are constants, but "
            f"{together} when they are tensors"
        )
