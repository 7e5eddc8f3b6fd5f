"""Programs that use the library as its users do; each runs as `python -m examples.NAME`."""

from importlib.util import find_spec
from pathlib import Path

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


check_packages()  # before any example imports them
