"""The catalogue that ships is right about every file that can be checked here."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path, PosixPath
from urllib.parse import urlsplit

import pytest

from edgecls.catalogue import (
    Entry,
    Published,
    entries,
    entry_of,
    find_model,
    pair_of,
    user_models,
)
from edgecls.errors import ModelError
from edgecls.pulling.choice import destination
from edgecls.vision.model_file import read_model

EVERY = list(entries().values())
LABELS = [entry.labels for entry in EVERY if isinstance(entry.labels, Published)]


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.name)
def test_an_entry_names_its_bytes_and_where_they_are(entry: Entry) -> None:
    files = [entry.file, entry.labels] if isinstance(entry.labels, Published) else [entry.file]
    for file in files:
        assert len(bytes.fromhex(file.sha256)) == 32
        address = urlsplit(file.address or file.page)
        assert address.scheme == "https"
        # What a branch holds changes; what a commit or a dated archive holds does not.
        assert not file.address or not {"master", "main", "latest"} & {*file.address.split("/")}
    assert (entry.top1 is None) == (entry.figures is None)
    assert entry.licence


def test_pairs_name_each_other() -> None:
    for entry in EVERY:
        if entry.cpu is not None:
            assert entries()[entry.cpu].edge_tpu == entry.name
            assert entries()[entry.cpu].input == entry.input
        if entry.edge_tpu is not None:
            assert entries()[entry.edge_tpu].cpu == entry.name


def test_the_test_data_are_the_published_files(data: Path) -> None:
    """Of a model: its size, its input and its labels too."""
    checked = 0
    for path in sorted((data / "models").glob("*.tflite")):
        entry = entry_of(hashlib.sha256(path.read_bytes()).hexdigest())
        if entry is None:
            continue
        model = read_model(path)
        assert entry.file.size == len(model.content)
        size = f"{model.width}x{model.height}x{model.channels} {model.input.dtype}"
        assert entry.input == size
        assert (entry.labels is None) == (model.metadata.labels is not None)
        assert entry.cpu is None or model.edge_tpu
        checked += 1
    assert checked == 12


def test_the_label_files_of_the_test_data_are_the_published_ones(data: Path) -> None:
    here = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path.stat().st_size
        for path in (data / "labels").iterdir()
    }
    known = {file.sha256: file.size for file in LABELS if file.sha256 in here}
    assert len(known) == 2
    assert all(here[sha256] == size for sha256, size in known.items())


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("mobilenet_v2_1.0_224_quant_edgetpu", "mobilenet_v2_1.0_224_quant"),
        ("my_flowers_edgetpu", "my_flowers"),
        ("mobilenet_v2_1.0_224_quant", None),
        ("mobilenet_edgetpu_0.75_224_post_training_quant", None),
    ],
)
def test_the_pair_of_a_compiled_model(name: str, pair: str | None) -> None:
    assert pair_of(name) == pair


@pytest.mark.parametrize(
    ("model", "folder", "said"),
    [
        ("vww_96_int8", "/home/me", "with: edgecls models pull vww_96_int8"),
        ("vww_96_int8", "/etc/edgecls", "with: sudo edgecls models pull vww_96_int8"),
        ("vww_96_int", "/", "is not installed; did you mean 'vww_96_int8'?"),
    ],
)
def test_a_model_that_is_not_installed_says_what_fetches_it(
    model: str, folder: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("edgecls.catalogue.SYSTEM_MODELS", tmp_path)
    with pytest.raises(ModelError) as caught:
        find_model(model, Path(folder))
    assert said in str(caught.value)


class Closed(PosixPath):
    """A folder of somebody else's."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))


def test_where_models_are_not_for_us_to_see_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for place in ("edgecls.catalogue", "edgecls.pulling.choice"):
        monkeypatch.setattr(f"{place}.SYSTEM_MODELS", Closed(tmp_path / "system"))
    with pytest.raises(ModelError, match="where you may look"):
        find_model("vww_96_int8", tmp_path)
    assert find_model("camera_health_v1", tmp_path).is_file()
    assert destination() == user_models()
