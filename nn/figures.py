"""Figures of Matplotlib: for the screen by pyplot, for a file without it."""

import io
import os
from pathlib import Path
from typing import Any

from nn.config import INSTALL_EXTRAS
from tensorgrad.files import write_file

Target = str | os.PathLike[str] | None


def new_figure(path: Target, **settings: Any) -> Any:
    """Make a figure that `finish_figure` writes to a file or, without a path, shows.

    For a file, pyplot is not needed, nor the backend that MPLBACKEND names.
    Raises: ImportError if Matplotlib is not installed.
    """
    try:
        from matplotlib import figure
    except ImportError as error:
        raise ImportError(
            f"curves are drawn with Matplotlib, which is not installed; run {INSTALL_EXTRAS}"
        ) from error
    if path is not None:
        return figure.Figure(**settings)
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
