"""`edgecls look`: what a camera sees, the exact crop its model gets, and what comes of it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from edgecls.assembly import only_camera
from edgecls.commands.views import LineView, Peek, TerminalView
from edgecls.config import load, naming
from edgecls.daemon import Daemon, RunOptions, listening_to_signals
from edgecls.domain import Outcome, Pixels
from edgecls.errors import EdgeclsError, UsageError
from edgecls.settings import Config

_FRAMES_BEFORE_WRITING = 5  # the first ones of a camera are often dark; a state needs some too


class Last:
    """A publisher that keeps the newest outcome."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None

    def publish(self, outcome: Outcome) -> None:
        """Keep it, unless it only says that the source has ended."""
        if outcome.classification is not None:
            self.outcome = outcome


def run(options: argparse.Namespace) -> int:
    """Exit status 0. Raises SourceLost when the camera cannot be had."""
    config = only_watch(load(options.config), options.watch)
    name = next(iter(config.watches))
    with listening_to_signals() as signals, naming(options.config):
        return _look(Daemon(config, signals, remembers=False), name, options)


def _look(daemon: Daemon, name: str, options: argparse.Namespace) -> int:
    peek = Peek.into(daemon, name)
    if options.output is not None:
        last = Last()
        daemon.run(RunOptions(options.seconds, _FRAMES_BEFORE_WRITING, onlooker=last))
        _write(options.output, name, peek.pixels, last.outcome)
    elif sys.stdout.isatty():
        title = f"edgecls look · {name} · Ctrl-C ends"
        with TerminalView(title, peek, daemon.stopped) as view:
            daemon.run(RunOptions(options.seconds, onlooker=view))
    else:
        daemon.run(RunOptions(options.seconds, onlooker=LineView(sys.stdout)))
    return 0


def only_watch(config: Config, watch: str | None) -> Config:
    """The configuration with one watch, its camera, and no broker: looking tells nobody."""
    known = ", ".join(config.watches)
    if watch is None and len(config.watches) > 1:
        raise UsageError(f"which watch? Name one of: {known}")
    name = watch or next(iter(config.watches))
    if name not in config.watches:
        raise UsageError(f"there is no watch {name!r}; there is: {known}")
    settings = replace(config.watches[name], enabled=True)
    camera = only_camera(config, settings)
    cameras = {camera: config.cameras[camera]}
    return replace(config, cameras=cameras, watches={name: settings}, mqtt=None)


def _write(file: Path, watch: str, pixels: Pixels | None, outcome: Outcome | None) -> None:
    from PIL import Image

    if pixels is None or outcome is None or outcome.classification is None:
        raise EdgeclsError(f"the camera of watch {watch!r} gave no frame")
    try:
        Image.fromarray(pixels).save(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {file}: {error}") from error
    judged = outcome.classification
    best = f"{judged.top[0].label} {judged.top[0].score:.2f}" if judged.top else "nothing"
    words = f"{best}, {judged.reason or judged.verdict}"
    height, width = pixels.shape[:2]
    sys.stdout.write(f"{file}: {width}x{height}, as the model sees it: {words}\n")
