"""Pictures for the camera-health model: photos with a stable split, drawings, the way to 96x96.

Training and evaluation share this file, so that both see what the daemon's resize delivers.
A Picture is uint8 RGB, (height, width, 3).
"""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Rng = np.random.Generator
LABELS = ("clear", "dark", "overexposed", "blurred", "covered")
SIDE = 96
PROJECT = Path(__file__).resolve().parent.parent.parent


def data_folder() -> Path:
    folder = Path(os.environ.get("EDGECLS_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "images" / "eval").is_dir():
        raise SystemExit(f"no photos under {folder}: set EDGECLS_TEST_DATA to the test data")
    return folder


def split_of(file_name: str) -> str:
    """`test` (about 20 %), `dev` (10 %, for choosing settings) or `train`; never changes."""
    bucket = int(hashlib.sha256(file_name.encode()).hexdigest(), 16) % 10
    return "test" if bucket < 2 else "dev" if bucket == 2 else "train"


def load_photos(split: str) -> list[Picture]:
    files = sorted((data_folder() / "images" / "eval").glob("*.jpeg"))
    chosen = [file for file in files if split_of(file.name) == split]
    return [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in chosen]


def central_square(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def random_region(picture: Picture, rng: Rng) -> Picture:
    """What the model would be given of a frame: mostly a square, at times the whole frame."""
    if rng.random() < 0.25:
        return picture
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(0.72, 1.0))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    return picture[top : top + side, left : left + side]


def to_input(region: Picture, rng: Rng) -> Picture:
    """Bring a region to 96x96 in one of the ways a frame may get there.

    Linear sampling without anti-aliasing is what the daemon does; a Pi's ISP averages first.
    """
    way = rng.random()
    if way < 0.20:
        short = int(rng.choice((240, 480, 720)))
        scale = short / min(region.shape[:2])
        region = cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    averaged = 0.20 <= way < 0.45
    filter_ = cv2.INTER_AREA if averaged else cv2.INTER_LINEAR
    return cv2.resize(region, (SIDE, SIDE), interpolation=filter_)


def daemon_input(frame: Picture, resize: str = "crop") -> Picture:
    region = central_square(frame) if resize == "crop" else frame
    return cv2.resize(region, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


# Drawings: the model must take a cartoon for an ordinary picture. The demo's scene is not drawn
# from any of this code, so its score is one on a drawing never seen.


def _colour(rng: Rng, low: int = 0, high: int = 255) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _gradient(height: int, width: int, rng: Rng) -> Picture:
    top, bottom = rng.uniform(60, 255, 3), rng.uniform(60, 255, 3)
    share = np.linspace(0, 1, height)[:, None, None]
    rows = top * (1 - share) + bottom * share
    return np.ascontiguousarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))


def _hill(canvas: Picture, horizon: float, rng: Rng) -> None:
    height, width = canvas.shape[:2]
    x = np.arange(width + 1)
    waves = [
        rng.uniform(0.01, 0.06) * np.sin(x / width * rng.uniform(3, 16) + rng.uniform(0, 6))
        for _ in range(3)
    ]
    y = (height * (horizon + sum(waves))).astype(int)
    outline = np.stack([x, y], axis=1)
    corners = np.array([[width, height], [0, height]])
    cv2.fillPoly(canvas, [np.vstack([outline, corners])], _colour(rng, 30, 200), cv2.LINE_AA)


def _house(canvas: Picture, rng: Rng) -> None:
    height, width = canvas.shape[:2]
    w, h = int(width * rng.uniform(0.12, 0.4)), int(height * rng.uniform(0.15, 0.4))
    x, y = int(rng.integers(0, width - w)), int(height * rng.uniform(0.35, 0.6))
    cv2.rectangle(canvas, (x, y), (x + w, y + h), _colour(rng, 60), -1)
    roof = np.array([[x - w // 8, y], [x + w // 2, y - h // 2], [x + w + w // 8, y]])
    cv2.fillPoly(canvas, [roof], _colour(rng), cv2.LINE_AA)
    columns, rows = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    for column in range(columns):
        for row in range(rows):
            left, top = x + w * (3 * column + 1) // (3 * columns + 1), y + h * (2 * row + 1) // 8
            corner = (left + max(2, w // (2 * columns + 2)), top + max(2, h // 8))
            cv2.rectangle(canvas, (left, top), corner, _colour(rng), -1)


def _tree(canvas: Picture, rng: Rng) -> None:
    height, width = canvas.shape[:2]
    x, y = int(rng.integers(0, width)), int(height * rng.uniform(0.3, 0.7))
    size = int(height * rng.uniform(0.05, 0.16))
    cv2.rectangle(
        canvas, (x - size // 6, y), (x + size // 6, y + 2 * size), _colour(rng, 30, 120), -1
    )
    green = np.array((rng.uniform(10, 150), rng.uniform(60, 190), rng.uniform(10, 110)))
    for _ in range(int(rng.integers(1, 40))):
        dx, dy = (int(value) for value in rng.normal(0, size * 0.5, 2))
        leaf = tuple(float(value) for value in np.clip(green + rng.normal(0, 18), 0, 255))
        radius = max(2, int(size * rng.uniform(0.2, 0.8)))
        cv2.circle(canvas, (x + dx, y + dy), radius, leaf, -1, cv2.LINE_AA)


def _bars(canvas: Picture, rng: Rng) -> None:
    """A fence, a gate, a road's stripes or a blind: many alike bars in a row."""
    height, width = canvas.shape[:2]
    colour, step = _colour(rng), int(width * rng.uniform(0.02, 0.09)) + 2
    top = int(height * rng.uniform(0.4, 0.8))
    bottom = top + int(height * rng.uniform(0.05, 0.25))
    left = int(rng.integers(0, width // 2))
    for x in range(left, min(width, left + step * int(rng.integers(4, 30))), step):
        cv2.rectangle(canvas, (x, top), (x + max(1, step // 3), bottom), colour, -1)


def _thing(canvas: Picture, rng: Rng) -> None:
    """A car, a person, a ball, a box or a word."""
    height, width = canvas.shape[:2]
    x, y = int(rng.integers(0, width)), int(height * rng.uniform(0.4, 0.95))
    size, colour = int(height * rng.uniform(0.03, 0.14)) + 2, _colour(rng)
    kind = int(rng.integers(0, 4))
    if kind == 0:
        cv2.rectangle(canvas, (x - 2 * size, y - size), (x + 2 * size, y), colour, -1)
        cv2.rectangle(canvas, (x - size, y - 2 * size), (x + size, y - size), _colour(rng), -1)
        for wheel in (x - size, x + size):
            cv2.circle(canvas, (wheel, y), size // 2 + 1, (25, 25, 28), -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.ellipse(canvas, (x, y), (size // 2, size), 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.circle(canvas, (x, y - size - size // 3), size // 2, (224, 180, 150), -1, cv2.LINE_AA)
    elif kind == 2:
        cv2.ellipse(canvas, (x, y), (size, size), 0, 0, 360, colour, -1, cv2.LINE_AA)
    else:
        word = "".join(chr(int(letter)) for letter in rng.integers(65, 91, 5))
        cv2.putText(canvas, word, (x - size, y), 0, size / 18, colour, 2, cv2.LINE_AA)


def _room(canvas: Picture, rng: Rng) -> None:
    """An almost empty room: evenly lit walls, a few edges, at times one thing. Hard, and usual."""
    height, width = canvas.shape[:2]
    wall = rng.uniform(70, 235) + rng.normal(0, 12, 3)
    canvas[:] = np.clip(wall, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(1, 4))):  # floor, side wall, door, table top
        turn, off = rng.choice((0, np.pi / 2)) + rng.normal(0, 0.12), rng.uniform(-0.4, 0.4)
        y, x = np.mgrid[0:height, 0:width] / height - 0.5
        side = np.clip(((x * np.cos(turn) + y * np.sin(turn)) - off) * height + 0.5, 0, 1)
        other = wall + rng.choice((-1, 1)) * rng.uniform(18, 90) + rng.normal(0, 10, 3)
        canvas[:] = np.clip(canvas + side[..., None] * (other - canvas), 0, 255).astype(np.uint8)
    y, x = np.mgrid[0:height, 0:width] / height - 0.5
    light = 1 - rng.uniform(0, 0.4) * np.hypot(x - rng.uniform(-0.5, 0.5), y) ** 2
    canvas[:] = (canvas * light[..., None]).astype(np.uint8)
    for draw in (_thing, _bars, _house):
        if rng.random() < 0.4:
            draw(canvas, rng)


def draw_picture(rng: Rng) -> Picture:
    """A random drawing of a landscape, street or room, with more or less texture."""
    height, width = ((240, 320), (480, 640), (360, 640))[int(rng.integers(0, 3))]
    canvas = _gradient(height, width, rng)
    if rng.random() < 0.35:
        _room(canvas, rng)
        return canvas
    for horizon in np.sort(rng.uniform(0.3, 0.8, int(rng.integers(1, 4)))):
        _hill(canvas, float(horizon), rng)
    for draw, most in ((_house, 4), (_tree, 8), (_bars, 3), (_thing, 6)):
        for _ in range(int(rng.integers(0, most))):
            draw(canvas, rng)
    for draw in (_house, _tree, _thing):
        draw(canvas, rng)
    grain = rng.normal(0, rng.uniform(0, 12), (height, width, 1))
    return np.clip(canvas + grain, 0, 255).astype(np.uint8)
