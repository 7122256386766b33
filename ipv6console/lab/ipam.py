"""An IPAM of the lab: prefixes, tags and custom fields under the rules that NetBox 4.6 was observed to have, in memory.

`ipamserver` puts it behind HTTP. What goes in and comes out are the documents of NetBox's REST API; what it refuses is
raised as Refusal with the status and document that NetBox answers.
"""

from __future__ import annotations

import ipaddress
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Json = dict[str, Any]

STATUSES = {"container": "Container", "active": "Active", "reserved": "Reserved", "deprecated": "Deprecated"}
_DESCRIPTION = 200
_PAGE, _PAGE_MOST = 50, 1_000
_FULL = "Insufficient resources are available to satisfy the request"


class Refusal(Exception):
    """A request that was not done, and how NetBox answers it."""

    def __init__(self, status: HTTPStatus, document: object) -> None:
        super().__init__(f"{status}: {document}")
        self.status = status
        self.document = document


@dataclass(slots=True)
class Prefix:
    """One prefix; `version` counts its changes, `fields` are its custom fields."""

    id: int
    network: Network
    status: str = "active"
    description: str = ""
    tags: list[str] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)
    version: int = 1
    created: float = field(default_factory=time.time)

    @property
    def etag(self) -> str:
        """What If-Match is compared with; it is weak, as NetBox's are."""
        return f'W/"{self.id}-{self.version}"'


@dataclass
class Ipam:
    """All of it. `tags` are slugs, `fields` the names of custom fields of prefixes with their filter logic."""

    prefixes: dict[int, Prefix] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def page(self, query: Mapping[str, str]) -> tuple[list[Prefix], int, int, int]:
        """Return the prefixes of one page, how many there are in all, and the limit and offset in force."""
        found = [row for row in self.prefixes.values() if self._fits(row, query)]
        found.sort(key=lambda row: (row.network.version, row.network, row.id))
        limit = min(_number(query, "limit", _PAGE) or _PAGE_MOST, _PAGE_MOST)
        offset = _number(query, "offset", 0)
        return found[offset : offset + limit], len(found), limit, offset

    def prefix(self, number: int) -> Prefix:
        """Return one prefix."""
        if number not in self.prefixes:
            raise Refusal(HTTPStatus.NOT_FOUND, {"detail": "No Prefix matches the given query."})
        return self.prefixes[number]

    def add(self, document: object) -> Prefix:
        """Make a prefix; whether it is there already, `require_new` says."""
        values = self._checked(document)
        network = _network(values.get("prefix"))
        return self._made(network, values)

    def require_new(self, document: object) -> None:
        """Refuse a prefix that is there already. NetBox does so before it adds, and nothing holds others off meanwhile."""
        if isinstance(document, dict):
            network = _network(document.get("prefix"))
            if any(row.network == network for row in self.prefixes.values()):
                told = f"Duplicate prefix found in global table: {network}"
                raise Refusal(HTTPStatus.BAD_REQUEST, {"prefix": [told]})

    def free(self, number: int) -> list[Network]:
        """Return what is free within a prefix, lowest first."""
        return list(self._gaps(self.prefix(number).network))

    def cut(self, number: int, document: object) -> list[Prefix]:
        """Make one prefix, or one for each item of a list, out of what is free: the first that fits, all or none."""
        parent = self.prefix(number)
        wanted = document if isinstance(document, list) else [document]
        lengths = [_length(item, parent.network) for item in wanted]
        checked = [self._checked(item) for item in wanted]
        made: list[Prefix] = []
        for length, values in zip(lengths, checked, strict=True):
            gap = next((gap for gap in self._gaps(parent.network) if gap.prefixlen <= length), None)
            if gap is None or length <= parent.network.prefixlen:
                for row in made:
                    del self.prefixes[row.id]
                raise Refusal(HTTPStatus.CONFLICT, {"detail": _FULL})
            made.append(self._made(ipaddress.ip_network((gap.network_address, length)), values))
        return made

    def change(self, number: int, document: object, match: str | None) -> Prefix:
        """Change what `document` names of a prefix."""
        row = self._matched(number, match)
        values = self._checked(document)
        if "prefix" in values:
            row.network = _network(values["prefix"])
        row.status = values.get("status", row.status)
        row.description = values.get("description", row.description)
        row.tags = [tag["slug"] for tag in values["tags"]] if "tags" in values else row.tags
        row.fields = {**row.fields, **values.get("custom_fields", {})}
        row.version += 1
        return row

    def remove(self, number: int, match: str | None) -> None:
        """Remove a prefix; those within it stay."""
        del self.prefixes[self._matched(number, match).id]

    def document(self, row: Prefix, root: str) -> Json:
        """Return a prefix as the API tells it; `root` is the URL of the server."""
        own = {name: row.fields.get(name) for name in self.fields}
        stamp = datetime.fromtimestamp(row.created, UTC).isoformat()
        return {
            "id": row.id,
            "url": f"{root}/api/ipam/prefixes/{row.id}/",
            "display": str(row.network),
            "family": {"value": row.network.version, "label": f"IPv{row.network.version}"},
            "prefix": str(row.network),
            "vrf": None,
            "tenant": None,
            "status": {"value": row.status, "label": STATUSES[row.status]},
            "description": row.description,
            "tags": [self.tag(slug, root) for slug in row.tags],
            "custom_fields": own,
            "created": stamp,
            "last_updated": stamp,
        }

    def tag(self, slug: str, root: str) -> Json:
        """Return a tag as the API tells it."""
        number = list(self.tags).index(slug) + 1
        return {"id": number, "url": f"{root}/api/extras/tags/{number}/", "name": self.tags[slug], "slug": slug}

    def field(self, name: str) -> Json:
        """Return a custom field as the API tells it."""
        logic = self.fields[name]
        return {
            "id": list(self.fields).index(name) + 1,
            "object_types": ["ipam.prefix"],
            "type": {"value": "text", "label": "Text"},
            "name": name,
            "filter_logic": {"value": logic, "label": logic.capitalize()},
        }

    def _made(self, network: Network, values: Json) -> Prefix:
        row = Prefix(
            next(self._ids),
            network,
            values.get("status", "active"),
            values.get("description", ""),
            [tag["slug"] for tag in values.get("tags", [])],
            values.get("custom_fields", {}),
        )
        self.prefixes[row.id] = row
        return row

    def _matched(self, number: int, match: str | None) -> Prefix:
        row = self.prefix(number)
        if match is not None and match not in {row.etag, "*"}:
            told = "The object has been modified since it was last retrieved."
            raise Refusal(HTTPStatus.PRECONDITION_FAILED, {"detail": told})
        return row

    def _fits(self, row: Prefix, query: Mapping[str, str]) -> bool:
        for key, text in query.items():
            if key == "tag":
                if text not in self.tags:
                    told = f"Select a valid choice. {text} is not one of the available choices."
                    raise Refusal(HTTPStatus.BAD_REQUEST, {"tag": [told]})
                fits = text in row.tags
            elif key.startswith("cf_"):
                fits = self._field_fits(row, key.removeprefix("cf_"), text)
            elif key == "prefix":
                fits = str(row.network) == text
            elif key == "id":
                fits = str(row.id) == text
            elif key == "status":
                fits = row.status == text
            elif key == "within":
                fits = _within(row.network, _network(text))
            else:
                fits = True  # NetBox passes over filters that it does not know
            if not fits:
                return False
        return True

    def _field_fits(self, row: Prefix, name: str, text: str) -> bool:
        logic = self.fields.get(name, "disabled")
        held = str(row.fields.get(name) or "")
        return logic == "disabled" or (text == held if logic == "exact" else text.lower() in held.lower())

    def _gaps(self, parent: Network) -> Iterator[Network]:
        inside = sorted(
            (int(row.network.network_address), int(row.network.broadcast_address))
            for row in self.prefixes.values()
            if _within(row.network, parent)
        )
        start, end = int(parent.network_address), int(parent.broadcast_address)
        for first, last in [*inside, (end + 1, end + 1)]:
            if first > start:
                kind = type(parent.network_address)
                yield from ipaddress.summarize_address_range(kind(start), kind(first - 1))
            start = max(start, last + 1)

    def _checked(self, document: object) -> Json:
        """Return `document` if its fields are such as NetBox takes."""
        if not isinstance(document, dict):
            told = f"Invalid data. Expected a dictionary, but got {type(document).__name__}."
            raise Refusal(HTTPStatus.BAD_REQUEST, {"non_field_errors": [told]})
        wrong: dict[str, list[str]] = {}
        if document.get("status", "active") not in STATUSES:
            wrong["status"] = [f'"{document["status"]}" is not a valid choice.']
        description = document.get("description", "")
        if not isinstance(description, str) or len(description) > _DESCRIPTION:
            wrong["description"] = [f"Ensure this field has no more than {_DESCRIPTION} characters."]
        faults = [self._tag_fault(tag) for tag in document.get("tags", [])]
        if any(faults):
            wrong["tags"] = [fault for fault in faults if fault]
        unknown = [name for name in document.get("custom_fields", {}) if name not in self.fields]
        if unknown:
            wrong["__all__"] = [f"Unknown field name '{name}' in custom field data." for name in unknown]
        if wrong:
            raise Refusal(HTTPStatus.BAD_REQUEST, wrong)
        return document

    def _tag_fault(self, tag: object) -> str:
        if not isinstance(tag, dict) or "slug" not in tag:
            return "Related objects must be referenced by numeric ID or by dictionary of attributes."
        known = tag["slug"] in self.tags
        return "" if known else f"Related object not found using the provided attributes: {{'slug': '{tag['slug']}'}}"


def _network(text: object) -> Network:
    try:
        return ipaddress.ip_network(str(text))
    except ValueError:
        raise Refusal(HTTPStatus.BAD_REQUEST, {"prefix": [f"{text} is not a valid prefix."]}) from None


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.prefixlen > outer.prefixlen and inner.network_address in outer


def _length(document: object, parent: Network) -> int:
    if not isinstance(document, dict) or "prefix_length" not in document:
        raise Refusal(HTTPStatus.BAD_REQUEST, [{"prefix_length": "this field can not be missing"}])
    length = document["prefix_length"]
    if not isinstance(length, int) or not 0 < length <= parent.max_prefixlen:
        raise Refusal(HTTPStatus.BAD_REQUEST, [{"prefix_length": f"Invalid prefix length ({length})"}])
    return length


def _number(query: Mapping[str, str], key: str, default: int) -> int:
    text = query.get(key, "")
    return int(text) if text.isascii() and text.isdigit() else default


def containers(ipam: Ipam, prefixes: Iterable[str]) -> list[Prefix]:
    """Add prefixes that others are cut out of; return them."""
    return [ipam.add({"prefix": prefix, "status": "container"}) for prefix in prefixes]
