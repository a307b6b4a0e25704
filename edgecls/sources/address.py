"""What the key `source` of a camera can say, as typed values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from edgecls.errors import ConfigError
from edgecls.redaction import spoken

ALLOWED = (
    "picamera2:N, v4l2:/dev/video0, rtsp://…, http(s)://…, file:clip.mp4?loop=true&realtime=true, "
    "dir:frames/?loop=true&fps=5&realtime=true or demo:"
)


@dataclass(frozen=True, slots=True)
class PiCamera:
    """A camera of libcamera by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class V4l2:
    """A device of Video4Linux, for example a USB camera."""

    device: str


@dataclass(frozen=True, slots=True)
class Network:
    """A stream of a network camera; `url` may hold a login, `spoken(url)` does not."""

    url: str

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0].lower()


@dataclass(frozen=True, slots=True)
class File:
    """A video file."""

    path: str
    loop: bool = False
    realtime: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of pictures; `fps` is their rate in media time."""

    path: str
    loop: bool = False
    realtime: bool = False
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Demo:
    """The drawn scene."""


Address = PiCamera | V4l2 | Network | File | Folder | Demo


def parse_source(text: str) -> Address:
    """The value of a camera's key `source`. Raises ConfigError, which never shows a login."""
    kind, colon, rest = text.partition(":")
    match kind.lower() if colon else "":
        case "picamera2" if re.fullmatch(r"\d{1,2}", rest or "0"):
            return PiCamera(int(rest or "0"))
        case "v4l2" if rest.startswith("/"):
            return V4l2(rest)
        case "rtsp" | "rtsps" | "http" | "https" if _has_host(text):
            return Network(text)
        case "file" if rest:
            path, flags = _with_flags(text, rest, ("loop", "realtime"))
            return File(path, flags["loop"], flags["realtime"])
        case "dir" if rest:
            rest, fps = _with_fps(text, rest)
            path, flags = _with_flags(text, rest, ("loop", "realtime"))
            return Folder(path, flags["loop"], flags["realtime"], fps)
        case "demo" if not rest:
            return Demo()
    raise ConfigError(f"source {spoken(text)!r} is not one; allowed: {ALLOWED}")


def with_login(url: str, username: str | None, password: str | None) -> str:
    """The URL for the library that opens it: with the login of the configuration, if it has one."""
    if username is None:
        return url
    login = quote(username, safe="")
    if password is not None:
        login += ":" + quote(password, safe="")
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{login}@{authority.rpartition('@')[2]}{slash}{path}"


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _split_query(rest: str) -> tuple[str, list[tuple[str, str]]]:
    """A `?` without a `=` behind it belongs to the path."""
    path, mark, query = rest.rpartition("?")
    if not mark or "=" not in query:
        return rest, []
    return path, parse_qsl(query, keep_blank_values=True)


def _with_fps(text: str, rest: str) -> tuple[str, float | None]:
    """Take `fps=` out of the query."""
    path, pairs = _split_query(rest)
    fps = None
    for key, value in pairs:
        if key == "fps":
            try:
                fps = float(value)
            except ValueError:
                fps = 0.0
            if not 0.01 <= fps <= 240:
                raise ConfigError(f"source {text!r}: fps must be a number from 0.01 to 240")
    others = "&".join(f"{key}={quote(value)}" for key, value in pairs if key != "fps")
    return (f"{path}?{others}" if others else path), fps


def _with_flags(text: str, rest: str, known: tuple[str, ...]) -> tuple[str, dict[str, bool]]:
    path, pairs = _split_query(rest)
    flags = dict.fromkeys(known, False)
    for key, value in pairs:
        if key not in known:
            raise ConfigError(f"source {text!r}: unknown {key!r}; allowed: {', '.join(known)}")
        if value not in ("true", "false"):
            raise ConfigError(f"source {text!r}: {key} must be true or false, not {value!r}")
        flags[key] = value == "true"
    if not path:
        raise ConfigError(f"source {text!r} names no path; allowed: {ALLOWED}")
    return path, flags
