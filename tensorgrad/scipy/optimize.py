"""Roots, fixed points and minima that can be differentiated: scipy.optimize for tensors.

SciPy finds the solution. Its gradient comes from the equations that hold there, by the implicit
function theorem, so that neither the solver's steps nor their memory are needed. A solution depends
on the tensors in `args` and on those that the function closes over; it does not on the start `x0`.
"""

from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import Bounds, OptimizeResult

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.engine.node import serials
from tensorgrad.rules import Function
from tensorgrad.scipy.closures import (
    as_given,
    as_tuple,
    as_vector,
    dependencies,
    name_of_user,
    on_arrays,
    refuse_steps,
    run_unrecorded,
)
from tensorgrad.scipy.implicit import implicit
from tensorgrad.transforms.functional import grad, value_and_grad
from tensorgrad.transforms.trees import alias, recorded, tree_map

__all__ = ["fixed_point", "minimize", "root"]


def __getattr__(name: str) -> Any:
    """Return SciPy's own function of a name that is not here; it takes arrays."""
    return getattr(scipy.optimize, name)


NEAR = 1e-8  # a variable this near to its bound, relative to its size, is held by it
FIRM = 1e-5  # a bound that holds a variable with a smaller slope than this may let it go
SLOPELESS = {"nelder-mead", "powell", "cobyla", "cobyqa"}  # methods that take no gradient


def root(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
) -> OptimizeResult:
    """Find a root of a vector function, as scipy.optimize.root does.

    If the root depends on recorded tensors, `x` of the result is a Tensor, and fields that would be
    arrays without a gradient are left out.
    Raises: RuntimeError if a root that is to be differentiated was not found; ValueError if the
    Jacobian is singular there.

    >>> import tensorgrad as tg
    >>> tg.grad(lambda a: root(lambda x, a: x**2 - a, 1.0, (a,)).x[0])(4.0).round(6)  # 1 / (2 √4)
    np.float64(0.25)
    """
    args = as_tuple(args)
    refuse_steps("root", x0, args)
    found = run_unrecorded(
        scipy.optimize.root, on_arrays(fun, "root"), unwrap(x0), unwrap(args), method,
        on_arrays(jac, "root"), tol, callback, options,
    )  # fmt: skip
    equations = bound_to(fun, args, jac is True)

    def residual(x: Any) -> Any:
        return same_size(fun, as_vector(equations(x)), x)

    x = implicit(root, residual, found.x, refusal=failure(found))
    return with_solution(found, x, args)


def fixed_point(
    func: Function,
    x0: Any,
    args: Any = (),
    xtol: float = 1e-8,
    maxiter: int = 500,
    method: str = "del2",
) -> Any:
    """Find x = func(x), as scipy.optimize.fixed_point does.

    Raises: RuntimeError if the iteration did not converge; ValueError if the equation is singular.

    >>> import tensorgrad as tg
    >>> tg.grad(lambda a: fixed_point(lambda x, a: np.sqrt(a + x), 1.0, (a,)))(2.0).round(6)
    np.float64(0.333333)
    """
    args = as_tuple(args)
    refuse_steps("fixed_point", x0, args)
    function = on_arrays(func, "fixed_point")
    x = run_unrecorded(
        scipy.optimize.fixed_point, function, unwrap(x0), unwrap(args), xtol, maxiter, method
    )
    step = bound_to(func, args)
    x = implicit(fixed_point, lambda x: np.ravel(x - step(x)), x)
    return x if recorded(x) else as_given(x, args)


def minimize(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
) -> OptimizeResult:
    """Minimize a function, as scipy.optimize.minimize does.

    If the function depends on recorded tensors, `x` and `fun` of the result are Tensors, fields
    that would be arrays without a gradient are left out, and, unless `jac` is given, SciPy gets the
    exact gradient. A variable that a bound holds stays there; `constraints` are refused.
    Raises: RuntimeError if a minimum that is to be differentiated was not found; ValueError if the
    Hessian is singular there, or if a variable is at a bound that hardly holds it.

    >>> import tensorgrad as tg
    >>> closest = lambda a: minimize(lambda x, a: (x[0] - a) ** 4 + x[0] ** 2, 0.0, (a,)).x[0]
    >>> tg.grad(closest)(1.0).round(3)
    np.float64(0.676)
    """
    args = as_tuple(args)
    refuse_steps("minimize", x0, args)
    given = options_for(fun, unwrap(x0), args, method, jac)
    found = run_unrecorded(
        scipy.optimize.minimize, given[0], unwrap(x0), unwrap(args), method, given[1],
        on_arrays(hess, "minimize"), on_arrays(hessp, "minimize"), bounds, constraints, tol, callback, options,
    )  # fmt: skip
    objective = bound_to(fun, args, jac is True)
    refusal = failure(found)
    if constraints:
        refusal = "minimize has no gradient with constraints; use bounds, or a penalty in fun"
    held, edges = held_by_bounds(objective, found.x, bounds)

    def residual(x: Any) -> Any:
        return np.where(held, x - edges, grad(single(objective))(x))

    x = implicit(minimize, residual, found.x, refusal=refusal)
    return with_solution(found, x, args, lambda: objective(x))


def bound_to(function: Function, args: tuple[Any, ...], pair: bool = False) -> Function:
    """Return a function of x alone, as it is now, however the tensors in `args` are written to.

    With `pair` the user's function returns its Jacobian, too.
    """
    args = tree_map(alias, args)
    return lambda x: function(x, *args)[0] if pair else function(x, *args)


def single(objective: Function) -> Function:
    """Return an objective whose single number may come in an array."""
    return lambda x: np.reshape(objective(x), ())


def same_size(fun: Function, r: Any, x: Any) -> Any:
    """Return the equations' values.

    Raises: ValueError if there are not as many as unknowns.
    """
    if r.size != np.size(x):
        raise ValueError(
            f"a root can be differentiated where there are as many equations as unknowns, but "
            f"{name_of_user(fun)} returned {r.size} numbers for {np.size(x)}"
        )
    return r


def failure(found: OptimizeResult) -> str:
    """Return the message of a solver that did not converge, or an empty text."""
    if found.success:
        return ""
    return (
        f"the solver did not converge ({found.message}), so that its result has no gradient; "
        "change x0, method, tol or options, or pass .data to see what it reached"
    )


def with_solution(
    found: OptimizeResult, x: Any, args: tuple[Any, ...], value: Function | None = None
) -> OptimizeResult:
    """Return the result with the solution, and without arrays whose gradient would be lost."""
    if not recorded(x):
        found.x = as_given(x, args)
        return found
    kept = {name: field for name, field in found.items() if isinstance(field, (int, str, bool))}
    return OptimizeResult(kept | {"x": x} | ({} if value is None else {"fun": value()}))


def options_for(
    fun: Function, x0: Any, args: tuple[Any, ...], method: Any, jac: Any
) -> tuple[Function, Any]:
    """Return the function and `jac` for SciPy: the exact gradient, if fun depends on tensors."""
    since = next(serials)
    slopeless = callable(method) or str(method).lower() in SLOPELESS
    start = np.atleast_1d(np.asarray(x0, float))
    if jac is not None or slopeless or not dependencies(fun(start, *args), since):
        return on_arrays(fun, "minimize"), on_arrays(jac, "minimize")
    slope = lambda x, *args: value_and_grad(single(bound_to(fun, args)))(x)
    return on_arrays(slope, "minimize"), True


def held_by_bounds(objective: Function, x: np.ndarray, bounds: Any) -> tuple[Any, Any]:
    """Return which variables bounds hold, and the bound of each.

    Raises: ValueError if a bound touches a variable but hardly holds it.
    """
    if bounds is None:
        return np.zeros(x.shape, bool), x
    low, high = limits(bounds, x.shape)
    near = NEAR * (1 + np.abs(x))
    at_low, at_high = x - low <= near, high - x <= near
    held, edges = at_low | at_high, np.where(at_low, low, np.where(at_high, high, 0.0))
    if held.any():
        slopes = run_unrecorded(grad(single(objective)), x)
        push = np.where(at_low, slopes, -slopes)
        loose = held & (low < high) & (push <= FIRM * (1 + np.abs(slopes).max()))
        if loose.any() and dependencies(objective(x), next(serials)):
            raise loosely_held(int(np.argmax(loose)), x, slopes)
    return held, edges


def loosely_held(i: int, x: np.ndarray, slopes: np.ndarray) -> ValueError:
    """Return the error about a variable that is at its bound, and would be there without it."""
    return ValueError(
        f"minimize has no gradient here: variable {i} is at its bound {x[i]}, but the slope "
        f"{slopes[i]:.3g} there hardly holds it, so that it may leave to one side; move the bound"
    )


def limits(bounds: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper bounds as arrays.

    Raises: TypeError if they depend on recorded tensors.
    """
    pairs = [bounds.lb, bounds.ub] if isinstance(bounds, Bounds) else list(zip(*bounds))
    if needs_grad(pairs):
        raise TypeError(
            "minimize has no gradient with respect to bounds, but a tensor that requires one was "
            "given there; pass its .data, or minimize over a fixed range and scale in fun"
        )
    low, high = pairs
    low = [-np.inf if b is None else b for b in np.atleast_1d(np.asarray(low, object))]
    high = [np.inf if b is None else b for b in np.atleast_1d(np.asarray(high, object))]
    return tuple(np.broadcast_to(np.array(b, float), shape) for b in (low, high))
