"""Docstrings of functions of which something was left out."""

import ast
import re

from tensorgrad.program.cutting.syntax import walk_syntax


def shorten_docstring(node: ast.FunctionDef, dropped: set[str]) -> None:
    """Leave out of a docstring the errors that a function no longer raises, and lost parameters."""
    doc = ast.get_docstring(node, clean=False)
    if doc is None:
        return
    if not any(isinstance(part, ast.Raise) for part in walk_syntax(node)):
        doc = re.sub(
            r"\n\s*Raises:.*?(?=\n\s*\n|\n\s*(?:Shapes|Units|Source):|$)", "", doc, flags=re.DOTALL
        )
    lines = doc.split("\n")
    for name in sorted(dropped):
        lines = without_sentences(lines, f"`{name}`")
    doc = re.sub(r"\n\s*\n\s*\n", "\n\n", re.sub(r"[ \t]+\n", "\n", "\n".join(lines))).rstrip()
    if "\n" not in doc.strip():
        doc = doc.strip()
    elif not doc.endswith("\n"):
        doc += "\n    "
    node.body[0].value = ast.Constant(doc)  # type: ignore[attr-defined]


def without_sentences(lines: list[str], name: str) -> list[str]:
    """Leave out sentences behind the first that speak of a parameter."""
    first, *others = re.split(r"(?<=\.)(?=\s)", lines[0])
    lines = ["".join([first, *(x for x in others if name not in x)]), *lines[1:]]
    if len(lines) < 2 or name not in "\n".join(lines[1:]):
        return lines
    rest = "\n".join(lines[1:])
    kept, before = "", ""
    for part in re.split(r"(?<=\.)(?=\s)", rest):
        if name in part:
            before = part[: len(part) - len(part.lstrip())]
        else:
            kept += before + part.lstrip(" ") if "\n" in before else part
            before = ""
    return [lines[0], *kept.split("\n")]
