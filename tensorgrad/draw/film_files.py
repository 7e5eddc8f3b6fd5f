"""Films as files: .svg, .gif, .mp4 and .webm."""

import os
from pathlib import Path

from tensorgrad.draw.film import film_of
from tensorgrad.draw.film_raster import gif_film, video_film
from tensorgrad.draw.film_svg import svg_film
from tensorgrad.draw.model import Graph
from tensorgrad.files import check_output, write_file


def animate(
    graph: Graph,
    title: str | None,
    depth: int | None,
    path: str | os.PathLike[str],
    seconds: float,
    width: int,
    height: int,
) -> Path:
    """Write a film in the format of its suffix: .svg, .gif, .mp4 or .webm.

    Raises: ValueError for other suffixes, sizes or times, or a graph without events; ImportError
    without an OpenCV that writes the format; OSError if the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".svg", ".gif", ".mp4", ".webm"):
        raise ValueError(
            f"a film can be saved as .svg, .gif, .mp4 or .webm, but not as {str(path)!r}"
        )
    if not 0.5 <= seconds <= 600:
        raise ValueError(f"seconds must be from 0.5 to 600, but is {seconds!r}")
    if not (160 <= width <= 4096 and 120 <= height <= 4096):
        raise ValueError(f"a film is from 160 x 120 to 4096 x 4096 pixels, not {width} x {height}")
    check_output(path)
    film = film_of(graph, title, depth, width / height)
    if suffix == ".svg":
        return write_file(path, svg_film(film, seconds, width, height).encode())
    if suffix == ".gif":
        return write_file(path, gif_film(film, seconds, width, height))
    return write_file(path, video_film(film, seconds, width, height, suffix))
