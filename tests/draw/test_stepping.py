"""Stepping through the events: the page leads the eye, tells, asks, and shows nothing too early."""

import os
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg
from tests.draw import page_fixtures as fixtures
from tests.draw import page_gallery as gallery

STILL = {"reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def network():
    return fixtures.network()[1]


def target(event):
    return event.get("to", event["node"])


# The eye is led


def test_panel_and_view_follow_the_event_into_folded_modules(open_page, network):
    opened = open_page(network, anchor="#open=", **STILL)
    opened("fit()")
    width, height = opened("[view.width, view.height]")
    for k, event in enumerate(network["events"], 1):
        opened.step(k)
        assert opened.state()["node"] == target(event)
        items = {item["id"]: item for item in opened("tg.visible()")["items"]}
        for name in {target(event), event["node"]}:
            assert items[name]["kind"] == "node"  # all modules around it are open
        seen = items[target(event)]
        assert 0 <= seen["x"] <= seen["x"] + seen["width"] <= width
        assert 0 <= seen["y"] <= seen["y"] + seen["height"] <= height
        assert opened.state()["view"]["scale"] >= opened("DETAIL") - 1e-9  # all its text is legible
    opened.step(0)
    opened.step(1)
    around = opened("id => tg.node(id).modules", network["events"][0]["node"])
    assert opened.state()["open"] == sorted(around)  # what stepping opened, it has closed again


def test_modules_that_the_reader_opened_stay_open(open_page, network):
    opened = open_page(network, anchor="#open=m0,m1", **STILL)
    for k in (3, 9, 12):
        opened.step(k)
        assert {"m0", "m1"} <= set(opened.state()["open"])


def test_the_view_glides_to_the_event(open_page):
    opened = open_page(gallery.chain_of(40))
    opened("fit({ legible: true })")
    opened.step(45)
    inside = "() => (([l, t, r, b]) => { const i = selectedItem(); return i.x > l && i.y > t && i.x + i.w < r && i.y + i.h < b; })(seenWindow())"
    opened.page.wait_for_function(inside)


def test_a_link_opens_at_a_step(open_page, network):
    opened = open_page(network, anchor="#step=12&open=", **STILL)
    assert opened.state()["step"] == 12
    assert opened.state()["node"] == target(network["events"][11])
    assert opened.node(target(network["events"][11]))["visible"]
    assert "sends" in opened.page.locator("#event").inner_text()


# The narration


def test_the_narration_has_the_equation_in_numbers(open_page):
    document = fixtures.scalars()
    opened = open_page(document, **STILL)
    told = []
    for k in range(1, len(document["events"]) + 1):
        opened.step(k)
        told.append(opened.page.locator("#event").inner_text())
    assert "Forward: multiply = a · b = 0.7 · 0.7 = 0.49" in told
    assert (
        "Backward: multiply sends ∂a = g · b = −1.5 · 0.7 = −1.05 to x; the sum is now −0.2852"
        in told
    )


def test_the_narration_is_never_cut(open_page):
    name = "a_name_that_is_much_longer_than_the_others" * 2
    with tg.trace() as t:
        x = tg.Tensor(np.arange(4.0) - 1.5, requires_grad=True, name=name)
        tg.softmax_cross_entropy(np.tanh(x * x)[None] * 1e-9, np.array([1])).backward()
    opened = open_page(t.draw().document, **STILL)
    for width in (320, 390, 640, 1000, 1280, 2560):
        opened.page.set_viewport_size({"width": width, "height": 400 if width == 640 else 760})
        opened.page.wait_for_function("w => document.documentElement.clientWidth === w", arg=width)
        cut = opened("""() => app.graph.events.flatMap((_, k) => {
            tg.step(k + 1);
            const event = document.getElementById('event');
            const { left, right, top, bottom } = event.getBoundingClientRect();
            const whole = event.scrollWidth <= event.clientWidth + 1 && event.scrollHeight <= event.clientHeight + 1;
            const inside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
            return whole && inside && event.clientHeight > 10 && event.textContent ? [] : [[k, event.textContent]]; })""")
        assert cut == [], width


# Nothing before it is computed


def test_nothing_is_shown_before_it_is_computed(open_page):
    document = fixtures.troubled()
    opened = open_page(document, **STILL)
    final = {(t["node"], t["kind"]) for t in opened.state()["troubles"]}
    assert len(final) > 6
    computed = {e["node"]: k for k, e in enumerate(document["events"], 1) if e["type"] == "forward"}
    sent = {}
    for k, event in enumerate(document["events"], 1):
        if event["type"] == "backward":
            sent.setdefault(event["node"], k)
    steps = opened(
        """() => Array.from({ length: tg.state().steps + 1 }, (_, k) => {
            tg.step(k);
            const troubles = tg.state().troubles.map((t) => [t.node, t.kind]);
            const colour = ['forward', 'backward', 'bytes'][k % 3];
            set({ colour });
            const heats = tg.visible().items.map((item) => [item.id, item.heat]);
            const ahead = app.graph.nodes.find((node, i) => node.op && !isComputed(i));
            if (ahead) tg.select(ahead.id);
            return { troubles, colour, heats, ahead: ahead?.id, panel: document.getElementById('panel').innerText }; })"""
    )
    operations = {n["id"] for n in document["nodes"] if n.get("op")}
    seen = set()
    for k, shown in enumerate(steps):
        now = {tuple(trouble) for trouble in shown["troubles"]}
        assert now <= final
        seen |= now
        assert all(computed[n] <= k for n, kind in now if kind in ("dead", "saturated", "first"))
        heats, when = dict(shown["heats"]), sent if shown["colour"] == "backward" else computed
        assert all(heats[n] == 0 for n in operations & heats.keys() if when.get(n, 999) > k)
        if shown["ahead"]:
            assert "VALUE" not in shown["panel"]
            assert "Forward\n" not in shown["panel"]
            assert "\n= " not in shown["panel"]
    assert seen == final


# Speed and chapters


def test_the_speed_is_set_by_keys_and_menu(open_page, network):
    opened = open_page(network)
    opened.page.locator("#canvas").focus()
    opened.page.keyboard.press(">")
    assert opened("speed") == 2
    for _ in range(9):
        opened.page.keyboard.press("<")
    assert opened("speed") == 0.25
    opened.page.get_by_label("Speed").select_option("4")
    assert opened("speed") == 4
    opened.step(len(network["events"]) - 3)
    opened.page.get_by_role("button", name="Play").click()
    opened.page.wait_for_function("() => tg.state().step === tg.state().steps")


def test_chapters_are_links_to_parts_of_the_run(open_page, network):
    opened = open_page(network, **STILL)
    chapters = opened("tg.chapters()")
    assert [chapter["title"] for chapter in chapters] == [
        "Forward",
        "Loss: softmax_cross_entropy",
        "Backward · CategoricalCrossentropy",
        "Backward · 4 Dense",
        "Backward · 3 ReLU",
        "Backward · 2 Dense",
        "Backward · 1 ReLU",
        "Backward · 0 Dense",
        ".grad",
    ]
    opened.page.locator("#chapters summary").click()
    opened.page.get_by_role("link", name="Backward · 2 Dense").click()
    step = chapters[5]["step"]
    opened.page.wait_for_function("k => tg.state().step === k", arg=step)
    assert opened.node(network["events"][step - 1]["node"])["op"] == "linear"
    assert not opened.page.locator("#chapter-list").is_visible()
    opened.page.locator("#canvas").focus()
    opened.page.keyboard.press("]")
    assert opened.state()["step"] == chapters[6]["step"]
    opened.page.keyboard.press("[")
    opened.page.keyboard.press("[")
    assert opened.state()["step"] == chapters[4]["step"]


def test_chapters_of_several_steps(open_page):
    titles = [chapter["title"] for chapter in open_page(gallery.two_steps())("tg.chapters()")]
    one = ["Forward", "Loss: mean", "Backward", ".grad", "Update"]
    assert titles == [f"Step {step} · {title}" for step in (1, 2) for title in one]


# Predict first


def test_predicting_by_keyboard(open_page):
    opened = open_page(fixtures.scalars(), **STILL)
    page = opened.page
    page.locator("#canvas").focus()
    page.keyboard.press("Home")
    page.keyboard.press("q")
    page.keyboard.press("ArrowRight")
    assert page.locator("#question").inner_text().startswith("multiply: out = a · b")
    assert "with a = 0.7, b = 0.7" in page.locator("#question").inner_text()
    assert opened.state()["step"] == 0
    assert opened.node("n2")["value"] is None or "0.49" not in opened.panel()
    page.keyboard.type("0.49")
    page.keyboard.press("Enter")
    assert opened.state()["step"] == 1
    assert "right: 0.49" in page.locator("#verdict").inner_text()
    page.keyboard.press("Enter")  # the next question
    page.keyboard.type("-0.8")
    page.keyboard.press("Enter")
    assert opened.state()["step"] == 2
    assert "you typed -0.8, it is −0.735" in page.locator("#verdict").inner_text()
    assert page.locator("#score").inner_text() == "1 right · 1 wrong"
    for _ in range(30):  # to the end, showing every number
        if page.locator("#give-up").is_enabled() and page.locator("#question").is_visible():
            page.locator("#give-up").click()
        elif page.locator("#question").is_visible():
            page.keyboard.press("Enter")
        else:
            page.locator("#forward").click()
    assert opened.state()["step"] == opened.state()["steps"]
    page.locator("#predict").click()
    assert page.locator("#score").inner_text() == ""


def test_predicting_on_a_phone(open_page):
    opened = open_page(fixtures.scalars(), has_touch=True, is_mobile=True, **STILL)
    opened.page.set_viewport_size({"width": 390, "height": 780})
    opened.step(0)
    opened.page.locator("#predict").tap()
    opened.page.locator("#forward").tap()
    opened.page.locator("#answer").fill("49")
    opened.page.locator("#sign").tap()
    assert opened.page.locator("#answer").input_value() == "-49"
    for part in ("#answer", "#check", "#give-up", "#sign"):
        box = opened.page.locator(part).bounding_box()
        assert box["width"] >= 40
        assert box["height"] >= 40
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 780
    opened.page.locator("#check").tap()
    assert "0 right · 1 wrong" in opened.page.locator("#score").inner_text()


def test_screenshots_of_a_prediction(open_page, tmp_path):
    opened = open_page(
        fixtures.scalars(), has_touch=True, is_mobile=True, color_scheme="light", **STILL
    )
    opened.page.set_viewport_size({"width": 390, "height": 780})
    opened.page.locator("#sandbox summary").tap()
    opened.step(7)
    opened.page.locator("#predict").tap()
    opened.page.locator("#forward").tap()
    opened.page.locator("#answer").fill("-1.0")
    opened.page.locator("#check").tap()
    opened.page.wait_for_function("() => !view.queued")
    folder = Path(os.environ.get("TENSORGRAD_SCREENSHOTS", tmp_path))
    opened.page.screenshot(path=folder / "viewer-predict.png")
    assert (folder / "viewer-predict.png").stat().st_size > 10_000


def test_a_prediction_is_right_in_as_many_digits_as_it_has(open_page):
    opened = open_page(fixtures.scalars())
    right = opened("tries => tries.map(([text, answer]) => isRight(text, answer))", [
        ["0.49", 0.4872], ["0.487", 0.4872], ["0.5", 0.4872], ["−1.05", -1.05], ["1e-3", 0.00104], ["4,9", 4.93],
        ["0", 0], ["NaN", "nan"], ["-∞", "-inf"], ["12", 12.4],
    ])  # fmt: skip
    assert all(right)
    wrong = opened("tries => tries.map(([text, answer]) => isRight(text, answer))", [
        ["0.48", 0.4872], ["0", 0.4872], ["0.4871", 0.4872], ["1.05", -1.05], ["", 1], ["x", 1], ["1000", 1200], ["5", "inf"],
    ])  # fmt: skip
    assert not any(wrong)
