"""Where the engine is."""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SYSTEM_SOCKET = Path("/run/ipv6console/engine.sock")
DEFAULT_URL = "http://127.0.0.1:16000"
_PROBE_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """One engine: the base `url` of its requests, and the Unix socket that carries them when there is one."""

    url: str
    socket: str | None = None

    def __str__(self) -> str:
        return f"socket {self.socket}" if self.socket else self.url

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.url.startswith("https:")

    def stream_url(self, path: str) -> str:
        """Return the WebSocket URL of `path`."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"


def find_place(
    url: str | None = None, socket: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] = os.environ
) -> Place:
    """Return the engine named by the arguments, else by the environment, else the first that is there.

    The order: `url` or `socket`, IPV6CONSOLE_URL, IPV6CONSOLE_SOCKET, the socket in this user's runtime directory, the
    system's socket (these two only if something listens there), http://127.0.0.1:16000. Raises ValueError.
    """
    if url and socket:
        raise ValueError("url and socket name two engines; give one of them")
    if url:
        return _at_url(url)
    if socket:
        return _at_socket(os.fspath(socket))
    if environ.get("IPV6CONSOLE_URL"):
        return _at_url(environ["IPV6CONSOLE_URL"])
    if environ.get("IPV6CONSOLE_SOCKET"):
        return _at_socket(environ["IPV6CONSOLE_SOCKET"])
    for path in _usual_sockets(environ):
        if _listens(path):
            return _at_socket(str(path))
    return Place(DEFAULT_URL)


def _at_url(url: str) -> Place:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or half an address
        whole = False
    if not whole or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no engine URL; it looks like {DEFAULT_URL}")
    return Place(parts.geturl().rstrip("/"))


def _at_socket(path: str) -> Place:
    return Place("http://localhost", path)


def _usual_sockets(environ: Mapping[str, str]) -> tuple[Path, ...]:
    runtime = environ.get("XDG_RUNTIME_DIR")
    own = (Path(runtime) / "ipv6console" / "engine.sock",) if runtime else ()
    return (*own, SYSTEM_SOCKET)


def _listens(path: Path) -> bool:
    """Return whether a connect succeeds: a crashed engine leaves its file, and a file may not be ours to open."""
    if not os.access(path, os.F_OK):
        return False
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT)
        return probe.connect_ex(str(path)) == 0
