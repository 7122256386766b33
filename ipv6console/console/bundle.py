"""The incident bundle: what an operator sends along when something went wrong, in one archive without secrets."""

from __future__ import annotations

import io
import json
import platform
import tarfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ipv6console import __version__
from ipv6console.console.mask import masked, masked_text
from ipv6console.console.portrait import Portrait
from ipv6console.wire.codec import encode
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.event import Event
from ipv6console.wire.state import State

EVENTS_TAKEN = 1_000
"""The newest so many events go into the bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found. `config` is what `ipv6console info` tells; `past` are earlier documents by how long ago, in seconds.

    `missing` says for each part that could not be had why.
    """

    made_at: str
    target: str
    portraits: Sequence[Portrait]
    state: State | None
    past: Mapping[int, State] = field(default_factory=dict)
    events: Sequence[Event] = ()
    doctor: DoctorReport | None = None
    config: Any = None
    missing: Mapping[str, str] = field(default_factory=dict)


def files(found: Evidence, secrets: Collection[str] = ()) -> dict[str, str]:
    """Return the files of the bundle by their paths in it, with every secret masked."""
    told: dict[str, str] = {}
    for shown in found.portraits:
        told[f"screens/{shown.name}.svg"] = shown.svg
        told[f"screens/{shown.name}.txt"] = shown.text
    if found.state is not None:
        told["state.json"] = _json(encode(found.state), secrets)
    for ago, state in found.past.items():
        told[f"past/state-{ago // 60:02d}m{ago % 60:02d}s-ago.json"] = _json(encode(state), secrets)
    if found.events:
        lines = (json.dumps(masked(encode(event), secrets), ensure_ascii=False) for event in found.events)
        told["events.jsonl"] = "\n".join(lines) + "\n"
    if found.doctor is not None:
        told["doctor.json"] = _json(encode(found.doctor), secrets)
        told["doctor.txt"] = _doctor_text(found.doctor)
    if found.config is not None:
        told["config.json"] = _json(found.config, secrets)
    told["version.json"] = _json(_versions(found.state), secrets)
    told["README.txt"] = _readme(found, sorted(told))
    return {name: masked_text(text, secrets) for name, text in told.items()}


def _json(value: Any, secrets: Collection[str]) -> str:
    return json.dumps(masked(value, secrets), ensure_ascii=False, indent=1) + "\n"


def _versions(state: State | None) -> dict[str, Any]:
    return {
        "console": __version__,
        "engine": state.engine.version if state else None,
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def _doctor_text(report: DoctorReport) -> str:
    lines = [f"{report.prefix or 'no prefix'} on {report.interface or 'no interface'}: {report.verdict}"]
    for step in report.steps:
        lines.append(f"{step.level.value:<8}{step.name:<12}{step.text}")
        lines += [f"{'':<20}{line}" for line in step.evidence]
        if step.fix:
            lines.append(f"{'':<20}fix: {step.fix}")
    return "\n".join(lines) + "\n"


def _readme(found: Evidence, names: Sequence[str]) -> str:
    engine = found.state.engine if found.state else None
    lines = [
        f"Incident bundle of ipv6console, made {found.made_at}.",
        f"Engine: {engine.host if engine else 'unknown'} at {found.target}.",
        "",
        "Tokens, passwords and what is named as a secret are masked as ***. Addresses, prefixes, host names, the names of",
        "mirrors and targets, and who held what are not: read it before you send it to somebody.",
        "",
        "screens/      what the console showed, as a picture and as text; as-seen is the screen when the key was pressed",
        "state.json    the engine's whole state document; past/ has earlier ones",
        f"events.jsonl  the newest {EVENTS_TAKEN:,} events, oldest first, one a line",
        "doctor.*      the chain from interface to echo",
        "config.json   versions, paths and settings as `ipv6console info` tells them on the console's host",
        "version.json  who made this",
        "",
        "Files: " + ", ".join(names),
    ]
    if found.missing:
        lines += ["", "Not here, and why:"]
        lines += [f"  {what}: {why}" for what, why in found.missing.items()]
    return "\n".join(lines) + "\n"


def archive(told: Mapping[str, str], root: str, at: float) -> bytes:
    """Return the files as a tar.gz that unpacks into the folder `root`; `at` (unix seconds) is their time.

    They belong to nobody and only their owner can read them.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as tar:
        for name, text in told.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{root}/{name}")
            member.size, member.mtime, member.mode = len(data), int(at), 0o600
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()
