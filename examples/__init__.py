"""Programs that use the library as its users do; each runs as `python -m examples.NAME`."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

# On PyPI, `tensorgrad` and `nn` are packages of other projects; ours are recognized by these files.
FILES = {"tensorgrad": "tensor/tensor.py", "nn": "training/model.py"}


def check_packages() -> None:
    """Check that the packages `tensorgrad` and `nn` are those of this project.

    Raises: ImportError if one is missing or belongs to another project.
    """
    for name, file in FILES.items():
        spec = find_spec(name)
        if spec is None:
            raise ImportError(
                f"there is no package {name}; run the examples in the clone of tensorgrad, as in "
                "python -m examples.spiral"
            )
        places = spec.submodule_search_locations or [str(spec.origin)]
        if not any((Path(place) / file).is_file() for place in places):
            raise ImportError(
                f"{places[0]} is a package {name} of another project; run the examples in the "
                f"clone of tensorgrad, and if that does not help, remove the other package: "
                f"pip uninstall {name}"
            )


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an interruption in one line, and other errors with their traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[0] == "-m":  # so it is while `python -m examples.NAME` imports; later `run` sees to it
    sys.excepthook = show_error
check_packages()  # before any example imports them
