"""The pages are true: their Python blocks print what they say, and their links lead somewhere."""

import base64
import contextlib
import gzip
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nn
from benchmarks import scaling
from tests.mpi import with_mpi

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
FLAGS = re.DOTALL | re.MULTILINE
BLOCK = re.compile(r"^```\w*\n.*?^```", FLAGS)
PYTHON = re.compile(r"^```python\n(.*?)^```(?:\s+```text\n(.*?)^```)?", FLAGS)  # and its output
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[be]*/**/README.md")]


# A page -> the libraries that its Python blocks need, and the files that they write.
PAGES_THAT_RUN = {
    "README.md": (["safetensors", "scipy"], {"graph.dot", "spiral.model"}),
    "docs/arrays.md": (["dask"], set()),
    "docs/dashboard.md": ([], {"run.html", "graph.html"}),
    "docs/engine.md": ([], set()),
    "docs/neighbours.md": (["einops", "jaxtyping", "beartype", "pandas", "numba"], set()),
    "docs/programs.md": ([], set()),
    "docs/science.md": (["scipy"], set()),
    "docs/scipy.md": (["scipy"], set()),
    "docs/shipping.md": (["onnx"], {"mymodel.py", "mymodel.onnx"}),
    "docs/sklearn.md": (["sklearn"], set()),
    "docs/viewer.md": ([], {"graph.html", "film.svg"}),
    "docs/xarray.md": (["xarray"], set()),
}
# Those of these pages run in tests of their own.
RUN_ELSEWHERE = {
    "docs/api.md", "docs/at_the_kinks.md", "docs/reliability.md", "docs/scaling.md", "docs/teaching.md", "docs/unchanged.md",
}  # fmt: skip


def run_blocks(page, **names):
    """Run the Python blocks of a page, in order, and compare what they print; return their number."""
    blocks = PYTHON.findall(page.read_text(encoding="utf-8"))
    names.setdefault("__name__", f"page_{page.stem}")  # else its classes seem to be built-in ones
    for text, expected in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(page), "exec"), names)
        assert out.getvalue() == expected or not expected, text
    return len(blocks)


@pytest.mark.parametrize("page", PAGES_THAT_RUN)
def test_the_blocks_of_a_page(page, tmp_path, monkeypatch):
    libraries, files = PAGES_THAT_RUN[page]
    for name in libraries:
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    assert run_blocks(ROOT / page)
    assert files <= {path.name for path in tmp_path.iterdir()}


def test_every_block_is_run():
    pages = {
        page.relative_to(ROOT).as_posix()
        for page in PAGES
        if PYTHON.search(page.read_text("utf-8"))
    }
    assert pages == {*PAGES_THAT_RUN, *RUN_ELSEWHERE}


def test_the_page_of_reliability(tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    model = nn.Model(nn.Dense(2, 1, rng=0))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=0.1))
    model.finalize()
    crashing = SimpleNamespace(train=lambda *data, **s: model.train(*data, **s | {"epochs": 40}))
    with contextlib.redirect_stdout(io.StringIO()):
        assert run_blocks(ROOT / "docs" / "reliability.md", model=crashing, X=X, y=X[:, :1], nn=nn)
    assert len(nn.Model.load("run.model").history) == 100


@with_mpi
def test_the_page_of_scaling():
    for name in ("dask.distributed", "sklearn"):
        pytest.importorskip(name)
    assert run_blocks(ROOT / "docs" / "scaling.md") >= 3


def test_the_page_of_scaling_has_the_measured_figures():
    """If it fails: python -m benchmarks.scaling."""
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    for table in scaling.tables(json.loads(scaling.RESULTS.read_text())).split("\n\n"):
        assert table in page


def test_a_block_that_prints_something_else_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n2\n```\n")
    with pytest.raises(AssertionError, match=r"print\(1\)"):
        run_blocks(page)


def anchors_of(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target), f"{path}#{anchor}"
        if anchor and target.suffix == ".py":
            assert int(anchor.removeprefix("L")) <= len(target.read_text().splitlines()), path


def test_every_page_is_looked_at():
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}
    assert {"README.md", "docs/api.md", "examples/learn/README.md", "benchmarks/README.md"} <= names


def test_the_map_of_the_files_is_true():
    text = README.read_text(encoding="utf-8")
    rows = text.partition("## A map of the files")[2].partition("\n## ")[0].split("\n| `")[1:]
    assert len(rows) > 10
    for row in rows:
        first, *others = re.findall(r"`([^`]+)`", "`" + row.partition("|")[0])
        folder = ROOT / first if first.endswith("/") else (ROOT / first).parent
        assert (ROOT / first).exists(), first
        for other in others:
            assert (folder / other).exists() or (ROOT / other).exists(), other


# What the event at each link of docs/teaching.md is: its type, and the op or name of its node.
EVENTS = {
    "neuron.html#step=2": ("forward", "sum"),
    "neuron.html#step=5": ("seed", "relu"),
    "neuron.html#step=6": ("backward", "relu"),
    "neuron.html#step=9": ("backward", "sum"),
    "neuron.html#step=14": ("leaf", "b"),
    "cube.html#step=4": ("backward", "multiply"),
    "cube.html#step=5": ("backward", "multiply"),
    "cube.html#step=7": ("backward", "multiply"),
    "cube.html#step=8": ("leaf", "x"),
    "network.html#step=5": ("seed", "softmax_cross_entropy"),
    "descent.html#step=7": ("update", "w"),
    "descent.html#step=8": ("zero", "w"),
}


def test_the_page_for_teachers(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "learn" / "student"))
    monkeypatch.chdir(tmp_path)
    assert run_blocks(ROOT / "docs" / "teaching.md") == 2
    documents = {
        file.name: graph_in(file)
        for file in tmp_path.glob("*.html")
        if 'id="graph"' in file.read_text("utf-8")
    }
    links = set(re.findall(r"`(\w+\.html#step=\d+)`", page))
    assert links - {"neuron.html#step=0", "run.html#step=0"} == set(EVENTS)
    for link, (kind, name) in EVENTS.items():
        file, step = link.split("#step=")
        nodes = {node["id"]: node for node in documents[file]["nodes"]}
        event = documents[file]["events"][int(step) - 1]
        node = nodes[event["node"]]
        assert (event["type"], node.get("op") or node["name"]) == (kind, name), link
    steep = (tmp_path / "steep.html").read_text("utf-8")
    records = json.loads(re.search(r'id="records">(.*?)</script>', steep)[1])
    assert records[-1]["outputs"]["1"][1] > 0  # dead units, as lesson 8 says


def graph_in(file):
    """Return the document in a page of a graph."""
    packed = re.search(r'id="graph">(.*?)</script>', file.read_text("utf-8"))[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))
