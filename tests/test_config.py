"""The configuration is strict, and says where it is wrong and what was probably meant."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.config import load, parse
from edgecls.errors import ConfigError
from edgecls.settings import (
    CameraSettings,
    Config,
    DecisionSettings,
    DeviceSettings,
    ModelSettings,
    MqttSettings,
    OutboxSettings,
    ReplaySettings,
    StatsSettings,
    WatchSettings,
)
from tests.conftest import PROJECT

SHORT = """
[cameras.porch]
source = "picamera2:0"
[watches.porch]
model = "mobilenet_v2_1.0_224_quant"
"""


def config(text: str) -> Config:
    return parse(text, Path("/etc/edgecls"))


def test_a_short_file_is_a_complete_file() -> None:
    short = config(
        """
        [cameras.porch]
        source = "picamera2:0"

        [watches.porch]
        model = "mobilenet_v2_1.0_224_quant"
        labels = ["dog", "cat"]

        [watches.porch.groups]
        dog = ["#152-269"]
        cat = ["#282-286"]

        [mqtt]
        url = "mqtt://broker.local"
        """
    )
    watch = short.watches["porch"]
    assert watch.labels == ("dog", "cat")
    assert watch.groups == {"dog": ("#152-269",), "cat": ("#282-286",)}
    assert watch.decision == DecisionSettings()
    assert (watch.decision.least_score, watch.decision.min_margin) == (0.6, 0.1)
    assert (watch.decision.confirm, watch.decision.none_after_s) == ("3 of 5", 3.0)
    assert short.mqtt is not None
    assert short.mqtt.url == ("mqtt://broker.local",)


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("[watches.porch.decision]\nmin_scroe = 0.6", r"\[watches.porch.decision\] unknown key 'min_scroe'; did you mean 'min_score'\?"),
        ("[watches.porch.decision]\nmin_score = 1.5", r"\[watches.porch.decision\] min_score must be from 0 to 1, not 1.5"),
        ("[watches.porch.decision]\nmin_score = nan", "min_score must be from 0 to 1, not nan"),
        ("[watches.porch.decision]\nnone_after_s = inf", "none_after_s must be a number, 0 or more, not inf"),
        ('[watches.porch.decision]\nmin_score = "0.6"', 'min_score must be a number, not "0.6"'),
        ('[watches.porch.decision]\nconfirm = "5 of 3"', 'confirm must be "K of N" with K <= N, not "5 of 3"'),
        ('[watches.porch.decision]\nconfirm = "often"', 'confirm must be "K of N" with K <= N, not "often"'),
        ("[watches.porch.decision.min_score_by_label]\ndog = 2", r"\[watches.porch.decision.min_score_by_label\] dog must be from 0 to 1"),
        ('resize = "corp"', r"resize must be one of \"crop\", \"fit\", \"stretch\", not \"corp\"; did you mean 'crop'\?"),
        ("region = [0, 0, 1]", r"\[watches.porch\] region must be \[x, y, width, height\]"),
        ("region = [0.5, 0, 0.6, 1]", "region must be"),
        ('labels = "dog"', r"\[watches.porch\] labels must be a list of strings, not \"dog\""),
        ('camera = "proch"', r"there is no camera 'proch'; did you mean 'porch'\?; there is: porch"),
        ("enabled = 1", "enabled must be true or false, not 1"),
        ("[outbox]\nmax_events = 1.5", "max_events must be a whole number, not 1.5"),
        ("[outbox]\nmax_events = true", "max_events must be a whole number, not true"),
        ('[mqtt]\nurl = "mqtt://me:secret@broker"', "url must hold no password; put it in a password_file"),
        ("[mqtt]\nurl = []", "url must name a broker"),
        ('[mqtt]\nusername = "me"', "the key 'url' is missing"),
        ('[mqtt]\nurl = "mqtt://b"\ncert_file = "x"', "cert_file and key_file belong together"),
        ('[mqtt]\nurl = "mqtt://b"\ncommands = ["sett"]', "commands must be one of"),
        ('[models.m]\nfile = "m.tflite"\nmean = 0', "mean and std belong together"),
        ('[watches.status]\nmodel = "m"', r"\[watches.status\] this name is a topic of its own"),
        ('[watches."Front Door"]\nmodel = "m"', "a name is 1 to 40 of a-z, 0-9, _ and -"),
        ('[cameras.yard]\nsource = "demo:"', r"\[watches.porch\] which camera\? Set camera to one of: porch, yard"),
        ('[cameras.porch.controls]\n[wathces.x]', "unknown key 'wathces'; did you mean 'watches'"),
        ("[stats]\ninterval_s = 0", r"\[stats\] interval_s must be from 1 to 86400, not 0"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(addition: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(SHORT + addition)


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "edgecls.toml"
    with pytest.raises(ConfigError, match=f"^{file}: no such configuration file"):
        load(file)
    file.write_text("[cameras.porch]\nsource = 3\n")
    with pytest.raises(ConfigError, match=rf"^{file}: \[cameras.porch\] source must be a string"):
        load(file)
    file.write_text("[cameras.porch\n")
    with pytest.raises(ConfigError, match=f"^{file}: not valid TOML: .*line 1"):
        load(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=f"^{file}: cannot be read"):
        load(file)


def test_relative_paths_lie_beside_the_file() -> None:
    mqtt = config(SHORT + '[mqtt]\nurl = "mqtts://b"\nca_file = "ca.pem"').mqtt
    assert mqtt is not None
    assert mqtt.ca_file == "/etc/edgecls/ca.pem"


def test_the_shipped_configuration_loads_and_changes_no_default() -> None:
    shipped = load(PROJECT / "configs" / "edgecls.toml")
    assert shipped.watches["porch"].decision == DecisionSettings()
    assert shipped.stats == StatsSettings()
    assert shipped.outbox == OutboxSettings()
    assert shipped.mqtt is None


TABLES = (DeviceSettings, CameraSettings, ModelSettings, WatchSettings, DecisionSettings,
          MqttSettings, OutboxSettings, StatsSettings, ReplaySettings)  # fmt: skip


def test_the_shipped_configuration_shows_every_key_with_its_default() -> None:
    text = (PROJECT / "configs" / "edgecls.toml").read_text()
    shown: dict[str, set[str]] = {}
    for name, value in re.findall(r"^(?:# )?(\w+) = (.+?)(?:  +#.*)?$", text, re.MULTILINE):
        shown.setdefault(name, set()).add(value)
    for table in TABLES:
        for field in fields(table):
            if field.name in ("groups", "decision"):
                assert f"[watches.porch.{field.name}]" in text
                continue
            assert field.name in shown, f"{field.name} is not shown"
            if field.default not in (None, MISSING):
                values = [tomllib.loads(f"x = {value}")["x"] for value in shown[field.name]]
                assert field.default in values, f"{field.name}: {values}"


@given(st.text(max_size=200))
def test_no_text_at_all_raises_anything_but_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        config(text)
