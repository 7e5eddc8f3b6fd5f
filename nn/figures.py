"""Figures of Matplotlib: for the screen by pyplot, for a file without it."""

import io
import os
from pathlib import Path
from typing import Any

from nn.config import import_extra
from tensorgrad.files import write_file

Target = str | os.PathLike[str] | None


def new_figure(path: Target, **settings: Any) -> Any:
    """Make a figure that `finish_figure` writes to a file or, without a path, shows.

    For a file, pyplot is not needed, nor the backend that MPLBACKEND names.
    Raises: ImportError if Matplotlib is not installed.
    """
    matplotlib = import_extra("matplotlib.figure", "curves are drawn with Matplotlib")
    if path is not None:
        return matplotlib.figure.Figure(**settings)
    from matplotlib import pyplot as plt

    return plt.figure(**settings)


def finish_figure(figure: Any, path: Target) -> None:
    """Write a figure to a file, as a whole or not at all, or show it on the screen.

    Raises: ValueError if Matplotlib knows no format of this name; OSError if it cannot be written.
    """
    if path is not None:
        data = io.BytesIO()
        figure.savefig(data, dpi=150, format=Path(path).suffix[1:] or "png")
        write_file(path, data.getvalue())
        return
    from matplotlib import pyplot as plt

    plt.show()
    plt.close(figure)
