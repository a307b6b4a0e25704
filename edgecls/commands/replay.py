"""`edgecls replay`: what other settings would have published, from the scores that were kept."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from edgecls import logs
from edgecls.builds import model_settings
from edgecls.commands.tables import show
from edgecls.config import load, naming
from edgecls.decision.decider import Decider
from edgecls.delivery.payloads import iso_timestamp
from edgecls.device import device_id, state_dir
from edgecls.domain import Phase
from edgecls.engines import network_of, reading_of
from edgecls.errors import EdgeclsError, UsageError, one_line
from edgecls.paths import SERVICE_CONFIGS, SERVICE_STATE
from edgecls.scores.comparison import Pair, compared
from edgecls.scores.recorder import scores_folder
from edgecls.scores.replay import Replay, Told
from edgecls.scores.segments import blocks_in, files_of
from edgecls.scores.track import Origin
from edgecls.settings import Config, DecisionSettings, Rule, WatchSettings

_SHOWN_S = 0.05  # a difference in time that is worth a word


def run(options: argparse.Namespace) -> int:
    """Exit status 0. Raises EdgeclsError where nothing is kept."""
    config = load(options.config)
    names = _names(config, options.watch)
    since_us = 0 if options.since is None else round((time.time() - options.since) * 1e6)
    folder = _folder(config, options.config)
    with naming(options.config):
        replays = {name: _replay(config, name, options, since_us) for name in names}
    damaged = 0
    try:
        for block in blocks_in(folder):
            if block is None:
                damaged += 1
            elif (replay := replays.get(block.head.watch)) is not None:
                replay.take(block)
    except OSError as error:
        raise EdgeclsError(f"{folder}: {error.strerror}; {_WHO_MAY}") from error
    if damaged:
        words = f"edgecls replay: {damaged} damaged places in {folder} were left out"
        logs.tell(words, level=logging.WARNING)
    tell: Callable[[str, Replay], None] = _tell_programs if options.json else _tell_people
    for name, replay in replays.items():
        tell(name, replay)
    return 0


_WHO_MAY = "the service's scores can be read by root: try it with sudo"


def _names(config: Config, watch: str | None) -> list[str]:
    if watch is None:
        return list(config.watches)
    if watch not in config.watches:
        known = ", ".join(config.watches)
        raise UsageError(f"there is no watch {watch!r}; there is: {known}")
    return [watch]


def _folder(config: Config, file: Path) -> Path:
    """Where the daemon of this configuration keeps its scores."""
    device = device_id(config.device)
    found = [scores_folder(state_dir(config.device, config.base), device)]
    if config.device.state_dir is None and file.absolute().parent == SERVICE_CONFIGS:
        names = [device] if config.device.id is not None else [device, file.stem]
        # The unit edgecls@x, which runs x.toml, is the device x.
        found = [*(scores_folder(SERVICE_STATE, name) for name in reversed(names)), *found]
    for folder in found:
        try:
            if folder.is_dir() and files_of(folder):
                return folder
        except OSError as error:
            raise EdgeclsError(f"{folder}: {error.strerror}; {_WHO_MAY}") from error
    raise EdgeclsError(
        f"no scores are kept in {' or '.join(map(str, found))}: the daemon does that while it"
        " looks at a live camera, unless [replay] max_mb is 0"
    )


def _replay(config: Config, name: str, options: argparse.Namespace, since_us: int) -> Replay:
    """Raises ConfigError or ModelError, also for settings that do not suit each other."""
    settings = _asked(config.watches[name], options)
    reading = reading_of(config, settings.model)
    decision = settings.decision.advised(reading.model.metadata.min_score)
    settings = replace(settings, decision=decision)
    decider = Decider(name, settings.model, reading.labels, settings, sigmoid=reading.sigmoid)
    network = network_of(config, settings.model)
    model = model_settings(config, settings.model)
    origin = Origin(name, settings.model, network, model, reading.labels)
    return Replay(decider, origin.key(settings.groups), since_us)


def _asked(settings: WatchSettings, options: argparse.Namespace) -> WatchSettings:
    """With what is to be tried out. Raises UsageError."""
    said = {key: getattr(options, key) for key in options.decision}
    said = {key: value for key, value in said.items() if value is not None}
    rules: Mapping[str, Rule] = {f.name: f.metadata["rule"] for f in fields(DecisionSettings)}
    for key, value in said.items():
        if (allowed := rules[key].instead_of(value)) is not None:
            raise UsageError(f"{key} must be {allowed}, not {value!r}")
    if options.labels is not None:
        settings = replace(settings, labels=[each.strip() for each in options.labels.split(",")])
    return replace(settings, decision=replace(settings.decision, **said))


def _tell_programs(name: str, replay: Replay) -> None:
    pairs = compared(replay.published, replay.replayed)
    for pair in pairs:
        told = pair.told
        _line({
            "watch": name,
            "phase": str(told.phase),
            "label": told.label,
            "slug": told.slug,
            "published": _side(pair.published),
            "replayed": _side(pair.replayed),
        })  # fmt: skip
    coverage = replay.coverage
    _line({
        "watch": name,
        "summary": {
            "frames": coverage.frames,
            "days": round(coverage.days, 4),
            "from": _iso(coverage.from_us),
            "to": _iso(coverage.to_us),
            "gaps": len(coverage.gaps_s),
            "gaps_s": round(sum(coverage.gaps_s), 1),
            "left_out": dict(coverage.others),
            "starts": {
                label: {"published": ours, "replayed": theirs, "both": both}
                for label, ours, theirs, both in _starts(pairs)
            },
        },
    })  # fmt: skip


def _line(facts: Mapping[str, Any]) -> None:
    line = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.write(f"{line}\n")


def _side(told: Told | None) -> dict[str, str | None] | None:
    if told is None:
        return None
    return {"ts": _iso(told.ts_us), "reason": told.reason and str(told.reason)}


def _iso(ts_us: int | None) -> str | None:
    return None if ts_us is None else iso_timestamp(ts_us / 1e6)


def _tell_people(name: str, replay: Replay) -> None:
    pairs = compared(replay.published, replay.replayed)
    sys.stdout.write("\n".join([_covered(name, replay), *_events(pairs)]) + "\n")
    if not pairs:
        sys.stdout.write("  no events, neither published nor with these settings\n")
        return
    rows = [[label, *map(str, counts)] for label, *counts in _starts(pairs)]
    show("starts", ["label", "published", "with these settings", "both"], rows)


def _covered(name: str, replay: Replay) -> str:
    coverage = replay.coverage
    words = [f"{name}: {coverage.frames} frames"]
    if coverage.from_us is not None and coverage.to_us is not None:
        begin, end = _local(coverage.from_us), _local(coverage.to_us)
        words.append(f"{_duration(coverage.days * 86400)} from {begin} to {end}")
    if coverage.gaps_s:
        words.append(f"{len(coverage.gaps_s)} gaps of {_duration(sum(coverage.gaps_s))} in all")
    if left_out := coverage.others.total():
        models = ", ".join(coverage.others)
        words.append(f"{left_out} frames of another model or other groups left out ({models})")
    return ", ".join(words)


def _events(pairs: Sequence[Pair]) -> Iterable[str]:
    """Both stories beside each other, a line for each happening."""
    rows = [
        (_local(p.told.ts_us), _words(p.published), _words(p.replayed), _later(p)) for p in pairs
    ]
    if rows:
        rows.insert(0, ("", "published", "with these settings", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _words(told: Told | None) -> str:
    if told is None:
        return "-"
    reason = f" ({told.reason})" if told.phase is Phase.END else ""
    return one_line(f"{told.phase} {told.label}{reason}")


def _later(pair: Pair) -> str:
    if pair.published is None or pair.replayed is None:
        return ""
    seconds = (pair.replayed.ts_us - pair.published.ts_us) / 1e6
    return f"{seconds:+.1f} s" if abs(seconds) >= _SHOWN_S else ""


def _starts(pairs: Sequence[Pair]) -> list[tuple[str, int, int, int]]:
    """Per label: how many were published, how many would have been, how many both."""
    starts = [pair for pair in pairs if pair.told.phase is Phase.START]
    counts = []
    for label in sorted({pair.told.label for pair in starts}):
        of_label = [pair for pair in starts if pair.told.label == label]
        ours = sum(pair.published is not None for pair in of_label)
        theirs = sum(pair.replayed is not None for pair in of_label)
        counts.append((label, ours, theirs, ours + theirs - len(of_label)))
    return counts


def _local(ts_us: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ts_us / 1e6))


def _duration(seconds: float) -> str:
    if seconds >= 86400:
        return f"{seconds / 86400:.1f} days"
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.1f} minutes"
