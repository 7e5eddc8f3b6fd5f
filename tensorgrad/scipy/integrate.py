"""Differential equations and integrals of samples: scipy.integrate for tensors.

A solution depends on y0, on the tensors in `args`, and on those that the function closes over. Its
gradient solves a differential equation, too, by the same method and to the same tolerances: with
the default rtol=1e-3 it has three digits. `sensitivity` is "forward", "adjoint" or None, which
chooses by the sizes of y and of what it depends on. See `tensorgrad.scipy.sensitivity`.
"""

from typing import Any

import numpy as np
import scipy.integrate

from tensorgrad.engine.base import unwrap
from tensorgrad.ops.common import as_array, axis_index
from tensorgrad.rules import Function
from tensorgrad.scipy.closures import as_tuple, on_arrays
from tensorgrad.scipy.sensitivity import Equation, refuse_recorded_times
from tensorgrad.scipy.values import valued_by

__all__ = ["cumulative_trapezoid", "odeint", "simpson", "solve_ivp", "trapezoid"]


def __getattr__(name: str) -> Any:
    """Return SciPy's own function of a name that is not here; it takes arrays."""
    return getattr(scipy.integrate, name)


def solve_ivp(
    fun: Function,
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    *,
    sensitivity: str | None = None,
    **options: Any,
) -> Any:
    """Solve an initial value problem, as scipy.integrate.solve_ivp does.

    If the solution depends on recorded tensors, `y` of the result is a Tensor; `events` and
    `dense_output` are refused then.
    Raises: RuntimeError if the solver of an equation that is to be differentiated failed;
    TypeError for events or dense output of such an equation.

    >>> import tensorgrad as tg
    >>> def at_one(k):
    ...     return solve_ivp(lambda t, y, k: -k * y, (0, 1), [1.0], args=(k,), rtol=1e-9).y[0, -1]
    >>> tg.grad(at_one)(2.0).round(4)  # -exp(-2)
    np.float64(-0.1353)
    """
    refuse_recorded_times("solve_ivp", t_span, t_eval)
    equation = Equation(solve_ivp, fun, y0, () if args is None else as_tuple(args), sensitivity)
    given = {name: on_arrays(option, "solve_ivp") for name, option in options.items()}
    found = scipy.integrate.solve_ivp(
        equation.watched, unwrap(t_span), unwrap(equation.y0), method, unwrap(t_eval),
        dense_output, events, vectorized, unwrap(equation.args) or None, **given,
    )  # fmt: skip
    unsolved = "" if found.success else found.message
    if equation.is_recorded() and (dense_output or events is not None):
        raise TypeError(
            "solve_ivp has no gradient with events or dense_output, because it would have none "
            "with respect to the time of an event; pass t_eval, or find the time with "
            "tensorgrad.scipy.optimize.root"
        )
    if not len(found.t):  # of t_eval=[], for which SciPy returns empty lists
        return found
    settings = options | {"method": method}
    found.y = equation.solution(found.y, found.t, float(unwrap(t_span)[0]), settings, unsolved)
    return found


def odeint(
    func: Function,
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Any = None,
    col_deriv: int = 0,
    full_output: int = 0,
    ml: int | None = None,
    mu: int | None = None,
    rtol: Any = None,
    atol: Any = None,
    tcrit: Any = None,
    h0: float = 0.0,
    hmax: float = 0.0,
    hmin: float = 0.0,
    ixpr: int = 0,
    mxstep: int = 0,
    mxhnil: int = 0,
    mxordn: int = 12,
    mxords: int = 5,
    printmessg: int = 0,
    tfirst: bool = False,
    *,
    sensitivity: str | None = None,
) -> Any:
    """Solve an initial value problem by LSODA, as scipy.integrate.odeint does.

    Raises: RuntimeError if the solver of an equation that is to be differentiated failed.

    >>> import tensorgrad as tg
    >>> tg.grad(lambda k: odeint(lambda y, t, k: -k * y, 1.0, [0.0, 1.0], (k,))[1, 0])(2.0).round(6)
    np.float64(-0.135335)
    """
    refuse_recorded_times("odeint", t, ())
    ordered = func if tfirst else (lambda t, y, *args: func(y, t, *args))
    equation = Equation(odeint, ordered, y0, as_tuple(args), sensitivity)
    times = np.asarray(unwrap(t), float)
    y, info = scipy.integrate.odeint(
        equation.watched, unwrap(equation.y0), times, unwrap(equation.args),
        on_arrays(Dfun, "odeint"),
        col_deriv, 1, ml, mu, rtol, atol, tcrit, h0, hmax, hmin, ixpr, mxstep, mxhnil, mxordn,
        mxords, printmessg, tfirst=True,
    )  # fmt: skip
    unsolved = "" if info["message"] == "Integration successful." else info["message"]
    usual = 1.49012e-8
    settings = {
        "method": "LSODA",
        "rtol": usual if rtol is None else rtol,
        "atol": usual if atol is None else atol,
        "max_step": hmax or np.inf,
    }
    y = np.transpose(equation.solution(y.T, times, times[0], settings, unsolved))
    return (y, info) if full_output else y


@valued_by(scipy.integrate.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by the trapezoidal rule, as scipy.integrate.trapezoid does."""
    return np.sum(trapezoids(y, x, dx, axis), axis=axis)


@valued_by(scipy.integrate.cumulative_trapezoid)
def cumulative_trapezoid(
    y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """Integrate samples up to each, as scipy.integrate.cumulative_trapezoid does."""
    sums = np.cumsum(trapezoids(y, x, dx, axis), axis=axis)
    if initial is None:
        return sums
    return np.concatenate([np.zeros_like(np.take(sums, [0], axis=axis)), sums], axis=axis)


@valued_by(scipy.integrate.simpson)
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by Simpson's rule, as scipy.integrate.simpson does.

    With an even number of samples, the parabola through the last three gives the last interval.
    Source: Cartwright (2017), Journal of Mathematical Sciences and Mathematics Education 12(2).
    """
    y, h = last_axis(y, x, dx, axis)
    n = y.shape[-1]
    if n == 2:
        return np.sum(h * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    odd = n if n % 2 else n - 1
    h0, h1 = h[..., : odd - 1 : 2], h[..., 1 : odd - 1 : 2]
    both = h0 + h1
    total = both / 6 * (
        y[..., : odd - 2 : 2] * (2 - h1 / h0)
        + y[..., 1 : odd - 1 : 2] * both**2 / (h0 * h1)
        + y[..., 2:odd:2] * (2 - h0 / h1)
    )  # fmt: skip
    total = np.sum(total, axis=-1)
    if n % 2:
        return total
    h0, h1 = h[..., -2], h[..., -1]
    return total + (
        y[..., -1] * (2 * h1**2 + 3 * h0 * h1) / (6 * (h0 + h1))
        + y[..., -2] * (h1**2 + 3 * h0 * h1) / (6 * h0)
        - y[..., -3] * h1**3 / (6 * h0 * (h0 + h1))
    )


def last_axis(y: Any, x: Any, dx: Any, axis: int) -> tuple[Any, Any]:
    """Return samples along the last axis, and the distances between them."""
    y = as_array(y)
    axis = axis_index(axis, y.ndim)
    samples = np.moveaxis(y, axis, -1)
    if x is None:
        return samples, np.ones(max(samples.shape[-1] - 1, 0)) * dx
    x = as_array(x)
    return samples, np.diff(x if x.ndim == 1 else np.moveaxis(x, axis, -1), axis=-1)


def trapezoids(y: Any, x: Any, dx: Any, axis: int) -> Any:
    """Return the areas between neighbouring samples."""
    samples, h = last_axis(y, x, dx, axis)
    return np.moveaxis(h * (samples[..., 1:] + samples[..., :-1]) / 2, -1, axis)
