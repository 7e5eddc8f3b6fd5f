"""Drawing: a graph that notebooks display and that is saved as a picture, a page, or text."""

import contextlib
import functools
import html
import itertools
import os
import re
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorgrad.draw.document import document, encoded
from tensorgrad.draw.dot import dot
from tensorgrad.draw.fold import View, view
from tensorgrad.draw.model import Graph
from tensorgrad.files import as_path, write_file
from tensorgrad.tensor.tensor import Tensor

SHOW = ("name", "shape", "dtype", "value", "grad", "bytes", "source")
DIRECTIONS = ("LR", "TB", "RL", "BT")
SUFFIXES = ".dot, .svg, .png, .pdf, .html or .json"
INSTALL = (
    "install it with `apt install graphviz`, `brew install graphviz`, `conda install graphviz` or "
    "from graphviz.org, or save as .html, .dot or .json, which need no other program"
)
DISPLAYS = (None, "page", "svg")
LARGEST = 200_000  # characters of a page as the output of a notebook's cell
# The text inside a frame is what is left of it in a notebook whose outputs are not trusted.
UNTRUSTED = "This page is shown after the cell is run, or the notebook trusted."
drawings = itertools.count()


@dataclass(eq=False, repr=False)
class Drawing:
    """A picture of a graph at the moment of drawing; `tensorgrad.draw` returns one.

    A notebook displays it as the last expression of a cell, or where `show` is called: a traced run
    as a page, other graphs as a still picture, unless `display` is "page" or "svg". `save` writes a
    file, `view` opens the browser.
    Raises: ValueError for an invalid option.
    """

    graph: Graph
    depth: int | None
    details: tuple[str, ...]
    direction: str
    max_nodes: int
    title: str | None
    display: str | None = None
    history: str | None = None

    def __post_init__(self) -> None:
        for word in self.details:
            if word not in SHOW:
                raise ValueError(f"show accepts {', '.join(SHOW)}, but not {word!r}")
        if self.direction not in DIRECTIONS:
            raise ValueError(
                f"direction must be one of {', '.join(DIRECTIONS)}, but is {self.direction!r}"
            )
        if self.display not in DISPLAYS:
            raise ValueError(f'display must be "page", "svg" or None, but is {self.display!r}')
        for name, words in (("title", self.title), ("history", self.history)):
            if not (words is None or isinstance(words, str)):
                raise TypeError(f"{name} must be text, but is {words!r}")
        if self.depth is not None and self.depth < 0:
            raise ValueError(
                f"depth must be a number of levels of modules, 0 or more, but is {self.depth}"
            )
        if self.max_nodes < 1:
            raise ValueError(f"max_nodes must be at least 1, but is {self.max_nodes}")

    @functools.cached_property
    def folded(self) -> View:
        """The nodes and edges to draw: the graph itself, or a folded form of it."""
        return view(self.graph, self.depth, self.max_nodes)

    @property
    def notes(self) -> list[str]:
        """Remarks for the reader about parts that were folded or freed."""
        return self.folded.notes

    @functools.cached_property
    def dot(self) -> str:
        """The graph in Graphviz's language."""
        return dot(self.graph, self.folded, self.details, self.direction, self.title)

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """The whole graph, never folded, as plain data, for the page and for .json."""
        return document(self.graph, self.title, self.direction, self.depth, self.history)

    def page(self, before: "Drawing | None" = None) -> str:
        """Return a self-contained HTML page, which needs no network, server or `dot`.

        Given an earlier drawing as `before`, the page shows the differences from it.
        """
        from tensorgrad.draw.page import render

        return render(self.document, None if before is None else before.document)

    def render(self, format: str) -> bytes:
        """Render the picture as "svg", "png" or "pdf" with Graphviz.

        Raises: ImportError without the graphviz package, RuntimeError if the program `dot` is
        missing or fails.
        """
        try:
            import graphviz
        except ImportError as error:
            raise ImportError(
                f"Saving as .{format} requires the graphviz package, which is not installed: "
                f"`pip install graphviz`; it also requires the program `dot`: {INSTALL}"
            ) from error
        try:
            return graphviz.Source(self.dot).pipe(format=format, quiet=True)
        except graphviz.CalledProcessError as error:
            said = (error.stderr or b"").decode(errors="replace").strip()
            raise RuntimeError(
                f"Graphviz's program `dot` could not draw .{format} (it says: {said[:200]}); if it "
                "does not know the format, run `dot -c` once as administrator, or save as .html, "
                ".dot or .json, which need no other program"
            ) from error
        except graphviz.ExecutableNotFound as error:
            raise RuntimeError(
                f"Saving as .{format} requires Graphviz's program `dot`, which is not on the PATH: "
                f"{INSTALL}"
            ) from error

    def save(self, path: str | os.PathLike[str], *, before: "Drawing | None" = None) -> Path:
        """Write a file in the format of its suffix: .dot, .svg, .png, .pdf, .html or .json.

        A page (.html) shows the differences from an earlier drawing given as `before`.
        Raises: ValueError for any other suffix; the errors of `render` for .svg, .png and .pdf.
        """
        path = as_path(path)
        suffix = path.suffix.lower()
        if before is not None and suffix != ".html":
            raise ValueError(
                f"only a page (.html) can show differences, but the path is {str(path)!r}"
            )
        if suffix in (".svg", ".png", ".pdf"):
            content = self.render(suffix[1:])
        elif suffix == ".dot":
            content = self.dot.encode()
        elif suffix == ".html":
            content = self.page(before).encode(errors="replace")
        elif suffix == ".json":
            content = encoded(self.document).encode(errors="replace")
        else:
            raise ValueError(f"a drawing can be saved as {SUFFIXES}, but not as {str(path)!r}")
        return write_file(path, content)

    def animate(
        self,
        path: str | os.PathLike[str],
        seconds: float = 12.0,
        *,
        width: int = 1280,
        height: int = 720,
    ) -> Path:
        """Write the stepping through a traced run as a film: .svg, .gif, .mp4 or .webm.

        Browsers show all but .mp4, slides all but .webm. All events take `seconds`, each an equal
        part of them. Modules are closed down to `depth`, or until there are at most 60 nodes; a
        graph that is larger than the picture is followed.
        Raises: ValueError for another suffix, size or time, or a graph without events; ImportError
        for .gif, .mp4 and .webm without OpenCV.
        """
        from tensorgrad.draw.film_files import animate

        return animate(self.graph, self.title, self.depth, path, seconds, width, height)

    def view(self) -> Path:
        """Open the page in the browser, from a temporary file."""
        handle, name = tempfile.mkstemp(".html", "tensorgrad-")
        os.close(handle)
        path = self.save(name)
        webbrowser.open(path.as_uri())
        return path

    def __repr__(self) -> str:
        n = sum(vertex.kind == "op" for vertex in self.graph.vertices)
        return f"<Drawing of {n:,} operation{'s' * (n != 1)}; .save('graph.html'), .view()>"

    def show(self) -> None:
        """Display the drawing below the running cell of a notebook; elsewhere, open the browser."""
        ipython = sys.modules.get("IPython")
        if ipython is not None and ipython.get_ipython() is not None:
            ipython.display.display(self)
        else:
            self.view()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the page of a traced run, or the still picture of another graph.

        Where one cannot be made, such as the picture without `dot`, it is the other.
        """
        bundle = {"text/plain": repr(self)}
        page_first = self.display == "page" or (self.display is None and bool(self.graph.events))
        kinds = [self._page_output, self._picture_output]
        for output in kinds if page_first else reversed(kinds):
            with contextlib.suppress(Exception):  # a notebook would show a traceback in its place
                if found := output():
                    return bundle | found
        try:
            return bundle | {"text/html": self._frame()}
        except Exception as error:
            return {"text/plain": f"{self!r}, which cannot be displayed here: {error}"}

    def _page_output(self) -> dict[str, str]:
        """Return the page, unless it is too large to be stored in a notebook."""
        frame = self._frame()
        return {"text/html": frame} if len(frame) <= LARGEST else {}

    def _picture_output(self) -> dict[str, str]:
        """Return the still picture, unless the graph is too large for it."""
        few = len(self.graph.vertices) <= self.max_nodes
        return {"image/svg+xml": self._svg()} if few or self.display == "svg" else {}

    def _svg(self) -> str:
        """Return the picture with unique ids, so that two in one notebook do not clash."""
        prefix = f"tensorgrad-{os.getpid()}-{next(drawings)}-"
        svg = self.render("svg").decode()
        svg = svg[svg.index("<svg") :]
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)

    def _frame(self) -> str:
        """Return the page in a sandbox, where it can neither read nor change the notebook."""
        page = self.page().replace("&", "&amp;").replace("'", "&#39;")
        count = len(self.graph.vertices)
        height = 480 if count <= 4 else 560 if count <= 12 else 640
        return (
            f'<iframe title="{html.escape(self.title or "computation graph")}" '
            'sandbox="allow-scripts allow-downloads" loading="lazy" '
            f'style="width:100%;height:{height}px;border:1px solid #bbb" '
            f"srcdoc='{page}'>{UNTRUSTED}</iframe>"
        )


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from tensors_in(part)
    else:
        raise TypeError(
            f"draw needs a Tensor, or several in a list or dict, but was given {value!r}"
        )
