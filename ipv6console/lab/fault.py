"""What can go wrong in the lab: each fault touches the kernel, daemons and packets, never the engine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ipv6console.lab import ban, ndp, radius, registry, uplink
from ipv6console.lab.error import LabError
from ipv6console.lab.scene import Scene, Wish


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what people call it, what it does, how, and the fields of a Wish it heeds.

    `cause` returns what was done, a sentence each.
    """

    name: str
    help: str
    cause: Callable[[Scene, Wish], list[str]]
    takes: tuple[str, ...] = ()


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "renumber",
            "the ISP gives another prefix; --silent: without a word",
            uplink.renumber,
            ("grace", "silent"),
        ),
        Fault("ra-deprecate", "the ISP deprecates the prefix (preferred lifetime 0)", uplink.deprecate),
        Fault("link-down", "the cable to the ISP is cut", uplink.cut),
        Fault("link-up", "the cable is mended", uplink.mend),
        Fault("ndp-kill", "SIGKILL to the NDP daemon", ndp.kill),
        Fault("ndp-stop", "SIGSTOP to the NDP daemon: it runs and answers nobody", ndp.stop),
        Fault("ndp-spin", "the uplink goes down and up, and ndppd burns a core", ndp.spin),
        Fault(
            "dup-address",
            "another host on the link claims an address of the pool",
            ndp.claim,
            ("address",),
        ),
        Fault(
            "ban",
            "the site answers 403 to those who called most",
            ban.ban,
            ("share", "by"),
        ),
        Fault("pardon", "the site forgets every ban", ban.pardon),
        Fault("check-url-down", "packets to the check URLs are dropped", uplink.hide_echo, ("urls",)),
        Fault("check-url-up", "packets to the check URLs arrive again", uplink.show_echo),
        Fault("radius-nak", "the NAS refuses every CoA and Disconnect (a lab --with radius)", radius.refuse),
        Fault("radius-silent", "packets to the NAS are dropped", radius.silence),
        Fault("radius-ok", "the NAS is reached and agrees again", radius.agree),
        Fault("ipam-down", "packets to the IPAM are dropped (a lab --with ipam)", registry.hide_ipam),
        Fault("ipam-up", "packets to the IPAM arrive again", registry.show_ipam),
    )
}
"""Every fault by its name."""


def listing() -> str:
    """Return every fault with what it does, a line each."""
    width = max(map(len, FAULTS))
    return "\n".join(f"  {fault.name:<{width}}  {fault.help}" for fault in FAULTS.values())


def cause_fault(scene: Scene, name: str, options: Mapping[str, object]) -> list[str]:
    """Make the fault called `name` happen; return what was done, a sentence each. Raises LabError."""
    fault = FAULTS.get(name)
    if fault is None:
        raise LabError(f"the lab has no fault {name!r}", f"It has:\n{listing()}")
    done = fault.cause(scene, _wish(fault, options))
    for line in done:
        scene.note(f"{name}: {line}")
    return done


def _wish(fault: Fault, options: Mapping[str, object]) -> Wish:
    for option in options:
        if option not in fault.takes:
            known = ", ".join(f"--{name}" for name in fault.takes)
            raise LabError(f"{fault.name} takes no --{option}", f"It takes {known or 'no options'}.")
    return Wish(**{option: _BOUNDS[option](value) for option, value in options.items()})  # type: ignore[arg-type] # each reader returns its field's type


def _number(name: str, low: float, high: float, unit: str) -> Callable[[object], float]:
    def read(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise LabError(f"a {name} of {value} is out of bounds", f"Give {low:g} to {high:g}{unit}.")
        return value

    return read


def _flag(value: object) -> bool:
    return value is True


def _by(value: object) -> str:
    if value not in ("address", "64"):
        raise LabError(f"a site does not ban by {value!r}", "Give address or 64.")
    return str(value)


def _address(value: object) -> str:
    try:
        return str(ipaddress.IPv6Address(str(value)))
    except ValueError as error:
        raise LabError(f"{value!r} is no IPv6 address: {error}", "Give one of the pool.") from error


def _count(value: object) -> int:
    return int(_number("number of URLs", 1, 3, "")(value))


_BOUNDS: dict[str, Callable[[object], object]] = {
    "grace": _number("grace", 0, 3_600, " seconds"),
    "silent": _flag,
    "share": _number("share", 0, 1, ""),
    "by": _by,
    "address": _address,
    "urls": _count,
}
