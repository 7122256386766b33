"""Who asks for an address and for what: names, resources, tags and metadata, checked once at the edge."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from sys import intern
from typing import NamedTuple

from ipv6console.ipam.errors import InvalidName

KINDS = ("mac", "vm", "container", "pod")
LONGEST = 253
"""The most characters of an instance, an id or a resource: what a DNS name may have."""

MOST_TAGS = MOST_METADATA = 32
_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}\Z")
_CUSTOM = re.compile(r"custom:[A-Za-z0-9._-]{1,64}\Z")
_TAG = re.compile(r"[A-Za-z0-9._:/=@-]{1,64}\Z")
_MAC = re.compile(r"[0-9a-f]{12}\Z")
_NO_TAGS, _NO_METADATA = "[]", "{}"


class Claim(NamedTuple):
    """What a binding is for; made by `claim`. `key` is the id within the `instance`; `tags` and `metadata` are JSON."""

    instance: str
    key: str
    kind: str = "custom:other"
    resource: str = ""
    tags: str = _NO_TAGS
    metadata: str = _NO_METADATA
    actor: str = ""


def claim(
    instance: str,
    key: str,
    *,
    kind: str = "custom:other",
    resource: str = "",
    tags: Iterable[str] = (),
    metadata: Mapping[str, str] | None = None,
    actor: str = "",
) -> Claim:
    """Return a checked claim; raises InvalidName."""
    kind, resource = parse_resource(kind, resource)
    return Claim(
        intern(check_word("instance", instance)),
        check_word("id", key),
        intern(kind),
        resource,
        encode_tags(tags),
        encode_metadata(metadata or {}),
        intern(actor),
    )


def check_space_name(text: str) -> str:
    """Return the name of a space; raises InvalidName."""
    if not _NAME.match(text):
        raise InvalidName(
            f"{_shown(text)} is no name of a space", next="use 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front"
        )
    return text


def check_word(what: str, text: str) -> str:
    """Return an instance, id or resource (`what`): 1 to 253 printable characters; raises InvalidName."""
    if not text:
        raise InvalidName(f"the {what} is empty", next=f"give the {what} a name of 1 to {LONGEST} characters")
    if len(text) > LONGEST:
        raise InvalidName(
            f"the {what} {_shown(text)} has {len(text)} characters", next=f"use at most {LONGEST} characters"
        )
    if not text.isprintable() or text != text.strip():
        raise InvalidName(
            f"the {what} {_shown(text)} has control characters, or blanks at an end",
            next="use printable characters, and no blank at either end",
        )
    return text


def parse_resource(kind: str, resource: str) -> tuple[str, str]:
    """Return (kind, resource) in the spelling they are found by; raises InvalidName.

    A kind is mac, vm, container, pod or custom:WORD. MAC addresses are lower case with colons (IEEE 802, six octets).
    """
    if kind not in KINDS and not _CUSTOM.match(kind):
        raise InvalidName(
            f"{_shown(kind)} is no kind of resource",
            next=f"use {', '.join(KINDS)}, or custom:WORD with a word of 1 to 64 of A-Z a-z 0-9 . _ -",
        )
    if kind == "mac":
        digits = re.sub("[:.-]", "", resource).lower()
        if not _MAC.match(digits):
            raise InvalidName(
                f"{_shown(resource)} is no MAC address", next="write six octets, such as 52:54:00:12:34:56"
            )
        return kind, ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    return kind, check_word("resource", resource) if resource else resource


def check_tag(text: str) -> str:
    """Return a tag; raises InvalidName."""
    if not _TAG.match(text):
        raise InvalidName(f"{_shown(text)} is no tag", next="use 1 to 64 of A-Z a-z 0-9 . _ : / = @ -")
    return text


def encode_tags(tags: Iterable[str]) -> str:
    """Return tags as the JSON list a row keeps: each once, sorted; raises InvalidName."""
    words = sorted({check_tag(tag) for tag in tags})
    if len(words) > MOST_TAGS:
        raise InvalidName(f"there are {len(words)} tags", next=f"give a binding at most {MOST_TAGS}")
    return intern(json.dumps(words, separators=(",", ":"))) if words else _NO_TAGS


def decode_tags(text: str) -> tuple[str, ...]:
    """Return the tags of a row."""
    return () if text == _NO_TAGS else tuple(json.loads(text))


def encode_metadata(metadata: Mapping[str, str]) -> str:
    """Return metadata as the JSON object a row keeps; raises InvalidName."""
    if not metadata:
        return _NO_METADATA
    if len(metadata) > MOST_METADATA:
        raise InvalidName(f"there are {len(metadata)} metadata", next=f"give a binding at most {MOST_METADATA}")
    for name, text in metadata.items():
        check_word("name of a metadata", name)
        if len(text) > 1_024:
            raise InvalidName(
                f"the metadata {_shown(name)} has {len(text)} characters", next="use at most 1024 characters"
            )
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidName(
                f"the metadata {_shown(name)} is no text: it has halves of characters", next="use Unicode text"
            )
    return json.dumps(dict(sorted(metadata.items())), separators=(",", ":"), ensure_ascii=False)


def decode_metadata(text: str) -> dict[str, str]:
    """Return the metadata of a row."""
    decoded: dict[str, str] = {} if text == _NO_METADATA else json.loads(text)
    return decoded


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
