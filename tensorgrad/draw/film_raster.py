"""Films as GIF, MP4 and WebM: frames that OpenCV draws, twice as large, and then reduces."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tensorgrad.draw.film import FOOT, HEAD, PICTURE_LINES, Film, Look, Moment, Wire, moments_at
from tensorgrad.draw.film_gif import encoded_gif
from tensorgrad.draw.film_layout import CARD
from tensorgrad.draw.film_svg import BASE_LINES, COLOURS, FILLS, SIZES, TRAVEL, WIRES

FINE = 2  # pixels drawn for each of the film
RATE = 25.0  # frames a second of a video
# MPEG-4 Part 2 for players and slides, VP8 for browsers: the wheels of OpenCV have no H.264.
CODECS = {".mp4": "mp4v", ".webm": "VP80"}
SHORTEST_FRAME = 0.06  # seconds of a frame of a GIF in which something moves
MOVING = {0.2: 0.2, 0.45: 0.2, 1.0: 0.6}  # how far such frames are, and their parts of a moment
CORNERS = 24  # points of a curve
INSTALL_OPENCV = (
    "run pip install opencv-python-headless, or save the film as .svg, which needs nothing"
)
# What the letters of OpenCV's own strokes cannot write.
PLAIN_LETTERS = str.maketrans(
    {"∂": "d", "−": "-", "±": "~", "×": "x", "·": ".", "…": "..", "∞": "inf"}
)


def gif_film(film: Film, seconds: float, width: int, height: int) -> bytes:
    """Return a film as GIF, which runs again and again.

    Raises: ImportError without OpenCV.
    """
    painter = Painter(film, width, height)
    share = seconds / len(film.moments)
    phases = MOVING if share >= 3 * SHORTEST_FRAME else {1.0: 1.0}
    frames, times = [], []
    for k, moment in enumerate(film.moments):
        for phase, part in (phases if moment.wire is not None else {1.0: 1.0}).items():
            frames.append(painter.frame(k, phase)[..., ::-1])
            times.append(part * share)
    return encoded_gif(frames, times)


def video_film(film: Film, seconds: float, width: int, height: int, suffix: str) -> bytes:
    """Return a film as .mp4, which players and slides show, or as .webm, which browsers show.

    Raises: ImportError without OpenCV; RuntimeError if it writes no video here.
    """
    cv2 = _opencv()
    width, height = width // 2 * 2, height // 2 * 2  # as the formats have it
    codec = cv2.VideoWriter_fourcc(*CODECS[suffix])
    painter = Painter(film, width, height)

    def write(name: str) -> bool:
        with quiet_stderr():  # it says that WebM has no tag for VP8, and then writes it
            video = cv2.VideoWriter(name, codec, RATE, (width, height))
        if not video.isOpened():
            return False
        for k, phase in moments_at(film, seconds, RATE):
            video.write(painter.frame(k, phase))
        video.release()
        return True

    return _file_of(suffix, write)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drop what C code writes to the error output."""
    with open(os.devnull, "wb") as nowhere:
        try:
            before = os.dup(2)
        except OSError:  # the process has none
            yield
            return
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


def _opencv() -> Any:
    """Import OpenCV.

    Raises: ImportError if it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        message = f"films are drawn with OpenCV, which is not installed; {INSTALL_OPENCV}"
        raise ImportError(message) from error
    return cv2


def _file_of(suffix: str, write: Any) -> bytes:
    """Return what OpenCV writes to a file.

    Raises: RuntimeError if it does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"film{suffix}")
        if not write(str(path)) or not path.exists():
            raise RuntimeError(
                f"OpenCV could not write a film as {suffix} here; save it as .gif or .svg"
            )
        return path.read_bytes()


class Painter:
    """A painter of the frames of a film."""

    def __init__(self, film: Film, width: int, height: int) -> None:
        self.cv2, self.film, self.size = _opencv(), film, (width, height)
        self.unit = FINE * height / PICTURE_LINES  # pixels drawn for one of the film's own
        face = getattr(self.cv2, "FontFace", None)
        self.face = face and face("sans")
        self.scale, self.at = self.unit * film.scale, (0.0, 0.0)
        self.fits: dict[Any, str] = {}
        self.still: tuple[Any, np.ndarray] | None = None  # the last picture, except for what moves

    def frame(self, k: int, phase: float) -> np.ndarray:
        """Paint a moment, of which this part is over.

        Shapes: -> (height, width, 3), blue first.
        """
        moment, before = self.film.moments[k], self.film.moments[max(k - 1, 0)]
        part = min(1.0, phase / TRAVEL)
        moving = moment.wire if part < 1 else None
        x, y = (a + (b - a) * part for a, b in zip(before.camera, moment.camera))
        key = k, moving is None, x, y
        if self.still is None or self.still[0] != key:
            self.at = self.unit * x, self.unit * y
            self.still = key, self._paint(k, moment, moving)
        self.image = self.still[1].copy()
        if moving is not None:
            at = self._point(*_place_on(moving, 1 - part))
            radius, colour = round(8 * self.scale), _bgr(COLOURS["gradient"])
            self.cv2.circle(self.image, at, radius, colour, -1, self.cv2.LINE_AA)
        return self.cv2.resize(self.image, self.size, interpolation=self.cv2.INTER_AREA)

    def _paint(self, k: int, moment: Moment, moving: Wire | None) -> np.ndarray:
        """Paint all but what moves."""
        width, height = (FINE * n for n in self.size)
        self.image = np.full((height, width, 3), _bgr(COLOURS["page"]), np.uint8)
        seen = max(k - 1, 0) if moving is not None else k  # a gradient counts when it has arrived
        for wire in self.film.wires:
            self._curve(wire, COLOURS[WIRES[wire.states[seen]]])
        for card in self.film.cards:
            look = card.looks[seen]
            if moving is not None:
                look = look._replace(state=card.looks[k].state)
            self._card(card.kind, card.x, card.y, look)
        self._frame(k, moment)
        return self.image

    def _point(self, x: float, y: float) -> tuple[int, int]:
        return round(self.at[0] + self.scale * x), round(self.at[1] + self.scale * y)

    def _curve(self, wire: Wire, colour: str) -> None:
        points = np.array([self._point(*_place_on(wire, t)) for t in np.linspace(0, 1, CORNERS)])
        self.cv2.polylines(
            self.image,
            [points],
            False,
            _bgr(colour),
            max(1, round(2 * self.scale)),
            self.cv2.LINE_AA,
        )

    def _card(self, kind: str, x: float, y: float, look: Look) -> None:
        now, waits = look.state == "now", look.state == "waiting"
        a, b = self._point(x, y), self._point(x + CARD[0], y + CARD[1])
        fill = COLOURS["panel"] if waits else FILLS.get(kind, COLOURS["panel"])
        border = COLOURS["now" if now else "faint" if waits else kind]
        self.cv2.rectangle(self.image, a, b, _bgr(fill), -1, self.cv2.LINE_AA)
        self.cv2.rectangle(
            self.image,
            a,
            b,
            _bgr(border),
            max(1, round((3 if now else 1.5) * self.scale)),
            self.cv2.LINE_AA,
        )
        colours = COLOURS["muted" if waits else "ink"], COLOURS["muted"], COLOURS["gradient"]
        for k, (text, row, colour) in enumerate(zip(look[:3], BASE_LINES, colours)):
            size = SIZES["title" if k == 0 else "value"] * self.scale
            self._text(
                text, self._point(x + 9, y + row), size, colour, k != 1, (CARD[0] - 16) * self.scale
            )

    def _frame(self, k: int, moment: Moment) -> None:
        """Paint title, narration and progress."""
        unit, width = self.unit, self.image.shape[1]
        top = round((PICTURE_LINES - FOOT) * unit)
        self.image[: round(HEAD * unit)] = self.image[top:] = _bgr(COLOURS["panel"])
        done = round(width * (k + 1) / len(self.film.moments))
        self.image[top - round(4 * unit) : top, :done] = _bgr(COLOURS["now"])
        room = width - round(52 * unit)
        left = round(26 * unit)
        self._text(
            self.film.title,
            (left, round(36 * unit)),
            SIZES["head"] * unit,
            COLOURS["ink"],
            True,
            room,
        )
        self._text(
            moment.phase,
            (left, top + round(32 * unit)),
            15 * unit,
            COLOURS[moment.phase],
            True,
            room,
        )
        self._text(
            moment.said,
            (left, top + round(62 * unit)),
            SIZES["said"] * unit,
            COLOURS["ink"],
            False,
            room,
        )

    def _text(
        self, text: str, at: tuple[int, int], size: float, colour: str, bold: bool, room: float
    ) -> None:
        """Write a text of a height, cut off where it has no room."""
        key = text, size, bold, room
        if key not in self.fits:
            while text and self._width(text, size, bold) > room:
                text = text.rstrip("…")[:-1] + "…" if len(text) > 1 else ""
            self.fits[key] = text
        text = self.fits[key]
        if self.face is not None:
            self.cv2.putText(
                self.image, text, at, _bgr(colour), self.face, round(size), 600 if bold else 400
            )
        elif text:
            font = self.cv2.FONT_HERSHEY_SIMPLEX
            thick = max(1, round(size / (9 if bold else 14)))
            self.cv2.putText(
                self.image,
                text.translate(PLAIN_LETTERS),
                at,
                font,
                size / 32,
                _bgr(colour),
                thick,
                self.cv2.LINE_AA,
            )

    def _width(self, text: str, size: float, bold: bool) -> float:
        if self.face is not None:
            box = self.cv2.getTextSize(
                self.size, text, (0, 0), self.face, round(size), 600 if bold else 400
            )
            return box[2]
        return self.cv2.getTextSize(
            text.translate(PLAIN_LETTERS), self.cv2.FONT_HERSHEY_SIMPLEX, size / 32, 1
        )[0][0]


def _place_on(wire: Wire, t: float) -> tuple[float, float]:
    """Return the point of a curve at t from 0 to 1."""
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
    return tuple(sum(w * p[axis] for w, p in zip(weights, wire.points)) for axis in (0, 1))  # type: ignore[return-value]


def _bgr(colour: str) -> tuple[int, int, int]:
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)
