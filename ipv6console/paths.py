"""Where sockets, state, logs and configuration live."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

SOCKET = "engine.sock"
SYSTEM_RUNTIME = Path("/run/ipv6console")
SYSTEM_STATE = Path("/var/lib/ipv6console")
SYSTEM_CONFIG = Path("/etc/ipv6console/config.toml")


class PathError(OSError):
    """A folder that cannot be used safely; the message names it, the cause and what to do."""


def is_system() -> bool:
    """Return whether this process keeps its files in the system's folders: root, where they can be written.

    In a container /run may be read-only but for the folder that was mounted there.
    """
    return os.geteuid() == 0 and any(os.access(path, os.W_OK) for path in (SYSTEM_RUNTIME, SYSTEM_RUNTIME.parent))


def runtime_dir() -> Path:
    """Return the folder for sockets of this user; nothing is made. Root: /run/ipv6console.

    Others: $XDG_RUNTIME_DIR/ipv6console, else a folder of their own below the temporary one.
    """
    if is_system():
        return SYSTEM_RUNTIME
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/"):
        return Path(given) / "ipv6console"
    return Path(tempfile.gettempdir()) / f"ipv6console-{os.geteuid()}"


def make_runtime_dir() -> Path:
    """Make `runtime_dir()` when it is not there and return it: mode 0755 for root, 0700 for others.

    Raises PathError when somebody else owns it or could have planted it.
    """
    path = runtime_dir()
    mode = 0o755 if is_system() else 0o700
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        _own(path, others_may_enter=is_system())
        return path
    except OSError as error:
        raise PathError(f"{path} cannot be made ({error.strerror}); name another place with --socket PATH") from error
    path.chmod(mode)
    return path


def _own(path: Path, *, others_may_enter: bool) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise PathError(f"{path} is not a folder; remove it, or name another place with --socket PATH")
    allowed = 0o755 if others_may_enter else 0o700
    if found.st_uid != os.geteuid() or found.st_mode & 0o777 & ~allowed:
        raise PathError(
            f"{path} must be yours alone (owner {found.st_uid}, mode {found.st_mode & 0o777:o}); "
            f"remove it, or name another place with --socket PATH"
        )


def default_socket() -> Path:
    """Return the Unix socket an engine of this user listens on unless told otherwise."""
    return runtime_dir() / SOCKET


def socket_candidates(configured: str = "") -> tuple[Path, ...]:
    """Return where an engine may be listening, in the order to try.

    `configured` is `engine.socket` of the settings; then this user's runtime folders, then the system's.
    """
    found = [Path(configured)] if configured else []
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    found.append(default_socket())
    if given.startswith("/"):
        found.append(Path(given) / "ipv6console" / SOCKET)
    found.append(SYSTEM_RUNTIME / SOCKET)
    return tuple(dict.fromkeys(found))


def state_dir(configured: str = "") -> Path:
    """Return the folder for what must outlive the engine; nothing is made.

    `configured` is `engine.state_dir` of the settings. Root: /var/lib/ipv6console. Others: the user's state folder.
    """
    if configured:
        return Path(configured)
    if is_system():
        return SYSTEM_STATE
    import platformdirs  # noqa: PLC0415 - only engines and ordinary users need it

    return Path(platformdirs.user_state_dir("ipv6console"))


def user_state() -> Path:
    """Return the folder for what a user's console keeps: what was looked at, exports; nothing is made."""
    import platformdirs  # noqa: PLC0415 - see state_dir

    return Path(platformdirs.user_state_dir("ipv6console")) / "console"


def database_file(configured_state_dir: str = "") -> Path:
    """Return the engine's database."""
    return state_dir(configured_state_dir) / "engine.db"


def log_file(configured_state_dir: str = "") -> Path:
    """Return the file an engine started by a console writes its log to."""
    return state_dir(configured_state_dir) / "engine.log"


def system_config() -> Path:
    """Return the configuration file every user shares."""
    return SYSTEM_CONFIG


def user_config() -> Path:
    """Return this user's configuration file."""
    import platformdirs  # noqa: PLC0415 - see state_dir

    return Path(platformdirs.user_config_dir("ipv6console")) / "config.toml"
