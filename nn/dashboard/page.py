"""The page of a dashboard: one HTML file with its own style, script and data."""

import functools
import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorgrad.pages import fill_page, join_scripts, policy_hash

ASSETS = Path(__file__).parent / "assets"


def dashboard_page(data: dict[str, Any], records: Iterable[str]) -> bytes:
    """Write the page of a training; the records are JSON already, because they are many.

    The content security policy allows only the page's own style and script, by their hashes.
    """
    style, script = _source()
    parts = {
        "SCRIPT_HASH": policy_hash(script),
        "STYLE_HASH": policy_hash(style),
        "<!--TITLE-->": html.escape(data["title"]),
        "<!--STYLE-->": f"<style>{style}</style>",
        "<!--DATA-->": _embedded("data", encoded_json(data)),
        "<!--RECORDS-->": _embedded("records", f"[{','.join(records)}]"),
        "<!--SCRIPT-->": f"<script>{script}</script>",
    }
    return fill_page(ASSETS / "index.html", parts)


def encoded_json(data: Any) -> str:
    """Encode data, in which NaN and infinity are None already, in a few letters."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@functools.cache
def _source() -> tuple[str, str]:
    """Return the style and the script."""
    return (ASSETS / "style.css").read_text("utf-8"), join_scripts(ASSETS)


def _embedded(name: str, text: str) -> str:
    # Escaped, because a name could end the script that holds the data, or be a mark.
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
