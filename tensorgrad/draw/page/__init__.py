"""The page: one HTML file that holds the viewer and a graph, and loads nothing else."""

import base64
import functools
import gzip
import hashlib
import html
from pathlib import Path
from typing import Any

from tensorgrad.draw.document import encoded

HERE = Path(__file__).parent

# The viewer's source is stored compressed, to a third. Whatever runs is admitted by its hash, the unpacked text too.
LOADER = """
const packed = Uint8Array.from(atob(document.getElementById("code").textContent), (c) => c.charCodeAt(0));
const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(stream).text().then((text) => {
  const script = document.createElement("script");
  script.textContent = text;
  document.head.append(script);
});
"""


def render(document: dict[str, Any], other: dict[str, Any] | None = None) -> str:
    """The page of a graph document; with another, earlier one, it opens with their difference.

    No name in a document can end its element, which has no "<". The Content-Security-Policy admits the page's own
    style and script, by their hashes, and nothing else.
    """
    style, script, code = _source()
    data = {"graph": document} | ({} if other is None else {"other": other})
    parts = {
        "SCRIPT_HASHES": f"{_hash(LOADER)} {_hash(script)}",
        "STYLE_HASH": _hash(style),
        "<title>tensorgrad</title>": f"<title>{html.escape(document.get('title', 'graph'))}</title>",
        "<!--STYLE-->": f"<style>{style}</style>",
        "<!--CODE-->": f'<script type="text/plain" id="code">{code}</script><script>{LOADER}</script>',
        "<!--DATA-->": "".join(
            f'<script type="application/json" id="{name}">{_embedded(content)}</script>'
            for name, content in data.items()
        ),
    }
    text = (HERE / "index.html").read_text("utf-8")
    for mark, content in parts.items():  # the data last: names in it may look like the marks
        text = text.replace(mark, content, 1)
    return text


@functools.cache
def _source() -> tuple[str, str, str]:
    """The style, the script and the script compressed."""
    style = (HERE / "style.css").read_text("utf-8")
    files = sorted(HERE.glob("*.js"), key=lambda file: (file.name == "main.js", file.name))
    script = '"use strict";\n' + "\n".join(file.read_text("utf-8") for file in files)
    packed = gzip.compress(script.encode(), mtime=0)
    return style, script, base64.b64encode(packed).decode()


def _embedded(document: dict[str, Any]) -> str:
    # Lone surrogates can stand in a name, but not in a file.
    return encoded(document).replace("<", "\\u003c").encode("utf-8", "replace").decode()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
