"""Copies of models that have proved themselves: whole on disk, or as they were before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecls.good import Good, Refused, Tried
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

    monkeypatch.setattr("edgecls.lastgood.write_whole", write)
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
    kept.refuse("porch", Refused("ab", "worse", Share(100, 0)))
    assert kept.refusal("porch", "ab") == "worse"
    assert kept.refusal("porch", "cd") is None
    assert kept.earlier("porch") == Share(100, 0)
    kept.forgive("porch")
    assert kept.refusal("porch", "ab") is None
