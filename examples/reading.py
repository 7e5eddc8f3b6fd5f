"""Reading of pictures for `predict.py`, into which these functions are written: NumPy suffices."""

import numpy as np

from examples.photo import on_black

PREPROCESSING = (
    "gray, light on black, 28 x 28 pixels with the aspect ratio kept, scaled from 0..255 to -1..1"
)


def read_picture(path: str) -> np.ndarray:
    """Return a picture as the network takes it.

    A .npy file holds pictures of 28 x 28 pixels as the network's inputs, or as bytes. Other
    pictures may have any size: .pgm files are read here, others with OpenCV.
    """
    if path.endswith(".npy"):
        pictures = np.load(path, allow_pickle=False)
        return (pictures - 127.5) / 127.5 if pictures.dtype == np.uint8 else pictures
    if path.endswith(".pgm"):
        gray = read_pgm(path)
    else:
        try:
            import cv2
        except ImportError:
            raise ImportError(
                "this kind of picture is read with OpenCV, which is not installed; run pip install "
                "opencv-python-headless, or give a .pgm or .npy file"
            ) from None
        with open(path, "rb") as file:
            gray = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        raise ValueError("this is not a picture that OpenCV can read")
    return (fitted(on_black(gray.astype(np.float32)), 28) - 127.5) / 127.5


def read_pgm(path: str) -> np.ndarray:
    """Return the pixels of a binary PGM file, from 0 to 255."""
    with open(path, "rb") as file:
        data = file.read()
    header, start = [], 0
    while len(header) < 4 and start < len(data):
        line_end = data.find(b"\n", start) % (len(data) + 1)
        header += data[start:line_end].partition(b"#")[0].split()
        start = line_end + 1
    if len(header) != 4 or header[0] != b"P5":
        raise ValueError("this is not a binary PGM file")
    width, height, top = (int(word) for word in header[1:])
    dtype = np.dtype(np.uint8 if top < 256 else ">u2")
    if top < 1 or width < 1 or height < 1 or len(data) - start < width * height * dtype.itemsize:
        raise ValueError(f"the picture of {width} x {height} pixels is not complete")
    pixels = np.frombuffer(data, dtype, width * height, start).reshape(height, width)
    return pixels * (255 / top)


def fitted(gray: np.ndarray, size: int) -> np.ndarray:
    """Return what is not black in a picture, in a square of black with the aspect ratio kept."""
    rows, columns = np.nonzero(gray > 25)  # a tenth of the full range, because paper is uneven
    if not rows.size:
        raise ValueError("the picture has one colour only")
    part = gray[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(float)
    scale = size / max(part.shape)
    height, width = (max(1, round(n * scale)) for n in part.shape)
    small = shares(height, part.shape[0]) @ part @ shares(width, part.shape[1]).T
    out = np.zeros((size, size))
    top, left = (size - height) // 2, (size - width) // 2
    out[top : top + height, left : left + width] = np.rint(small)
    return out


def shares(n: int, length: int) -> np.ndarray:
    """Return the share that each old pixel has in each of n new ones: by area, or between two."""
    if n <= length:
        edges = np.arange(n + 1)[:, None] * (length / n)
        old = np.arange(length)
        overlap = np.minimum(edges[1:], old + 1) - np.maximum(edges[:-1], old)
        return np.maximum(overlap, 0) * (n / length)
    places = np.clip((np.arange(n) + 0.5) * (length / n) - 0.5, 0, length - 1)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(length)), 0)
