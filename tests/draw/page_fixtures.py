"""Graphs for the tests of the page, and a browser to open them in."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.draw.page import render

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--enable-precise-memory-info"]
READY = "() => window.tg && tg.ready"  # a function, because the page forbids evaluating text


def browser() -> Iterator[Any]:
    """Start a headless Chromium; skip where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        pytest.skip(f"the browser tests need one of {', '.join(CHROMIUMS)} on the PATH")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Opened:
    """A page that is ready, with the browser's messages and requests."""

    def __init__(self, browser: Any, path: Path, anchor: str = "", **context: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **context)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + anchor)
        self.page.wait_for_function(READY, timeout=60_000)

    def __call__(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def state(self) -> dict[str, Any]:
        return self("tg.state()")

    def node(self, name: str) -> dict[str, Any]:
        return self("id => tg.node(id)", name)

    def step(self, k: int) -> None:
        self("k => tg.step(k)", k)

    def panel(self) -> str:
        return self.page.locator("#panel").inner_text()


Open = Callable[..., Opened]


def opener(browser: Any, folder: Path) -> Iterator[Open]:
    """Open documents, and close the pages afterwards."""
    pages: list[Opened] = []

    def open_page(
        document: dict[str, Any],
        other: dict[str, Any] | None = None,
        anchor: str = "",
        **context: Any,
    ) -> Opened:
        path = folder / f"graph{len(pages)}.html"
        path.write_text(render(document, other), "utf-8")
        pages.append(Opened(browser, path, anchor, **context))
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()


def scalars() -> dict[str, Any]:
    """Trace y = x·x·w + sin x at x = 0.7, w = -1.5: x is used three times, twice by one op."""
    with tg.trace() as t:
        x = tg.Tensor(0.7, requires_grad=True, name="x")
        w = tg.Tensor(-1.5, requires_grad=True, name="w")
        y = x * x * w + np.sin(x)
        y.backward()
    return t.draw(title="y = x·x·w + sin x").document


def network(depth: int = 2, width: int = 8) -> tuple[nn.Sequential, dict[str, Any]]:
    """Make a healthy MLP, and the document of one step of its training."""
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for _ in range(depth):
        dense = nn.Dense(width, width, rng=rng)
        dense.weights.data = rng.normal(0, (2 / width) ** 0.5, (width, width))
        layers += [dense, nn.ReLU()]
    model = nn.Sequential(*layers, nn.Dense(width, 4, rng=rng))
    X, y = rng.normal(size=(32, width)).astype(np.float32), rng.integers(0, 4, 32)
    with tg.trace() as t:
        nn.CategoricalCrossentropy()(nn.Softmax()(model(X)), y).backward()
    return model, t.draw(title="A multilayer perceptron").document


def troubled() -> dict[str, Any]:
    """Trace a dead ReLU, saturated sigmoids, vanishing and exploding gradients, and a log of 0."""
    rng = np.random.default_rng(0)

    def leaf(value: Any, name: str) -> tg.Tensor:
        return tg.Tensor(value, requires_grad=True, name=name)

    X = rng.normal(size=(16, 4))
    with np.errstate(all="ignore"), tg.trace() as t:
        dead = tg.relu(X @ leaf(rng.normal(size=(4, 8)), "behind_dead") - 100.0)
        flat = tg.sigmoid(X @ leaf(rng.normal(size=(4, 8)), "behind_flat") + 50.0)
        tiny = 1e-9 * leaf(np.ones(4), "tiny")
        huge = 1e6 * leaf(np.ones(4), "huge")
        broken = np.log(dead)
        loss = np.sum(dead) + np.sum(flat) + np.sum(tiny) + np.sum(huge) + np.sum(broken * 0.5)
        loss.backward()
    unused = leaf(np.ones(3), "unused")
    return t.draw(title="troubles", parameters=[unused]).document


def chain(length: int) -> dict[str, Any]:
    """Write a document of operations in a chain."""
    nodes: list[dict[str, Any]] = [
        {"id": "n0", "kind": "leaf", "name": "x", "shape": [], "dtype": "float64", "bytes": 8}
    ]
    for k in range(1, length):
        node = {
            "id": f"n{k}",
            "kind": "op",
            "op": "sin",
            "shape": [],
            "dtype": "float64",
            "bytes": 8,
        }
        nodes.append(node | {"inputs": [{"node": f"n{k - 1}", "saved": True}]})
    return whole({"title": "chain", "roots": [f"n{length - 1}"], "nodes": nodes})


def lattice(count: int) -> dict[str, Any]:
    """Write a wide document of `count` operations, each of two earlier ones, with long edges."""
    rng = np.random.default_rng(0)
    document = chain(count)
    for k in range(2, count):
        a, b = k - 1 - rng.integers(0, min(k, 30), 2)
        document["nodes"][k] |= {"op": "add", "inputs": [{"node": f"n{a}"}, {"node": f"n{b}"}]}
    return document


def whole(parts: dict[str, Any]) -> dict[str, Any]:
    """Complete a document by its format and direction."""
    return {"format": "tensorgrad-graph", "version": 1, "direction": "LR"} | parts
