"""The students' notebooks, made from the full ones: solutions cut out, and checks put in.

In the full notebooks, `# solution: NAME` and `# end` enclose code, of which tasks.py has the stub
and the check, and `<!-- solution: WHAT -->` and `<!-- end -->` a derivation. Solutions of exercises
are in <details>.

Run: python -m examples.learn.make_student
"""

import json
import re
from pathlib import Path

from examples.learn.tasks import TASKS

LEARN = Path(__file__).parent
STUDENT = LEARN / "student"
CODE = re.compile(r"^( *)# solution: (\w+)\n(.*?)^ *# end\n?", re.DOTALL | re.MULTILINE)
DERIVATION = re.compile(r"<!-- solution: (.*?) -->\n.*?<!-- end -->", re.DOTALL)
EXERCISE = re.compile(r"\n*<details>.*?</details>\n*", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)]+)\)")
ABOUT = (
    "*This is the version for students: derivations and solutions are cut out. Put your answers in "
    "the place of the dots, and run the check below them. The whole notebook is "
    "[here](../{name}).*"
)
IMPORT = "from checks import check  # it says what is wrong with an answer"


def student_notebook(path):
    """Return the text of the student's notebook made from a full one."""
    notebook = json.loads(path.read_text("utf-8"))
    cells = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        parts = code_parts(text, path.stem) if cell["cell_type"] == "code" else text_parts(text)
        for k, (kind, part) in enumerate(parts):
            cells.append(new_cell(kind, part, cell["id"] if k == 0 else f"{cell['id']}-{k}"))
    cells.insert(1, new_cell("markdown", ABOUT.format(name=path.name), "about"))
    if path.stem in TASKS:
        cells.insert(2, new_cell("code", IMPORT, "check"))
    return json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False) + "\n"


def new_cell(kind, text, name):
    """Return a cell without outputs."""
    cell = {"cell_type": kind, "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return dict(sorted(cell.items()))  # as Jupyter writes them


def text_parts(text):
    """Cut derivations and solutions out of a text; a place for the solution follows an exercise."""
    exercise = "<details>" in text
    text = DERIVATION.sub(r"> **Derive it yourself:** \1.", text)
    text = EXERCISE.sub("\n\n", text).strip()
    text = LINK.sub(
        lambda m: m[0] if m[1].endswith(".ipynb") and "/" not in m[1] else f"](../{m[1]})", text
    )
    return [("markdown", text)] + [("code", "# your solution")] * exercise


def code_parts(text, name):
    """Replace each solution by its stub, with its check behind it, in cells of their own."""
    parts, rest = [], text
    while match := CODE.search(rest):
        task = TASKS[name][match[2]]
        stub = "\n".join(match[1] + line if line else "" for line in task.stub.strip().splitlines())
        given, rest = rest[: match.start()], rest[match.end() :].strip("\n")
        parts += [("code", given + stub), ("code", task.check.strip())]
    return parts + ([("code", rest)] if rest or not parts else [])


def main():
    """Write all notebooks of the students."""
    for path in sorted(LEARN.glob("*.ipynb")):
        (STUDENT / path.name).write_text(student_notebook(path), encoding="utf-8")


if __name__ == "__main__":
    main()
