"""The speed of the page of a large graph, in headless Chromium: `python -m benchmarks.page`."""

import tempfile
from pathlib import Path
from typing import Any

from tests.draw import page_fixtures

GOALS = {"layout": 100, "ready": 1000, "pan": 16, "zoom": 16, "heap": 150}
UNITS = {"layout": "ms", "ready": "ms", "pan": "ms a frame", "zoom": "ms a frame", "heap": "MB"}
PAGES = 3  # each measure is the best of this many pages, because other work on the machine only adds time

MEASURE = """async () => {
  const timed = (work) => { const start = performance.now(); work(); return performance.now() - start; };
  const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
  const pen = document.getElementById("canvas").getContext("2d");
  const frames = async (move) => {
    const times = [];
    for (let k = 0; k < 40; k++) {
      await new Promise(requestAnimationFrame);
      times.push(timed(() => { move(k); drawNow(performance.now()); pen.getImageData(0, 0, 1, 1); }));
    }
    return median(times);
  };
  const layout = () => {
    const scene = foldGraph(app.graph, app.state.open);
    const size = (item) => itemSize(app.graph, item);
    return timed(() => layoutScene(app.graph, scene, size, app.graph.doc.direction));
  };
  return {
    ready: performance.getEntriesByName("ready")[0].startTime,
    heap: performance.memory.usedJSHeapSize / 1e6,
    layout: Math.min(layout(), layout(), layout()),
    pan: await frames((k) => panBy(k % 2 ? 40 : -37, 11)),
    zoom: await frames((k) => zoomBy(k % 8 < 4 ? 1.3 : 1 / 1.3)),
  };
}"""


def measured(browser: Any, document: dict[str, Any]) -> dict[str, float]:
    """Measure a few pages of one document, and return the best of each measure."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for open_page in page_fixtures.opener(browser, Path(folder)):
            for _ in range(PAGES):
                found = open_page(document)(MEASURE)
                best = {name: min(x, best.get(name, x)) for name, x in found.items()}
    return best


def main() -> None:
    for browser in page_fixtures.browser():
        for title, document in {
            "10,000 operations, each of two before it": page_fixtures.lattice(10_000),
            "10,000 operations in a chain": page_fixtures.chain(10_000),
            "50,000 operations in a chain": page_fixtures.chain(50_000),
        }.items():
            print(title)
            for name, x in measured(browser, document).items():
                print(f"  {name:8}{x:8.1f} {UNITS[name]:12} (goal at 10,000: {GOALS[name]})")


if __name__ == "__main__":
    main()
