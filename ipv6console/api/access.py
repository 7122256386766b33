"""Who may do what: peers, hosts, origins and scopes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, ClassVar

from ipv6console.api.peer import Peer
from ipv6console.config import EngineSettings
from ipv6console.engine.caller import Caller, Grant, Scope
from ipv6console.engine.errors import Forbidden, Refusal
from ipv6console.listen import group_id, parse_endpoint
from ipv6console.paths import default_socket

FindToken = Callable[[str], Grant | None]
"""Finds what the token with a secret gives, None when there is none."""

_EVERYTHING = frozenset(Scope)
_LOOPBACK = {
    "read": frozenset({Scope.READ}),
    "scrape": frozenset({Scope.READ, Scope.SCRAPE}),
    "operate": _EVERYTHING,
}
_OVERFLOW_UID = 65534  # what every uid that is not mapped into our user namespace looks like

NETWORK = "/api/v1/network"
"""Where subscribers are: nobody may so much as ask there who is not known."""

_TENANTS_OWN = frozenset({NETWORK.split("/")[1], "spaces", "ranges", "reservations", "bindings", "plan", "apply"})
_EVERYBODYS = frozenset(
    {"pick", "picks", "report", "reports", "check", "checks", "reset", "resets", "reset_all", "spawn", "spawns"}
    | {"save", "stats", "leases", "health", "docs", "openapi.json", "static-offline-docs"}
)
"""What a tenant's token opens besides: the pool has no tenants. All else tells of other tenants, or is about the host."""

_COMMANDS = {
    "pick": "ipv6console pick",
    "picks": "ipv6console pick",
    "report": "ipv6console report",
    "reports": "ipv6console report",
    "check": "ipv6console check",
    "checks": "ipv6console check",
    "spawn": "ipv6console spawn",
    "spawns": "ipv6console spawn",
    "reset": "ipv6console reset",
    "resets": "ipv6console reset",
    "reset_all": "ipv6console reset",
    "doctor": "ipv6console doctor",
    "mirrors": "ipv6console drain",
    "prefixes": "ipv6console drain",
    "flush": "ipv6console flush",
    "plan": "ipv6console flush",
    "apply": "ipv6console revoke",
    "subscribers": "ipv6console subscriber",
    "outbox": "ipv6console outbox",
    "leaks": "ipv6console leaks",
    "tokens": "ipv6console token",
    "import": "ipv6console import-json",
    "notify": "ipv6console notify test",
    "spaces": "ipv6console space",
    "ranges": "ipv6console space",
    "reservations": "ipv6console space",
    "bindings": "ipv6console bindings",
}


class Unauthenticated(Refusal):
    """A caller who has to show a token, or who showed one that is not valid."""

    status: ClassVar[int] = 401
    type: ClassVar[str] = "unauthenticated"
    title: ClassVar[str] = "A valid token is needed"

    def __init__(self, detail: str, *, next: str, shown: bool) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail, next=next)
        self.challenge = 'Bearer realm="ipv6console"' + (', error="invalid_token"' if shown else "")


def _no_token(_secret: str) -> None:
    return None


class Access:
    """The rules of one engine. `owner` is the uid that owns the Unix socket, `find_token` knows the bearer tokens.

    Who shows a token is what the token says, no more and no less, wherever the call comes from. Without one the place
    decides: the Unix socket, loopback, or elsewhere.
    """

    def __init__(
        self, settings: EngineSettings, owner: int | None = None, *, find_token: FindToken = _no_token
    ) -> None:
        self._owner = os.geteuid() if owner is None else owner
        self._group = group_id(settings.group) if settings.group else None
        self._group_name = settings.group
        self._socket = settings.socket or str(default_socket())
        self._loopback = _LOOPBACK[settings.loopback_scope]
        self._find_token = find_token
        self._hosts = {"localhost", "127.0.0.1", "::1"}
        self._hosts.update(_plain(parse_endpoint(text).host) for text in settings.listen)

    def admit(self, scope: Mapping[str, Any]) -> Caller:
        """Return who makes the request of this ASGI scope; raises Unauthenticated or Forbidden."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        peer: Peer | None = scope["state"].get("peer")
        self._check_site(headers)
        if b"authorization" in headers:
            # No page can show a token it does not know, so there is nothing to fear from a Host that is not ours.
            return self._token_caller(headers[b"authorization"], scope["client"], peer)
        if peer is not None:
            return self._local_caller(peer)
        caller = self._network_caller(scope["client"])
        self._check_host(headers.get(b"host"), scope["server"])
        return caller

    def confine(self, caller: Caller, path: str) -> None:
        """Raise Unauthenticated or Forbidden when `path` is not for callers like this one, whatever they may do."""
        if caller.process is None and (path == NETWORK or path.startswith(f"{NETWORK}/")):
            raise Unauthenticated(
                f"{path} is for known callers only, also on this host; {caller.label} may be anybody.",
                next="Use the Unix socket, or send Authorization: Bearer TOKEN (commands: --token-file FILE) with one "
                "made by: ipv6console token create NAME --scope operate --tenant TENANT",
                shown=False,
            )
        first = path.removeprefix("/").partition("/")[0]
        if caller.tenant is not None and first not in _TENANTS_OWN and first not in _EVERYBODYS:
            raise Forbidden(
                f"{path} is about the whole host; token {caller.token} is for the things of tenant {caller.tenant}.",
                next="Ask who operates this host, or show a token that was made without a tenant.",
            )

    def require(self, caller: Caller, scope: Scope, act: str) -> None:
        """Raise Forbidden when `caller` may not do `act` ("POST /flush"), naming the way that is open."""
        if scope in caller.scopes:
            return
        detail = f"{act} needs the scope {scope}; {caller.label} has {', '.join(sorted(caller.scopes))}."
        if caller.token is not None:
            raise Forbidden(
                detail,
                next=f"Show a token that has it, made by an operator with: ipv6console token create NAME --scope {scope}",
            )
        method, path = act.split(" ", 1)
        command = _command(path)
        raise Forbidden(
            detail,
            next=f"Use the Unix socket: {f'{command}, or ' if command else ''}"
            f"curl --unix-socket {self._socket} -X {method} http://localhost{path}; or show a token with that scope. "
            f'To allow it to every process on this host set loopback_scope = "{scope}" in [engine].',
        )

    def _token_caller(self, shown: str, client: tuple[str, int] | None, peer: Peer | None) -> Caller:
        kind, _, secret = shown.partition(" ")
        found = self._find_token(secret.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise Unauthenticated(
                "The Authorization header shows no token of this engine: it is misspelt, of another engine, or revoked.",
                next="Send Authorization: Bearer TOKEN with one made by: ipv6console token create NAME; on this host you "
                "may also leave the header out.",
                shown=True,
            )
        name, scopes, tenant = found
        place = _process(peer) if peer is not None else _plain(client[0]) if client else "nowhere"
        pid, uid = (None, None) if peer is None else (peer.pid, peer.uid)
        return Caller(f"token {name} from {place}", scopes, pid=pid, uid=uid, token=name, tenant=tenant)

    def _local_caller(self, peer: Peer) -> Caller:
        welcome = peer.uid in (0, self._owner) or (self._group is not None and self._group in peer.groups)
        if peer.uid == _OVERFLOW_UID or not welcome:
            raise Forbidden(
                f"uid {peer.uid} (pid {peer.pid}) may not use this socket.",
                next=f"Run as uid {self._owner} or root, or join the group {self._group_name}."
                if self._group_name
                else f'Run as uid {self._owner} or root, or set group = "NAME" in [engine] and join that group.',
            )
        return Caller(f"unix {_process(peer)}", _EVERYTHING, pid=peer.pid, uid=peer.uid)

    def _network_caller(self, client: tuple[str, int] | None) -> Caller:
        if client is None:
            raise Forbidden("The caller's address is not known.", next="Call over loopback or the Unix socket.")
        host = _plain(client[0])
        if not ip_address(host).is_loopback:
            raise Unauthenticated(
                f"{host} is not on this host, and callers from elsewhere need a token.",
                next="Send Authorization: Bearer TOKEN (commands: --token-file FILE) with one made on the engine's host "
                "by: ipv6console token create NAME; or call from that host.",
                shown=False,
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


def _command(path: str) -> str | None:
    """Return the command that does what a path does, None when there is none."""
    first, *others = path.partition("?")[0].removeprefix(NETWORK).removeprefix("/").split("/")
    return "ipv6console mirror set" if others[-1:] == ["settings"] else _COMMANDS.get(first)


def unmapped(host: str) -> str:
    """Return `host` as plain IPv4 when it is an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), as it is otherwise."""
    return _plain(host)


def _process(peer: Peer) -> str:
    return f"pid {peer.pid} uid {peer.uid} {peer.program}".rstrip()


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
