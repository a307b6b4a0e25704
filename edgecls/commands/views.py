"""What a person sees of a running daemon: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TextIO

from edgecls.daemon import Daemon
from edgecls.domain import (
    Classification,
    Frame,
    LabelEvent,
    Outcome,
    Phase,
    Pixels,
    Prediction,
    State,
)
from edgecls.pipeline import Engine
from edgecls.pixels import View
from edgecls.stats import Histogram

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_REFRESH_S = 0.1
_EVENTS_SHOWN = 8
_BAR = 16  # cells of a score of 1


@dataclass(slots=True)
class Seen:
    """The newest of one watch, and how fast it goes."""

    outcome: Outcome
    classification: Classification | None = None
    frames: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    inference: Histogram = field(default_factory=Histogram)

    def take(self, outcome: Outcome) -> None:
        """Remember an outcome and its latency."""
        self.outcome = outcome
        if outcome.classification is not None:
            self.classification = outcome.classification
            self.frames.append(time.monotonic())
            self.inference.record(outcome.classification.inference_ms)

    @property
    def fps(self) -> float:
        """Over the last 30 frames."""
        if len(self.frames) < 2:
            return 0.0
        return (len(self.frames) - 1) / max(self.frames[-1] - self.frames[0], 1e-6)


class Peek:
    """An engine that keeps the pixels that its model was given last."""

    def __init__(self, engine: Engine, view: View) -> None:
        self._engine, self._view = engine, view
        self.pixels: Pixels | None = None

    @classmethod
    def into(cls, daemon: Daemon, watch: str) -> Peek:
        """Put one before the engine of a watch."""
        assembled = daemon.running.watches[watch]
        peek = cls(assembled.eye, assembled.view)
        daemon.running.put(watch, replace(assembled, eye=peek))
        return peek

    def predict(self, frame: Frame) -> Prediction:
        """Predict, and keep a copy of what was looked at."""
        self.pixels = self._view.see(frame.image).copy()
        return self._engine.predict(frame)


class LineView:
    """Every event as it comes, and once a second how things stand."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._seen: dict[str, Seen] = {}
        self._told_s = time.monotonic()

    def publish(self, outcome: Outcome) -> None:
        """Print what is new. Called in the frame loop."""
        seen = self._seen.setdefault(outcome.watch, Seen(outcome))
        seen.take(outcome)
        for event in outcome.events:
            self._line(outcome.ts, outcome.watch, "event", event_words(event))
        if time.monotonic() - self._told_s >= 1:
            self._told_s = time.monotonic()
            for watch, each in self._seen.items():
                self._line(outcome.ts, watch, "state", state_words(each))

    def _line(self, ts: float, watch: str, kind: str, words: str) -> None:
        stamp = time.strftime("%H:%M:%S", time.localtime(ts))
        self._out.write(f"{stamp} {watch} {kind} {words}\n")
        self._out.flush()


class TerminalView:
    """State, score, reason, fps, latency and the last events, redrawn ten times a second."""

    def __init__(self, title: str, peek: Peek, stopped: threading.Event) -> None:
        """`stopped` is set when the terminal is gone."""
        self._title, self._peek, self._stopped = title, peek, stopped
        self._seen: dict[str, Seen] = {}
        self._events: deque[tuple[float, LabelEvent]] = deque(maxlen=_EVENTS_SHOWN)
        self._drawn_s = 0.0
        self._live: Live | None = None

    def __enter__(self) -> TerminalView:
        from rich.live import Live

        self._live = Live(auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            with suppress(OSError):  # the terminal is gone
                self._live.update(self._picture(), refresh=True)
                self._live.stop()

    def publish(self, outcome: Outcome) -> None:
        """Take an outcome, and redraw when it is time. Called in the frame loop."""
        self._seen.setdefault(outcome.watch, Seen(outcome)).take(outcome)
        self._events.extend((outcome.ts, event) for event in outcome.events)
        now_s = time.monotonic()
        if self._live is not None and now_s - self._drawn_s >= _REFRESH_S:
            self._drawn_s = now_s
            try:
                self._live.update(self._picture(), refresh=True)
            except OSError:
                self._stopped.set()

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table

        scores = [_bars(s.classification) for s in self._seen.values() if s.classification]
        beside = Table.grid(padding=(1, 2, 0, 0))
        if self._peek.pixels is not None:
            beside.add_row(half_blocks(self._peek.pixels), Group(*scores, self._event_list()))
        return Panel(Group(self._watches(), beside), title=self._title, title_align="left")

    def _watches(self) -> RenderableType:
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("watch", "state", "score", "verdict", "reason", "fps", "p50", "p95 ms"):
            table.add_column(column, header_style="dim")
        for watch, seen in self._seen.items():
            judged = seen.classification
            table.add_row(
                watch,
                f"[bold green]{escape(seen.outcome.state.label or '')}[/]"
                if seen.outcome.state.label
                else "none",
                _score(seen.outcome.state),
                judged.verdict if judged else "",
                (judged.reason or "") if judged else "",
                f"{seen.fps:.1f}",
                f"{seen.inference.percentile(0.5):.1f}",
                f"{seen.inference.percentile(0.95):.1f}",
            )
        return table

    def _event_list(self) -> RenderableType:
        from rich.text import Text

        text = Text("\nevents\n", style="dim")
        for ts, event in self._events:
            stamp = time.strftime("%H:%M:%S", time.localtime(ts))
            style = "green" if event.phase is Phase.START else "default"
            text.append(f"{stamp}  {event_words(event)}\n", style=style)
        return text


def half_blocks(pixels: Pixels, columns: int = 36) -> RenderableType:
    """RGB pixels (height, width, 3) as half blocks: two of them in each cell of a terminal."""
    from rich.text import Text

    from edgecls.pixels import resized

    height, width = pixels.shape[:2]
    rows = max(2, round(columns * height / width / 2) * 2)
    small = resized(pixels, columns, rows)
    text = Text()
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            foreground, background = ("#%02x%02x%02x" % tuple(p) for p in (above, below))  # noqa: UP031
            text.append("▀", style=f"{foreground} on {background}")
        text.append("\n")
    return text


def event_words(event: LabelEvent) -> str:
    """`start dark 0.93`, `end dark after 4.1 s (replaced)`."""
    if event.phase is Phase.START:
        return f"start {event.label} {event.score:.2f}"
    return f"{event.phase} {event.label} after {event.duration_s or 0:.1f} s ({event.reason})"


def state_words(seen: Seen) -> str:
    """`dark 0.93  accepted  10.0 fps  inference p50 0.5 p95 0.8 ms`."""
    state, judged = seen.outcome.state, seen.classification
    words = [f"{state.label or 'none'} {_score(state)}".strip()]
    if judged is not None:
        words.append(str(judged.reason or judged.verdict))
    p50, p95 = seen.inference.percentile(0.5), seen.inference.percentile(0.95)
    words += [f"{seen.fps:.1f} fps", f"inference p50 {p50:.1f} p95 {p95:.1f} ms"]
    return "  ".join(words)


def _score(state: State) -> str:
    return "" if state.score is None else f"{state.score:.2f}"


def _bars(judged: Classification) -> RenderableType:
    from rich.text import Text

    text = Text()
    for category in judged.top[:5]:
        full = round(category.score * _BAR)
        text.append(f"{category.score:5.2f} ", style="bold")
        text.append("█" * full + "·" * (_BAR - full), style="cyan")
        text.append(f" {category.label[:24]}\n")
    return text
