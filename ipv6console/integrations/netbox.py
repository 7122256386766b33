"""NetBox as the registry of subscribers' prefixes: its REST API, as NetBox 4.6 was observed to answer.

Prefixes are made by available-prefixes alone, which NetBox takes one after the other: two plain POSTs of one prefix at
the same time make it twice. NetBox has no idempotency key, so each prefix carries the id of the operation that made it in
a custom field, by which it is found again when an answer was lost.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_network
from typing import Any

from ipv6console.config import NetBoxSettings
from ipv6console.engine.external import (
    Allocation,
    AllocationRequest,
    RegistryError,
    RegistryExhausted,
    RegistryRefused,
    RegistryUnreachable,
)
from ipv6console.integrations.netboxhttp import NetBoxHttp

_DESCRIBED = re.compile(r"subscriber (.+) of tenant ([A-Za-z0-9._-]+)")
_LOOKS = 3
"""How often something is looked at anew that others change meanwhile."""

_PAGE = 500
_DESCRIPTION = 200
log = logging.getLogger("ipv6console.netbox")


@dataclass(frozen=True, slots=True)
class _Parent:
    """A prefix that others are cut out of; `reference` is what the settings or the request call it."""

    reference: str
    id: int
    network: IPv6Network

    def __str__(self) -> str:
        return f"{self.network} (id {self.id})"


class _Absent(RegistryRefused):
    """A parent that is not there, or that nothing can be taken of."""


class NetBox:
    """A Registry in NetBox. `choice` is order or most-free. Raises OSError when `ca_file` cannot be used."""

    name = "netbox"

    def __init__(self, settings: NetBoxSettings, choice: str = "order") -> None:
        self._settings = settings
        self._choice = choice
        self._http = NetBoxHttp(settings)
        self._parents: dict[str, _Parent] = {}
        self._examined = False

    async def examine(self) -> None:
        """Raise RegistryError when NetBox cannot be asked, or lacks the custom field or the tag."""
        name, tag = self._settings.operation_field, self._settings.tag
        made = f"name {name}, type Text, object type IPAM > Prefix, filter logic Exact"
        field = await self._first("extras/custom-fields/", "name", name)
        if field is None:
            raise RegistryUnreachable(
                f"NetBox has no custom field {name}, by which a prefix is found again whose answer was lost",
                next=f"create it there, Customization > Custom Fields > Add: {made}",
            )
        kinds = field.get("object_types", field.get("content_types", ["ipam.prefix"]))
        words = [field.get(key, {}).get("value") for key in ("type", "filter_logic")]
        if "ipam.prefix" not in kinds or words[0] not in {None, "text"} or words[1] == "disabled":
            raise RegistryUnreachable(
                f"the custom field {name} in NetBox is not a text of prefixes that can be looked for",
                next=f"change it there, Customization > Custom Fields: {made}",
            )
        if await self._first("extras/tags/", "slug", tag) is None:
            raise RegistryUnreachable(
                f"NetBox has no tag {tag}, which marks what is ours",
                next=f"create it there, Customization > Tags > Add: slug {tag}",
            )
        self._examined = True

    async def allocate(self, request: AllocationRequest, *, again: bool) -> Allocation:
        """See Registry."""
        if not self._examined:
            await self.examine()
        if again and (found := await self.find(request.operation)) is not None:
            return found
        chosen = (str(request.parent),) if request.parent is not None else self._settings.parents
        if not chosen:
            raise RegistryRefused(
                "no parent is configured that a prefix could be taken of",
                next="name some in netbox.parents, or one in the request (netbox_pool_id)",
            )
        parents, absent = await self._resolved(chosen)
        fitting = [parent for parent in parents if parent.network.prefixlen < request.length]
        if not fitting:
            told = [f"{parent} is no shorter than /{request.length}" for parent in parents]
            raise RegistryRefused("; ".join([*told, *absent]), next="name other parents, or ask for a longer prefix")
        if self._choice == "most-free" and len(fitting) > 1:
            fitting = await self._by_room(fitting)
        full = []
        for parent in fitting:
            try:
                made = await self._cut(parent, request)
            except _Absent as error:
                absent.append(error.detail)
                continue
            if made is not None:
                return await self._single(made) if again else made
            full.append(str(parent))
        if not full:
            raise RegistryRefused("; ".join(absent), next="create them in NetBox, or name other parents")
        raise RegistryExhausted(
            "; ".join([f"no /{request.length} is free in {', '.join(full)}", *absent]),
            next="give prefixes back, or name more parents in netbox.parents",
        )

    async def find(self, operation: str) -> Allocation | None:
        """See Registry."""
        found = await self._made_by(operation)
        return found[0] if found else None

    async def mark(self, allocation: Allocation, status: str) -> None:
        """See Registry."""
        path = f"ipam/prefixes/{allocation.id}/"
        for _ in range(_LOOKS):
            held = await self._held(allocation)
            if held is None:
                raise RegistryRefused(
                    f"the prefix with id {allocation.id} is not in NetBox any more", next="see the leaks for its repair"
                )
            document, etag = held
            if _word(document, "status") == status:
                return
            reply = await self._http.ask("PATCH", path, document={"status": status}, match=etag, expected=(404, 412))
            if reply.status not in {404, 412}:
                return
        raise self._restless(allocation)

    async def release(self, allocation: Allocation) -> bool:
        """See Registry."""
        path = f"ipam/prefixes/{allocation.id}/"
        for _ in range(_LOOKS):
            held = await self._held(allocation)
            if held is None:
                return False
            reply = await self._http.ask("DELETE", path, match=held[1], expected=(404, 412))
            if reply.status != 412:
                return reply.status != 404
        raise self._restless(allocation)

    async def held(self) -> Sequence[Allocation]:
        """See Registry."""
        if not self._examined:
            await self.examine()
        try:
            rows = await self._all({"tag": self._settings.tag})
        except RegistryRefused:
            await self.examine()
            raise
        return [self._told(row, None) for row in rows if _is_allocation(row)]

    async def close(self) -> None:
        """See Registry."""
        await self._http.close()

    async def _cut(self, parent: _Parent, request: AllocationRequest) -> Allocation | None:
        """Take the next prefix out of a parent; None when it is full."""
        document = {
            "prefix_length": request.length,
            "status": self._settings.status,
            "description": f"subscriber {request.subscriber} of tenant {request.tenant}"[:_DESCRIPTION],
            "tags": [{"slug": self._settings.tag}],
            "custom_fields": {self._settings.operation_field: request.operation},
        }
        path = "ipam/prefixes/{}/available-prefixes/"
        reply = await self._http.ask("POST", path.format(parent.id), document=document, expected=(400, 404, 409))
        if reply.status == 404:
            # It was deleted and perhaps made anew since it was looked up.
            self._parents.pop(parent.reference, None)
            parent = self._parents[parent.reference] = await self._parent(parent.reference)
            reply = await self._http.ask("POST", path.format(parent.id), document=document, expected=(400, 409))
        if reply.status == 409:
            return None
        if reply.status == 400:
            await self.examine()
            raise RegistryRefused(
                f"NetBox takes no /{request.length} of {parent}: {reply.text}",
                next="see what it says, and correct the request or the settings of [netbox]",
            )
        return self._told(reply.document, parent.id)

    async def _single(self, made: Allocation) -> Allocation:
        """Return the first prefix of an operation, and give back those that lost requests of it made meanwhile."""
        first, *others = await self._made_by(made.operation or "") or [made]
        for other in others:
            log.warning("NetBox made %s twice; the one with id %d goes back", other.operation, other.id)
            try:
                await self.release(other)
            except RegistryError as error:
                log.warning("it stays until the leaks are repaired: %s", error.detail)
        return first

    async def _made_by(self, operation: str) -> list[Allocation]:
        """Return the prefixes of an operation, the first made first."""
        name = self._settings.operation_field
        # NetBox passes over a filter that it does not know, and a loose one finds parts of words.
        rows = await self._all({f"cf_{name}": operation})
        found = [self._told(row, None) for row in rows if _field(row, name) == operation]
        return sorted(found, key=lambda allocation: allocation.id)

    async def _resolved(self, references: Iterable[str]) -> tuple[list[_Parent], list[str]]:
        """Return the parents that are there, and for each other one why it is not used."""
        parents, absent = [], []
        for reference in references:
            try:
                if reference not in self._parents:
                    self._parents[reference] = await self._parent(reference)
                parents.append(self._parents[reference])
            except _Absent as error:
                log.warning("%s; %s", error.detail, error.next)
                absent.append(error.detail)
        return parents, absent

    async def _parent(self, reference: str) -> _Parent:
        if reference.isdigit():
            reply = await self._http.ask("GET", f"ipam/prefixes/{reference}/", expected=(404,))
            rows = [] if reply.status == 404 else [reply.document]
        else:
            rows = [row for row in await self._all({"prefix": reference}) if row.get("prefix") == reference]
            rows = [row for row in rows if _word(row, "status") == "container"] or rows
        if not rows:
            raise _Absent(
                f"NetBox has no prefix {'with id ' if reference.isdigit() else ''}{reference}",
                next="create it there, or see whether the token's user may view it",
            )
        if len(rows) > 1:
            numbers = ", ".join(str(row["id"]) for row in rows)
            raise _Absent(f"NetBox has {reference} several times (ids {numbers})", next="name it by its id")
        network = _network(rows[0])
        if not isinstance(network, IPv6Network):
            raise _Absent(f"{network} (id {reference}) is no IPv6 prefix", next="name an IPv6 prefix")
        return _Parent(reference, rows[0]["id"], network)

    async def _by_room(self, parents: list[_Parent]) -> list[_Parent]:
        """Return the parents with the most room first."""
        room = {}
        for parent in parents:
            reply = await self._http.ask("GET", f"ipam/prefixes/{parent.id}/available-prefixes/", expected=(404,))
            rows = reply.document if isinstance(reply.document, list) else []
            room[parent.id] = sum(_network(row).num_addresses for row in rows)
        return sorted(parents, key=lambda parent: -room[parent.id])

    async def _held(self, allocation: Allocation) -> tuple[dict[str, Any], str | None] | None:
        """Return the document and ETag of a prefix, None when it is not there; raises when it is somebody else's."""
        reply = await self._http.ask("GET", f"ipam/prefixes/{allocation.id}/", expected=(404,))
        if reply.status == 404:
            return None
        prefix = IPv6Network((allocation.network, allocation.length))
        operation = _field(reply.document, self._settings.operation_field)
        if _network(reply.document) != prefix or operation != allocation.operation:
            raise RegistryRefused(
                f"the prefix with id {allocation.id} in NetBox is now {reply.document['prefix']} of operation "
                f"{operation or 'none'}, not {prefix} of {allocation.operation or 'none'}: it is somebody else's",
                next="see in NetBox who changed it, and correct it there",
            )
        return reply.document, reply.etag

    async def _first(self, path: str, key: str, name: str) -> dict[str, Any] | None:
        """Return what bears a name; an empty object when the token may not look."""
        reply = await self._http.ask("GET", path, query={key: name}, expected=(403,))
        if reply.status == 403:
            log.warning("the token may not see %s in NetBox, so %s was not looked for", path, name)
            return {}
        rows = _results(reply.document)
        return next((row for row in rows if row.get(key) == name), None)

    async def _all(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return all prefixes that fit `query`; what changes between two pages makes it begin anew."""
        for _ in range(_LOOKS):
            rows: dict[int, dict[str, Any]] = {}
            counts = set()
            offset = 0
            while True:
                pages: dict[str, str | int] = {**query, "limit": _PAGE, "offset": offset}
                reply = await self._http.ask("GET", "ipam/prefixes/", query=pages)
                page = _results(reply.document)
                rows.update((row["id"], row) for row in page)
                counts.add(reply.document.get("count"))
                offset += len(page)
                if not page or reply.document.get("next") is None:
                    break
            if counts == {len(rows)}:
                return list(rows.values())
        raise RegistryUnreachable(
            "NetBox changed while its prefixes were read, several times over", next="it is read again later"
        )

    def _told(self, row: dict[str, Any], parent: int | None) -> Allocation:
        network = _network(row)
        described = _DESCRIBED.fullmatch(row.get("description", ""))
        return Allocation(
            id=row["id"],
            network=int(network.network_address),
            length=network.prefixlen,
            parent=parent,
            operation=_field(row, self._settings.operation_field),
            tenant=described[2] if described else "",
            subscriber=described[1] if described else "",
            status=_word(row, "status"),
        )

    @staticmethod
    def _restless(allocation: Allocation) -> RegistryUnreachable:
        return RegistryUnreachable(
            f"the prefix with id {allocation.id} in NetBox was changed by others {_LOOKS} times meanwhile",
            next="it is tried again",
        )


def _broken(row: object) -> RegistryUnreachable:
    kind = type(row).__name__
    return RegistryUnreachable(
        f"NetBox answered with something that is no prefix ({kind})",
        next="see whether netbox.url is that of a NetBox of version 4 or later",
    )


def _results(document: object) -> list[dict[str, Any]]:
    rows = document.get("results") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), int) for row in rows):
        raise _broken(document)
    return rows


def _network(row: object) -> Any:
    try:
        return ip_network(row["prefix"])  # type: ignore[index] # what is no object is what is looked for
    except (TypeError, KeyError, ValueError) as error:
        raise _broken(row) from error


def _word(row: dict[str, Any], key: str) -> str:
    """Return a choice, which NetBox tells with its label."""
    value = row.get(key)
    return str(value.get("value")) if isinstance(value, dict) else str(value)


def _field(row: dict[str, Any], name: str) -> str | None:
    value = (row.get("custom_fields") or {}).get(name)
    return str(value) if value else None


def _is_allocation(row: dict[str, Any]) -> bool:
    """Return whether a prefix with our tag is a subscriber's: parents may bear it too."""
    return _word(row, "status") != "container" and isinstance(_network(row), IPv6Network)
