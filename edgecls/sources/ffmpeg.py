"""What files and streams have in common: opening, reading and decoding by FFmpeg through PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edgecls.errors import SourceLost
from edgecls.redaction import spoken
from edgecls.sources.base import Wanted

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Each packet is a whole picture: one that is not due need not be decoded.
_PICTURE_CODECS = frozenset({"mjpeg", "rawvideo", "png"})


_RESOLVING_S = 90.0


class Video:
    """The first video stream of an open container, read packet by packet."""

    def __init__(self, container: InputContainer, wanted: Wanted, name: str) -> None:
        self.container = container
        self.stream: VideoStream = container.streams.video[0]
        # Frame threads would hold back a frame each; with slice threads H.264 marks no damage.
        self.stream.thread_type = "NONE"
        codec = self.stream.codec_context.name
        self.pictures, self.raw = codec in _PICTURE_CODECS, codec == "rawvideo"
        if codec == "mjpeg":
            # Else what a cut-off picture lacks is made up in grey, and no error is told of.
            self.stream.codec_context.options = {"err_detect": "explode"}
        self.broken = 0
        self._wanted = wanted
        self._name = name

    def packets(self) -> Iterator[Packet[Any]]:
        """Packets of every stream, so that one which only sends sound is noticed.

        Raises FFmpegError and OSError.
        """
        packets = self.container.demux()
        while True:
            with self._wanted.progress.inside(f"reading {self._name}", self._wanted.patience_s):
                packet = next(packets, None)
            if packet is None:
                return
            yield packet

    def decoded(self, packet: Packet[Any]) -> list[VideoFrame]:
        """The whole frames that a packet completes; what cannot be decoded is counted."""
        from av import FFmpegError

        try:
            with self._wanted.progress.inside(f"decoding {self._name}"):
                frames = self.stream.codec_context.decode(packet)
        except EOFError:  # decoding after the last packet
            return []
        except FFmpegError:
            self.broken += 1
            return []
        whole = [frame for frame in frames if not frame.is_corrupt]
        damaged = packet.is_corrupt and not frames  # H.264 leaves out in silence what is not whole
        self.broken += len(frames) - len(whole) + damaged
        return whole

    def close(self) -> None:
        with self._wanted.progress.inside(f"closing {self._name}"):
            self.container.close()


def open_video(
    url: str,
    wanted: Wanted,
    *,
    protocols: str,
    timeout_s: float | None = None,
    container_format: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Video:
    """Open what FFmpeg can open. Raises FFmpegError and OSError, or SourceLost without video."""
    import av

    av.logging.set_level(None)  # FFmpeg's own words on stderr may hold logins
    name = spoken(url)
    # Name servers that do not answer take their time, and nothing can interrupt that.
    patience_s = wanted.patience_s if timeout_s is None else max(wanted.patience_s, _RESOLVING_S)
    with wanted.progress.inside(f"opening {name}", patience_s):
        container = av.open(
            url,
            format=container_format,
            options={"protocol_whitelist": protocols, **(options or {})},
            timeout=timeout_s and (timeout_s, timeout_s),  # of opening, of reading
        )
    if not container.streams.video:
        container.close()
        raise SourceLost(f"{name} holds no video")
    return Video(container, wanted, name)


def reason(error: Exception) -> str:
    """What FFmpeg or the system says of an error, without the URL, which may hold a login."""
    from av.error import ExitError

    if isinstance(error, ExitError | TimeoutError):  # ExitError: PyAV's own time-out
        return "no answer in time"
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return spoken(words)
