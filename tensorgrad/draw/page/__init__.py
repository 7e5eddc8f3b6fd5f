"""The page: one HTML file that contains the viewer and a graph, and loads nothing else."""

import base64
import functools
import gzip
import html
from pathlib import Path
from typing import Any

from tensorgrad.draw.document import encoded
from tensorgrad.draw.javascript import rules_table
from tensorgrad.pages import fill_page, join_scripts, policy_hash

HERE = Path(__file__).parent

# The viewer and the graphs are compressed to a quarter of their size, and decompress themselves.
LOADER = """
async function unpack(id) {
  const element = document.getElementById(id);
  if (!element) return;
  const packed = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  element.textContent = await new Response(stream).text();
}
Promise.all(["graph", "other", "code"].map(unpack)).then(() => {
  const script = document.createElement("script");
  script.textContent = document.getElementById("code").textContent;
  document.head.append(script);
});
"""


def render(document: dict[str, Any], other: dict[str, Any] | None = None) -> str:
    """Write the page of a graph document; given an earlier one, it opens with their differences.

    The content security policy allows only the page's own style and scripts, by their hashes. A
    document may have `lines`, [{"text": "h = np.tanh(z)", "node": "n5"}, ...]: they stand beside
    the graph, and a click on one selects its node (see side.js).
    """
    style, script, code = _page_source(_sandbox_rules(document))
    parts = {
        "SCRIPT_HASHES": f"{policy_hash(LOADER)} {policy_hash(script)}",
        "STYLE_HASH": policy_hash(style),
        "<title>tensorgrad</title>": f"<title>{html.escape(document['title'])}</title>",
        "<!--STYLE-->": f"<style>{style}</style>",
        "<!--LOADER-->": f"<script>{LOADER}</script>",
        "<!--CODE-->": _data("code", code),
        "<!--GRAPH-->": _data("graph", packed(encoded(document))),
        "<!--OTHER-->": "" if other is None else _data("other", packed(encoded(other))),
    }
    return fill_page(HERE / "index.html", parts).decode()


def _sandbox_rules(document: dict[str, Any]) -> str:
    """Return the rules of the graph in JavaScript; "" if the page cannot compute it again."""
    rows = document.get("sandbox", {}).get("rows")
    return rules_table([(tuple(r["operands"]), r["formulas"]) for r in rows]) if rows else ""


@functools.lru_cache(maxsize=8)
def _page_source(rules: str) -> tuple[str, str, str]:
    """Return the style, the script and the compressed script."""
    style = (HERE / "style.css").read_text("utf-8")
    sandbox = sorted((HERE / "sandbox").glob("*.js")) if rules else []
    script = join_scripts(HERE, *(file.read_text("utf-8") for file in sandbox), rules)
    return style, script, packed(script)


def packed(text: str) -> str:
    """Compress a text to letters that need no escape in HTML."""
    # A name can contain a lone surrogate, but a file cannot.
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()


def _data(name: str, content: str) -> str:
    return f'<script type="text/plain" id="{name}">{content}</script>'
