"""Certificates of a broker, right and wrong, by openssl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


class Authority:
    """Signs certificates; its own is `certificate`. The key of FILE.pem is FILE.key."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        key = self.certificate.with_suffix(".key")
        self._run(f"req -x509 {_NEW_KEY} -days 2 -subj /CN={name} -keyout {key}", self.certificate)

    def signs(self, name: str, *, host: str = "localhost", days: int = 2) -> Path:
        """A certificate for a host; one of -1 days is over."""
        file, request = self._folder / f"{name}.pem", self._folder / f"{name}.csr"
        self._run(f"req {_NEW_KEY} -subj /CN={name} -keyout {file.with_suffix('.key')}", request)
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}")
        signer = f"-CA {self.certificate} -CAkey {self.certificate.with_suffix('.key')}"
        self._run(f"x509 -req -in {request} {signer} -days {days} -extfile {extensions}", file)
        return file

    def _run(self, arguments: str, out: Path) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl is missing")
        command = [openssl, *arguments.split(), "-out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
