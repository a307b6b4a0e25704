"""`picamera2:N`: a camera of libcamera. The image processor scales; at most one copy is made.

The traps of picamera2 that shape this file: a capture that timed out leaks a buffer unless its job
is taken back, four such leaks stop the camera for good, and `stop` and `close` hang for ever while
a job is pending on a frozen camera.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from edgecls.domain import Image
from edgecls.errors import ConfigError, SourceLost
from edgecls.pixels import Turned
from edgecls.sources.base import LIVE_FPS, Shot, Wanted
from edgecls.sources.isp import FORMATS, Layout, Stream, image_of, stream_for
from edgecls.sources.lastresort import returns_within
from edgecls.sources.pace import LIVE_SLACK, Thinner

log = logging.getLogger(__name__)

_HANGS_S = 17  # a little more than the supervisor, which can say why, where it can run
_GLANCE_S = 0.5  # how late a stop may be noticed
_MATRICES = {"Rec601": 5, "Rec709": 1, "Rec2020": 9}  # FFmpeg's numbers


class PiCameraOrigin:
    """Frames of one camera, from the opening on."""

    broken = 0

    def __init__(self, number: int, wanted: Wanted) -> None:
        self._name = f"picamera2:{number}"
        self._wanted = wanted
        self._picamera2 = _picamera2()
        settings = wanted.settings
        self._fps = settings.fps or LIVE_FPS
        with self._native("opening"):
            self._camera = self._open(number)
        try:
            stream = stream_for(wanted.views, wanted.size, settings.rotate)
            with self._native("starting"):
                self._start(stream)
        except BaseException as error:
            self.close()
            if isinstance(error, RuntimeError):
                raise SourceLost(f"{self._name} cannot be started: {error}") from error
            raise

    def shots(self) -> Iterator[Shot]:
        """Without end. Raises SourceLost when no frame comes for `stall_timeout_s`."""
        thinner = Thinner(self._fps, LIVE_SLACK)
        while not self._wanted.stop.is_set():
            request = self.take(self._wanted.silence_s)
            if request is None:
                return
            try:
                captured_ns = request.get_metadata().get("SensorTimestamp") or time.monotonic_ns()
                if not thinner.due(captured_ns / 1e9):
                    continue
                image = self._image(request)
            finally:
                request.release()
            yield Shot(image, captured_ns, turned=True)

    def take(self, timeout_s: float) -> Any | None:
        """The next completed request, to be released; None when stopping. Raises SourceLost."""
        job = self._camera.capture_request(wait=False)
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = until_s - time.monotonic()
            try:
                with self._wanted.progress.inside(f"waiting for a frame of {self._name}"):
                    return self._camera.wait(job, timeout=max(0.0, min(left_s, _GLANCE_S)))
            except TimeoutError:
                stopping = self._wanted.stop.is_set()
                if left_s > _GLANCE_S and not stopping:
                    continue
            except RuntimeError as error:  # the camera was pulled out
                raise SourceLost(f"{self._name} went away: {error}") from error
            self._take_back(job)
            if stopping:
                return None
            raise SourceLost(
                f"{self._name} gave no frame for {timeout_s:g} s; check the cable, and reboot "
                "if it stays so"
            )

    def close(self) -> None:
        """No job is pending here, so that it cannot hang."""
        camera, self._camera = self._camera, None
        if camera is not None:
            with self._native("closing"):
                camera.close()

    def _image(self, request: Any) -> Image:
        with self._picamera2.MappedArray(request, "main", reshape=False) as mapped:
            image = image_of(mapped.array, self._layout, self._wanted.views)
        return image if self._turn is None else Turned(image, **self._turn)

    @contextmanager
    def _native(self, doing: str) -> Iterator[None]:
        """Around calls of libcamera that keep Python's lock while they hang."""
        log.debug("%s %s", doing, self._name)
        with self._wanted.progress.inside(f"{doing} {self._name}"), returns_within(_HANGS_S):
            yield

    def _take_back(self, job: Any) -> None:
        """Without this, the buffer of a request that came too late would be lost."""
        self._camera.cancel_all_and_flush()
        try:
            late = job.get_result(timeout=0)
        except (TimeoutError, CancelledError):
            return
        late.release()

    def _open(self, number: int) -> Any:
        found = self._picamera2.Picamera2.global_camera_info()
        if number >= len(found):
            there = ", ".join(f"{n}: {info.get('Model', '?')}" for n, info in enumerate(found))
            raise SourceLost(
                f"{self._name}: there is no such camera; found: {there or 'none'}; check the "
                "cable and `rpicam-hello --list-cameras`"
            )
        try:
            return self._picamera2.Picamera2(number)
        except (RuntimeError, IndexError) as error:
            why = error.__cause__ or error
            raise SourceLost(
                f"{self._name} cannot be opened: {why}; another program may use it, or its user "
                "is not in the group video"
            ) from error

    def _start(self, stream: Stream) -> None:
        from libcamera import Transform

        camera = self._camera
        hflip, vflip = flips = self._flips()
        configuration = camera.create_video_configuration(
            main={"format": stream.format, "size": stream.size},
            raw=None,
            transform=Transform(hflip=hflip, vflip=vflip),
            buffer_count=3,
            controls=self._controls(camera.camera_controls),
            display=None,
            encode=None,
            queue=False,
            sensor=_sensor(camera.camera_properties),
        )
        camera.configure(configuration)
        # What cannot be done is adjusted, not refused: see what came of it.
        got = camera.camera_configuration()
        self._layout = _layout(got, trusted=self._has_processor)
        self._turn = self._left_to_turn(got["transform"], flips)
        camera.start()

    @property
    def _has_processor(self) -> bool:
        """A raw sensor, whose pixels an image processor made as it was told.

        Others state what they do not do: libcamera's virtual camera says Rec.709 and sends BT.601,
        says that it flips and does not.
        """
        return "ColorFilterArrangement" in self._camera.camera_properties

    def _flips(self) -> tuple[bool, bool]:
        """What the camera is asked for: flips, and half a turn as two of them."""
        settings = self._wanted.settings
        if settings.rotate in (90, 270) or not self._has_processor:
            return False, False
        half_turn = settings.rotate == 180
        return settings.hflip != half_turn, settings.vflip != half_turn

    def _left_to_turn(self, done: Any, asked: tuple[bool, bool]) -> dict[str, Any] | None:
        """What the camera does not turn itself."""
        settings = self._wanted.settings
        if settings.rotate in (90, 270) or not self._has_processor:
            turn = {"rotate": settings.rotate, "hflip": settings.hflip, "vflip": settings.vflip}
        else:
            turn = {"hflip": asked[0] != bool(done.hflip), "vflip": asked[1] != bool(done.vflip)}
        return turn if any(turn.values()) else None

    def _controls(self, known: Mapping[str, Any]) -> dict[str, Any]:
        controls: dict[str, Any] = {}
        if "FrameDurationLimits" in known:
            duration_us = round(1e6 / self._fps)
            controls["FrameDurationLimits"] = (duration_us, duration_us)
        for name, value in self._wanted.settings.controls.items():
            if name not in known:
                raise ConfigError(
                    f"[cameras.{self._wanted.camera}] controls: this camera has no {name!r}; it "
                    f"has: {', '.join(sorted(known))}"
                )
            controls[name] = _control_value(self._wanted.camera, name, value)
        return controls


def _picamera2() -> Any:
    try:
        import picamera2
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"picamera2 is not there (no module {error.name!r}): sudo apt install "
            "python3-picamera2, and make the venv with --system-site-packages"
        ) from error
    except (ImportError, ValueError) as error:  # ValueError: simplejpeg built for another numpy
        raise ConfigError(
            f"picamera2 cannot be loaded ({error}): a package of the venv, often numpy, hides the "
            "system's; pip install 'numpy<2' into it"
        ) from error
    return picamera2


def _sensor(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A sensor mode that sees the whole field: small modes are often cut out of its middle.

    The sensors of Raspberry Pi's cameras have a mode of half their size that sees all of it.
    """
    size = properties.get("PixelArraySize")
    return {} if size is None else {"output_size": (size[0] // 2, size[1] // 2)}


def _layout(configuration: Mapping[str, Any], *, trusted: bool) -> Layout:
    main, space = configuration["main"], configuration["colour_space"]
    if main["format"] not in FORMATS:
        raise ConfigError(
            f"the camera gives {main['format']}, which is not supported; use v4l2: instead"
        )
    width, height = main["size"]
    matrix, full_range = 0, False
    if space is not None and trusted:
        matrix = _MATRICES.get(str(space.ycbcrEncoding).rpartition(".")[2], 0)
        full_range = str(space.range).rpartition(".")[2] == "Full"
    return Layout(main["format"], width, height, main["stride"], matrix, full_range)


def _control_value(camera: str, name: str, value: Any) -> Any:
    """TOML's values as libcamera takes them; `AfMode = "Continuous"` is said by name."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, str):
        return value
    from libcamera import controls

    kinds = getattr(controls, f"{name}Enum", None) or getattr(controls.draft, f"{name}Enum", None)
    known = [] if kinds is None else [kind for kind in dir(kinds) if kind[:1].isupper()]
    if value not in known:
        raise ConfigError(
            f"[cameras.{camera}] controls: {name} = {value!r} is not one of {', '.join(known)}"
            if known
            else f"[cameras.{camera}] controls: {name} takes a number, not {value!r}"
        )
    return getattr(kinds, value)
