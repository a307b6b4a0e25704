"""Cameras: there, permitted, with memory for their frames, and giving them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgecls.doctor.child import ask
from edgecls.doctor.findings import (
    NO_CONFIG,
    Finding,
    Patient,
    ProbeError,
    failed,
    passed,
    skipped,
)
from edgecls.doctor.rights import usable
from edgecls.doctor.unit import daemon_runs
from edgecls.errors import ConfigError
from edgecls.service.board import memory_mb
from edgecls.settings import CameraSettings
from edgecls.sources import check_source, is_live, silence_s
from edgecls.sources.address import Address, Network, PiCamera, V4l2, parse_source
from edgecls.sources.base import LIVE_FPS

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_CONNECTING_S = 5.0
_BEYOND_SILENCE_S = 30.0  # to import the camera's library, open, measure and close
_LEAST_SHARE = 0.8  # of the rate that was asked for
# Three buffers of YUV420 are what a camera of the Pi cannot do without.
_BUFFERS, _BYTES_PER_PIXEL = 3, 1.5

_GROUP = "let the user into the group video: sudo usermod -aG video USER, and restart what it runs"


def camera(patient: Patient) -> Iterator[Finding]:
    """Whether each camera is there and may be used, as far as its file or its host tells."""
    config = patient.config
    if config is None:
        yield skipped("camera", NO_CONFIG)
        return
    for name, settings in config.cameras.items():
        try:
            check_source(name, settings, config.base)
            address = parse_source(settings.source)
        except ConfigError as error:
            remedy = f"mend source in [cameras.{name}]"
            yield failed("camera", str(error), remedy, name)
            continue
        yield from _present(address, name, patient.root)


def camera_memory(patient: Patient) -> Iterator[Finding]:
    """Contiguous memory, which the cameras of a Pi take their frames from."""
    config = patient.config
    pixels = 0
    for settings in (config.cameras if config else {}).values():
        if settings.source.startswith("picamera2"):
            width, _, height = settings.size.partition("x")
            pixels += int(width) * int(height)
    if not pixels:
        yield skipped("camera_memory", "no camera needs contiguous memory")
        return
    free_mb, total_mb = (memory_mb(name, patient.root) for name in ("CmaFree", "CmaTotal"))
    if free_mb is None:
        yield skipped("camera_memory", "the kernel does not tell")
        return
    needed_mb = pixels * _BYTES_PER_PIXEL * _BUFFERS / 1e6
    found = f"{free_mb} of {total_mb} MB of contiguous memory are free"
    if free_mb < needed_mb:
        remedy = "add cma=256M to /boot/firmware/cmdline.txt and restart, or ask for a smaller size"
        yield failed("camera_memory", f"{found}; {needed_mb:.0f} are needed", remedy)
    else:
        yield passed("camera_memory", found)


def frames(patient: Patient) -> Iterator[Finding]:
    """The first frame of each camera and the rate that follows, as the daemon opens it."""
    config = patient.config
    if config is None:
        yield skipped("first_frame", NO_CONFIG)
        return
    running = daemon_runs(patient)
    for name, settings in config.cameras.items():
        try:
            limit_s = min(silence_s(settings), 60.0) + _BEYOND_SILENCE_S
            seen = ask("frames", str(patient.file), name, limit_s=limit_s)
            width, height = seen["size"]
        except ConfigError as error:
            yield failed("first_frame", str(error), f"mend source in [cameras.{name}]", name)
        except ProbeError as error:
            yield _without_frame(name, settings, error, running=running)
        else:
            found = f"{width}x{height} after {seen['first_s']:.2f} s"
            yield passed("first_frame", found, name)
            yield _rate(name, settings, seen)


def _present(address: Address, name: str, root: Path) -> Iterator[Finding]:
    match address:
        case PiCamera():
            yield from _pi_camera(name, root)
        case V4l2(device):
            yield from _device(name, root / device.lstrip("/"), root)
        case Network():
            yield _host(name, address)
        case _:
            yield passed("camera", "no hardware is needed", name)


def _pi_camera(name: str, root: Path) -> Iterator[Finding]:
    if find_spec("picamera2") is None:
        remedy = (
            "run: sudo apt install python3-picamera2, and use a virtual environment that was made"
            " with --system-site-packages"
        )
        yield failed("camera", "picamera2 is not installed for this Python", remedy, name)
        return
    nodes = sorted(root.glob("dev/media[0-9]*"))
    if not nodes:
        remedy = "connect the camera's cable on both sides and see what `rpicam-hello` finds"
        yield failed("camera", "the kernel knows no camera: no /dev/media*", remedy, name)
        return
    yield passed("camera", f"picamera2 is installed, /dev/{nodes[0].name} is there", name)
    for node in (nodes[0], *sorted(root.glob("dev/dma_heap/*"))):
        if not usable(node):
            yield failed("camera_permission", f"{node} may not be used", _GROUP, name)
            return
    yield passed("camera_permission", "it may be used", name)


def _device(name: str, device: Path, root: Path) -> Iterator[Finding]:
    if not device.exists():
        others = ", ".join(f"/dev/{each.name}" for each in sorted(root.glob("dev/video[0-9]*")))
        remedy = "plug the camera in, and name the device that `v4l2-ctl --list-devices` shows"
        found = f"{device} is not there; there is: {others or 'no other'}"
        yield failed("camera", found, remedy, name)
        return
    yield passed("camera", f"{device} is there", name)
    if usable(device):
        yield passed("camera_permission", "it may be used", name)
    else:
        yield failed("camera_permission", f"{device} may not be used", _GROUP, name)


def _host(name: str, address: Network) -> Finding:
    parts = urlsplit(address.url)
    port = parts.port or _PORTS[address.scheme]
    host = f"{parts.hostname}:{port}"
    try:
        socket.create_connection((parts.hostname, port), _CONNECTING_S).close()
    except OSError as error:
        remedy = "see that the camera has power and network, and that its address is right"
        return failed("camera", f"{host} does not answer: {error.strerror or error}", remedy, name)
    return passed("camera", f"{host} answers", name)


def _without_frame(
    name: str, settings: CameraSettings, error: ProbeError, *, running: bool
) -> Finding:
    if running and settings.source.startswith(("picamera2", "v4l2")):
        why = "the running daemon has the camera; stop it to try: sudo systemctl stop edgecls"
        return skipped("first_frame", why, name)
    remedy = error.remedy
    if remedy is None and settings.source.startswith("picamera2"):
        remedy = "see that `rpicam-hello --list-cameras` shows it and no other program has it"
    if remedy is None and settings.source.startswith("v4l2"):
        remedy = "see that no other program has it, and ask for a size that the camera has"
    if remedy is None and "://" in settings.source:
        remedy = "check URL, username and password_file in another player, for example ffplay"
    kind = f"[cameras.{name}]"
    return failed("first_frame", str(error), remedy or f"mend source in {kind}", name)


def _rate(name: str, settings: CameraSettings, seen: Mapping[str, Any]) -> Finding:
    fps = seen["fps"]
    wanted = settings.fps or (LIVE_FPS if is_live(settings) else None)
    if seen["lost"] is not None:
        remedy = "see that the cable or the network to the camera is good, and its power enough"
        return failed(
            "frame_rate", f"lost after {seen['frames']} frames: {seen['lost']}", remedy, name
        )
    if fps is None:
        return skipped("frame_rate", "one frame is no rate", name)
    found = f"{fps:.1f} fps"
    if "realtime" in settings.source or wanted is None or not is_live(settings):
        return passed("frame_rate", found, name)
    found += f", {wanted:g} were asked for"
    if fps < wanted * _LEAST_SHARE:
        remedy = f"ask for a smaller size or fps in [cameras.{name}], or give it more light"
        return failed("frame_rate", found, remedy, name)
    return passed("frame_rate", found, name)
