"""Every Python block of the README runs, in order, and prints what the block below it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def test_readme(tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(README.read_text(encoding="utf-8"))
    names = {}
    ran = 0
    for (language, text), (below, expected) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "python":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(README), "exec"), names)
        if below == "text":
            assert out.getvalue() == expected, text
        ran += 1
    assert ran >= 6
    assert (tmp_path / "graph.dot").exists()
    assert (tmp_path / "spiral.model").exists()


def test_files_that_the_readme_shows_exist():
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / path).exists(), path
