"""What the daemon says of itself: `info`, `config`, its card, and the board's part of `stats`."""

from __future__ import annotations

import time
from typing import Any

from edgecls import __version__
from edgecls.assembled import AssembledWatch
from edgecls.collecting.collector import Collector
from edgecls.delivery.description import Description
from edgecls.delivery.discovery import DeviceCard, WatchCard
from edgecls.running import Present, Running
from edgecls.service.board import board_facts, board_model, vitals
from edgecls.sources import spoken
from edgecls.stats import Stats
from edgecls.vision.engine import Engine
from edgecls.vision.provenance import read_provenance


class Facts:
    """What there is, whenever it is asked."""

    def __init__(
        self, device: str, running: Running, stats: Stats, collector: Collector | None = None
    ) -> None:
        self._device, self._running, self._stats = device, running, stats
        self._collector = collector
        self._parents: dict[str, dict[str, Any]] = {}  # by the model's SHA-256
        self.acknowledged = stats.acknowledged

    def description(self) -> Description:
        """All of it as of now."""
        now = self._running.now
        return Description(self._info(now), _config(now), self._card(now))

    def stats(self, _: float) -> dict[str, Any]:
        """`stats` but for outbox and broker; the next interval begins."""
        collected = None if self._collector is None else self._collector.figures()
        pictures = {} if collected is None else {"pictures": collected}
        report = self._stats.report(time.monotonic())
        for name, figures in report["watches"].items():
            watch = self._running.watches.get(name)
            if watch is not None and watch.shadow is not None:
                figures["shadow"] = watch.shadow.report()
        return {**report, **pictures, **vitals()}

    def _info(self, now: Present) -> dict[str, Any]:
        """`info`: what runs where. No URL's login, no path of a secret."""
        first = next(iter(now.watches.values()))
        return {
            "version": __version__,
            "name": self._name(now),
            **board_facts(),
            "runtime": first.engine.runtime,
            "delegate": first.engine.delegate,
            "delegate_reason": _delegate_reason(first),
            "models": self._models(now),
            "cameras": {
                name: spoken(camera.source) for name, camera in now.in_file.cameras.items()
            },
            "watches": {name: _watch_facts(watch) for name, watch in now.watches.items()},
        }

    def _card(self, now: Present) -> DeviceCard:
        """What Home Assistant is told of."""
        mqtt = now.in_file.mqtt
        assert mqtt is not None
        return DeviceCard(
            device=self._device,
            name=self._name(now),
            base=f"{mqtt.base_topic}/{self._device}",
            version=__version__,
            board=board_model(),
            interval_s=now.in_file.stats.interval_s,
            settable="set" in mqtt.commands,
            restartable="restart" in mqtt.commands,
            watches=tuple(
                WatchCard(
                    name,
                    labels=tuple(watch.topics),
                    models=tuple(sorted({*now.in_file.models, now.in_file.watches[name].model})),
                    snapshot=watch.settings.snapshot,
                )
                for name, watch in now.watches.items()
            ),
        )

    def _models(self, now: Present) -> list[dict[str, Any]]:
        """Those in force, then those that look along; one file counts once for each name."""
        watches = now.watches.values()
        reasons = {watch.engine: _delegate_reason(watch) for watch in watches}
        shadows = [watch.shadow for watch in watches if watch.shadow is not None]
        named = [(w.model, w.engine) for w in watches] + [(s.model, s.engine) for s in shadows]
        different = {(name, engine.model.sha256): (name, engine) for name, engine in named}
        return [
            _model_facts(name, engine, reasons.get(engine, engine.delegate_reason))
            | self._parent(engine)
            for name, engine in different.values()
        ]

    def _parent(self, engine: Engine) -> dict[str, Any]:
        """What it was taught on, if it is one of ours."""
        sha256 = engine.model.sha256
        if sha256 not in self._parents:
            origin = read_provenance(engine.model.content)
            parent = origin and {"name": origin.parent, "sha256": origin.parent_sha256}
            self._parents[sha256] = {"parent": parent} if parent else {}
        return self._parents[sha256]

    def _name(self, now: Present) -> str:
        return now.in_file.device.name or self._device


def _config(now: Present) -> dict[str, Any]:
    """`config`: what can be set while running, as it stands."""
    return {"watches": {name: _settable(watch) for name, watch in now.watches.items()}}


def _settable(watch: AssembledWatch) -> dict[str, Any]:
    settings = watch.settings
    return {
        "enabled": settings.enabled,
        "min_score": settings.decision.min_score,
        "model": watch.model,
        "shadow": None if settings.shadow == watch.model else settings.shadow,
    }


def _model_facts(name: str, engine: Engine, delegate_reason: str) -> dict[str, Any]:
    """What runs for a model, and on what; of the fallback where that has taken its place."""
    model = engine.model
    facts: dict[str, Any] = {
        "name": name,
        "file": model.path.name,
        "sha256": model.sha256,
        "runtime": engine.runtime,
        "delegate": engine.delegate,
        "delegate_reason": delegate_reason,
        "threads": engine.threads,
        "operators": {"accelerated": model.accelerated, "total": len(model.operators)},
    }
    return facts | ({"library": engine.library} if engine.library is not None else {})


def _delegate_reason(watch: AssembledWatch) -> str:
    return watch.stands_in or watch.engine.delegate_reason


def _watch_facts(watch: AssembledWatch) -> dict[str, Any]:
    """The labels with their slugs when some are watched for, else how many there are."""
    facts: dict[str, Any] = {"camera": watch.camera, "model": watch.model}
    if watch.shadow is not None and watch.shadow.failure is None:
        facts["shadow"] = watch.shadow.model
    if watch.settings.labels is None:
        return facts | {"labels": len(watch.engine.labels)}
    return facts | {"labels": [{"label": label, "slug": slug} for label, slug in watch.topics]}
