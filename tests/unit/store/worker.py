"""A process that uses the store the way an engine does, and says on stdout what was acknowledged: `worker.py ACT PATH`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from ipv6console.engine.protocol import Durability, StoreError
from ipv6console.pool.change import AddressAdded, AddressRemoved, MirrorRecorded, PrefixRecorded, UsageRecorded
from ipv6console.store.database import SqliteStore

TASKS = 8
LOT = 700
BASE = 0x20010DB8 << 96


def say(text: str) -> None:
    # One write each, past every buffer: what the reader has, the store had acknowledged.
    os.write(1, f"{text}\n".encode())


def used(address: int, uses: int) -> UsageRecorded:
    return UsageRecorded(1, address, "using", "token", "worker", 1.0, 2.0, owned=False, strikes=0, uses=uses)


async def filled(path: Path) -> SqliteStore:
    """Open the store with an address pair for each task, made on the first start."""
    store = await SqliteStore.open(path)
    snapshot = await store.load()
    if not snapshot.addresses:
        await store.commit(
            [
                PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
                MirrorRecorded(1, "task1", 0.0, draining=False),
                *(AddressAdded(number, 1, BASE + number, 0.0) for number in range(2 * TASKS)),
            ]
        )
    return store


async def run_for_ever(path: Path) -> None:
    """Raise the count of both addresses of each task in one commit, again and again."""
    store = await filled(path)
    before = {row.address_id: row.uses for row in (await store.load()).usages}

    async def task(number: int) -> None:
        uses = before.get(2 * number, 0)
        while True:
            uses += 1
            durability = Durability.POWER if uses % 7 == 0 else Durability.PROCESS
            await store.commit([used(2 * number, uses), used(2 * number + 1, uses)], durability)
            say(f"{number} {uses}")

    await asyncio.gather(*(task(number) for number in range(TASKS)))


async def pack_for_ever(path: Path) -> None:
    """Add addresses, take one of them away after each lot, and pack them meanwhile."""
    store = await SqliteStore.open(path)
    known = (await store.load()).addresses
    fresh = known[-1].id + 1 if known else 0
    if not known:
        await store.commit([PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0)])

    async def pack() -> None:
        while True:
            await store.pack_addresses()

    async def change() -> None:
        end = fresh
        while True:
            begin, end = end, end + LOT
            await store.commit([AddressAdded(row, 1, BASE + row, 0.0) for row in range(begin, end)])
            say(f"added {end}")
            await store.commit([AddressRemoved(begin // 2)])
            say(f"removed {begin // 2}")

    await asyncio.gather(pack(), change())


async def fill(path: Path) -> None:
    """Make the database and close it."""
    store = await filled(path)
    await store.close()


async def commit_twice(path: Path) -> None:
    """Commit the same row once with each durability."""
    store = await filled(path)
    for durability in Durability:
        say(f"begin {durability}")
        await store.commit([used(1, 1)], durability)
        say(f"end {durability}")
    await store.close()


async def survive_a_failed_sync(path: Path) -> None:
    """Commit with syncs until one fails, then load and go on."""
    store = await filled(path)
    try:
        await store.commit([used(1, 1)])
        await store.commit([used(2, 1)], Durability.POWER)
    except StoreError as error:
        say(f"refused: {error} | {error.fix}")
    try:
        await store.commit([used(3, 1)])
    except StoreError:
        say("refused until loaded")
    snapshot = await store.load()
    say(f"loaded {[row.address_id for row in snapshot.usages]}")
    await store.commit([used(4, 1)], Durability.POWER)
    say(f"level {store.status().level}")
    await store.close()


ACTS = {"fill": fill, "run": run_for_ever, "pack": pack_for_ever, "twice": commit_twice, "eio": survive_a_failed_sync}

if __name__ == "__main__":
    asyncio.run(ACTS[sys.argv[1]](Path(sys.argv[2])))
