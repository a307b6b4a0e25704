"""`edgecls demo`: the daemon on embedded defaults. Only the scene is made up."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from importlib.util import find_spec
from pathlib import Path

from edgecls import logs
from edgecls.commands.views import LineView, Peek, TerminalView
from edgecls.config import parse
from edgecls.daemon import Daemon, RunOptions, listening_to_signals

_CONFIG = """
[device]
id = "demo"

[cameras.demo]
source = "demo:"

[watches.demo]
model = {model}
resize = "stretch"

[stats]
interval_s = 5
"""
_BROKER = """
[mqtt]
url = "embedded:"
"""


def run(options: argparse.Namespace) -> int:
    """Exit status 0, after Ctrl-C and after `--seconds` as well."""
    model = options.model or "camera_health_v1"
    text = _CONFIG.format(model=json.dumps(model))
    if find_spec("amqtt"):
        text += _BROKER
    else:
        missing = "no broker in this demo: the extra [embedded] (amqtt) brings one"
        logs.tell(missing, level=logging.WARNING)
    with listening_to_signals() as signals:
        return _show(Daemon(parse(text, Path.cwd()), signals, remembers=False), model, options)


def _show(daemon: Daemon, model: str, options: argparse.Namespace) -> int:
    if not sys.stdout.isatty():
        daemon.run(RunOptions(options.seconds, onlooker=LineView(sys.stdout)))
        return 0
    title, peek = f"edgecls demo · {model} · Ctrl-C ends", Peek.into(daemon, "demo")
    with TerminalView(title, peek, daemon.stopped) as view:
        daemon.run(RunOptions(options.seconds, onlooker=view))
    return 0
