"""`v4l2:`, `rtsp://` and `http(s)://`: live streams, drained as they come.

A reader that is slower than its stream falls behind without bound, so packets are read all the
time and only the frames that are due are handed over; of MJPEG only they are decoded.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgecls.errors import SourceLost
from edgecls.redaction import spoken
from edgecls.sources.address import Network, V4l2
from edgecls.sources.base import LIVE_FPS, Shot, Wanted
from edgecls.sources.connect import open_device, open_network, remedy
from edgecls.sources.ffmpeg import reason
from edgecls.sources.pace import LIVE_SLACK, Pacer, StreamClock, Thinner
from edgecls.sources.planes import PlanesImage

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet

_BEHIND_S = 1.0  # later than this by the stream's own clock, only key frames are decoded


class LiveStream:
    """The frames of a device or network camera that are due."""

    def __init__(self, address: V4l2 | Network, wanted: Wanted) -> None:
        from av import FFmpegError

        self._wanted = wanted
        self._over_network = isinstance(address, Network)
        self._name = address.device if isinstance(address, V4l2) else spoken(address.url)
        try:
            if isinstance(address, V4l2):
                self._video = open_device(address.device, wanted)
            else:
                self._video = open_network(address, wanted)
        except (FFmpegError, OSError) as error:
            raise self._lost(error) from error
        # FFmpeg lends the device's own memory, and takes it away when the device is closed.
        self._lent = isinstance(address, V4l2) and self._video.raw
        # What came over HTTP and has an end is played at its own speed.
        http = isinstance(address, Network) and address.scheme.startswith("http")
        self._is_file = http and self._video.container.duration is not None
        self._clock = StreamClock()
        self._behind = False
        self._sign_s = time.monotonic()  # when there last was something to look at

    @property
    def broken(self) -> int:
        return self._video.broken

    def shots(self) -> Iterator[Shot]:
        """Ends only with a file that came over HTTP."""
        from av import FFmpegError

        fps = self._wanted.settings.fps or LIVE_FPS
        thinner = Thinner(fps, LIVE_SLACK)
        pacer = Pacer(self._wanted.stop)
        try:
            for packet in self._video.packets():
                if self._wanted.stop.is_set():
                    return
                captured_ns = time.monotonic_ns() if self._over_network else _captured_ns(packet)
                for frame in self._frames(packet, thinner, captured_ns / 1e9):
                    if not self._is_file:
                        image = PlanesImage(frame)
                        yield Shot(image.copy() if self._lent else image, captured_ns)
                    elif pacer.wait(frame.time or 0.0):
                        if thinner.due(time.monotonic()):
                            yield Shot(PlanesImage(frame))
                    else:
                        return
        except (FFmpegError, OSError) as error:
            raise self._lost(error) from error
        if not self._is_file:
            raise SourceLost(f"{self._name}: the stream broke off")

    def close(self) -> None:
        self._video.close()

    def _frames(self, packet: Packet[Any], thinner: Thinner, now_s: float) -> list[VideoFrame]:
        """The frames of a packet that are to be looked at."""
        if packet.stream is not self._video.stream:
            self._raise_if_hopeless("sends no video")
            return []
        if self._is_file:
            return self._video.decoded(packet)
        if self._video.pictures and not thinner.due(now_s):
            self._sign_s = time.monotonic()
            return []
        if not self._video.pictures and self._skips(packet):
            self._raise_if_hopeless("is too slow to decode and sends no key frames")
            return []
        frames = self._video.decoded(packet)
        if frames:
            self._sign_s = time.monotonic()
            return frames[-1:] if self._video.pictures or thinner.due(now_s) else []
        if self._video.pictures:
            thinner.missed()
        self._raise_if_hopeless("sends nothing that can be decoded")
        return []

    def _skips(self, packet: Packet[Any]) -> bool:
        """Whether decoding is too slow for this stream, so that up to a key frame is left out."""
        if packet.pts is None or packet.time_base is None:
            return False
        now_s = time.monotonic()
        behind_s = self._clock.behind_s(float(packet.pts * packet.time_base), now_s)
        if behind_s > _BEHIND_S:
            if not self._behind:
                self._sign_s = now_s  # from here on the next key frame is waited for
            self._behind = True
        elif packet.is_keyframe:
            self._behind = False
        return self._behind and not packet.is_keyframe

    def _raise_if_hopeless(self, what: str) -> None:
        if time.monotonic() - self._sign_s > self._wanted.silence_s:
            raise SourceLost(f"{self._name} {what}")

    def _lost(self, error: Exception) -> SourceLost:
        if isinstance(error, SourceLost):
            return error
        if isinstance(error, OSError) and error.errno == errno.EIO and self._over_network:
            return SourceLost(f"{self._name}: the stream broke off")
        return SourceLost(f"{self._name}: {reason(error)}{remedy(error)}")


def _captured_ns(packet: Packet[Any]) -> int:
    """V4L2 stamps packets with the monotonic clock; of a network only the arrival is known."""
    now_ns = time.monotonic_ns()
    if packet.pts is not None and packet.time_base is not None:
        stamped_ns = int(packet.pts * packet.time_base * 1_000_000_000)
        if 0 <= now_ns - stamped_ns < 2_000_000_000:
            return stamped_ns
    return now_ns
