"""Items and attributes in copied functions, with facts in place of values."""

import ast
import inspect
import types
from typing import Any

import numpy as np

from tensorgrad.program.cutting import array_facts, builtin_facts, index_facts
from tensorgrad.program.cutting.evaluation import CallScope, Evaluator
from tensorgrad.program.cutting.facts import (
    ANY,
    Arr,
    BoundMethod,
    Integer,
    Known,
    Seq,
    item_facts,
    made,
    part_facts,
    sequence_kind,
)
from tensorgrad.program.cutting.joins import what_holds_of


class Parts(Evaluator):
    """Evaluates items and attributes."""

    def of_Subscript(self, node: ast.Subscript, scope: CallScope) -> Any:
        x, index = self.value(node.value, scope), self.value(node.slice, scope)
        if type(x) is Arr:
            return index_facts.item(x, index)
        if sequence_kind(x) is not None and type(index) is Known:
            return self.part(x, index.value)
        if type(x) is Known and type(index) is Known:
            return builtin_facts.pure_call(lambda a, i: a[i], (x, index), {})
        self.lose(x, index)
        items = item_facts(x)
        return what_holds_of(items) if items and type(index) is Integer else ANY

    def part(self, x: Any, index: Any) -> Any:
        """Return the fact about an item, or a slice, of a sequence."""
        items = item_facts(x)
        try:
            if items is None:
                return ANY
            if isinstance(index, slice):
                kind = list if sequence_kind(x) is list else tuple
                return made(items[index], kind, getattr(x, "site", None))
            return items[index]
        except (IndexError, TypeError):
            return ANY

    def of_Attribute(self, node: ast.Attribute, scope: CallScope) -> Any:
        return self.attribute(self.value(node.value, scope), node.attr)

    def attribute(self, x: Any, name: str) -> Any:
        """Return the fact about an attribute."""
        kind = sequence_kind(x)
        if hasattr(kind, "_fields") and name not in kind._fields and not is_method(kind, name):
            self.lose(x)
            for copied in self.property_of(kind, name):
                self.called_with_anything(copied)
            return ANY
        if type(x) is Known and not isinstance(x.value, np.ndarray):
            found = self.known_attribute(x, name)
            if found is not ANY:
                return found
        if kind is slice and name in ("start", "stop", "step"):
            return part_facts(x)[("start", "stop", "step").index(name)]
        fields = getattr(kind, "_fields", ())
        if name in fields:
            return part_facts(x)[fields.index(name)]
        if type(x) is Arr:
            found = array_facts.attribute(x, name)
            return (
                BoundMethod(name, x)
                if found is ANY and callable(getattr(np.ndarray, name, 0))
                else found
            )
        if type(x) is Seq or kind is not None:
            return BoundMethod(name, x)
        self.lose(x)
        return ANY

    def property_of(self, kind: Any, name: str) -> list[str]:
        """Return the name of the copied function of a property, if it is one."""
        found = self.method_of(Seq((), kind), name)
        return [] if found is None else [found]

    def known_attribute(self, x: Known, name: str) -> Any:
        value = x.value
        if isinstance(value, (tuple, str)) and name not in getattr(value, "_fields", ()):
            return BoundMethod(name, x)
        plain = isinstance(value, (MODULE_TYPE, *builtin_facts.PLAIN_KINDS, np.ufunc))
        if not plain or not hasattr(value, name):
            return ANY
        found = getattr(value, name)
        return Known(found) if isinstance(found, MODULE_TYPE) else builtin_facts.small(found)


MODULE_TYPE = type(np)


def is_method(kind: type, name: str) -> bool:
    """Return True for a method of a class: no property, no classmethod, no value."""
    member = inspect.getattr_static(kind, name, None)
    return isinstance(member, (types.FunctionType, types.MethodDescriptorType))
