"""Pictures from files and from other libraries, as RGB pixels the way a person sees them."""

from __future__ import annotations

import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecls.domain import Pixels
from edgecls.errors import PictureError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

MAX_PIXELS = 50_000_000
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")  # others have decoders nobody needs and everybody attacks
_WITH_ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")
_ORIENTATION = 0x0112  # the EXIF tag
# What Pillow raises for damaged pictures, depending on where in which decoder the damage lies.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, TypeError)


def read_picture(path: Path) -> Pixels:
    """A JPEG, PNG, BMP or WebP file as RGB uint8, shape (height, width, 3).

    EXIF rotation is applied, transparency lies on black. PictureError in one line where the file
    is no picture, is damaged, or has more than 50 megapixels (which is seen before it is decoded).
    """
    from PIL import Image, UnidentifiedImageError

    if path.exists() and not path.is_file():  # reading a pipe would never end
        raise PictureError(f"{path}: is a folder or a device, not a picture")
    try:
        with _quietly():
            image = Image.open(path, formats=_FORMATS)
    except FileNotFoundError as error:
        raise PictureError(f"{path}: there is no such picture") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path}: has more than {MAX_PIXELS // 10**6} megapixels") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path}: is no JPEG, PNG, BMP or WebP picture") from error
    except _DAMAGED as error:
        raise PictureError(f"{path}: cannot read the picture: {_reason(error)}") from error
    with image:
        return _pixels(image, f"{path}: ")


def rgb_array(image: Any) -> Pixels:
    """A path, a PIL image or an RGB array as RGB uint8, shape (height, width, 3).

    UsageError where it is none of them, PictureError where the picture cannot be read.
    """
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
            return image
        raise UsageError(
            f"the array is {image.dtype} of shape {image.shape}; "
            "wanted is RGB uint8 of shape (height, width, 3)"
        )
    if isinstance(image, (str, Path)):
        return read_picture(Path(image))
    # Whoever holds a PIL image has imported PIL: no need to import it in order to ask.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(image, pillow.Image):
        return _pixels(image, "")
    raise UsageError(
        f"cannot classify a {type(image).__name__}; "
        "give a path, a PIL image or an RGB uint8 array of shape (height, width, 3)"
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Pillow's warnings of damaged EXIF and of sizes for which our limit is lower."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _pixels(image: PillowImage, where: str) -> Pixels:
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(
            f"{where}the picture has {image.width}x{image.height} pixels; "
            f"the limit is {MAX_PIXELS // 10**6} megapixels"
        )
    try:
        with _quietly():
            pixels = np.asarray(_rgb(_upright(image)))
    except _DAMAGED as error:
        raise PictureError(f"{where}the picture is damaged: {_reason(error)}") from error
    if not pixels.size:
        raise PictureError(f"{where}the picture has no pixels")
    return pixels


def _upright(image: PillowImage) -> PillowImage:
    """Turned as its EXIF entry asks; damaged EXIF asks for nothing."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except _DAMAGED:
        return image
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation)
    return image if turn is None else image.transpose(turn)


def _rgb(image: PillowImage) -> PillowImage:
    """Any mode of Pillow as RGB: 16 bits become 8, transparency lies on black."""
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        deep = image.mode.startswith("I;16") or (image.mode == "I" and values.max() > 255)
        grey = values / 257 if deep else values
        return Image.fromarray(np.rint(grey).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        layered = image.convert("RGBA")
        black = Image.new("RGBA", layered.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layered).convert("RGB")
    return image.convert("RGB")


def _reason(error: BaseException) -> str:
    return str(error).split("\n")[0] or type(error).__name__
