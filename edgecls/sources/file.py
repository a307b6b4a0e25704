"""`file:`: a video file, as fast as it goes or at the speed of its recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgecls.errors import ConfigError, SourceLost
from edgecls.paths import beside
from edgecls.pixels import Turned
from edgecls.sources.address import File
from edgecls.sources.base import Shot, Wanted
from edgecls.sources.ffmpeg import Video, open_video, reason
from edgecls.sources.pace import MEDIA_SLACK, Pacer, Thinner
from edgecls.sources.planes import PlanesImage

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet

_UNKNOWN_FPS = 25.0  # of a stream that does not say


class FileOrigin:
    """The frames of a video file. Media time is that of the file, from its beginning on."""

    def __init__(self, address: File, wanted: Wanted) -> None:
        self._address = address
        self._wanted = wanted
        self._path = beside(wanted.base, address.path)
        self._broken_before = 0
        if not self._path.is_file():
            raise ConfigError(f"camera {wanted.camera}: no such file: {self._path}")
        self._video = self._open()

    @property
    def broken(self) -> int:
        return self._broken_before + self._video.broken

    def shots(self) -> Iterator[Shot]:
        """Every frame that is due; of a loop without end."""
        thinner = Thinner(self._wanted.settings.fps, MEDIA_SLACK)
        pacer = Pacer(self._wanted.stop)
        start_s, last_s = 0.0, -1.0
        while True:
            length_s = 0.0
            for position_s, frame in self._pass(start_s, thinner):
                # Some files repeat a time or go back: decision time must rise.
                media_s = max(start_s + position_s, last_s + 1e-3)
                length_s, last_s = position_s + 1 / self._fps, media_s
                if frame is None:
                    continue
                if self._address.realtime and not pacer.wait(media_s):
                    return
                yield Shot(_upright(frame), media_s=media_s)
            if last_s < 0:
                raise ConfigError(f"camera {self._wanted.camera}: no frame in {self._path}")
            if not self._address.loop or self._wanted.stop.is_set():
                return
            start_s += length_s
            self._rewind()

    def close(self) -> None:
        self._video.close()

    def _pass(self, start_s: float, thinner: Thinner) -> Iterator[tuple[float, VideoFrame | None]]:
        """Once through the file: position in seconds, and the frame where it is due."""
        from av import FFmpegError

        video = self._video
        position_s = -1 / self._fps
        try:
            for packet in video.packets():
                if packet.stream is not video.stream:
                    continue
                if video.pictures and packet.size:
                    position_s = self._position(packet, position_s)
                    due = thinner.due(start_s + position_s)
                    frames = video.decoded(packet) if due else []
                    if due and not frames:
                        thinner.missed()
                    yield position_s, frames[0] if frames else None
                    continue
                for frame in video.decoded(packet):
                    position_s = self._position(frame, position_s)
                    yield position_s, frame if thinner.due(start_s + position_s) else None
        except FFmpegError as error:
            if isinstance(error, OSError):
                raise SourceLost(f"{self._path} cannot be read: {reason(error)}") from error
            video.broken += 1  # the rest of a file that was cut off

    def _position(self, timed: Packet[Any] | VideoFrame, last_s: float) -> float:
        """Seconds from the beginning of the file; counted where nothing is said."""
        if timed.pts is None or timed.time_base is None:
            return last_s + 1 / self._fps
        return float((timed.pts - (self._video.stream.start_time or 0)) * timed.time_base)

    @property
    def _fps(self) -> float:
        stream = self._video.stream
        return float(stream.average_rate or stream.guessed_rate or _UNKNOWN_FPS)

    def _open(self) -> Video:
        from av import FFmpegError

        try:
            # The prefix lets a name hold a colon; the protocols keep playlists from reaching out.
            return open_video(f"file:{self._path}", self._wanted, protocols="file")
        except PermissionError as error:
            raise ConfigError(
                f"camera {self._wanted.camera}: no permission to read {self._path}"
            ) from error
        except (FFmpegError, SourceLost, OSError) as error:
            raise ConfigError(
                f"camera {self._wanted.camera}: {self._path} is no video that FFmpeg can read: "
                f"{reason(error)}"
            ) from error

    def _rewind(self) -> None:
        """Opened anew: not every format can go back to its beginning."""
        self._broken_before += self._video.broken
        self._video.close()
        self._video = self._open()


def _upright(frame: VideoFrame) -> PlanesImage | Turned:
    """Telephones film lying on their side and say so."""
    image = PlanesImage(frame)
    rotation = getattr(frame, "rotation", 0)  # counter-clockwise; PyAV 14 and newer
    return Turned(image, -rotation % 360) if rotation % 360 else image
