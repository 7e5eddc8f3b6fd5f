"""The learning path: every notebook runs with its solutions, and reads well as it is committed."""

import ast
import base64
import copy
import json
import os
import re
import tempfile
from pathlib import Path

import pytest

import nn
import tensorgrad

ROOT = Path(tensorgrad.__file__).parent.parent
LEARN = ROOT / "examples" / "learn"
PATH = sorted(LEARN.glob("*.ipynb"))
PICTURES = {"image/png", "image/svg+xml", "text/html"}
NOTEBOOKS = [*PATH, ROOT / "examples" / "tour.ipynb"]
PUBLIC = {
    "tg": tensorgrad.__all__,
    "nn": nn.__all__,
    "nn.augment": nn.augment.__all__,
    "nn.datasets": nn.datasets.__all__,
    "nn.init": ["book", "glorot", "he"],
}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path, kind):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def solutions_in(text):
    """Return the Python blocks that a Markdown cell hides in its <details>."""
    hidden = re.findall(r"<details>.*?</details>", text, re.DOTALL)
    return [code for part in hidden for code in re.findall(r"```python\n(.*?)```", part, re.DOTALL)]


def sources_of(path):
    return ["".join(cell["source"]) for cell in cells_of(path, "code")]


def texts_of(path):
    return ["".join(cell["source"]) for cell in cells_of(path, "markdown")]


def outputs_of(path):
    return [output for cell in cells_of(path, "code") for output in cell["outputs"]]


@every_notebook
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own packages
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_runs_with_its_solutions(path, tmp_path, monkeypatch):
    reason = "notebooks are run by nbclient in a kernel of ipykernel"
    nbformat = pytest.importorskip("nbformat", reason=reason)
    nbclient = pytest.importorskip("nbclient", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    pytest.importorskip("matplotlib", reason="the notebooks draw with Matplotlib")
    pytest.importorskip("cv2", reason="drawn garments are drawn with OpenCV")

    notebook = nbformat.read(path, as_version=4)
    cells = []
    for cell in notebook.cells:
        cells.append(copy.deepcopy(cell))
        if cell.cell_type == "markdown":
            cells += [nbformat.v4.new_code_cell(code) for code in solutions_in(cell.source)]
    notebook.cells = cells

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{cell.source}\nprinted {output.text}"


@every_notebook
def test_its_outputs_are_committed(path):
    assert all(cell["execution_count"] for cell in cells_of(path, "code")), "a cell was not run"
    outputs = outputs_of(path)
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    first = [o for o in cells_of(path, "code")[0]["outputs"] if "data" in o]
    assert PICTURES & set(first[0]["data"]), "it leads with a picture"


@every_notebook
def test_it_draws_a_graph(path):
    drawn = [output["data"] for output in outputs_of(path) if "data" in output]
    assert any("image/svg+xml" in data or is_page(data) for data in drawn)


def is_page(data):
    return "".join(data.get("text/html", "")).startswith("<iframe")


@every_notebook
def test_its_pages_are_small(path):
    for output in outputs_of(path):
        if is_page(output.get("data", {})):
            assert len("".join(output["data"]["text/html"])) < 200_000


@every_notebook
def test_it_and_its_pictures_are_small(path):
    assert path.stat().st_size < 600_000
    for output in outputs_of(path):
        if "image/png" in output.get("data", {}):
            assert len(base64.b64decode(output["data"]["image/png"])) < 150_000


@every_notebook
def test_it_tells_nothing_of_the_machine_that_ran_it(path):
    text = path.read_text(encoding="utf-8")
    for folder in (Path.home(), ROOT, Path(tempfile.gettempdir())):
        assert f"{folder}{os.sep}" not in text


@every_notebook
def test_it_uses_public_names_only(path):
    solutions = [code for text in texts_of(path) for code in solutions_in(text)]
    for code in sources_of(path) + solutions:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] not in ("tensorgrad", "nn"), code
            if isinstance(node, ast.Import):
                ours = [a.name for a in node.names if a.name.split(".")[0] in ("tensorgrad", "nn")]
                assert set(ours) <= {"tensorgrad", "nn"}, code
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                assert node.attr in PUBLIC.get(owner, [node.attr]), f"{owner}.{node.attr}"
                private = node.attr.startswith("_") and not node.attr.startswith("__")
                assert not private, f"{owner}.{node.attr}"


@pytest.mark.parametrize("path", [*NOTEBOOKS, LEARN / "README.md"], ids=lambda path: path.stem)
def test_its_links_lead_somewhere(path):
    texts = [path.read_text(encoding="utf-8")] if path.suffix == ".md" else texts_of(path)
    for text in texts:
        targets = re.findall(r"\]\(([^)#\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
        for target in targets:
            if not target.startswith("http"):
                assert (path.parent / target).exists(), target


@every_notebook
def test_a_heading_is_a_line_of_its_own(path):
    for text in texts_of(path):
        for heading, after in re.findall(r"^(#+ .*)\n?(.*)", text, re.MULTILINE):
            assert len(heading) <= 60, heading  # else it has run into its paragraph
            assert not heading.endswith("."), heading
            assert not after, heading


@pytest.mark.parametrize("path", PATH, ids=lambda path: path.stem)
def test_it_links_back_and_forth_and_has_exercises(path):
    i = PATH.index(path)
    neighbours = {p.name for p in PATH[max(i - 1, 0) : i + 2]} - {path.name} | {"README.md"}
    texts = texts_of(path)
    for text in (texts[0], texts[-1]):
        assert neighbours <= set(re.findall(r"\]\(([^)]+)\)", text))
    exercises = [text for text in texts if "<summary>Solution</summary>" in text]
    assert 1 <= len(exercises) <= 3
    assert all(solutions_in(text) for text in exercises)


def test_the_index_shows_the_whole_path_in_order():
    index = (LEARN / "README.md").read_text(encoding="utf-8")
    assert [p.stem[:2] for p in PATH] == [f"{n:02}" for n in range(1, 19)]
    rows = re.findall(r"\| \[<img src=\"thumbnails/(\w+)\.png\"", index)
    assert rows == [p.stem for p in PATH]
    for thumbnail in (LEARN / "thumbnails").iterdir():
        assert thumbnail.stat().st_size < 30_000
