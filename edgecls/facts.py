"""What the daemon says of itself: `info`, `config`, its card, and the board's part of `stats`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from edgecls import __version__
from edgecls.assembly import AssembledWatch
from edgecls.delivery.discovery import DeviceCard, WatchCard
from edgecls.service.board import board_facts, board_model, vitals
from edgecls.settings import Config, MqttSettings
from edgecls.sources import spoken
from edgecls.stats import Stats


class Facts:
    """Asked by the delivery, whenever something may have changed."""

    def __init__(
        self,
        device: str,
        config: Config,
        mqtt: MqttSettings,
        watches: Mapping[str, AssembledWatch],
        stats: Stats,
    ) -> None:
        """`watches` may change; its values are replaced, never altered."""
        self._device, self._config, self._mqtt = device, config, mqtt
        self._watches, self._stats = watches, stats
        self.acknowledged = stats.acknowledged

    def info(self) -> dict[str, Any]:
        """`info`: what runs where. No URL's login, no path of a secret."""
        engines = {watch.model: watch.engine for watch in self._watches.values()}
        first = next(iter(engines.values()))
        return {
            "version": __version__,
            "name": self._name,
            **board_facts(),
            "runtime": first.runtime,
            "delegate": first.delegate,
            "delegate_reason": "no other delegate is supported yet",
            "models": [
                {
                    "name": name,
                    "sha256": engine.model.sha256,
                    "delegate": engine.delegate,
                    "threads": engine.threads,
                }
                for name, engine in engines.items()
            ],
            "cameras": {
                name: spoken(camera.source) for name, camera in self._config.cameras.items()
            },
            "watches": {name: _watch_facts(watch) for name, watch in self._watches.items()},
        }

    def config(self) -> dict[str, Any]:
        """`config`: what can be set while running, as it stands."""
        return {
            "watches": {
                name: {
                    "enabled": watch.settings.enabled,
                    "min_score": watch.settings.decision.min_score,
                    "model": watch.model,
                }
                for name, watch in self._watches.items()
            }
        }

    def card(self) -> DeviceCard:
        """What Home Assistant is told of."""
        return DeviceCard(
            device=self._device,
            name=self._name,
            base=f"{self._mqtt.base_topic}/{self._device}",
            version=__version__,
            board=board_model(),
            interval_s=self._config.stats.interval_s,
            settable="set" in self._mqtt.commands,
            restartable="restart" in self._mqtt.commands,
            watches=tuple(
                WatchCard(
                    name,
                    labels=tuple(watch.topics),
                    models=tuple(sorted({*self._config.models, self._config.watches[name].model})),
                    snapshot=watch.settings.snapshot,
                )
                for name, watch in self._watches.items()
            ),
        )

    def stats(self, _: float) -> dict[str, Any]:
        """`stats` but for outbox and broker; the next interval begins."""
        return {**self._stats.report(time.monotonic()), **vitals()}

    @property
    def _name(self) -> str:
        return self._config.device.name or self._device


def _watch_facts(watch: AssembledWatch) -> dict[str, Any]:
    """The labels with their slugs when some are watched for, else how many there are."""
    facts: dict[str, Any] = {"camera": watch.camera, "model": watch.model}
    if watch.settings.labels is None:
        return facts | {"labels": len(watch.engine.labels)}
    return facts | {"labels": [{"label": label, "slug": slug} for label, slug in watch.topics]}
