"""What happens to a camera, as the training sees it: five functions, one per label.

Each takes a picture (uint8 RGB) and returns one of the same kind. The bands are chosen with a gap
between `clear` and each fault; what lies in the gap has no right answer and is not trained on.
Sizes are fractions of the picture's short side, light is in steps of 0..255 after the camera's
gamma. health_unseen.py makes the same faults in other ways, for the evaluation.
"""

import cv2
import numpy as np
from health_pictures import Picture, Rng
from numpy.typing import NDArray

Light = NDArray[np.float32]  # as Picture, unbounded


def luma(picture: Picture | Light) -> Light:
    return picture.astype(np.float32) @ np.array((0.299, 0.587, 0.114), np.float32)


def to_picture(light: Light) -> Picture:
    return np.clip(light + 0.5, 0, 255).astype(np.uint8)


def smooth_field(height: int, width: int, cells: float, rng: Rng) -> Light:
    """Random hills and valleys, mean about 0, deviation about 1; `cells` of them fit in a side."""
    count = max(2, int(cells) + 2)
    coarse = rng.normal(0, 1, (count, count)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def add_noise(light: Light, sigma: float, rng: Rng) -> Light:
    """Sensor noise, with the blotches that a camera's own noise reduction leaves of it."""
    height, width = light.shape[:2]
    fine = rng.standard_normal((height, width, 3), dtype=np.float32)
    grey = fine.mean(axis=2, keepdims=True) * 1.7
    chroma = rng.uniform(0.0, 1.0)
    noise = chroma * fine + (1 - chroma) * grey
    if rng.random() < 0.4:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 1.2)) * 1.8
    return light + sigma * noise


def compress(picture: Picture, rng: Rng, lowest_quality: int = 15) -> Picture:
    if rng.random() < 0.4:
        return picture
    quality = int(rng.integers(lowest_quality, 96))
    bgr = np.ascontiguousarray(picture[..., ::-1])
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])


def tint(light: Light, rng: Rng, strength: float = 0.08) -> Light:
    return light * rng.normal(1, strength, 3).astype(np.float32)


def disc(radius_px: float) -> Light:
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return kernel / kernel.sum()


def line(length_px: float, angle: float) -> Light:
    reach = int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    dx, dy = length_px / 2 * np.cos(angle), length_px / 2 * np.sin(angle)
    ends = [(round(16 * (reach + s * dx)), round(16 * (reach + s * dy))) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return kernel / kernel.sum()


def clear(picture: Picture, rng: Rng) -> Picture:
    """An ordinary picture: evening, snow, mild noise, a poor lens and low bitrate included."""
    short = min(picture.shape[:2])
    gain = rng.uniform(0.35, 0.7) if rng.random() < 0.25 else rng.uniform(0.7, 1.2)
    bright = luma(picture)
    if gain < 1 and (np.percentile(bright, 97) * gain < 75 or bright.mean() * gain < 20):
        gain = 1.0  # a dark photo made darker would reach the gap
    light = tint(picture * np.float32(gain), rng)
    light += rng.uniform(-6, 14)  # black level, a little haze
    if rng.random() < 0.4:
        light = cv2.GaussianBlur(light, (0, 0), max(0.3, short * rng.uniform(0.0005, 0.0035)))
    light = add_noise(light, rng.uniform(0, 9) * rng.random(), rng)
    return compress(to_picture(light), rng, 12)


def dark(picture: Picture, rng: Rng) -> Picture:
    """Too little light: highlights at 3..45 of 255, noise of the gain turned up, at times lamps."""
    light = tint(picture.astype(np.float32), rng)
    highlight = max(60.0, float(np.percentile(luma(light), 95)))
    if rng.random() < 0.15:
        light *= 0  # a lens cap, or a black cover: no light says which
    light *= rng.uniform(3, 45) / highlight
    light = light * rng.uniform(0.7, 1.0, 1).astype(np.float32) - rng.uniform(-10, 5)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 5))):
            light += _lamp(light.shape[0], light.shape[1], rng)
    light = add_noise(light, rng.uniform(0.3, 10), rng)
    return compress(to_picture(light), rng)


def _lamp(height: int, width: int, rng: Rng) -> Light:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height)) / min(height, width)
    glow = rng.uniform(40, 250) * np.exp(-((away / rng.uniform(0.005, 0.025)) ** 2))
    colour = rng.uniform(0.5, 1.0, 3).astype(np.float32)
    return (glow + rng.uniform(0, 25) * np.exp(-away / 0.08))[..., None] * colour


def overexposed(picture: Picture, rng: Rng) -> Picture:
    """Too much light: most of the picture runs into white, with bloom and a veil over the rest."""
    height, width = picture.shape[:2]
    light = tint(picture.astype(np.float32), rng, 0.04)
    bright = luma(light)
    white_at, grey_at = np.percentile(bright, (rng.uniform(8, 38), rng.uniform(3, 9)))
    # the second term leaves little that is dark: a black thing before a white wall is `clear`
    light *= max(2.3, 255 / max(12.0, white_at), 90 / max(5.0, grey_at)) * rng.uniform(1.0, 1.4)
    if rng.random() < 0.5:
        light += rng.uniform(20, 110)
    if rng.random() < 0.4:
        blown = np.clip(light - 235, 0, 300)
        light += cv2.blur(blown, (width // 8 + 1, height // 8 + 1)) * rng.uniform(0.2, 1.0)
    if rng.random() < 0.25:
        light += 90 * (1 + smooth_field(height, width, 1, rng)[..., None])
    if rng.random() < 0.35:  # the white of a limited-range stream ends below 255
        light = np.minimum(light, 255) * rng.uniform(0.9, 1.0)
    light = add_noise(light, rng.uniform(0, 5), rng)
    return compress(to_picture(light), rng)


def blurred(picture: Picture, rng: Rng) -> Picture:
    """Defocus by a disc, or motion along a straight line: nothing sharp is left anywhere."""
    short = min(picture.shape[:2])
    if rng.random() < 0.68:
        kernel = disc(short * (0.027 + 0.073 * rng.random() ** 1.5))
    else:
        kernel = line(short * rng.uniform(0.10, 0.22), rng.uniform(0, np.pi))
    light = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    light = tint(light * np.float32(rng.uniform(0.55, 1.15)), rng) + rng.uniform(-6, 14)
    light = add_noise(light, rng.uniform(0, 9) * rng.random(), rng)
    return compress(to_picture(light), rng)


def covered(picture: Picture, rng: Rng) -> Picture:
    """Something right before the lens: flat or out-of-focus texture, light only from a side."""
    height, width = (240, 320) if rng.random() < 0.3 else (256, 256)
    light = _material(height, width, picture, rng)
    for _ in range(int(rng.integers(0, 3))):
        light *= 1 + rng.uniform(0, 0.3) * smooth_field(height, width, 1, rng)[..., None] * 0.5
    if rng.random() < 0.5:
        light = _leak(light, picture, rng)
    light = cv2.GaussianBlur(light, (0, 0), height * rng.uniform(0.002, 0.02))
    # darker it would be dark, brighter and clipped overexposed: the README's rule
    light *= rng.uniform(30, 208) / max(1.0, float(luma(light).mean()))
    light = np.minimum(light, rng.uniform(225, 256))
    light = add_noise(light, rng.uniform(0, 9) * rng.random(), rng)
    return compress(to_picture(light), rng)


def _material(height: int, width: int, picture: Picture, rng: Rng) -> Light:
    """Skin, cloth, paper, tape or a leaf: a colour times texture, mean about 128."""
    grey = rng.uniform(0.6, 1.0)
    colour = {
        0: rng.uniform(0.2, 1.0, 3),
        1: np.array((1.0, rng.uniform(0.25, 0.75), rng.uniform(0.15, 0.6))),  # skin, lit through
        2: grey + rng.normal(0, 0.04, 3),  # paper, tape, grey cloth
    }[int(rng.integers(0, 3))]
    texture = np.zeros((height, width), np.float32)
    for cells, most in ((2, 0.18), (6, 0.10), (24, 0.07), (80, 0.08)):
        texture += rng.uniform(0, most) * smooth_field(height, width, cells, rng)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    kind = rng.random()
    if kind < 0.3:  # cloth: two gratings, bent a little as cloth is
        pitch, turn = 2 * np.pi * 2 ** rng.uniform(0.5, 6.1), rng.uniform(0, np.pi)
        bend = rng.uniform(0, 0.02) * smooth_field(height, width, 3, rng)
        along = (x + bend) * np.cos(turn) + (y - bend) * np.sin(turn)
        across = (y + bend) * np.cos(turn) - (x - bend) * np.sin(turn)
        weave = np.sin(along * pitch) + rng.uniform(0, 1) * np.sin(across * pitch)
        texture += rng.uniform(0.01, 0.16) * weave
    elif kind < 0.5:  # creases, wrinkles, the edge of a tape
        for _ in range(int(rng.integers(1, 6))):
            turn, depth = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.25)
            off = (x - rng.uniform(0, 1)) * np.cos(turn) + (y - rng.uniform(0, 1)) * np.sin(turn)
            wave = off + 0.03 * smooth_field(height, width, 2, rng)
            texture += depth * np.exp(-((wave / rng.uniform(0.01, 0.12)) ** 2))
    elif kind < 0.75:
        texture += rng.uniform(0.04, 0.22) * _grown_patch(height, width, picture, rng)
    return (128 * colour * np.clip(1 + texture, 0.1, 3)[..., None]).astype(np.float32)


def _grown_patch(height: int, width: int, picture: Picture, rng: Rng) -> Light:
    """A small piece of a photo, much enlarged: relief of a real surface, within about -2..2."""
    side = max(8, int(min(picture.shape[:2]) * rng.uniform(0.06, 0.2)))
    top = int(rng.integers(0, picture.shape[0] - side + 1))
    left = int(rng.integers(0, picture.shape[1] - side + 1))
    patch = luma(picture[top : top + side, left : left + side])
    patch = cv2.resize(patch, (width, height), interpolation=cv2.INTER_CUBIC)
    patch = cv2.GaussianBlur(patch, (0, 0), height * rng.uniform(0.01, 0.03))
    return np.clip((patch - patch.mean()) / (patch.std() + 2), -2, 2)


def _leak(light: Light, picture: Picture, rng: Rng) -> Light:
    """Light past the cover at one edge: a glow, or a sliver of the scene (up to an eighth)."""
    height, width = light.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    along = (x / width - 0.5) * np.cos(turn) + (y / height - 0.5) * np.sin(turn)
    rest = float(along.max()) - along  # 0 at the leaking corner or edge
    if rng.random() < 0.6:
        warm = np.array((1.0, rng.uniform(0.5, 1.0), rng.uniform(0.3, 1.0)), np.float32)
        glow = rng.uniform(10, 110) * np.exp(-rest / rng.uniform(0.05, 0.35))
        return light + glow[..., None] * warm
    scene = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    edge = float(np.quantile(rest, rng.uniform(0.01, 0.12)))
    seen = np.clip(0.5 + (edge - rest) / rng.uniform(0.03, 0.15), 0, 1)[..., None]
    return light * (1 - seen) + scene * seen


DEGRADE = {
    "clear": clear,
    "dark": dark,
    "overexposed": overexposed,
    "blurred": blurred,
    "covered": covered,
}
