from __future__ import annotations

import pytest

from edgecls.delivery.discovery import discovery_payload
from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import encode
from edgecls.doctor.permissions import Topics
from edgecls.doctor.visit import Heard
from edgecls.settings import MqttSettings, WatchSettings
from tests.homeassistant.home import BASE, CARD, TOPIC, Home, started

TOPICS = Topics(
    MqttSettings(url="mqtt://x"), "porch-pi", {"porch": WatchSettings(model="camera_health_v1")}
)


@pytest.mark.parametrize("readable", [True, False])
async def test_what_the_doctor_tries_is_no_news(
    home: Home, readable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await home.discover()
    await home.hear_event(started(Numbering()))
    await home.hear("porch/state", {"label": "dog", "slug": "dog", "score": 0.9})
    before = {entity: (home.says(entity), home.entities()) for entity in home.entities()}
    assert before["sensor.porch_pi_porch_label"][0] == "dog"
    stand = {f"{BASE}/status": b"online", f"{BASE}/info": b"{}"}
    if readable:
        stand[TOPIC] = encode(discovery_payload(CARD, {}))
    heard = Heard(stand, {})
    for topic, payload in TOPICS.said(heard):
        await home.hear(topic.removeprefix(f"{BASE}/"), payload)
    await home.hear(TOPIC, TOPICS.introduction(heard))
    after = {entity: (home.says(entity), home.entities()) for entity in home.entities()}
    assert after == before
    # All that it hears of us: a warning, where we may not read what stands there.
    assert ("Unable to parse JSON" in caplog.text) != readable
    caplog.clear()
