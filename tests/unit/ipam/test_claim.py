"""Names, resources, tags and metadata, checked once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipv6console.ipam.claim import check_space_name, claim, decode_metadata, decode_tags, parse_resource
from ipv6console.ipam.errors import InvalidName


@pytest.mark.parametrize("text", ["52:54:00:AB:cd:01", "52-54-00-ab-cd-01", "5254.00ab.cd01", "525400abcd01"])
def test_a_mac_address_is_one_resource_in_every_spelling(text: str) -> None:
    assert parse_resource("mac", text) == ("mac", "52:54:00:ab:cd:01")


def test_tags_and_metadata_come_back_as_they_were_given_each_tag_once() -> None:
    made = claim(
        "k8s/north", "web-1", kind="custom:printer", resource="éclair 2", tags=["b", "a", "b"], metadata={"a": "ü"}
    )
    assert decode_tags(made.tags) == ("a", "b")
    assert decode_metadata(made.metadata) == {"a": "ü"}
    assert (made.kind, made.resource) == ("custom:printer", "éclair 2")
    bare = claim("i", "k")
    assert (decode_tags(bare.tags), decode_metadata(bare.metadata)) == ((), {})


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (lambda: claim("", "a"), "the instance is empty"),
        (lambda: claim("a", ""), "the id is empty"),
        (lambda: claim("a", "b" * 254), "has 254 characters"),
        (lambda: claim("a", "b\n"), "control characters"),
        (lambda: claim("a", " b"), "blanks at an end"),
        (lambda: claim("a", "\udc80"), "control characters"),
        (lambda: claim("a", "b", kind="printer"), "no kind of resource"),
        (lambda: claim("a", "b", kind="custom:"), "no kind of resource"),
        (lambda: claim("a", "b", kind="mac"), "no MAC address"),
        (lambda: claim("a", "b", kind="mac", resource="52:54:00:12:34"), "no MAC address"),
        (lambda: claim("a", "b", tags=["two words"]), "no tag"),
        (lambda: claim("a", "b", tags=map(str, range(33))), "33 tags"),
        (lambda: claim("a", "b", metadata={"": "c"}), "is empty"),
        (lambda: claim("a", "b", metadata={"c": "d" * 1_025}), "1025 characters"),
        (lambda: claim("a", "b", metadata={str(n): "" for n in range(33)}), "33 metadata"),
        (lambda: claim("a", "b", metadata={"c": "\udc80"}), "no text"),
        (lambda: check_space_name(".lan"), "no name of a space"),
        (lambda: check_space_name("a/b"), "no name of a space"),
        (lambda: check_space_name("lan\n"), "no name of a space"),
    ],
)
def test_a_bad_name_is_refused_with_its_cause_and_what_to_do(act: Callable[[], object], cause: str) -> None:
    with pytest.raises(InvalidName) as refused:
        act()
    assert cause in refused.value.detail
    assert refused.value.next
