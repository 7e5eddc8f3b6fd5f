"""Conversion of picture files of any kind to images like those of Fashion-MNIST."""

import os
from pathlib import Path

import numpy as np

from nn.data.files import import_cv2


def read_photo(path: str | os.PathLike[str], size: int = 28) -> np.ndarray:
    """Read a picture and convert it to the form of Fashion-MNIST: gray, light on black, square.

    Shapes: -> (size, size), uint8.
    Raises: FileNotFoundError if there is no file; ValueError if it is not a picture, or has one
    colour only; ImportError if OpenCV is not installed.
    """
    cv2 = import_cv2()
    data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is not None and picture.shape[2:] != (4,):
        # UNCHANGED keeps transparency, but does not rotate a photograph as its camera says.
        picture = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"{path} is not a picture that OpenCV can read, of 8 or 16 bits a channel; give a PNG, "
            "JPEG or WebP file"
        )
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    gray = on_black(_gray(picture))
    rows, columns = np.nonzero(gray > 25)  # a tenth of the full range, because paper is uneven
    if rows.size == 0:
        raise ValueError(
            f"{path} has one colour only ({picture.shape[1]}x{picture.shape[0]} pixels); give a "
            "picture of a garment on a background of another colour"
        )
    garment = gray[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = size / max(garment.shape)
    height, width = (max(1, round(n * scale)) for n in garment.shape)
    small = cv2.resize(
        garment, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    # Padding instead of stretching, because the aspect ratio distinguishes garments.
    out = np.zeros((size, size), np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    out[top : top + height, left : left + width] = small
    return out


def _gray(picture: np.ndarray) -> np.ndarray:
    """Convert to gray levels; transparent pixels become white, or black if the picture is light.

    Shapes: (H, W) or (H, W, 3 or 4) -> (H, W), float32.
    """
    if picture.ndim == 2:
        return picture.astype(np.float32)
    gray = picture[..., :3].astype(np.float32) @ np.float32([0.114, 0.587, 0.299])  # BGR
    if picture.shape[2] == 4:
        alpha = picture[..., 3].astype(np.float32) / 255
        mean = np.sum(gray * alpha) / max(np.sum(alpha), 1)
        paper = 255 if mean < 192 else 0
        gray = gray * alpha + paper * (1 - alpha)
    return gray


def on_black(gray: np.ndarray) -> np.ndarray:
    """Make the background black, and scale the contrast to the full range.

    The background is the median of the border.

    Shapes: (H, W) -> (H, W), uint8.
    """
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    background = float(np.median(border))
    garment = background - gray if background > 127 else gray - background
    garment = np.maximum(garment, 0)
    top = garment.max()
    return np.rint(garment * (255 / top if top > 25 else 1)).astype(np.uint8)
