"""Reads a changed configuration file while everything goes on: state, events, connection."""

from __future__ import annotations

import logging
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from edgecls.assembly import Assembler, assembled
from edgecls.checking import check
from edgecls.config import load, naming
from edgecls.engines import Engines
from edgecls.errors import ConfigError, EdgeclsError
from edgecls.health import Health
from edgecls.keepers import Keepers
from edgecls.overrides import carried
from edgecls.progress import Progress
from edgecls.redaction import spoken
from edgecls.running import Present, Running
from edgecls.service.notify import Notifier
from edgecls.settings import Config, MqttSettings
from edgecls.succession import Plan, Succession
from edgecls.turns import Turns

log = logging.getLogger(__name__)

CONFIG_REFUSED = "config_refused"
_LOADING_S = 300.0  # several models, each for the first time
_TRIES = 3  # while commands change what runs; then the loop waits for the plan

# What must not be said on a topic: a login may stand there, at the wrong place.
_VALUE = re.compile(r", not .*|(?<=\[mqtt\]) .*|(?<=\] source).*", re.DOTALL)


class _Finished(Exception):
    """The daemon ends."""


@dataclass(frozen=True)
class Reload:
    """`run` is the body of the thread "reload"; what it has prepared is put in its place by the
    loop's thread."""

    file: Path
    asked: queue.SimpleQueue[bool]  # True: the file is to be read again; False: we are at the end
    running: Running
    engines: Engines
    turns: Turns
    health: Health
    notifier: Notifier
    succession: Succession
    keepers: Keepers
    reachable: Callable[[MqttSettings], MqttSettings]  # with the URLs of brokers that run
    finished: threading.Event
    progress: Progress = field(default_factory=lambda: Progress("reload"))
    _unchanged: threading.Event = field(default_factory=threading.Event)

    def again(self) -> None:
        """Have what runs assembled anew from the same configuration: an accelerator that could not
        be used answers. For any thread."""
        self._unchanged.set()
        self.asked.put(True)

    def run(self) -> None:
        """Until we are at the end."""
        try:
            while self._wait():
                if self._unchanged.is_set():
                    self._unchanged.clear()
                    self._assemble_anew()
                else:
                    self._reload()
        except _Finished:
            pass

    def _wait(self) -> bool:
        """False: we are at the end. Who asked meanwhile has asked for the same."""
        wanted = self.asked.get()
        while wanted and not self._unchanged.is_set() and not self.asked.empty():
            wanted = self.asked.get()
        return wanted and not self.turns.stopped.is_set()

    def _assemble_anew(self) -> None:
        try:
            self._take(self.running.now.in_file)
        except EdgeclsError as error:
            log.warning("everything stays as it is: %s", spoken(str(error)))
            self._forget_unused()

    def _reload(self) -> None:
        self.notifier.reloading()
        try:
            if self.file.exists() and not self.file.is_file():  # a pipe would hold us up for ever
                raise ConfigError(f"{self.file}: is no file that can be read again")
            self._take(self._until_restart(load(self.file)))
        except EdgeclsError as error:
            why = spoken(str(error))
            log.error("configuration not reloaded, the old one stays in force: %s", why)
            told = _VALUE.sub(": the log says more", why)
            self.health.fault(CONFIG_REFUSED, True, told)
            self._forget_unused()
            self.notifier.reloaded(f"configuration not reloaded: {told}")
        else:
            self.health.fault(CONFIG_REFUSED, False)
            self.notifier.reloaded("configuration reloaded")

    def _until_restart(self, config: Config) -> Config:
        """What can take effect now; what cannot stays as it is, and is told."""
        before = self.running.now.in_file
        effective = replace(config, device=before.device)
        waiting = ["[device]"] if config.device != before.device else []
        if (before.mqtt is None) != (config.mqtt is None):
            effective = replace(effective, mqtt=before.mqtt)
            waiting.append("[mqtt] as a whole")
        elif before.mqtt is not None and config.mqtt is not None:
            kept = replace(config.mqtt, base_topic=before.mqtt.base_topic)
            effective = replace(effective, mqtt=kept)
            if kept != config.mqtt:
                waiting.append("[mqtt] base_topic")
        for key in waiting:
            log.warning("%s: %s takes effect with the next start", self.file, key)
        return effective

    def _take(self, in_file: Config) -> None:
        """Raises ConfigError or ModelError, and nothing has changed."""
        with naming(self.file):
            _, warnings = check(in_file, _returned(self.running.now, in_file))
            for warning in warnings:
                log.warning("%s", warning)
            mqtt = None if in_file.mqtt is None else self.reachable(in_file.mqtt)
            for _ in range(_TRIES):
                with self.progress.inside("the loading of models", patience_s=_LOADING_S):
                    plan = self._plan(in_file, mqtt)
                if self._done_by_the_loop(partial(self.succession.take_place, plan)):
                    return
            # Something was set each time. All that has to be loaded is loaded by now; whoever loads
            # something else is waited for here, and not by the loop.
            with self.engines.in_use:
                self._done_by_the_loop(
                    lambda: self.succession.take_place(self._planned(in_file, mqtt))
                )
            self._forget_unused()

    def _done_by_the_loop(self, errand: Callable[[], bool]) -> bool:
        """What the errand says, or raises, once the loop has done it between two frames."""
        said: queue.SimpleQueue[bool | EdgeclsError] = queue.SimpleQueue()

        def do() -> None:
            try:
                said.put(errand())
            except EdgeclsError as error:
                said.put(error)

        self.turns.soon(do)
        while True:
            try:
                answer = said.get(timeout=0.1)
            except queue.Empty:
                if self.finished.is_set():
                    raise _Finished from None
                continue
            if isinstance(answer, EdgeclsError):
                raise answer
            return answer

    def _plan(self, in_file: Config, mqtt: MqttSettings | None) -> Plan:
        with self.engines.in_use:
            return self._planned(in_file, mqtt)

    def _planned(self, in_file: Config, mqtt: MqttSettings | None) -> Plan:
        """For whoever has the engines `in_use`."""
        basis = self.running.now
        config, outdated = carried(basis.in_file, basis.config, in_file)
        assembler = Assembler(
            config, self.engines, self.keepers, may_return=_returned(basis, config)
        )
        after = Present(in_file, *assembled(config, in_file, assembler))
        return Plan(basis, after, outdated, mqtt)

    def _forget_unused(self) -> None:
        self.engines.keep_only(self.running.engines)


def _returned(now: Present, wanted: Config) -> list[str]:
    """The watches whose last good model runs already: that its file is still damaged is told."""
    return [
        name
        for name, watch in now.watches.items()
        if watch.returned is not None
        and name in wanted.watches
        and wanted.watches[name].model == now.config.watches[name].model
    ]
