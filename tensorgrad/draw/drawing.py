"""Drawing: a graph that is shown in a notebook, saved as a picture, as a page, or as text."""

import functools
import html
import itertools
import os
import re
import tempfile
import webbrowser
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorgrad.draw import document
from tensorgrad.draw.dot import dot
from tensorgrad.draw.fold import View, view
from tensorgrad.draw.model import Graph, read
from tensorgrad.tensor import Tensor

SHOW = ("name", "shape", "dtype", "value", "grad", "bytes", "source")
PICTURES = (".svg", ".png", ".pdf")
MAX_NODES = 200  # `dot` lays these out in a second or two
INSTALL = (
    "install it with `apt install graphviz`, `brew install graphviz`, `conda install graphviz` or from graphviz.org; "
    "or save as .html, .dot or .json, which need nothing"
)
drawings = itertools.count()


class Drawing:
    """A picture of a graph as it was when it was drawn.

    The last expression of a notebook cell shows it. `save` writes a file, `view` opens it in the browser.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        depth: int | None = None,
        show: Iterable[str] = ("name", "shape", "dtype"),
        direction: str = "LR",
        max_nodes: int = MAX_NODES,
        title: str | None = None,
    ) -> None:
        self.graph = graph
        self.depth = depth
        self.show = _checked(show)
        self.direction = direction
        self.max_nodes = max_nodes
        self.title = title
        if direction not in ("LR", "RL", "TB", "BT"):
            raise ValueError(f"direction is 'LR', 'TB', 'RL' or 'BT', not {direction!r}")
        if depth is not None and depth < 0:
            raise ValueError(
                f"depth is the number of module levels drawn open, 0 or more, not {depth}"
            )
        if max_nodes < 1:
            raise ValueError(f"max_nodes is at least 1, not {max_nodes}")

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
        return document.document(self.graph, self.title, self.direction, self.depth)

    @property
    def html(self) -> str:
        """The page: one file that needs no network, no server and no `dot`."""
        return document.page(self.document)

    def render(self, format: str) -> bytes:
        """The picture, made by Graphviz's `dot`.

        Raises: ImportError without the graphviz package, RuntimeError without the program.
        """
        try:
            import graphviz
        except ImportError as error:
            raise ImportError(
                f"a .{format} is made by the graphviz package: `pip install graphviz`, and the program `dot`: {INSTALL}"
            ) from error
        try:
            return graphviz.Source(self.dot).pipe(format=format)
        except graphviz.ExecutableNotFound as error:
            raise RuntimeError(
                f"a .{format} is made by Graphviz's program `dot`, which is not on the PATH: {INSTALL}"
            ) from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing in the format of the suffix: .dot, .svg, .png, .pdf, .html or .json.

        Raises: ValueError for another suffix; ImportError or RuntimeError where Graphviz is needed and missing.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in (".dot", ".gv"):
            content = self.dot.encode()
        elif suffix in PICTURES:
            content = self.render(suffix[1:])
        elif suffix == ".html":
            content = self.html.encode()
        elif suffix == ".json":
            content = document.encoded(self.document).encode()
        else:
            raise ValueError(
                f"a drawing is saved as .dot, .svg, .png, .pdf, .html or .json, and {str(path)!r} is none of them"
            )
        return _write(path, content)

    def view(self) -> Path:
        """Open the page in the browser, from a temporary file."""
        handle, name = tempfile.mkstemp(".html", "tensorgrad-")
        os.close(handle)
        path = self.save(name)
        webbrowser.open(path.as_uri())
        return path

    def __repr__(self) -> str:
        recorded = [vertex for vertex in self.graph.vertices if vertex.kind == "op"]
        return f"<Drawing of {len(recorded):,} operations; .save('graph.html'), .view()>"

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
        """The picture with names of its own for its parts, so that two in one notebook do not clash."""
        prefix = f"tensorgrad-{os.getpid()}-{next(drawings)}-"
        svg = self.render("svg").decode()
        svg = svg[svg.index("<svg") :]
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)

    def _frame(self) -> str:
        """The page, sandboxed, so that it can neither read nor change the notebook around it."""
        return (
            f'<iframe title="{html.escape(self.title or "computation graph")}" '
            'sandbox="allow-scripts allow-downloads" style="width:100%;height:640px;border:1px solid #bbb" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )


def draw(
    tensors: Any,
    *,
    depth: int | None = None,
    show: Iterable[str] = ("name", "shape", "dtype"),
    direction: str = "LR",
    max_nodes: int = MAX_NODES,
    title: str | None = None,
) -> Drawing:
    """The graph under a tensor, or under several.

    `depth` is how many levels of modules are drawn open. `show` says what is told of each node, of "name", "shape",
    "dtype", "value", "grad", "bytes" and "source"; values and gradients are those that the graph keeps, and all of
    them in a `trace`, which also knows the source lines. More than `max_nodes` nodes are folded.
    """
    show = _checked(show)
    outputs = [(t.node, t.data) for t in tensors_in(tensors)]
    graph = read(outputs, values="value" in show, grads="grad" in show)
    return Drawing(
        graph, depth=depth, show=show, direction=direction, max_nodes=max_nodes, title=title
    )


def tensors_in(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors_in(part)
    else:
        raise TypeError(f"draw takes a Tensor, or several, not {value!r}")


def _checked(show: Iterable[str]) -> tuple[str, ...]:
    show = (show,) if isinstance(show, str) else tuple(show)
    unknown = [word for word in show if word not in SHOW]
    if unknown:
        raise ValueError(f"show takes {', '.join(map(repr, SHOW))}, and {unknown[0]!r} is none of them")
    return show


def _write(path: Path, content: bytes) -> Path:
    """All of the file or nothing: beside its place first, then into it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
