"""Films: every format, what is seen at which moment, and what goes wrong."""

import io
import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.draw import film, film_gif, film_layout
from tensorgrad.draw.film_svg import svg_film


def neuron():
    with tg.trace() as t:
        x = tg.Tensor([1.0, -2.0, 3.0], requires_grad=True, name="x")
        w = tg.Tensor([-3.0, -1.0, 2.0], requires_grad=True, name="w")
        b = tg.Tensor(1.0, requires_grad=True, name="b")
        y = tg.relu(np.sum(x * w) + b)
        y.name = "y"
        y.backward()
    return t.draw(title="A neuron & its <gradients>")


def steps():
    with tg.trace() as t:
        w = tg.Tensor(3.0, requires_grad=True, name="w")
        optimizer = nn.SGD([w], learning_rate=0.1)
        for _ in range(2):
            ((w - 1) ** 2).backward()
            optimizer.step()
            optimizer.zero_grad()
    return t.draw()


def network(layers=3):
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        *(layer for _ in range(layers) for layer in (nn.Dense(4, 4, rng=rng), nn.Tanh()))
    )
    with tg.trace() as t:
        np.sum(net(tg.Tensor(rng.normal(size=(5, 4)).astype(np.float32), name="X"))).backward()
    return t.draw()


def made(drawing, ratio=16 / 9):
    return film.film_of(drawing.graph, drawing.title, drawing.depth, ratio)


def looks_of(found, title):
    return next(card.looks for card in found.cards if card.looks[0].title == title)


# What is seen


def test_values_and_gradients_arrive_in_the_order_of_the_events():
    found = made(neuron())
    assert len(found.moments) == 15
    product, total, y, b = (looks_of(found, name) for name in ("multiply", "sum", "y = relu", "b"))
    assert [look.value for look in product[:3]] == ["", "[−3.0, 2.0, 6.0]", "[−3.0, 2.0, 6.0]"]
    assert [look.state for look in product[:3]] == ["waiting", "now", "done"]
    assert [look.value for look in total[:3]] == ["", "", "5.0"]
    assert [look.grad for look in y[4:6]] == ["", "∂ 1.0"]
    assert [look.grad for look in total[6:9]] == ["", "∂ 1.0", "∂ 1.0"]
    assert b[0].value == "1.0"
    assert b[-1].grad == "∂ 1.0"
    for k, moment in enumerate(found.moments[1:], 1):
        assert sum(card.looks[k].state == "now" for card in found.cards) == 1, moment.said
    states = {
        wire.points[0]: [state for state, _ in itertools.groupby(wire.states)]
        for wire in found.wires
    }
    assert all(seen == ["waiting", "forward", "backward"] for seen in states.values())


def test_the_narration_says_what_happens():
    said = [moment.said for moment in made(neuron()).moments]
    assert said[:2] == [
        "Before the first operation",
        "Forward: multiply is computed: [−3.0, 2.0, 6.0]",
    ]
    assert said[5:7] == ["Backward starts at y with 1.0", "Backward: y sends 1.0 to add"]
    assert said[-1] == "b.grad is written: 1.0"
    said = [moment.said for moment in made(steps()).moments]
    assert said[7:9] == ["Update: w gets new values: 2.6", "zero_grad: w.grad is cleared"]
    looks = looks_of(made(steps()), "w")
    assert [look.value for look in looks] == ["3.0"] * 7 + ["2.6"] * 8 + ["2.28"] * 2
    assert looks[8].grad == ""


def test_modules_without_values_and_long_runs():
    with tg.trace(values=False) as t:
        x = tg.Tensor(np.ones(3), requires_grad=True, name="x")
        y = np.sum(x * 2)
        for _ in range(300):
            y = y * 1.01
        y.backward()
    found = made(t.draw(max_nodes=10))
    assert len(found.moments) <= film.MOMENTS + 1
    assert len(found.cards) <= film.CARDS
    assert {len(card.looks) for card in found.cards} == {len(found.moments)}
    found = made(network())
    assert any(
        card.looks[0].title == "0.weights" or "weights" in card.looks[0].title
        for card in found.cards
    )


# Where it is seen


@pytest.mark.parametrize("ratio", [16 / 9, 4 / 3, 9 / 16])
@pytest.mark.parametrize(
    "make",
    [neuron, steps, network, lambda: network(12)],
    ids=["neuron", "steps", "network", "deep"],
)
def test_no_card_covers_another_and_what_happens_is_in_sight(make, ratio):
    found = made(make(), ratio)
    w, h = film_layout.CARD
    for a, b in itertools.combinations(found.cards, 2):
        assert abs(a.x - b.x) >= w or abs(a.y - b.y) >= h
    for k, moment in enumerate(found.moments):
        for card in found.cards:
            if card.looks[k].state == "now":
                x, y = (
                    corner + found.scale * at for corner, at in zip(moment.camera, (card.x, card.y))
                )
                assert x >= 0
                assert x + found.scale * w <= found.width + 1
                assert y >= film.HEAD
                assert y + found.scale * h <= film.PICTURE_LINES - film.FOOT + 1


def test_inputs_stand_before_their_use_and_calls_after_their_inputs():
    found = made(neuron())
    places = {card.looks[0].title: card.x for card in found.cards}
    assert (
        places["x"]
        == places["w"]
        < places["multiply"]
        < places["sum"]
        == places["b"]
        < places["add"]
        < places["y = relu"]
    )


# SVG


def test_svg_is_well_formed_and_shows_each_moment_once(tmp_path):
    path = neuron().animate(tmp_path / "film.svg", seconds=6)
    root = ET.fromstring(path.read_text("utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "A neuron & its <gradients>"
    assert "<script" not in path.read_text("utf-8")
    assert path.stat().st_size < 60_000
    moments = 15
    for animation in root.iter(f"{space}animate"):
        assert animation.get("dur") == "6s"
        if animation.get("keyTimes"):
            times = [float(t) for t in animation.get("keyTimes").split(";")]
            assert times[0] == 0
            assert times == sorted(set(times))
            assert len(times) == len(animation.get("values").split(";"))
            assert all(abs(t * moments - round(t * moments)) < 1e-3 for t in times)


def test_svg_shows_in_a_browser_what_the_moment_has(tmp_path):
    from tests.draw import page_fixtures

    for browser in page_fixtures.browser():
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(neuron().animate(tmp_path / "film.svg", seconds=15).as_uri())
        for at, said, dots in (
            (0.5, "Before the first", 0),
            (1.5, "Forward: multiply", 0),
            (6.2, "Backward: y sends", 1),
            (14.5, "b.grad is written", 0),
        ):
            seen = page.evaluate(
                "at => { const s = document.documentElement; s.pauseAnimations(); s.setCurrentTime(at);"
                "const visible = (e) => { for (; e.tagName; e = e.parentNode) if (getComputedStyle(e).opacity === '0') return false; return true; };"
                "return [[...document.querySelectorAll('text')].filter(visible).map((e) => e.textContent), [...document.querySelectorAll('circle')].filter(visible).length]; }",
                at,
            )
            assert sum(text.startswith(said) for text in seen[0]) == 1
            assert seen[1] == dots
            assert "multiply" in seen[0]
        page.close()


# GIF and MP4


def test_gif_runs_for_its_time_and_has_the_frames(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("cv2")
    path = neuron().animate(tmp_path / "film.gif", seconds=4, width=480, height=270)
    opened = image.open(io.BytesIO(path.read_bytes()))
    assert opened.size == (480, 270)
    assert opened.info["loop"] == 0
    times = []
    for k in range(opened.n_frames):
        opened.seek(k)
        times.append(opened.info["duration"])
    assert sum(times) == pytest.approx(4000, abs=10)
    first, last = (np.array(seen_at(image, path, k)) for k in (0, opened.n_frames - 1))
    assert np.any(first != last)
    assert path.stat().st_size < 200_000


def seen_at(image, path, k):
    opened = image.open(io.BytesIO(path.read_bytes()))
    opened.seek(k)
    return opened.convert("RGB")


@pytest.mark.parametrize("kind", ["noise", "flat", "few"])
def test_gif_is_read_as_it_was_written(kind):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    shape = (40, 260, 3)
    frames = {
        "noise": [
            rng.integers(0, 8, shape[:2], dtype=np.uint8)[..., None]
            * np.array([36, 0, 0], np.uint8)
            for _ in range(3)
        ],
        "flat": [np.full(shape, 250, np.uint8)] * 3,
        "few": [
            np.where(rng.random(shape[:2])[..., None] < 0.1 * k, 0, 255).astype(np.uint8)
            * np.ones(3, np.uint8)
            for k in (1, 2, 3)
        ],
    }[kind]
    opened = image.open(io.BytesIO(film_gif.encoded_gif(frames, [0.5, 0.25, 0.1])))
    assert opened.n_frames == 3 if kind != "flat" else opened.n_frames >= 1
    if kind != "flat":
        for k, frame in enumerate(frames):
            opened.seek(k)
            np.testing.assert_array_equal(np.array(opened.convert("RGB")), frame)


@pytest.mark.parametrize(("suffix", "face"), [("mp4", True), ("mp4", False), ("webm", True)])
def test_a_video_has_the_frames_of_its_time_and_shows_the_gradient_on_its_way(
    tmp_path, monkeypatch, capfd, suffix, face
):
    cv2 = pytest.importorskip("cv2")
    if not face:
        monkeypatch.delattr(cv2, "FontFace", raising=False)
    try:
        path = neuron().animate(tmp_path / f"film.{suffix}", seconds=1.5, width=640, height=360)
    except RuntimeError as error:
        pytest.skip(str(error))
    assert capfd.readouterr().err == ""
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 38
    assert frames[0].shape == (360, 640, 3)

    def pink(frame):  # blue first
        b, g, r = (frame[..., k].astype(int) for k in range(3))
        return int(np.sum((r > 130) & (g < 90) & (b < 140)))

    assert pink(frames[1]) < 20
    assert pink(frames[-1]) > 200


# What goes wrong


def test_errors_say_what_to_do(tmp_path, monkeypatch):
    drawing = neuron()
    with pytest.raises(
        ValueError, match=r"as \.svg, \.gif, \.mp4 or \.webm, but not as .*film\.avi"
    ):
        drawing.animate(tmp_path / "film.avi")
    for seconds in (0, -1, 1e9, float("nan")):
        with pytest.raises(ValueError, match=r"seconds must be from 0\.5 to 600"):
            drawing.animate(tmp_path / "film.svg", seconds)
    with pytest.raises(ValueError, match="not 10 x 720"):
        drawing.animate(tmp_path / "film.svg", width=10)
    with pytest.raises(OSError, match="create it first"):
        drawing.animate(tmp_path / "missing" / "film.svg")
    y = np.sum(tg.Tensor([1.0, 2.0], requires_grad=True) * 2)
    with pytest.raises(ValueError, match="this graph has none; draw it from a trace"):
        tg.draw(y).animate(tmp_path / "film.svg")
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    for suffix in ("gif", "mp4", "webm"):
        with pytest.raises(ImportError, match=r"OpenCV, which is not installed; run pip install"):
            drawing.animate(tmp_path / f"film.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_film_of_one_moment_and_names_of_any_letters():
    with tg.trace() as t:
        x = tg.Tensor([1.0], requires_grad=True, name='<x> & "y" \x00 😀')
        np.sin(x)
    ET.fromstring(svg_film(made(t.draw(title="\ud800")), 2.0, 640, 360).encode("utf-8", "replace"))
