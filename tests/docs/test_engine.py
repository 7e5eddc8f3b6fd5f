"""The page of the engine says the right lines and sizes."""

import pytest

import docs.engine
from docs.engine import LIMIT, PAGE, REFERENCE, lines_of_code, page, reference, sizes


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "bring it up to date: python -m docs.engine"


def test_the_page_refers_to_the_code():
    """A search that finds nothing proves nothing."""
    found = {name for _, name in REFERENCE.findall(PAGE.read_text(encoding="utf-8"))}
    assert {"apply", "remember", "backward", "unbroadcast", "operator_of", "np.tanh"} <= found


def test_the_engine_can_be_read_in_an_evening():
    total = int(sizes().partition("| **the engine** | **")[2].partition("*")[0].replace(",", ""))
    assert total <= LIMIT, f"the engine has {total} lines of code"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Make a package of two files to refer to."""
    engine = tmp_path / "tensorgrad" / "engine"
    engine.mkdir(parents=True)
    (engine / "a.py").write_text('"""A."""\n\n\nclass T:\n    def f(self): ...\n')
    (engine / "b.py").write_text("def g():\n    def inner(): ...\n\n\nrule(np.exp, 1)\n")
    monkeypatch.setattr(docs.engine, "ROOT", tmp_path)
    return engine


def test_references_name_the_line(house):
    link = "[`engine/a.py:5 T.f`](../tensorgrad/engine/a.py#L5)"
    assert reference("engine/a.py", "T.f") == link
    assert REFERENCE.fullmatch(link).groups() == ("engine/a.py", "T.f")
    assert reference("engine/b.py", "g.inner").endswith("#L2)")
    assert reference("engine/b.py", "np.exp").endswith("#L5)")


def test_references_follow_what_moves(house):
    assert reference("engine/gone.py", "g") == "[`engine/b.py:1 g`](../tensorgrad/engine/b.py#L1)"


def test_a_name_that_is_gone_says_so(house):
    with pytest.raises(LookupError, match=r"refers to h in engine/a\.py, which does not define it"):
        reference("engine/a.py", "h")


def test_lines_of_code_are_those_that_run(tmp_path):
    file = tmp_path / "some.py"
    file.write_text(
        '"""Many\n\nlines."""\n\n# why\nimport typing\n\nif TYPE_CHECKING:\n    import os\n\n\n'
        'class T:\n    """A T."""\n\n    x: int\n    y: int = 1\n\n    def f(\n        self,\n    ):\n'
        '        return """\n\ntext"""\n'
    )
    assert lines_of_code(file) == 1 + 1 + 1 + 3 + 3
