"""Pages: one HTML file with its own style and scripts, which loads nothing else."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["fill_page", "join_scripts", "policy_hash"]

OF_ALL_PAGES = Path(__file__).parent  # the scripts that every page has


def join_scripts(folder: Path, *more: str) -> str:
    """Join the scripts of all pages, those of a folder and more texts; main.js comes last."""
    main = folder / "main.js"
    files = [*sorted(OF_ALL_PAGES.glob("*.js")), *sorted(set(folder.glob("*.js")) - {main})]
    texts = [*(file.read_text("utf-8") for file in files), *more, main.read_text("utf-8")]
    return '"use strict";\n' + "\n".join(texts)


def policy_hash(text: str) -> str:
    """Return what a content security policy calls a style or script, to allow this one alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def fill_page(template: Path, parts: Mapping[str, str]) -> bytes:
    """Write a page from its template: each mark is replaced once, in order, by its part.

    No part may contain a later mark.
    """
    text = template.read_text("utf-8")
    for mark, part in parts.items():
        text = text.replace(mark, part, 1)
    # A name can contain a lone surrogate, but a file cannot.
    return text.encode("utf-8", "replace")
