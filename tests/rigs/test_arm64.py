"""The Debian package for the Pi: what is in it runs on arm64, and says what it says here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecls import Classifier
from tests.rigs.board import package

pytestmark = pytest.mark.rig

SUITE = "bookworm"
# Integers are rounded otherwise by the kernels for ARM: 5 steps of 1/256 were seen between the same
# pixels, 11 between the same photos, which two releases of OpenCV make smaller.
TOLERANCES = {"mobilenet_v2_1.0_224_quant": 16 / 256, "mobilenet_v1_0.25_128": 4 / 256}

Run = Callable[..., str]


@pytest.fixture(scope="module")
def on_arm64(
    rigs: Path, rig_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """Runs a program where the package is unpacked; files given lie there under the same path."""
    root = rig_cache / f"arm64-{SUITE}"
    make = ["bash", str(rigs / "arm64" / "make-root"), str(root), SUITE]
    made = subprocess.run(make, capture_output=True, text=True, timeout=900, check=False)
    if made.returncode:
        pytest.skip(f"the rig cannot be made: {made.stderr.strip().splitlines()[-1:]}")
    chroot = ["bash", str(rigs / "arm64" / "run")]
    deb = package(root, tmp_path_factory.mktemp("packages"), " ".join(chroot))
    unpacked = root / "opt" / "edgecls"

    def run(*words: str, files: tuple[Path, ...] = ()) -> str:
        for file in files:
            shutil.copy(file, root / "tmp")
        done = subprocess.run(
            [*chroot, str(root), *words], capture_output=True, text=True, check=True, timeout=300
        )
        return done.stdout

    try:
        tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
        only = ["tar", "-C", str(root), "-xf", "-", "./opt"]
        subprocess.run(only, stdin=tar.stdout, check=True)
        tar.communicate()
        yield run
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


@pytest.mark.parametrize("model", TOLERANCES)
def test_it_sees_the_same_in_a_photo(on_arm64: Run, data: Path, model: str) -> None:
    photos = tuple(sorted((data / "images" / "photos").glob("*.jpg")))[:3]
    file = data / "models" / f"{model}.tflite"
    told = on_arm64(
        "/opt/edgecls/bin/edgecls", "classify", *(f"/tmp/{photo.name}" for photo in photos),
        "-m", f"/tmp/{file.name}", "--json", files=(*photos, file),
    )  # fmt: skip
    answers: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    assert len(answers) == 3
    with Classifier(file) as here:
        for photo, there in zip(photos, answers, strict=True):
            top = here.classify(photo).top
            assert there["top"][0]["index"] == top[0].index
            scores = {each.index: each.score for each in top}
            seen = {each["index"]: each["score"] for each in there["top"]}
            for index in scores.keys() | seen.keys():  # who is fifth may be a matter of a step
                difference = abs(seen.get(index, 0) - scores.get(index, 0))
                assert difference <= TOLERANCES[model]
