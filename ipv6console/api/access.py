"""Who may do what: peers, hosts, origins and scopes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from ipv6console.api.peer import Peer
from ipv6console.config import EngineSettings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.errors import Forbidden
from ipv6console.listen import group_id, parse_endpoint
from ipv6console.paths import default_socket

_EVERYTHING = frozenset(Scope)
_SCRAPING = frozenset({Scope.READ, Scope.SCRAPE})
_OVERFLOW_UID = 65534  # what every uid that is not mapped into our user namespace looks like

_COMMANDS = {"/flush": "ipv6console flush", "/plan": "ipv6console flush", "/apply": "ipv6console revoke"}


class Access:
    """The rules of one engine. `owner` is the uid that owns the Unix socket."""

    def __init__(self, settings: EngineSettings, owner: int | None = None) -> None:
        self._owner = os.geteuid() if owner is None else owner
        self._group = group_id(settings.group) if settings.group else None
        self._group_name = settings.group
        self._socket = settings.socket or str(default_socket())
        self._loopback = _EVERYTHING if settings.loopback_scope == "operate" else _SCRAPING
        self._hosts = {"localhost", "127.0.0.1", "::1"}
        self._hosts.update(_plain(parse_endpoint(text).host) for text in settings.listen)

    def admit(self, scope: Mapping[str, Any]) -> Caller:
        """Return who makes the request of this ASGI scope; raises Forbidden when nobody may from there."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        peer: Peer | None = scope["state"].get("peer")
        self._check_site(headers)
        if peer is not None:
            return self._local_caller(peer)
        self._check_host(headers.get(b"host"), scope["server"])
        return self._network_caller(scope["client"])

    def require(self, caller: Caller, scope: Scope, act: str) -> None:
        """Raise Forbidden when `caller` may not do `act` ("POST /flush"), naming the way that is open."""
        if scope in caller.scopes:
            return
        method, path = act.split(" ", 1)
        raise Forbidden(
            f"{act} needs the scope {scope}; {caller.label} has {', '.join(sorted(caller.scopes))}.",
            next=f"Use the Unix socket: {_COMMANDS.get(path, 'ipv6console drain')}, or "
            f"curl --unix-socket {self._socket} -X {method} http://localhost{path}. "
            'To allow it to every process on this host set loopback_scope = "operate" in [engine].',
        )

    def _local_caller(self, peer: Peer) -> Caller:
        welcome = peer.uid in (0, self._owner) or (self._group is not None and self._group in peer.groups)
        if peer.uid == _OVERFLOW_UID or not welcome:
            raise Forbidden(
                f"uid {peer.uid} (pid {peer.pid}) may not use this socket.",
                next=f"Run as uid {self._owner} or root, or join the group {self._group_name}."
                if self._group_name
                else f'Run as uid {self._owner} or root, or set group = "NAME" in [engine] and join that group.',
            )
        return Caller(f"unix pid {peer.pid} uid {peer.uid}", _EVERYTHING, pid=peer.pid, uid=peer.uid)

    def _network_caller(self, client: tuple[str, int] | None) -> Caller:
        if client is None:
            raise Forbidden("The caller's address is not known.", next="Call over loopback or the Unix socket.")
        host = _plain(client[0])
        if not ip_address(host).is_loopback:
            raise Forbidden(
                f"{host} is not on this host, and callers from elsewhere need a token.",
                next="Call from this host: http://localhost with the engine's port, or its Unix socket.",
            )
        return Caller(f"tcp {host}", self._loopback)

    def _check_host(self, host: str | None, server: tuple[str, int | None] | None) -> None:
        name = _host_name(host or "")
        if name in self._hosts or (server is not None and name == _plain(server[0])):
            return
        raise Forbidden(
            f"The Host header {host!r} does not name this engine." if host else "The Host header is missing.",
            next="Call http://localhost, http://127.0.0.1 or http://[::1] with the engine's port.",
        )

    def _check_site(self, headers: Mapping[bytes, str]) -> None:
        origin = headers.get(b"origin")
        same = origin is None or origin.lower() == f"http://{headers.get(b'host', '').lower()}"
        if same and headers.get(b"sec-fetch-site", "none") in ("none", "same-origin"):
            return
        raise Forbidden(
            f"A page of another site ({origin or 'not named'}) made this request.",
            next="Use a program that is not a web page, or the engine's own page: open /docs by typing its address.",
        )


def unmapped(host: str) -> str:
    """Return `host` as plain IPv4 when it is an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), as it is otherwise."""
    return _plain(host)


def _plain(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return str(address)
    mapped = IPv6Address(int(address)).ipv4_mapped
    return str(mapped or address)


def _host_name(host: str) -> str:
    if host.startswith("["):
        return _plain(host[1:].partition("]")[0])
    return _plain(host.partition(":")[0].lower())
