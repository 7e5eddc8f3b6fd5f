"""Drawn garments of ten classes, which replace Fashion-MNIST where there is no network."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from nn.data.pictures import import_cv2
from nn.seeding import generator

SIDE = 28
OVERSAMPLE = 4  # pictures are drawn 4 times larger and then shrunk, which smooths the edges

Uniform = Callable[[float, float], float]


class Stroke(NamedTuple):
    """A filled outline, or a line if `width` is not 0, in coordinates from -1 to 1, y downward."""

    points: list[tuple[float, float]]
    shade: float = 1.0  # brightness relative to the cloth
    width: float = 0.0


def synthetic_garments(
    n_train: int = 12_000, n_test: int = 2_000, rng: int | np.random.Generator | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw garments with Fashion-MNIST's ten labels, equally many of each label.

    Shapes: -> X_train (n_train, 28, 28) uint8, y_train (n_train,) int64, and X_test, y_test with
    n_test.
    Raises: ImportError if OpenCV is not installed.
    """
    rng = generator(rng)
    return *_draw_many(n_train, rng), *_draw_many(n_test, rng)


def _draw_many(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw n pictures with their labels in random order."""
    y = rng.permutation(np.arange(n) % len(DRAWING_OF_LABEL))
    cloth = np.zeros((n, SIDE, SIDE), np.float32)
    for image, label in zip(cloth, y, strict=True):
        image[:] = _draw(list(DRAWING_OF_LABEL[label](rng.uniform)), rng)
    return _weave(cloth, rng), y


def _draw(strokes: list[Stroke], rng: np.random.Generator) -> np.ndarray:
    """Draw a garment, slightly turned, stretched and moved.

    Shapes: -> (28, 28) uint8.
    Units: 0 for the background, 200 for plain cloth.
    """
    cv2 = import_cv2()
    side = SIDE * OVERSAMPLE
    angle = rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    size = rng.uniform(0.4, 0.5) * side * rng.uniform(0.92, 1.04, (2, 1))
    centre = side / 2 + rng.normal(0, 0.03, 2) * side
    canvas = np.zeros((side, side), np.uint8)
    for points, shade, width in strokes:
        # Each corner moves independently, so that no two outlines are equal.
        xy = np.array(points) + rng.normal(0, 0.012, (len(points), 2))
        pixels = np.rint(xy @ (size * turn).T + centre).astype(np.int32)
        colour = round(200 * shade)
        if width:
            cv2.polylines(canvas, [pixels], False, colour, max(1, round(width * side / 2)))
        else:
            cv2.fillPoly(canvas, [pixels], colour)
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _weave(cloth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add stripes or checks to a third of the pictures, and folds, brightness and noise to all.

    Shapes: cloth (N, 28, 28) -> the same, uint8.
    """
    n = len(cloth)

    def each(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)

    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)
    patterned = rng.random((n, 1, 1)) < 0.35
    across, down = each(3, 22) * (each(0, 1) < 0.5), each(3, 22) * (each(0, 1) < 0.6)
    stripes = np.sin(across * x + each(0, 6)) * np.cos(down * y + each(0, 6))
    folds = np.sin(each(-4, 4) * x + each(-4, 4) * y + each(0, 6))
    light = each(0.45, 1.25) * (1 + patterned * each(0.1, 0.6) * stripes + each(0, 0.2) * folds)
    grain = 1 + 0.06 * rng.standard_normal(cloth.shape, np.float32)
    dust = 3 * rng.standard_normal(cloth.shape, np.float32)
    return np.clip(cloth * light * grain + dust, 0, 255).astype(np.uint8)


def _mirrored(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the outline of a symmetric garment from its right half, listed downward."""
    return right + [(-x, y) for x, y in reversed(right)]


def _rounded(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the line with its inner corners cut off, so that it looks like a curve."""
    curve = [points[0]]
    for (x0, y0), (x, y), (x1, y1) in zip(points, points[1:], points[2:], strict=False):
        curve += [
            (0.7 * x + 0.3 * x0, 0.7 * y + 0.3 * y0),
            (0.7 * x + 0.3 * x1, 0.7 * y + 0.3 * y1),
        ]
    return [*curve, points[-1]]


def _arc(left: float, right: float, y: float, rise: float) -> list[tuple[float, float]]:
    """Return the upper half of an ellipse with its ends at height `y`."""
    middle, half = (left + right) / 2, (right - left) / 2
    turns = np.linspace(0, np.pi, 10)
    return [(middle - half * np.cos(t), y - rise * np.sin(t)) for t in turns]


def _top(
    u: Uniform, sleeve: tuple[float, float], *, hem: float, flare: float = 0.0
) -> Iterator[Stroke]:
    """Draw a body with its hem at `hem` and sleeves that end at `sleeve`, the outer cuff (x, y)."""
    neck, shoulder, waist = u(0.16, 0.28), u(0.48, 0.58), u(0.38, 0.5)
    cuff_x, cuff_y = sleeve
    width = u(0.2, 0.27)
    # The sleeve's inner edge is parallel to the outer one, so long sleeves hang beside the body.
    slope = np.arctan2(cuff_y + 0.75, cuff_x - shoulder)
    inner = (cuff_x - width * np.sin(slope), cuff_y + width * np.cos(slope) * 0.8)
    armpit = (waist, -0.3 + u(-0.06, 0.06))
    body = [(neck, -0.92), (shoulder, -0.8), sleeve, inner, armpit]
    body += [(waist - 0.02, 0.2), (waist + flare, hem)]
    yield Stroke(_mirrored(body))
    yield Stroke([armpit, (waist + 0.01, 0.0)], 0.6, 0.03)
    yield Stroke([(-armpit[0], armpit[1]), (-waist - 0.01, 0.0)], 0.6, 0.03)
    depth = u(0.06, 0.3)
    yield Stroke([(-neck, -0.95), (-neck * 0.6, -0.92 + depth), (neck * 0.6, -0.92 + depth),
                  (neck, -0.95)], u(0, 0.5))  # fmt: skip


def _tshirt(u: Uniform) -> Iterator[Stroke]:
    reach = u(0.0, 1.0)
    yield from _top(u, (0.8 + 0.14 * reach, -0.45 + 0.25 * reach), hem=u(0.75, 0.95))
    if u(0, 1) < 0.5:  # a print on the chest
        x, y, shade = u(0.1, 0.28), u(0.08, 0.3), u(0.4, 1.2)
        yield Stroke([(-x, -0.3), (x, -0.3), (x, y), (-x, y)], shade)


def _long_sleeve(u: Uniform) -> tuple[float, float]:
    return u(0.78, 0.95), u(0.45, 0.8)


def _pullover(u: Uniform) -> Iterator[Stroke]:
    hem = u(0.72, 0.92)
    cuff = _long_sleeve(u)
    yield from _top(u, cuff, hem=hem)
    yield Stroke([(-0.46, hem - 0.08), (0.46, hem - 0.08)], u(0.6, 0.85), 0.05)  # ribbed hem
    yield Stroke([(cuff[0] - 0.2, cuff[1]), (cuff[0], cuff[1] - 0.08)], u(0.6, 0.9), 0.05)
    yield Stroke([(-cuff[0] + 0.2, cuff[1]), (-cuff[0], cuff[1] - 0.08)], u(0.6, 0.9), 0.05)


def _coat(u: Uniform) -> Iterator[Stroke]:
    hem = u(0.85, 1.0)
    yield from _top(u, _long_sleeve(u), hem=hem, flare=u(0.0, 0.1))
    shade = u(0.1, 0.6)
    lapel = u(-0.45, -0.15)
    yield Stroke([(-0.2, -0.9), (0, lapel), (0.2, -0.9)], shade)
    yield Stroke([(0, lapel), (u(-0.04, 0.04), hem)], shade, u(0.03, 0.07))  # the open front
    for x in (-0.28, 0.28):
        y = u(0.25, 0.4)
        yield Stroke([(x - 0.1, y), (x + 0.1, y + u(-0.06, 0.06))], u(0.4, 0.8), 0.05)  # pockets


def _shirt(u: Uniform) -> Iterator[Stroke]:
    hem = u(0.75, 0.95)
    short = u(0, 1) < 0.25
    yield from _top(u, (u(0.82, 0.94), u(-0.35, -0.1)) if short else _long_sleeve(u), hem=hem)
    collar = u(1.05, 1.25)
    for side in (-1, 1):
        yield Stroke([(0.24 * side, -0.95), (0.0, -0.78), (0.16 * side, -0.6)], collar)
    yield Stroke([(0, -0.75), (0, hem)], u(0.55, 0.85), 0.03)  # the button strip
    for y in np.linspace(-0.5, hem - 0.15, 5):
        yield Stroke([(-0.02, y), (0.03, y)], u(1.05, 1.25), 0.06)


def _dress(u: Uniform) -> Iterator[Stroke]:
    shoulder, waist, skirt = u(0.2, 0.36), u(0.18, 0.28), u(0.25, 0.6)
    belt, hem, neck = u(-0.2, 0.1), u(0.88, 1.02), u(-0.85, -0.6)
    right = [(shoulder - 0.1, -1.0), (shoulder, -0.98), (shoulder - 0.02, -0.55)]
    if u(0, 1) < 0.4:  # sleeves
        reach = u(0.0, 1.0)
        cuff = (shoulder + 0.18 + 0.1 * reach, -0.6 + 0.7 * reach)
        right[2:] = [cuff, (cuff[0] - 0.16, cuff[1] + 0.06), (shoulder - 0.02, -0.45)]
    right += [(waist, belt), (skirt, hem)]
    yield Stroke(_mirrored(right))
    yield Stroke([(0.1 - shoulder, -1.05), (0, neck), (shoulder - 0.1, -1.05)], u(0, 0.4))
    yield Stroke([(-waist, belt), (waist, belt)], u(0.5, 1.2), 0.06)


def _trouser(u: Uniform) -> Iterator[Stroke]:
    waist, hip, foot, crotch = u(0.26, 0.36), u(0.32, 0.44), u(0.14, 0.24), u(-0.5, -0.3)
    gap = u(0.06, 0.16)
    right = [(waist, -1.0), (hip, -0.55), (gap + foot + u(0, 0.1), 1.0), (gap, 1.0), (0.02, crotch)]
    yield Stroke(_mirrored(right))
    yield Stroke([(-waist, -0.9), (waist, -0.9)], u(0.5, 0.9), 0.05)  # waistband
    yield Stroke([(0, -0.9), (0, crotch)], 0.6, 0.03)


def _sandal(u: Uniform) -> Iterator[Stroke]:
    high = u(0, 1) < 0.45
    heel, shade = u(0.45, 0.95) if high else u(0.0, 0.12), u(0.75, 1.1)
    base = 0.6
    back, instep = (0.85, base - heel), (0.25, base - heel * u(0.3, 0.6))
    sole = _rounded([(-0.95, base), (-0.4, base), instep, back])
    yield Stroke(sole, shade, u(0.08, 0.12) if high else u(0.1, 0.22))
    if high:
        yield Stroke([back, (back[0] + u(-0.05, 0.05), base + 0.05)], shade, u(0.06, 0.2))
    strap = u(0.06, 0.14)
    for start in np.linspace(-0.8, u(-0.6, -0.1), 1 + round(u(0, 2.4))):  # bands over the toes
        yield Stroke(_arc(start, start + u(0.35, 0.7), base, u(0.25, 0.5)), shade, strap)
    if high or u(0, 1) < 0.5:
        ankle = base - heel - u(0.3, 0.55)
        front = u(0.2, 0.4)
        yield Stroke(_rounded([back, (0.82, ankle), (front, ankle + 0.15)]), shade, strap)
        yield Stroke([(front, ankle + 0.15), instep], shade, strap)


def _sneaker(u: Uniform) -> Iterator[Stroke]:
    base, toe, tongue = u(0.4, 0.5), u(0.12, 0.28), u(0.05, 0.3)
    top = u(-0.7, -0.4) if u(0, 1) < 0.15 else u(-0.35, -0.1)  # some are high-tops
    collar = top + u(0.1, 0.2)
    upper = [(-0.95, base), (-0.93, toe), (-0.55, toe - 0.1), (tongue - 0.25, top + 0.1)]
    upper += [(tongue, top - 0.1), (tongue + 0.2, collar), (0.6, collar), (0.88, top)]
    upper += [(0.95, base)]
    yield Stroke(_rounded(upper))
    sole = u(0.1, 0.2)
    yield Stroke([(-0.97, base), (0.97, base), (0.94, base + sole), (-0.9, base + sole)],
                 u(0.4, 1.25))  # fmt: skip
    yield Stroke([(-0.95, base), (0.95, base)], u(0.3, 0.7), 0.04)
    for step in np.linspace(0.1, 0.9, 4):  # laces, along the tongue
        x, y = -0.55 + step * (tongue + 0.4), toe + step * (top - toe)
        yield Stroke([(x - 0.02, y), (x + 0.16, y + 0.1)], u(0.4, 1.25), 0.04)
    if u(0, 1) < 0.5:  # a flash on the side
        yield Stroke([(0.0, 0.3), (0.3, 0.25), (0.7, u(-0.05, 0.15))], u(0.4, 1.25), u(0.05, 0.12))


def _boot(u: Uniform) -> Iterator[Stroke]:
    top, heel, shaft = u(-1.0, -0.55), u(0.08, 0.35), u(-0.2, 0.15)
    base, toe = 0.72, u(0.3, 0.5)
    outline = [(-0.95, base), (-0.93, toe), (-0.5, toe - 0.15), (shaft, u(-0.2, 0.1))]
    outline += [(shaft + u(-0.1, 0.05), top), (0.8, top + u(-0.08, 0.05)), (0.78, 0.1)]
    outline += [(0.85, base), (0.83, base + heel), (0.45, base + heel), (0.35, base + 0.08)]
    outline += [(-0.3, base + 0.08)]
    yield Stroke(outline)
    yield Stroke([(-0.95, base), (0.4, base), (0.85, base)], u(0.35, 0.8), 0.05)
    style = u(0, 1)
    if style < 0.4:  # laces
        for y in np.linspace(top + 0.15, 0.1, 4):
            yield Stroke([(shaft - 0.05, y), (shaft + 0.25, y + 0.03)], u(0.4, 1.25), 0.04)
    elif style < 0.7:  # a zip or an elastic side
        yield Stroke([(0.35, top + 0.05), (0.35, 0.35)], u(0.3, 0.7), u(0.04, 0.2))


def _bag(u: Uniform) -> Iterator[Stroke]:
    bottom, narrow, top = u(0.7, 0.95), u(-0.15, 0.2), u(-0.45, 0.1)
    low = u(0.72, 0.98)
    high = low - narrow
    grip = u(0.3, 0.9) * high
    yield Stroke(_arc(-grip, grip, top, u(0.0, 0.7)), u(0.6, 1.1), u(0.05, 0.12))
    yield Stroke([(-high, top), (high, top), (low, bottom), (-low, bottom)])
    style = u(0, 1)
    if style < 0.45:  # a flap with a clasp
        fold = top + u(0.25, 0.5)
        flap = [(-high, top), (high, top), (high - 0.05, fold), (-high + 0.05, fold)]
        yield Stroke(flap, u(0.7, 1.2))
        yield Stroke([(-0.05, fold), (0.05, fold)], u(0.2, 1.25), 0.12)
    elif style < 0.75:
        yield Stroke([(-high, top + 0.12), (high, top + 0.12)], u(0.4, 0.8), 0.05)  # a zip


DRAWING_OF_LABEL = [  # in the order of Fashion-MNIST's labels
    _tshirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _boot,
]  # fmt: skip
