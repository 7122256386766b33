"""What destinations were told of faults, in a file beside the database, for the engine that comes after this one."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipv6console.engine.debounce import ToldFault
from ipv6console.wire.event import Event, EventLevel

NAME = "notified.json"
log = logging.getLogger("ipv6console")

Told = Mapping[str, tuple[ToldFault, ...]]
"""By the name of the destination."""


def read_told(folder: Path) -> Told:
    """Return what was told before; nothing when that is not known, which the log says unless there never was a file."""
    path = folder / NAME
    try:
        document = json.loads(path.read_text())
        return {name: tuple(_fault(one) for one in faults) for name, faults in document.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("which faults were told before is not known, those that hold are told again: %s: %r", path, error)
        return {}


def write_told(folder: Path, told: Told) -> None:
    """Replace the file; raises OSError. It is private: subjects and texts are about this host."""
    path = folder / NAME
    fresh = path.with_suffix(".new")
    document = {name: [_row(one) for one in faults] for name, faults in told.items() if faults}
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        json.dump(document, file, indent=1)
    fresh.replace(path)


def _row(one: ToldFault) -> dict[str, Any]:
    event = one.event
    return {
        "kind": event.kind,
        "subject": event.subject,
        "level": event.level.value,
        "text": event.text,
        "id": event.id,
        "at": event.at,
        "since": one.since,
        "count": one.count,
    }


def _fault(row: dict[str, Any]) -> ToldFault:
    event = Event(
        id=int(row["id"]),
        at=float(row["at"]),
        level=EventLevel(row["level"]),
        kind=str(row["kind"]),
        text=str(row["text"]),
        subject=None if row["subject"] is None else str(row["subject"]),
        actor=None,
        data={},
    )
    return ToldFault(event, float(row["since"]), int(row["count"]))
