"""What is looked for among subscribers and bindings: words as typed, and how much of it the engine can pick out itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Generic, TypeVar

from ipv6console.wire.space import BindingRow
from ipv6console.wire.subscriber import SubscriberRow

R = TypeVar("R")
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Term:
    """One word: in `field`, else in any of those a bare word looks at; with `network` it is about addresses alone."""

    text: str
    field: str | None
    inverted: bool
    network: Network | None


@dataclass(frozen=True, slots=True)
class Tongue(Generic[R]):
    """How rows of one kind are looked at: `told` says what is in which field, `place` the addresses a row is about.

    `bare` are the fields a word without one looks at: the engine's `text` looks at these and no others.
    """

    fields: frozenset[str]
    bare: tuple[str, ...]
    told: Callable[[R], Mapping[str, str]]
    place: Callable[[R], str | None]
    address: str


def _subscriber(row: SubscriberRow) -> Mapping[str, str]:
    return {
        "id": row.subscriber_id,
        "user": row.username or "",
        "prefix": row.prefix or "",
        "tenant": row.tenant,
        "state": f"{row.state} stuck" if row.stuck else row.state,
        "mode": row.assignment_mode,
        "nas": row.nas_ip or "",
        "ipam": row.ipam,
        "radius": row.radius,
        "text": row.text,
    }


def _binding(row: BindingRow) -> Mapping[str, str]:
    return {
        "address": row.address,
        "instance": row.instance,
        "id": row.id,
        "resource": row.resource,
        "tag": "\n".join(row.tags),
        "space": row.space,
        "kind": row.kind,
        "actor": row.actor,
        "meta": "\n".join(f"{key}={value}" for key, value in row.metadata.items()),
    }


SUBSCRIBERS: Tongue[SubscriberRow] = Tongue(
    fields=frozenset({"id", "user", "prefix", "tenant", "state", "mode", "nas", "ipam", "radius", "text"}),
    bare=("id", "user", "prefix"),
    told=_subscriber,
    place=lambda row: row.prefix,
    address="prefix",
)
BINDINGS: Tongue[BindingRow] = Tongue(
    fields=frozenset({"address", "instance", "id", "resource", "tag", "space", "kind", "actor", "meta"}),
    bare=("address", "instance", "id", "resource", "tag"),
    told=_binding,
    place=lambda row: row.address,
    address="address",
)


def parse(text: str, tongue: Tongue[R]) -> tuple[Term, ...]:
    """Return the terms of a filter line; a lone `!` or `field:` that is still being typed asks for nothing."""
    return tuple(term for term in (_term(word, tongue) for word in text.split()) if term.text)


def _term(word: str, tongue: Tongue[R]) -> Term:
    inverted = word.startswith("!")
    bare = word[1:] if inverted else word
    field, colon, value = bare.partition(":")
    named = bool(colon) and field.lower() in tongue.fields
    wanted = value if named else bare
    about = not named or field.lower() == tongue.address
    network = _network(wanted) if about else None
    return Term(wanted.lower(), field.lower() if named else None, inverted, network)


def _network(word: str) -> Network | None:
    """Return the network a word names in any spelling, or the address alone; a slash that is still being typed is none."""
    if not {":", "."} & set(word):
        return None
    try:
        return ip_network(word.removesuffix("/"), strict=False)
    except ValueError:
        return None


def passes(terms: Sequence[Term], row: R, tongue: Tongue[R]) -> bool:
    """Whether a row passes all terms."""
    return all(_hits(term, row, tongue) is not term.inverted for term in terms)


def _hits(term: Term, row: R, tongue: Tongue[R]) -> bool:
    if term.network is not None:
        return _meets(term.network, tongue.place(row))
    told = tongue.told(row)
    looked = (term.field,) if term.field is not None else tongue.bare
    return any(term.text in told[field].lower() for field in looked)


def _meets(wanted: Network, place: str | None) -> bool:
    """Whether a row's address or prefix is inside what is wanted, or an address that is wanted inside its prefix."""
    if place is None:
        return False
    try:
        found = ip_network(place) if "/" in place else ip_network(ip_address(place))
    except ValueError:
        return False
    if isinstance(wanted, IPv6Network) and isinstance(found, IPv6Network):
        return found.subnet_of(wanted) or (wanted.prefixlen == wanted.max_prefixlen and wanted.subnet_of(found))
    if isinstance(wanted, IPv4Network) and isinstance(found, IPv4Network):
        return found.subnet_of(wanted) or (wanted.prefixlen == wanted.max_prefixlen and wanted.subnet_of(found))
    return False


def asked_text(terms: Sequence[Term], tongue: Tongue[R]) -> str | None:
    """Return the longest word that the engine's `text` may look for: every row that passes has it."""
    words = [
        term.text
        for term in terms
        if not term.inverted and term.network is None and (term.field is None or term.field in tongue.bare)
    ]
    return max(words, key=len, default=None)


def asked_address(terms: Sequence[Term]) -> str | None:
    """Return the narrowest network that every row that passes is inside of, as the engine takes it."""
    found = [term.network for term in terms if not term.inverted and term.network is not None]
    narrowest = max(found, key=lambda network: network.prefixlen, default=None)
    if narrowest is None:
        return None
    single = narrowest.prefixlen == narrowest.max_prefixlen
    return str(narrowest.network_address if single else narrowest)


def asked_state(terms: Sequence[Term], states: Sequence[str]) -> str | None:
    """Return the one state that every row that passes is in, if a whole one is named."""
    return next((t.text for t in terms if t.field == "state" and not t.inverted and t.text in states), None)
