"""Registrations with other libraries, made when these are imported.

einops gets a backend for tensors, and xarray an accessor: `array.tg.interp`.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

REGISTRATIONS = {  # a library's module, and the function that registers with it
    "einops._backends": ("tensorgrad.neighbours.einops_backend", "add_backend"),
    "xarray": ("tensorgrad.neighbours.xarray_accessor", "add_accessors"),
}


def register_with(library: ModuleType) -> None:
    """Register with a library that was imported."""
    module, function = REGISTRATIONS[library.__name__]
    getattr(importlib.import_module(module), function)(library)


class AfterImport:  # no subclass of MetaPathFinder, whose module takes longer than this library
    """A finder that lets a module be imported as ever, and then registers with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_searching = False

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Return the spec of the module with a loader that registers afterwards."""
        if name != self.name or self.is_searching:  # the search for the spec comes by here, too
            return None
        from importlib.util import find_spec

        self.is_searching = True
        try:
            spec = find_spec(name)
        finally:
            self.is_searching = False
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                if self in sys.meta_path:  # who only asks for the spec does not import the module
                    sys.meta_path.remove(self)
                register_with(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


for _name in REGISTRATIONS:
    if _name in sys.modules:
        register_with(sys.modules[_name])
    else:
        sys.meta_path.insert(0, AfterImport(_name))
