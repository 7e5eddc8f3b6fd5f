"""Decoding of picture files, within limits that are checked before a picture is unpacked."""

import re
import struct
from collections.abc import Callable
from types import ModuleType

import numpy as np

from nn.config import import_extra

MAX_PIXELS = 100_000_000  # of a picture; at 8 bytes a pixel, it then needs less than 1 GiB
REDUCED_FROM = 4_000_000  # pixels; a larger picture is read at half, a quarter or an eighth
MAX_SCANS = 200  # of a progressive JPEG file, each of which goes over the whole picture
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners use in files of 16 bits


def decode_image(
    data: bytes, *, gray: bool = True, max_pixels: int = MAX_PIXELS
) -> np.ndarray | None:
    """Decode the bytes of a picture file, or return None if they are none that OpenCV can read.

    Transparent pixels become white, or black if the picture is light. Values of 16 bits are scaled
    by the number of bits that they use. A picture beyond 4 megapixels is read at a smaller size.

    Shapes: -> (height, width) uint8, with a last axis of 3 (RGB) unless gray.
    Raises: ValueError if the picture has more than `max_pixels` pixels; ImportError if OpenCV is
    not installed.
    """
    cv2 = import_cv2()
    size = picture_size(data)
    if size is None:
        return None
    pixels = size[0] * size[1]
    if pixels > max_pixels:
        raise ValueError(
            f"the picture has {size[0]:,} by {size[1]:,} pixels, more than the limit of "
            f"{max_pixels:,} (max_pixels)"
        )
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError(f"the picture is a JPEG file of more than {MAX_SCANS} scans")
    if _may_be_unusual(data):
        picture = _imdecode(data, cv2.IMREAD_UNCHANGED)
        if picture is None or picture.dtype not in (np.uint8, np.uint16):
            return None
        if picture.shape[2:] == (4,) or picture.dtype == np.uint16:
            return _from_unusual(_shrunk(picture), gray)
        del picture
    # OpenCV's own reading, because UNCHANGED does not rotate a photograph as its camera says.
    factor = next((f for f in (1, 2, 4) if pixels <= REDUCED_FROM * f * f), 8)
    kind = "GRAYSCALE" if gray else "COLOR"
    flag = f"IMREAD_{kind}" if factor == 1 else f"IMREAD_REDUCED_{kind}_{factor}"
    picture = _imdecode(data, getattr(cv2, flag))
    return picture if gray or picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Read the width and the height in the header of a picture file; None for other files."""
    for start, read in HEADERS:
        if re.match(start, data, re.DOTALL):
            try:
                width, height = read(data)
            except (struct.error, IndexError, ValueError, TypeError):
                return None
            return (width, height) if width > 0 and height > 0 else None
    return None


def import_cv2() -> ModuleType:
    """Import OpenCV, which only pictures need.

    Raises: ImportError if it is not installed.
    """
    return import_extra("cv2", "pictures are read and drawn with OpenCV")


def _imdecode(data: bytes, flag: int) -> np.ndarray | None:
    # From bytes, because imread cannot open every path that Python can.
    cv2 = import_cv2()
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None


def _may_be_unusual(data: bytes) -> bool:
    """Return True if a file can have transparent pixels or values of 16 bits."""
    if data[:4] == b"\x89PNG":
        return data[24] == 16 or data[25] in (4, 6) or b"tRNS" in data[:4096]
    return not data.startswith((b"\xff\xd8", b"BM"))


def _shrunk(picture: np.ndarray) -> np.ndarray:
    """Halve a large picture until its floats do not need much memory."""
    cv2 = import_cv2()
    while picture.shape[0] * picture.shape[1] > REDUCED_FROM and min(picture.shape[:2]) > 1:
        height, width = picture.shape[:2]
        picture = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return picture


def _from_unusual(picture: np.ndarray, gray: bool) -> np.ndarray:
    """Convert a picture with transparent pixels or values of 16 bits to gray or RGB.

    Shapes: (H, W) or (H, W, 3 or 4) -> (H, W) or (H, W, 3), uint8.
    """
    if picture.ndim == 2:
        levels = _eight_bits(picture)
        return levels if gray else np.repeat(levels[..., None], 3, axis=2)
    colours = _eight_bits(picture[..., 2::-1]).astype(np.float32)  # from BGR
    levels = colours @ np.float32([0.299, 0.587, 0.114])
    out = levels if gray else colours
    if picture.shape[2] == 4:
        alpha = _eight_bits(picture[..., 3]).astype(np.float32) / 255
        mean = np.sum(levels * alpha) / max(np.sum(alpha), 1)
        paper = 255 if mean < 192 else 0
        opaque = alpha if gray else alpha[..., None]
        out = out * opaque + paper * (1 - opaque)
    return np.rint(out).astype(np.uint8)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale values by the number of bits that they use, such as 12 of 16, to 8 bits."""
    if values.dtype == np.uint8:
        return values
    largest = int(values.max())
    bits = next(bits for bits in DEPTHS if largest < 1 << bits)
    return (values >> (bits - 8)).astype(np.uint8)


def _png_size(data: bytes) -> tuple[int, int]:
    """Read the size in a PNG file whose chunks are as long as they say, up to the last one.

    OpenCV would allocate whatever a chunk says, up to 4 GiB, before it looks for the bytes.
    """
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        at += 12 + length
        if at > len(data):
            raise ValueError("a chunk is longer than the file")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Read the size in the first frame header of a JPEG file."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a byte that fills up
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # without a length
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ValueError("no frame header")


def _bmp_size(data: bytes) -> tuple[int, int]:
    if data[14] == 12:
        width, height = struct.unpack("<HH", data[18:22])
    else:
        width, height = struct.unpack("<ii", data[18:26])
    return width, abs(height)


def _webp_size(data: bytes) -> tuple[int, int]:
    if data[12:16] == b"VP8X":
        sides = data[24:27], data[27:30]
        width, height = (1 + int.from_bytes(side, "little") for side in sides)
    elif data[12:16] == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (n & 0x3FFF for n in struct.unpack("<HH", data[26:30]))
    return width, height


def _tiff_size(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack(order + "I", data[4:8])
    (entries,) = struct.unpack(order + "H", data[at : at + 2])
    tags = {}
    for k in range(entries):
        entry = data[at + 2 + 12 * k : at + 14 + 12 * k]
        tag, kind = struct.unpack(order + "HH", entry[:4])
        tags[tag] = struct.unpack(
            order + ("H" if kind == 3 else "I"), entry[8 : 10 if kind == 3 else 12]
        )[0]
    return tags.get(256, 0), tags.get(257, 0)


def _pnm_size(data: bytes) -> tuple[int, int]:
    match = re.match(
        rb"P[1-6]\s(?:\s*#[^\n]*\n)*\s*(\d{1,9})\s(?:\s*#[^\n]*\n)*\s*(\d{1,9})\s", data
    )
    if match is None:
        raise ValueError("no size")
    return int(match[1]), int(match[2])


# How a file of a format starts, and the function that reads the size in its header.
HEADERS: list[tuple[bytes, Callable[[bytes], tuple[int, int]]]] = [
    (rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", _png_size),
    (rb"\xff\xd8", _jpeg_size),
    (rb"RIFF....WEBPVP8[ LX]", _webp_size),
    (rb"GIF8[79]a", lambda data: struct.unpack("<HH", data[6:10])),
    (rb"BM", _bmp_size),
    (rb"II\*\0|MM\0\*", _tiff_size),
    (rb"P[1-6]\s", _pnm_size),
]
