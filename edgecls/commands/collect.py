"""`edgecls collect`: pictures of a watch, by keys or by the clock, to teach a model from."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from edgecls import logs
from edgecls.collecting import files
from edgecls.collecting.labels import ALLOWED, is_label
from edgecls.collecting.session import Pace
from edgecls.commands.keyboard import MOST_LABELS, Keyboard
from edgecls.commands.look import only_watch
from edgecls.commands.taking import ByClock, ByKeys, CollectView, Shelves
from edgecls.commands.views import Peek
from edgecls.config import load, naming
from edgecls.daemon import Daemon, RunOptions, listening_to_signals
from edgecls.errors import EdgeclsError, SourceLost, UsageError
from edgecls.settings import CameraSettings, Config
from edgecls.sources import is_exclusive, is_live
from edgecls.teaching.labels import check_together

_EVERY_S = 1.0


def run(options: argparse.Namespace) -> int:
    """Exit status 0, also when fewer pictures came than were asked for. Raises UsageError,
    EdgeclsError where nothing can be written, SourceLost when the camera cannot be had."""
    labels = _labels(options)
    check_together([*_folders(options.output), *labels], options.output)
    config = _config(options)
    camera = next(iter(config.cameras.values()))
    shelves = Shelves(_made(options.output), labels)
    with listening_to_signals() as signals, naming(options.config):
        daemon = Daemon(config, signals, remembers=False)
        try:
            _collect(daemon, shelves, options)
        except SourceLost as error:
            raise _explained(error, camera, next(iter(config.watches))) from error
        finally:
            _report(shelves, options)
        ended = signals.stopped.is_set() and options.seconds is None  # by somebody
        if not shelves.taken and options.labels is None and not ended:
            raise EdgeclsError(f"{camera.source}: gave no picture")
    return 0


def _collect(daemon: Daemon, shelves: Shelves, options: argparse.Namespace) -> None:
    name, assembled = next(iter(daemon.running.watches.items()))
    stopped, view = daemon.stopped, assembled.view
    with ExitStack() as stack:
        taker: ByClock | ByKeys
        at_the_end = None
        if options.labels is not None:
            keyboard = stack.enter_context(Keyboard())
            taker = ByKeys(shelves, view, keyboard, stopped)
            at_the_end = keyboard.abandon
        else:
            live = is_live(daemon.running.cameras[assembled.camera])
            pace = Pace(_every_s(options) if live else 0.0)  # of others, no more is looked at
            taker = ByClock(
                options.label, shelves, view, pace, count=options.count, stopped=stopped
            )
        run_options = RunOptions(options.seconds)
        if sys.stdout.isatty():
            title = f"edgecls collect · {name} · {options.output}"
            watched = CollectView(title, Peek.into(daemon, name), stopped, shelves, taker)
            run_options = replace(run_options, onlooker=stack.enter_context(watched))
        if at_the_end is not None:
            run_options = replace(run_options, at_the_end=at_the_end)
        daemon.running.put(name, replace(daemon.running.watches[name], onlookers=(taker,)))
        daemon.run(run_options)


def _labels(options: argparse.Namespace) -> list[str]:
    """What the pictures can show. Raises UsageError."""
    if options.labels is None and options.label is None:
        raise UsageError(
            "say what the pictures show: --label open --every 2 --count 50, or on a terminal "
            "--labels open,closed,none, to be chosen by a key for each picture"
        )
    if options.labels is not None and options.label is not None:
        raise UsageError("one of the two: --label by the clock, or --labels by keys")
    labels = [options.label] if options.labels is None else _labels_of_keys(options)
    for label in labels:
        if not is_label(label):
            raise UsageError(f"{label!r} cannot be a label: {ALLOWED}")
        if "," in label:
            raise UsageError(f"{label!r} has a comma; for several labels: --labels")
    return labels


def _labels_of_keys(options: argparse.Namespace) -> list[str]:
    labels = list(dict.fromkeys(options.labels.split(",")))
    if options.every is not None or options.count is not None:
        raise UsageError("--every and --count belong to --label: with --labels, keys decide")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--labels takes keys from a terminal; without one, name one --label")
    if len(labels) > MOST_LABELS:
        raise UsageError(f"there are keys for {MOST_LABELS} labels, not for {len(labels)}")
    return labels


def _config(options: argparse.Namespace) -> Config:
    """The configuration with that watch, which tells and keeps nothing by itself."""
    config = only_watch(load(options.config), options.watch)
    ((name, watch),), (camera,) = config.watches.items(), config.cameras.values()
    if options.labels is not None and not is_live(camera):
        raise UsageError(
            f"{camera.source} goes by as fast as it can, too fast for keys: append realtime=true "
            "to the source, or name one --label"
        )
    max_fps = 0.0 if is_live(camera) else 1 / _every_s(options)
    watch = replace(watch, max_fps=max_fps, collect=True, snapshot=False, shadow=None)
    return replace(config, watches={name: watch})


def _every_s(options: argparse.Namespace) -> float:
    every_s: float | None = options.every
    return _EVERY_S if every_s is None else every_s


def _folders(folder: Path) -> list[str]:
    """The labels that are there already."""
    try:
        return [each.name for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from error


def _made(folder: Path) -> Path:
    try:
        files.make(folder, 0o777)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def _explained(error: SourceLost, camera: CameraSettings, watch: str) -> SourceLost:
    if not is_exclusive(camera):
        return error
    return SourceLost(
        f"{error}; if the edgecls service has the camera, have it take the pictures "
        f'(request/collect {{"watch":"{watch}", …}}), or stop it meanwhile: '
        "sudo systemctl stop edgecls"
    )


def _report(shelves: Shelves, options: argparse.Namespace) -> None:
    for shelf in shelves.all.values():
        folder, alike = str(shelf.album.folder), shelf.alike
        if options.json:
            told = {"label": shelf.label, "folder": folder, "kept": len(shelf.kept), "alike": alike}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        elif shelf.kept or shelf.alike:
            words = f"edgecls collect: {folder}: {shelf.words}; {shelf.there} lie there"
            logs.tell(words, level=logging.INFO)
