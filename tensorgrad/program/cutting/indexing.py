"""Indexes and starred arguments of cut functions."""

import ast
import copy
from typing import Any

from tensorgrad.program.cutting.effects import Effects
from tensorgrad.program.cutting.facts import Arr, Known, is_whole, item_facts
from tensorgrad.program.cutting.flow import Flow
from tensorgrad.program.cutting.index_facts import is_dots, is_slice
from tensorgrad.program.cutting.literals import short_literal
from tensorgrad.program.cutting.syntax import is_colon, is_copy, is_read, without_colons

FEW_ITEMS = 6  # behind a star, that are written out
IndexParts = list[tuple[ast.expr, Any]]


class CutIndexes(ast.NodeTransformer):
    """Writes known slices as slices, and what is known behind stars as items."""

    def __init__(self, flow: Flow, effects: Effects, local: set[str]) -> None:
        self.flow, self.effects, self.local = flow, effects, local

    def visit_Starred(self, node: ast.Starred) -> Any:
        """Write out the items behind a star that are known, or lengths of a shape."""
        items = self.known_items(node.value)
        if items is not None:
            return items
        self.generic_visit(node)
        if isinstance(node.value, ast.GeneratorExp) and is_copy(node.value):
            node.value = node.value.generators[0].iter
        return list(node.value.elts) if isinstance(node.value, ast.Tuple) else node

    def known_items(self, node: ast.expr) -> list[ast.expr] | None:
        """Return the items of a tuple as expressions; None if they are not known."""
        items = item_facts(self.flow.facts.get(node))
        if items is None or len(items) > FEW_ITEMS or not self.effects.is_quiet_expression(node):
            return None
        known = [short_literal(x.value, self.flow) if type(x) is Known else None for x in items]
        if not any(known):
            return None if items else []
        places = self.shape_places(node, len(items)) if None in known else None
        if None in known and places is None:
            return None
        return [
            part if part is not None else length_of(*places[i])  # type: ignore[index]
            for i, part in enumerate(known)
        ]

    def shape_places(self, node: ast.expr, n: int) -> list[tuple[ast.expr, int]] | None:
        """Return the array and the axis of each item of `x.shape`, or of a slice of it."""
        index: Any = slice(None)
        if isinstance(node, ast.Subscript) and is_shape(node.value):
            fact = self.flow.facts.get(node.slice)
            index = fact.value if type(fact) is Known else None
            node = node.value
        if not is_shape(node) or not isinstance(index, slice):
            return None
        array = self.flow.facts.get(node.value)  # type: ignore[attr-defined]
        if type(array) is not Arr or array.shape is None:
            return None
        axes = range(len(array.shape))[index]
        return [(node.value, i) for i in axes] if len(axes) == n else None  # type: ignore[attr-defined]

    # Indexes

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """Write known slices as such, a whole axis as a colon, and no colons at the end."""
        array, index = self.flow.facts.get(node.value), node.slice
        parts = self.expanded(index.elts if isinstance(index, ast.Tuple) else [index])
        node.value = self.visit(node.value)
        shape = array.shape if type(array) is Arr else None
        axes = axes_of_parts(parts, shape)
        shown: list[ast.expr] = []
        for (part, fact), n in zip(parts, axes, strict=True):
            new = self.sliced(part, fact, n)
            shown += new if isinstance(new, list) else [new]
        if type(array) is Arr and array.kind == "array" and is_read(node) and is_all(shown):
            return node.value
        if not isinstance(index, ast.Tuple):
            node.slice = shown[0] if len(shown) == 1 else ast.Tuple(shown, ast.Load())
        elif type(array) is Arr:
            # A tuple is an index of several axes if it stands alone, and dots move what is behind.
            plain = [is_whole(f) or is_slice(f) or type(f) is Arr for _, f in parts]
            node.slice = (
                without_colons(shown, plain[0])
                if plain and all(plain)
                else ast.Tuple(shown, ast.Load())
            )
        else:
            node.slice = ast.Tuple(shown, ast.Load())
        return node

    def expanded(self, nodes: list[ast.expr]) -> IndexParts:
        """Return the parts of an index, also those behind stars if known, with facts."""
        found: IndexParts = []
        for node in nodes:
            value = node.value if isinstance(node, ast.Starred) else None
            items = None if value is None else item_facts(self.flow.facts.get(value))
            known = None if value is None or items is None else self.known_items(value)
            if known is not None and items is not None:
                found += zip(known, items, strict=True)
            else:
                found.append((node, self.flow.facts.get(node)))
        return found

    def sliced(self, node: ast.expr, fact: Any, n: Any) -> Any:
        """Return one part of an index."""
        if type(fact) is not Known or not isinstance(fact.value, slice):
            return self.visit(node)
        x = fact.value
        whole = isinstance(n, int) and range(*x.indices(n)) == range(n)
        if whole or x == slice(None):
            return ast.Slice()
        parts = [x.start, x.stop, x.step]
        if isinstance(node, ast.Slice) or not all(p is None or type(p) is int for p in parts):
            return self.visit(node)
        return ast.Slice(*(None if p is None else short_literal(p, self.flow) for p in parts))


def axes_of_parts(parts: IndexParts, shape: Any) -> list[Any]:
    """Return for each part of an index the length of its axis, or None."""
    unknown: list[Any] = [None] * len(parts)
    stars = any(isinstance(part, ast.Starred) for part, _ in parts)
    plain = all(is_slice(fact) or is_whole(fact) or is_dots(fact) for _, fact in parts)
    if shape is None or stars or not plain:
        return unknown if shape is None else leading_axes(parts, shape)
    dots = [i for i, (_, fact) in enumerate(parts) if is_dots(fact)]
    if not dots:
        return [*shape[: len(parts)], *unknown][: len(parts)]
    before, after = dots[0], len(parts) - dots[0] - 1
    return [*shape[:before], None, *(shape[len(shape) - after :] if after else ())]


def leading_axes(parts: IndexParts, shape: Any) -> list[Any]:
    """Return the lengths of axes up to the first mask, array or star; None for the others."""
    found: list[Any] = []
    for i, (part, fact) in enumerate(parts):
        if isinstance(part, ast.Starred) or not (is_slice(fact) or is_whole(fact)):
            break
        found.append(shape[i] if i < len(shape) else None)
    return found + [None] * (len(parts) - len(found))


def is_all(parts: list[ast.expr]) -> bool:
    """Return True for an index that takes everything."""
    dots = [x for x in parts if isinstance(x, ast.Constant) and x.value is Ellipsis]
    colons = [x for x in parts if isinstance(x, ast.Slice) and is_colon(x)]
    return len(dots) + len(colons) == len(parts) and len(colons) > 0


def is_shape(node: ast.expr) -> bool:
    """Return True for `x.shape`."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return named and node.attr == "shape"  # type: ignore[attr-defined]


def length_of(array: ast.expr, axis: int) -> ast.expr:
    """Return the expression of the length of an axis."""
    array = copy.copy(array)
    if axis == 0:
        return ast.Call(ast.Name("len", ast.Load()), [array], [])
    shape = ast.Attribute(array, "shape", ast.Load())
    return ast.Subscript(shape, ast.Constant(axis), ast.Load())
