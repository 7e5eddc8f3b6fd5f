"""The tables of operations, one file per family. Importing this fills the registry from all of them."""

import importlib
import pkgutil

for _family in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_family.name}")
