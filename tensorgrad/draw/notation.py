"""The formulas that depend on the shapes and keywords of a call: products, special functions."""

from collections.abc import Callable, Sequence

from tensorgrad.draw.arrangements import ARRANGEMENTS
from tensorgrad.draw.calls import CallShapes, Prose, Shape, Stable, reduced, repeated_axes
from tensorgrad.draw.layers import LAYERS
from tensorgrad.draw.reductions import (
    Lines,
    cross_entropy_lines,
    log_softmax_lines,
    logsumexp_lines,
    max_lines,
    mean_lines,
    min_lines,
    norm_lines,
    ones_text,
    prod_lines,
    softmax_lines,
    std_lines,
    sum_lines,
    var_lines,
)


def _matmul_lines(call: CallShapes) -> Lines:
    a, b = call.shapes
    if len(a) == len(b) == 1:
        return ["a @ b", "g · b", "g · a"]
    if len(a) == 1:
        return ["a @ b", "b @ g", "a[:, newaxis] · g"] if len(b) == 2 else None
    if len(b) == 1:
        return ["a @ b", "g[:, newaxis] · b", "aᵀ @ g"] if len(a) == 2 else None
    of_a, of_b = (a[:-2], b[:-2])
    whole = call.shape[:-2]
    sum_a, sum_b = repeated_axes(of_a, whole), repeated_axes(of_b, whole)
    return [
        "a @ b",
        reduced("Σ", "g @ bᵀ", sum_a, call.shape),
        reduced("Σ", "aᵀ @ g", sum_b, call.shape),
    ]


def _linear_lines(call: CallShapes) -> Lines:
    x, _, b = call.shapes
    if len(x) < 2:
        return ["x @ W + b", "W @ g", "x[:, newaxis] · g", "g"]
    leading = tuple(range(len(x) - 1))
    outer = leading[:-1]
    bias = reduced("Σ", "g", leading, call.shape) if len(b) == 1 else None
    return ["x @ W + b", "g @ Wᵀ", reduced("Σ", "xᵀ @ g", outer, call.shape), bias]


def _einsum_lines(call: CallShapes) -> Lines:
    """Swap roles: g replaces an operand, whose letters become the output."""
    subscripts = call.keywords["subscripts"]
    inputs, _, output = subscripts.partition("->")
    parts = inputs.split(",")
    if len(parts) != len(call.names) or "…" in subscripts:
        return None
    sizes = _subscript_sizes(parts, call.shapes)
    lines: list[str | None] = [f"einsum('{subscripts}', {', '.join(call.names)})"]
    for i, own in enumerate(parts):
        others = [k for k in range(len(parts)) if k != i]
        if len(set(own)) < len(own):
            lines.append(Prose("einsum of g and the other operands, on the diagonal"))
            continue
        pairs = [pair for k in others for pair in zip(parts[k], call.shapes[k], strict=True)]
        known = {*output, *(letter for letter, n in pairs if n == sizes[letter])}
        alone = "".join(letter for letter in own if letter not in known)  # repeated by ones
        terms = [output, *(parts[k] for k in others), *([alone] if alone else [])]
        names = ["g", *(call.names[k] for k in others)]
        names += [ones_text(tuple(sizes[x] for x in alone))] if alone else []
        whole = f"einsum('{','.join(terms)}->{own}', {', '.join(names)})"
        shape = tuple(sizes[x] for x in own)
        lines.append(reduced("Σ", whole, repeated_axes(call.shapes[i], shape), shape))
    stretched = any(
        n != sizes[x]
        for p, s in zip(parts, call.shapes, strict=True)
        for x, n in zip(p, s, strict=True)
    )
    if not stretched:
        return lines
    return [p if p is None or isinstance(p, Prose) else Stable(p, None) for p in lines]


def _subscript_sizes(parts: list[str], shapes: list[Shape]) -> dict[str, int]:
    """Return the length of each subscript, along which operands of length 1 are broadcast."""
    sizes: dict[str, int] = {}
    for part, shape in zip(parts, shapes, strict=True):
        for letter, n in zip(part, shape, strict=True):
            if sizes.get(letter, 1) == 1:
                sizes[letter] = n
    return sizes


def _inv_lines(_: CallShapes) -> Lines:
    return ["inv(a)", "−outᵀ @ g @ outᵀ"]


def _solve_lines(call: CallShapes) -> Lines:
    a, b = map(len, call.shapes)
    if a != 2 or b > 2:
        return None
    by_a = "−solve(aᵀ, g)[:, newaxis] · out" if b == 1 else "−solve(aᵀ, g) @ outᵀ"
    return ["solve(a, b)", by_a, "solve(aᵀ, g)"]


def _sinc_lines(call: CallShapes) -> Lines:
    n = call.keyword("n", 0)
    whole = "sinc(x)" if n == 0 else Prose(f"derivative {n} of sinc at x")
    return [whole, Prose(f"g · derivative {n + 1} of sinc at x")]


def _bessel_lines(call: CallShapes) -> Lines:
    n = call.keyword("n", 0)
    name = "the modified Bessel function I"
    return [
        Prose(f"{name}{n} of x"),
        Prose(f"g · (I{abs(n - 1)} + I{n + 1}) / 2 at x" if n else f"g · {name}1 of x"),
    ]


def _guarded(
    build: Callable[[CallShapes], Lines], keywords: Sequence[str]
) -> Callable[[CallShapes], Lines]:
    """Return a builder that returns None for a call with other keywords, or with cut ones."""

    def lines(call: CallShapes) -> Lines:
        given = {name for name, text in call.keywords.items() if text not in ("None", "False", "C")}
        if not given <= {*keywords}:
            return None
        try:
            return build(call)
        except (ValueError, TypeError, LookupError):
            return None

    return lines


REDUCE = ("axis", "keepdims")
NOTATION: dict[str, Callable[[CallShapes], Lines]] = {
    name: _guarded(build, keywords)
    for name, build, keywords in [
        ("sum", sum_lines, REDUCE),
        ("mean", mean_lines, REDUCE),
        ("var", var_lines, (*REDUCE, "ddof")),
        ("std", std_lines, (*REDUCE, "ddof")),
        ("max", max_lines, REDUCE),
        ("min", min_lines, REDUCE),
        ("prod", prod_lines, REDUCE),
        ("vector_norm", norm_lines, (*REDUCE, "ord")),
        ("softmax", softmax_lines, ("axis",)),
        ("log_softmax", log_softmax_lines, ("axis",)),
        ("logsumexp", logsumexp_lines, REDUCE),
        ("softmax_cross_entropy", cross_entropy_lines, ()),
        ("matmul", _matmul_lines, ()),
        ("linear", _linear_lines, ()),
        ("einsum", _einsum_lines, ("subscripts",)),
        ("inv", _inv_lines, ()),
        ("solve", _solve_lines, ()),
        ("sinc", _sinc_lines, ("n",)),
        ("bessel", _bessel_lines, ("n",)),
        *ARRANGEMENTS,
        *LAYERS,
    ]
}
