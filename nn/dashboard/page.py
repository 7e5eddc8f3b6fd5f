"""The page of a dashboard: one HTML file with its own style, script and data."""

import base64
import functools
import hashlib
import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"


def dashboard_page(data: dict[str, Any], records: Iterable[str]) -> bytes:
    """Write the page of a training; the records are JSON already, because they are many.

    The content security policy allows only the page's own style and script, by their hashes.
    """
    style, script = _source()
    text = (ASSETS / "index.html").read_text("utf-8")
    parts = {
        "SCRIPT_HASH": _digest(script),
        "STYLE_HASH": _digest(style),
        "<!--TITLE-->": html.escape(data["title"]),
        "<!--STYLE-->": f"<style>{style}</style>",
        "<!--DATA-->": _embedded("data", encoded_json(data)),
        "<!--RECORDS-->": _embedded("records", f"[{','.join(records)}]"),
        "<!--SCRIPT-->": f"<script>{script}</script>",
    }
    for mark, content in parts.items():  # no content contains a later mark
        text = text.replace(mark, content, 1)
    # A name can contain a lone surrogate, but a file cannot.
    return text.encode("utf-8", "replace")


def encoded_json(data: Any) -> str:
    """Encode data, in which NaN and infinity are None already, in a few letters."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@functools.cache
def _source() -> tuple[str, str]:
    """Return the style and the script."""
    files = sorted(ASSETS.glob("*.js"), key=lambda file: (file.name == "main.js", file.name))
    script = '"use strict";\n' + "\n".join(file.read_text("utf-8") for file in files)
    return (ASSETS / "style.css").read_text("utf-8"), script


def _embedded(name: str, text: str) -> str:
    # Escaped, because a name could end the script that holds the data, or be a mark.
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
