"""Every key of the configuration: its type, range, default and meaning, once.

`config` reads a TOML file into these; nothing else in edgecls knows a default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT_MIN_SCORE = 0.6

TOPIC = r"[^+#$\0/][^+#$\0]{0,198}[^+#$\0/]|[^+#$\0/]"
_TOPIC = "a topic without + # $ that neither begins nor ends with /"

SLUG = r"[a-z0-9_-]{1,40}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed for a key beyond its type, and what it means."""

    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[object, ...] = ()
    pattern: str | None = None
    says: str | None = None  # the pattern in words

    def instead_of(self, value: object) -> str | None:
        """What is allowed, in words, where `value` is not; else None."""
        if self.choices and value not in self.choices:
            return "one of " + ", ".join(
                f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in self.choices
            )
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.low, self.high
            # Written so that NaN, which TOML can say, is refused as well.
            inside = (low is None or value >= low) and (high is None or value <= high)
            return None if inside and math.isfinite(value) else self._range()
        if self.pattern and isinstance(value, str) and not re.fullmatch(self.pattern, value):
            return self.says
        return None

    def _range(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"a number, {self.low:g} or more"
        return "a number" if self.high is None else f"a number, {self.high:g} or less"


def key(
    help: str,  # noqa: A002 - the word that a reader of the table below expects
    default: T,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[object] = (),
    pattern: str | None = None,
    says: str | None = None,
) -> T:
    """A key with its rule; a default of `...` makes it required."""
    rule = Rule(help, low, high, tuple(choices), pattern, says)
    metadata = {"rule": rule}
    if default is ...:
        return field(metadata=metadata)  # type: ignore[no-any-return]
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


required: Any = ...


REGION = "[x, y, width, height] as fractions inside 0 to 1"


def is_region(region: Sequence[float]) -> bool:
    """Whether these are REGION: a part of a frame that holds something."""
    if len(region) != 4:
        return False
    x, y, width, height = region
    within = x >= 0 and y >= 0 and x + width <= 1 + 1e-9 and y + height <= 1 + 1e-9
    return within and width > 0 and height > 0


@dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """`[device]`: who this board is."""

    id: str | None = key(
        "name of the board in topics; default: the host name",
        None,
        pattern=SLUG,
        says="1 to 40 of a-z, 0-9, _ and -",
    )
    name: str | None = key("name of the board for people; default: the id", None)
    state_dir: str | None = key(
        "folder for what is remembered; default: $STATE_DIRECTORY, else the XDG state folder", None
    )


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """`[cameras.NAME]`: where frames come from."""

    source: str = key(
        "picamera2:N, v4l2:/dev/video0, rtsp://…, http(s)://…, file:clip.mp4, dir:frames/, demo:",
        required,
    )
    size: str = key(
        "width x height that a live camera is asked for",
        "1280x720",
        pattern=r"[1-9]\d{1,4}x[1-9]\d{1,4}",
        says='"WIDTHxHEIGHT"',
    )
    fps: float | None = key(
        "frames per second to take; default: 10, and every frame of a file or folder",
        None,
        low=0.01,
        high=240,
    )
    rotate: int = key("clockwise degrees", 0, choices=(0, 90, 180, 270))
    hflip: bool = key("mirror left and right", False)
    vflip: bool = key("mirror top and bottom", False)
    stall_timeout_s: float = key("without a frame for so long, it counts as stalled", 10.0, low=1)
    username: str | None = key("for rtsp and http", None)
    password_file: str | None = key("file with the password for rtsp and http", None)
    controls: Mapping[str, Any] = key("libcamera controls, for example {AeEnable = true}", {})


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """`[models.NAME]`: a model file and how its numbers are meant."""

    file: str = key("path to a .tflite or .zip, or a name of the catalogue", required)
    labels_file: str | None = key("label file; default: the labels inside the model", None)
    delegate: str = key(
        "who runs it",
        "auto",
        pattern=r"auto|cpu|edgetpu(:(usb|pci):\d+)?",
        says='"auto", "cpu", "edgetpu", "edgetpu:usb:0" or "edgetpu:pci:0"',
    )
    fallback: str | None = key(
        "model for the CPU when the Edge TPU cannot be used; default: its CPU build", None
    )
    threads: int = key("threads on the CPU; 0: as measured at the first start", 0, low=0, high=16)
    mean: float | Sequence[float] | None = key(
        "input = (pixel - mean) / std; one or per channel", None
    )
    std: float | Sequence[float] | None = key("see mean", None)
    activation: str = key(
        "what the graph lacks at its end", "auto", choices=("auto", "softmax", "sigmoid", "none")
    )
    temperature: float = key(
        "logits are divided by it before the activation", 1.0, low=0.01, high=100
    )


@dataclass(frozen=True, kw_only=True)
class DecisionSettings:
    """`[watches.NAME.decision]`: when a frame is believed, and when a state begins and ends."""

    min_score: float | None = key(
        "least score; default: what the model's metadata recommend, else 0.6", None, low=0, high=1
    )
    min_score_by_label: Mapping[str, float] = key("least score of single labels", {}, low=0, high=1)
    min_margin: float = key("least distance between best and second", 0.1, low=0, high=1)
    leave_score: float | None = key(
        "a state keeps its support from here on; default: half of min_score", None, low=0, high=1
    )
    confirm: str = key(
        "so many of the last frames must agree",
        "3 of 5",
        pattern=r"[1-9]\d{0,2} of [1-9]\d{0,2}",
        says='"K of N" with K <= N',
    )
    none_after_s: float = key("seconds without support that end a state", 3.0, low=0)
    hold_s: float = key("least seconds that a state lasts", 0.0, low=0)
    cooldown_s: float = key("least seconds between two published starts of a label", 0.0, low=0)

    @property
    def least_score(self) -> float:
        """`min_score`, or its default where nobody has said anything."""
        return DEFAULT_MIN_SCORE if self.min_score is None else self.min_score

    def advised(self, recommended: float | None) -> DecisionSettings:
        """These settings with `min_score` said: as configured, else as the model recommends."""
        if self.min_score is not None or recommended is None:
            return replace(self, min_score=self.least_score)
        return replace(self, min_score=recommended)


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """`[watches.NAME]`: one region of one camera, seen by one model, judged by one decision."""

    camera: str | None = key("name of a camera; default: the only one", None)
    model: str = key("[models.NAME], name of the catalogue, or path to a .tflite or zip", required)
    region: Sequence[float] | None = key("[x, y, width, height] as fractions of the frame", None)
    resize: str = key("how the region meets the input", "crop", choices=("crop", "fit", "stretch"))
    labels: Sequence[str] | None = key("groups or labels to watch for; default: every label", None)
    max_fps: float = key("frames per second to look at; 0: all", 0.0, low=0, high=240)
    enabled: bool = key("whether it watches at all", True)
    snapshot: bool = key("publish the crop that began a state", False)
    shadow: str | None = key("model that looks along without a say", None)
    shadow_every: int = key("the shadow sees one frame in so many", 10, low=1, high=1000)
    ambiguity_band: float = key(
        "a new model may find so much more of the frames ambiguous; 1: any", 0.25, low=0, high=1
    )
    collect: bool = key("keep pictures of ambiguous frames for teaching", False)
    groups: Mapping[str, Sequence[str]] = key("group = [classes]", {})
    decision: DecisionSettings = field(default_factory=DecisionSettings)


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """`[mqtt]`: the broker."""

    url: str | Sequence[str] = key("mqtt://, mqtts://, ws://, wss:// or embedded:", required)
    username: str | None = key("login", None, pattern=r"[^\0]{1,1000}", says="1 to 1000 characters")
    password_file: str | None = key("file (or systemd credential) with the password", None)
    ca_file: str | None = key("own certificate authority", None)
    cert_file: str | None = key("client certificate", None)
    key_file: str | None = key("its key", None)
    tls_insecure: bool = key("do not check the broker's certificate", False)
    protocol: str = key("MQTT version", "auto", choices=("auto", "5", "3.1.1"))
    base_topic: str = key("what stands before the device", "edgecls", pattern=TOPIC, says=_TOPIC)
    discovery: bool = key("announce to Home Assistant", True)
    discovery_prefix: str = key(
        "where Home Assistant listens", "homeassistant", pattern=TOPIC, says=_TOPIC
    )
    commands: Sequence[str] = key(
        "what may be asked for",
        ["set", "ping", "replay", "restart"],
        choices=("set", "ping", "replay", "restart", "snapshot", "collect"),
    )
    response_prefixes: Sequence[str] = key(
        "where MQTT 5 response topics may lie", [], pattern=TOPIC, says=_TOPIC
    )


@dataclass(frozen=True, kw_only=True)
class OutboxSettings:
    """`[outbox]`: events kept until the broker has them."""

    max_events: int = key("events kept at most", 50_000, low=100)
    max_mb: int = key("megabytes kept at most", 64, low=1)


@dataclass(frozen=True, kw_only=True)
class StatsSettings:
    """`[stats]`."""

    interval_s: float = key("seconds between two stats", 60.0, low=1, high=86_400)


@dataclass(frozen=True, kw_only=True)
class ReplaySettings:
    """`[replay]`."""

    max_mb: int = key("megabytes of scores kept for replay; 0: none", 64, low=0)


@dataclass(frozen=True, kw_only=True)
class CollectSettings:
    """`[collect]`."""

    max_mb: int = key("megabytes of pictures kept, of all watches together", 256, low=1)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A whole configuration, checked; relative paths are made absolute."""

    base: Path = Path()  # the folder of the file: relative paths lie beside it

    device: DeviceSettings = field(default_factory=DeviceSettings)
    cameras: Mapping[str, CameraSettings] = field(default_factory=dict)
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    watches: Mapping[str, WatchSettings] = field(default_factory=dict)
    mqtt: MqttSettings | None = None
    outbox: OutboxSettings = field(default_factory=OutboxSettings)
    stats: StatsSettings = field(default_factory=StatsSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    collect: CollectSettings = field(default_factory=CollectSettings)
