"""A base is run in a process of its own before this one trusts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.errors import ModelError
from edgecls.settings import ModelSettings
from edgecls.teaching.base import read_base
from edgecls.teaching.first_run import first_run
from edgecls.vision import first_load
from tests.programs import edgecls
from tests.teaching.bases import small_base
from tests.teaching.nets import net
from tests.teaching.photos import collected


def crashing(path: Path) -> Path:
    """A classifier whose first layer has no weights: the runtime looks for them all the same."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    net(path, ("CONV_2D", 8), ("CONV_2D", 16), ("MEAN",), ("FULLY_CONNECTED", 4), ("SOFTMAX",))
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    model.subgraphs[0].operators[0].inputs = [0, -1, -1]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def test_a_base_that_kills_the_runtime_is_refused_in_a_sentence(data: Path, tmp_path: Path) -> None:
    base = crashing(tmp_path / "base.tflite")
    folder = collected(data, tmp_path / "pets", 2)
    done = edgecls("teach", folder, "--base", base, "-o", tmp_path / "x.tflite", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edgecls teach: {base}: c")  # crashes, or cannot be run: as it happens
    assert not list(tmp_path.glob("*x.tflite*"))


def test_what_went_well_is_remembered_beside_the_cache(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = small_base(data)
    settings = ModelSettings(file=str(base.reading.model.path))
    first_run(base, settings, tmp_path / "edgecls/embeddings")
    assert len((tmp_path / "edgecls/loaded").read_text().splitlines()) == 1

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(first_load, "run_apart", refuse)
    first_run(base, settings, tmp_path / "edgecls/embeddings")
    with pytest.raises(ModelError, match="no more processes"):
        first_run(base, settings, None)


def test_a_base_runs_with_its_settings(data: Path) -> None:
    file = str(data / "models/mobilenet_v1_0.25_128.tflite")
    settings = ModelSettings(file=file, mean=(1.0, 2.0, 3.0), std=127.5, delegate="cpu")
    first_run(read_base(settings), settings, None)
