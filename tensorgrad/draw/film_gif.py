"""GIF: frames with one palette, of which each holds only what has changed."""

from collections.abc import Sequence

import numpy as np

COLOURS_OF_GIF = 256
BITS = 5  # of each colour that tell colours apart
CLEAR, END, FULL = 256, 257, 4096  # codes of the compression


def encoded_gif(frames: Sequence[np.ndarray], seconds: Sequence[float]) -> bytes:
    """Return frames as a GIF that runs again and again.

    Shapes: each frame (H, W, 3), red first.
    """
    height, width = frames[0].shape[:2]
    palette, nearest = _palette(frames)
    parts = [
        b"GIF89a", _number(width), _number(height), b"\xf7\0\0", palette.tobytes(),
        b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0",
    ]  # fmt: skip
    before: np.ndarray | None = None
    ends = np.rint(100 * np.cumsum([0.0, *seconds])).astype(int)  # so that roundings do not add up
    for frame, delay in zip(frames, np.diff(ends)):
        now = nearest[_cell(frame)]
        top, bottom, left, right = _changed(before, now)
        parts += [
            b"\x21\xf9\x04\x04", _number(int(delay)), b"\0\0", b"\x2c", _number(left), _number(top),
            _number(right - left), _number(bottom - top), b"\0\x08",
        ]  # fmt: skip
        data = _compressed(now[top:bottom, left:right].tobytes())
        parts += [bytes([len(b)]) + b for k in range(0, len(data), 255) if (b := data[k : k + 255])]
        parts.append(b"\0")
        before = now
    return b"".join([*parts, b"\x3b"])


def _number(n: int) -> bytes:
    return n.to_bytes(2, "little")


def _cell(frame: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's colour among 32,768.

    Shapes: frame (H, W, 3) -> (H, W).
    """
    r, g, b = (frame[..., k].astype(np.intp) >> (8 - BITS) for k in range(3))
    return (r << 2 * BITS) | (g << BITS) | b


def _palette(frames: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the 256 most frequent colours, and the number in them of the nearest to any colour.

    Shapes: each frame (H, W, 3) -> (256, 3), (32768,).
    """
    size = 1 << 3 * BITS
    counts, sums = np.zeros(size), np.zeros((size, 3))
    for frame in frames[:: max(1, len(frames) // 12)]:
        cells, pixels = _cell(frame).ravel(), frame.reshape(-1, 3)
        counts += np.bincount(cells, minlength=size)
        for k in range(3):
            sums[:, k] += np.bincount(cells, pixels[:, k], size)
    chosen = np.argsort(-counts, kind="stable")[:COLOURS_OF_GIF]
    palette = np.rint(sums[chosen] / np.maximum(counts[chosen], 1)[:, None]).astype(np.uint8)
    middle = (np.arange(1 << BITS) << (8 - BITS)) + (1 << (7 - BITS))
    every = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), -1).reshape(-1, 1, 3)
    nearest = np.zeros(size, np.uint8)
    used = palette[counts[chosen] > 0].astype(np.int32)
    for part in np.array_split(np.arange(size), 16):
        nearest[part] = np.square(every[part] - used[None]).sum(-1).argmin(1)
    nearest[chosen[counts[chosen] > 0]] = np.arange(len(used))
    return palette, nearest


def _changed(before: np.ndarray | None, now: np.ndarray) -> tuple[int, int, int, int]:
    """Return the rectangle, as top, bottom, left, right, in which two frames differ.

    Shapes: before and now (H, W).
    """
    if before is None:
        return 0, now.shape[0], 0, now.shape[1]
    different = before != now
    if not different.any():
        return 0, 1, 0, 1
    rows, columns = (np.flatnonzero(different.any(axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _compressed(pixels: bytes) -> bytes:
    """Compress pixels by Lempel, Ziv and Welch's method.

    Source: Welch (1984), A technique for high-performance data compression; GIF89a, appendix F.
    """
    out = bytearray()
    held, bits = CLEAR, 9  # codes that are not out yet, as one number, and its length
    table: dict[int, int] = {}
    size, free, prefix = 9, END + 1, pixels[0]
    for byte in pixels[1:]:
        key = prefix << 8 | byte
        code = table.get(key)
        if code is not None:
            prefix = code
            continue
        held |= prefix << bits
        bits += size
        if free < FULL:
            table[key] = free
            size += free == 1 << size
            free += 1
        else:
            held |= CLEAR << bits
            bits += size
            table, size, free = {}, 9, END + 1
        prefix = byte
        while bits >= 8:
            out.append(held & 255)
            held >>= 8
            bits -= 8
    held |= prefix << bits | END << (bits + size)
    return bytes(out) + held.to_bytes((bits + 2 * size + 7) // 8, "little")
