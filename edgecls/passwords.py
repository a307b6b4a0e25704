"""Passwords come from files that only the service can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from edgecls.errors import ConfigError
from edgecls.paths import beside

# The unit says LoadCredential=edgecls:/etc/edgecls/credentials, a folder: beside the
# configuration, and systemd puts the name before that of each file.
_FOLDER = "credentials"
_PREFIX = "edgecls_"


def read_password(password_file: str, base: Path, place: str) -> str:
    """The password in a file, without its last newline; a relative path lies beside `base`.

    A bare name is looked up in $CREDENTIALS_DIRECTORY (systemd's LoadCredential) first, and last
    in the folder where the service takes it from. Raises ConfigError, which begins with `place`,
    when the file cannot be read or everybody can read it.
    """
    path = _credential(password_file) or beside(base, password_file)
    try:
        if "/" not in password_file and not path.is_file():
            path = _first_there([base / _FOLDER / password_file]) or path
        if not path.is_file():
            raise ConfigError(f"{place} password_file {str(path)!r}: there is no such file")
        if path.stat().st_mode & stat.S_IROTH:
            raise ConfigError(
                f"{place} password_file {str(path)!r} can be read by everybody;"
                f" mend it with: chmod 640 {path}"
            )
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{place} password_file {str(path)!r}: {reason}") from error


def _credential(name: str) -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or "/" in name:
        return None
    return _first_there([Path(folder) / name, Path(folder) / f"{_PREFIX}{name}"])


def _first_there(paths: Sequence[Path]) -> Path | None:
    return next((path for path in paths if path.exists()), None)
