"""`edgecls teach` as a person meets it: photos in, a model that everything here can use out."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from edgecls import Classifier
from edgecls.config import parse
from edgecls.errors import EdgeclsError
from edgecls.service.install import hidden
from edgecls.teaching.placing import may_be_put, put
from edgecls.vision.engine import Engine
from edgecls.vision.provenance import read_provenance
from tests.brokers import wait_until
from tests.programs import TIMEOUT_S, Running, edgecls, environment, json_lines
from tests.teaching.photos import collected, photos_of
from tests.torture.disk import file_system

SMALL = "mobilenet_v1_0.25_128_quant"
HELD_OUT = slice(20, 30)  # photos that no test teaches


def teach(
    folder: Path, base: Path, target: Path, *options: str, home: Path
) -> subprocess.CompletedProcess[str]:
    return edgecls("teach", folder, "--base", base, "-o", target, *options, home=home)


@pytest.fixture(scope="module")
def base(data: Path) -> Path:
    return data / f"models/{SMALL}.tflite"


@pytest.fixture(scope="module")
def school(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pets`, ten photos of three kinds each."""
    folder = tmp_path_factory.mktemp("school")
    collected(data, folder / "pets", 10, ("bird", "dog", "food"))
    return folder


@pytest.fixture(scope="module")
def lesson(school: Path, base: Path) -> dict[str, Any]:
    """What was said of teaching them."""
    done = teach(school / "pets", base, school / "pets.tflite", "--json", home=school)
    assert done.returncode == 0, done.stderr
    (said,) = json_lines(done.stdout)
    return said


def test_it_says_what_was_taught_and_how_right_it_is(
    lesson: dict[str, Any], school: Path, base: Path
) -> None:
    assert lesson["labels"] == {"bird": 10, "dog": 10, "food": 10}
    assert (lesson["images"], lesson["unreadable"], lesson["resize"]) == (30, 0, "crop")
    assert lesson["base"]["name"] == SMALL
    held_out = lesson["held_out"]
    low, high = held_out["accuracy_interval"]
    assert 0 < low < held_out["accuracy"] < high < 1
    assert held_out["accuracy"] > 0.6
    assert sum(map(sum, held_out["confusion"])) == held_out["images"]
    wrong = sum(sum(row) for row in held_out["confusion"]) - sum(
        held_out["confusion"][each][each] for each in range(3)
    )
    assert len(held_out["mistakes"]) == wrong
    assert {"curve", "per_label", "top1"} <= set(held_out)
    origin = read_provenance((school / "pets.tflite").read_bytes())
    assert origin is not None
    assert (origin.parent, dict(origin.pictures)) == (SMALL, lesson["labels"])


def test_the_model_knows_photos_it_was_not_taught(
    lesson: dict[str, Any], school: Path, data: Path
) -> None:
    right = 0
    with Classifier(school / "pets.tflite") as classifier:
        for kind in lesson["labels"]:
            for photo in photos_of(data, kind)[HELD_OUT]:
                right += classifier.classify(photo).top[0].label == kind
    assert right >= 20  # of 30


def test_the_other_commands_take_the_model(
    lesson: dict[str, Any], school: Path, data: Path
) -> None:
    model, photo = school / "pets.tflite", photos_of(data, "dog")[0]
    said = edgecls("classify", photo, "-m", model, "--json", home=school)
    assert json_lines(said.stdout)[0]["top"][0]["label"] == "dog"
    said = edgecls("evaluate", school / "pets", "-m", model, "--json", home=school)
    (figures,) = json_lines(said.stdout)
    assert figures["top1"] > lesson["held_out"]["accuracy"]  # it was taught these
    said = edgecls("models", "info", model, home=school)
    assert said.returncode == 0
    assert SMALL in said.stdout


def test_the_configuration_it_prints_runs_and_is_right(
    school: Path, base: Path, data: Path, tmp_path: Path
) -> None:
    done = teach(school / "pets", base, tmp_path / "pets.tflite", home=school)
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    assert f"pets.tflite: 3 labels, 30 pictures, on {SMALL}\n" in done.stdout
    told = done.stdout[done.stdout.index("[models.") :]
    assert tomllib.loads(told)["watches"]["pets"]["labels"] == ["bird", "dog", "food"]
    assert "# a new watch; --watch NAME prints what changes of one that is there" in told
    where = hidden(tmp_path)
    assert ("the service sees nothing in" in done.stdout) == (where is not None)
    (tmp_path / "frames").mkdir()
    for number in range(8):
        shutil.copy(photos_of(data, "food")[0], tmp_path / f"frames/{number}.jpeg")
    config = tmp_path / "edgecls.toml"
    config.write_text(f'[cameras.porch]\nsource = "dir:{tmp_path}/frames"\n{told}')
    parse(config.read_text(), tmp_path)
    ran = edgecls("run", "-c", config, home=tmp_path)
    assert ran.returncode == 0, ran.stderr
    events = json_lines(ran.stdout)
    assert [(e["phase"], e["label"]) for e in events] == [("start", "food"), ("end", "food")]


def test_five_pictures_of_each_are_enough_and_said_to_be_few(
    data: Path, base: Path, tmp_path: Path
) -> None:
    collected(data, tmp_path / "pets", 5, ("dog", "food"))
    done = teach(tmp_path / "pets", base, tmp_path / "x.tflite", home=tmp_path)
    assert done.returncode == 0
    assert "5 pictures" in done.stdout + done.stderr
    assert tomllib.loads(done.stdout[done.stdout.index("[models.") :])
    with Classifier(tmp_path / "x.tflite") as classifier:
        answers = [classifier.classify(p).top[0].label for p in photos_of(data, "dog")[HELD_OUT]]
    assert answers.count("dog") >= 7


def test_pictures_of_one_occasion_count_as_one_in_every_interval(
    data: Path, base: Path, tmp_path: Path
) -> None:
    for kind in ("dog", "food"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number, photo in enumerate(photos_of(data, kind)[:10]):
            moment = f"2026112{number // 5}-16000{number % 5}.000"
            (tmp_path / f"pets/{kind}/{moment}.jpg").symlink_to(photo)
    done = teach(tmp_path / "pets", base, tmp_path / "x.tflite", "--json", home=tmp_path)
    (said,) = json_lines(done.stdout)
    held_out = said["held_out"]
    assert (held_out["images"], held_out["occasions"]) == (20, 4)
    assert held_out["top1_interval"] == held_out["accuracy_interval"]
    suggested = said["suggestion"]["accuracy_covered_interval"]
    assert held_out["accuracy_covered_interval"] == suggested
    done = teach(tmp_path / "pets", base, tmp_path / "x.tflite", home=tmp_path)
    row = next(line for line in done.stdout.splitlines() if line.startswith("  0.6 "))
    assert row.endswith(" - ".join(f"{100 * bound:.1f}" for bound in suggested))


def test_left_and_right_stay_apart(data: Path, tmp_path: Path) -> None:
    base = data / "models/mobilenet_v2_1.0_224_quant.tflite"
    random = np.random.default_rng(1)
    for label in ("left", "right"):
        (tmp_path / "arrows" / label).mkdir(parents=True)
        for number in range(6):
            picture = Image.new("RGB", (200, 200), tuple(random.integers(120, 220, 3).tolist()))
            x, y = random.integers((30, 20), (70, 50)).tolist()
            pen = ImageDraw.Draw(picture)
            pen.polygon([(x, y), (x + 90, y + 60), (x, y + 120)], (20, 20, 60))
            pen.rectangle((x - 20, y, x, y + 120), (200, 30, 30))
            turned = ImageOps.mirror(picture) if label == "left" else picture
            turned.save(tmp_path / "arrows" / label / f"{number}.png")
    done = teach(tmp_path / "arrows", base, tmp_path / "x.tflite", "--json", home=tmp_path)
    (said,) = json_lines(done.stdout)
    assert not said["altered"]  # copies were made, of so few, and are no use
    assert said["held_out"]["accuracy"] > 0.9


def test_a_second_lesson_takes_the_place_of_the_first(
    lesson: dict[str, Any], school: Path, base: Path, tmp_path: Path
) -> None:
    target = Path(shutil.copy(school / "pets.tflite", tmp_path / "pets.tflite"))
    shutil.copytree(school / "pets", tmp_path / "pets", symlinks=True)
    shutil.rmtree(tmp_path / "pets/bird")
    done = teach(tmp_path / "pets", base, target, "--json", home=school)
    (said,) = json_lines(done.stdout)
    assert said["remembered"] == said["images"] == 20
    with Engine(target) as engine:
        assert engine.labels == ("dog", "food")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pets", "pets.tflite"]


def test_pictures_that_cannot_be_read_are_named_and_the_rest_is_taught(
    data: Path, base: Path, tmp_path: Path
) -> None:
    folder = collected(data, tmp_path / "pets", 5)
    (folder / "dog/bad.jpg").write_bytes(b"no picture")
    done = teach(folder, base, tmp_path / "x.tflite", "--json", home=tmp_path)
    assert done.returncode == 1
    assert f"{folder}/dog/bad.jpg: is no JPEG, PNG, BMP or WebP picture" in done.stderr
    (said,) = json_lines(done.stdout)
    assert (said["images"], said["unreadable"]) == (10, 1)
    assert (tmp_path / "x.tflite").is_file()


def test_a_watch_brings_base_and_resize(data: Path, base: Path, tmp_path: Path) -> None:
    folder = collected(data, tmp_path / "pets", 5)
    config = tmp_path / "edgecls.toml"
    config.write_text(
        f'[cameras.porch]\nsource = "demo:"\n[models.old]\nfile = "{base}"\n'
        '[watches.porch]\nmodel = "old"\nresize = "fit"\n'
    )
    done = edgecls(
        "teach", folder, "-c", config, "--watch", "porch", "-o", tmp_path / "x.tflite", "--json",
        home=tmp_path,
    )  # fmt: skip
    (said,) = json_lines(done.stdout)
    assert (said["base"]["name"], said["resize"]) == ("old", "fit")


def test_figures_of_a_taught_model_come_with_a_warning(
    lesson: dict[str, Any], school: Path
) -> None:
    asked = (school / "pets", "-m", school / "pets.tflite", "--json")
    for command, options in (("evaluate", ()), ("tune", ("--precision", 0.8))):
        said = edgecls(command, *asked, *options, home=school)
        (line,) = [line for line in said.stderr.splitlines() if "warning" in line]
        assert "among the 30 pictures that pets.tflite was taught from" in line
        assert f"teach found {100 * lesson['held_out']['accuracy']:.0f} % (" in line
        (figures,) = json_lines(said.stdout)
        assert figures["taught"]["pictures"] == lesson["labels"]
        assert figures["min_score"] >= 0.3


@pytest.fixture
def gate(lesson: dict[str, Any], school: Path, data: Path, tmp_path: Path) -> Path:
    """A configuration with a watch on a taught model, whose base is known by its name."""
    shutil.copy(school / "pets.tflite", tmp_path / "pets.tflite")
    collected(data, tmp_path / "more", 5, ("dog", "food"))
    (tmp_path / "more/food").rename(tmp_path / "more/none")
    config = tmp_path / "edgecls.toml"
    config.write_text(
        f'[cameras.gate]\nsource = "demo:"\n[models."{SMALL}"]\n'
        f'file = "{data}/models/{SMALL}.tflite"\n[models.now]\nfile = "pets.tflite"\n'
        '[watches.gate]\nmodel = "now"\n[watches.gate.decision]\nmin_score = 0.7\n'
    )
    return config


def again(config: Path, *options: object) -> subprocess.CompletedProcess[str]:
    folder = config.parent
    asked = ("teach", folder / "more", "-c", config, "--watch", "gate", *options)
    return edgecls(*asked, home=folder)


def test_a_second_round_by_the_watch_builds_on_what_the_first_one_did(gate: Path) -> None:
    target = gate.parent / "pets.tflite"
    done = again(gate, "-o", target)
    assert done.returncode == 0, done.stderr
    assert f"the base is {SMALL}, on which now was taught" in done.stderr
    assert f"2 labels, 10 pictures, on {SMALL}" in done.stdout
    assert "of held-out pictures of something pass" in done.stdout
    assert "At min_margin 0.1, of all held-out pictures, those of nothing too" in done.stdout
    with Engine(target) as engine:
        assert engine.labels == ("dog", "none")
    assert "# in [models.now]" in done.stdout
    assert '# labels = ["dog"]' in done.stdout


def test_what_is_printed_for_a_watch_can_be_pasted_as_a_whole(gate: Path) -> None:
    done = again(gate, "-o", gate.parent / "next.tflite")
    gate.write_text(gate.read_text() + done.stdout[done.stdout.index("# the usual") :])
    checked = edgecls("check-config", "-c", gate, home=gate.parent)
    assert checked.returncode == 0, checked.stderr
    assert tomllib.loads(gate.read_text())["models"]["next"]


def test_a_taught_base_whose_own_is_gone_is_told(gate: Path, data: Path) -> None:
    other = data / "models/mobilenet_v2_1.0_224_quant.tflite"  # has that name, and is another one
    gate.write_text(gate.read_text().replace(f"{data}/models/{SMALL}.tflite", str(other)))
    done = again(gate, "-o", gate.parent / "next.tflite")
    assert done.returncode == 0
    assert f"better name what it was taught on: --base {SMALL}" in done.stderr
    assert "2 labels, 10 pictures, on now" in done.stdout
    done = again(gate, "-o", gate.parent / "pets.tflite")
    assert done.returncode == 2
    assert f"is the base itself; to teach it anew, name what it was taught on: --base {SMALL}" in (
        done.stderr
    )


def test_what_was_learned_from_mixed_up_pictures_is_said_to_be_no_use(
    data: Path, base: Path, tmp_path: Path
) -> None:
    for number, photo in enumerate(photos_of(data, "dog")[:16]):
        (tmp_path / f"mixed/{'ab'[number % 2]}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"mixed/{'ab'[number % 2]}/{photo.name}").symlink_to(photo)
    done = teach(tmp_path / "mixed", base, tmp_path / "x.tflite", home=tmp_path)
    assert done.returncode == 1
    assert "do not use it; look whether each picture lies in the right folder" in done.stderr
    assert (tmp_path / "x.tflite").is_file()


Spoil = Callable[[Path], object]


def one_label(pets: Path) -> None:
    shutil.rmtree(pets / "dog")


def unreadable(pets: Path) -> None:
    for file in (pets / "dog").iterdir():
        file.unlink()
        file.write_bytes(b"")


def single(pets: Path) -> None:
    for file in sorted((pets / "dog").iterdir())[1:]:
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "status", "sentence"),
    [
        (shutil.rmtree, 2, "there is no such folder or CSV file"),
        (one_label, 2, "all pictures have the label 'bird'; wanted are two labels at least"),
        (lambda pets: (pets / "cat").mkdir(), 2, "no pictures in the folder 'cat'"),
        (unreadable, 1, "only 0 of the 3 pictures of 'dog' can be read"),
        (single, 2, "has a single picture of 'dog'"),
        (lambda pets: (pets / "dog").rename(pets / "d\nog"), 2, "has control characters or outer"),
        (lambda pets: (pets / "dog").rename(pets / "dog "), 2, "call it 'dog'"),
        (
            lambda pets: (pets / "dog").rename(pets / "Bird"),
            2,
            "differ in capitals or blanks alone",
        ),
    ],
)
def test_pictures_that_teach_nothing_are_told(
    spoil: Spoil, status: int, sentence: str, tmp_path: Path, base: Path
) -> None:
    for kind, red in (("bird", 200), ("dog", 100)):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(3):
            picture = Image.new("RGB", (60, 40), (red, number * 50, 0))
            picture.save(tmp_path / "pets" / kind / f"{number}.png")
    spoil(tmp_path / "pets")
    done = teach(tmp_path / "pets", base, tmp_path / "x.tflite", home=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert sentence in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("*.tflite*"))


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--base", "nowhere.tflite"), 78, "nowhere.tflite: there is no such model file"),
        (("--base", "{data}/models/mobilenet_v1_0.25_128_quant_edgetpu.tflite"), 78, "Edge TPU"),
        (("--base", "{data}/models/unusable/split_concat.tflite"), 78, "is no image classifier"),
        ((), 2, "name a model to build on with --base, or a watch with --watch"),
    ],
)
def test_a_base_that_is_none_is_told(
    options: tuple[str, ...], status: int, sentence: str, data: Path, tmp_path: Path
) -> None:
    folder = collected(data, tmp_path / "pets", 2)
    named = [option.format(data=data) for option in options]
    done = edgecls("teach", folder, *named, "-o", tmp_path / "x.tflite", home=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert sentence in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("*.tflite*"))


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("x.lite", "must end in .tflite, such as x.tflite"),
        ("folder.tflite", "is a folder; name a file in it"),
        ("nowhere/x.tflite", "there is no folder"),
        ("base.tflite", "is the base itself"),
        ("other.tflite", "is there and was not taught by edgecls"),
        ("pipe.tflite", "is a pipe or a device"),
        ("full.tflite", "is a pipe or a device"),
    ],
)
def test_a_place_where_no_model_may_be_put_is_told_before_the_work(
    output: str, sentence: str, data: Path, base: Path, tmp_path: Path
) -> None:
    folder = collected(data, tmp_path / "pets", 2)
    own = Path(shutil.copy(base, tmp_path / "base.tflite"))
    (tmp_path / "folder.tflite").mkdir()
    os.mkfifo(tmp_path / "pipe.tflite")
    (tmp_path / "full.tflite").symlink_to("/dev/full")
    shutil.copy(base, tmp_path / "other.tflite")
    (folder / "dog/bad.jpg").touch()  # would be named if it were read
    done = teach(folder, own, tmp_path / output, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert sentence in line
    assert (tmp_path / "other.tflite").read_bytes() == base.read_bytes()


def test_a_full_disk_is_told_and_leaves_the_earlier_model(
    lesson: dict[str, Any], school: Path, base: Path, tmp_path: Path
) -> None:
    with file_system(tmp_path / "small", "1200k") as small:
        target = Path(shutil.copy(school / "pets.tflite", small / "pets.tflite"))
        before = target.read_bytes()
        done = teach(school / "pets", base, target, home=school)
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.splitlines() if "warning" not in line]
        assert "no space is left on its disk" in line
        with pytest.raises(EdgeclsError, match="No space left"):
            put(bytes(2 << 20), target, lambda _: None)
        assert [p.name for p in small.iterdir()] == ["pets.tflite"]
        assert target.read_bytes() == before


def test_a_model_that_fails_its_proof_is_not_put_in_place(tmp_path: Path) -> None:
    target = tmp_path / "x.tflite"
    target.write_bytes(b"before")

    def prove(new: Path) -> None:
        assert new.read_bytes() == b"after"
        raise EdgeclsError("no")

    with pytest.raises(EdgeclsError, match="no"):
        put(b"after", target, prove)
    assert [p.name for p in tmp_path.iterdir()] == ["x.tflite"]
    assert target.read_bytes() == b"before"


def test_an_interrupted_lesson_leaves_nothing_but_what_it_remembers(
    data: Path, tmp_path: Path
) -> None:
    folder = collected(data, tmp_path / "pets", 100)
    model = data / "models/mobilenet_v2_1.0_224_quant.tflite"
    cache = tmp_path / "cache/edgecls/embeddings"
    target = tmp_path / "x.tflite"
    with Running("teach", folder, "--base", model, "-o", target, home=tmp_path) as lesson:
        wait_until(lambda: cache.is_dir() and any(cache.iterdir()), "a picture was looked at")
        said = "edgecls teach: stopped: nothing was written; what was looked at is remembered\n"
        assert lesson.stop(signal.SIGINT) == (1, "", said)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "pets"]


def test_on_a_terminal_a_bar_is_drawn_and_wiped(data: Path, base: Path, tmp_path: Path) -> None:
    folder = collected(data, tmp_path / "pets", 5)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "edgecls",
            "teach",
            folder,
            "--base",
            base,
            "-o",
            "x.tflite",
            "--json",
        ],
        cwd=tmp_path,
        env=environment(tmp_path) | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=TIMEOUT_S,
        check=True,
    )
    os.close(theirs)
    drawn = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert "10/10" in drawn
    assert len(done.stdout.splitlines()) == 1


def test_two_lessons_for_one_place_do_not_write_into_one_file(tmp_path: Path) -> None:
    target = tmp_path / "x.tflite"

    def prove(new: Path) -> None:
        # Another process, meanwhile, tries the same place and puts its model there.
        code = (
            "from pathlib import Path; from edgecls.teaching.placing import may_be_put, put\n"
            f"file = Path({str(target)!r}); may_be_put(file, file, 10)\n"
            "put(b'theirs', file, lambda _: None)"
        )
        subprocess.run([sys.executable, "-c", code], timeout=TIMEOUT_S, check=True)
        assert target.read_bytes() == b"theirs"
        assert new.read_bytes() == b"ours"

    put(b"ours", target, prove)
    assert target.read_bytes() == b"ours"
    assert [p.name for p in tmp_path.iterdir()] == ["x.tflite"]


@pytest.mark.parametrize("name", ["x" * 300, "x" * 248])
def test_a_name_that_no_disk_takes_is_told(name: str, tmp_path: Path, base: Path) -> None:
    with pytest.raises(EdgeclsError, match="cannot be written: File name too long"):
        may_be_put(tmp_path / f"{name}.tflite", base, 10)


def test_a_link_goes_on_leading_to_the_model(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "x.tflite").symlink_to(tmp_path / "models/x-1.tflite")
    put(b"model", tmp_path / "x.tflite", lambda _: None)
    assert (tmp_path / "x.tflite").is_symlink()
    assert (tmp_path / "models/x-1.tflite").read_bytes() == b"model"
