from __future__ import annotations

import struct
from ipaddress import IPv6Address

import pytest

from ipv6console.linux.ndp.responder import ADVERTISEMENT, OVERRIDE, SOLICITED, advertisement, checksum, solicited

MINE = bytes.fromhex("02aabbccddee")
THEIRS = bytes.fromhex("021122334455")
TARGET = IPv6Address("2001:db8:1::cafe").packed
ROUTER = IPv6Address("fe80::1").packed
NODES = IPv6Address("ff02::1").packed
GROUP = IPv6Address("ff02::1:ff00:cafe").packed
NOBODY = bytes(16)


def solicitation(
    *,
    source: bytes = ROUTER,
    destination: bytes = GROUP,
    target: bytes = TARGET,
    option: bytes = b"\x01\x01" + THEIRS,
    hops: int = 255,
    code: int = 0,
    damage: int = 0,
) -> bytes:
    body = struct.pack("!BBHI", 135, code, 0, 0) + target + option
    total = checksum(source, destination, body) ^ damage
    body = body[:2] + total.to_bytes(2, "big") + body[4:]
    header = struct.pack("!IHBB", 0x60000000, len(body), 58, hops) + source + destination
    return bytes.fromhex("3333ff00cafe") + THEIRS + b"\x86\xdd" + header + body


def test_a_neighbour_gets_a_solicited_answer_with_our_link_address() -> None:
    reply = advertisement(solicitation(), TARGET, MINE)

    assert reply[:14] == THEIRS + MINE + b"\x86\xdd"
    assert (reply[21], reply[22:38], reply[38:54]) == (255, TARGET, ROUTER)
    kind, code, _, flags = struct.unpack("!BBHI", reply[54:62])
    assert (kind, code, flags) == (ADVERTISEMENT, 0, SOLICITED | OVERRIDE)
    assert reply[62:78] == TARGET
    assert reply[78:] == b"\x02\x01" + MINE
    assert checksum(reply[22:38], reply[38:54], reply[54:]) == 0


def test_a_probe_for_duplicates_is_answered_to_all_nodes_and_not_as_solicited() -> None:
    reply = advertisement(solicitation(source=NOBODY, option=b""), TARGET, MINE)

    assert reply[:6] == bytes.fromhex("333300000001")
    assert reply[38:54] == NODES
    assert struct.unpack("!I", reply[58:62]) == (OVERRIDE,)


def test_a_unicast_probe_without_an_option_is_answered_to_its_sender() -> None:
    frame = solicitation(destination=TARGET, option=b"")

    assert solicited(frame) == TARGET
    assert advertisement(frame, TARGET, MINE)[:6] == THEIRS


@pytest.mark.parametrize(
    "frame",
    [
        solicitation(damage=1),
        solicitation(hops=254),
        solicitation(code=1),
        solicitation(target=GROUP),
        solicitation(source=NOBODY),
        solicitation(source=NOBODY, destination=NODES, option=b""),
        solicitation()[:70],
        solicitation()[:12] + b"\x08\x00" + solicitation()[14:],
    ],
    ids=["checksum", "hop limit", "code", "multicast target", "probe with option", "probe to all", "short", "not IPv6"],
)
def test_a_malformed_solicitation_is_not_heard(frame: bytes) -> None:
    assert solicited(frame) is None
