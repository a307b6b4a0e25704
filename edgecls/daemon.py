"""Fits the rooms together: the only module that knows everyone. Threads and signals live here."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TextIO

from edgecls import pipeline
from edgecls.assembly import assemble, views_of
from edgecls.device import device_id, state_dir
from edgecls.domain import Outcome
from edgecls.facts import config_facts, info_facts, stats_facts
from edgecls.health import Health
from edgecls.pipeline import Publisher
from edgecls.progress import Progress
from edgecls.settings import Config, MqttSettings
from edgecls.sources import is_live
from edgecls.sources.capture import capture
from edgecls.stats import Stats
from edgecls.threads import Threads, supervise
from edgecls.turns import Turns, WatchTurn

EMBEDDED_URL = "embedded:"
_FAREWELL_S = 2.0  # after a signal: time for what is under way, and for `offline`
_JOIN_S = 2.0  # for a camera to close; one that hangs is left to the end of the process


class Messenger(Publisher, Protocol):
    """Takes outcomes where they belong, and says how many events are left when it closes."""

    def close(self, drain_timeout_s: float) -> int: ...


class Tee:
    """Two publishers as one."""

    def __init__(self, first: Publisher, second: Publisher) -> None:
        self._first, self._second = first, second

    def publish(self, outcome: Outcome) -> None:
        """Pass the outcome on to both."""
        self._first.publish(outcome)
        self._second.publish(outcome)


class Silence:
    """The messenger of someone who only looks."""

    def publish(self, outcome: Outcome) -> None:
        """Nothing: the onlooker sees it."""

    def close(self, drain_timeout_s: float) -> int:
        """Nothing waits."""
        return 0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How long to run, and who looks on."""

    seconds: float | None = None
    frames: int | None = None  # of each camera
    drain_timeout_s: float = 10.0
    onlooker: Publisher | None = None
    lines: TextIO | None = None  # where events go when there is no broker


class Daemon:
    """One run over one configuration: what the threads share."""

    def __init__(self, config: Config) -> None:
        """Loads every model. Raises ConfigError or ModelError."""
        self.config = config
        self.device = device_id(config.device)
        self.watches = assemble(config, state_dir(config.device, config.base))
        self.cameras = sorted({watch.camera for watch in self.watches.values()})
        self.stopped = threading.Event()
        self.finished = threading.Event()
        self.health = Health()
        self.threads = Threads(self.stopped)
        self.stats = Stats(self.cameras, list(self.watches), time.monotonic())
        turns = {
            name: WatchTurn(watch.camera, watch.settings.max_fps)
            for name, watch in self.watches.items()
        }
        self.turns = Turns(turns, self.stats, self.health, self.stopped)

    def run(self, options: RunOptions) -> int:
        """Serve until a signal, the end of `options` or of every source.

        Returns how many events could not be delivered in time. Raises EdgeclsError.
        """
        progress = Progress("inference")
        with ExitStack() as stack:
            stack.enter_context(_stopping_on_signals(self.stopped, options.seconds))
            stack.callback(self.finished.set)
            messenger = self._messenger(options, stack)
            marks = [progress, *self._start_cameras(options)]
            self.threads.start("supervisor", partial(supervise, marks, self.finished))
            pipeline.run(
                self.turns,
                {name: watch.for_pipeline() for name, watch in self.watches.items()},
                messenger if options.onlooker is None else Tee(messenger, options.onlooker),
                self.stats,
                progress,
            )
            asked_to_stop = self.stopped.is_set()
            self.stopped.set()
            self.threads.raise_failure()
            self.threads.join("camera", _JOIN_S)
            left = messenger.close(_FAREWELL_S if asked_to_stop else options.drain_timeout_s)
        return 0 if asked_to_stop else left

    def _start_cameras(self, options: RunOptions) -> list[Progress]:
        marks = []
        for name in self.cameras:
            settings = self.config.cameras[name]
            # A camera that is asked for one frame a minute is not silent after ten seconds.
            patience_s = max(settings.stall_timeout_s, 2 / settings.fps if settings.fps else 0.0)
            inbox = self.turns.inbox(name, live=is_live(settings), stall_timeout_s=patience_s)
            mark = Progress(f"camera {name}")
            marks.append(mark)
            body = partial(
                capture, name, settings, views_of(name, self.watches), inbox, self.stopped,
                mark, base=self.config.base, frame_limit=options.frames,
            )  # fmt: skip
            self.threads.start(f"camera {name}", body)
        return marks

    def _messenger(self, options: RunOptions, stack: ExitStack) -> Messenger:
        if self.config.mqtt is not None:
            return self._start_delivery(self.config.mqtt, stack)
        if options.lines is None:
            return Silence()
        from edgecls.delivery.lines import Lines

        return Lines(options.lines)

    def _start_delivery(self, settings: MqttSettings, stack: ExitStack) -> Messenger:
        # Imported here: without a broker, paho's 10 MB are not needed.
        from edgecls.delivery.delivery import Delivery

        delivery = Delivery(
            replace(settings, url=self._broker_urls(settings, stack)),
            self.config.outbox,
            self.device,
            {name: watch.topics for name, watch in self.watches.items()},
            info=partial(info_facts, self.config, self.watches),
            config=partial(config_facts, self.watches),
            stats=lambda _: stats_facts(self.stats),
            interval_s=self.config.stats.interval_s,
            health=self.health,
            on_ack=self.stats.acknowledged,
            base=self.config.base,
        )
        self.threads.start("mqtt", delivery.run_network)
        self.threads.start("delivery", delivery.run)
        return delivery

    def _broker_urls(self, settings: MqttSettings, stack: ExitStack) -> list[str]:
        """The configured URLs; `embedded:` becomes that of a broker which runs from now on."""
        urls = [settings.url] if isinstance(settings.url, str) else list(settings.url)
        if EMBEDDED_URL not in urls:
            return urls
        from edgecls.delivery.embedded import EmbeddedBroker

        broker = EmbeddedBroker()
        self.threads.start("embedded broker", broker.run)
        stack.callback(broker.close)
        url = broker.wait_ready()
        return [url if each == EMBEDDED_URL else each for each in urls]


@contextmanager
def _stopping_on_signals(stopped: threading.Event, seconds: float | None) -> Iterator[None]:
    """SIGTERM, Ctrl-C and the end of `seconds` ask for the same: an orderly stop."""

    def stop(*_: object) -> None:
        stopped.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in signals}
    timer = None if seconds is None else threading.Timer(seconds, stop)
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
