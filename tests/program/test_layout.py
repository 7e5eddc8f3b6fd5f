"""The layout of printed text: that of ruff, with the same meaning."""

import ast
import shutil
import subprocess

import pytest

from tensorgrad.program.layout import laid_out

LINES = [
    "x, low = (a, b)",
    "return (array_of_a_long_name_in_a_tuple_of_one_item(another_long_name, and_one_more, and_more, x),)",
    "value = (some_long_name_of_an_array[low:low + length] - other_long_name ** 2) * (a if b else c) + d_value + e",
    "yield tuple((a[i:i + rows] for a in arrays))",
    "for part, in blocks(x): pass",
    "f(x)['key'] = 'it\\'s' + 'plain' + f'{x}'",
    "if (a < b) and (c not in d): pass",
    "found = [stretch(length, i * d - low, s, start, stop) for length, k in zip(lengths, windows) if long_name]",
    "raise ValueError(f'{some_long_name} of {another_long_name} are not {what_they_should_be}, and not even close')",
    "first_long_name, second_long_name, third_long_name, fourth_long_name, fifth_long_name, sixth = f(x_one, x_two)",
    "x[..., 1:n - 1, a:b, :-1, f(x):] += y ** -2 + z.real ** 2 + f(x) ** 2",
    "lambda_of = sorted(items, key=lambda item: item.some_long_attribute[item.low:item.high + 1], reverse=True)",
]


@pytest.mark.parametrize("line", LINES)
def test_layout_keeps_the_meaning(line):
    tree = ast.parse(line)
    shown = laid_out("def f():\n    " + ast.unparse(tree).replace("\n", "\n    "))
    assert ast.dump(ast.parse(shown).body[0].body[0]) == ast.dump(tree.body[0]), shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_layout_is_that_of_ruff(tmp_path):
    parts = [
        laid_out(f"def f_{k}():\n    " + ast.unparse(ast.parse(line)).replace("\n", "\n    "))
        for k, line in enumerate(LINES)
    ]
    (tmp_path / "lines.py").write_text("\n\n\n".join(parts) + "\n")
    command = ["ruff", "format", "--isolated", "--diff", "--line-length", "100", "lines.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_class_without_docstring_begins_at_once():
    text = laid_out(ast.unparse(ast.parse("class A:\n    def f(self): pass")))
    assert text == "class A:\n    def f(self):\n        pass"
