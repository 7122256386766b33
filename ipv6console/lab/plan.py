"""What a lab is asked to be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Network

from ipv6console.configkind import Unfit
from ipv6console.configvalue import KINDS
from ipv6console.lab.error import LabError

DEFAULT_PREFIX = IPv6Network("2001:db8:0:1::/64")
GLOBAL_UNICAST = IPv6Network("2000::/3")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Mode(StrEnum):
    """How the ISP gives a prefix: neighbours on the link resolve each address, or all of it is routed to the host."""

    ONLINK = "onlink"
    ROUTED = "routed"


class Partner(StrEnum):
    """A system beside the engine's own that has a say in subscribers' prefixes."""

    RADIUS = "radius"
    IPAM = "ipam"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPlan:
    """One lab: its prefix and how the ISP gives it, idle addresses the engine keeps, scrapers at work, its name.

    `partners` are the systems beside the engine that the lab has and the engine is configured for.

    `ndp` is the engine's network.ndp, None for the one that fits the mode. With `gateway_inside` the ISP's router is
    reached at an address inside the prefix.
    """

    prefix: IPv6Network = DEFAULT_PREFIX
    mode: Mode = Mode.ONLINK
    ndp: str | None = None
    usable_num: int = 40
    scrapers: int = 0
    gateway_inside: bool = False
    name: str | None = None
    partners: frozenset[Partner] = frozenset()

    def __post_init__(self) -> None:
        """Raise LabError for what does not go together."""
        if self.gateway_inside and self.mode is Mode.ROUTED:
            raise LabError("a routed prefix holds no gateway of this host", "Choose --mode onlink.")

    @property
    def strategy(self) -> str:
        """What the engine is told as network.ndp."""
        if self.ndp is not None:
            return self.ndp
        return "ndppd" if self.mode is Mode.ONLINK else "auto"


def parse_prefix(text: str) -> IPv6Network:
    """Return the prefix `text` names. Raises LabError when it is none the lab can serve."""
    try:
        prefix = IPv6Network(text)
    except ValueError as error:
        raise LabError(f"{text!r} is no IPv6 prefix: {error}", f"Write it as {DEFAULT_PREFIX}.") from error
    if not 32 <= prefix.prefixlen <= 120:
        raise LabError(f"{prefix} is outside of /32 to /120", f"Choose a length between them, as in {DEFAULT_PREFIX}.")
    if not prefix.subnet_of(GLOBAL_UNICAST):
        raise LabError(f"{prefix} is not global unicast", f"Choose a prefix inside {GLOBAL_UNICAST}.")
    return prefix


def parse_strategy(text: str) -> str:
    """Return `text` as the engine's network.ndp. Raises LabError when the engine knows no such strategy."""
    try:
        return str(KINDS["network"]["ndp"].read_text(text))
    except Unfit as error:
        raise LabError(f"--ndp {text}: {error}", "Choose one of these.") from error


def parse_partners(text: str) -> frozenset[Partner]:
    """Return the partners that `text` names, separated by commas. Raises LabError for one that there is not."""
    known = ", ".join(Partner)
    named = [word.strip() for word in text.split(",")]
    for word in named:
        if word not in set(Partner):
            raise LabError(f"the lab has no {word!r} to be started with", f"There are: {known}.")
    return frozenset(Partner(word) for word in named)


def parse_name(text: str) -> str:
    """Return `text` as the name of a lab. Raises LabError when it is none."""
    if not _NAME.fullmatch(text):
        raise LabError(f"{text!r} is no name for a lab", "Use 1 to 40 of A-Z a-z 0-9 _ -")
    return text
