"""What strangers may send, and what is made of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.delivery.commands import (
    BadCommand,
    Replay,
    Setting,
    may_answer_at,
    parse_replay,
    parse_request,
    parse_setting,
    parse_watch,
    transaction_of,
)

SCORES = "min_score must be a plain decimal number from 0 to 1"
MODELS = "model must be one of: models/large.tflite, small, of [models]"


class House:
    """Two watches and two models."""

    def watches(self) -> list[str]:
        return ["porch", "yard"]

    def models(self) -> list[str]:
        return ["small", "models/large.tflite"]


def setting(key: str, payload: bytes, watch: str = "porch") -> Setting:
    return parse_setting(watch, key, payload, House())


@pytest.mark.parametrize(
    ("key", "payload", "value"),
    [
        ("enabled", b"ON", True),
        ("enabled", b"OFF", False),
        ("min_score", b"0", 0.0),
        ("min_score", b"1", 1.0),
        ("min_score", b"1.000", 1.0),
        ("min_score", b".5", 0.5),
        ("min_score", b"0.6500000000000001", 0.6500000000000001),
        ("model", b"small", "small"),
        ("model", b"models/large.tflite", "models/large.tflite"),
    ],
)
def test_a_setting_in_its_one_form_is_taken(key: str, payload: bytes, value: object) -> None:
    assert setting(key, payload) == Setting("porch", key, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "payload", "says"),
    [
        ("enabled", b"on", "enabled must be ON or OFF"),
        ("enabled", b"ON\n", "enabled must be ON or OFF"),
        ("enabled", b"", "enabled must be ON or OFF"),
        ("enabled", b"true", "enabled must be ON or OFF"),
        ("min_score", b"1.01", SCORES),
        ("min_score", b"-0.1", SCORES),
        ("min_score", b"nan", SCORES),
        ("min_score", b"inf", SCORES),
        ("min_score", b"1e-1", SCORES),
        ("min_score", b"0_0", SCORES),
        ("min_score", b" 0.5", SCORES),
        ("min_score", "٠.٥".encode(), SCORES),
        ("min_score", b".", SCORES),
        ("min_score", b"0." + b"1" * 4000, SCORES),
        ("model", b"SMALL", MODELS),
        ("model", b"/etc/passwd", MODELS),
        ("model", b"models/../models/large.tflite", MODELS),
        ("model", b"s" * 4097, "the payload must have at most 4096 bytes"),
        ("model", b"\xff", "the payload must be UTF-8"),
        ("min_margin", b"0.1", "the key must be one of: enabled, min_score, model, shadow"),
        ("", b"", "the key must be one of: enabled, min_score, model, shadow"),
    ],
)
def test_any_other_setting_is_refused_with_what_is_allowed(
    key: str, payload: bytes, says: str
) -> None:
    with pytest.raises(BadCommand) as refused:
        setting(key, payload)
    assert str(refused.value) == says


def test_a_setting_of_a_watch_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadCommand, match="the watch must be one of: porch, yard"):
        setting("enabled", b"ON", watch="Porch")


def test_where_no_model_has_a_name_none_can_be_set() -> None:
    class Bare(House):
        def models(self) -> list[str]:
            return []

    with pytest.raises(BadCommand, match=r"model must be one of: \(there is none\)"):
        parse_setting("porch", "model", b"", Bare())


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def test_a_request_may_have_eight_levels() -> None:
    assert "a" in parse_request(nested(8))
    with pytest.raises(BadCommand, match="at most 8 levels"):
        parse_request(nested(9))


def test_brackets_inside_of_strings_are_no_levels() -> None:
    text = '[{"' * 20 + "\\"
    assert parse_request(json.dumps({"a": text, text: [1]}).encode())["a"] == text


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 4096,
        b'{"a":' * 819,
        b'[{"a":' * 682,
        b'{"a":"\\"' + b"[" * 4000,
        b'"' + b'\\"' * 2000 + b"[" * 90,
    ],
)
def test_what_is_too_deep_is_refused_before_it_is_parsed(payload: bytes) -> None:
    with pytest.raises(BadCommand):
        parse_request(payload)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "the payload must be a JSON object, {} at least"),
        (b"PRESS", "the payload must be a JSON object, {} at least"),
        (b"[]", "the payload must be a JSON object, {} at least"),
        (b"null", "the payload must be a JSON object, {} at least"),
        (b'"a"', "the payload must be a JSON object, {} at least"),
        (b"\xef\xbb\xbf{}", "the payload must be a JSON object, {} at least"),
        (b"{}{}", "the payload must be a JSON object, {} at least"),
        (b'{"a":"\n"}', "the payload must be a JSON object, {} at least"),
        (b'{"a":1,"a":1}', "a key stands twice in one object"),
        (b'{"b":[{"a":1,"\\u0061":2}]}', "a key stands twice in one object"),
        (b'{"a":NaN}', "numbers must be finite"),
        (b'{"a":-Infinity}', "numbers must be finite"),
        (b'{"a":1e999}', "numbers must be finite"),
        (b'{"a":' + b"9" * 4000 + b"}", "whole numbers may have at most 18 digits"),
        (b'{"a":-1000000000000000000}', "whole numbers may have at most 18 digits"),
        (b"\x00\xff", "the payload must be UTF-8"),
        (b"{}" + b" " * 4095, "the payload must have at most 4096 bytes"),
    ],
)
def test_a_request_that_is_no_plain_json_object_is_refused(payload: bytes, says: str) -> None:
    with pytest.raises(BadCommand) as refused:
        parse_request(payload)
    assert str(refused.value) == says


def test_a_request_of_just_the_size_is_read() -> None:
    assert parse_request(b"{}" + b" " * 4094) == {}


@pytest.mark.parametrize(
    "transaction", ["a1", "", "ä" * 100, "\x00\n", 0, -7, 1.5, 999_999_999_999_999_999, None]
)
def test_a_transaction_is_a_short_string_or_a_number(transaction: object) -> None:
    asked = parse_request(json.dumps({"transaction": transaction}).encode())
    assert transaction_of(asked) == transaction


@pytest.mark.parametrize("transaction", ["a" * 101, "\ud800", True, [], {"a": 1}])
def test_any_other_transaction_is_refused(transaction: object) -> None:
    asked = parse_request(json.dumps({"transaction": transaction}).encode())
    with pytest.raises(BadCommand, match="a string of at most 100 characters or a number"):
        transaction_of(asked)


def test_what_a_request_may_say_besides_is_ignored() -> None:
    assert transaction_of(parse_request(b'{"a":[1.5,null,"x"],"transaction":"t"}')) == "t"


def test_a_replay_begins_at_the_beginning_of_the_present_epoch_unless_told() -> None:
    assert parse_replay({}) == Replay(0, 100, None)
    asked = {"after_seq": 41, "limit": 1000, "epoch": "7f3c9a"}
    assert parse_replay(asked) == Replay(41, 1000, "7f3c9a")


@pytest.mark.parametrize(
    "asked",
    [
        {"after_seq": -1},
        {"after_seq": True},
        {"after_seq": 1.0},
        {"after_seq": "1"},
        {"after_seq": None},
        {"limit": 0},
        {"limit": 1001},
        {"limit": True},
        {"limit": 10.0},
        {"epoch": 7},
        {"epoch": ""},
        {"epoch": "\ud800"},
        {"epoch": "7f3c9a' OR 1"},
        {"epoch": "a" * 33},
    ],
)
def test_a_replay_of_anything_else_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(BadCommand, match=next(iter(asked))):
        parse_replay(asked)


@pytest.mark.parametrize("watch", ["attic", "", None, 1, ["porch"], {"porch": 1}])
def test_a_request_about_no_watch_of_ours_is_refused(watch: object) -> None:
    with pytest.raises(BadCommand, match="one of: porch, yard"):
        parse_watch({"watch": watch}, {"porch", "yard"})


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("clients/a", True),
        ("clients/a/b c/ä", True),
        ("a/b/c", True),
        ("clients", False),
        ("clients/", False),
        ("clients2/a", False),
        ("a/bc", False),
        ("a/b", False),
        ("Clients/a", False),
        ("/clients/a", False),
        ("clients/+", False),
        ("clients/#", False),
        ("clients/$a", False),
        ("clients/\0", False),
        ("clients/\n", False),
        ("clients/\ufeff", False),
        ("clients/" + "a" * 193, False),
        ("", False),
        ("$SYS/a", False),
        ("edgecls/board", False),
        ("edgecls/board/porch/set/enabled", False),
        ("edgecls/board2/x", True),
        ("homeassistant/status", False),
        ("homeassistant", False),
    ],
)
def test_an_answer_goes_where_the_prefixes_allow_and_never_to_our_own_topics(
    topic: str, allowed: bool
) -> None:
    below = ["clients/", "a/b", "edgecls", "homeassistant", "$SYS", ""]
    never_below = ["edgecls/board", "homeassistant"]
    assert may_answer_at(topic, below=below, never_below=never_below) is allowed


def test_without_prefixes_no_asker_chooses_a_topic() -> None:
    assert not may_answer_at("clients/a", below=[], never_below=[])


@given(st.lists(st.text('[]{}"\\\\:,ä\n', max_size=4), max_size=12), st.booleans())
def test_levels_are_counted_as_the_parser_goes_down(texts: list[str], ascii_only: bool) -> None:
    asked: object = {}
    for text in texts:
        asked = {text: asked, text + "'": [text]} if len(text) % 2 else [text, asked]
    payload = json.dumps({"asked": asked}, ensure_ascii=ascii_only).encode()
    if depth_of(json.loads(payload)) <= 8:
        assert parse_request(payload)["asked"] == asked
    else:
        with pytest.raises(BadCommand, match="levels"):
            parse_request(payload)


def depth_of(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case list():
            return 1 + max(map(depth_of, value), default=0)
    return 0
