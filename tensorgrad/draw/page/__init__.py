"""The page: one HTML file that contains the viewer and a graph, and loads nothing else."""

import base64
import functools
import gzip
import hashlib
import html
from pathlib import Path
from typing import Any

from tensorgrad.draw.document import encoded

HERE = Path(__file__).parent

# The viewer is compressed to a third of its size, and decompresses itself.
LOADER = """
const text = document.getElementById("code").textContent;
const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(unpacked).text().then((code) => {
  const script = document.createElement("script");
  script.textContent = code;
  document.head.append(script);
});
"""


def render(document: dict[str, Any], other: dict[str, Any] | None = None) -> str:
    """Write the page of a graph document; given an earlier one, it opens with their differences.

    The embedded document contains no "<", so that no name can close its element. The content
    security policy allows only the page's own style and scripts, by their hashes.
    """
    style, script, code = _page_source()
    parts = {
        "SCRIPT_HASHES": f"{_hash(LOADER)} {_hash(script)}",
        "STYLE_HASH": _hash(style),
        "<title>tensorgrad</title>": f"<title>{html.escape(document['title'])}</title>",
        "<!--STYLE-->": f"<style>{style}</style>",
        "<!--LOADER-->": f"<script>{LOADER}</script>",
        "<!--CODE-->": _data("code", "text/plain", code),
        "<!--GRAPH-->": _json("graph", document),
        "<!--OTHER-->": "" if other is None else _json("other", other),
    }
    text = (HERE / "index.html").read_text("utf-8")
    for mark, content in parts.items():  # no content contains a later mark
        text = text.replace(mark, content, 1)
    # A name can contain a lone surrogate, but a file cannot.
    return text.encode("utf-8", "replace").decode()


@functools.cache
def _page_source() -> tuple[str, str, str]:
    """Return the style, the script and the compressed script."""
    style = (HERE / "style.css").read_text("utf-8")
    files = sorted(HERE.glob("*.js"), key=lambda file: (file.name == "main.js", file.name))
    script = '"use strict";\n' + "\n".join(file.read_text("utf-8") for file in files)
    packed = gzip.compress(script.encode(), mtime=0)
    return style, script, base64.b64encode(packed).decode()


def _json(name: str, document: dict[str, Any]) -> str:
    return _data(name, "application/json", encoded(document).replace("<", "\\u003c"))


def _data(name: str, kind: str, content: str) -> str:
    return f'<script type="{kind}" id="{name}">{content}</script>'


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
