"""What a power cut may leave of the write-ahead log, and what the store makes of it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from ipv6console.client import IPv6Client
from ipv6console.store.database import SqliteStore
from tests.faults.host import PATIENCE, Host

WAL_HEADER, FRAME = 32, 24 + 4_096
FILES = ("engine.db", "engine.db-wal", "engine.db.lock")


def kept_of(path: Path, holders: list[str]) -> list[str]:
    """Return which picks ("NAME") and reports ("-NAME") are in the database."""

    async def read() -> tuple[set[str | None], set[str]]:
        store = await SqliteStore.open(path)
        try:
            assert store.findings == ()
            held = {row.holder for row in (await store.load()).usages}
            return held, {row.holder for row in await store.history(None, "one", None, 1_000)}
        finally:
            await store.close()

    held, ended = asyncio.run(read())
    found = []
    for holder in holders:
        found += [holder] if holder in held | ended else []
        found += [f"-{holder}"] if holder in ended else []
    return found


def cut_log_everywhere(host: Host, folder: Path, picks: int) -> int:
    """Pick and report, kill the engine, and open what would be left had the power failed at any moment; return how often.

    The log ends at a frame, within one, or with one that was never written though the file is that long. What is found
    must be the first so many acts, and at least those that were acknowledged when the log was as long as what is left.
    """
    # So that what is there before the load is in the database and not in the log.
    host.start()
    host.wait_until_well()
    host.stop()
    host.start()
    host.wait_until_well()
    log = host.database.with_name(FILES[1])
    holders = [f"scraper{number}." for number in range(picks)]
    sizes: list[int] = []
    with IPv6Client(socket=host.socket, timeout=PATIENCE) as client:
        for holder in holders:
            lease = client.pick("one", ttl=600, holder=holder)
            assert lease.addr
            sizes.append(log.stat().st_size)
            assert client.report(lease.addr, "idle", "one", lease=lease.lease).success
            sizes.append(log.stat().st_size)
    host.kill()
    assert sizes == sorted(sizes)
    whole = log.read_bytes()
    everything = [act for holder in holders for act in (holder, f"-{holder}")]
    before = opened = 0
    for end in range(WAL_HEADER, len(whole) + 1, FRAME):
        rest = min(FRAME, len(whole) - end)
        torn = whole[end : end + rest // 2]
        for number, tail in enumerate((b"", torn + bytes(rest - len(torn)) if end // FRAME % 2 else torn)):
            left = folder / f"cut{end}.{number}"
            left.mkdir()
            for name in FILES:
                shutil.copy(host.database.with_name(name), left / name)
            (left / FILES[1]).write_bytes(whole[:end] + tail)
            found = kept_of(left / FILES[0], holders)
            shutil.rmtree(left)
            opened += 1
            assert found == everything[: len(found)], f"{end} and {len(tail)} bytes"
            acknowledged = sum(1 for size in sizes if size <= end)
            assert len(found) >= max(acknowledged, before), f"{end} and {len(tail)} bytes"
        before = len(found)
    assert before == len(everything)
    return opened
