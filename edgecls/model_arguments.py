"""The options of the commands that are about models, pictures and thresholds."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from edgecls.paths import CONFIG
from edgecls.settings import ModelSettings, WatchSettings
from edgecls.values import (
    add_config,
    count,
    counts,
    fraction,
    lasting,
    positive,
    seconds,
    span_s,
    temperature,
)

_MODEL = "a name of the catalogue, a .tflite or a zip"


def add_classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("-m", "--model", required=True, help=_MODEL)
    parser.add_argument("--labels", type=Path, metavar="FILE", help="label file")
    parser.add_argument("--top", type=count, default=5, metavar="K", help="default: 5")
    parser.add_argument("--threads", type=count, default=None, metavar="N")
    parser.add_argument("--delegate", default=ModelSettings.delegate, help="auto, cpu or edgetpu")
    parser.add_argument(
        "--resize", choices=("crop", "fit", "stretch"), default=WatchSettings.resize
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")


def add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-m", "--model", help=_MODEL)
    parser.add_argument(
        "--threads", type=counts, metavar="N,N",
        help="threads on the CPU, such as 1,2,4; default: as many as are fastest",
    )  # fmt: skip
    parser.add_argument("--delegate", help="auto (default), cpu or edgetpu")
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"),
        help="two models, alternately in one run; settings behind an @: A@threads=2,delegate=cpu",
    )  # fmt: skip
    parser.add_argument("--image", type=Path, metavar="FILE", help="default: 1280x720 of noise")
    parser.add_argument(
        "--seconds", type=lasting, default=5.0, metavar="N", help="for each of them (default: 5)"
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="folder of folders (label/image.jpg), or CSV with file,label or file,index",
    )  # fmt: skip
    parser.add_argument("-m", "--model", help=_MODEL)
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE",
        help="configuration file: -m may name one of its [models]",
    )  # fmt: skip
    parser.set_defaults(default_config=CONFIG)
    parser.add_argument(
        "--watch", metavar="NAME",
        help=f"model, groups, labels and decision of this watch of -c (default: {CONFIG})",
    )  # fmt: skip
    parser.add_argument("--labels", type=Path, metavar="FILE", help="label file")
    _add_looking(parser)


def _add_looking(parser: argparse.ArgumentParser) -> None:
    """How pictures are looked at, and told of."""
    parser.add_argument("--resize", choices=("crop", "fit", "stretch"))
    parser.add_argument(
        "--threads", type=count, metavar="N", help="so many pictures at a time; default: the cores"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser)
    parser.add_argument("--min-score", type=fraction, metavar="S", help="least score")
    parser.add_argument("--min-margin", type=fraction, metavar="S", help="least margin")
    parser.add_argument("--temperature", type=temperature, metavar="T", help="of the model")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curve")


def add_tune(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser)
    parser.add_argument(
        "--precision", type=fraction, required=True, metavar="P",
        help="how much of what is accepted should be right, such as 0.95",
    )  # fmt: skip
    parser.add_argument(
        "--sure", action="store_true", help="with 95 %% confidence, at the cost of coverage"
    )


def add_teach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", type=Path, metavar="DIR",
        help="pictures: a folder for each label, or CSV with file,label",
    )  # fmt: skip
    parser.add_argument(
        "--base", dest="model", metavar="MODEL",
        help=f"image classifier to build on: {_MODEL}",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.tflite", help="the taught model"
    )
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE",
        help="configuration file: --base may name one of its [models]",
    )  # fmt: skip
    parser.set_defaults(default_config=CONFIG, labels=None)
    parser.add_argument(
        "--watch", metavar="NAME",
        help=f"model, as base, and resize of this watch of -c (default: {CONFIG})",
    )  # fmt: skip
    _add_looking(parser)


def add_replay(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--watch", metavar="NAME", help="default: all of them")
    parser.add_argument(
        "--since", type=span_s, metavar="SPAN",
        help="the last 7d, 12h or 30m; default: all that is kept",
    )  # fmt: skip
    for key, kind in _DECISION.items():
        option = f"--{key.removesuffix('_s').replace('_', '-')}"
        parser.add_argument(option, dest=key, type=kind, metavar="X", help=f"{key} of the decision")
    parser.add_argument("--labels", metavar="A,B", help="labels of the watch")
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")
    parser.set_defaults(decision=tuple(_DECISION))


def add_models(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        description = text[0].upper() + text[1:] + "."
        return actions.add_parser(name, help=text, description=description, parents=[shared])

    listing = action("list", "what is installed, and what the catalogue has")
    info = action("info", "what a model file is, and where it can run")
    info.add_argument("models", nargs="+", metavar="MODEL", help="a name, a .tflite or a zip")
    for each in (listing, info):
        each.add_argument("--json", action="store_true", help="JSON Lines on stdout")
    pull = action("pull", "fetch models of the catalogue, check and install them")
    pull.add_argument("models", nargs="+", metavar="NAME")
    pull.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER",
        help="take the files from there, found by their checksums; for boards without internet",
    )  # fmt: skip
    pull.add_argument(
        "--to", dest="target", type=Path, metavar="FOLDER",
        help="default: the system's folder where it can be written to (sudo), else your own",
    )  # fmt: skip
    pull.add_argument(
        "--no-pair", action="store_true", help="of a build for the Edge TPU, not the CPU's as well"
    )
    _add_recommend(action("recommend", "measure the installed models here, and name one"))


def _add_recommend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all installed ones")
    parser.add_argument(
        "--fps", type=positive, metavar="N", help="so many pictures a second at least"
    )
    parser.add_argument("--max-mb", type=positive, metavar="N", help="a file of at most so much")
    parser.add_argument(
        "--data", type=Path, metavar="DATA",
        help="labelled pictures, as of evaluate; default: accuracy as published",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=lasting, default=2.0, metavar="N", help="for each model (default: 2)"
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")
    parser.set_defaults(threads=None)


_DECISION: Mapping[str, Callable[[str], object]] = {
    "min_score": fraction,
    "min_margin": fraction,
    "leave_score": fraction,
    "confirm": str,
    "none_after_s": seconds,
    "hold_s": seconds,
    "cooldown_s": seconds,
}
"""What of `[watches.NAME.decision]` can be tried out."""
