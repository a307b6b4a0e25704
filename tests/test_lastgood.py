"""Copies of models that have proved themselves: whole on disk, or as they were before."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgecls.errors import ModelError
from edgecls.good import Beside, Good, Known, Refused, Tried
from edgecls.lastgood import LastGood
from edgecls.settings import ModelSettings
from edgecls.trial import Share
from edgecls.vision import whole
from edgecls.vision.engine import Engine
from tests.vision.tiny import tiny_model

LABELS = ["class, with a comma", '"quoted"']


def good(folder: Path, name: str, bias: float = 1.0, **settings: object) -> Good:
    file = tiny_model(folder / f"{name}.tflite", [0.0, 0.0], [0.0, bias], endings=["SOFTMAX"])
    engine = Engine(file, labels=LABELS)
    return Good.of(name, ModelSettings(file=str(file), **settings), engine)  # type: ignore[arg-type]


def files(folder: Path) -> list[str]:
    return sorted(each.name.partition("-")[2] or each.name for each in folder.iterdir())


def test_what_was_kept_is_loaded_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    before = LastGood(folder)
    first = good(tmp_path, "v1", threads=1, mean=(1.0,), std=(2.0,))
    before.tries("porch", first, Tried("ab" * 32, Share(500, 20)))
    before.save(["porch"])
    after = LastGood(folder)
    known = after.of("porch")
    assert known.good == first
    assert known.tried == Tried("ab" * 32, Share(500, 20))
    assert known.good is not None
    settings = after.copy(known.good)
    assert (settings.mean, settings.std) == ((1.0,), (2.0,))
    copy = Engine(settings.file, labels_file=settings.labels_file)
    assert (copy.model.sha256, list(copy.labels)) == (first.sha256, LABELS)


def test_what_was_refused_is_known_as_it_was(tmp_path: Path) -> None:
    before = LastGood(tmp_path / "copies")
    before.proved("porch", good(tmp_path, "v1"))
    for refused in (Refused("ab", "worse", Share(100, 0)), Refused("ab", "broke", None, True)):
        before.refuse("porch", refused)
        before.save(["porch"])
        assert LastGood(tmp_path / "copies").refusal("porch", "ab") == refused


def test_a_model_may_have_as_long_a_name_as_a_file(tmp_path: Path) -> None:
    kept, first = LastGood(tmp_path / "copies"), good(tmp_path, "猫" * 80)
    kept.proved("porch", first)
    kept.save(["porch"])
    assert LastGood(tmp_path / "copies").of("porch").good == first


def test_there_is_one_copy_for_each_watch_and_none_without(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    kept = LastGood(folder)
    first, second = good(tmp_path, "v1"), good(tmp_path, "v2", 2.0)
    for watch in ("porch", "yard"):
        kept.proved(watch, first)
    kept.save(["porch", "yard"])
    assert files(folder) == ["porch.json", "v1.labels.csv", "v1.tflite", "yard.json"]
    kept.proved("porch", second)
    kept.save(["porch"])
    assert files(folder) == ["porch.json", "v2.labels.csv", "v2.tflite"]
    kept.save([])
    assert files(folder) == []


def test_the_same_again_is_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    kept = LastGood(folder)
    kept.proved("porch", good(tmp_path, "v1"))
    kept.save(["porch"])
    written = {each: each.stat().st_mtime_ns for each in folder.iterdir()}
    again = LastGood(folder)
    again.proved("porch", good(tmp_path, "v1"))
    again.save(["porch"])
    assert {each: each.stat().st_mtime_ns for each in folder.iterdir()} == written


def test_the_last_room_of_a_disk_is_not_for_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first = tmp_path / "copies", good(tmp_path, "v1")
    assert first.engine is not None
    free = 2 * len(first.engine.model.content) - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    kept = LastGood(folder)
    kept.proved("porch", first)
    kept.save(["porch"])
    assert files(folder) == ["v1.labels.csv"]
    monkeypatch.undo()
    monkeypatch.setattr("edgecls.lastgood._RETRY_S", 0.0)
    again = LastGood(folder)
    again.proved("porch", first)
    again.save(["porch"])
    assert "v1.tflite" in files(folder)


@pytest.mark.parametrize("damage", ["cut", "gone", "no labels", "other labels"])
def test_a_copy_that_was_damaged_is_made_anew_when_the_model_proves_itself_again(
    tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "copies"
    kept, first = LastGood(folder), good(tmp_path, "v1")
    kept.proved("porch", first)
    kept.save(["porch"])
    copy, labels = (folder / name for name in first.files)
    whole, beside = copy.read_bytes(), labels.read_bytes()
    match damage:
        case "cut":
            copy.write_bytes(whole[:100])
        case "gone":
            copy.unlink()
        case "no labels":
            labels.unlink()
        case "other labels":
            labels.write_bytes(beside.replace(b"class", b"glass"))
    again = LastGood(folder)
    again.proved("porch", first)
    again.save(["porch"])
    assert (copy.read_bytes(), labels.read_bytes()) == (whole, beside)


def test_a_model_that_ends_three_processes_in_a_row_is_not_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    kept = LastGood(folder)
    kept.proved("porch", good(tmp_path, "v1"))
    kept.save(["porch"])

    def begin(sha256: str) -> LastGood:
        process = LastGood(folder)
        process.begins("porch", sha256)
        process.save(["porch"])
        return process

    begin("ab")
    begin("ab").ends_in_order()  # and dies before it can be saved
    begin("ab")
    refusal = LastGood(folder).refusal("porch", "ab")
    assert refusal is not None
    assert "3 processes" in refusal.why
    assert refusal.failed
    begin("cd")  # another one begins anew
    assert LastGood(folder).refusal("porch", "cd") is None


def test_whoever_ends_in_order_or_is_good_is_not_to_blame(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    kept, first = LastGood(folder), good(tmp_path, "v1")
    kept.proved("porch", first)
    kept.tries("porch", first, Tried("ab", Share(100, 3), ended=1))
    for _ in range(3):
        kept.begins("porch", "ab")
        kept.begins("porch", first.sha256)
    kept.ends_in_order()
    kept.save(["porch"])
    assert LastGood(folder).of("porch").tried == Tried("ab", Share(100, 3))
    assert LastGood(folder).refusal("porch", "ab") is None


def begins(folder: Path, sha256: str = "ab", *, anew: bool = False) -> LastGood:
    """A process that loads this shadow, and may die at any time."""
    process = LastGood(folder)
    process.shadow_begins("porch", "v2", sha256, anew=anew)
    return process


def test_a_shadow_that_ends_three_processes_in_a_row_is_not_loaded_again(tmp_path: Path) -> None:
    """Also where no model is good yet. It is the same one however often a process loads it."""
    for _ in range(3):
        begins(tmp_path).shadow_begins("porch", "v2", "ab")
    for _ in range(2):
        after = LastGood(tmp_path)
        with pytest.raises(ModelError, match=r"3 processes .* the shadow, v2, .* set/shadow tries"):
            after.shadow_begins("porch", "v2", "ab")
        after.ends_in_order()
        after.save(["porch"])
    begins(tmp_path, anew=True)
    assert LastGood(tmp_path).of("porch").beside == Beside("ab", 1)


def test_another_file_and_another_watch_are_tried_though_a_shadow_is_to_blame(
    tmp_path: Path,
) -> None:
    for _ in range(3):
        begins(tmp_path)
    LastGood(tmp_path).shadow_begins("yard", "v2", "ab")
    begins(tmp_path, "cd")
    assert LastGood(tmp_path).of("porch").beside == Beside("cd", 1)
    begins(tmp_path, "ab").no_shadow("porch")
    assert LastGood(tmp_path).of("porch").beside == Beside("ab", 1)


def test_a_shadow_is_not_to_blame_for_an_orderly_end_or_once_it_is_harmless(tmp_path: Path) -> None:
    for _ in range(2):
        begins(tmp_path)
    process = begins(tmp_path)
    process.ends_in_order()
    process.save(["porch"])
    assert LastGood(tmp_path).of("porch").beside == Beside("ab", 0)
    process = begins(tmp_path)
    process.shadow_is_harmless("porch", "cd")  # the one before it
    process.save(["porch"])
    assert LastGood(tmp_path).of("porch").beside == Beside("ab", 1)
    process.shadow_is_harmless("porch", "ab")
    process.save(["porch"])
    written = (tmp_path / "porch.json").stat().st_mtime_ns
    for _ in range(5):
        begins(tmp_path, anew=True).save(["porch"])
    assert LastGood(tmp_path).of("porch").beside == Beside("ab", 0, harmless=True)
    assert (tmp_path / "porch.json").stat().st_mtime_ns == written


def test_what_is_known_of_a_shadow_stays_whatever_the_models_come_to(tmp_path: Path) -> None:
    kept, first = begins(tmp_path / "copies"), good(tmp_path, "v1")
    kept.proved("porch", first)
    kept.begins("porch", "cd")
    kept.refuse("porch", Refused("cd", "worse", None))
    kept.forgive("porch")
    kept.tries("porch", first, Tried("cd", None, ended=3))
    kept.save(["porch"])
    known = LastGood(tmp_path / "copies").of("porch")
    assert known.beside == Beside("ab", 1)
    assert known.refused is not None  # to blame: both may be


@pytest.mark.parametrize(
    "beside",
    ["much", {}, {"sha256": "ab"}, {"sha256": "ab", "ended": -1, "harmless": False},
     {"sha256": "ab", "ended": 10**400, "harmless": False},
     {"sha256": "ab", "ended": 3, "harmless": "no"}],
)  # fmt: skip
def test_a_damaged_note_of_a_shadow_costs_nothing_else(tmp_path: Path, beside: object) -> None:
    folder = tmp_path / "copies"
    kept, first = LastGood(folder), good(tmp_path, "v1")
    kept.proved("porch", first)
    kept.save(["porch"])
    file = folder / "porch.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "beside": beside}))
    assert LastGood(folder).of("porch") == Known(first)
    begins(folder)


@pytest.mark.parametrize("baseline", [[0, 5], [-3, -5], [10**400, 1], [1], "many"])
def test_a_share_that_cannot_be_is_not_known(tmp_path: Path, baseline: object) -> None:
    tried = {"sha256": "ab", "baseline": baseline}
    (tmp_path / "porch.json").write_text(json.dumps({"tried": tried}))
    assert LastGood(tmp_path).of("porch") == Known()


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_whenever_the_disk_fails_what_was_there_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """As many files are written as there is room for; the last one only by half."""
    folder = tmp_path / "copies"
    kept, first, second = LastGood(folder), good(tmp_path, "v1"), good(tmp_path, "v2", 2.0)
    kept.proved("porch", first)
    kept.save(["porch"])
    left = iter([True] * writes)

    def write(file: Path, content: bytes) -> None:
        if next(left, False):
            whole.write_whole(file, content)
        else:
            file.with_name(f"{file.name}.new").write_bytes(content[:10])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgecls.copies.write_whole", write)
    kept.proved("porch", second)
    kept.save(["porch"])
    assert not list(folder.glob("*.new"))
    found = LastGood(folder)
    assert found.of("porch").good == first
    monkeypatch.undo()
    monkeypatch.setattr("edgecls.lastgood._RETRY_S", 0.0)
    found.proved("porch", second)
    found.save(["porch"])
    assert files(folder) == ["porch.json", "v2.labels.csv", "v2.tflite"]


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", '{"good": 3}', '{"good": {"model": "v1"}}', "\xff", "[" * 100_000,
     json.dumps({"good": {"model": "v1", "sha256": "a", "network": "a",
                          "settings": {"file": "../v1.tflite", "labels_file": "x.csv"}}}),
     json.dumps({"good": {"model": "v1", "sha256": "a", "network": "a",
                          "settings": {"file": "v1.tflite", "threads": "many"}}})],
)  # fmt: skip
def test_what_cannot_be_understood_is_not_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "porch.json").write_text(text, "latin-1")
    assert LastGood(tmp_path).of("porch").good is None


def test_a_refusal_is_of_one_file_and_needs_a_good_one(tmp_path: Path) -> None:
    kept = LastGood(None)
    kept.refuse("porch", Refused("ab", "worse", Share(100, 0)))
    assert kept.refusal("porch", "ab") is None
    kept.proved("porch", good(tmp_path, "v1"))
    worse = Refused("ab", "worse", Share(100, 0))
    kept.refuse("porch", worse)
    assert kept.refusal("porch", "ab") == worse
    assert kept.refusal("porch", "cd") is None
    assert kept.earlier("porch") == Share(100, 0)
    kept.forgive("porch")
    assert kept.refusal("porch", "ab") is None
