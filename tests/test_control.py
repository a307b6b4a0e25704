"""Commands that come while others are under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgecls.control import Control
from edgecls.daemon import Daemon, Signals
from edgecls.delivery.commands import Setting
from edgecls.facts import Facts
from edgecls.keepers import Keepers
from edgecls.overrides import OVERRIDE
from edgecls.settings import (
    CameraSettings,
    Config,
    DeviceSettings,
    ModelSettings,
    MqttSettings,
    WatchSettings,
)


def test_the_newest_model_wins_whatever_else_is_set_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errands: list[Callable[[], None]] = []
    loading: list[Callable[[], None]] = []
    taken: list[str] = []

    def present() -> Any:
        config = Config(watches={"porch": WatchSettings(model="v0")})
        return SimpleNamespace(config=config, watches={"porch": None})

    running: Any = SimpleNamespace(now=present(), engines=())
    running.config = running.now.config
    engines: Any = SimpleNamespace(keep_only=lambda _: None)
    turns: Any = SimpleNamespace(soon=errands.append)
    threads: Any = SimpleNamespace(start=lambda _, body: loading.append(body))
    nobody: Any = None
    control = Control(
        running, engines, nobody, turns, threads,
        keepers=Keepers(), stop=lambda: None,
    )  # fmt: skip
    monkeypatch.setattr(control, "_loaded", lambda _, setting: setting.value)
    monkeypatch.setattr(control, "_change_model", lambda _, watch: taken.append(watch))
    for told in ("_remember", "_done"):
        monkeypatch.setattr(control, told, lambda _: None)

    control.apply(Setting("porch", "model", "v1"))
    loading.pop()()
    running.now = present()  # by another command
    running.config = running.now.config
    control.apply(Setting("porch", "model", "v2"))
    loading.pop()()
    while errands or loading:
        (errands.pop(0) if errands else loading.pop(0))()
    assert taken == ["v2"]


class Notebook:
    """Looks, whenever something is noted, at what anybody can see by then."""

    def __init__(self, visible: Callable[[], Any]) -> None:
        self.visible = visible
        self.seen: dict[str, Any] = {}

    def remember(self, kind: str, name: str, value: Any) -> None:
        if kind == OVERRIDE:
            self.seen[name] = self.visible()

    def announce(self) -> None: ...

    def publish(self, outcome: Any) -> None: ...


def test_what_is_set_is_noted_before_anybody_can_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = ModelSettings(file="camera_health_v1")
    config = Config(
        device=DeviceSettings(id="board", state_dir=str(tmp_path)),
        cameras={"hall": CameraSettings(source=f"dir:{tmp_path}/?loop=true")},
        models={"first": health, "second": health},
        mqtt=MqttSettings(url="mqtt://nowhere.invalid"),
        watches={"porch": WatchSettings(camera="hall", model="first", resize="stretch")},
    )
    daemon = Daemon(config, Signals(), remembers=False)
    facts = Facts("board", daemon.running, daemon.stats, None)
    monkeypatch.setattr(daemon.turns, "soon", lambda errand: errand())
    monkeypatch.setattr(daemon.threads, "start", lambda _, body: body())
    notebook = Notebook(lambda: facts.description().config["watches"]["porch"])
    control = Control(
        daemon.running, daemon.engines, daemon.cameras, daemon.turns, daemon.threads,
        keepers=daemon.keepers, stop=lambda: None,
    )  # fmt: skip
    control.begin(notebook, notebook)
    wanted: dict[str, bool | float | str] = {
        "min_score": 0.7, "model": "second", "shadow": "first", "enabled": False,
    }  # fmt: skip
    for key, value in wanted.items():
        control.apply(Setting("porch", key, value))
    for key, value in wanted.items():
        assert notebook.seen[f"porch/{key}"][key] != value
    assert facts.description().config["watches"]["porch"] == wanted
    assert daemon.outbox is not None
    daemon.outbox.close()
