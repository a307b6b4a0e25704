"""The same faults made in ways that the training never saw, for the evaluation.

No function of health_degradations.py is used here: other blur kernels, other materials, another
kind of darkness and of glare, and real codecs (JPEG through OpenCV, H.264 through PyAV's x264).
"""

import io
from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np
from health_pictures import Picture, Rng
from numpy.typing import NDArray

Real = NDArray[np.float64]


def to_picture(light: Real) -> Picture:
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def shot_noise(light: Real, electrons: float, rng: Rng) -> Real:
    """Photons counted: noise that grows with the root of the light, plus read-out noise."""
    count = rng.poisson(np.clip(light, 0, None) / 255 * electrons)
    return count * (255 / electrons) + rng.normal(0, 1.5, light.shape)


def h264(picture: Picture, crf: int) -> Picture:
    """The second of two frames of a real H.264 stream: a keyframe's and a later frame's marks."""
    height, width = (side - side % 2 for side in picture.shape[:2])
    even = np.ascontiguousarray(picture[:height, :width])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        for index in range(2):
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][-1]


def jpeg(picture: Picture, quality: int) -> Picture:
    encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])


# clear


def untouched(picture: Picture, rng: Rng) -> Picture:
    return picture


def clear_h264(picture: Picture, rng: Rng) -> Picture:
    return h264(picture, int(rng.integers(24, 35)))


def clear_jpeg(picture: Picture, rng: Rng) -> Picture:
    return jpeg(picture, int(rng.integers(15, 40)))


def clear_evening(picture: Picture, rng: Rng) -> Picture:
    """Dim by a gamma curve, with shot noise; photos dark from the start stay as they are."""
    light = 255 * (picture / 255) ** rng.uniform(1.2, 1.6)
    if np.percentile(light, 97) < 90:
        return picture
    return to_picture(shot_noise(light, rng.uniform(300, 2000), rng))


def clear_snow(picture: Picture, rng: Rng) -> Picture:
    """Bright by a gamma curve: pale, but hardly anything blown out."""
    return to_picture(255 * (picture / 255) ** rng.uniform(0.6, 0.85))


# dark


def dark_gamma(picture: Picture, rng: Rng) -> Picture:
    """Mid-tones swallowed by a curve, the rest scaled down, with shot noise."""
    light = 255 * (picture / 255) ** rng.uniform(1.8, 3.2) * rng.uniform(0.06, 0.18)
    return to_picture(shot_noise(light, rng.uniform(150, 1500), rng))


def dark_stops(picture: Picture, rng: Rng) -> Picture:
    """Six to eleven stops less light on a linear sensor, rows with their own offset."""
    linear = (picture / 255) ** 2.2 * 2.0 ** -rng.uniform(6, 11)
    linear = rng.poisson(linear * 6000) / 6000 + rng.normal(0, 3e-5, linear.shape)
    rows = rng.normal(0, 0.8, (len(picture), 1, 1))
    return to_picture(255 * np.clip(linear, 0, 1) ** (1 / 2.2) + rows)


def dark_h264(picture: Picture, rng: Rng) -> Picture:
    return h264(to_picture(picture * rng.uniform(0.03, 0.14)), int(rng.integers(24, 34)))


# overexposed


def over_shoulder(picture: Picture, rng: Rng) -> Picture:
    """Film-like: everything pressed against white by an exponential, nothing cut off."""
    strength = -np.log(0.06) / max(0.04, float(np.percentile(picture, 25)) / 255)
    light = 1 - np.exp(-np.clip(strength, 5, 40) * rng.uniform(1.0, 1.8) * (picture / 255))
    return to_picture(255 * light)


def over_veil(picture: Picture, rng: Rng) -> Picture:
    """Veiling glare: light scattered in the lens lies over all, contrast nearly gone."""
    return to_picture(picture * rng.uniform(0.08, 0.25) + rng.uniform(218, 245))


def over_flare(picture: Picture, rng: Rng) -> Picture:
    """The sun or a torch into the lens: core, six rays, ghosts on a line through the middle."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / min(height, width)
    sun_x, sun_y = rng.uniform(0.25, 0.75) * width, rng.uniform(0.25, 0.75) * height
    dx, dy = x - sun_x / min(height, width), y - sun_y / min(height, width)
    away, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    glow = rng.uniform(350, 600) / (1 + (away / rng.uniform(0.25, 0.5)) ** 2)
    glow += 250 * np.cos(3 * turn + rng.uniform(0, 6)) ** 30 / (1 + 4 * away)
    for share in (-0.5, -1.0):
        ghost = np.hypot(dx * 1.0 - share * 0.3, dy - share * 0.3) < rng.uniform(0.05, 0.12)
        glow += 40 * ghost
    return to_picture(picture * rng.uniform(1.2, 1.8) + glow[..., None] * (1.0, 0.97, 0.9))


# blurred


def _convolve(picture: Picture, kernel: Real) -> Picture:
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def blur_gaussian(picture: Picture, rng: Rng) -> Picture:
    sigma = min(picture.shape[:2]) * rng.uniform(0.016, 0.045)
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def blur_hexagon(picture: Picture, rng: Rng) -> Picture:
    """Defocus through an aperture of six blades."""
    radius = min(picture.shape[:2]) * rng.uniform(0.03, 0.06)
    turn = np.arange(6) * np.pi / 3 + rng.uniform(0, 1)
    corners = radius + 1 + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    kernel = np.zeros((2 * int(radius + 1) + 1,) * 2)
    cv2.fillConvexPoly(kernel, np.rint(corners).astype(np.int32), 1.0)
    return _convolve(picture, kernel)


def blur_shake(picture: Picture, rng: Rng) -> Picture:
    """A hand-shaken path: a smooth random walk, not a line."""
    reach = int(min(picture.shape[:2]) * rng.uniform(0.06, 0.1))
    steps = np.cumsum(np.cumsum(rng.normal(0, 1, (60, 2)), axis=0) + rng.normal(0, 3, 2), axis=0)
    steps -= (steps.max(axis=0) + steps.min(axis=0)) / 2
    path = np.rint(steps / np.abs(steps).max() * reach + reach).astype(np.int32)
    kernel = np.zeros((2 * reach + 1,) * 2)
    cv2.polylines(kernel, [path], isClosed=False, color=1.0, thickness=1)
    return _convolve(picture, kernel)


def blur_h264(picture: Picture, rng: Rng) -> Picture:
    return h264(blur_gaussian(picture, rng), int(rng.integers(22, 32)))


# covered


def _near(light: Real, rng: Rng) -> Real:
    return cv2.GaussianBlur(light, (0, 0), rng.uniform(2, 6))


def cover_fingers(picture: Picture, rng: Rng) -> Picture:
    """Two to four fingers side by side, red where light comes through, gaps nearly black or lit."""
    y, x = np.mgrid[0:300, 0:400] / 300
    turn = rng.uniform(0, np.pi)
    across = (x * np.cos(turn) + y * np.sin(turn)) * rng.uniform(1.5, 3.5) + rng.uniform(0, 1)
    round_ = np.sqrt(1 - (2 * (across % 1) - 1) ** 2 * 0.96)
    skin = np.array((1.0, rng.uniform(0.35, 0.7), rng.uniform(0.25, 0.55))) * rng.uniform(70, 210)
    light = skin * (0.35 + 0.65 * round_)[..., None] * (0.8 + 0.3 * y[..., None])
    return to_picture(_near(light, rng) + rng.normal(0, 2, light.shape))


def cover_crumpled(picture: Picture, rng: Rng) -> Picture:
    """Crumpled paper, foil or a plastic bag: flat facets of a Voronoi pattern."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    seeds = rng.uniform(0, 1, (int(rng.integers(6, 40)), 2)) * (240, 320)
    shades = rng.normal(1, rng.uniform(0.05, 0.16), len(seeds))
    nearest = np.argmin([(y - sy) ** 2 + (x - sx) ** 2 for sy, sx in seeds], axis=0)
    colour = rng.uniform(0.5, 1.0, 3) * rng.uniform(60, 230)
    return to_picture(_near(shades[nearest][..., None] * colour, rng))


def cover_knit(picture: Picture, rng: Rng) -> Picture:
    """A knitted sleeve: rows of V-shaped stitches, out of focus."""
    y, x = np.mgrid[0:300, 0:300] / 300
    stitches = rng.uniform(8, 24)
    column = x * stitches
    slant = np.abs((column % 1) - 0.5) * 2
    yarn = 0.5 + 0.5 * np.sin(2 * np.pi * (y * stitches * 1.4 + slant))
    light = (0.72 + rng.uniform(0.2, 0.45) * yarn)[..., None] * rng.uniform(40, 225, 3)
    light = cv2.GaussianBlur(light, (0, 0), 300 / stitches * rng.uniform(0.12, 0.3))
    return to_picture(light + rng.normal(0, 3, light.shape))


def cover_tape(picture: Picture, rng: Rng) -> Picture:
    """Translucent tape or a plastic sheet: a last trace of the scene's colours, tinted."""
    small = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA).astype(np.float64)
    trace = cv2.GaussianBlur(small, (0, 0), rng.uniform(45, 80))
    sheet = rng.uniform(0.7, 1.0, 3) * rng.uniform(80, 220)
    fibres = cv2.GaussianBlur(rng.normal(0, 1, (240, 320, 1)), (0, 0), 1, sigmaY=8)
    light = 0.25 * trace + 0.75 * sheet + 30 * fibres[..., None]
    return to_picture(light)


def cover_leaf(picture: Picture, rng: Rng) -> Picture:
    """A leaf or a moth on the glass: veins from a middle rib, some light around one edge."""
    y, x = np.mgrid[0:240, 0:320] / 240
    rib = np.abs(y - rng.uniform(0.3, 0.7) - 0.2 * x)
    veins = np.abs(((x * 5 + rib * 4) % 1) - 0.5)
    shade = 1 + 0.35 * np.exp(-((rib / 0.03) ** 2)) + 0.2 * np.exp(-((veins / 0.08) ** 2))
    colour = np.array((rng.uniform(40, 150), rng.uniform(70, 170), rng.uniform(20, 90)))
    light = shade[..., None] * colour + 70 * np.exp(-x / 0.15)[..., None]
    return to_picture(_near(light, rng))


def cover_codec(picture: Picture, rng: Rng) -> Picture:
    return h264(cover_crumpled(picture, rng), int(rng.integers(24, 34)))


Unseen = Callable[[Picture, Rng], Picture]
UNSEEN: dict[str, tuple[Unseen, ...]] = {
    "clear": (untouched, clear_h264, clear_jpeg, clear_evening, clear_snow),
    "dark": (dark_gamma, dark_stops, dark_h264),
    "overexposed": (over_shoulder, over_veil, over_flare),
    "blurred": (blur_gaussian, blur_hexagon, blur_shake, blur_h264),
    "covered": (cover_fingers, cover_crumpled, cover_knit, cover_tape, cover_leaf, cover_codec),
}
