"""The line numbers and the table of sizes in docs/engine.md.

python -m docs.engine brings them up to date.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("engine.md")
# [`engine/record.py:123 apply`](../tensorgrad/engine/record.py#L123)
REFERENCE = re.compile(r"\[`([\w/]+\.py):\d+ ([^`]+)`\]\(\.\./tensorgrad/[\w/]+\.py#L\d+\)")
SIZES = re.compile(r"(?<=<!-- sizes -->\n).*?(?=<!-- end of sizes -->)", re.DOTALL)
ENGINE = ("rules.py", "engine")
LAYERS = ("joint.py", "ops", "tensor", "transforms", "debug", "draw", "program", "scipy")
LIMIT = 1000  # lines of code of the engine
NOT_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def page() -> str:
    """Return the page with the numbers that are true now."""
    text = REFERENCE.sub(lambda found: reference(*found.groups()), PAGE.read_text(encoding="utf-8"))
    return SIZES.sub(lambda _: sizes(), text)


def reference(file: str, name: str) -> str:
    """Link to the line that defines a function or class, or that gives an operation its rule.

    If it has moved, the link goes to the only other file of the engine that defines it.
    Raises: LookupError if there is no such line, or if several files could be meant.
    """
    folder = ROOT / "tensorgrad"
    others = [f"engine/{path.name}" for path in sorted((folder / "engine").glob("*.py"))]
    found = [(f, line) for f in (file, *others) if (line := line_of(folder / f, name))]
    if not found or (found[0][0] != file and len(found) > 1):
        raise LookupError(f"docs/engine.md refers to {name} in {file}, which does not define it")
    file, line = found[0]
    return f"[`{file}:{line} {name}`](../tensorgrad/{file}#L{line})"


def line_of(path: Path, name: str) -> int | None:
    """Return the line of `def name`, `class name`, or of the rule of `np.name`, if there is one."""
    if not path.exists():
        return None
    source = path.read_text(encoding="utf-8")
    if name.startswith("np."):
        lines = source.splitlines()
        return next((n for n, t in enumerate(lines, 1) if t.startswith(f"rule({name},")), None)
    return dict(definitions(ast.parse(source))).get(name)


def definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield the dotted name and the line of every function and class, nested ones included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield prefix + node.name, node.lineno
            yield from definitions(node, f"{prefix}{node.name}.")


def sizes() -> str:
    """Write the table of rooms, with their lines of code."""
    rows = ["| room | lines of code | |\n|---|---:|---|\n"]
    files = [file for name in ENGINE for file in files_of(name)]
    rows += [row(file.relative_to(ROOT / "tensorgrad").as_posix(), [file]) for file in files]
    total = sum(map(lines_of_code, files))
    rows.append(f"| **the engine** | **{total:,}** | all of the above; at most {LIMIT:,} |\n")
    rows += [row(name if name.endswith(".py") else f"{name}/", files_of(name)) for name in LAYERS]
    return "".join(rows)


def row(name: str, files: list[Path]) -> str:
    """Write the row of a file or folder: its size, and the first line of its docstring."""
    docstring = ast.get_docstring(ast.parse(files[0].read_text(encoding="utf-8"))) or ""
    first = " ".join(docstring.partition("\n\n")[0].split()).replace("|", "\\|")
    return f"| `{name}` | {sum(map(lines_of_code, files)):,} | {first} |\n"


def files_of(name: str) -> list[Path]:
    """Return a file, or the Python files of a folder that have code, `__init__.py` first."""
    path = ROOT / "tensorgrad" / name
    if path.is_file():
        return [path]
    if name in ENGINE:
        return [file for file in sorted(path.rglob("*.py")) if lines_of_code(file)]
    return sorted(path.rglob("*.py"), key=lambda file: (file != path / "__init__.py", file))


def lines_of_code(path: Path) -> int:
    """Count the lines of a file without blank lines, comments, docstrings and mere type hints."""
    source = path.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spans = [(t.start[0], t.end[0]) for t in tokens if t.type not in NOT_CODE]
    lines = {n for first, last in spans for n in range(first, last + 1)}
    for node in ast.walk(ast.parse(source)):
        if is_for_readers(node):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def is_for_readers(node: ast.AST) -> bool:
    """Tell docstrings, and declarations that only type checkers read, from code that runs."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
    if isinstance(node, ast.FunctionDef):
        return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
    return isinstance(node, ast.AnnAssign) and node.value is None


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
