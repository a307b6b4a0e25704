"""A drawn scene in place of a camera: a house by a road, by day, and what may befall a camera.

In a cycle of CYCLE_S seconds the camera sees clear day, night, day, a hand over the lens, day, a
lens out of focus, day, glare, and day again. A car and a walker pass all the while. The drawing is
NumPy alone; the same time gives the same frame. Fractions of width and height place everything,
so that every size shows the same scene. Light is float32 in steps of 0..255, (height, width, 3).
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

CYCLE_S: Final[float] = 25.0

_CONDITIONS: Final = ("dark", "covered", "blurred", "overexposed")
_SLOT_S: Final = CYCLE_S / len(_CONDITIONS)  # clear, then rise, hold and fall of one condition
_CLEAR_S: Final = 2.65
_RAMP_S: Final = 0.45

_Light = NDArray[np.float32]
_Mask = NDArray[np.float32]  # (height, width), 0..1
_Plane = NDArray[np.floating]  # (height, width) or broadcast to it, in fractions
_Colour = tuple[float, float, float]
_Point = tuple[float, float]


def stable_condition(time_s: float) -> str | None:
    """What a viewer would call the frame at `time_s`; None while one thing turns to another."""
    slot, into_s = divmod(time_s % CYCLE_S, _SLOT_S)
    strength = _strength(into_s)
    if strength == 0.0:
        return "clear"
    return _CONDITIONS[int(slot)] if strength == 1.0 else None


def draw(time_s: float, width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """The frame at `time_s` seconds: uint8 RGB, (height, width, 3), of the caller's own."""
    light = _landscape(width, height).copy()
    car, walker = _car(height), _walker(height)
    _paste(light, walker, 1.15 - time_s * 0.06 % 1.3, 0.80 + 0.004 * np.sin(time_s * 9))
    _paste(light, car, time_s * 0.13 % 1.5 - 0.25, 0.93)
    slot, into_s = divmod(time_s % CYCLE_S, _SLOT_S)
    strength, noise = _strength(into_s), 1.5
    if strength > 0.0:
        match _CONDITIONS[int(slot)]:
            case "dark":
                light *= 1 - 0.91 * strength
                noise += 5.0 * strength  # the gain turned up
            case "covered":
                light = _cover(light, strength, time_s)
            case "blurred":
                light += strength * (_out_of_focus(light) - light)
            case _:
                light *= 1 + 1.3 * strength
                light += strength * _glare(width, height)
    light += noise * _grain(width, height, time_s)
    np.clip(light, 0, 255, out=light)
    return light.astype(np.uint8)


def _strength(into_s: float) -> float:
    """How far a condition has come, 0..1, `into_s` seconds into its slot."""
    nearest_s = min(into_s - _CLEAR_S, _SLOT_S - into_s)
    share = min(1.0, max(0.0, nearest_s / _RAMP_S))
    return share * share * (3 - 2 * share)


# Shapes. A mask is 1 inside, 0 outside and in between on the edge's own pixel.


@cache
def _grid(width: int, height: int) -> tuple[_Plane, _Plane]:
    """x and y of each pixel's centre, both in fractions, (1, width) and (height, 1)."""
    x = (np.arange(width) + 0.5) / width
    y = (np.arange(height) + 0.5) / height
    return x[None, :], y[:, None]


def _mask(inside: _Plane, height: int) -> _Mask:
    """From a distance to the edge in fractions of the height, positive inside."""
    mask: _Mask = np.clip(inside * height + 0.5, 0, 1).astype(np.float32)
    return mask


def _box(x: _Plane, y: _Plane, upper_left: _Point, lower_right: _Point) -> _Plane:
    (x0, y0), (x1, y1) = upper_left, lower_right
    across = np.minimum(x - x0, x1 - x) * (4 / 3)
    inside: _Plane = np.minimum(across, np.minimum(y - y0, y1 - y))
    return inside


def _oval(x: _Plane, y: _Plane, centre: _Point, radii: _Point) -> _Plane:
    (cx, cy), (rx, ry) = centre, radii
    away: _Plane = np.hypot((x - cx) / rx, (y - cy) / ry)
    return (1 - away) * min(rx, ry)


def _fill(light: _Light, mask: _Mask, colour: _Colour | _Light) -> None:
    light += mask[..., None] * (np.asarray(colour, np.float32) - light)


def _texture(rng: np.random.Generator, height: int, width: int, depth: float) -> _Light:
    """Fine grain of bricks, leaves and grass: a factor about 1 for each pixel."""
    return (1 + depth * rng.standard_normal((height, width, 1))).astype(np.float32)


@cache
def _landscape(width: int, height: int) -> _Light:
    """All that stands still, by day."""
    rng = np.random.default_rng(7)
    x, y = _grid(width, height)
    sky = np.array((96, 158, 224)) * (1 - y[..., None]) + np.array((226, 232, 236)) * y[..., None]
    light: _Light = np.broadcast_to(sky, (height, width, 3)).astype(np.float32)
    clouds = ((0.2, 0.15, 0.06), (0.26, 0.13, 0.05), (0.31, 0.16, 0.04), (0.8, 0.1, 0.05))
    for cx, cy, size in clouds:
        _fill(light, _mask(_oval(x, y, (cx, cy), (size, size * 0.5)), height), (246, 247, 248))
    for top, wave, colour in ((0.42, 5.0, (112, 138, 150)), (0.50, 8.0, (84, 124, 88))):
        ridge = top + 0.045 * np.sin(x * wave + top * 40) + 0.015 * np.sin(x * wave * 4.3)
        _fill(light, _mask(y - ridge, height), colour)
    meadow = np.array((104, 148, 62), np.float32) * _texture(rng, height, width, 0.16)
    _fill(light, _mask(y - 0.58 - 0.01 * np.sin(x * 7), height), meadow)
    _house(light, rng)
    _tree(light, rng)
    _fence(light)
    road = np.array((104, 102, 106), np.float32) * _texture(rng, height, width, 0.05)
    _fill(light, _mask(np.minimum(y - 0.86, 0.985 - y) + 0 * x, height), road)
    for dash in range(10):
        stripe = _box(x, y, (dash * 0.1 + 0.02, 0.918), (dash * 0.1 + 0.07, 0.930))
        _fill(light, _mask(stripe, height), (226, 222, 204))
    light.setflags(write=False)
    return light


def _house(light: _Light, rng: np.random.Generator) -> None:
    height, width = light.shape[:2]
    x, y = _grid(width, height)
    rows = np.floor(y * 60)
    joint = np.minimum((y * 60) % 1, ((x * 40 + 0.5 * (rows % 2)) % 1) * 1.2) < 0.16
    brick = np.array((182, 96, 70), np.float32) * _texture(rng, height, width, 0.08)
    brick = np.where(joint[..., None], np.float32(200), brick)
    _fill(light, _mask(_box(x, y, (0.40, 0.42), (0.76, 0.76)), height), brick)
    slope = np.minimum(y - 0.24 - 0.72 * np.abs(x - 0.58), 0.43 - y)
    tiles = np.array((96, 52, 50)) * (1 - 0.3 * ((y * 50) % 1 < 0.3))[..., None] + 0 * x[..., None]
    _fill(light, _mask(slope, height), tiles.astype(np.float32))
    _fill(light, _mask(_box(x, y, (0.67, 0.20), (0.71, 0.34)), height), (120, 66, 54))
    for left in (0.44, 0.65):
        _fill(light, _mask(_box(x, y, (left, 0.49), (left + 0.08, 0.61)), height), (238, 236, 228))
        pane = _box(x, y, (left + 0.01, 0.50), (left + 0.07, 0.60))
        _fill(light, _mask(pane, height), (58, 78, 104))
        bar = _box(x, y, (left + 0.037, 0.50), (left + 0.043, 0.60))
        _fill(light, _mask(bar, height), (238, 236, 228))
    _fill(light, _mask(_box(x, y, (0.55, 0.54), (0.62, 0.76)), height), (52, 84, 66))
    _fill(light, _mask(_oval(x, y, (0.61, 0.66), (0.006, 0.008)), height), (230, 200, 90))


def _tree(light: _Light, rng: np.random.Generator) -> None:
    height, width = light.shape[:2]
    x, y = _grid(width, height)
    _fill(light, _mask(_box(x, y, (0.155, 0.48), (0.185, 0.80)), height), (86, 62, 44))
    for _ in range(70):
        dx, dy, shade = rng.normal(0, 0.05), rng.normal(0, 0.08), rng.uniform(0.6, 1.25)
        leaf = _oval(x, y, (0.17 + dx, 0.40 + dy), (0.024, 0.032))
        _fill(light, _mask(leaf, height), (58 * shade, 112 * shade, 46 * shade))


def _fence(light: _Light) -> None:
    height, width = light.shape[:2]
    x, y = _grid(width, height)
    for left in np.arange(0.0, 1.0, 0.03):
        gate = 0.52 < left < 0.64
        top, colour = (0.69, (44, 46, 52)) if gate else (0.73, (236, 232, 222))
        picket = _box(x, y, (float(left), top), (float(left) + (0.008 if gate else 0.016), 0.84))
        _fill(light, _mask(picket, height), colour)
    _fill(light, _mask(_box(x, y, (0.0, 0.76), (0.53, 0.78)), height), (222, 218, 206))
    _fill(light, _mask(_box(x, y, (0.65, 0.76), (1.0, 0.78)), height), (222, 218, 206))


# What moves: a sprite is its colour and its mask, pasted at a place.


@cache
def _car(height: int) -> tuple[_Light, _Mask]:
    rows, columns = round(0.14 * height), round(0.30 * height)
    x, y = _grid(columns, rows)
    light = np.full((rows, columns, 3), (196, 40, 44), np.float32)
    body = np.maximum(_box(x, y, (0.0, 0.42), (1.0, 0.82)), _box(x, y, (0.2, 0.02), (0.78, 0.5)))
    for left in (0.26, 0.52):
        _fill(light, _mask(_box(x, y, (left, 0.10), (left + 0.2, 0.40)), rows), (176, 208, 226))
    for cx in (0.22, 0.78):
        wheel = _oval(x, y, (cx, 0.80), (0.09, 0.19))
        _fill(light, _mask(wheel, rows), (26, 26, 30))
        body = np.maximum(body, wheel)
    return light, _mask(body, rows)


@cache
def _walker(height: int) -> tuple[_Light, _Mask]:
    rows, columns = round(0.20 * height), round(0.075 * height)
    x, y = _grid(columns, rows)
    light = np.full((rows, columns, 3), (34, 42, 84), np.float32)
    head, coat = _oval(x, y, (0.5, 0.12), (0.28, 0.11)), _oval(x, y, (0.5, 0.42), (0.46, 0.24))
    legs = np.maximum(_box(x, y, (0.2, 0.5), (0.45, 1.0)), _box(x, y, (0.55, 0.5), (0.8, 1.0)))
    _fill(light, _mask(coat, rows), (232, 186, 40))
    _fill(light, _mask(head, rows), (222, 176, 146))
    return light, _mask(np.maximum(np.maximum(head, coat), legs), rows)


def _paste(light: _Light, sprite: tuple[_Light, _Mask], cx: float, bottom: float) -> None:
    """Paste with the middle of its lower edge at the given fractions; what hangs out is cut."""
    colour, mask = sprite
    rows, columns = mask.shape
    left = round(cx * light.shape[1] - columns / 2)
    top = round(bottom * light.shape[0]) - rows
    first, last = max(0, -left), min(columns, light.shape[1] - left)
    if first < last:
        there = light[top : top + rows, left + first : left + last]
        _fill(there, mask[:, first:last], colour[:, first:last])


# What befalls the camera.


@cache
def _hand(width: int, height: int) -> _Light:
    """A hand on the lens: too near to be sharp, lit through, with the shade between fingers."""
    x, y = _grid(width, height)
    flesh = np.array((150, 74, 52)) * (0.75 + 0.3 * x * y)[..., None]
    for place in (0.22, 0.52, 0.83):
        off = (y - place - 0.10 * x) / 0.06
        flesh *= 1 - 0.30 * np.exp(-off * off)[..., None]
    leak = 60 * np.exp(-((1 - x) + y) / 0.12)
    hand: _Light = (flesh + leak[..., None] * np.array((1.0, 0.75, 0.6))).astype(np.float32)
    return hand


def _cover(light: _Light, strength: float, time_s: float) -> _Light:
    """The hand comes from the right with a soft edge; held there, it trembles a little."""
    height, width = light.shape[:2]
    x, _ = _grid(width, height)
    over = np.clip((x - 1 + 1.4 * strength) / 0.4, 0, 1)[..., None]
    hand = _hand(width, height) * np.float32(1 + 0.03 * np.sin(time_s * 7))
    covered: _Light = (light + over * (hand - light)).astype(np.float32)
    return covered


@cache
def _soft_sampling(count: int, sigma: float) -> tuple[_Light, _Light]:
    """Down and up again: (count / 4, count) takes soft means, (count, count / 4) joins them."""
    few = max(2, count // 4)
    fine = np.arange(count) + 0.5
    coarse = (np.arange(few) + 0.5) * count / few

    def weights(apart: _Plane, width_px: float) -> _Light:
        bell = np.exp(-((apart / width_px) ** 2) / 2)
        shares: _Light = (bell / bell.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares

    down = weights(coarse[:, None] - fine[None, :], sigma)
    return down, weights(fine[:, None] - coarse[None, :], count / few * 0.6)


def _out_of_focus(light: _Light) -> _Light:
    height, width = light.shape[:2]
    sigma = 0.027 * height
    down_y, up_y = _soft_sampling(height, sigma)
    down_x, up_x = _soft_sampling(width, sigma)
    few = (down_y @ light.reshape(height, -1)).reshape(len(down_y), width, 3)
    small = np.einsum("xw,ywc->yxc", down_x, few, optimize=True)
    wide = np.einsum("xw,ywc->yxc", up_x, small, optimize=True)
    soft: _Light = (up_y @ wide.reshape(len(small), -1)).reshape(height, width, 3)
    return soft


@cache
def _glare(width: int, height: int) -> _Light:
    """Light that falls straight into the lens: a glow around the sun and a veil over all."""
    x, y = _grid(width, height)
    away = np.hypot((x - 0.62) * width / height, y - 0.22)
    glow: _Light = (70 + 300 * np.exp(-away / 0.35)).astype(np.float32)[..., None]
    return glow


@cache
def _noise_sheet(width: int, height: int) -> _Light:
    rng = np.random.default_rng(11)
    return rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32)


def _grain(width: int, height: int, time_s: float) -> _Light:
    """Sensor noise, deviation 1: another place of one large sheet for each millisecond."""
    top, left = np.random.default_rng(int(time_s * 1000) % 2**31).integers(0, 64, 2)
    sheet = _noise_sheet(width, height)
    return sheet[top : top + height, left : left + width]
