"""Which frames are due, and when."""

from __future__ import annotations

import threading

import pytest

from edgecls.sources.pace import LIVE_SLACK, MEDIA_SLACK, Pacer, StreamClock, Thinner


def count(fps: float, times: list[float], slack: float) -> int:
    thinner = Thinner(fps, slack)
    return sum(thinner.due(time_s) for time_s in times)


@pytest.mark.parametrize(
    ("source_fps", "fps", "taken"),
    [(30, 10, 100), (25, 10, 100), (15, 10, 100), (10, 10, 100), (5, 10, 50)],
)
def test_the_mean_rate_is_kept(source_fps: int, fps: int, taken: int) -> None:
    times = [n / source_fps for n in range(10 * source_fps)]
    assert count(fps, times, LIVE_SLACK) == pytest.approx(taken, abs=1)
    assert count(fps, times, MEDIA_SLACK) == pytest.approx(taken, abs=1)


def test_jitter_does_not_halve_the_rate() -> None:
    times = [n / 10 + (0.02 if n % 2 else -0.02) for n in range(100)]
    assert count(10, times, LIVE_SLACK) == 100


def test_a_gap_is_not_made_up_for() -> None:
    times = [0.0, 0.1, 0.2, *(10 + n / 30 for n in range(30))]
    assert count(10, times, LIVE_SLACK) <= 3 + 12


def test_without_a_rate_every_frame_is_due() -> None:
    thinner = Thinner(None, MEDIA_SLACK)
    assert all(thinner.due(time_s) for time_s in (0, 0, 5, 3))


class RecordedWaits(threading.Event):
    """An event that notes how long it was waited for, and says that it was not set."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return False


def test_media_waits_for_its_time_on_the_clock() -> None:
    stop = RecordedWaits()
    clock = iter([100.0, 100.02, 100.5, 100.6])
    pacer = Pacer(stop, lambda: next(clock))
    assert [pacer.wait(media_s) for media_s in (3.0, 3.1, 3.2, 3.8)] == [True] * 4
    assert stop.waits == pytest.approx([0.08, 0.2])


def test_stop_ends_the_wait() -> None:
    stop = threading.Event()
    pacer = Pacer(stop)
    assert pacer.wait(0)
    stop.set()
    assert not pacer.wait(1000)


def test_a_reader_that_falls_behind_is_noticed() -> None:
    clock = StreamClock()
    assert clock.behind_s(50.0, 1000.0) == 0
    assert clock.behind_s(51.0, 1003.0) == pytest.approx(2, abs=0.01)
    assert clock.behind_s(54.0, 1004.0) == pytest.approx(0, abs=0.01)


def test_a_clock_that_goes_wrong_by_seconds_a_day_is_no_delay() -> None:
    clock = StreamClock()
    worst = max(clock.behind_s(n * (1 - 1e-4), float(n)) for n in range(86400))
    assert worst < 0.1


def test_a_stream_whose_clock_is_set_back_is_not_late_for_ever() -> None:
    clock = StreamClock()
    clock.behind_s(50.0, 1000.0)
    assert clock.behind_s(42.0, 1000.1) == 0
    assert clock.behind_s(43.0, 1001.1) == pytest.approx(0, abs=0.01)


def test_the_order_of_b_frames_does_not_hide_a_delay() -> None:
    clock = StreamClock()
    clock.behind_s(50.0, 1000.0)
    clock.behind_s(50.4, 1000.1)
    assert clock.behind_s(50.2, 1003.0) > 2
