"""Which frames are due, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LIVE_SLACK = 0.5  # of an interval: what arrives over a network jitters
MEDIA_SLACK = 0.1  # media times are only rounded
_DRIFT = 1e-3
_SET_BACK_S = 1.0  # less is the order of B frames


class Thinner:
    """Lets through `fps` frames per second of those that come; None lets all through."""

    def __init__(self, fps: float | None, slack: float) -> None:
        self._interval_s = 0.0 if fps is None else 1 / fps
        self._slack_s = slack * self._interval_s
        self._due_s: float | None = None
        self._before_s: float | None = None  # what was due before the newest frame

    def due(self, time_s: float) -> bool:
        """Whether the frame of that time is to be looked at; times rise."""
        if not self._interval_s:
            return True
        if self._due_s is None:
            self._due_s = time_s
        if time_s < self._due_s - self._slack_s:
            return False
        self._before_s = self._due_s
        # Counting on from when it was due keeps the mean rate; a gap is not made up for.
        self._due_s = max(self._due_s, time_s - self._interval_s) + self._interval_s
        return True

    def missed(self) -> None:
        """The frame that was due could not be used: the next one is due instead."""
        self._due_s = self._before_s


class Pacer:
    """Holds media back to the speed at which it was recorded."""

    def __init__(self, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop = stop
        self._clock = clock
        self._start_s: float | None = None  # on the clock, of media time 0

    def wait(self, media_s: float) -> bool:
        """Wait until it is time for `media_s`. False: the wait was ended by `stop`."""
        now_s = self._clock()
        if self._start_s is None:
            self._start_s = now_s - media_s
        delay_s = self._start_s + media_s - now_s
        return not (self._stop.wait(delay_s) if delay_s > 0 else self._stop.is_set())


class StreamClock:
    """How far a reader is behind its stream, by the times that the stream itself carries."""

    def __init__(self) -> None:
        self._least_s: float | None = None  # distance of the two clocks when we were up to date
        self._now_s = self._stream_s = 0.0

    def behind_s(self, stream_s: float, now_s: float) -> float:
        """Seconds between a packet's time and the least delay seen so far."""
        distance_s = now_s - stream_s
        set_back = stream_s < self._stream_s - _SET_BACK_S  # says nothing of a delay
        if self._least_s is None or distance_s < self._least_s or set_back:
            self._least_s = distance_s
        else:
            # Clocks of cameras go wrong by seconds a day: that is no delay.
            self._least_s += (now_s - self._now_s) * _DRIFT
        self._now_s, self._stream_s = now_s, stream_s
        return distance_s - self._least_s
