"""What the daemon says of itself: `info`, `config` and the board's part of `stats`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from edgecls import __version__
from edgecls.assembly import AssembledWatch
from edgecls.service.board import board_model, vitals
from edgecls.settings import Config
from edgecls.sources import spoken
from edgecls.stats import Stats

Watches = Mapping[str, AssembledWatch]


def info_facts(device: str, config: Config, watches: Watches) -> dict[str, Any]:
    """`info`: what runs where. No URL's login, no path of a secret."""
    engines = {watch.model: watch.engine for watch in watches.values()}
    first = next(iter(engines.values()))
    return {
        "version": __version__,
        "name": config.device.name or device,
        "board": board_model(),
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
        "cameras": {name: spoken(camera.source) for name, camera in config.cameras.items()},
        "watches": {name: _watch_facts(watch) for name, watch in watches.items()},
    }


def _watch_facts(watch: AssembledWatch) -> dict[str, Any]:
    """The labels with their slugs when some are watched for, else how many there are."""
    facts: dict[str, Any] = {"camera": watch.camera, "model": watch.model}
    if watch.settings.labels is None:
        return facts | {"labels": len(watch.engine.labels)}
    return facts | {"labels": [{"label": label, "slug": slug} for label, slug in watch.topics]}


def config_facts(watches: Watches) -> dict[str, Any]:
    """`config`: what can be set while running, as it stands."""
    return {
        "watches": {
            name: {
                "enabled": watch.settings.enabled,
                "min_score": watch.settings.decision.min_score,
                "model": watch.model,
            }
            for name, watch in watches.items()
        }
    }


def stats_facts(stats: Stats, _: float) -> dict[str, Any]:
    """`stats` but for outbox and broker; the next interval begins."""
    return {**stats.report(time.monotonic()), **vitals()}
