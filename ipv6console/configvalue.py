"""What each setting may be: how its value is read from TOML and from text, and what is allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from ipv6console.config import THEMES

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SOCKET_PATH_BYTES = 107
"""What fits in sockaddr_un with its closing NUL (unix(7))."""


_Place = TypeVar("_Place", ipaddress.IPv6Address, ipaddress.IPv6Network)


class Unfit(ValueError):
    """A value that is not allowed; the message says what is. `item` counts from 0 in a list, in a table it is the key."""

    item: int | str | None = None


class Kind(Protocol):
    """A kind of value: both readers return it as Settings holds it, or raise Unfit."""

    def read(self, value: object) -> object:
        """Read a value as TOML gives it."""
        ...

    def read_text(self, text: str) -> object:
        """Read a value from the environment or a flag."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `check` returns it in its proper spelling or raises Unfit."""

    check: Callable[[str], str]

    def read(self, value: object) -> str:
        """See Kind."""
        if not isinstance(value, str):
            raise Unfit(f"text in quotes is expected, got {_shown(value)}")
        return self.check(value)

    def read_text(self, text: str) -> str:
        """See Kind."""
        return self.check(text.strip())


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: object) -> bool:
        """See Kind."""
        if not isinstance(value, bool):
            raise Unfit(f"true or false is expected, got {_shown(value)}")
        return value

    def read_text(self, text: str) -> bool:
        """See Kind."""
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.strip().lower() not in words:
            raise Unfit(f"true or false is expected, got {_shown(text)}")
        return words[text.strip().lower()]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between `low` and `high`, or one of `only`."""

    low: int
    high: int
    only: tuple[int, ...] = ()

    def read(self, value: object) -> int:
        """See Kind."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unfit(f"{self._allowed()} is expected, got {_shown(value)}")
        if not self.low <= value <= self.high or (self.only and value not in self.only):
            raise Unfit(f"{self._allowed()} is allowed, got {value}")
        return value

    def read_text(self, text: str) -> int:
        """See Kind."""
        try:
            return self.read(int(text))
        except ValueError as error:
            raise Unfit(f"{self._allowed()} is allowed, got {_shown(text)}") from error

    def _allowed(self) -> str:
        if self.only:
            return f"one of {', '.join(map(str, self.only))}"
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds as a number, or text with a unit: 90s, 15m, 1h, 2d; between `low` and `high` seconds."""

    low: float
    high: float

    def read(self, value: object) -> float:
        """See Kind."""
        if isinstance(value, str):
            return self.read_text(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Unfit(f"{self._allowed()} is expected, got {_shown(value)}")
        if not self.low <= value <= self.high:
            raise Unfit(f"{self._allowed()} is allowed, got {value}")
        return float(value)

    def read_text(self, text: str) -> float:
        """See Kind."""
        match = _DURATION.fullmatch(text.strip())
        if match is None:
            raise Unfit(f"{self._allowed()} is allowed, got {_shown(text)}")
        return self.read(float(match[1]) * _UNITS[match[2]])

    def _allowed(self) -> str:
        return f"a duration from {self.low:.15g} to {self.high:.15g} seconds (a number, or like 90s, 15m, 1h, 2d)"


@dataclass(frozen=True, slots=True)
class Share:
    """A number above 0 and up to 1."""

    def read(self, value: object) -> float:
        """See Kind."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
            raise Unfit(f"a number above 0 and up to 1 is expected, got {_shown(value)}")
        return float(value)

    def read_text(self, text: str) -> float:
        """See Kind."""
        try:
            return self.read(float(text))
        except ValueError as error:
            raise Unfit(f"a number above 0 and up to 1 is expected, got {_shown(text)}") from error


@dataclass(frozen=True, slots=True)
class Many:
    """A list of texts, `least` at least; in the environment separated by commas."""

    item: Text
    least: int = 0

    def read(self, value: object) -> tuple[str, ...]:
        """See Kind."""
        if not isinstance(value, list | tuple):
            raise Unfit(f'a list of texts, like ["…"], is expected, got {_shown(value)}')
        items = []
        for number, item in enumerate(value):
            try:
                items.append(self.item.read(item))
            except Unfit as error:
                error.item = number
                raise
        if len(items) < self.least:
            raise Unfit(f"at least {self.least} of them must be given")
        if len(set(items)) != len(items):
            raise Unfit("the same one is given twice")
        return tuple(items)

    def read_text(self, text: str) -> tuple[str, ...]:
        """See Kind."""
        return self.read([item.strip() for item in text.split(",") if item.strip()])


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts, as Settings holds it "KEY=VALUE" each; so in the environment, separated by commas."""

    def read(self, value: object) -> tuple[str, ...]:
        """See Kind."""
        if isinstance(value, tuple):
            return self._pairs(str(pair).partition("=") for pair in value)
        if not isinstance(value, dict):
            raise Unfit(f'a table, like {{ spawn = "S" }}, is expected, got {_shown(value)}')
        return self._pairs((key, "=", text) for key, text in value.items())

    def read_text(self, text: str) -> tuple[str, ...]:
        """See Kind."""
        return self.read(tuple(item.strip() for item in text.split(",") if item.strip()))

    @staticmethod
    def _pairs(pairs: Iterable[tuple[str, str, object]]) -> tuple[str, ...]:
        told = {}
        for key, equals, text in pairs:
            if not isinstance(text, str) or not text or not equals or not key:
                problem = Unfit(f"KEY=VALUE is expected, got {_shown(text if key and equals else key)}")
                problem.item = key
                raise problem
            told[key] = text
        return tuple(f"{key}={text}" for key, text in told.items())


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _one_of(*words: str) -> Text:
    def check(text: str) -> str:
        if text not in words:
            raise Unfit(f"one of {', '.join(words)} is allowed, got {_shown(text)}")
        return text

    return Text(check)


def _matching(pattern: str, allowed: str) -> Text:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise Unfit(f"{allowed} is expected, got {_shown(text)}")
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
        raise Unfit(f"IPV4:PORT or [IPV6]:PORT is expected, like 127.0.0.1:16000 or [::1]:16000, got {_shown(text)}")
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
            raise Unfit(f"an IPv6 prefix is expected, like 2001:db8::/64, got {_shown(text)}") from None
        raise Unfit(f"bits beyond the prefix length are set in {text}; {loose} is the prefix") from None
    if not 32 <= network.prefixlen <= 128:
        raise Unfit(f"a prefix length from /32 to /128 is allowed, got {network}")
    return str(_sendable(network))


def _excluded(text: str) -> str:
    try:
        place = ipaddress.IPv6Network(text) if "/" in text else ipaddress.IPv6Address(text)
    except ValueError as error:
        raise Unfit(f"an IPv6 address or prefix is expected, got {_shown(text)} ({error})") from error
    if "%" in text:
        raise Unfit(f"{text} has a zone, so it is for one link only; a global one is expected")
    return str(place)


def _weight(text: str) -> str:
    head, _, tail = text.partition("=")
    if not re.fullmatch(r"\s*\d{1,4}\s*", tail) or int(tail) == 0:
        raise Unfit(f"PREFIX=WEIGHT with a whole weight from 1 to 9999 is expected, got {_shown(text)}")
    return f"{_prefix(head.strip())}={int(tail)}"


def _address(text: str) -> str:
    try:
        return str(_sendable(ipaddress.IPv6Address(text)))
    except ipaddress.AddressValueError as error:
        raise Unfit(f"an IPv6 address is expected, got {_shown(text)} ({error})") from error


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
        raise Unfit(f"an http:// or https:// URL is expected, got {_shown(text)} ({error})") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or re.search(r"\s", text):
        raise Unfit(f"an http:// or https:// URL is expected, got {_shown(text)}")
    return text


def _absolute(text: str) -> str:
    if text and (not Path(text).is_absolute() or "\0" in text):
        raise Unfit(f'an absolute path is expected, or "" for the default, got {_shown(text)}')
    return text


def _socket(text: str) -> str:
    if len(text.encode()) > _SOCKET_PATH_BYTES:
        raise Unfit(f"at most {_SOCKET_PATH_BYTES} bytes fit in the path of a Unix socket, got {len(text.encode())}")
    return _absolute(text)


_DAY = 86_400.0

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
}
"""The kind of every setting, by section and key; the same keys as Settings."""
