"""Models change places while a daemon runs: what does worse, or cannot be loaded, gives way."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgecls.config import load
from edgecls.daemon import Daemon, Signals
from edgecls.lastgood import LastGood
from edgecls.settings import CameraSettings, DeviceSettings
from edgecls.teaching.writing import taught_model
from edgecls.vision.model_file import read_model
from tests.brokers import Mosquitto, wait_until
from tests.programs import Running, edgecls
from tests.schemas import assert_described
from tests.subscriber import Message, Subscriber
from tests.teaching.bases import LABELS, base_of, origin_of, random_head
from tests.test_reload import BASE, Board, end_of, is_dark, last, of
from tests.vision.tiny import failing_model, tiny_model

SURE, BLUNT, OTHER = (0.0, 9.0), (0.0, 0.1), (0.0, 8.0)
"""Biases of "bright" and "dark": what a model says of any picture, after a softmax."""


PATIENCE_S = 60.0


def model(file: Path, biases: tuple[float, ...], labels: str = "bright\ndark\n") -> Path:
    """A model that takes every frame for the same."""
    file.with_name(f"{file.stem}.labels.txt").write_text(labels)
    new = file.with_suffix(".new")
    tiny_model(new, [0.0] * len(biases), biases, endings=["SOFTMAX"])
    return new.replace(file)


class Gate(Board):
    """A watch that sees 200 frames a second: a trial takes less than two seconds."""

    def __init__(self, folder: Path, broker: Mosquitto | None = None) -> None:
        super().__init__(folder, broker)
        self.cameras = {"porch": self.live("porch").replace("fps=20", "fps=200") + "\nfps = 200"}
        model(folder / "v1.tflite", SURE)
        model(folder / "v2.tflite", SURE)
        self.models = {name: f'file = "{name}.tflite"' for name in ("v1", "v2")}
        self.put()

    def put(self, model: str = "v1", keys: str = "", decision: str = "") -> None:
        """What the file says of the watch."""
        self.watches = {"porch": self.watch(f'labels = ["dark"]\n{keys}', decision, model)}

    @property
    def copies(self) -> Path:
        return self.folder / "state" / "edgecls" / "last-good-board"

    def keeps(self, name: str) -> None:
        """Wait until a copy of this model is kept, and no other."""

        def kept() -> bool:
            files = sorted(each.name.partition("-")[2] for each in self.copies.glob("*-*"))
            return files == [f"{name}.labels.csv", f"{name}.tflite"]

        wait_until(
            lambda: kept() and (self.copies / "porch.json").is_file(),
            f"a copy of {name}",
            PATIENCE_S,
        )

    def notes(self, text: str) -> None:
        """Wait until this is noted of the watch."""
        file = self.copies / "porch.json"
        wait_until(lambda: text in file.read_text(), text, PATIENCE_S)


@pytest.fixture
def gate(tmp_path: Path, mosquitto: Mosquitto) -> Gate:
    return Gate(tmp_path, mosquitto)


class Patient(Subscriber):
    """Hundreds of frames have to be looked at, on a machine that may have other things to do."""

    def wait_for(
        self, predicate: Callable[[list[Message]], bool], timeout_s: float = PATIENCE_S
    ) -> list[Message]:
        return super().wait_for(predicate, timeout_s)


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    with closing(Patient(mosquitto.port, "#")) as ear:
        yield ear


def runs(name: str) -> Callable[[list[Message]], bool]:
    """Whether a model is in force."""
    return last("config", lambda config: config["watches"]["porch"]["model"] == name)


def reasons(*wanted: str) -> Callable[[list[Message]], bool]:
    return last("health", lambda health: health["reasons"] == list(wanted))


def why_returned(ear: Subscriber) -> str:
    """Wait until `health` says that a model has given its place back; the sentence."""
    seen = ear.wait_for(reasons("model_returned:porch"))
    return str(of(seen, "health")[-1]["details"]["model_returned:porch"])


def warnings(*wanted: str) -> Callable[[list[Message]], bool]:
    """Without what is always so on a machine whose clock nobody sets."""

    def holds(health: Any) -> bool:
        return [each for each in health["warnings"] if not each.startswith("clock")] == [*wanted]

    return last("health", holds)


def shadow_of(stats: Any) -> Any:
    return stats["watches"]["porch"].get("shadow", {})


def has_seen(name: str, frames: int) -> Callable[[list[Message]], bool]:
    """Whether a shadow has looked along for so long."""
    return last("stats", lambda s: shadow_of(s).get("model") == name
                and shadow_of(s)["frames"] >= frames)  # fmt: skip


def classified(messages: list[Message]) -> int:
    return sum(stats["watches"]["porch"]["classified"] for stats in of(messages, "stats"))


def set_to(ear: Subscriber, key: str, value: str) -> None:
    ear.publish(f"{BASE}porch/set/{key}", value)


def phases(messages: list[Message]) -> list[tuple[str, str | None]]:
    return [(event["phase"], event.get("reason")) for event in of(messages, "porch/event")]


def test_a_shadow_looks_along_and_has_no_say(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", (9.0, 0.0))
    gate.put(keys='shadow = "v2"\nshadow_every = 2')
    with gate.running() as daemon:
        seen = ear.wait_for(has_seen("v2", 50))
        end_of(daemon)
    assert phases(seen) == [("start", None)]
    figures = shadow_of(of(seen, "stats")[-1])
    assert (figures["agreement"], figures["ambiguous"], figures["ambiguous_in_force"]) == (0, 0, 0)
    assert figures["verdicts"] == {"not_watched": figures["frames"]}
    assert figures["frames"] == pytest.approx(classified(seen) / 2, abs=150)
    assert of(seen, "info")[-1]["watches"]["porch"]["shadow"] == "v2"
    assert [each["name"] for each in of(seen, "info")[-1]["models"]] == ["v1", "v2"]
    for message in seen:
        if message.topic.startswith(BASE):
            assert_described(message)


def test_a_shadow_comes_and_goes_by_the_file_and_nothing_else_changes(
    gate: Gate, ear: Subscriber
) -> None:
    with gate.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        gate.put(keys='shadow = "v2"')
        gate.reload(daemon)
        seen = ear.wait_for(has_seen("v2", 1))
        assert shadow_of(of(seen, "stats")[-1])["agreement"] == 1
        gate.put()
        gate.reload(daemon)
        ear.wait_for(last("config", lambda c: c["watches"]["porch"]["shadow"] is None))
        seen = ear.wait_for(last("stats", lambda stats: not shadow_of(stats)))
        assert phases(seen) == [("start", None)]
        end_of(daemon)


def test_a_shadow_is_set_promoted_and_its_figures_go_on_meanwhile(
    gate: Gate, ear: Subscriber
) -> None:
    with gate.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        set_to(ear, "shadow", "v2")
        ear.wait_for(has_seen("v2", 10))
        gate.watches["yard"] = gate.watches["porch"]
        gate.reload(daemon)
        ear.wait_for(last("info", lambda info: "yard" in info["watches"]))
        stats = len(of(ear.messages, "stats"))
        seen = ear.wait_for(lambda found: len(of(found, "stats")) > stats)
        assert shadow_of(of(seen, "stats")[-1])["frames"] > 10
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        ear.wait_for(last("info", lambda info: "shadow" not in info["watches"]["porch"]))
        ear.wait_for(lambda found: ("end", "model_changed") in phases(found))
        end_of(daemon)


def test_a_shadow_that_was_set_survives_a_restart_until_it_is_taken_away(
    gate: Gate, ear: Subscriber
) -> None:
    def shadow(name: str | None) -> Callable[[list[Message]], bool]:
        return last("config", lambda config: config["watches"]["porch"]["shadow"] == name)

    with gate.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        set_to(ear, "shadow", "v2")
        ear.wait_for(shadow("v2"))
        end_of(daemon)
    with gate.running() as daemon:
        configs = len(of(ear.messages, "config"))
        ear.wait_for(lambda found: len(of(found, "config")) > configs)
        assert shadow("v2")(ear.messages)
        set_to(ear, "shadow", "none")
        ear.wait_for(shadow(None))
        end_of(daemon)


def test_a_shadow_that_cannot_be_had_is_a_warning(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", (9.0, 0.0), "cat\ndog\n")
    gate.put(keys='shadow = "v2"')
    with gate.running() as daemon:
        seen = ear.wait_for(warnings("shadow_failed:porch"))
        assert '"dark"' in of(seen, "health")[-1]["details"]["shadow_failed:porch"]
        ear.wait_for(last("porch/state", is_dark))
        (gate.folder / "v2.tflite").write_bytes(b"\0\0\0\0TFL3")
        gate.reload(daemon)
        ear.wait_for(last("health", lambda h: "damaged" in h["details"]["shadow_failed:porch"]))
        set_to(ear, "shadow", "none")
        seen = ear.wait_for(warnings())
        assert of(seen, "health")[-1]["ok"]
        end_of(daemon)
    checked = edgecls("check-config", "-c", gate.file, home=gate.folder)
    assert checked.returncode == 0
    assert "porch goes on without its shadow" in checked.stderr


def test_a_model_that_cannot_be_set_is_told(gate: Gate, ear: Subscriber) -> None:
    with gate.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        (gate.folder / "v2.tflite").write_text("no model")
        set_to(ear, "model", "v2")
        seen = ear.wait_for(warnings("model_refused:porch"))
        assert "v2.tflite" in of(seen, "health")[-1]["details"]["model_refused:porch"]
        model(gate.folder / "v2.tflite", OTHER)
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        ear.wait_for(warnings())
        end_of(daemon)


def test_a_model_without_the_labels_gives_way_at_the_start(gate: Gate, ear: Subscriber) -> None:
    with gate.running() as daemon:
        gate.keeps("v1")
        end_of(daemon)
    model(gate.folder / "v1.tflite", OTHER, "cat\ndog\n")
    with gate.running() as daemon:
        assert '"dark"' in why_returned(ear)
        ear.wait_for(last("porch/state", is_dark))
        model(gate.folder / "v1.tflite", OTHER)
        gate.reload(daemon)
        ear.wait_for(reasons())
        end_of(daemon)
    gate.put(keys='groups = { dark = ["cat"] }')  # what suits no model is no model's fault
    gate.write()
    assert edgecls("run", "-c", gate.file, home=gate.folder).returncode == 78


@pytest.mark.parametrize(
    "damage", ["cut", pytest.param("gone", marks=pytest.mark.torture), "fails"]
)
def test_a_damaged_model_gives_way_to_its_copy_at_the_start(
    gate: Gate, ear: Subscriber, data: Path, damage: str
) -> None:
    file = gate.folder / "v1.tflite"
    whole = file.read_bytes()
    with gate.running() as daemon:
        gate.keeps("v1")
        end_of(daemon)
    match damage:
        case "cut":
            file.write_bytes(whole[:200])
        case "gone":
            file.unlink()
        case "fails":  # in its first load, in a process of its own
            failing = data / "models" / "unusable" / "model_invoking_error.tflite"
            file.write_bytes(failing.read_bytes())
            file.with_name("v1.labels.txt").unlink()
    if damage != "fails":
        checked = edgecls("check-config", "-c", gate.file, home=gate.folder)
        assert checked.returncode == 78
    with gate.running() as daemon:
        assert "v1.tflite" in why_returned(ear)
        ear.wait_for(last("porch/state", is_dark))
        gate.watches["yard"] = gate.watch('labels = ["dark"]', model="v2")
        gate.reload(daemon)  # something else can be changed
        ear.wait_for(last("yard/state", is_dark))
        assert reasons("model_returned:porch")(ear.messages)
        file.write_bytes(whole)
        file.with_name("v1.labels.txt").write_text("bright\ndark\n")
        gate.reload(daemon)
        ear.wait_for(reasons())
        assert phases(ear.messages) == [("start", None)]
        end_of(daemon)


@pytest.mark.torture
def test_whenever_it_is_killed_a_copy_is_whole_or_not_there(gate: Gate, data: Path) -> None:
    larger = data / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    (gate.folder / "v1.tflite").write_bytes(larger.read_bytes())
    (gate.folder / "v1.labels.txt").unlink()
    gate.watches = {"porch": 'model = "v1"'}
    for seen in ("*.csv", "porch.json"):  # what is there when it is killed
        with gate.running() as daemon:
            wait_until(lambda seen=seen: any(gate.copies.glob(seen)), seen, 60)  # type: ignore[misc]
            daemon.stop(signal.SIGKILL)
        kept = LastGood(gate.copies)
        good = kept.of("porch").good
        assert good is None or read_model(Path(kept.copy(good).file)).sha256 == good.sha256
        if seen != "porch.json":
            for file in gate.copies.iterdir():  # the next one begins anew
                file.unlink()
    assert good is not None


def test_a_taught_model_looks_along_and_is_promoted(
    gate: Gate, ear: Subscriber, data: Path
) -> None:
    base = base_of(data, "mobilenet_v1_0.25_128_quant")
    taught = taught_model(base, random_head(base), LABELS, origin_of(base), min_score=None)
    (gate.folder / "v2.tflite").write_bytes(taught)
    gate.models["v1"] = f'file = "{data}/models/mobilenet_v1_0.25_128_quant.tflite"'
    photo = (data / "images" / "photos" / "parrot.jpg").read_bytes()
    (gate.folder / "porch" / "0.png").unlink()
    (gate.folder / "porch" / "0.jpg").write_bytes(photo)
    gate.cameras = {"porch": gate.live("porch")}
    gate.watches = {"porch": 'model = "v1"\nshadow = "v2"\nshadow_every = 2'}
    with gate.running() as daemon:
        seen = ear.wait_for(has_seen("v2", 5), 60)
        info = of(seen, "info")[-1]
        assert [each.get("parent", {}).get("sha256") for each in info["models"]] == [
            None,
            base.sha256,
        ]
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        seen = ear.wait_for(last("info", lambda info: len(info["models"]) == 1))
        assert of(seen, "info")[-1]["models"][0]["parent"]["name"] == base.name
        end_of(daemon)


def test_without_a_copy_a_damaged_model_ends_the_daemon(gate: Gate) -> None:
    (gate.folder / "v1.tflite").write_text("no model")
    gate.write()
    done = edgecls("run", "-c", gate.file, home=gate.folder)
    assert done.returncode == 78
    assert "v1.tflite" in done.stderr


def proved(gate: Gate, ear: Subscriber) -> None:
    """Wait until the model in force is good, and remembered as such."""
    gate.keeps("v1")
    ear.wait_for(last("porch/state", is_dark))


def test_what_is_more_ambiguous_gives_its_place_back(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", BLUNT)
    with gate.running() as daemon:
        proved(gate, ear)
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        ear.wait_for(runs("v1"))
        why = why_returned(ear)
        assert why.startswith("v2 found 100% of ")
        assert "v1 0% of" in why
        ear.wait_for(last("porch/state", is_dark))
        end_of(daemon)
    checked = edgecls("check-config", "-c", gate.file, home=gate.folder)
    assert "fine" in checked.stderr
    assert "the daemon runs its last good model, v1: v2 found 100% of" in checked.stderr
    with gate.running() as daemon:  # it is not tried again
        online = len(of(ear.messages, "info"))
        ear.wait_for(lambda found: len(of(found, "info")) > online)
        assert reasons("model_returned:porch")(ear.messages)
        assert runs("v1")(ear.messages)
        model(gate.folder / "v2.tflite", OTHER)
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        ear.wait_for(reasons())
        gate.keeps("v2")
        assert "v2 has passed its trial" in end_of(daemon)


def test_a_model_that_was_refused_is_tried_again_when_it_is_set_again(
    gate: Gate, ear: Subscriber
) -> None:
    model(gate.folder / "v2.tflite", BLUNT)
    with gate.running() as daemon:
        proved(gate, ear)
        for times in (1, 2):
            set_to(ear, "model", "v2")
            ear.wait_for(
                lambda found: [each["watches"]["porch"]["model"] for each in of(found, "config")]
                .count("v2") == times  # noqa: B023
            )  # fmt: skip
            ear.wait_for(runs("v1"))
        set_to(ear, "model", "v1")
        ear.wait_for(reasons())
        end_of(daemon)


def test_a_replaced_file_is_returned_by_what_is_in_it(gate: Gate, ear: Subscriber) -> None:
    file = gate.folder / "v1.tflite"
    with gate.running() as daemon:
        proved(gate, ear)
        model(file, BLUNT)
        gate.reload(daemon)
        ear.wait_for(reasons("model_returned:porch"))
        ear.wait_for(last("porch/state", is_dark))
        end_of(daemon)
    with gate.running() as daemon:  # the same bad file is not tried again
        infos = len(of(ear.messages, "info"))
        ear.wait_for(lambda found: len(of(found, "info")) > infos)
        assert reasons("model_returned:porch")(ear.messages)
        model(file, OTHER)
        gate.reload(daemon)
        ear.wait_for(reasons())
        assert "has passed its trial" not in end_of(daemon)


def test_under_other_rules_both_are_judged_by_them(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", BLUNT)
    with gate.running() as daemon:
        proved(gate, ear)
        gate.put("v2", decision="min_score = 0.65")
        gate.reload(daemon)
        why = why_returned(ear)
        assert "v1 0% of" in why
        end_of(daemon)


def test_where_the_old_model_would_do_no_better_the_new_one_stays(
    gate: Gate, ear: Subscriber
) -> None:
    model(gate.folder / "v2.tflite", OTHER)
    with gate.running() as daemon:
        proved(gate, ear)
        # What both are sure of by 0.9999 is not enough any more: as if night had fallen.
        gate.put("v2", decision="min_score = 1.0")
        gate.reload(daemon)
        gate.keeps("v2")
        said = end_of(daemon)
    assert "v1 looks along for a while" in said
    assert "v2 has passed its trial (ambiguous: 100% of" in said
    assert not any(each["reasons"] for each in of(ear.messages, "health"))


def test_other_rules_in_the_middle_of_a_trial_do_not_end_it(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", BLUNT)
    with gate.running() as daemon:
        proved(gate, ear)
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        set_to(ear, "min_score", "0.7")
        ear.wait_for(runs("v1"))
        seen = ear.wait_for(reasons("model_returned:porch"))
        assert of(seen, "config")[-1]["watches"]["porch"]["min_score"] == 0.7
        end_of(daemon)


@pytest.mark.torture
def test_a_trial_goes_on_after_a_crash(gate: Gate, ear: Subscriber) -> None:
    gate.cameras["porch"] = gate.cameras["porch"].replace("200", "100")
    model(gate.folder / "v2.tflite", BLUNT)
    with gate.running() as daemon:
        proved(gate, ear)
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        gate.notes('"tried"')
        daemon.stop(signal.SIGKILL)
    assert runs("v2")(ear.messages)
    with gate.running() as daemon:
        ear.wait_for(runs("v1"))
        ear.wait_for(reasons("model_returned:porch"))
        end_of(daemon)


def test_a_model_that_fails_in_use_gives_its_place_back(gate: Gate, ear: Subscriber) -> None:
    failing_model(gate.folder / "v2.tflite")
    with gate.running() as daemon:
        proved(gate, ear)
        set_to(ear, "model", "v2")
        why = why_returned(ear)
        assert "Embedding Lookup: index out of bounds" in why
        ear.wait_for(last("porch/state", is_dark))
        assert "none" in [state["label"] for state in of(ear.messages, "porch/state")]
        told = [("start", None), ("end", "model_changed"), ("start", None)]
        ear.wait_for(lambda found: phases(found) == told)
        end_of(daemon)
    gate.put(model="v2", keys="ambiguity_band = 1")
    with gate.running() as daemon:  # nor is it tried again where the file names it
        births = len(of(ear.messages, "health"))
        ear.wait_for(lambda found: len(of(found, "health")) > births)
        assert runs("v1")(ear.messages)
        assert reasons("model_returned:porch")(ear.messages)
        end_of(daemon)


def test_before_there_is_a_good_one_the_model_before_comes_back(
    gate: Gate, ear: Subscriber
) -> None:
    failing_model(gate.folder / "v2.tflite")
    gate.cameras = {"porch": gate.live("porch")}
    with gate.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        set_to(ear, "model", "v2")
        ear.wait_for(reasons("model_returned:porch"))
        ear.wait_for(runs("v1"))
        ear.wait_for(last("porch/state", is_dark))
        end_of(daemon)


@pytest.mark.torture
def test_a_model_that_takes_the_process_along_is_not_started_for_ever(
    gate: Gate, ear: Subscriber
) -> None:
    with gate.running() as daemon:
        proved(gate, ear)
        end_of(daemon)
    model(gate.folder / "v2.tflite", OTHER)
    gate.cameras = {"porch": gate.live("porch")}
    gate.put(model="v2", keys="ambiguity_band = 1")

    with gate.running() as daemon:
        gate.notes('"ended": 1')
        end_of(daemon)  # in order: nothing is to blame
    assert '"ended": 0' in (gate.copies / "porch.json").read_text()
    for ended in (1, 2, 3):
        with gate.running() as daemon:
            gate.notes(f'"ended": {ended}')
            daemon.stop(signal.SIGKILL)
    with gate.running() as daemon:
        ear.wait_for(runs("v1"))
        why = why_returned(ear)
        assert why == (
            "3 processes in a row ended while the new model was on trial; "
            "the last good model, v1, runs in its place"
        )
        set_to(ear, "model", "v2")
        ear.wait_for(reasons())
        ear.wait_for(runs("v2"))
        end_of(daemon)


@pytest.mark.torture
def test_a_shadow_that_takes_the_process_along_is_not_loaded_for_ever(
    gate: Gate, ear: Subscriber
) -> None:
    """While it is new, and where no model is good yet."""
    fast, gate.cameras = gate.cameras, {"porch": gate.live("porch")}
    gate.put(keys='shadow = "v2"\nshadow_every = 1000')
    for ended in (1, 2, 3):
        with gate.running() as daemon:
            wait_until((gate.copies / "porch.json").exists, "a note", PATIENCE_S)
            gate.notes(f'"ended": {ended}')
            daemon.stop(signal.SIGKILL)
    assert not list(gate.copies.glob("*.tflite"))
    gate.cameras = fast
    gate.put(keys='shadow = "v2"\nshadow_every = 1')
    with gate.running() as daemon:
        seen = ear.wait_for(warnings("shadow_failed:porch"))
        why = of(seen, "health")[-1]["details"]["shadow_failed:porch"]
        assert why == (
            "3 processes in a row ended while the shadow, v2, was new: "
            "it is not loaded; set/shadow tries it again, as does another file"
        )
        ear.wait_for(last("porch/state", is_dark))
        gate.watches["yard"] = gate.watch(model="camera_health_v1")
        gate.reload(daemon)
        ear.wait_for(last("info", lambda info: "yard" in info["watches"]))
        assert warnings("shadow_failed:porch")(ear.messages)
        set_to(ear, "shadow", "v2")
        ear.wait_for(warnings())
        ear.wait_for(has_seen("v2", 300))
        gate.notes('"harmless": true')
        daemon.stop(signal.SIGKILL)
    noted = (gate.copies / "porch.json").read_bytes()
    with gate.running() as daemon:
        infos = len(of(ear.messages, "info"))
        ear.wait_for(lambda found: len(of(found, "info")) > infos)
        ear.wait_for(last("info", lambda info: info["watches"]["porch"].get("shadow") == "v2"))
        daemon.stop(signal.SIGKILL)
    assert (gate.copies / "porch.json").read_bytes() == noted


def test_a_start_does_not_wait_for_a_shadow(gate: Gate) -> None:
    gate.put(keys='shadow = "v2"')
    gate.write()
    config = replace(load(gate.file), device=DeviceSettings(state_dir=str(gate.folder / "s")))
    live = Daemon(replace(config, mqtt=None), Signals()).running.watches["porch"]
    assert live.wants_shadow
    file = CameraSettings(source="dir:porch/?fps=5")
    gone_through = replace(config, mqtt=None, cameras={"porch": file})
    watch = Daemon(gone_through, Signals()).running.watches["porch"]
    assert watch.shadow is not None


def test_a_reload_does_not_end_a_trial_and_a_wide_band_does(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", BLUNT)
    with gate.running() as daemon:
        proved(gate, ear)
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        gate.watches["yard"] = gate.watch(model="camera_health_v1")
        gate.reload(daemon)
        ear.wait_for(reasons("model_returned:porch"))
        gate.put(keys="ambiguity_band = 1")
        gate.reload(daemon)  # what was refused is tried once more, too
        ear.wait_for(runs("v2"))
        gate.keeps("v2")
        assert reasons()(ear.messages)
        end_of(daemon)


def test_two_watches_of_one_file_decide_for_themselves(gate: Gate, ear: Subscriber) -> None:
    gate.watches["yard"] = gate.watch('labels = ["dark"]\nambiguity_band = 1', model="v1")
    with gate.running() as daemon:
        proved(gate, ear)
        ear.wait_for(last("yard/state", is_dark))
        model(gate.folder / "v1.tflite", BLUNT)
        gate.reload(daemon)
        ear.wait_for(reasons("model_returned:porch"))
        ear.wait_for(last("porch/state", is_dark))
        seen = ear.wait_for(last("info", lambda info: len(info["models"]) == 2))
        files = [each["sha256"] for each in of(seen, "info")[-1]["models"]]
        assert len(set(files)) == 2
        ear.wait_for(last("yard/state", lambda state: state["label"] == "none"))
        end_of(daemon)


def test_without_a_disk_the_model_in_memory_comes_back(gate: Gate, ear: Subscriber) -> None:
    model(gate.folder / "v2.tflite", BLUNT)
    gate.copies.parent.mkdir(parents=True)
    gate.copies.write_text("where a folder should be")
    with gate.running() as daemon:
        ear.wait_for(lambda found: classified(found) > 400)
        (gate.folder / "v1.tflite").unlink()
        set_to(ear, "model", "v2")
        ear.wait_for(runs("v2"))
        ear.wait_for(runs("v1"))
        ear.wait_for(reasons("model_returned:porch"))
        assert "no copy of the last good model can be kept" in end_of(daemon)


def test_a_copy_goes_with_its_watch(gate: Gate, ear: Subscriber) -> None:
    with gate.running() as daemon:
        proved(gate, ear)
        gate.watches = {"yard": gate.watch('labels = ["dark"]', model="v2")}
        gate.reload(daemon)
        wait_until(lambda: not (gate.copies / "porch.json").exists(), "no copy")
        wait_until((gate.copies / "yard.json").exists, "a copy of the other")
        assert len(list(gate.copies.glob("*.tflite"))) == 1
        end_of(daemon)


def test_a_file_that_is_gone_through_proves_nothing(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.cameras = {"porch": 'source = "dir:porch/?loop=true"'}
    gate.write()
    with Running("run", "-c", gate.file, "--frames", 400, home=tmp_path) as daemon:
        assert daemon.end()[0] == 0
    assert not gate.copies.exists()
