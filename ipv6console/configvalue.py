"""What each setting may be: how its value is read from TOML and from text, and what is allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ipv6console.config import LEVELS, THEMES, Command, Webhook
from ipv6console.configkind import Duration, Flag, Kind, Many, Number, Rows, Share, Table, Text, Unfit, Whole, shown

_SOCKET_PATH_BYTES = 107
"""What fits in sockaddr_un with its closing NUL (unix(7))."""


_Place = TypeVar("_Place", ipaddress.IPv6Address, ipaddress.IPv6Network)


def _one_of(*words: str) -> Text:
    def check(text: str) -> str:
        if text not in words:
            raise Unfit(f"one of {', '.join(words)} is allowed, got {shown(text)}")
        return text

    return Text(check)


def _matching(pattern: str, allowed: str) -> Text:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise Unfit(f"{allowed} is expected, got {shown(text)}")
        return text

    return Text(check)


def listen_address(text: str) -> tuple[str, int]:
    """Return (host, port) of a TCP listen form, 127.0.0.1:16000 or [::1]:16000; raises Unfit."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        colon = ""
    if (
        not colon
        or not re.fullmatch(r"\d{1,5}", port)
        or int(port) > 65_535
        or (address.version == 6) == (bare == host)
    ):
        raise Unfit(f"IPV4:PORT or [IPV6]:PORT is expected, like 127.0.0.1:16000 or [::1]:16000, got {shown(text)}")
    return str(address), int(port)


def _listen(text: str) -> str:
    host, port = listen_address(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _prefix(text: str) -> str:
    try:
        network = ipaddress.IPv6Network(text)
    except ValueError:
        try:
            loose = ipaddress.IPv6Network(text, strict=False)
        except ValueError:
            raise Unfit(f"an IPv6 prefix is expected, like 2001:db8::/64, got {shown(text)}") from None
        raise Unfit(f"bits beyond the prefix length are set in {text}; {loose} is the prefix") from None
    if not 32 <= network.prefixlen <= 128:
        raise Unfit(f"a prefix length from /32 to /128 is allowed, got {network}")
    return str(_sendable(network))


def _excluded(text: str) -> str:
    try:
        place = ipaddress.IPv6Network(text) if "/" in text else ipaddress.IPv6Address(text)
    except ValueError as error:
        raise Unfit(f"an IPv6 address or prefix is expected, got {shown(text)} ({error})") from error
    if "%" in text:
        raise Unfit(f"{text} has a zone, so it is for one link only; a global one is expected")
    return str(place)


def _weight(text: str) -> str:
    head, _, tail = text.partition("=")
    if not re.fullmatch(r"\s*\d{1,4}\s*", tail) or int(tail) == 0:
        raise Unfit(f"PREFIX=WEIGHT with a whole weight from 1 to 9999 is expected, got {shown(text)}")
    return f"{_prefix(head.strip())}={int(tail)}"


def _address(text: str) -> str:
    try:
        return str(_sendable(ipaddress.IPv6Address(text)))
    except ipaddress.AddressValueError as error:
        raise Unfit(f"an IPv6 address is expected, got {shown(text)} ({error})") from error


def _sendable(place: _Place) -> _Place:
    """Return an address or prefix that can be a source beyond its link; raises Unfit."""
    if "%" in str(place):
        raise Unfit(f"{place} has a zone, so it is for one link only; a global one is expected")
    for kind in ("link_local", "multicast", "loopback", "unspecified"):
        if getattr(place, f"is_{kind}"):
            raise Unfit(f"{place} is {kind.replace('_', '-')}; a global one is expected")
    return place


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Unfit(f"an http:// or https:// URL is expected, got {shown(text)} ({error})") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or re.search(r"\s", text):
        raise Unfit(f"an http:// or https:// URL is expected, got {shown(text)}")
    return text


def _secret_url(text: str) -> str:
    """Return a URL that is never shown: paths of webhooks are passwords."""
    try:
        return _url(text)
    except Unfit:
        raise Unfit("an http:// or https:// URL is expected; what was given is not shown, it may be secret") from None


def _netbox(text: str) -> str:
    """Return the URL of a NetBox as it is without the path of its API."""
    try:
        parts = urlsplit(_url(text))
    except Unfit:
        raise Unfit(
            f"an http:// or https:// URL is expected, like https://netbox.example.net, got {shown(_hidden(text))}"
        ) from None
    if parts.username is not None or parts.password is not None:
        raise Unfit("a user or password has no place in the URL; the token goes into the file that token_file names")
    if parts.query or parts.fragment:
        raise Unfit(f"the URL of the NetBox alone is expected, without what follows ? or #, got {shown(text)}")
    return text.rstrip("/").removesuffix("/api").rstrip("/")


def _hidden(text: str) -> str:
    """Return a URL without what stands before an @, which may be a password."""
    return re.sub(r"(^|//)[^/]*@", r"\1***@", text)


def _parent(text: str) -> str:
    """Return the number of a prefix in NetBox, or a prefix that others are cut out of."""
    if re.fullmatch(r"\d{1,18}", text):
        if not int(text):
            raise Unfit("the number of a prefix in NetBox is expected, from 1 up, got 0")
        return str(int(text))
    try:
        network = ipaddress.IPv6Network(text)
    except ValueError:
        try:
            loose = ipaddress.IPv6Network(text, strict=False)
        except ValueError:
            raise Unfit(
                f"the number of a prefix in NetBox or an IPv6 prefix is expected, like 12 or 2001:db8::/32, got {shown(text)}"
            ) from None
        raise Unfit(f"bits beyond the prefix length are set in {text}; {loose} is the prefix") from None
    if not 1 <= network.prefixlen <= 127:
        raise Unfit(f"a prefix that others can be cut out of is expected, from /1 to /127, got {network}")
    return str(network)


def radius_server(text: str) -> tuple[str, int]:
    """Return (host, port) of a RADIUS server as settings name it; raises Unfit. The port is 3799 by default (RFC 5176)."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(\d{1,5}))?", text)
    plain = re.fullmatch(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)(?::(\d{1,5}))?", text)
    host, number = bracketed.groups() if bracketed else plain.groups() if plain else (text, None)
    port = _RADIUS_PORT if number is None else int(number)
    try:
        place = str(ipaddress.IPv6Address(host)) if not plain else host
        if re.fullmatch(r"[\d.]+", place):
            place = str(ipaddress.IPv4Address(place))
    except ValueError:
        port = 0
    if not 0 < port < 65_536 or len(host) > 253:
        raise Unfit(
            "a host, IPV4, HOST:PORT, [IPV6]:PORT, or nas for the NAS that each request names is expected, "
            f"like radius.example.net:3799 or [2001:db8::1]:3799, got {shown(text)}"
        )
    return place, port


def _radius_server(text: str) -> str:
    host, port = radius_server(text)
    shape = f"[{host}]" if ":" in host else host
    return shape if port == _RADIUS_PORT else f"{shape}:{port}"


def _or_none(check: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: check(text) if text else text


def _one_line(text: str) -> str:
    if not text or "\0" in text:
        raise Unfit("a word that is not empty is expected")
    return text


def _check_webhook(row: Webhook) -> None:
    if bool(row.url) == bool(row.url_file):
        raise Unfit("either url or url_file, a file that holds it, is to be given")
    for header in row.headers:
        name, _, text = header.partition("=")
        if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) is None or not (text.isascii() and text.isprintable()):
            raise Unfit(f"headers: {shown(name)} is no name of a header, or its value is not plain text of one line")


def _check_command(row: Command) -> None:
    if not row.argv[0].startswith("/") and "/" in row.argv[0]:
        raise Unfit("argv: the program is named alone, to be looked up, or with its whole path")


def _absolute(text: str) -> str:
    if text and (not Path(text).is_absolute() or "\0" in text):
        raise Unfit(f'an absolute path is expected, or "" for the default, got {shown(text)}')
    return text


def _socket(text: str) -> str:
    if len(text.encode()) > _SOCKET_PATH_BYTES:
        raise Unfit(f"at most {_SOCKET_PATH_BYTES} bytes fit in the path of a Unix socket, got {len(text.encode())}")
    return _absolute(text)


_DAY = 86_400.0
_RADIUS_PORT = 3_799
"""Where dynamic authorization is listened for (RFC 5176)."""
_NOTIFIER = _matching(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", "a name of 1 to 64 characters A-Z a-z 0-9 . _ -")
_KINDS_OF_EVENTS = Many(
    _matching(r"[a-z]+(\.[a-z]*)?", 'how the kind of an event begins, like "prefix." or "lease.lost",')
)

KINDS: dict[str, dict[str, Kind]] = {
    "engine": {
        "listen": Many(Text(_listen)),
        "socket": Text(_socket),
        "group": _matching(r"|[a-z_][a-z0-9_.-]{0,31}", 'the name of a group, or "" for none,'),
        "loopback_scope": _one_of("read", "scrape", "operate"),
        "state_dir": Text(_absolute),
        "event_days": Whole(1, 3_650),
        "verbose": Flag(),
        "hot_path": Flag(),
    },
    "pool": {
        "usable_num": Whole(1, 1_000_000),
        "max_total": Whole(1, 50_000_000),
        "max_mirrors": Whole(1, 100_000),
        "lease_ttl": Duration(1, 30 * _DAY),
        "tokenless_ttl": Duration(1, 30 * _DAY),
        "bad_cooldown": Duration(1, 30 * _DAY),
        "bad_cooldown_max": Duration(1, 365 * _DAY),
        "spread": Whole(48, 64, only=(48, 56, 64)),
        "exclude": Many(Text(_excluded)),
        "max_leases_per_64": Whole(0, 1_000_000),
        "breaker_verdicts": Whole(2, 10_000),
        "breaker_ratio": Share(),
        "history_days": Whole(1, 3_650),
        "history_rows": Whole(1_000, 1_000_000_000),
        "durability": _one_of("process", "power"),
    },
    "check": {
        "urls": Many(Text(_url), least=1),
        "timeout": Duration(0.1, 60),
        "concurrency": Whole(1, 10_000),
        "pace": Whole(1, 1_000_000),
        "pace_window": Duration(1, 3_600),
        "probe": Duration(0, _DAY),
    },
    "network": {
        "interfaces": Many(_matching(r"[^\s/:]{1,15}", "the name of a network interface (1 to 15 characters)")),
        "prefixes": Many(Text(_prefix)),
        "weights": Many(Text(_weight)),
        "addresses": Many(Text(_address)),
        "ndp": _one_of("auto", "routed", "ndppd", "proxy", "address", "responder"),
        "ndppd": _matching(r"\S+", "the name or path of the ndppd program"),
        "ndppd_service": Flag(),
        "ndppd_conf": _matching(r"/\S+", "the whole path of ndppd's configuration file"),
        "ndppd_restart": _matching(r"\S.*", "the command that restarts ndppd"),
        "solicited_nodes": Flag(),
        "nonlocal_bind": Flag(),
        "firewall": Flag(),
        "poll": Duration(1, _DAY),
    },
    "console": {
        "theme": _one_of(*THEMES),
        "glyphs": _one_of("auto", "unicode", "ascii"),
        "read_only": Flag(),
        "keys": Table(),
    },
    "notify": {
        "debounce": Duration(1, 3_600),
        "digest": Whole(1, 1_000),
        "attempts": Whole(1, 50),
        "webhook": Rows(
            Webhook,
            {
                "name": _NOTIFIER,
                "url": Text(_secret_url),
                "url_file": Text(_absolute),
                "token_file": Text(_absolute),
                "headers": Table(),
                "level": _one_of(*LEVELS),
                "kinds": _KINDS_OF_EVENTS,
                "timeout": Duration(0.1, 300),
                "source": Text(_or_none(_address)),
                "proxy": Text(_or_none(_secret_url)),
            },
            _check_webhook,
        ),
        "command": Rows(
            Command,
            {
                "name": _NOTIFIER,
                "argv": Many(Text(_one_line), least=1, alike=True),
                "level": _one_of(*LEVELS),
                "kinds": _KINDS_OF_EVENTS,
                "timeout": Duration(0.1, 3_600),
            },
            _check_command,
        ),
    },
    "lifecycle": {
        "spaces": Many(_matching(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", "the name of a space")),
        "parent_choice": _one_of("order", "most-free"),
        "wait": Duration(0, 300),
        "retry_max": Duration(1, _DAY),
        "stuck_allocated": Duration(1, 365 * _DAY),
        "stuck_revoking": Duration(1, 365 * _DAY),
        "keep_revoked_days": Whole(1, 3_650),
        "kea_leases": Text(_absolute),
    },
    "netbox": {
        "url": Text(_or_none(_netbox)),
        "token_file": Text(_absolute),
        "parents": Many(Number(_parent)),
        "operation_field": _matching(
            r"(?=.{1,50}$)[A-Za-z0-9]+(_[A-Za-z0-9]+)*", "the name of a custom field (letters, digits, single _)"
        ),
        "tag": _matching(r"[A-Za-z0-9_-]{1,100}", "the slug of a tag (letters, digits, - and _)"),
        "status": _one_of("active", "reserved", "deprecated"),
        "timeout": Duration(0.1, 300),
        "ca_file": Text(_absolute),
    },
    "radius": {
        "server": Text(_or_none(_radius_server)),
        "secret_file": Text(_absolute),
        "timeout": Duration(0.1, 60),
        "retries": Whole(0, 20),
        "require_message_authenticator": Flag(),
    },
}
"""The kind of every setting, by section and key; the same keys as Settings."""
