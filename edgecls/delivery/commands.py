"""Commands as they come from strangers: what may be set and asked, in which form. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edgecls.collecting.labels import ALLOWED as LABEL
from edgecls.collecting.labels import is_label
from edgecls.overrides import MIN_SCORE
from edgecls.settings import TOPIC

MAX_BYTES = 4096
MAX_DEPTH = 8
MAX_TRANSACTION = 100  # characters
MAX_EVENTS = 1000  # in one answer
DEFAULT_EVENTS = 100
NO_SHADOW = "none"
MAX_PICTURES = 1000  # of one request
PAUSES_S = (0.1, 3600.0)  # between two pictures
# More digits are a number that other programs would round.
_MAX_DIGITS = 18

Asked = Mapping[str, Any]
Transaction = str | int | float | None

_PLAIN_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20}")
# Once begun it matches, closed or not: a text of quotes only costs no more than another.
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.?)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
# JSON can name half a character; it could not be sent back.
_TRANSACTION = re.compile(rf"[^\ud800-\udfff]{{0,{MAX_TRANSACTION}}}")
_EPOCH = re.compile(r"[0-9a-z]{1,32}")


class BadCommand(Exception):
    """A command that is refused; the message is a sentence for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A valid `set`: `enabled` is True or False, `min_score` a number, `model` and `shadow` a name;
    None is no shadow."""

    watch: str
    key: str
    value: bool | float | str | None


@dataclass(frozen=True, slots=True)
class Replay:
    """Which events are asked for: `limit` at most of those after `after_seq`."""

    after_seq: int
    limit: int
    epoch: str | None  # None: the present one


@dataclass(frozen=True, slots=True)
class Collect:
    """So many pictures of a watch that show a label are asked for; 0: no more of them."""

    watch: str
    label: str
    count: int
    every_s: float


class Settable(Protocol):
    """What may be set at the moment: a reload changes it."""

    def watches(self) -> Collection[str]: ...

    def models(self) -> Collection[str]: ...


def parse_setting(watch: str, key: str, payload: bytes, settable: Settable) -> Setting:
    """What `<watch>/set/<key>` says. Raises BadCommand."""
    if watch not in settable.watches():
        raise BadCommand(f"the watch must be {_one_of(settable.watches())}")
    text = _text(payload)
    match key:
        case "enabled":
            return Setting(watch, key, _on_or_off(text))
        case "min_score":
            return Setting(watch, key, _min_score(text))
        case "shadow" if text == NO_SHADOW:
            return Setting(watch, key, None)
        case "model" | "shadow":
            if text not in settable.models():
                none = f", or {NO_SHADOW}" if key == "shadow" else ""
                known = _one_of(settable.models())
                raise BadCommand(f"{key} must be {known}, of [models]{none}")
            return Setting(watch, key, text)
    raise BadCommand("the key must be one of: enabled, min_score, model, shadow")


def parse_request(payload: bytes) -> Asked:
    """The JSON object of a request. Every number in it is finite. Raises BadCommand."""
    text = _text(payload)
    if _depth(text) > MAX_DEPTH:  # first: the parser calls itself for each level
        raise BadCommand(f"at most {MAX_DEPTH} levels of brackets are allowed")
    try:
        asked = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise BadCommand("the payload must be a JSON object, {} at least")
    return asked


def transaction_of(asked: Asked) -> Transaction:
    """What the asker wants to read in the answer. Raises BadCommand."""
    transaction = asked.get("transaction")
    if isinstance(transaction, str) and _TRANSACTION.fullmatch(transaction):
        return transaction
    number = isinstance(transaction, int | float) and not isinstance(transaction, bool)
    if transaction is None or number:
        return transaction
    raise BadCommand(
        f'"transaction" must be a string of at most {MAX_TRANSACTION} characters or a number'
    )


def parse_replay(asked: Asked) -> Replay:
    """The parameters of `replay`. Raises BadCommand."""
    epoch = asked.get("epoch")
    if epoch is not None and not (isinstance(epoch, str) and _EPOCH.fullmatch(epoch)):
        raise BadCommand('"epoch" must be the epoch of an event, as a string')
    after_seq, limit = asked.get("after_seq", 0), asked.get("limit", DEFAULT_EVENTS)
    if type(after_seq) is not int or after_seq < 0:  # True is an int, too
        raise BadCommand('"after_seq" must be a whole number, 0 or more')
    if type(limit) is not int or not 1 <= limit <= MAX_EVENTS:
        raise BadCommand(f'"limit" must be a whole number from 1 to {MAX_EVENTS}')
    return Replay(after_seq, limit, epoch)


def parse_watch(asked: Asked, watches: Collection[str]) -> str:
    """The watch that a request is about. Raises BadCommand."""
    watch = asked.get("watch")
    if not isinstance(watch, str) or watch not in watches:
        raise BadCommand(f'"watch" must be {_one_of(watches)}')
    return watch


def parse_collect(asked: Asked, watches: Collection[str]) -> Collect:
    """The parameters of `collect`; where there is one watch only, it need not be named. Raises
    BadCommand."""
    if len(watches) == 1:
        asked = {"watch": next(iter(watches)), **asked}
    watch, label = parse_watch(asked, watches), asked.get("label")
    count, every_s = asked.get("count", 1), asked.get("every_s", 1)
    if not isinstance(label, str) or not is_label(label):
        raise BadCommand(f'"label" must be a string: {LABEL}')
    if type(count) is not int or not 0 <= count <= MAX_PICTURES:
        raise BadCommand(f'"count" must be a whole number from 0 to {MAX_PICTURES}')
    low, high = PAUSES_S
    if type(every_s) not in (int, float) or not low <= every_s <= high:
        raise BadCommand(f'"every_s" must be a number from {low:g} to {high:g}')
    return Collect(watch, label, count, float(every_s))


def may_answer_at(topic: str, *, below: Collection[str], never_below: Collection[str]) -> bool:
    """Whether an asker may choose this topic for the answer; whole levels are compared."""
    plain = re.fullmatch(TOPIC, topic) is not None and topic.isprintable()
    if {"set", "request"} & set(topic.split("/")):
        return False  # an answer must not be a command to somebody else
    inside = any(topic.startswith(f"{prefix.rstrip('/')}/") for prefix in below)
    return plain and inside and not any(f"{topic}/".startswith(f"{t}/") for t in never_below)


def _text(payload: bytes) -> str:
    if len(payload) > MAX_BYTES:
        raise BadCommand(f"the payload must have at most {MAX_BYTES} bytes")
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise BadCommand("the payload must be UTF-8") from None


def _on_or_off(text: str) -> bool:
    if text not in ("ON", "OFF"):
        raise BadCommand("enabled must be ON or OFF")
    return text == "ON"


def _min_score(text: str) -> float:
    score = float(text) if _PLAIN_DECIMAL.fullmatch(text) else math.nan
    if (allowed := MIN_SCORE.instead_of(score)) is not None:
        raise BadCommand(f"min_score must be a plain decimal number {allowed}")
    return score


def _depth(text: str) -> int:
    """How many brackets are open at once where most are, outside of strings."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_JSON_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadCommand("a key stands twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise BadCommand(f"whole numbers may have at most {_MAX_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(_: str) -> float:
    raise BadCommand("numbers must be finite")


def _one_of(names: Collection[str]) -> str:
    return "one of: " + (", ".join(sorted(names)) or "(there is none)")
