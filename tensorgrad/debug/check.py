"""check_grads: what the rules say, against what differences show."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tensorgrad.engine.gradients import gradients
from tensorgrad.engine.state import with_state
from tensorgrad.engine.tensor import Tensor

# The cube root of the machine epsilon, where the errors of the curve and of rounding meet.
DIFFERENCE_STEP = float(np.finfo(float).eps) ** (1 / 3)
SAMPLE = 64  # elements perturbed in each argument; of a larger one as many, drawn at random

# The outputs at some arguments; recorded, or only computed.
Outputs = Callable[[Sequence[Any], bool], list[Tensor]]


def check_grads(
    f: Callable[..., Any], *args: Any, order: int = 2, rtol: float = 1e-5, atol: float = 1e-7
) -> None:
    """Assert that the gradients of f agree with central differences, at every order up to `order`.

    Every floating-point or complex argument is checked, in double precision; others are passed on
    as they are. The second order checks the engine's own gradient, as a function of the arguments
    and of the gradient that arrives; and so on.
    Raises: AssertionError naming the argument, the order and the numbers; TypeError or ValueError
    if there is nothing to check.
    """
    if order < 1:
        raise ValueError(f"check_grads checks order 1 and above, but order={order} was asked for")
    values = [_double(x) for x in args]
    checked = [
        i for i, x in enumerate(values) if isinstance(x, np.ndarray) and x.dtype.kind in "fc"
    ]
    if not checked:
        kinds = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in values) or "none"
        raise TypeError(
            "check_grads needs an argument to differentiate, a floating-point or complex array or "
            f"number, but the arguments are: {kinds}; write 1.0 for 1"
        )

    def call(xs: Sequence[Any], record: bool) -> list[Tensor]:
        arguments = list(values)
        for i, x in zip(checked, xs):
            arguments[i] = x
        with with_state(recording=record):
            return list(_tensors(f(*arguments)))

    outputs: Outputs = call
    xs = [values[i] for i in checked]
    names = [f"argument {i}" for i in checked]
    _refuse_what_cannot_be_checked(outputs, xs)
    rng = np.random.default_rng(0)
    for n in range(1, order + 1):
        arriving = [_random(rng, t) for t in outputs(_leaves(xs), True)]
        gradient = _gradient_of(outputs, len(xs))
        found = [g.data for g in gradient([*xs, *map(Tensor, arriving)], False)]
        for i, name in enumerate(names):
            what = f"order {n}, in {name}"
            _compare(what, found[i], outputs, xs, i, arriving, rng, (rtol, atol))
            if n == 1 and len(xs) > 1:
                _compare_alone(what, found[i], outputs, xs, i, arriving)
        outputs, xs = gradient, [*xs, *arriving]
        names += ["the arriving gradient"] * len(arriving)


def _double(x: Any) -> Any:
    """What has a gradient as an array in double precision, anything else as it is."""
    if isinstance(x, (float, complex, np.number, np.ndarray, Tensor)):
        x = x.data if isinstance(x, Tensor) else np.asarray(x)
        if x.dtype.kind in "fc":
            return x.astype(np.result_type(x.dtype, np.float64))
    return x


def _tensors(result: Any) -> Iterator[Tensor]:
    """What can have a gradient in what a function returned, however nested; a constant too."""
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
    """Random numbers of a tensor's shape and kind."""
    draw = rng.standard_normal(like.shape)
    return np.asarray(
        draw + 1j * rng.standard_normal(like.shape) if like.dtype.kind == "c" else draw
    )


def _refuse_what_cannot_be_checked(outputs: Outputs, xs: list[np.ndarray]) -> None:
    with np.errstate(all="ignore"):
        recorded, again = (outputs(_leaves(xs), True) for _ in range(2))
    if not any(t.requires_grad for t in recorded):
        raise TypeError(
            "f returned nothing that depends on its arguments through recorded operations; it "
            "should take tensors and return some, of a floating-point or complex dtype"
        )
    for t, t_again in zip(recorded, again, strict=True):
        if not np.all(np.isfinite(t.data)):
            raise ValueError(
                "f must be finite around the point where it is checked, but it returned "
                f"{t.data}; choose arguments inside its domain"
            )
        if not np.array_equal(t.data, t_again.data):
            raise ValueError(
                f"f must return the same at every call, but it returned {t.data} and then "
                f"{t_again.data}; fix its random numbers"
            )


def _gradient_of(outputs: Outputs, n: int) -> Outputs:
    """The gradients of the first n arguments, given these and what arrives at the outputs."""

    def gradient(xs: Sequence[Any], record: bool) -> list[Tensor]:
        leaves: list[Any] = [x if getattr(x, "requires_grad", False) else _leaf(x) for x in xs[:n]]
        pairs = [(t, g) for t, g in zip(outputs(leaves, True), xs[n:]) if t.requires_grad]
        nodes = [x.node for x in leaves]
        found = gradients(pairs, set(nodes), create_graph=record) if pairs else {}
        return [found.get(n, Tensor(np.zeros(n.shape, n.dtype))) for n in nodes]

    return gradient


def _compare(
    what: str,
    found: np.ndarray,
    outputs: Outputs,
    xs: list[np.ndarray],
    i: int,
    arriving: list[np.ndarray],
    rng: "np.random.Generator",  # in quotes, for NumPy imports its random only when asked
    tolerance: tuple[float, float],
) -> None:
    """Assert that the gradient found of argument i is what differences say of it.

    The real and the imaginary part are moved apart, each a real number with a slope of its own.
    """
    rtol, atol = tolerance
    x = xs[i]

    def weighted(index: tuple[int, ...], step: complex) -> float:
        moved = x.copy()
        moved[index] += step
        results = outputs([Tensor(v) for v in (*xs[:i], moved, *xs[i + 1 :])], False)
        return sum(float(np.real(np.sum(np.conj(g) * t.data))) for t, g in zip(results, arriving))

    places = rng.choice(x.size, min(x.size, SAMPLE), replace=False) if x.size else []
    for place in places:
        index = tuple(map(int, np.unravel_index(place, x.shape)))
        step = DIFFERENCE_STEP * max(1.0, abs(x[index]))
        for unit in (1, 1j) if x.dtype.kind == "c" else (1,):
            expected = (weighted(index, unit * step) - weighted(index, -unit * step)) / (2 * step)
            got = float(found[index].real if unit == 1 else found[index].imag)
            if not abs(got - expected) <= atol + rtol * abs(expected):
                raise AssertionError(
                    f"{what} at {index}{'' if unit == 1 else ', imaginary part'}: the rules give "
                    f"{got:.9g}, but central differences {expected:.9g}"
                )


def _compare_alone(
    what: str,
    together: np.ndarray,
    outputs: Outputs,
    xs: list[np.ndarray],
    i: int,
    arriving: list[np.ndarray],
) -> None:
    """Assert that a gradient is the same with all other arguments constant.

    They are then ndarrays, and only what the rule of argument i reads is kept for it.
    """

    def of_one(x: Sequence[Any], record: bool) -> list[Tensor]:
        return outputs([*xs[:i], *x, *xs[i + 1 :]], record)

    (alone,) = _gradient_of(of_one, 1)([xs[i], *map(Tensor, arriving)], False)
    # Not to the last digit: of constants, NumPy's own function is called, and may round otherwise.
    if not np.allclose(alone.data, together, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise AssertionError(
            f"{what}: the rules give {alone.data} when the other arguments are constants, but "
            f"{together} when they are tensors"
        )
