"""What the retained topics say: all of it at each connect, then what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgecls.delivery.payloads import (
    OFF,
    ON,
    ONLINE,
    SCHEMA,
    Payload,
    encode,
    health_payload,
    state_payload,
)
from edgecls.delivery.wire import Wire
from edgecls.domain import Outcome
from edgecls.health import Health

Describe = Callable[[], Mapping[str, Any]]


class Retained:
    """Owned by the delivery thread. `watched`: the (label, slug) that have topics, per watch."""

    def __init__(
        self,
        wire: Wire,
        watched: Mapping[str, Sequence[tuple[str, str]]],
        *,
        epoch: str,
        info: Describe,
        config: Describe,
        health: Health,
    ) -> None:
        self._wire, self._watched = wire, watched
        self._epoch, self._info, self._config, self._health = epoch, info, config, health
        self._outcomes: dict[str, Outcome] = {}
        self._states: dict[str, Payload] = {}  # as last said, without the time
        self._said: dict[str, bytes] = {}
        self._incomplete = False  # the line did not take a message

    def announce(self) -> None:
        """Say everything, `status` last: the broker may know nothing."""
        self._incomplete = False
        self._states.clear()
        self._said.clear()
        self.describe()
        self.report_health()
        for outcome in self._outcomes.values():
            self._say_outcome(outcome)
        self.say_online()

    def complete(self) -> None:
        """Say everything again if something was not taken and the line is free by now."""
        if self._incomplete and self._wire.line is not None and self._wire.idle:
            self.announce()

    def describe(self) -> None:
        """`info` and `config`, where they changed."""
        info = {"schema": SCHEMA, "epoch": self._epoch, **self._info()}
        self._say_anew("info", encode(info))
        self._say_anew("config", encode({"schema": SCHEMA, **self._config()}))

    def report_health(self) -> None:
        """`health`, if it changed."""
        self._say_anew("health", encode(health_payload(self._health.report())))

    def show(self, outcome: Outcome) -> None:
        """A watch's labels and state, where they changed: label topics first."""
        self._outcomes[outcome.watch] = outcome
        self._say_outcome(outcome)

    def refresh(self, newest: Mapping[str, Outcome]) -> None:
        """States whose score or verdict differ by now."""
        for watch, shown in self._outcomes.items():
            outcome = newest[watch]
            if outcome.state.label == shown.state.label:  # else its change is under way to us
                self.show(outcome)

    def say_online(self) -> None:
        """`status`."""
        self._say("status", ONLINE)

    def _say_outcome(self, outcome: Outcome) -> None:
        for _, slug in self._watched.get(outcome.watch, ()):
            # Two classes may have the same label; their slugs differ.
            says = ON if slug == outcome.state.slug else OFF
            self._say_anew(f"{outcome.watch}/label/{slug}", says)
        payload = state_payload(outcome)
        timeless = {key: value for key, value in payload.items() if key != "ts"}
        if self._states.get(outcome.watch) != timeless:
            self._states[outcome.watch] = timeless
            self._say(f"{outcome.watch}/state", encode(payload))

    def _say_anew(self, topic: str, payload: bytes) -> None:
        if self._said.get(topic) != payload:
            self._said[topic] = payload
            self._say(topic, payload)

    def _say(self, topic: str, payload: bytes) -> None:
        if self._wire.publish(topic, payload, retain=True) is None:
            self._incomplete = True
