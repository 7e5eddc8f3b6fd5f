"""The page where notebooks show it: converted by nbconvert, and inside the sandboxes of editors."""

import html
import json
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg
from tests.draw import page_fixtures as fixtures

# The policy of the frame in which VS Code shows the outputs of a notebook; frames inside inherit it.
EDITOR = (
    "default-src 'none'; script-src 'self' https: 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; font-src 'self'; "
    "connect-src https: data:; child-src https: data:"
)


@pytest.fixture(scope="module")
def output():
    """Trace a run, and return what a notebook stores of its drawing."""
    with tg.trace() as t:
        x = tg.Tensor(0.7, requires_grad=True, name="x")
        (x * x + np.sin(x)).backward()
    return t.draw(title="x² + sin x & <b>")._repr_mimebundle_()


def shown(browser, path, depth=1):
    """Open a file, and return the frame at a depth when the page in it is ready."""
    page = browser.new_page()
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    frame = page.main_frame
    for _ in range(depth):
        element = frame.wait_for_selector("iframe")
        element.scroll_into_view_if_needed()  # a lazy frame loads when it comes into view
        frame = element.content_frame()
    frame.wait_for_function(fixtures.READY)
    return frame


def assert_is_usable(frame):
    assert frame.evaluate("tg.state().steps") == 10
    assert frame.evaluate("view.width > 300 && view.height > 200")
    frame.evaluate("tg.step(3)")
    assert frame.locator("#title").text_content() == "x² + sin x & <b>"


def test_nbconvert_keeps_the_page(browser, tmp_path, output):
    nbformat = pytest.importorskip("nbformat")
    exporters = pytest.importorskip("nbconvert.exporters")
    result = nbformat.v4.new_output("execute_result", output, execution_count=1)
    cell = nbformat.v4.new_code_cell("t.draw()", outputs=[result], execution_count=1)
    text, _ = exporters.HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    path = tmp_path / "notebook.html"
    path.write_text(text, "utf-8")
    assert_is_usable(shown(browser, path))


@pytest.mark.parametrize("sandbox", ["allow-scripts", "allow-scripts allow-same-origin"])
def test_the_page_works_in_the_sandbox_of_an_editor(browser, tmp_path, output, sandbox):
    policy = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(EDITOR)}">'
    inside = html.escape(f"<!doctype html>{policy}{output['text/html']}")
    path = tmp_path / "editor.html"
    path.write_text(
        f'<!doctype html><iframe sandbox="{sandbox}" width="900" height="700" srcdoc="{inside}">'
        "</iframe>",
        "utf-8",
    )
    assert_is_usable(shown(browser, path, depth=2))


def test_an_untrusted_notebook_says_why_there_is_no_page(output):
    assert (
        ">This page is shown after the cell is run, or the notebook trusted.</iframe>"
        in (output["text/html"])
    )
    assert len(output["text/html"]) < 200_000


LEARN = Path(__file__).parents[2] / "examples" / "learn"


@pytest.mark.parametrize("number", [5, 6, 7, 17, 18])
def test_the_learning_notebooks_show_pages_that_fit_800_pixels(browser, tmp_path, number):
    (notebook,) = LEARN.glob(f"{number:02}_*.ipynb")
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    frames = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    frames = [frame for frame in frames if frame.startswith("<iframe")]
    assert frames
    path = tmp_path / "frame.html"
    path.write_text(f'<!doctype html><div style="width:800px">{frames[0]}</div>', "utf-8")
    frame = shown(browser, path)
    assert frame.evaluate("innerWidth <= 800 && document.documentElement.scrollWidth <= innerWidth")
    assert frame.evaluate("view.scale") >= 11 / 13 - 1e-6  # all text of a node is drawn


@pytest.mark.parametrize("notebook", sorted(LEARN.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_opens_with_words_and_a_picture(notebook):
    """Jupyter shows the code of a long first cell after a click."""
    first, cell = json.loads(notebook.read_text("utf-8"))["cells"][:2]
    assert first["cell_type"] == "markdown"
    hidden = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
    assert hidden or len(cell["source"]) <= 20
