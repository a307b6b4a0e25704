"""Fits the rooms together: the only module that knows everyone. Threads and signals live here."""

from __future__ import annotations

import logging
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
from edgecls.domain import EndReason, Moment, Outcome
from edgecls.facts import config_facts, info_facts, stats_facts
from edgecls.health import Health
from edgecls.pipeline import Publisher
from edgecls.progress import Progress
from edgecls.settings import Config, MqttSettings
from edgecls.sources import is_live, silence_s
from edgecls.sources.capture import capture
from edgecls.stats import Stats
from edgecls.threads import Threads, supervise
from edgecls.turns import Turns, WatchTurn

log = logging.getLogger(__name__)

EMBEDDED_URL = "embedded:"
_JOIN_S = 2.0  # for a camera to close; one that hangs is left to the end of the process


class Messenger(Publisher, Protocol):
    """Takes outcomes where they belong, and says how many events are left when it closes."""

    def close(
        self,
        drain_timeout_s: float,
        hurry: threading.Event | None = None,
        *,
        restarting: bool = False,
    ) -> int: ...


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

    def close(self, *_: object, **__: object) -> int:
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

    def __init__(self, config: Config, stopped: threading.Event) -> None:
        """Loads every model. Setting `stopped` ends `run`. Raises ConfigError or ModelError."""
        self.config, self.stopped = config, stopped
        self.device = device_id(config.device)
        self.watches = assemble(config, state_dir(config.device, config.base))
        self.cameras = sorted({watch.camera for watch in self.watches.values()})
        self.cameras_closing = threading.Event()
        self.finished = threading.Event()
        self.health = Health()
        self.threads = Threads(stopped)
        self.stats = Stats(self.cameras, list(self.watches), time.monotonic())
        turns = {
            name: WatchTurn(watch.camera, watch.settings.max_fps, watch.settings.enabled)
            for name, watch in self.watches.items()
        }
        self.turns = Turns(turns, self.stats, self.health, stopped)

    def run(self, options: RunOptions) -> int:
        """Serve until stopped, or until the end of `options` or of every source.

        Returns how many events could not be delivered in time. Raises EdgeclsError.
        """
        progress = Progress("inference")
        with ExitStack() as stack:
            stack.enter_context(_stopping_after(options.seconds, self.stopped))
            stack.callback(self.finished.set)
            messenger = self._messenger(options, stack)
            publisher = messenger if options.onlooker is None else Tee(messenger, options.onlooker)
            marks = [progress, *self._start_cameras(options)]
            self.threads.start("supervisor", partial(supervise, marks, self.finished))
            watches = {name: watch.for_pipeline() for name, watch in self.watches.items()}
            failed = True
            try:
                self._announce_disabled(publisher)
                pipeline.run(self.turns, watches, publisher, self.stats, progress)
                self.threads.raise_failure()
                failed = False
            finally:
                # Cameras are closed after the farewell: a frozen one may take the process along.
                left = messenger.close(options.drain_timeout_s, self.stopped, restarting=failed)
                if failed and left:
                    log.warning("%d events had not been delivered", left)
                self.cameras_closing.set()
            self.threads.raise_failure()
            self.threads.join("camera", _JOIN_S)
        return 0 if self.stopped.is_set() else left

    def _announce_disabled(self, publisher: Publisher) -> None:
        """Whoever subscribed to a watch that has been disabled is told that it sees nothing."""
        now_ns = time.monotonic_ns()
        moment = Moment(now_ns / 1e9, time.time(), now_ns)
        for watch in self.watches.values():
            if not watch.settings.enabled:
                publisher.publish(watch.decider.gone(EndReason.DISABLED, moment))

    def _start_cameras(self, options: RunOptions) -> list[Progress]:
        marks = []
        for name in self.cameras:
            settings = self.config.cameras[name]
            inbox = self.turns.inbox(
                name,
                live=is_live(settings),
                stall_timeout_s=settings.stall_timeout_s,
                patience_s=silence_s(settings),
            )
            mark = Progress(f"camera {name}")
            marks.append(mark)
            body = partial(
                capture, name, settings, views_of(name, self.watches), inbox, self.cameras_closing,
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
            info=partial(info_facts, self.device, self.config, self.watches),
            config=partial(config_facts, self.watches),
            stats=partial(stats_facts, self.stats),
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
def stopping_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set: both ask for an orderly stop."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        if not stopped.is_set():  # a signal may come while the first one is being dealt with
            stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _stopping_after(seconds: float | None, stopped: threading.Event) -> Iterator[None]:
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, stopped.set)
    timer.daemon = True
    timer.name = "timer"
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
