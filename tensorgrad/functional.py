"""Functions to functions: derivatives of functions of arrays, numbers and tensors.

Arguments and results may be nested dicts, lists and tuples. A derivative has the kind of what it is
taken by: an array for an array or a number, a Tensor for a Tensor. If it can be differentiated
further, because the function was given or closes over a tensor that requires a gradient, it is a
Tensor in any case. So transformations nest, in any combination. Gradients are returned, and `.grad`
is not touched.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgrad.graph import Node, boundary, serials
from tensorgrad.record import NO_KEYWORDS, apply, conjugated, gradients
from tensorgrad.rules import Function, Op
from tensorgrad.state import STATE, under
from tensorgrad.tensor import Tensor
from tensorgrad.trees import detached, leaves_of, like, recorded, tree_map, zeros

Argnums = int | Sequence[int]


def variable(x):
    """Itself: each derivative is by variables of its own, and so never by those of another."""
    return x


VARIABLE = Op(variable, [lambda g, _out, _x: g])


class Evaluation:
    """One call of a function on variables of its own, by which its result is differentiated."""

    def __init__(
        self,
        f: Function,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Argnums,
        has_aux: bool = False,
    ) -> None:
        self.name = getattr(f, "__name__", repr(f))
        positions = argnums if isinstance(argnums, Sequence) else [argnums]
        self.single = positions is not argnums
        self.since, self.outer = next(serials), STATE.get().recording
        self.variables: list[Node] = []
        self.given: list[Any] = []
        inputs = list(args)
        with under(recording=True):
            for i in positions:
                if not -len(args) <= i < len(args):
                    raise ValueError(
                        f"argnums asks for positional argument {i} of {self.name}, which was given "
                        f"{len(args)}"
                    )
                self.given.append(args[i])
                inputs[i] = tree_map(functools.partial(self.variable, i), args[i])
            self.y, self.aux = f(*inputs, **kwargs), None
        if has_aux:
            if not isinstance(self.y, tuple) or len(self.y) != 2:
                raise TypeError(
                    f"with has_aux=True {self.name} must return (value, aux), but it returned "
                    f"{self.y!r}"
                )
            self.y, self.aux = self.y
        made = [t.node for t in leaves_of((self.y, self.aux)) if self.made(t)]
        self.linked = self.outer and bool(boundary(made, self.since))

    def variable(self, i: int, x: Any) -> Tensor:
        t = x if isinstance(x, Tensor) else Tensor(x)
        if t.dtype.kind not in "fc":
            raise TypeError(
                f"argument {i} of {self.name} has dtype {t.dtype}, which has no gradient; write "
                "1.0 for 1, or choose the arguments to differentiate by with argnums"
            )
        if t.node is None or not self.outer:
            t = Tensor(t.data, requires_grad=True)
        t = apply(VARIABLE, (t,), NO_KEYWORDS)
        self.variables.append(t.node)  # not t, which the function may write to
        return t

    def made(self, t: Any) -> bool:
        """Whether `t` was recorded in this call."""
        return recorded(t) and t.node.serial > self.since

    def pull(
        self, outputs: list[tuple[Any, Any]], *, record: bool = False, free: bool = False
    ) -> list[Tensor]:
        """The gradient in each variable, given outputs and the gradient arriving at each."""
        found = gradients(
            [(y, g) for y, g in outputs if self.made(y)],
            set(self.variables),
            since=self.since,
            retain_graph=not free,
            create_graph=record or (self.linked and STATE.get().recording),
        )
        return [found[x] if x in found else zeros(x) for x in self.variables]

    def by_argument(self, values: Sequence[Any]) -> Any:
        """One value per variable, each in the place of its argument and of its kind."""
        items = iter(values)
        trees = tree_map(lambda x: like(x, next(items)), self.given)
        return trees[0] if self.single else tuple(trees)

    @property
    def kind(self) -> Any:
        """A tensor if there was one among the arguments."""
        return next((x for x in leaves_of(self.given) if isinstance(x, Tensor)), None)

    def results(self, tree: Any) -> Any:
        """What the function returned, in the kind of its arguments."""
        value = tree if self.linked else tree_map(detached, tree)
        return tree_map(functools.partial(like, self.kind), value)

    def check(self, asked: str, holomorphic: bool) -> None:
        """Refuse a result without a derivative of the kind asked for.

        Raises: TypeError.
        """
        inputs = [x.dtype for x in self.variables]
        for y in leaves_of(self.y):
            dtype = zeros(y).dtype
            if dtype.kind not in "fc":
                raise TypeError(f"{self.name} returned {dtype}, which has no gradient")
            if holomorphic and {dtype.kind, *(d.kind for d in inputs)} != {"c"}:
                raise TypeError(
                    f"{asked} with holomorphic=True is of complex functions of complex numbers, "
                    f"but {self.name} took {', '.join(map(str, inputs))} and returned {dtype}"
                )
            if dtype.kind == "c" and not holomorphic:
                raise TypeError(
                    f"{self.name} returned {dtype}, but {asked} is of real functions; take np.real "
                    "or np.abs of the result, or pass holomorphic=True if it is holomorphic"
                )

    def scalar(self) -> Any:
        """The single number that the function returned.

        Raises: TypeError or ValueError if it returned anything else.
        """
        if isinstance(self.y, (dict, list, tuple, type(None))):
            raise TypeError(
                f"grad needs {self.name} to return a single number, but it returned a "
                f"{type(self.y).__name__}; return (value, aux) with has_aux=True to return more"
            )
        if np.size(self.y) != 1:
            raise ValueError(
                f"grad needs {self.name} to return a single number, but it returned shape "
                f"{np.shape(self.y)}; reduce it, with np.sum or np.mean, or use jacobian or "
                "elementwise_grad"
            )
        return self.y


def value_and_grad(
    f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """The function that returns what `f` does, a single number, and its gradient.

    The value is `(value, aux)` if `f` returns such a pair and has_aux is set.
    """

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = Evaluation(f, args, kwargs, argnums, has_aux)
        y = call.scalar()
        call.check("grad", holomorphic)
        found = call.pull([(y, zeros(y).data + 1)], free=True)
        gradient = call.by_argument([conjugated(g) for g in found] if holomorphic else found)
        value = call.results(y)
        return ((value, call.results(call.aux)) if has_aux else value), gradient

    return value_and_gradient


def grad(
    f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """The gradient of `f`, which returns a single number, by its positional arguments `argnums`.

    With several argnums the result is a tuple, with has_aux it is `(gradient, aux)`. The gradient
    by a complex number points to steepest ascent; with `holomorphic` it is the derivative proper.

    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(f, argnums, has_aux, holomorphic)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """The derivative, element by element, of a function that works element by element.

    >>> elementwise_grad(np.sin)(np.zeros(3))
    array([1., 1., 1.])
    """
    return grad(functools.wraps(f)(lambda *args, **kwargs: np.sum(f(*args, **kwargs))), argnums)


def vjp(f: Function, *args: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """What `f(*args)` returns, and the function that pulls a gradient arriving there back to args.

    The result is `(y, pullback)`, or `(y, pullback, aux)`; `pullback(g)` is a tuple.
    """
    call = Evaluation(f, args, {}, range(len(args)), has_aux)

    def pullback(g: Any) -> tuple[Any, ...]:
        outputs: list[tuple[Any, Any]] = []
        tree_map(lambda y, arriving: outputs.append((y, arriving)), call.y, g)
        record = STATE.get().recording and any(map(recorded, leaves_of(g)))
        return call.by_argument(call.pull(outputs, record=record))

    y = call.results(call.y)
    return (y, pullback, call.results(call.aux)) if has_aux else (y, pullback)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """What `f(*primals)` returns, and its rate of change as the primals move along the tangents."""
    call = Evaluation(f, primals, {}, range(len(primals)))
    moves: list[Any] = []
    tree_map(lambda x, v: moves.append(move_of(x, v)), tuple(primals), tuple(tangents))
    # What is pulled back depends linearly on what arrives; to pull back once more pushes forward.
    outputs = [y for y in leaves_of(call.y) if call.made(y)]
    arriving = [Tensor(zeros(y).data + 1, requires_grad=True) for y in outputs]
    with under(recording=True):
        pulled = call.pull(list(zip(outputs, arriving)), record=True)
    found = gradients(
        [(x, v) for x, v in zip(pulled, moves) if recorded(x)],
        {g.node for g in arriving if g.node},
        since=call.since,
        create_graph=STATE.get().recording and (call.linked or any(map(recorded, moves))),
    )
    rates = iter([found[g.node] if g.node in found else zeros(g) for g in arriving])
    rate = tree_map(lambda y: next(rates) if call.made(y) else zeros(y), call.y)
    return call.results(call.y), tree_map(functools.partial(like, call.kind), rate)


def move_of(x: Any, v: Any) -> Any:
    if np.shape(v) != np.shape(x):
        raise ValueError(f"a tangent of shape {np.shape(v)} was given for shape {np.shape(x)}")
    return v


def jacobian(
    f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """The derivative of everything that `f` returns by everything in its arguments `argnums`.

    Shapes: for an output (...) and an argument (...,) their shapes in a row.
    """

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        call = Evaluation(f, args, kwargs, argnums, has_aux)
        call.check("jacobian", holomorphic)
        matrix = tree_map(lambda y: call.by_argument(rows(call, y, holomorphic)), call.y)
        return (matrix, call.results(call.aux)) if has_aux else matrix

    return jacobian_of


def rows(call: Evaluation, y: Any, holomorphic: bool) -> list[Any]:
    """The derivative of the output `y` by each variable: a backward for each of its elements."""
    shape, found = np.shape(y), []
    for i in np.ndindex(shape):
        one = zeros(y).data
        one[i] = 1
        found.append(call.pull([(y, one)]))
    if not found:
        return [Tensor(np.zeros((*shape, *x.shape), x.dtype)) for x in call.variables]
    stacked = [np.stack(column).reshape(*shape, *column[0].shape) for column in zip(*found)]
    return list(map(conjugated, stacked)) if holomorphic else stacked


def hessian(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The second derivatives of a function that returns a single number.

    >>> hessian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(f, argnums, has_aux), argnums, has_aux)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of `f` at `x` times `v`, for the cost of a few gradients, without the matrix."""
    return vjp(grad(f), x)[1](v)[0]
