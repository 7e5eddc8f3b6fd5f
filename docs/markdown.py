"""Docstrings, headings and cells of tables, as Markdown."""

import re

SECTIONS = ("Shapes", "Units", "Raises", "Source")


def markdown(docstring: str) -> str:
    """Write a docstring as Markdown: its examples as code, each of its sections in a paragraph."""
    text = ""
    for paragraph in docstring.strip().split("\n\n"):
        if paragraph.startswith(">>>"):
            text += f"```pycon\n{paragraph}\n```\n\n"
            continue
        parts = re.split(rf"\n(?=(?:{'|'.join(SECTIONS)}): )", paragraph)
        for part in parts:
            words = " ".join(part.split())
            label, colon, rest = words.partition(": ")
            text += f"*{label}:* {plain(rest)}\n\n" if colon and label in SECTIONS else ""
            text += "" if colon and label in SECTIONS else f"{plain(words)}\n\n"
    return text.rstrip("\n") + "\n"


def plain(words: str) -> str:
    """Escape what Markdown would read as markup, outside of code."""
    parts = words.split("`")
    parts[::2] = [re.sub(r"([*_<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def cell(words: str) -> str:
    """Write a sentence into a cell of a table."""
    return plain(words).replace("|", "\\|")


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w-]", "", heading.lower())
