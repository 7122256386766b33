"""Listening sockets: TCP endpoints and the Unix socket, bound before anything heavy is imported."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from ipv6console.config import EngineSettings
from ipv6console.paths import default_socket, make_runtime_dir

_BACKLOG = 2048
_FIRST_PASSED = 3  # SD_LISTEN_FDS_START
_LONGEST_PATH = 107  # sun_path of unix(7), less its final zero
_PROBE_SECONDS = 1.0


class ListenError(OSError):
    """A listener that cannot be opened; the message names it and the cause, `next` says what to do."""

    def __init__(self, detail: str, *, next: str) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(f"{detail}. {next}")
        self.detail = detail
        self.next = next


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address to listen on; port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint written as 127.0.0.1:16000, [::1]:16000 or [::]:16000; raises ListenError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ListenError(f"listen {text!r} has no port from 0 to 65535", next="Write 127.0.0.1:16000 or [::1]:16000.")
    if not host:
        raise ListenError(
            f"listen {text!r} has no address",
            next=f"Write 127.0.0.1:{port}, [::1]:{port}, or [::]:{port} for all addresses of IPv6 and IPv4.",
        )
    bracketed = host.startswith("[") and host.endswith("]")
    plain = host[1:-1] if bracketed else host
    try:
        address = ip_address(plain)
    except ValueError:
        raise ListenError(
            f"listen {text!r} names {plain!r}, which is not an IP address",
            next=f"Write an address: 127.0.0.1:{port} or [::1]:{port}.",
        ) from None
    if bracketed != (address.version == 6):
        right = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        raise ListenError(f"listen {text!r} has its brackets wrong", next=f"Write {right}.")
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise ListenError(f"listen {text!r} is IPv4 inside IPv6", next=f"Write {address.ipv4_mapped}:{port}.")
    return Endpoint(str(address), int(port))


def passed() -> list[socket.socket]:
    """Return the listening sockets a service manager opened for this process (sd_listen_fds(3)); none the second time.

    Raises ListenError for anything else that was passed.
    """
    owner, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if owner != str(os.getpid()) or not count.isdigit():
        return []
    found = []
    for number in range(_FIRST_PASSED, _FIRST_PASSED + int(count)):
        os.set_inheritable(number, False)
        try:
            sock = socket.socket(fileno=number)
            listens = sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:
            listens = False
        if not listens:
            raise ListenError(
                f"descriptor {number}, which was passed to this process, is no listening stream socket",
                next="Use ListenStream= alone in the socket unit.",
            )
        sock.setblocking(False)
        found.append(sock)
    return found


def bind(settings: EngineSettings, opened_before: Sequence[socket.socket] = ()) -> list[socket.socket]:
    """Return listening sockets for every `listen` of `settings`, and last the Unix socket; all or none are opened.

    Those among `opened_before` that are named there are taken as they are, and others among them are served first.

    An empty `socket` means the one in the runtime directory. Raises ListenError. Whether addresses beyond loopback may
    be served is the server's to say: it alone knows whether there are tokens.
    """
    endpoints = [parse_endpoint(text) for text in settings.listen]
    opened: list[socket.socket] = list(opened_before)
    there = {_name(sock) for sock in opened}
    try:
        opened.extend(open_tcp(endpoint) for endpoint in endpoints if str(endpoint) not in there)
        path = Path(settings.socket) if settings.socket else _default_path()
        if f"unix:{path}" not in there:
            opened.append(open_unix(path, settings.group))
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    return opened


def open_tcp(endpoint: Endpoint) -> socket.socket:
    """Return a socket listening on `endpoint`; on [::] it takes IPv4 as well (ipv6(7), IPV6_V6ONLY). Raises ListenError."""
    wide = endpoint.host == "::"
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _tcp_error(endpoint, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if wide else 1)
        sock.bind((endpoint.host, endpoint.port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise _tcp_error(endpoint, error) from error
    sock.setblocking(False)
    return sock


def open_unix(path: Path, group: str = "") -> socket.socket:
    """Return a socket listening on the file `path`, mode 0660, owned by `group` when one is named.

    A socket file nobody answers on is replaced; one that answers, or a file that is no socket, is left alone.
    Raises ListenError.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ListenError(
            f"the socket path {path} is {len(os.fsencode(path))} bytes long, the kernel takes {_LONGEST_PATH}",
            next="Name a shorter one with --socket PATH or socket = in [engine].",
        )
    gid = group_id(group) if group else -1
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            return _open_unix(path, gid)
    except ListenError:
        raise
    except OSError as error:
        raise ListenError(
            f"the socket {path} cannot be made: {error.strerror}",
            next="Name a place you may write to with --socket PATH or socket = in [engine].",
        ) from error


def group_id(group: str) -> int:
    """Return the id of `group`, a name or a number; raises ListenError when there is none."""
    if group.isascii() and group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ListenError(
            f"there is no group {group!r}", next=f"Make it with: groupadd {group}, or correct group = in [engine]."
        ) from None


def listeners(sockets: Sequence[socket.socket]) -> tuple[str, ...]:
    """Return readable names: "127.0.0.1:16000", "[::1]:16000", "unix:/run/ipv6console/engine.sock"."""
    return tuple(_name(sock) for sock in sockets)


def beyond_loopback(sockets: Sequence[socket.socket]) -> tuple[str, ...]:
    """Return the names of those sockets that other hosts can reach."""
    addresses = [sock for sock in sockets if sock.family != socket.AF_UNIX]
    return tuple(_name(sock) for sock in addresses if not ip_address(sock.getsockname()[0]).is_loopback)


def remove_socket_file(path: Path) -> None:
    """Remove the socket file `path` when nobody listens on it any more; a file that is no socket is left alone."""
    try:
        with _alone_in(path.parent):
            if stat.S_ISSOCK(path.lstat().st_mode) and not _answers(path):
                path.unlink()
    except FileNotFoundError:
        return


def _default_path() -> Path:
    make_runtime_dir()
    return default_socket()


def _name(sock: socket.socket) -> str:
    name = sock.getsockname()
    return f"unix:{name}" if sock.family == socket.AF_UNIX else str(Endpoint(name[0], name[1]))


def _tcp_error(endpoint: Endpoint, error: OSError) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"{endpoint} is in use",
            next=f"See who has it with: ss -ltnp 'sport = :{endpoint.port}'; stop that, or choose another port with -p.",
        )
    if error.errno == errno.EACCES:
        return ListenError(f"port {endpoint.port} is for root alone", next="Choose one from 1024 on with -p.")
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return ListenError(
            f"{endpoint} is not an address of this host",
            next="See them with: ip address; for [::1] IPv6 must be on (sysctl net.ipv6.conf.lo.disable_ipv6=0), "
            "or leave it out of listen.",
        )
    return ListenError(f"{endpoint} cannot be listened on: {error.strerror}", next="Correct listen = in [engine].")


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    # Two engines starting at once would otherwise both see the stale file, and the second would unlink the first's.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_unix(path: Path, gid: int) -> socket.socket:
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The file takes the socket's own mode, so there is no moment in which others may connect.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(str(path))
    except OSError:
        sock.close()
        raise
    try:
        if gid >= 0:
            _hand_to_group(path, gid)
        path.chmod(0o660)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        path.unlink()
        raise
    sock.setblocking(False)
    return sock


def _hand_to_group(path: Path, gid: int) -> None:
    try:
        os.chown(path, -1, gid)
    except PermissionError as error:
        raise ListenError(
            f"the socket {path} cannot be given to group {gid}: you are not a member",
            next="Join that group, start as root, or correct group = in [engine].",
        ) from error


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(
            f"{path} is there and is not a socket", next="Move it away, or name another place with --socket PATH."
        )
    if _answers(path):
        raise ListenError(
            f"an engine already answers on {path}",
            next=f"Open it with: ipv6console --socket {path}; or stop it, or name another place with --socket PATH.",
        )
    path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (TimeoutError, BlockingIOError):
            return True  # it listens, and is too busy to accept
    return True
