"""Requests nobody would write, a million of them, said to both paths as in the suite."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.api.limits import LIMITS
from tests.api.conftest import anyio_backend
from tests.api.service import TESTER, Service
from tests.api.test_hot import HOST, anonymous, paired
from tests.api.test_hot_fuzz import BODIES, HEADERS, request

__all__ = ["anyio_backend"]

PARTS = 2
BESIDE = 30
"""So many runs, which processes may share, each with so many pairs of engines and as many clients that say other things."""
TOO_SLOW = b"HTTP/1.1 408 "
IMPATIENCE = 0.5
"""Seconds the servers wait for what does not come."""
TIMED = re.compile(rb"[?&](wait=|ttl=(?!300|1e3|10[01]))[0-9. +]*[1-9]")
"""Picks that wait in line, and leases that end soon, depend on more than what is said."""

ASKED = [b"/pick", b"/picks"]
WORDS = [
    b"dbname=task1",
    b"dbname=a",
    b"dbname=shop.example",
    b"num=1",
    b"num=2",
    b"ttl=300",
    b"holder=me",
    b"target=a.example",
]

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(0)]


class Complaints(logging.Handler):
    """Keeps what was logged as an error, exceptions nobody caught among it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


def ordinary(chance: random.Random) -> bytes:
    """Return one that a client may well say, and that leaves the connection open."""
    more = b"".join(chance.choice(HEADERS[:3]) + b"\r\n" for _ in range(chance.choice((0, 0, 1))))
    if chance.random() < 0.5:
        words = chance.sample(WORDS, chance.choice((0, 1, 2, 3)))
        target = chance.choice(ASKED) + (b"?" + b"&".join(words) if words else b"")
        return b"GET " + target + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"
    body = chance.choice(BODIES)
    head = b"POST /report" + chance.choice((b"", b"s")) + b" HTTP/1.1\r\n" + HOST + more
    return head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def conversation(chance: random.Random) -> tuple[list[bytes], int]:
    """Return what one connection says, in the pieces it is sent in, and how many requests it is."""
    before = chance.choice((0, 1, 2, 4))
    said = b"".join(ordinary(chance) for _ in range(before)) + request(chance)
    places = sorted(chance.randrange(len(said)) for _ in range(chance.choice((0, 0, 1, 2))))
    return [said[start:end] for start, end in zip([0, *places], [*places, len(said)], strict=True)], before + 1


async def told(service: Service, pieces: list[bytes]) -> bytes | None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.ports[0])
    answer = b""
    try:
        for piece in pieces:
            if writer.transport.is_closing():
                break
            writer.write(piece)
            # Read by the server, which runs in this loop, before the next piece comes.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            while more := await reader.read(65_536):
                answer += more
    except ConnectionError:
        # It closed with bytes of ours unread, and what was under way is lost.
        return None
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return answer


def sockets() -> int:
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(file.readlink()).startswith("socket:")
    return found


async def talk(home: Path, inputs: int, chance: random.Random) -> tuple[int, int, int]:
    """Say `inputs` requests to two engines; return by how many connections, how many were cut short, how many were hot."""
    connections = lost = said = 0
    apart = False
    async with paired(home, replace(LIMITS, head_seconds=IMPATIENCE, body_seconds=IMPATIENCE)) as pair:
        services = (pair.hot, pair.plain)
        for service in services:
            await service.engine.mirror_stats("task1")
        while said < inputs:
            pieces, count = conversation(chance)
            if TIMED.search(b"".join(pieces)):
                continue
            connections, said = connections + 1, said + count
            fast, slow = await asyncio.gather(*(told(service, pieces) for service in services))
            if fast is None or slow is None or (TOO_SLOW in fast) != (TOO_SLOW in slow):
                # One of them had to wait for the machine, and its client's time was over.
                lost, apart = lost + 1, True
            else:
                assert anonymous(fast) == anonymous(slow), pieces
            if apart or connections % 100 == 0:
                apart = False
                for service in services:
                    for name in service.engine.stats().mirrors:
                        await service.engine.flush(name, TESTER)
    return connections, lost, pair.hot.engine.traffic.hot


@pytest.mark.parametrize("part", range(PARTS))
async def test_whatever_a_million_requests_say_both_paths_answer_the_same_and_keep_nothing(
    part: int, inputs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    complaints, before = Complaints(), sockets()
    homes = [tmp_path / str(number) for number in range(BESIDE)]
    for home in homes:
        home.mkdir()
    logging.getLogger().addHandler(complaints)
    try:
        async with asyncio.TaskGroup() as group:
            talks = [
                group.create_task(talk(home, inputs // PARTS // BESIDE, random.Random(f"{part}-{home.name}")))
                for home in homes
            ]
        connections, lost, hot = (sum(found) for found in zip(*(each.result() for each in talks), strict=True))
    finally:
        logging.getLogger().removeHandler(complaints)
    assert complaints.texts == []
    assert sockets() <= before
    assert lost < connections / 5
    with capsys.disabled():
        sys.stdout.write(
            f"\npart {part}: {inputs // PARTS:,} requests to each path over {connections:,} connections, {lost:,} of them cut"
            f" short; {hot:,} answered on the hot path\n"
        )
