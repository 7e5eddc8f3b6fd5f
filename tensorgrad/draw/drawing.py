"""Drawing: a graph that is shown in a notebook, saved as a picture, as a page, or as text."""

import functools
import html
import itertools
import os
import re
import tempfile
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorgrad.draw.document import document, encoded
from tensorgrad.draw.dot import dot
from tensorgrad.draw.fold import View, view
from tensorgrad.draw.model import Graph
from tensorgrad.engine.tensor import Tensor

SHOW = ("name", "shape", "dtype", "value", "grad", "bytes", "source")
DIRECTIONS = ("LR", "TB", "RL", "BT")
SUFFIXES = ".dot, .svg, .png, .pdf, .html or .json"
INSTALL = (
    "install it with `apt install graphviz`, `brew install graphviz`, `conda install graphviz` or "
    "from graphviz.org, or save as .html, .dot or .json, which need nothing"
)
drawings = itertools.count()


class Drawing:
    """A picture of a graph as it was when it was drawn; `tensorgrad.draw` makes it.

    As the last expression of a notebook cell it shows itself. `save` writes a file, `view` opens
    the browser.
    Raises: ValueError for options that are none.
    """

    def __init__(
        self,
        graph: Graph,
        depth: int | None,
        show: tuple[str, ...],
        direction: str,
        max_nodes: int,
        title: str | None,
    ) -> None:
        for word in show:
            if word not in SHOW:
                raise ValueError(f"show takes {', '.join(SHOW)}, and {word!r} is none of them")
        if direction not in DIRECTIONS:
            raise ValueError(f"direction is one of {', '.join(DIRECTIONS)}, not {direction!r}")
        if depth is not None and depth < 0:
            raise ValueError(f"depth is a number of levels of modules, 0 or more, not {depth}")
        if max_nodes < 1:
            raise ValueError(f"max_nodes is at least 1, not {max_nodes}")
        self.graph = graph
        self.depth = depth
        self.show = show
        self.direction = direction
        self.max_nodes = max_nodes
        self.title = title

    @functools.cached_property
    def folded(self) -> View:
        """What is drawn: the graph, or what it is folded to."""
        return view(self.graph, self.depth, self.max_nodes)

    @property
    def notes(self) -> list[str]:
        """What the reader should know: what was folded, what was freed."""
        return self.folded.notes

    @functools.cached_property
    def dot(self) -> str:
        """The graph in Graphviz's language."""
        return dot(self.graph, self.folded, self.show, self.direction, self.title)

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """The whole graph, never folded, as plain data: what the page reads and .json holds."""
        return document(self.graph, self.title, self.direction, self.depth)

    def page(self, before: "Drawing | None" = None) -> str:
        """One HTML file that needs no network, no server and no `dot`.

        With an earlier drawing as `before` it shows the difference, too.
        """
        from tensorgrad.draw.page import render

        return render(self.document, None if before is None else before.document)

    def render(self, format: str) -> bytes:
        """The picture as "svg", "png" or "pdf", made by Graphviz.

        Raises: ImportError without the graphviz package, RuntimeError without the program `dot`.
        """
        try:
            import graphviz
        except ImportError as error:
            raise ImportError(
                f"a .{format} is made with the graphviz package, which is not installed: "
                f"`pip install graphviz`; it needs the program `dot` as well: {INSTALL}"
            ) from error
        try:
            return graphviz.Source(self.dot).pipe(format=format)
        except graphviz.ExecutableNotFound as error:
            raise RuntimeError(
                f"a .{format} is made with Graphviz's program `dot`, which is not on the PATH: "
                f"{INSTALL}"
            ) from error

    def save(self, path: str | os.PathLike[str], *, before: "Drawing | None" = None) -> Path:
        """Write a file in the format of its suffix: .dot, .svg, .png, .pdf, .html or .json.

        A page (.html) shows the difference from an earlier drawing given as `before`.
        Raises: ValueError for another suffix, and as `render` does for .svg, .png and .pdf.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if before is not None and suffix != ".html":
            raise ValueError(f"only a page, .html, shows a difference, and {str(path)!r} is none")
        if suffix in (".svg", ".png", ".pdf"):
            content = self.render(suffix[1:])
        elif suffix == ".dot":
            content = self.dot.encode()
        elif suffix == ".html":
            content = self.page(before).encode(errors="replace")
        elif suffix == ".json":
            content = encoded(self.document).encode(errors="replace")
        else:
            raise ValueError(f"a drawing is saved as {SUFFIXES}, and {str(path)!r} is none of them")
        return _write_drawing(path, content)

    def view(self) -> Path:
        """Open the page in the browser, from a temporary file."""
        handle, name = tempfile.mkstemp(".html", "tensorgrad-")
        os.close(handle)
        path = self.save(name)
        webbrowser.open(path.as_uri())
        return path

    def __repr__(self) -> str:
        n = sum(vertex.kind == "op" for vertex in self.graph.vertices)
        what = f"{n:,} operation{'s' * (n != 1)}"
        return f"<Drawing of {what}; .save('graph.html'), .view()>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """For notebooks: the picture if `dot` can make one of the whole graph, else the page."""
        told = {"text/plain": repr(self)}
        try:
            if len(self.graph.vertices) <= self.max_nodes:
                return told | {"image/svg+xml": self._svg()}
        except Exception:  # no `dot`, or one that fails: the page needs none
            pass
        try:
            return told | {"text/html": self._frame()}
        except Exception as error:  # a notebook would show a traceback for a picture
            return {"text/plain": f"{self!r}, which cannot be shown here: {error}"}

    def _svg(self) -> str:
        """The picture, with ids of its own, so that two in one notebook do not clash."""
        prefix = f"tensorgrad-{os.getpid()}-{next(drawings)}-"
        svg = self.render("svg").decode()
        svg = svg[svg.index("<svg") :]
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)

    def _frame(self) -> str:
        """The page, sandboxed, so that it can neither read nor change the notebook around it."""
        return (
            f'<iframe title="{html.escape(self.title or "computation graph")}" '
            'sandbox="allow-scripts allow-downloads" '
            'style="width:100%;height:640px;border:1px solid #bbb" '
            f'srcdoc="{html.escape(self.page())}"></iframe>'
        )


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from tensors_in(part)
    else:
        raise TypeError(f"a drawing is of a Tensor, or of several in a list or dict, not {value!r}")


def _write_drawing(path: Path, content: bytes) -> Path:
    """All of the file or nothing: beside its place first, then into it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{next(drawings)}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path
