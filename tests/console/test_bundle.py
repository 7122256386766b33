"""The incident bundle: what is in it, and that no secret is."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace

from ipv6console.console.bundle import Evidence, archive, files
from ipv6console.console.portrait import Portrait
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.status import Level
from tests.console import scene

TOKEN = "ipv6c_k3Jx-91_aZQwErTyUiOpAsDfGhJkLzXcVbNm012345"
PASSWORD = "hunter22"
KNOWN = "tok-en-4711"


def evidence() -> Evidence:
    full = scene.state()
    state = replace(
        full, store=replace(full.store, url=f"postgresql://ipv6:{PASSWORD}@db/pool", text=f"Bearer {KNOWN}")
    )
    told = Event(
        id=10, at=scene.NOW, level=EventLevel.INFO, kind="note", text=f"shown {TOKEN}", data={"password": PASSWORD}
    )
    step = DoctorStep(
        name="echo", level=Level.FAIL, text="no answer", evidence=(f"GET https://u:{PASSWORD}@echo/",), fix="mend it"
    )
    return Evidence(
        made_at="2026-09-21 04:12:07 UTC",
        target=f"https://ops:{PASSWORD}@edge-1:16000",
        portraits=[Portrait(name="overview", svg=f"<svg>{TOKEN}</svg>", text=f"{KNOWN} on screen\n")],
        state=state,
        past={300: state},
        events=[*scene.events(), told],
        doctor=DoctorReport(at=scene.NOW, prefix=scene.PREFIX, interface="eth0", verdict="not usable", steps=(step,)),
        config={"settings": {"api.token": TOKEN, "check.urls": [f"https://u:{PASSWORD}@echo/"]}},
        missing={"doctor": "the engine did not answer"},
    )


def test_everything_is_there_and_readable() -> None:
    told = files(evidence(), [KNOWN])
    assert set(told) == {
        "README.txt", "config.json", "doctor.json", "doctor.txt", "events.jsonl", "past/state-05m00s-ago.json",
        "screens/overview.svg", "screens/overview.txt", "state.json", "version.json",
    }  # fmt: skip
    assert json.loads(told["state.json"])["engine"]["host"] == "edge-1"
    assert [json.loads(line)["id"] for line in told["events.jsonl"].splitlines()] == list(range(1, 11))
    assert "fix: mend it" in told["doctor.txt"]
    assert json.loads(told["version.json"])["engine"] == "0.1.0"


def test_no_secret_is_in_any_file() -> None:
    for name, text in files(evidence(), [KNOWN]).items():
        for secret in (TOKEN, PASSWORD, KNOWN):
            assert secret not in text, name


def test_what_is_missing_is_told_with_its_reason() -> None:
    told = files(replace(evidence(), doctor=None))
    assert "doctor: the engine did not answer" in told["README.txt"]
    assert "doctor.json" not in told


def test_the_archive_unpacks_into_a_folder_of_its_own_for_its_owner_only() -> None:
    told = files(evidence(), [KNOWN])
    with tarfile.open(fileobj=io.BytesIO(archive(told, "incident", scene.NOW))) as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert set(members) == {f"incident/{name}" for name in told}
        assert {member.mode for member in members.values()} == {0o600}
        taken = tar.extractfile("incident/state.json")
        assert taken is not None
        assert taken.read().decode() == told["state.json"]
