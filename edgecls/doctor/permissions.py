"""What the broker lets us say and hear, topic by topic, without saying anything that is not so.

Each topic that the daemon writes is tried at QoS 1: MQTT 5 acknowledges with a reason. What is
written must not be taken for news, so it is never retained, expires at once, and is
- on `status` and `info`, which we may read: what stands there already, and `offline` where nothing
  does; no daemon is there then;
- on the discovery topic: what stands there, else a text that Home Assistant does not understand;
- of watches: on the topics of one that nobody has;
- else one level below the topic, where nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from edgecls.delivery.discovery import discovery_topic
from edgecls.delivery.happenings import Acknowledged
from edgecls.delivery.payloads import OFFLINE, ONLINE
from edgecls.doctor.findings import Finding, failed, passed, skipped
from edgecls.doctor.visit import Heard, Visit
from edgecls.settings import MqttSettings, WatchSettings

_NOBODY = "doctor"
_NOTHING = b"{}"
_NO_JSON = b"edgecls doctor was here; this is no device"
_UNSTEADY = "see why the broker accepted us once and then no more, in its log"
_SUBSCRIBED = "the broker takes the subscription"
_UNTOLD = "MQTT 3.1.1 does not say whether a message is refused; use a broker with MQTT 5"


@dataclass(frozen=True)
class Topics:
    """What a daemon of this configuration says and hears."""

    settings: MqttSettings
    device: str
    watches: Mapping[str, WatchSettings]

    @property
    def base(self) -> str:
        return f"{self.settings.base_topic}/{self.device}"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.settings.discovery_prefix}/status"

    @property
    def discovery(self) -> str:
        return discovery_topic(self.settings.discovery_prefix, self.device)

    def heard(self) -> dict[str, int]:
        """Topic -> QoS of the daemon's subscriptions."""
        heard = {f"{self.base}/status": 1, f"{self.base}/info": 1}
        if "set" in self.settings.commands:
            heard[f"{self.base}/+/set/+"] = 1
        if set(self.settings.commands) - {"set"}:
            heard[f"{self.base}/request/+"] = 0
        if self.settings.discovery:
            heard[self.birth] = 0
        return heard

    def echoes(self) -> dict[str, str]:
        """Of the subscriptions with a wildcard: a message that ought to come back to us.

        A daemon that runs would take it for a command, and complain.
        """
        echoes = {
            f"{self.base}/+/set/+": f"{self.base}/{self._nobody}/set/{_NOBODY}",
            f"{self.base}/request/+": f"{self.base}/request/{_NOBODY}",
        }
        return {topic: message for topic, message in echoes.items() if topic in self.heard()}

    def introduction(self, standing: Heard) -> bytes:
        """What is said on the discovery topic; never nothing, which would remove the device."""
        return standing.messages.get(self.discovery) or _NO_JSON

    @property
    def _nobody(self) -> str:
        """A watch that is not there."""
        watch = _NOBODY
        while watch in self.watches:
            watch += "_"
        return watch

    def said(self, standing: Heard) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of each kind of message that the daemon publishes."""
        for name, otherwise in (("status", OFFLINE), ("info", _NOTHING)):
            topic = f"{self.base}/{name}"
            if topic in standing.refused:
                yield f"{topic}/{_NOBODY}", b""
            else:
                yield topic, standing.messages.get(topic, otherwise)
        for name in ("config", "health", "stats"):
            yield f"{self.base}/{name}/{_NOBODY}", b""
        watch = self._nobody
        yield f"{self.base}/{watch}/state", _NOTHING
        yield f"{self.base}/{watch}/label/{_NOBODY}", b""
        yield f"{self.base}/{watch}/event", _NOTHING
        yield f"{self.base}/{watch}/snapshot", b""
        yield f"{self.base}/response/{_NOBODY}", _NOTHING


def permissions(visit: Callable[[], Visit], topics: Topics) -> Iterator[Finding]:
    """What we may hear, what we may say, and whether Home Assistant is there."""
    with visit() as first:
        if (ending := first.enter()) is not None:
            yield failed("broker_read", ending.why, _UNSTEADY)
            return
        standing = first.subscribe({**topics.heard(), topics.discovery: 0})
    with visit() as second:  # which does not hear the discovery topic: who does, is the question
        if (ending := second.enter()) is not None:
            yield failed("broker_read", ending.why, _UNSTEADY)
            return
        second.subscribe(topics.heard())
        written = [*_writes(second, topics, standing)]
        unwritten = [each.subject or "" for each in written if each.remedy is not None]
        yield from _reads(second, topics, standing, unwritten)
        yield from written


def _reads(
    visit: Visit, topics: Topics, standing: Heard, unwritten: Collection[str]
) -> Iterator[Finding]:
    """A broker may take a subscription and keep its messages back: do ours come?"""
    online = standing.messages.get(f"{topics.base}/status") == ONLINE
    tried = {} if online else topics.echoes()
    unwritten = {*unwritten, *(m for m in tried.values() if _refusal(visit.publish(m, b"")))}
    visit.listen()
    for topic in topics.heard():
        refusal = standing.refused.get(topic)
        message = tried.get(topic, topic)
        if refusal is not None:
            yield _may("broker_read", topic, refusal, topics)
        elif topic in standing.messages or message in visit.arrived:
            yield passed("broker_read", "allowed", topic)
        elif message in unwritten:
            yield skipped("broker_read", f"{_SUBSCRIBED}; what would come may not be sent", topic)
        elif topic == topics.birth:
            yield skipped("broker_read", f"{_SUBSCRIBED}; Home Assistant says nothing now", topic)
        elif "+" in topic and online:
            yield skipped("broker_read", f"{_SUBSCRIBED}; the daemon would hear a test", topic)
        else:
            yield _may("broker_read", topic, "messages do not come", topics)


def _writes(visit: Visit, topics: Topics, standing: Heard) -> Iterator[Finding]:
    told = visit.version == 5
    if not told:
        yield skipped("broker_write", _UNTOLD, f"{topics.base}/#")
    for topic, payload in topics.said(standing):
        if told or topic in topics.heard():
            answer = visit.publish(topic, payload)
        if told:
            yield _may("broker_write", topic, _refusal(answer), topics)
    if not topics.settings.discovery:
        yield skipped("home_assistant", "discovery is off in [mqtt]")
        return
    topic, listens = topics.discovery, None
    if told:
        answer = visit.publish(topic, topics.introduction(standing))
        yield _may("broker_write", topic, _refusal(answer), topics)
        if isinstance(answer, Acknowledged) and answer.refusal is None:
            listens = not answer.unread
    yield _home_assistant(topics, standing, listens=listens)


def _refusal(answer: Acknowledged | str) -> str | None:
    return answer if isinstance(answer, str) else answer.refusal


def _may(check: str, topic: str, refusal: str | None, topics: Topics) -> Finding:
    if refusal is None:
        return passed(check, "allowed", topic)
    user = topics.settings.username or "clients without a name"
    does = "read" if check == "broker_read" else "write"
    ours = topic.startswith(f"{topics.base}/") and does == "write"
    what = f"{topics.base}/#" if ours else topic
    return failed(check, refusal, f"let {user} {does} {what} in the broker's ACL", topic)


def _home_assistant(topics: Topics, standing: Heard, *, listens: bool | None) -> Finding:
    """`listens`: whether anybody subscribes to the discovery topic; None where nobody knows."""
    told = standing.messages.get(topics.birth)
    birth = "" if told is None else f"; its last word is {told.decode('ascii', 'replace')[:20]!r}"
    if listens or (listens is None and told == ONLINE):
        where = "somebody listens for discovery" if listens else "it says so"
        return passed("home_assistant", where + birth, topics.birth)
    why = "the broker does not tell who listens" if listens is None else (
        f"nobody listens below {topics.settings.discovery_prefix}/: if Home Assistant should,"
        " see its MQTT integration and discovery_prefix in [mqtt]"
    )  # fmt: skip
    return skipped("home_assistant", why + birth, topics.birth)
