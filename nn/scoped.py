"""The scope that a module's operations are recorded under."""

import weakref
from typing import Any

import tensorgrad as tg


class Scoped:
    """Base of modules: a scope for their operations, which lists their parameters for drawings."""

    _scope: tg.Scope | None = None

    def parameters(self) -> list[tg.Tensor]:
        """List the parameters; to be defined by a subclass.

        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method parameters")

    def _scope_named(self, name: str) -> tg.Scope:
        """Return this module's scope, named on first use: a module in two places has one name."""
        if self._scope is None or not self._scope.name:
            object.__setattr__(self, "_scope", self._new_scope(name))
        return self._scope  # type: ignore[return-value]

    def _new_scope(self, name: str) -> tg.Scope:
        method = weakref.WeakMethod(self.parameters)  # a graph does not keep its modules alive

        def parameters() -> list[tg.Tensor] | None:
            own = method()
            return None if own is None else own()

        return tg.Scope(type(self).__name__, name, parameters)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes to copy, with a new scope of the same name."""
        scope = self._scope and tg.Scope(self._scope.kind, self._scope.name)
        return vars(self) | {"_scope": scope}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes of a copy, whose scope lists the copied parameters."""
        vars(self).update(state)
        if self._scope is not None:
            object.__setattr__(self, "_scope", self._new_scope(self._scope.name))
