"""The sandbox of the page: every number after a change is what NumPy computes from it."""

import os
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from examples.first_graph import expression, main
from tensorgrad.draw import sandbox
from tests.draw import page_fixtures as fixtures
from tests.draw import page_gallery as gallery
from tests.draw.sandbox_graphs import EXAMPLES, together

SHELL = 160_000  # bytes of a page of few nodes with a sandbox


def by_name(document):
    return {node["name"]: node["id"] for node in document["nodes"] if "name" in node}


def random_edits(example, names, count, rng):
    """Return changes of one element each, as (input, position, value)."""
    edits = []
    for _ in range(count):
        name = str(rng.choice(names))
        array = {**example.inputs, **example.constants}[name]
        at = int(rng.integers(array.size))
        low, high = (0.2, 3.0) if np.all(array > 0) else (-3.0, 3.0)
        edits.append((name, at, float(rng.uniform(low, high))))
    return edits


def changed_by(example, edits):
    """Return the inputs after edits."""
    arrays = {n: np.array(x, x.dtype) for n, x in {**example.inputs, **example.constants}.items()}
    for name, at, x in edits:
        arrays[name].reshape(-1)[at] = x
    return arrays


def assert_close(found, expected, what):
    expected = np.ravel(expected)
    scale = np.max(np.abs(expected), initial=1e-9, where=np.isfinite(expected))
    np.testing.assert_allclose(found, expected, 1e-6, 1e-6 * scale, err_msg=what)


def assert_is_the_run(state, document, tensors, loss):
    """Compare every value, contribution and gradient in the page with those of a new trace."""
    assert state["loss"] == pytest.approx(loss, rel=1e-6, abs=1e-9, nan_ok=True)
    stats = document["stats"]
    for node in document["nodes"]:
        if "numbers" in stats[node["value"]]:
            numbers = [float(x) for x in stats[node["value"]]["numbers"]]
            assert_close(state["values"][node["id"]], numbers, f"value of {node}")
    for found, event in zip(state["contributions"], document["events"], strict=True):
        if "contribution" in event and "numbers" in stats[event["contribution"]]:
            numbers = [float(x) for x in stats[event["contribution"]]["numbers"]]
            assert_close(found, numbers, f"contribution of {event}")
    for name, node in by_name(document).items():
        if name in tensors and tensors[name].grad is not None:
            assert_close(state["gradients"][node], tensors[name].grad.data, f"{name}.grad")


EDIT = "edits => edits.map(([id, at, x]) => (tg.sandbox.put(id, at, x), tg.sandbox.state()))"


def check_edits(open_page, example, count, every):
    document, *_ = example.trace()
    assert "reason" not in document["sandbox"]
    opened = open_page(document)
    ids = by_name(document)
    names = [name for name in ids if example.may_change(name)]
    edits = random_edits(example, names, count, np.random.default_rng(count))
    states = opened(EDIT, [(ids[n], at, x) for n, at, x in edits])
    for k in range(every - 1, count, every):
        assert_is_the_run(states[k], *example.trace(changed_by(example, edits[: k + 1])))
    assert opened.complaints == []
    return ids, edits, states[-1]


def test_numbers_after_changes_are_numpys(open_page):
    """All graphs as one, against the engine's NumPy and, without the engine, against differences."""
    example = together(EXAMPLES)
    ids, edits, state = check_edits(open_page, example, 30, 10)
    arrays = changed_by(example, edits)
    for leaf in example.inputs:
        x = arrays[leaf].reshape(-1)[0]
        h = 1e-5 * max(1.0, abs(x))
        high, low = (
            example.plain(changed_by(example, [*edits, (leaf, 0, x + d)])) for d in (h, -h)
        )
        numeric = (high - low) / (2 * h)
        assert state["gradients"][ids[leaf]][0] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", ["normalized", "recurrent"])
def test_passes_add_up_and_start_from_their_gradient(open_page, name):
    example = EXAMPLES[name]
    assert example.passes > 1 or example.seed is not None
    check_edits(open_page, example, 2, 2)


def test_the_second_derivative_follows_too(open_page):
    opened = open_page(gallery.second_derivative())
    x = 1.3
    opened("x => tg.sandbox.put('n0', 0, x)", x)
    first = np.cos(x) * x**2 + 2 * x * np.sin(x)
    second = -np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x)
    assert opened.node("n0")["gradient"]["mean"] == pytest.approx(first + second, rel=1e-8)


@pytest.mark.long
@pytest.mark.parametrize("name", EXAMPLES)
def test_numbers_after_many_changes_are_numpys(open_page, name):
    check_edits(open_page, EXAMPLES[name], 50, 1)


def test_a_trained_step_by_step_run_is_gradient_descent(open_page):
    example = EXAMPLES["classes"]
    document, tensors, first = example.trace()
    opened = open_page(document)
    opened("tg.sandbox.descend(0.1, 5)")
    arrays, losses = dict(example.inputs), [first]
    for _ in range(5):
        _, tensors, _ = example.trace(arrays)
        arrays = {n: x - 0.1 * tensors[n].grad.data for n, x in arrays.items()}
        losses.append(example.trace(arrays)[2])
    state = opened("tg.sandbox.state()")
    np.testing.assert_allclose(state["losses"], losses, 1e-9)
    for name, node in by_name(document).items():
        if name in arrays:
            np.testing.assert_allclose(state["values"][node], arrays[name].ravel(), 1e-9)


def test_undo_and_reset_return_to_the_recorded_numbers(open_page):
    document, *_ = EXAMPLES["products"].trace()
    opened = open_page(document)
    before = opened("app.graph.nodes.map(node => [node.value, node.grad])")
    opened("tg.sandbox.put('n0', 1, 7)")
    middle = opened("tg.sandbox.state()")
    opened("tg.sandbox.descend(0.01, 3)")
    opened("tg.sandbox.undo()")
    opened("tg.sandbox.undo()")
    opened("tg.sandbox.undo()")
    assert opened("tg.sandbox.state()") == middle
    opened("tg.sandbox.undo()")
    assert opened("app.graph.nodes.map(node => [node.value, node.grad])") == before
    opened("tg.sandbox.descend(0.01, 3)")
    opened("tg.sandbox.undo(true)")
    assert opened("app.graph.nodes.map(node => [node.value, node.grad])") == before
    assert opened("tg.sandbox.state().losses.length") == 1


# By hand


@pytest.fixture(scope="module")
def first_graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first_graph")
    main(str(folder))
    return folder / "graph.html"


def gradients_at(a, b):
    with np.errstate(all="ignore"):
        return [float(x) for x in tg.grad(expression, argnums=(0, 1))(a, b)]


def test_the_page_of_the_example_is_a_sandbox(browser, first_graph):
    opened = fixtures.Opened(browser, first_graph)
    page = opened.page
    field = page.get_by_label("a", exact=True)
    field.fill("−3.5")
    assert page.locator("#sandbox-loss").inner_text() == f"g = {expression(-3.5, 2.0):.4g}"
    np.testing.assert_allclose(
        [opened.node(i)["gradient"]["mean"] for i in ("n0", "n1")], gradients_at(-3.5, 2.0), 1e-6
    )
    page.keyboard.press("ArrowUp")
    np.testing.assert_allclose(opened.node("n0")["value"]["mean"], -3.4)
    field.fill("x")
    assert field.get_attribute("aria-invalid") == "true"
    page.get_by_label("Drag b").focus()
    page.keyboard.press("ArrowRight")
    assert opened.node("n1")["value"]["mean"] > 2
    assert len(opened("tg.sandbox.state().losses")) == 3  # one state for each visit of a field
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Learning rate").fill("1e-4")
    page.get_by_role("button", name="Step", exact=True).click()
    a, b = (x - 1e-4 * g for x, g in zip((-4.0, 2.0), gradients_at(-4.0, 2.0), strict=True))
    np.testing.assert_allclose(
        [opened.node(i)["value"]["mean"] for i in ("n0", "n1")], [a, b], 1e-8
    )
    assert page.get_by_role("img", name="Loss after each of 1 change").is_visible()
    page.locator("#canvas").focus()
    page.keyboard.press("u")
    assert opened.node("n0")["value"]["mean"] == -4
    assert opened.complaints == []
    opened.context.close()


def test_the_sandbox_fits_a_phone_and_is_accessible(browser, first_graph):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = fixtures.Opened(browser, first_graph, has_touch=True, is_mobile=True)
    opened.page.set_viewport_size({"width": 390, "height": 780})
    opened.page.locator("#sandbox summary").tap()  # it was open, in a wide window
    opened.page.locator("#sandbox summary").tap()
    opened.page.get_by_role("button", name="Step", exact=True).tap()
    opened.page.locator("#predict").tap()
    opened.page.locator("#forward").tap()
    assert opened("document.documentElement.scrollWidth <= innerWidth")
    results = axe.Axe().run(opened.page)
    assert [violation["id"] for violation in results.response["violations"]] == []
    opened.context.close()


def test_the_page_with_a_sandbox_is_small(first_graph):
    assert first_graph.stat().st_size <= SHELL


def test_numbers_that_are_not_finite(open_page):
    document, *_ = EXAMPLES["powers"].trace()
    opened = open_page(document)
    x = by_name(document)["x"]
    for value in (0.0, -1.0, np.inf, np.nan):
        opened("([id, x]) => tg.sandbox.put(id, 1, x)", [x, value])
        example = EXAMPLES["powers"]
        assert_is_the_run(
            opened("tg.sandbox.state()"), *example.trace(changed_by(example, [("x", 1, value)]))
        )
    assert opened.complaints == []


def test_a_class_is_a_whole_number_that_exists(open_page):
    document, *_ = EXAMPLES["classes"].trace()
    opened = open_page(document)
    y = by_name(document)["y"]
    opened("id => tg.select(id)", y)
    opened.page.locator("#sandbox summary").click()
    field = opened.page.get_by_label("y[1]", exact=True)
    for text, words in (
        ("1.5", "y takes whole numbers"),
        ("7", "class 7 is not one of the 3 classes"),
    ):
        field.fill(text)
        assert words in opened.page.locator("#sandbox-error").inner_text()
    field.fill("0")
    assert opened.page.locator("#sandbox-error").inner_text() == ""
    example = EXAMPLES["classes"]
    assert_is_the_run(
        opened("tg.sandbox.state()"), *example.trace(changed_by(example, [("y", 1, 0)]))
    )


def test_a_recorded_update_goes_with_the_first_change(open_page):
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    with tg.trace() as t:
        np.sum(w * w).backward()
        w.data -= 0.1 * w.grad.data
    opened = open_page(t.draw().document)
    assert opened.node("n0")["value"]["numbers"] == [0.8, 1.6]
    opened("tg.sandbox.put('n0', 0, 3)")
    assert opened.node("n0")["value"]["numbers"] == [3, 2]
    assert opened.page.locator("#event").inner_text() == "Update: w gets new values"
    opened("tg.sandbox.undo()")
    assert opened.node("n0")["value"]["numbers"] == [0.8, 1.6]


def test_screenshots_of_the_sandbox(browser, first_graph, tmp_path):
    opened = fixtures.Opened(browser, first_graph, color_scheme="light", reduced_motion="reduce")
    page = opened.page
    page.get_by_label("a", exact=True).fill("-3.2")
    page.get_by_label("b", exact=True).fill("1.6")
    for _ in range(6):
        page.get_by_role("button", name="Step", exact=True).click()
    opened.step(31)
    page.wait_for_function("() => !view.queued")
    folder = Path(os.environ.get("TENSORGRAD_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / "viewer-sandbox.png")
    assert (folder / "viewer-sandbox.png").stat().st_size > 20_000
    opened.context.close()


# What it refuses, and why


def reason(function, *arrays):
    t = [tg.Tensor(x, requires_grad=True, name=f"x{k}") for k, x in enumerate(arrays)]
    with tg.trace() as trace:
        np.sum(function(*t)).backward()
    return trace.draw().document["sandbox"].get("reason", "")


def test_a_large_graph_opens_without_a_sandbox(monkeypatch):
    monkeypatch.setattr(sandbox, "MOST_CALLS", 2)
    words = "it has 3 operations, and the sandbox takes at most 2"
    assert reason(lambda x: np.sin(x) * x, np.arange(3.0)) == words


@pytest.mark.parametrize(
    ("function", "array", "words"),
    [
        (np.cumprod, np.arange(3.0), "cumprod has no formula that can be computed here"),
        (np.sinc, np.arange(3.0), "sinc cannot be computed here: sinc has no JavaScript here"),
        (lambda x: x * 1j, np.arange(3.0), "numbers of type complex128"),
        (np.exp, np.zeros(2001), "its inputs and constants are 2,001 numbers, and the sandbox takes at most 2,000"),
        (lambda x: x[:, None] * x, np.zeros(500), "its results are 500,501 numbers"),
        (lambda x: np.where(x > 1, x, -x), np.arange(3.0), "where reads a result of gt, which changes with"),
        (lambda x: x * np.sign(x), np.arange(3.0), "multiply reads a result of sign"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_has_a_reason(open_page, function, array, words):
    with np.errstate(all="ignore"):
        found = reason(lambda x: np.real(function(x)), array)
    assert words in found


def test_the_reason_is_in_the_page(open_page):
    opened = open_page(gallery.two_steps())
    assert "inputs change during the run, as in several steps of training" in opened.panel()
    assert not opened.page.locator("#sandbox").is_visible()
    y = tg.Tensor(2.0, requires_grad=True) ** 2
    opened = open_page(tg.draw(y).document)
    assert "it was drawn without a trace" in opened.panel()
    assert "const RULES" not in opened("document.getElementById('code').textContent")


def test_a_hook_is_found(open_page):
    x = tg.Tensor(2.0, requires_grad=True, name="x")
    with tg.trace() as t:
        y = x * x
        y.register_hook(lambda g: 3 * g)
        np.exp(y).backward()
    opened = open_page(t.draw().document)
    assert "differs from the recorded one" in opened.panel()


def test_gradients_of_single_precision_are_computed_in_double(open_page):
    _, document = fixtures.network()
    opened = open_page(document)
    assert opened("tg.sandbox.state().notes")[0] == "recorded in float32, computed here in float64"
    assert "computed here in float64" in opened.page.locator("#sandbox").text_content()


LOSSES = {
    nn.CategoricalCrossentropy(): (nn.Softmax(), np.array([0, 1, 1, 0, 1, 0])),
    nn.BinaryCrossentropy(): (nn.Sigmoid(), np.array([[0, 1], [1, 1], [0, 0]] * 2)),
    nn.MeanSquaredError(): (nn.Linear(), np.arange(12.0).reshape(6, 2)),
    nn.MeanAbsoluteError(): (nn.Linear(), np.arange(12.0).reshape(6, 2)),
    nn.Huber(): (nn.Linear(), np.arange(12.0).reshape(6, 2)),
    nn.Hinge(): (nn.Linear(), np.array([[-1, 1], [1, 1], [-1, -1]] * 2)),
    nn.KLDivergence(): (nn.Softmax(), np.full((6, 2), 0.5)),
}


def test_the_losses_can_be_changed(open_page):
    rng = np.random.default_rng(0)
    net, X = (
        nn.Sequential(nn.Dense(3, 4, rng=rng), nn.Tanh(), nn.Dense(4, 2, rng=rng)),
        rng.normal(size=(6, 3)),
    )

    def total():
        return sum(loss(last(net(X)), y) for loss, (last, y) in LOSSES.items())

    with tg.trace() as t:
        total().backward()
    document = t.draw().document
    opened = open_page(document)
    weights = [node["id"] for node in document["nodes"] if node.get("name") == "weights"]
    opened("id => tg.sandbox.put(id, 3, 0.75)", weights[0])
    p, q = (p for name, p in net.named_parameters() if name.endswith("weights"))
    changed = p.data.copy()
    changed.reshape(-1)[3] = 0.75
    p.data = changed
    net.zero_grad()
    loss = total()
    loss.backward()
    state = opened("tg.sandbox.state()")
    assert state["loss"] == pytest.approx(loss.item(), rel=1e-5)
    for node, parameter in zip(weights, (p, q), strict=True):
        np.testing.assert_allclose(
            state["gradients"][node], parameter.grad.data.ravel(), 1e-4, 1e-5
        )
