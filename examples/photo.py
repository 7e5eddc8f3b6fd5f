"""Conversion of picture files of any kind to images like those of Fashion-MNIST."""

import os

import numpy as np

from nn.data import decode_image
from tensorgrad.files import read_file


def read_photo(path: str | os.PathLike[str], size: int = 28) -> np.ndarray:
    """Read a picture and convert it to the form of Fashion-MNIST: gray, light on black, square.

    Shapes: -> (size, size), uint8.
    Raises: FileNotFoundError if there is no file; ValueError if it is not a picture, or has one
    colour only; ImportError if OpenCV is not installed.
    """
    try:
        picture = decode_image(read_file(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if picture is None:
        raise ValueError(
            f"{path} is not a picture that OpenCV can read, of 8 or 16 bits a channel; give a "
            "PNG, JPEG, WebP, GIF, BMP, TIFF or PNM file"
        )
    import cv2  # which decode_image has found

    gray = on_black(picture.astype(np.float32))
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
