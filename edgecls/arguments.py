"""What can be said on the command line: one function for each command; imports none of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgecls import __version__, logs
from edgecls.model_arguments import (
    add_bench,
    add_classify,
    add_evaluate,
    add_models,
    add_replay,
    add_teach,
    add_tune,
)
from edgecls.values import add_config, count, positive, seconds


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="log details; tracebacks on errors")
    shared.add_argument(
        "--log-format", choices=logs.FORMATS, default="text", help="json: one object per line"
    )
    whole = argparse.ArgumentParser(
        prog="edgecls",
        description="A camera classifier that can be trusted: label events over MQTT.",
    )
    whole.add_argument("--version", action="version", version=f"edgecls {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        description = text[0].upper() + text[1:] + "."
        return commands.add_parser(name, help=text, description=description, parents=[shared])

    _add_run(command("run", "the daemon: classify, decide, publish"))
    _add_demo(command("demo", "the daemon on embedded defaults: no camera, no broker, no download"))
    _add_look(command("look", "what the camera sees, and what edgecls makes of it"))
    _add_collect(command("collect", "pictures of a watch, to teach a model from"))
    _add_check_config(command("check-config", "validate a configuration"))
    _add_doctor(command("doctor", "test each thing that the service needs; how to mend what fails"))
    add_classify(command("classify", "one prediction per image"))
    add_bench(command("bench", "how fast a model runs on this board, beside the bare invoke"))
    add_evaluate(command("evaluate", "how often a model is right on labelled pictures"))
    add_tune(command("tune", "find the thresholds that reach a wanted precision"))
    add_teach(command("teach", "a model of your own classes, from pictures of them, here"))
    add_replay(command("replay", "which events other settings would have published"))
    add_models(command("models", "the catalogue of models: list, info, pull, recommend"), shared)
    _add_service(command("service", "the systemd service: install, uninstall, status"), shared)
    return whole


def _add_run(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--pull", action="store_true", help="fetch the models of the catalogue that are missing"
    )
    parser.add_argument("--frames", type=count, metavar="N", help="end after N frames per camera")
    parser.add_argument(
        "--drain-timeout", type=seconds, default=10.0, metavar="S",
        help="seconds to wait for the broker at the end of finite sources (default: 10)",
    )  # fmt: skip


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=seconds, metavar="N", help="end after N seconds")
    parser.add_argument("-m", "--model", help="another model than the one that ships")


def _add_look(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("watch", nargs="?", metavar="WATCH", help="default: the only one")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="x.jpg", help="write what the model sees, and end"
    )
    parser.add_argument("--seconds", type=seconds, metavar="N", help="end after N seconds")


def _add_collect(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("watch", nargs="?", metavar="WATCH", help="default: the only one")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True,
        help="pictures go to DIR/<label>/",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="A,B,…", help="on a terminal: a key chooses one and takes a picture"
    )
    parser.add_argument("--label", metavar="A", help="what all pictures show")
    parser.add_argument(
        "--every", type=positive, metavar="S", help="with --label: seconds between two (default: 1)"
    )
    parser.add_argument(
        "--count", type=count, metavar="N",
        help="with --label: end when so many are kept (default: when the source ends, or Ctrl-C)",
    )  # fmt: skip
    parser.add_argument("--seconds", type=seconds, metavar="N", help="end after N seconds")
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")


def _add_check_config(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--show", action="store_true", help="print the effective configuration, secrets masked"
    )


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")


def _add_service(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        description = text[0].upper() + text[1:] + "."
        return actions.add_parser(name, help=text, description=description, parents=[shared])

    install = action("install", "start it now and at every boot")
    add_config(install)
    uninstall = action("uninstall", "stop it and take its files away")
    uninstall.add_argument(
        "--purge", action="store_true", help="also configuration, credentials, state and user"
    )
    for each in (install, uninstall):
        each.add_argument("--dry-run", action="store_true", help="say what would be done")
    status = action("status", "how it stands; exit status 1 when it does not run")
    status.add_argument("instance", nargs="?", metavar="INSTANCE", help="x of edgecls@x")
