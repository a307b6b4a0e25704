"""`edgecls collect`, as its users run it: by the clock, and by keys on a real terminal."""

from __future__ import annotations

import json
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgecls.dataset import read_dataset
from edgecls.domain import Pixels
from tests.brokers import wait_until
from tests.collecting.pictures import names, noisy
from tests.media import film, jpeg, photo_like
from tests.programs import TIMEOUT_S, edgecls, json_lines
from tests.sources.server import CameraServer, http_camera
from tests.terminals import Terminal
from tests.torture.disk import empty, file_system, fill

QUIT, UNDO, AGAIN = "q", "u", " "


def write(folder: Path, source: str, watch: str = "") -> Path:
    file = folder / "edgecls.toml"
    file.write_text(f"""
        [cameras.porch]
        source = {json.dumps(source)}
        [watches.porch]
        model = "camera_health_v1"
        {watch}
        """)
    return file


def frames(folder: Path, *pictures: Pixels) -> str:
    """A folder as a source, ten pictures a second."""
    folder.mkdir(exist_ok=True)
    for number, each in enumerate(pictures):
        (folder / f"{number:04}.jpg").write_bytes(jpeg(each))
    return f"dir:{folder}?fps=10"


def jpegs(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith(".jpg")]


def test_of_a_video_pictures_are_taken_in_its_own_time(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", (photo_like(160, 120, n // 5) for n in range(50)))
    config = write(tmp_path, f"file:{clip}")
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "open",
                   "--every", "1", home=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(jpegs(tmp_path / "x/open")) == 5
    assert done.stderr.endswith(f"edgecls collect: {tmp_path}/x/open: kept 5; 5 lie there\n")


def test_it_ends_with_the_count_and_tells_programs_what_was_kept(tmp_path: Path) -> None:
    config = write(tmp_path, frames(tmp_path / "in", *(photo_like(160, 120, n) for n in range(9))))
    arguments = ("collect", "porch", "-c", config, "-o", tmp_path / "x", "--label", "bin out",
                 "--every", "0.1", "--count", "4", "--json")  # fmt: skip
    (told,) = json_lines(edgecls(*arguments, home=tmp_path).stdout)
    folder = str(tmp_path / "x/bin out")
    assert told == {"label": "bin out", "folder": folder, "kept": 4, "alike": 0}
    (told,) = json_lines(edgecls(*arguments, home=tmp_path).stdout)
    assert told == {"label": "bin out", "folder": folder, "kept": 4, "alike": 4}
    assert len(jpegs(tmp_path / "x/bin out")) == 8


def test_of_a_still_video_one_picture_is_kept(tmp_path: Path) -> None:
    still = photo_like(160, 120)
    config = write(tmp_path, frames(tmp_path / "in", *(noisy(still, n) for n in range(20))))
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "open",
                   "--every", "0.1", home=tmp_path)  # fmt: skip
    assert done.returncode == 0
    assert "/open: kept 1, 19 were nearly the same as one before; 1 lie there" in done.stderr


def test_a_region_of_a_real_video_is_kept_whole(data: Path, tmp_path: Path) -> None:
    video = data / "videos/one-by-one-person-detection.mp4"
    region = "region = [0.5, 0.0, 0.5, 1.0]"
    config = write(tmp_path, f"file:{video}", region)
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "hall",
                   "--every", "5", "--count", "6", home=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    examples = read_dataset(tmp_path / "x").examples
    assert len(examples) >= 2
    from PIL import Image

    with Image.open(examples[0].file) as one, Image.open(_seen(examples[0].file)) as seen:
        assert one.size == (384, 432)
        assert seen.size == (96, 96)


def _seen(picture: Path) -> Path:
    return picture.with_name(f"{picture.stem}.seen.png")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what the pictures show: --label open"),
        (("--label", "a", "--labels", "a,b"), "one of the two: --label by the clock, or --labels"),
        (("--label", "open,closed"), "'open,closed' has a comma; for several labels: --labels"),
        (("--label=-rf",), "'-rf' cannot be a label"),
        (("--labels", "a,b"), "--labels takes keys from a terminal"),
        (("--labels", "a,b", "--count", "3"), "--every and --count belong to --label"),
        (("--label", "../x"), "'../x' cannot be a label: it becomes the name of a folder"),
        (("--label", ".git"), "'.git' cannot be a label"),
        (("--label", ""), "'' cannot be a label"),
        (("--label", "a\nb"), r"'a\nb' cannot be a label"),
        (("--label", "x" * 101), "cannot be a label"),
        (("--label", "a", "--count", "0"), "must be a whole number from 1"),
        (("--label", "a", "--every", "nan"), "must be a number from"),
        (("nowhere", "--label", "a"), "there is no watch 'nowhere'; there is: porch"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    config = write(tmp_path, "demo:")
    done = edgecls("collect", *arguments, "-c", config, "-o", tmp_path / "x", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert names(tmp_path / "x") == []


@pytest.mark.parametrize(
    ("there", "label", "differ"),
    [
        ("none", "None", "capitals or blanks"),
        ("gate open", "gate  open", "capitals or blanks"),
        ("Tu\u0308r", "T\u00fcr", "how their accents are stored"),  # a folder from a Mac
    ],
)
def test_a_label_that_is_there_written_in_another_way_is_refused(
    tmp_path: Path, there: str, label: str, differ: str
) -> None:
    (tmp_path / "x" / there).mkdir(parents=True)
    config = write(tmp_path, "demo:")
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", label, home=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}/x: the labels {there!r} and {label!r} differ in {differ}" in done.stderr
    assert names(tmp_path / "x") == [there]


def test_a_camera_that_is_not_there_names_the_way_by_the_service(tmp_path: Path) -> None:
    config = write(tmp_path, "v4l2:/dev/video99")
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "a", home=tmp_path)
    assert done.returncode == 75
    last = done.stderr.splitlines()[-1]
    assert "if the edgecls service has the camera, have it take the pictures" in last
    assert 'request/collect {"watch":"porch", …}' in last


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    config = write(tmp_path, "demo:")
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "a", home=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}/x: cannot be made: File exists" in done.stderr


def test_a_full_disk_ends_it_with_one_line_and_what_was_kept(tmp_path: Path) -> None:
    source = frames(tmp_path / "in", *(photo_like(160, 120, n) for n in range(30)))
    with file_system(tmp_path / "disk", "256k") as disk:
        done = edgecls("collect", "-c", write(tmp_path, source), "-o", disk, "--label", "open",
                       "--every", "0.1", home=tmp_path)  # fmt: skip
        kept = jpegs(disk / "open")
        assert done.returncode == 1
        *_, summary, last = done.stderr.splitlines()
        assert summary.startswith(f"edgecls collect: {disk}/open: kept {len(kept)};")
        assert last == (
            f"edgecls collect: {disk}/open: No space left on device; what was kept is whole"
        )
        assert 0 < len(kept) < 30
        assert len(names(disk / "open")) == 2 * len(kept)
        fill(disk)
        empty(disk)


HANGING = """
import sys, threading
from edgecls import supervisor
from edgecls.__main__ import main
from edgecls.collecting.album import Album
supervisor.NATIVE_CALL_LIMIT_S = 1.0
Album.keep = lambda *_: threading.Event().wait()
sys.exit(main())
"""


@pytest.fixture
def camera() -> Iterator[CameraServer]:
    with http_camera([photo_like(160, 120, 1)]) as one:
        yield one


def on_a_terminal(
    camera: CameraServer, home: Path, *more: str, stderr: Path | None = None
) -> Terminal:
    options = ("-c", write(home, camera.url), "-o", home / "x")
    labels = more or ("--labels", "open,closed,none")
    return Terminal("collect", *options, *labels, home=home, stderr=stderr)


def see(camera: CameraServer, seed: int) -> None:
    camera.pictures = [jpeg(photo_like(160, 120, seed))]


def test_keys_choose_a_label_take_a_picture_undo_and_end(
    camera: CameraServer, tmp_path: Path
) -> None:
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0   closed 0   none 0")
        assert not terminal.modes[3] & termios.ICANON
        terminal.press("1")
        terminal.shows("open 1   closed 0   none 0")
        terminal.press(AGAIN)  # nothing has moved
        terminal.shows("open: nearly the same as one before, not kept")
        terminal.press("c")
        terminal.shows("open 1   closed 1   none 0")
        terminal.press(UNDO)
        terminal.shows("open 1   closed 0   none 0")
        terminal.press("\x1b[A\x1bOC\x1b" + "N")  # arrows mean nothing
        terminal.shows("open 1   closed 0   none 1")
        terminal.press(QUIT)
        assert terminal.end() == 0
        assert terminal.modes == terminal.before
        assert b"\x1b[?25h" in terminal.said  # the cursor is back
        assert b"x/open: kept 1, 1 was nearly the same as one before; 1 lie there" in terminal.said
    assert [len(jpegs(tmp_path / "x" / label)) for label in ("open", "closed", "none")] == [1, 0, 1]


def test_an_arrow_that_is_held_down_takes_nothing(camera: CameraServer, tmp_path: Path) -> None:
    """However slow the frames are, its bytes are read as whole arrows."""
    with on_a_terminal(camera, tmp_path, "--labels", "apple,none") as terminal:
        terminal.shows("apple 0   none 0")
        for _ in range(5):
            terminal.press("\x1b[A" * 40)
        terminal.press("n")
        terminal.shows("apple 0   none 1")
        terminal.press(QUIT)
        assert terminal.end() == 0


def test_a_terminal_that_goes_away_is_the_end(camera: CameraServer, tmp_path: Path) -> None:
    with on_a_terminal(camera, tmp_path, "--labels", "open,none", stderr=tmp_path / "said") as one:
        one.shows("open 0")
        one.press("o")
        one.shows("open 1")
        one.hang_up()
        assert one.process.wait(TIMEOUT_S) == 0
    assert len(names(tmp_path / "x/open")) == 2
    last = (tmp_path / "said").read_text().splitlines()[-1]
    assert last == f"edgecls collect: {tmp_path}/x/open: kept 1; 1 lie there"


def test_of_two_keys_within_a_frame_the_second_takes_nothing(
    camera: CameraServer, tmp_path: Path
) -> None:
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0   closed 0   none 0")
        terminal.press("oc")
        terminal.shows("closed: too fast, not taken: press again")
        terminal.press(AGAIN)
        terminal.shows("open 1   closed 1   none 0")
        terminal.press("n" + UNDO + "o")  # the frame is free again
        terminal.shows("open: nearly the same as one before, not kept")
        terminal.press(QUIT)
        assert terminal.end() == 0
    assert [len(jpegs(tmp_path / "x" / label)) for label in ("open", "closed", "none")] == [1, 1, 0]


def test_undo_takes_a_folder_back_that_was_made_for_the_picture(
    camera: CameraServer, tmp_path: Path
) -> None:
    (tmp_path / "x/closed").mkdir(parents=True)
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0   closed 0   none 0")
        for key, taken in (("o", "open 1"), ("c", "closed 1")):
            terminal.press(key)
            terminal.shows(taken)
            terminal.press(UNDO)
            terminal.shows("open 0   closed 0   none 0")
        terminal.press("n")
        terminal.shows("none 1")
        terminal.press(UNDO + "n")
        terminal.shows("none: ")
        terminal.press(QUIT)
        assert terminal.end() == 0
    assert names(tmp_path / "x") == ["closed", "none"]
    assert len(jpegs(tmp_path / "x/none")) == 1


def test_labels_that_are_one_written_in_two_ways_are_refused(
    camera: CameraServer, tmp_path: Path
) -> None:
    with on_a_terminal(camera, tmp_path, "--labels", "Person,none,person") as terminal:
        assert terminal.end() == 2
        assert b"the labels 'Person' and 'person' differ in capitals" in terminal.said
    assert not (tmp_path / "x").exists()


def test_space_takes_another_one_of_the_same_label(camera: CameraServer, tmp_path: Path) -> None:
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0")
        terminal.press(AGAIN)  # of nothing
        terminal.press("o")
        terminal.shows("open 1")
        for number in (2, 3):
            while len(jpegs(tmp_path / "x/open")) < number:  # the camera has one in its hands
                see(camera, number)
                terminal.press(AGAIN)
                terminal.shows("open")
        terminal.press(QUIT)
        assert terminal.end() == 0


def test_keys_are_single_keys_again_after_a_stop(camera: CameraServer, tmp_path: Path) -> None:
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0")
        terminal.process.send_signal(signal.SIGSTOP)
        termios.tcsetattr(terminal.theirs, termios.TCSANOW, terminal.before)  # as a shell does
        terminal.process.send_signal(signal.SIGCONT)
        wait_until(lambda: not terminal.modes[3] & termios.ICANON, "the terminal is ours")
        terminal.press("o")
        terminal.shows("open 1")
        terminal.press(QUIT)
        assert terminal.end() == 0
        assert terminal.modes == terminal.before


def test_a_film_that_goes_by_too_fast_for_keys_is_said(
    camera: CameraServer, tmp_path: Path
) -> None:
    camera.url = frames(tmp_path / "in", photo_like(160, 120))
    with on_a_terminal(camera, tmp_path) as terminal:
        assert terminal.end() == 2
        assert b"too fast for keys: append realtime=true to the source" in terminal.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_good_order(
    camera: CameraServer, tmp_path: Path, number: signal.Signals
) -> None:
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0")
        terminal.press("o")
        terminal.shows("open 1")
        terminal.process.send_signal(number)
        assert terminal.end() == 0
        assert terminal.modes == terminal.before


def test_what_breaks_leaves_the_terminal_as_it_was(camera: CameraServer, tmp_path: Path) -> None:
    with on_a_terminal(camera, tmp_path) as terminal:
        terminal.shows("open 0")
        (tmp_path / "x/open").write_text("in the way")
        terminal.press("o")
        assert terminal.end() == 1
        assert terminal.modes == terminal.before
        assert b"what was kept is whole" in terminal.said


def test_a_call_that_never_returns_leaves_the_terminal_as_it_was(
    camera: CameraServer, tmp_path: Path
) -> None:
    arguments = ("collect", "-c", write(tmp_path, camera.url), "-o", tmp_path / "x")
    with Terminal(
        *arguments, "--labels", "open,closed", home=tmp_path, program=("-c", HANGING)
    ) as terminal:
        terminal.shows("open 0")
        terminal.press("o")
        assert terminal.end() == 75
        assert terminal.modes == terminal.before
        assert terminal.said.rstrip().endswith(b"\x1b[?25h")


def test_by_the_clock_a_terminal_shows_how_far_it_is(camera: CameraServer, tmp_path: Path) -> None:
    clock = ("--label", "open", "--every", "0.2", "--count", "2")
    with on_a_terminal(camera, tmp_path, *clock) as terminal:
        terminal.shows("1 of 2 kept, 3 taken")
        see(camera, 2)
        assert terminal.end() == 0
        assert terminal.modes == terminal.before
    assert len(jpegs(tmp_path / "x/open")) == 2


def test_of_a_scene_that_stays_as_it_is_the_seconds_are_the_end(
    camera: CameraServer, tmp_path: Path
) -> None:
    config = write(tmp_path, camera.url)
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "open",
                   "--every", "0.1", "--count", "2", "--seconds", "3", home=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "/open: kept 1, " in done.stderr


def test_seconds_without_a_picture_are_a_failure(camera: CameraServer, tmp_path: Path) -> None:
    config = write(tmp_path, camera.url)
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "open",
                   "--seconds", "0", home=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(": gave no picture")


def test_a_watch_that_looks_seldom_does_not_set_the_pace(
    camera: CameraServer, tmp_path: Path
) -> None:
    camera.pictures = [jpeg(photo_like(160, 120, seed)) for seed in range(9)]
    config = write(tmp_path, camera.url, "max_fps = 0.01")
    done = edgecls("collect", "-c", config, "-o", tmp_path / "x", "--label", "open",
                   "--every", "0.1", "--count", "5", home=tmp_path)  # fmt: skip
    assert "/open: kept 5" in done.stderr


def test_ten_labels_are_more_than_there_are_keys_for(camera: CameraServer, tmp_path: Path) -> None:
    with on_a_terminal(camera, tmp_path, "--labels", "a,b,c,d,e,f,g,h,i,j") as terminal:
        assert terminal.end() == 2
        assert b"there are keys for 9 labels, not for 10" in terminal.said
