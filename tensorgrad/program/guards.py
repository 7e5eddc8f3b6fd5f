"""Guards: the values from outside that a program is made for."""

import array
import operator
import os
from typing import Any

import numpy as np

BUFFERS = (np.ndarray, array.array, bytearray, memoryview)
PLAIN_VALUES = (bool, int, float, complex, str, bytes, type(None), np.generic)


def is_same(a: Any, b: Any) -> bool:
    """Return True for one object, and for equal plain values of one type.

    Here -0.0 is not 0.0, and NaN is NaN.
    """
    if a is b or type(a) is not type(b) or not isinstance(a, PLAIN_VALUES):
        return a is b
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, complex):
        return is_same(a.real, b.real) and is_same(a.imag, b.imag)
    return repr(a) == repr(b) if a == b == 0 else bool(a == b) or bool(a != a and b != b)


def defined_by(f: Any) -> tuple[Any, ...]:
    """Return the code and the defaults of a function."""
    return f.__code__, f.__defaults__, f.__kwdefaults__


class Guard:
    """A value that a function uses from outside, in a dict, a list or a closure's cell."""

    __slots__ = ("key", "value", "where")

    def __init__(self, where: Any, key: Any, value: Any) -> None:
        self.where, self.key, self.value = where, key, value

    def now(self) -> Any:
        """Return the value that the function would find now."""
        return self.where.cell_contents if self.key is None else self.where[self.key]

    def holds(self) -> bool:
        """Return True if the value is as it was."""
        try:  # as in `now`, without its call: this is asked at each run of a program
            now = self.where.cell_contents if self.key is None else self.where[self.key]
        except (ValueError, KeyError, IndexError):
            return False
        return is_same(now, self.value)

    def has_changed_value(self) -> bool:
        """Return True if a plain value has become another; one that was None may be made lazily."""
        if not isinstance(self.value, PLAIN_VALUES) or self.holds():
            return False
        return self.value is not None or isinstance(self.now(), PLAIN_VALUES)

    def put_back(self) -> None:
        """Put the value back."""
        if self.key is None:
            self.where.cell_contents = self.value
        else:
            self.where[self.key] = self.value

    def __repr__(self) -> str:
        return f"{self.key or 'a variable of the closure'} = {self.value!r}"


class InstanceGuard(Guard):
    """An attribute of an object, which the object finds in its own dict."""

    __slots__ = ("owner",)

    def __init__(self, owner: Any, key: str, value: Any) -> None:
        super().__init__(vars(owner), key, value)
        self.owner = owner


class AttributeGuard(Guard):
    """A value that a class has, or an object in a slot."""

    __slots__ = ()

    def now(self) -> Any:
        """Return the value, or the guard itself if there is none."""
        return getattr(self.where, self.key, self)

    def holds(self) -> bool:
        """Return True if the value is as it was."""
        return is_same(self.now(), self.value)

    def put_back(self) -> None:
        """Put the value back."""
        setattr(self.where, self.key, self.value)


class AbsentGuard(Guard):
    """A name that is not there, as that of a builtin among the globals, which could hide it."""

    __slots__ = ()

    def now(self) -> Any:
        """Return the value that is there now, or None."""
        return self.where.get(self.key)

    def holds(self) -> bool:
        """Return True if the name is still not there."""
        return self.key not in self.where

    def put_back(self) -> None:
        """Take the name away."""
        self.where.pop(self.key, None)

    def __repr__(self) -> str:
        return f"the missing {self.key}"


class MemberGuard(Guard):
    """A member of a class: a value, a method, a property."""

    __slots__ = ("kind",)

    def __init__(self, kind: type, key: str) -> None:
        super().__init__(vars(kind), key, vars(kind)[key])
        self.kind = kind

    def put_back(self) -> None:
        """Put the value back."""
        setattr(self.kind, self.key, self.value)

    def __repr__(self) -> str:
        return f"{self.kind.__name__}.{self.key} = {self.value!r}"


class TypeGuard(Guard):
    """The class of an object."""

    __slots__ = ()

    def now(self) -> Any:
        """Return the class."""
        return type(self.where)

    def holds(self) -> bool:
        """Return True if the object has the class that it had."""
        return type(self.where) is self.value

    def has_changed_value(self) -> bool:
        """Return False, because a class is no plain value."""
        return False


class FunctionGuard(TypeGuard):
    """The code and the defaults of a function."""

    __slots__ = ()

    def now(self) -> Any:
        """Return the code and the defaults."""
        return defined_by(self.where)

    def holds(self) -> bool:
        """Return True if all are the same objects as before."""
        return all(map(operator.is_, self.now(), self.value))


class EnvironmentGuard(TypeGuard):
    """The variables of the environment."""

    __slots__ = ()

    def now(self) -> dict[str, str]:
        """Return all of them."""
        return dict(os.environ)

    def holds(self) -> bool:
        """Return True if all are as they were."""
        return bool(os.environ == self.value)

    def has_changed_value(self) -> bool:
        """Return True if the function has changed them."""
        return not self.holds()

    def put_back(self) -> None:
        """Set all as they were."""
        os.environ.clear()
        os.environ.update(self.value)

    def __repr__(self) -> str:
        return "os.environ"


class ContextGuard(AttributeGuard):
    """The value of a ContextVar."""

    __slots__ = ()

    def now(self) -> Any:
        """Return the value, or the guard itself if there is none."""
        return self.where.get(self)

    def put_back(self) -> None:
        """Set the value again."""
        self.where.set(self.value)


class ArrayGuard(Guard):
    """The elements of an array from outside, because the trace may have computed with them."""

    __slots__ = ()

    def __init__(self, where: Any) -> None:
        super().__init__(where, None, None)
        self.value = self.now()

    def now(self) -> tuple[Any, bytes]:
        """Return the shape and the elements."""
        x = self.where
        x = x if isinstance(x, BUFFERS) else np.asarray(x)
        return getattr(x, "shape", None), x.tobytes() if hasattr(x, "tobytes") else bytes(x)

    def holds(self) -> bool:
        """Return True if all elements are as they were."""
        return self.now() == self.value

    def has_changed_value(self) -> bool:
        """Return True for bytes that have changed; writes into arrays are found by other means."""
        return not isinstance(self.where, np.ndarray) and not self.holds()

    def put_back(self) -> None:
        """Write the bytes again, if there are as many."""
        x = self.where
        if isinstance(x, BUFFERS) and memoryview(x).nbytes == len(self.value[1]):
            memoryview(x).cast("B")[:] = self.value[1]

    def __repr__(self) -> str:
        return f"the elements of {self.where!r}"


class ClassGuard(Guard):
    """A plain value that an object has from its class, until someone assigns one of its own."""

    __slots__ = ()

    def now(self) -> Any:
        """Return the value, the object's own if it has one."""
        return getattr(self.where, self.key)

    def holds(self) -> bool:
        """Return True if the object has no value of its own, and its class the same."""
        return self.key not in vars(self.where) and self.now() is self.value

    def put_back(self) -> None:
        """Take the object's own value away."""
        vars(self.where).pop(self.key, None)


class SizeGuard(Guard):
    """The number of items of what is no container of values, such as the attributes of a class."""

    __slots__ = ()

    def __init__(self, where: Any) -> None:
        super().__init__(where, "", None)
        self.value = self.now()

    def now(self) -> Any:
        """Return the number of items."""
        return len(self.where)

    def holds(self) -> bool:
        """Return True if there are as many as before."""
        return len(self.where) == self.value

    def has_changed_value(self) -> bool:
        """Return False, because what is added outside is found by other means."""
        return False


class OrderGuard(SizeGuard):
    """The keys of a dict, or the items of what is compared as a whole, in their order."""

    __slots__ = ("texts",)

    def __init__(self, where: Any) -> None:
        super().__init__(where)
        # Texts are equal only if they are the same, and lists of them compare ten times faster.
        self.texts = isinstance(where, dict) and all(type(x) is str for x in self.value)

    def now(self) -> list[Any]:
        """Return the keys or items."""
        return self.where.ravel().tolist() if isinstance(self.where, np.ndarray) else [*self.where]

    def holds(self) -> bool:
        """Return True if all are as they were."""
        now = self.now()
        if self.texts:
            return bool(now == self.value)
        return len(now) == len(self.value) and all(map(is_same, now, self.value))
