"""GIF: frames with one palette, which Pillow writes."""

import io
from collections.abc import Sequence

import numpy as np

INSTALL_PILLOW = "run pip install pillow, or save the film as .svg, which needs nothing"
SAMPLES = 12  # frames whose colours the palette is made of


def encoded_gif(frames: Sequence[np.ndarray], seconds: Sequence[float]) -> bytes:
    """Return frames as a GIF that runs again and again.

    Shapes: each frame (H, W, 3), red first.
    Raises: ImportError without Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        message = f"GIFs are written by Pillow, which is not installed; {INSTALL_PILLOW}"
        raise ImportError(message) from error
    images = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    sample = np.concatenate(frames[:: max(1, len(frames) // SAMPLES)])
    palette = Image.fromarray(sample).quantize(256, Image.Quantize.MEDIANCUT)
    # Not dithered: the dots would change from frame to frame, and take many times the bytes.
    shown = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    ends = np.rint(100 * np.cumsum([0.0, *seconds])).astype(int)  # so that roundings do not add up
    durations = (10 * np.diff(ends)).tolist()  # in milliseconds
    written = io.BytesIO()
    shown[0].save(
        written, "GIF", save_all=True, append_images=shown[1:], duration=durations, loop=0
    )
    return written.getvalue()
