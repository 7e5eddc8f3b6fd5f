"""The page as it opens: legible, inside the window at every width, and accessible."""

import re
from itertools import pairwise

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.draw.page import render
from tests.draw import page_fixtures as fixtures
from tests.draw import page_gallery as gallery


@pytest.fixture(scope="module")
def network():
    return fixtures.network()[1]


GALLERY = {
    "network": lambda: fixtures.network()[1],
    "six blocks": lambda: gallery.residual(6),
    "recurrent": lambda: gallery.recurrent(50),
    "two steps": gallery.two_steps,
    "thirty nodes": lambda: gallery.chain_of(30),
}


SIZES = """() => { const found = [];
    const pen = { set font(text) { this.size = Number(text.match(/([\\d.]+)px/)[1]); },
        fillText() { found.push(this.size * view.scale); } };
    const rest = () => undefined;
    drawScene(new Proxy(pen, { get: (o, key) => o[key] ?? rest }), app, view.scale, seenWindow());
    return found; }"""


@pytest.mark.parametrize("name", GALLERY)
def test_the_first_view_is_legible(open_page, name):
    sizes = open_page(GALLERY[name]())(SIZES)
    assert sizes
    assert min(sizes) >= 10.99


@pytest.mark.parametrize("width", [320, 390, 800, 1000, 1280, 1920])
def test_text_is_legible_and_nothing_overlaps_at_every_width(open_page, network, width):
    opened = open_page(network)
    opened.page.set_viewport_size({"width": width, "height": 700})
    opened.page.wait_for_function("w => document.documentElement.clientWidth === w", arg=width)
    opened.page.wait_for_function(
        "() => view.width === document.querySelector('#stage').clientWidth"
    )
    assert min(opened(SIZES)) >= 10.99
    small = opened("""() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
        && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
        && parseFloat(getComputedStyle(e).fontSize) < 11).map(e => e.outerHTML.slice(0, 80))""")
    assert small == []
    overlaps = opened("""() => { const boxes = ['header', '#stage', 'aside', '#legend-box', '#stepper']
        .map(s => document.querySelector(s)).filter(e => e.checkVisibility())
        .map(e => e.getBoundingClientRect());
        return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.left < b.right - 1 && b.left < a.right - 1
            && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length; }""")
    assert overlaps == 0


def test_modules_open_only_as_far_as_they_are_legible(open_page, network):
    opened = open_page(network)
    assert 0 < len(opened.state()["open"]) < len(network["modules"])
    stage = opened("[view.width, view.height]")
    for item in opened("tg.visible()")["items"]:
        assert -1 <= item["x"] <= item["x"] + item["width"] <= stage[0] + 1
        assert -1 <= item["y"] <= item["y"] + item["height"] <= stage[1] + 1


def test_repeated_blocks_fold(open_page):
    opened = open_page(gallery.residual(6))
    kinds = opened("app.graph.modules.map(m => [m.name, m.kind])")
    assert ["0 … 5", "Block ×6"] in kinds
    assert opened("tg.visible()")["items"][-1]["kind"] in ("closed", "node")
    opened = open_page(gallery.residual(3))
    assert not any(
        "×" in kind for _, kind in opened("app.graph.modules.map(m => [m.name, m.kind])")
    )


def test_an_unrolled_loop_keeps_its_operands_near(open_page):
    opened = open_page(gallery.recurrent(50))
    kinds = opened("app.graph.modules.map(m => m.kind)")
    assert kinds.count("step") >= 49
    assert any(re.fullmatch(r"steps ×(49|50)", kind) for kind in kinds)
    opened.page.locator("#canvas").focus()
    opened.page.keyboard.press("e")
    columns = opened("""() => app.scene.edges.map(({ from, to }) => {
        const outer = (i) => { const path = []; for (; i >= 0; i = app.scene.items[i].box) path.unshift(i); return path; };
        const [a, b] = [outer(from), outer(to)];
        let k = 0;
        while (a[k] === b[k]) k++;
        return Math.abs(app.scene.items[b[k]].column - app.scene.items[a[k]].column); })""")
    assert max(columns) <= 3


def test_edges_into_the_next_row_have_lanes_and_numbers(open_page):
    opened = open_page(gallery.transformer())
    marks = opened("app.scene.marks")
    assert len(marks) >= 4
    for (right, high), (left, low) in marks:
        assert right > left
        assert high == low
    heights = sorted(round(mark[0][1], 3) for mark in marks)
    assert min(b - a for a, b in pairwise(heights)) >= 5  # no lane lies on another
    assert "Goes on in the next row" in opened.page.locator("#legend").inner_text()
    assert opened("""(() => { const shown = []; const rest = () => undefined;
        const pen = new Proxy({ fillText: (text) => shown.push(text) }, { get: (o, key) => o[key] ?? rest });
        drawTurns(pen, app, () => true); return shown.sort(); })()""") == sorted(
        str(k + 1) for k in range(len(marks)) for _ in range(2)
    )


def test_names_leave_out_the_modules_of_repeats(open_page):
    document = gallery.residual(6)
    opened = open_page(document)
    names = opened("app.graph.nodes.flatMap(n => n.kind === 'parameter' ? [fullName(n.id)] : [])")
    assert {"0.a.weights", "5.b.biases"} <= set(names)
    assert not any("…" in name for name in names)


def test_the_order_of_operands_is_on_the_node(open_page):
    with tg.trace() as t, np.errstate(invalid="ignore"):
        x = gallery.leaf(2.0, "x")
        (10 / x + x / 10 + (-2) ** x + x * -3 + -4 * x).backward()
    opened = open_page(t.draw().document)
    labels = opened("app.graph.nodes.map(node => nodeLabel(node).name)")
    assert {"10 / ·", "· / 10", "(−2) ^ ·", "· × (−3)", "−4 × ·"} <= set(labels)


# Steps


def test_each_training_step_shows_its_own_numbers(open_page):
    document = gallery.two_steps()
    opened = open_page(document)
    steps = [k for k, e in enumerate(document["events"], 1) if e["type"] == "leaf"]
    gradients = [opened(f"(tg.step({k}), tg.node('n0').gradient.numbers[0])") for k in steps]
    w, x = 3.0, np.array([1.0, 2.0, 3.0])
    for shown in gradients:
        expected = np.mean(2 * (x * w - 2 * x) * x)
        assert shown == pytest.approx(expected)
        w -= 0.05 * expected
    assert opened("(tg.step(99), tg.node('n0').value.numbers[0])") == pytest.approx(w)
    assert opened("tg.node('n0').gradient") is None
    assert "step 2 of 2" in opened.page.locator("#count").inner_text()
    assert "zero_grad: w.grad is cleared" in opened.page.locator("#event").inner_text()


def test_operations_of_a_backward_pass_are_marked(open_page):
    x = gallery.leaf(0.7, "x")
    with tg.trace() as t:
        (np.sin(x) * x).backward(create_graph=True)
        x.grad.backward()
    document = t.draw().document
    marked = {node["op"] for node in document["nodes"] if node.get("in_backward")}
    assert "cos" in marked
    assert "sin" not in marked
    assert (
        "Operation of a backward pass" in open_page(document).page.locator("#legend").inner_text()
    )


def test_parameters_of_a_module_that_is_called_twice_are_parameters():
    net = nn.Dense(2, 2, rng=np.random.default_rng(0))
    x = np.ones((1, 2), "f4")
    with tg.trace() as t:
        np.sum(net(x) + net(x)).backward()
    kinds = {node["name"]: node["kind"] for node in t.draw().document["nodes"] if "name" in node}
    assert kinds == {"weights": "parameter", "biases": "parameter"}


def test_dead_units_are_counted(open_page):
    x = np.random.default_rng(0).normal(size=(8, 4))
    with tg.trace() as t:
        np.sum(
            tg.relu(x * gallery.leaf(np.ones(4), "w") - np.array([9.0, 9.0, 0.0, -9.0]))
        ).backward()
    document = t.draw().document
    opened = open_page(document)
    node = next(node["id"] for node in document["nodes"] if node.get("op") == "relu")
    opened("id => tg.select(id)", node)
    assert re.search(r"Dead units\s+2 of 4", opened.panel())


# Windows


@pytest.mark.parametrize("width", [320, 390, 640, 800, 1000, 1280, 1920, 2560])
def test_nothing_is_outside_the_window(open_page, network, width):
    opened = open_page(network | {"title": "a long title " * 12})
    height = {320: 640, 390: 844, 640: 400}.get(width, 700)  # 640 × 400 is 1280 × 800 at 200 %
    opened.page.set_viewport_size({"width": width, "height": height})
    opened.page.wait_for_function("w => document.documentElement.clientWidth === w", arg=width)
    outside = opened("""() => [...document.querySelectorAll('header, main, #stage, aside, #legend-box, #stepper, #slider, #play, h1')]
        .filter(e => { const r = e.getBoundingClientRect();
            return r.width && (r.left < -1 || r.right > innerWidth + 1 || r.top < -1 || r.bottom > innerHeight + 1); })
        .map(e => e.id || e.tagName)""")
    assert outside == []
    assert opened("document.documentElement.scrollWidth <= innerWidth")
    assert opened("document.querySelector('#stage').clientHeight") >= 90


def test_the_panel_closes_and_gives_its_room_to_the_graph(open_page, network):
    opened = open_page(network)
    before = opened("view.width")
    opened.page.get_by_role("button", name="Close the panel").click()
    opened.page.wait_for_function("w => view.width > w", arg=before)
    opened.page.keyboard.press("v")
    opened.page.wait_for_function("w => view.width === w", arg=before)


def test_a_page_that_was_loaded_hidden_lays_itself_out_when_shown(browser, tmp_path, network):
    path = tmp_path / "hidden.html"
    path.write_text(render(network), "utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe id="f" style="display:none;width:900px;height:600px" src="{path.name}"></iframe>'
    )
    page = browser.new_page()
    page.goto(outer.as_uri())
    page.wait_for_timeout(300)
    page.evaluate("document.getElementById('f').style.display = 'block'")
    frame = page.frames[1]
    frame.wait_for_function("() => window.tg && tg.ready && view.width > 500 && !view.touched")
    inside = frame.evaluate("""() => tg.visible().items.every(i => i.x >= -1 && i.y >= -1
        && i.x + i.width <= view.width + 1 && i.y + i.height <= view.height + 1)""")
    assert inside
    page.close()


def test_the_wheel_belongs_to_the_document_until_a_click(open_page, network):
    opened = open_page(network)
    mouse = opened.page.mouse
    before = opened.state()["view"]
    mouse.move(300, 300)
    mouse.wheel(0, 200)
    opened.page.wait_for_timeout(50)
    assert opened.state()["view"] == before
    mouse.move(60, 660)
    mouse.down()
    mouse.up()
    mouse.wheel(0, 200)
    opened.page.wait_for_function("s => view.scale !== s", arg=before["scale"])


def test_hovering_shows_the_facts_of_a_node(open_page, network):
    opened = open_page(network)
    item = next(i for i in opened("tg.visible()")["items"] if i["kind"] == "node")
    box = opened.page.locator("#canvas").bounding_box()
    opened.page.mouse.move(box["x"] + item["x"] + 20, box["y"] + item["y"] + 10)
    tip = opened.page.locator("#tip")
    tip.wait_for()
    assert "float" in tip.inner_text() or "int" in tip.inner_text()


def test_lines_of_a_program_select_their_nodes(open_page, network):
    node = network["nodes"][0]["id"]
    opened = open_page(
        network | {"lines": [{"text": "# forward"}, {"text": "z = x @ W", "node": node}]}
    )
    opened.page.get_by_role("button", name="z = x @ W").click()
    assert opened.state()["node"] == node


def test_stepping_marks_the_line_of_a_program(open_page):
    program = tg.compile(lambda x: np.sum(np.tanh(x) ** 2 + np.exp(x) * x)).program(np.ones(3))
    opened = open_page(program.draw().document)
    assert opened.page.locator('.line[aria-current="true"]').count() == 0
    events = program.draw().document["events"]
    for k, event in enumerate(events[:-1], 1):
        opened("step => tg.set({ step })", k)
        marked = opened.page.locator('.line[aria-current="true"]')
        assert marked.get_attribute("data-node") == event["node"]


# Accessibility, by axe-core


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark"), (1280, "light")])
def test_axe_finds_no_violation(open_page, network, width, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = open_page(network, color_scheme=theme)
    opened.page.set_viewport_size({"width": width, "height": 800})
    opened("id => tg.select(id)", next(n["id"] for n in network["nodes"] if n.get("op")))
    opened.page.keyboard.press("o")
    results = axe.Axe().run(opened.page)
    assert [violation["id"] for violation in results.response["violations"]] == []
