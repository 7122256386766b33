from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipv6console.linux.record import NAME, HostRecord, RecordFile

KEY = "net.ipv6.ip_nonlocal_bind"


def test_what_was_noted_is_there_for_the_next_process(tmp_path: Path) -> None:
    RecordFile(tmp_path / "new").remember_sysctl(KEY, "0")
    RecordFile(tmp_path / "new").remember_prefix("2001:db8::/64")

    assert RecordFile(tmp_path / "new").read() == HostRecord({KEY: "0"}, ("2001:db8::/64",))


def test_the_first_value_noted_stays(tmp_path: Path) -> None:
    record = RecordFile(tmp_path)
    record.remember_sysctl(KEY, "0")
    record.remember_sysctl(KEY, "1")

    assert record.read().sysctls == {KEY: "0"}


def test_nothing_left_to_undo_leaves_no_file(tmp_path: Path) -> None:
    record = RecordFile(tmp_path)
    record.remember_sysctl(KEY, "0")
    record.remember_prefix("2001:db8::/64")

    record.forget_sysctl(KEY)
    record.forget_prefix("2001:db8::/64")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 1])
def test_a_record_of_another_boot_or_namespace_is_void(tmp_path: Path, place: int) -> None:
    record = RecordFile(tmp_path)
    record.remember_sysctl(KEY, "0")
    document = json.loads((tmp_path / NAME).read_text())
    document["where"][place] = "elsewhere"
    (tmp_path / NAME).write_text(json.dumps(document))

    assert record.read() == HostRecord()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sysctls": {}}'])
def test_a_damaged_record_is_said_and_not_taken_for_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)

    with pytest.raises(OSError, match="damaged") as caught:
        RecordFile(tmp_path).read()

    assert str(tmp_path / NAME) in str(caught.value)


def test_a_record_that_another_process_replaced_is_read_again(tmp_path: Path) -> None:
    ours, theirs = RecordFile(tmp_path), RecordFile(tmp_path)
    ours.remember_sysctl(KEY, "0")
    assert theirs.read().sysctls == ours.read().sysctls == {KEY: "0"}

    theirs.remember_sysctl(KEY.replace("ip_", "is_"), "1")

    assert ours.read() == theirs.read()
