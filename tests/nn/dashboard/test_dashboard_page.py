"""The page of a dashboard in a browser: it shows its numbers, stays where the reader is, and is reachable.

TENSORGRAD_SCREENSHOTS=docs python -m pytest tests/nn/dashboard -k screenshots
"""

import os
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.nn.dashboard.dashboards import model, read, train

ROOT = Path(tg.__file__).parent.parent


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Write a dashboard of each kind of training, and a graph that belongs to one of them."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    classes = ["boot", "bag", "<b>coat</b>"]
    made = train(
        model(),
        nn.Dashboard(folder / "classes.html", classes=classes, graph="graph.html", every=2),
        epochs=6,
    )
    with tg.trace() as t:
        made.loss(made.module(tg.Tensor(np.ones((4, 5), np.float32))), np.zeros(4, int)).backward()
    t.draw(history="classes.html").save(folder / "graph.html")
    X = rng.normal(size=(80, 5)).astype(np.float32)
    line = nn.Model(nn.Sequential(nn.Dense(5, 8, rng=rng), nn.Tanh(), nn.Dense(8, 2, rng=rng)))
    line.set(
        loss=nn.MeanSquaredError(),
        optimizer=nn.Adam(learning_rate=0.02),
        metrics=[nn.RSquared(), nn.AbsoluteError()],
    )
    train(line, nn.Dashboard(folder / "numbers.html"), data=(X, X[:, :2] * 3), validation_data=None)
    pictures = rng.normal(size=(80, 8, 8, 3)).astype(np.float32)
    seen = nn.Model(
        nn.Sequential(
            nn.Conv2D(3, 4, 3, rng=rng),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dense(256, 25, rng=rng),
            nn.Softmax(),
        )
    )
    seen.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(learning_rate=0.01))
    train(
        seen,
        nn.Dashboard(folder / "pictures.html"),
        data=(pictures, np.arange(80) % 25),
        validation_data=None,
    )
    return folder


KINDS = ["classes", "numbers", "pictures"]


class Opened:
    """A page, with the browser's messages and requests."""

    def __init__(self, browser, path, anchor="", width=1280, **context):
        self.context = browser.new_context(viewport={"width": width, "height": 800}, **context)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + anchor)
        self.page.wait_for_function("() => window.dashboard")

    def text(self, selector):
        return self.page.locator(selector).first.inner_text()


@pytest.fixture
def show(browser):
    opened = []

    def show(*args, **options):
        opened.append(Opened(browser, *args, **options))
        return opened[-1]

    yield show
    for each in opened:
        each.context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_without_a_complaint_or_a_request_and_fits_the_window(runs, show, kind):
    for width in (320, 1280):
        opened = show(runs / f"{kind}.html", width=width)
        assert opened.complaints == []
        assert len(opened.requests) == 1
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = opened.page.evaluate(
            "[...document.querySelectorAll('body *')].filter((e) => e.childNodes.length && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length).map((e) => parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(sizes) >= 11
        outside = opened.page.evaluate(
            "[...document.querySelectorAll('.card svg *')].filter((e) => { const a = e.getBoundingClientRect(), b = e.closest('.card').getBoundingClientRect(); return a.width && (a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top || a.bottom > b.bottom + 1); }).length"
        )
        assert outside == 0


def test_it_shows_the_numbers_of_the_step_at_the_slider(runs, show):
    data, found = read(runs / "classes.html")
    opened = show(runs / "classes.html")
    assert opened.text("#place") == "step 30, epoch 6"
    assert opened.text("#status") == "finished"
    opened.page.locator("#slider").focus()
    for key, at in (("Home", 0), ("ArrowRight", 1), ("End", len(found) - 1)):
        opened.page.keyboard.press(key)
        record = found[at]
        assert f"step {record['step']}," in opened.text("#place")
        cells = opened.page.locator("#matrix tbody td").all_inner_texts()
        assert [int(cell) for cell in cells] == [n for row in record["confusion"] for n in row]
        rows = [
            row.split("\t") for row in opened.page.locator("#layers tbody tr").all_inner_texts()
        ]
        assert [row[0] for row in rows] == [f"{x['path']} {x['kind']}" for x in data["layers"]]
        _, dead, units = record["outputs"]["2"]
        assert rows[2][4] == f"{dead} of {units}"
        mean, deviation = record["values"]["0.weights"][2:4]
        shown = float(rows[0][1])
        assert shown == pytest.approx(np.hypot(mean, deviation), rel=1e-3)
        predicted = opened.page.locator("#words tbody tr td:nth-child(3)").all_inner_texts()
        assert [text[2:] for text in predicted] == [row[0] for row in record["predictions"]]


def test_a_layer_is_chosen_by_key_and_in_the_address_and_leads_to_the_graph_and_back(runs, show):
    opened = show(runs / "classes.html", "#layer=4")
    assert opened.text("#chosen") == "4 Dense in the graph"
    opened.page.locator("#layers button").nth(2).focus()
    opened.page.keyboard.press("Enter")
    assert opened.text("#chosen") == "2 ReLU in the graph"
    assert opened.page.evaluate("document.activeElement.innerText") == "2 ReLU"
    assert "layer=2" in opened.page.url
    opened.page.locator("#layers button").nth(4).click()
    opened.page.locator("#chosen a").click()
    opened.page.wait_for_function("() => window.tg && tg.ready")
    assert "graph.html#" in opened.page.url
    assert "Dense" in opened.text("#panel h2")
    assert "Module · 4" in opened.text("#panel")
    opened.page.get_by_role("link", name="its training").click()
    opened.page.wait_for_function("() => window.dashboard")
    assert opened.text("#chosen") == "4 Dense in the graph"
    assert opened.complaints == []


def replace(path, data):
    """Write a file as the callback does, in one step: the page may read it at any time."""
    path.with_suffix(".new").write_bytes(data)
    path.with_suffix(".new").replace(path)


def test_it_follows_a_training_and_stays_where_the_reader_is(tmp_path, show, runs):
    path = tmp_path / "run.html"
    pages = []

    class Keep(nn.Callback):
        def on_epoch_end(self, run):
            pages.append(path.read_bytes())

    train(model(), nn.Dashboard(path, every=2, refresh=0), Keep(), epochs=6)
    end = path.read_bytes()
    replace(path, pages[2])
    opened = show(path, "#step=4&layer=2", width=390)
    assert "in training" in opened.text("#status")

    def wait_for(condition):  # evaluate fails where the page loads itself again meanwhile
        opened.page.wait_for_function(f"() => window.dashboard && ({condition})")

    wait_for("scrollTo(0, 700) || true")
    opened.page.locator("#forward").focus()
    replace(path, pages[4])
    wait_for("dashboard.data.done === 5")
    wait_for("dashboard.records[dashboard.place()].step === 4")
    assert opened.text("#chosen").startswith("2 ReLU")
    wait_for("scrollY === 700 && document.activeElement.id === 'forward'")
    opened.page.locator("#pause").click()
    opened.page.evaluate("window.same = true")
    replace(path, end)
    opened.page.wait_for_timeout(1200)
    assert opened.page.evaluate("window.same")
    opened.page.locator("#pause").click()
    wait_for("dashboard.data.status === 'finished'")
    opened.page.evaluate("window.same = true")
    opened.page.wait_for_timeout(800)
    assert opened.page.evaluate("window.same")  # it does not load itself again after the end
    assert opened.complaints == []


def test_it_opens_dark_or_light_as_the_system_or_the_reader_asks(runs, show):
    opened = show(runs / "numbers.html", color_scheme="dark")
    theme = "document.documentElement.dataset.theme"
    assert opened.page.evaluate(theme) == "dark"
    opened.page.locator("#theme").click()
    assert opened.page.evaluate(theme) == "light"
    assert "theme=light" in opened.page.url


@pytest.mark.parametrize(
    ("kind", "width", "theme"),
    [
        ("classes", 390, "light"),
        ("numbers", 1280, "dark"),
        pytest.param("classes", 1280, "dark", marks=pytest.mark.long),
        pytest.param("numbers", 1280, "light", marks=pytest.mark.long),
        pytest.param("pictures", 390, "dark", marks=pytest.mark.long),
    ],
)
def test_axe_finds_no_violation(runs, show, kind, width, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = show(runs / f"{kind}.html", width=width, color_scheme=theme)
    results = axe.Axe().run(opened.page)
    assert [violation["id"] for violation in results.response["violations"]] == []


def test_many_classes_are_listed_by_pairs_and_a_regression_by_points(runs, show):
    _, found = read(runs / "pictures.html")
    opened = show(runs / "pictures.html")
    rows = opened.page.locator("#pairs tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [[a, b, str(n)] for a, b, n in found[-1]["pairs"]]
    assert opened.page.locator("#pictures canvas").count() == 24
    _, found = read(runs / "numbers.html")
    opened = show(runs / "numbers.html")
    assert opened.page.locator("circle.point").count() == len(found[-1]["points"])


@pytest.mark.skipif(
    "TENSORGRAD_SCREENSHOTS" not in os.environ, reason="asked for by TENSORGRAD_SCREENSHOTS"
)
def test_screenshots(tmp_path, show):
    """Take the pictures of docs/dashboard.md, of the main job."""
    from examples import fashion_mnist

    folder = Path(os.environ["TENSORGRAD_SCREENSHOTS"])
    fashion_mnist.main(["--epochs", "10", "--out", str(tmp_path)])
    opened = show(tmp_path / "run.html", "#layer=2")
    opened.page.set_viewport_size({"width": 1280, "height": 1180})
    opened.page.evaluate("scrollTo(0, 0)")
    opened.page.screenshot(path=folder / "dashboard.png")
    opened.page.set_viewport_size({"width": 1280, "height": 1400})
    opened.page.locator("#both").screenshot(path=folder / "dashboard-answers.png")
