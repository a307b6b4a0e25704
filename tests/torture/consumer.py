"""What a subscriber makes of a daemon's messages."""

from __future__ import annotations

from typing import Any

from tests.brokers import MakeSubscriber
from tests.subscriber import Message, Subscriber
from tests.torture.board import BRIGHT, DARK, Board

BASE = "edgecls/board"


def events(messages: list[Message]) -> list[dict[str, Any]]:
    """The payloads of the events in the order in which they came, without those that came again."""
    first: dict[str, dict[str, Any]] = {}
    for message in messages:
        if message.topic.endswith("/event"):
            first.setdefault(message.json["id"], message.json)
    return list(first.values())


def newest(messages: list[Message], topic: str) -> Any:
    """What was last said on a topic of ours, as JSON; None where that is nothing."""
    said = [m for m in messages if m.topic == f"{BASE}/{topic}"]
    return said[-1].json if said and said[-1].payload else None


def until_state(subscriber: Subscriber, label: str, watch: str = "porch") -> Any:
    """Wait until this is a watch's state; its payload."""

    def state(messages: list[Message]) -> Any:
        return newest(messages, f"{watch}/state") or {}

    return state(subscriber.wait_for(lambda found: state(found).get("label") == label))


def until_health(subscriber: Subscriber, *reasons: str) -> Any:
    """Wait until health has just these reasons; its payload."""

    def health(messages: list[Message]) -> Any:
        return newest(messages, "health") or {}

    return health(subscriber.wait_for(lambda found: health(found).get("reasons") == list(reasons)))


def see_a_change(porch: Board, subscriber: Subscriber) -> dict[str, Any]:
    """Another picture; the start of what it shows, which reaches the subscriber."""
    before = events(subscriber.messages)
    dark = not before or before[-1]["label"] != "dark"
    porch.shows(DARK if dark else BRIGHT)
    label = "dark" if dark else "overexposed"

    def start(messages: list[Message]) -> list[dict[str, Any]]:
        new = events(messages)[len(before) :]
        return [each for each in new if (each["phase"], each["label"]) == ("start", label)]

    return start(subscriber.wait_for(lambda found: bool(start(found))))[0]


def assert_consumers_see_all(messages: list[Message], starts: list[dict[str, Any]]) -> None:
    """No number was given twice, and per epoch they rise without a hole."""
    bodies: dict[str, str] = {}
    seqs: dict[str, list[int]] = {}
    for each in (m.json for m in messages if m.topic.endswith("/event")):
        body = str([each[key] for key in ("phase", "label", "ts", "watch")])
        if bodies.setdefault(each["id"], body) == body and each["seq"] not in seqs.get(
            each["epoch"], []
        ):
            seqs.setdefault(each["epoch"], []).append(each["seq"])
        assert bodies[each["id"]] == body, f"{each['id']} was given twice"
    for epoch, numbers in seqs.items():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), (epoch, numbers)
    labels = [each["label"] for each in starts]
    assert labels == [("dark", "overexposed")[number % 2] for number in range(len(labels))]


def says_online_again(subscriber: Subscriber, times: int) -> list[str]:
    """What was said on `status`, once `online` was said so often."""
    found = subscriber.wait_for(lambda found: statuses(found).count("online") >= times)
    return statuses(found)


def statuses(messages: list[Message]) -> list[str]:
    return [m.text for m in messages if m.topic == f"{BASE}/status"]


def retained(subscriber: Subscriber) -> dict[str, Any]:
    """What a newcomer gets, but for what differs between two frames."""
    found: dict[str, Any] = {}
    for message in (m for m in subscriber.messages if m.retain):
        found[message.topic] = message.text
        if message.topic.endswith(("/state", "/health", "/info")):
            volatile = ("ts", "score", "top", "since" if "health" in message.topic else "ts")
            found[message.topic] = {k: v for k, v in message.json.items() if k not in volatile}
    return found


def newcomers_view(make_subscriber: MakeSubscriber, port: int) -> dict[str, Any]:
    newcomer = make_subscriber(port, f"{BASE}/#", "homeassistant/#")
    newcomer.wait_for_payload("status", "online")
    newcomer.publish("newcomer/done", "")  # what is retained has come before
    return retained(newcomer)
