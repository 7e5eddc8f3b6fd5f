"""`scipy.stats` for tensors: densities and distribution functions, by value and by parameters.

The values are SciPy's own; the formulas in `tensorgrad.scipy.densities` give the gradients.
"""

from typing import Any

import numpy as np
import scipy.stats as scipy_stats

from tensorgrad.engine.base import needs_grad
from tensorgrad.ops.common import as_inexact, valued_by_numpy
from tensorgrad.rules import Function, unsupported
from tensorgrad.scipy.densities import (
    CONTINUOUS,
    DISCRETE,
    Formulas,
    dirichlet_log_density,
    multivariate_normal_log_density,
)
from tensorgrad.scipy.lifting import taking_tensors

LOCATION = {"loc": 0, "scale": 1}


class Distribution:
    """A distribution of scipy.stats, whose density and distribution function take tensors.

    Called with parameters it returns the distribution with these fixed; what is not here, such as
    `rvs` and `ppf`, is SciPy's own.
    """

    def __init__(self, theirs: Any, functions: dict[str, Function]) -> None:
        self.theirs, self.functions = theirs, functions

    def __getattr__(self, name: str) -> Any:
        return self.functions[name] if name in self.functions else getattr(self.theirs, name)

    def __call__(self, *parameters: Any, **named: Any) -> "Frozen":
        return Frozen(self, parameters, named)

    def __dir__(self) -> list[str]:
        return dir(self.theirs)


class Frozen:
    """A distribution with its parameters."""

    def __init__(
        self, distribution: Distribution, parameters: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        self.distribution, self.parameters, self.named = distribution, parameters, named

    def __getattr__(self, name: str) -> Any:
        if name in self.distribution.functions:
            function = self.distribution.functions[name]
            return lambda x: function(x, *self.parameters, **self.named)
        return getattr(self.distribution.theirs(*self.parameters, **self.named), name)


class Method:
    """One function of a univariate distribution: its parameters by name, and its derivative."""

    def __init__(self, name: str, method: str, formulas: Formulas) -> None:
        self.name, self.method, self.formulas = name, method, formulas
        self.theirs = getattr(scipy_stats, name)
        self.discrete = name in DISCRETE
        shapes = (self.theirs.shapes or "").replace(" ", "").split(",")
        self.shapes = [shape for shape in shapes if shape]
        self.names = [*self.shapes, *list(LOCATION)[: 1 if self.discrete else 2]]

    def refuse(self, given: dict[str, Any]) -> None:
        """Raise TypeError for a recorded tensor in the place of what has no derivative here."""
        held: tuple[str, ...] = ("k", "loc") if self.discrete else ()
        if self.method in ("cdf", "logcdf"):
            held += self.formulas.constant
        for name in held:
            if needs_grad(given.get(name)):
                raise TypeError(
                    f"{self.name}.{self.method} has no derivative in closed form with respect to "
                    f"{name}; pass its .data"
                )

    def __call__(self, x: Any, *parameters: Any, **named: Any) -> Any:
        """Return what has the derivatives of SciPy's value, at location and scale of its own."""
        given = LOCATION | dict(zip(self.names, parameters, strict=False)) | named
        self.refuse({"k": x} | given)
        shapes = [as_inexact(given[name]) for name in self.shapes]
        scale = as_inexact(given["scale"])
        y = (as_inexact(x) - given["loc"]) / scale
        inside = self.inside(y, shapes)
        if self.discrete:
            y = np.floor(y)
        safe = np.where(inside, y, 0.0 if self.discrete else 0.5)  # which every support has
        return np.where(inside, self.derivative(safe, shapes, scale), 0.0)

    def inside(self, y: Any, shapes: list[Any]) -> Any:
        """Return where the function is not constant."""
        high = shapes[0] if self.name == "binom" else self.formulas.highest
        above = y >= self.formulas.lowest
        if self.method in ("cdf", "logcdf"):
            return above & (y < high)
        return above & (y <= high) & (np.equal(y, np.floor(y)) | (not self.discrete))

    def derivative(self, y: Any, shapes: list[Any], scale: Any) -> Any:
        """Return the formula of the method at y inside the support."""
        f = self.formulas
        if self.method == "cdf":
            return f.distribution(y, *shapes)
        if self.method == "logcdf":
            log = f.log_distribution or (lambda *args: np.log(f.distribution(*args)))
            return log(y, *shapes)
        density = f.log_density(y, *shapes) - np.log(scale)
        return density if self.method.startswith("log") else np.exp(density)


def univariate(name: str, formulas: Formulas) -> Distribution:
    """Return a distribution with its density, or probability, and its distribution function."""
    kind = "pmf" if name in DISCRETE else "pdf"
    theirs, functions = getattr(scipy_stats, name), {}
    for method in (f"log{kind}", kind, "cdf", "logcdf"):
        functions[method] = taking_tensors(getattr(theirs, method), f"{name}.{method}")
        valued_by_numpy(functions[method])(expression_of(Method(name, method, formulas)))
    return Distribution(theirs, functions)


def expression_of(method: Method) -> Function:
    """Return a method as a function."""

    def expression(x: Any, *parameters: Any, **named: Any) -> Any:
        return method(x, *parameters, **named)

    return expression


def multivariate(name: str, log_density: Function) -> Distribution:
    """Return a distribution of vectors; its distribution function refuses recorded tensors."""
    theirs = getattr(scipy_stats, name)
    functions = {
        method: taking_tensors(getattr(theirs, method), f"{name}.{method}")
        for method in ("logpdf", "pdf", "cdf", "logcdf")
        if hasattr(theirs, method)
    }
    valued_by_numpy(functions["logpdf"])(log_density)

    @valued_by_numpy(functions["pdf"])
    def density(*args: Any, **kwargs: Any) -> Any:
        return np.exp(log_density(*args, **kwargs))

    unsupported(
        "SciPy integrates it numerically, without a derivative",
        *(functions[method] for method in ("cdf", "logcdf") if method in functions),
    )
    return Distribution(theirs, functions)


DISTRIBUTIONS = {name: univariate(name, f) for name, f in (CONTINUOUS | DISCRETE).items()} | {
    "multivariate_normal": multivariate("multivariate_normal", multivariate_normal_log_density),
    "dirichlet": multivariate("dirichlet", dirichlet_log_density),
}


def __getattr__(name: str) -> Any:
    """Return a distribution that takes tensors, or what scipy.stats has by a name."""
    return DISTRIBUTIONS[name] if name in DISTRIBUTIONS else getattr(scipy_stats, name)
