"""Every public name is described, and the page of them says what the docstrings say."""

import re
import sys

import pytest

import docs.api
from docs.api import GROUPS, PAGE, Entry, anchor, entries, first_sentence, missing, page, signature


def test_every_public_name_has_a_docstring_and_shapes_where_arrays_go_in():
    found = missing()
    assert not found, f"{len(found)} public names are not described:\n" + "\n".join(found)


def test_every_public_name_is_in_a_group():
    assert {entry.group for entry in entries()} == set(GROUPS)


def test_the_walk_finds_what_there_is():
    """A walk that finds nothing proves nothing."""
    names = {entry.name for entry in entries()}
    assert {"tg.Tensor", "tg.grad", "nn.Model", "nn.datasets.spiral", "nn.init.he"} <= names
    text = page()
    for member in ("backward(gradient", "load_state_dict(state", "retain_grad()"):
        assert f"- **`{member}" in text


def test_a_name_without_a_docstring_or_shapes_is_listed(monkeypatch):
    def bare(x): ...

    def described(x):
        """Return x."""

    bare.__module__ = described.__module__ = "tensorgrad.ops.neural"
    planted = [Entry("tg.bare", bare), Entry("tg.described", described)]
    monkeypatch.setattr(docs.api, "entries", lambda: planted)
    assert missing() == [
        "tg.bare has no docstring",
        "tg.described takes arrays, but its docstring has no Shapes",
    ]


def test_a_name_of_no_group_says_so():
    def stray(): ...

    with pytest.raises(LookupError, match=r"tg\.stray comes from .*, which no group of docs/api"):
        Entry("tg.stray", stray).group  # noqa: B018


def test_signatures_read_as_in_the_source():
    def f(a: int, /, *b: "re.Pattern", c: dict[str, re.Pattern] | None = None, d=len) -> None: ...

    line = "f(a: int, /, *b: Pattern, c: dict[str, Pattern] | None = None, d=len) -> None"
    assert signature(Entry("f", f)) == line
    assert signature(Entry("f", f), width=40).count("\n") == 6
    assert signature(Entry("g", lambda *, x: 1)) == "g(*, x)"


def test_the_first_sentence_ends_where_a_sentence_ends():
    assert (
        first_sentence("Return x, e.g. 1.5,\nof y. More.\n\nLess.") == "Return x, e.g. 1.5, of y."
    )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="hints are written otherwise from 3.14 on")
def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "generate it with: python -m docs.api"


def test_the_contents_lead_to_the_text():
    text = PAGE.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(#([^)]+)\)", text)
    headings = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    assert len(headings) == len(set(headings))
    assert len(targets) >= len(entries())
    assert set(targets) <= set(headings)
    assert not re.findall(r"0x[0-9a-f]{6}", text), "an address in memory"
