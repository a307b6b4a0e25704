"""What the key `source` can say."""

from __future__ import annotations

import pytest

from edgecls.errors import ConfigError
from edgecls.sources import is_live, parse_source, spoken
from edgecls.sources.address import Demo, File, Folder, Network, PiCamera, V4l2, with_login


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("picamera2:1", PiCamera(1)),
        ("picamera2:", PiCamera(0)),
        ("v4l2:/dev/video0", V4l2("/dev/video0")),
        ("rtsp://cam.local/stream?channel=1", Network("rtsp://cam.local/stream?channel=1")),
        ("https://cam.local/live", Network("https://cam.local/live")),
        ("file:clip.mp4", File("clip.mp4")),
        ("file:clip.mp4?loop=true&realtime=true", File("clip.mp4", loop=True, realtime=True)),
        ("file:what? now.mp4", File("what? now.mp4")),
        ("dir:frames/?loop=true&fps=5", Folder("frames/", loop=True, fps=5.0)),
        ("demo:", Demo()),
    ],
)
def test_each_form_is_understood(text: str, address: object) -> None:
    assert parse_source(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "webcam", "picamera2:x", "v4l2:video0", "rtsp://", "http:///x", "file:", "dir:", "demo:1"],
)
def test_what_is_no_source_is_refused_with_the_allowed_forms(text: str) -> None:
    with pytest.raises(ConfigError, match=r"allowed: picamera2:N, v4l2:"):
        parse_source(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file:a.mp4?lop=true", "unknown 'lop'; allowed: loop, realtime"),
        ("file:a.mp4?loop=yes", "loop must be true or false, not 'yes'"),
        ("dir:a?fps=fast", "fps must be a number"),
        ("file:a.mp4?fps=5", "unknown 'fps'"),
    ],
)
def test_a_wrong_option_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_source(text)


@pytest.mark.parametrize(
    ("text", "live"),
    [
        ("picamera2:0", True),
        ("rtsp://cam/", True),
        ("demo:", True),
        ("file:a.mp4", False),
        ("file:a.mp4?loop=true", False),
        ("file:a.mp4?realtime=true", True),
        ("dir:a", False),
        ("dir:a?realtime=true", True),
    ],
)
def test_what_comes_whether_or_not_one_looks_is_live(text: str, live: bool) -> None:
    assert is_live(text) is live


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:secret@cam.local/stream",
        "rtsp://admin:sec:ret@secret@cam.local:554/stream",
        "rtsp://admin:sec/secret?1@cam.local/stream",
        "cannot open 'http://u:secret@10.0.0.2/x': refused",
        "http://cam.local/snap.cgi?user=admin&pwd=secret&channel=1",
        "http://cam.local/snap.cgi?password=secret",
    ],
)
def test_a_login_is_never_spoken(text: str) -> None:
    assert "secret" not in spoken(text)
    assert "cam.local" in spoken(text) or "10.0.0.2" in spoken(text)


def test_a_port_is_no_login() -> None:
    assert spoken("http://cam.local:8080/a@b") == "http://cam.local:8080/a@b"


def test_an_error_about_a_source_does_not_show_its_login() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_source("rtps://admin:secret@cam.local/")
    assert "secret" not in str(caught.value)


def test_a_login_of_the_configuration_is_quoted_into_the_url() -> None:
    assert (
        with_login("rtsp://cam:554/a/b", "me", "p@ss/word") == "rtsp://me:p%40ss%2Fword@cam:554/a/b"
    )
    assert with_login("rtsp://old:login@cam", "me", None) == "rtsp://me@cam"
