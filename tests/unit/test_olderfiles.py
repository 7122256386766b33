from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipv6console import olderfiles
from ipv6console.olderfiles import MIRROR_FOLDER, POOL_FILE, OlderFileError, parts, read
from ipv6console.wire.codec import encode
from ipv6console.wire.importing import ImportedAddress, ImportedMirror, ImportedUsage, ImportRequest

FIRST = "2001:db8:0:1:9d3c:1:2:3"
SECOND = "2001:db8:0:1::7"
LONG = "2001:0db8:0000:0001:0000:0000:0000:0007"
"""The older system writes all digits; this is SECOND."""


def pool_document(**changes: Any) -> dict[str, Any]:
    addrs = {
        FIRST: {"addr": FIRST, "created_at": "2026-06-30 14:05:09.123"},
        LONG: {"addr": LONG, "created_at": "2026-06-30 14:05:10.000"},
    }
    return {"prefix": "2001:0db8:0000:0001", "addrs": addrs} | changes


def mirror_document(**changes: Any) -> dict[str, Any]:
    addrs = {
        FIRST: {"addr": FIRST, "status": "bad", "last_used_at": "2026-06-30 15:00:00.500", "use_count": 3},
        LONG: {"addr": LONG, "status": "idle", "last_used_at": None, "use_count": 0},
    }
    return {"dbname": "task1", "addrs": addrs} | changes


def usage(**changes: Any) -> dict[str, Any]:
    entry = {"addr": FIRST, "status": "idle", "last_used_at": None, "use_count": 0}
    return mirror_document(addrs={FIRST: entry | changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as the older system leaves it."""
    (tmp_path / MIRROR_FOLDER).mkdir()
    (tmp_path / POOL_FILE).write_text(json.dumps(pool_document(), indent=2), encoding="utf-8")
    (tmp_path / MIRROR_FOLDER / "task1.json").write_text(json.dumps(mirror_document(), indent=2), encoding="utf-8")
    return tmp_path


@pytest.fixture
def in_moscow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Moscow")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def refused(*paths: Path) -> str:
    with pytest.raises(OlderFileError) as caught:
        read(paths)
    return str(caught.value).removeprefix(f"{paths[0]}/").removeprefix(f"{paths[0]}")


def wrong_pool(folder: Path, document: Any) -> str:
    (folder / POOL_FILE).write_text(json.dumps(document), encoding="utf-8")
    return refused(folder).removeprefix(f"{POOL_FILE}: ")


def wrong_mirror(folder: Path, document: Any) -> str:
    (folder / MIRROR_FOLDER / "task1.json").write_text(json.dumps(document), encoding="utf-8")
    return refused(folder).removeprefix(f"{MIRROR_FOLDER}/task1.json: ")


def test_a_folder_is_read_whole(folder: Path) -> None:
    request = read([folder])
    assert request.prefix == "2001:db8:0:1::/64"
    assert request.addresses == (
        ImportedAddress(addr=FIRST, created_at=1782828309.123),
        ImportedAddress(addr=SECOND, created_at=1782828310.0),
    )
    [mirror] = request.mirrors
    assert mirror.dbname == "task1"
    assert mirror.usages == (
        ImportedUsage(addr=FIRST, status="bad", last_used_at=1782831600.5, use_count=3),
        ImportedUsage(addr=SECOND, status="idle", last_used_at=None, use_count=0),
    )


def test_files_can_be_named_one_by_one_in_any_order(folder: Path) -> None:
    assert read([folder / MIRROR_FOLDER / "task1.json", folder / POOL_FILE]) == read([folder])


@pytest.mark.usefixtures("in_moscow")
def test_times_are_local(folder: Path) -> None:
    assert read([folder]).addresses[1].created_at == 1782828310.0 - 3 * 3600


def test_times_in_the_older_iso_spelling_are_read_too(folder: Path) -> None:
    document = pool_document(addrs={FIRST: {"addr": FIRST, "created_at": "2026-06-30T14:05:10.000001"}})
    (folder / POOL_FILE).write_text(json.dumps(document), encoding="utf-8")
    (folder / MIRROR_FOLDER / "task1.json").unlink()
    assert read([folder]).addresses[0].created_at == pytest.approx(1782828310.000001, abs=1e-6)


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        ("2001:0db8:0000:0001", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::/64", "2001:db8:0:1::/64"),
        ("2001:db8:0", "2001:db8::/48"),
    ],
)
def test_the_prefix_is_read_as_groups_or_in_cidr_form(folder: Path, written: str, prefix: str) -> None:
    (folder / POOL_FILE).write_text(json.dumps(pool_document(prefix=written)), encoding="utf-8")
    assert read([folder]).prefix == prefix


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused_with_the_place(folder: Path, share: float) -> None:
    text = (folder / POOL_FILE).read_text(encoding="utf-8")
    (folder / POOL_FILE).write_text(text[: int(len(text) * share)], encoding="utf-8")
    said = refused(folder)
    assert said.startswith(f"{POOL_FILE}:")
    line, column = said.removeprefix(f"{POOL_FILE}:").split(":")[:2]
    assert int(line) >= 1
    assert int(column) >= 1


def test_a_file_that_ends_early_is_called_so(folder: Path) -> None:
    (folder / POOL_FILE).write_text("", encoding="utf-8")
    assert "the file ends there: it is cut short" in refused(folder)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "an object is expected, got []"),
        (pool_document(prefix=None), "prefix: text is expected, got null"),
        (pool_document(prefix="2001"), "prefix: a prefix length from /32 to /128 is allowed, got 2001::/16"),
        (pool_document(prefix="here"), 'prefix: an IPv6 prefix is expected, got "here"'),
        ({"prefix": "2001:db8:0:1"}, "addrs is missing"),
        (pool_document(addrs=[]), "addrs: an object is expected, got []"),
        (pool_document(addrs={FIRST: {"addr": FIRST}}), f"addrs > {FIRST}: created_at is missing"),
        (
            pool_document(addrs={FIRST: {"addr": SECOND, "created_at": "2026-06-30 14:05:10.000"}}),
            f"addrs > {FIRST} > addr: it is another address than its key",
        ),
        (
            pool_document(addrs={FIRST: {"addr": FIRST, "created_at": "yesterday"}}),
            f"addrs > {FIRST} > created_at: a time like 2026-06-30 14:05:09.123 is expected",
        ),
        (
            pool_document(addrs={FIRST: {"addr": FIRST, "created_at": "2026-02-30 14:05:10.000"}}),
            f"addrs > {FIRST} > created_at: there is no such time",
        ),
        (pool_document(addrs={"10.0.0.1": {}}), "addrs > 10.0.0.1: an IPv6 address is expected"),
        (pool_document(addrs={"fe80::1%eth0": {}}), "addrs > fe80::1%eth0: an address without a zone is expected"),
        (
            pool_document(addrs={"2001:db8:9::1": {}}),
            "addrs > 2001:db8:9::1: it is not inside the pool's prefix 2001:db8:0:1::/64",
        ),
    ],
)
def test_a_pool_file_is_refused_with_the_place_and_the_cause(folder: Path, document: Any, said: str) -> None:
    assert wrong_pool(folder, document).startswith(said)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"addrs": {}}, "dbname is missing"),
        (mirror_document(dbname="../../etc/x"), "dbname: 1 to 64 of A-Z a-z 0-9 . _ - are expected"),
        (mirror_document(dbname=""), "dbname: 1 to 64 of A-Z a-z 0-9 . _ - are expected"),
        (usage(status="resting"), f"addrs > {FIRST} > status: one of idle, using, bad is expected"),
        (usage(status=None), f"addrs > {FIRST} > status: one of idle, using, bad is expected"),
        (usage(use_count=-1), f"addrs > {FIRST} > use_count: a whole number from 0 is expected, got -1"),
        (usage(use_count=True), f"addrs > {FIRST} > use_count: a whole number from 0 is expected, got true"),
        (usage(last_used_at=5), f"addrs > {FIRST} > last_used_at: text is expected, got 5"),
    ],
)
def test_a_mirror_file_is_refused_with_the_place_and_the_cause(folder: Path, document: Any, said: str) -> None:
    assert wrong_mirror(folder, document).startswith(said)


def test_an_address_in_two_spellings_is_refused(folder: Path) -> None:
    entry = {"addr": SECOND, "created_at": "2026-06-30 14:05:10.000"}
    assert "listed twice" in wrong_pool(folder, pool_document(addrs={SECOND: entry, LONG: entry}))


def test_a_key_given_twice_is_refused(folder: Path) -> None:
    (folder / POOL_FILE).write_text('{"prefix": "2001:db8:0:1", "addrs": {}, "addrs": {}}', encoding="utf-8")
    assert refused(folder) == f"{POOL_FILE}: addrs is given twice"


def test_two_files_of_one_mirror_are_refused(folder: Path) -> None:
    (folder / MIRROR_FOLDER / "task2.json").write_text(json.dumps(mirror_document()), encoding="utf-8")
    assert "another file is mirror task1 already" in refused(folder)


def test_a_folder_without_the_pools_file_is_refused(tmp_path: Path) -> None:
    assert f"there is no {POOL_FILE} in this folder" in refused(tmp_path)


def test_mirrors_without_the_pools_file_are_refused(folder: Path) -> None:
    assert "exactly one file must be the pool's own" in refused(folder / MIRROR_FOLDER / "task1.json")


def test_a_file_that_is_not_there_or_no_text_is_refused(folder: Path) -> None:
    assert "it cannot be read: No such file or directory" in refused(folder / "gone.json")
    (folder / POOL_FILE).write_bytes(b"\xff\xfe{")
    assert "it cannot be read" in refused(folder)


def test_nesting_without_end_is_refused(folder: Path) -> None:
    (folder / POOL_FILE).write_text("[" * 100_000, encoding="utf-8")
    assert refused(folder).startswith(POOL_FILE)


def request_of(addresses: int, mirrors: int) -> ImportRequest:
    names = [f"2001:db8:0:1::{number:x}" for number in range(1, addresses + 1)]
    usages = tuple(ImportedUsage(addr=name, status="idle", last_used_at=None, use_count=1) for name in names)
    return ImportRequest(
        prefix="2001:db8:0:1::/64",
        addresses=tuple(ImportedAddress(addr=name, created_at=1.0) for name in names),
        mirrors=tuple(ImportedMirror(dbname=f"task{number}", usages=usages) for number in range(mirrors)),
    )


def test_a_small_pool_is_sent_in_one_part(folder: Path) -> None:
    request = read([folder])
    assert list(parts(request)) == [request]


def test_a_large_pool_is_sent_in_parts_that_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(olderfiles, "PART_ROWS", 10)
    request = request_of(addresses=11, mirrors=2)
    sent = list(parts(request))
    assert [len(part.addresses) for part in sent] == [3, 3, 3, 2]
    assert tuple(row for part in sent for row in part.addresses) == request.addresses
    for part in sent:
        assert [mirror.dbname for mirror in part.mirrors] == ["task0", "task1"]
        for mirror in part.mirrors:
            assert [usage.addr for usage in mirror.usages] == [row.addr for row in part.addresses]


def test_parts_are_bounded_by_addresses_too() -> None:
    assert [len(part.addresses) for part in parts(request_of(addresses=1_001, mirrors=0))] == [500, 500, 1]


def test_a_part_fits_in_what_an_engine_reads() -> None:
    part = next(iter(parts(request_of(addresses=600, mirrors=30))))
    assert len(json.dumps(encode(part))) < 2**20


def test_mirrors_that_used_nothing_are_made_too() -> None:
    request = ImportRequest(addresses=(), mirrors=(ImportedMirror(dbname="task1", usages=()),), prefix="2001:db8::/64")
    assert list(parts(request)) == [request]


def test_what_a_mirror_knows_of_addresses_the_pool_has_not_is_left_out() -> None:
    [part] = parts(ImportRequest(addresses=(), mirrors=request_of(addresses=1, mirrors=1).mirrors))
    assert part.mirrors == (ImportedMirror(dbname="task0", usages=()),)
