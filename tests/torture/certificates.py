"""Certificates of a broker, right and wrong, by openssl."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

# Python 3.13 refuses an authority that does not say what its key is for.
_SIGNING = "-addext keyUsage=critical,keyCertSign,cRLSign"
_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


class Authority:
    """Signs certificates; its own is `certificate`. The key of FILE.pem is FILE.key."""

    def __init__(self, folder: Path, name: str = "ca", extensions: str = _SIGNING) -> None:
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        key = self.certificate.with_suffix(".key")
        made = f"req -x509 {_NEW_KEY} {extensions} -days 2 -subj /CN={name} -keyout {key}"
        self._run(made, self.certificate)

    def signs(self, name: str, *, host: str = "localhost", days: int = 2) -> Path:
        """A certificate for a host; one of -1 days is over."""
        file, request = self._folder / f"{name}.pem", self._folder / f"{name}.csr"
        self._run(f"req {_NEW_KEY} -subj /CN={name} -keyout {file.with_suffix('.key')}", request)
        extensions = self._folder / f"{name}.ext"
        identifiers = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid"
        extensions.write_text(f"subjectAltName=DNS:{host}\n{identifiers}\n")
        signer = f"-CA {self.certificate} -CAkey {self.certificate.with_suffix('.key')}"
        self._run(f"x509 -req -in {request} {signer} -days {days} -extfile {extensions}", file)
        return file

    def _run(self, arguments: str, out: Path) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl is missing")
        command = [openssl, *arguments.split(), "-out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
