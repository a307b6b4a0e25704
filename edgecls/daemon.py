"""Fits the rooms together: the only module that knows everyone. Threads live here."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edgecls import pipeline
from edgecls.assembly import Assembler, assembled
from edgecls.cameras import Cameras
from edgecls.control import Control
from edgecls.device import device_id, state_dir
from edgecls.domain import EndReason, Outcome
from edgecls.engines import Engines
from edgecls.errors import DelegateFault, RestartAsked, SourceLost
from edgecls.health import Health
from edgecls.keepers import Keepers
from edgecls.messengers import Messenger, Silence, Tee
from edgecls.oversight import Oversight
from edgecls.ownbroker import OwnBroker
from edgecls.pipeline import Publisher
from edgecls.progress import Progress
from edgecls.reload import Reload
from edgecls.resume import STALLED, Resumed, as_set, resume
from edgecls.running import Present, Running
from edgecls.service.notify import Notifier
from edgecls.settings import Config, MqttSettings
from edgecls.signals import Signals, listening_to_signals, stopping_after
from edgecls.stats import Stats
from edgecls.succession import Succession
from edgecls.supervisor import Supervisor
from edgecls.swap import Swap
from edgecls.threads import Threads
from edgecls.turns import Turns, stalled_reason

if TYPE_CHECKING:
    from edgecls.delivery.outbox import Outbox

__all__ = ["Daemon", "RunOptions", "Signals", "listening_to_signals"]

log = logging.getLogger(__name__)

_HASTE_S = 2.0  # for what is under way when we shall be started again: the rest is on disk
_LOOP_SILENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How long to run, and who looks on."""

    seconds: float | None = None
    frames: int | None = None  # of each camera
    drain_timeout_s: float = 10.0
    onlooker: Publisher | None = None
    lines: TextIO | None = None  # where events go when there is no broker
    file: Path | None = None  # the configuration, to be read again when it is asked for
    at_the_end: Callable[[], None] = lambda: None  # before a call that hangs ends the process


class Daemon:
    """One run over one configuration: what the threads share."""

    def __init__(self, config: Config, signals: Signals, *, remembers: bool = True) -> None:
        """Loads every model. `signals` end `run`, or have the configuration read again. What
        `remembers` goes on with what an earlier run left in the state folder. Raises ConfigError,
        ModelError or EdgeclsError."""
        self.signals, self.stopped = signals, signals.stopped
        self.device = device_id(config.device)
        self.state_dir = state_dir(config.device, config.base)
        self.health = Health()
        self.notifier = Notifier.from_environment()
        self.outbox = self._open_outbox(config, remembers=remembers)
        self.engines = Engines(self.state_dir)
        self.keepers = Keepers()
        if remembers:
            self.keepers = Keepers.of(config, self.state_dir, self.device)
        self.running = Running(self._assemble(config), self.health)
        self.finished = threading.Event()
        self.restart_asked = threading.Event()
        self.threads = Threads(self.stopped)
        watches = self.running.watches
        self.stats = Stats(self.running.cameras, watches, time.monotonic())
        self.progress = Progress("the frame loop")
        turns = {name: watch.turn() for name, watch in watches.items()}
        self.turns = Turns(turns, self.stats, self.health, self.stopped, progress=self.progress)
        self.cameras = Cameras(self.running, self.turns, self.threads)

    def run(self, options: RunOptions) -> int:
        """Serve until stopped, or until the end of `options` or of every source.

        Returns how many events could not be delivered in time. Raises EdgeclsError.
        """
        with ExitStack() as stack:
            stack.enter_context(stopping_after(options.seconds, self.stopped))
            stack.callback(self.finished.set)
            self._start_keeping(stack)
            resumed = self._resume()
            own_broker = OwnBroker(self.threads, stack)
            messenger = self._messenger(options, own_broker)
            publisher = messenger if options.onlooker is None else Tee(messenger, options.onlooker)
            self.cameras.limit(options.frames)
            self.cameras.start(self.running.cameras, resumed.stalled)
            self._start_oversight(messenger, publisher, stack)
            reload_mark = self._start_reload(options, messenger, publisher, own_broker, stack)
            marks = [messenger.progress, self.progress, reload_mark]
            self._supervise(marks, messenger, options.at_the_end)
            if publisher is messenger and self.outbox is not None:
                self.progress.expect(_LOOP_SILENCE_S)  # nobody but us can hold it up
            orderly = False
            try:
                self._announce_absent(publisher, resumed.farewells)
                pipeline.run(
                    self.turns, self.running.looks, publisher, self.stats, self.turns.progress
                )
                self._blame_no_model()
                self.threads.raise_failure()
                orderly = not self.restart_asked.is_set()
            except SourceLost:
                self._blame_no_model()
                self._end_unseen(publisher, resumed.unseen_s)
                raise
            except DelegateFault as error:
                self.engines.note_fault(error)
                raise
            finally:
                left = self._leave(messenger, options.drain_timeout_s if orderly else None)
            self.threads.raise_failure()
            self.cameras.join()
        if self.restart_asked.is_set():
            raise RestartAsked("a restart was asked for over MQTT")
        return 0 if self.stopped.is_set() else left

    def _leave(self, messenger: Messenger, drain_timeout_s: float | None) -> int:
        """How many events are left; without a `drain_timeout_s`, we shall be started again."""
        self.notifier.stopping()
        self.progress.expect(math.inf)
        self._remember_stalled(messenger)
        haste = drain_timeout_s is None
        left = messenger.close(
            _HASTE_S if drain_timeout_s is None else drain_timeout_s, self.stopped, restarting=haste
        )
        # After the farewell: a frozen camera may take the process along.
        self.cameras.stop()
        return left

    def _open_outbox(self, config: Config, *, remembers: bool) -> Outbox | None:
        if config.mqtt is None:
            return None
        # Imported here: without a broker, neither SQLite nor paho is needed.
        from edgecls.delivery.outbox import Outbox

        file = self.state_dir / f"outbox-{self.device}.sqlite" if remembers else None
        return Outbox(file, config.outbox, self.health)

    def _start_keeping(self, stack: ExitStack) -> None:
        """Scores and pictures, each in a thread that a bad disk may hold up."""
        keepers = {"scores": self.keepers.scores, "collector": self.keepers.collector}
        for name, keeper in keepers.items():
            if keeper is not None:
                self.threads.start(name, keeper.run)
                stack.callback(self.threads.join, name, _HASTE_S)
                stack.callback(keeper.finish)

    def _assemble(self, in_file: Config) -> Present:
        """The watches as they were set over MQTT; as the file says, where that cannot be had."""
        config = in_file if self.outbox is None else as_set(in_file, self.outbox)
        assembler = Assembler(
            config, self.engines, self.keepers, may_return=config.watches, shadows_later=True
        )
        return Present(in_file, *assembled(config, in_file, assembler))

    def _resume(self) -> Resumed:
        if self.outbox is None:
            return Resumed()
        return resume(self.running.config, self.running.watches, self.outbox)

    def _supervise(
        self, marks: Sequence[Progress], messenger: Messenger, at_the_end: Callable[[], None]
    ) -> None:
        def last_words() -> None:
            self.engines.note_stuck(self.running.engines)
            last_good = self.keepers.last_good
            if last_good is not None and self.progress.call is None:
                last_good.ends_in_order()
                last_good.save(self.running.watches)
            at_the_end()

        supervisor = Supervisor(
            lambda: [*marks, *self.cameras.marks],
            self.notifier,
            is_ready=lambda: self.turns.begun,
            status=partial(self._status, messenger),
            at_the_end=last_words,
        )
        self.threads.start("supervisor", partial(supervisor.run, self.finished))

    def _start_oversight(
        self, messenger: Messenger, publisher: Publisher, stack: ExitStack
    ) -> None:
        last_good = self.keepers.last_good
        if last_good is None:
            return
        swap = Swap(self.running, self.engines, self.cameras, self.turns, messenger, publisher)
        oversight = Oversight(
            self.running, self.engines, self.turns, swap, last_good, self.keepers, self.threads
        )
        oversight.begin()
        self.threads.start("oversight", oversight.run)
        stack.callback(self.threads.join, "oversight", _HASTE_S)
        stack.callback(oversight.finish)

    def _blame_no_model(self) -> None:
        """We are about to end, and not by a model that has yet to prove itself."""
        if self.keepers.last_good is not None:
            self.keepers.last_good.ends_in_order()

    def _start_reload(
        self,
        options: RunOptions,
        messenger: Messenger,
        publisher: Publisher,
        own_broker: OwnBroker,
        stack: ExitStack,
    ) -> Progress:
        if options.file is None:
            return Progress("nobody")
        succession = Succession(
            self.running, self.engines, self.cameras, self.turns, self.stats, messenger, publisher,
            self.keepers,
        )  # fmt: skip
        reload = Reload(
            options.file, self.signals.hangups, self.running, self.engines, self.turns,
            self.health, self.notifier, succession, self.keepers,
            reachable=own_broker.reachable, finished=self.finished,
        )  # fmt: skip
        self.threads.start("reload", reload.run)
        look_after = partial(self.engines.look_after, self.finished, reload.again)
        self.threads.start("accelerator", look_after)
        stack.callback(self.signals.hangups.put, False)
        return reload.progress

    def _status(self, messenger: Messenger) -> str:
        """How we are, in one line for a person."""
        watches = self.running.watches
        fps, p95_ms = self.stats.glance(time.monotonic())
        states = [f"{name}: {w.decider.state.label or 'none'}" for name, w in watches.items()]
        delegates = {watch.engine.delegate for watch in watches.values()}
        figures = f"{fps:.1f} fps, p95 {p95_ms:.0f} ms on {', '.join(sorted(delegates))}"
        report = self.health.report()
        faults = [": ".join(filter(None, (r, report.details.get(r)))) for r in report.reasons]
        return "; ".join([", ".join(states), figures, messenger.spoken, *faults])

    def _announce_absent(self, publisher: Publisher, farewells: Sequence[Outcome]) -> None:
        """Whoever subscribed to a watch that is gone or disabled is told that it sees nothing."""
        for outcome in farewells:
            publisher.publish(outcome)
        for watch in self.running.watches.values():
            if not watch.settings.enabled:
                publisher.publish(watch.gone(EndReason.DISABLED, self.turns))

    def _end_unseen(self, publisher: Publisher, unseen_s: Mapping[str, float]) -> None:
        """No camera can be opened, and perhaps has not been since long before this start."""
        for name, seconds in unseen_s.items():
            watch = self.running.watches[name]
            if seconds >= self.running.config.cameras[watch.camera].stall_timeout_s:
                publisher.publish(watch.gone(EndReason.CAMERA_STALLED, self.turns))

    def _remember_stalled(self, messenger: Messenger) -> None:
        """Started again because of a camera, we must not say that all is well until it is."""
        for name, silent in self.cameras.silent().items():
            self.health.fault(stalled_reason(name), silent)
            messenger.remember(STALLED, name, silent or None)

    def _messenger(self, options: RunOptions, own_broker: OwnBroker) -> Messenger:
        config = self.running.config
        if config.mqtt is not None:
            return self._start_delivery(config, own_broker.reachable(config.mqtt), options.onlooker)
        if options.lines is None:
            return Silence()
        from edgecls.delivery.lines import Lines

        return Lines(options.lines)

    def _start_delivery(
        self, config: Config, mqtt: MqttSettings, onlooker: Publisher | None
    ) -> Messenger:
        from edgecls.delivery.delivery import Delivery
        from edgecls.facts import Facts

        assert self.outbox is not None
        control = Control(
            self.running, self.engines, self.cameras, self.turns, self.threads,
            keepers=self.keepers, stop=self._restart,
        )  # fmt: skip
        delivery = Delivery(
            mqtt,
            self.outbox,
            self.device,
            Facts(self.device, self.running, self.stats, self.keepers.collector),
            control,
            interval_s=config.stats.interval_s,
            health=self.health,
            base=config.base,
        )
        control.begin(delivery, delivery if onlooker is None else Tee(delivery, onlooker))
        self.threads.start("mqtt", delivery.run_network)
        self.threads.start("delivery", delivery.run)
        return delivery

    def _restart(self) -> None:
        self.restart_asked.set()
        self.stopped.set()
