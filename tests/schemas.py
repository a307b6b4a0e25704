"""The schemas that ship, and their strict variant: there, every key has to be described."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.subscriber import Message

PLAIN = {"status": ("online", "offline"), "label": ("ON", "OFF")}


@cache
def shipped() -> dict[str, Any]:
    """Every schema of the package by its name, such as `state` or `response-replay`."""
    folder = files("edgecls.schemas")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".json")]
    return {entry.name.removesuffix(".json"): json.loads(entry.read_text()) for entry in found}


def problems(name: str, value: object, *, strict: bool = True) -> list[str]:
    """What is wrong with a payload; nothing if it is as the schema says."""
    validator = _validator(name, strict)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def schema_of(topic: str) -> str:
    """Which schema a topic's payload has; the topic stands below `<base>/<device>`."""
    match topic.split("/"):
        case ["response", op]:
            return f"response-{op}" if f"response-{op}" in shipped() else "response"
        case [*_, last]:
            return last
    raise AssertionError(topic)


def assert_described(message: Message, base: str = "edgecls/board") -> str:
    """Check one message of a daemon, whatever its topic; returns the name of its kind."""
    topic = message.topic.removeprefix(f"{base}/")
    kind = "label" if "/label/" in topic else schema_of(topic)
    if kind in PLAIN:
        assert message.text in PLAIN[kind], message
    else:
        assert problems(kind, message.json) == [], message
    return kind


@cache
def _validator(name: str, strict: bool) -> Draft202012Validator:
    schemas = {key: _strict(value) if strict else value for key, value in shipped().items()}
    resources = [(f"{key}.json", Resource.from_contents(value)) for key, value in schemas.items()]
    return Draft202012Validator(schemas[name], registry=Registry().with_resources(resources))


def _strict(schema: Any) -> Any:
    """The schema with every object closed that does not say itself what else may be in it."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _strict(value) for key, value in schema.items()}
    said = {"properties", "allOf"} & schema.keys() and "additionalProperties" not in schema
    if schema.get("type") == "object" and said:
        closed["unevaluatedProperties"] = False
    return closed
