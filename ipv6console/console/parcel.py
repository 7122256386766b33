"""The incident bundle of an engine, made without a console on a terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ipv6console.console import bundle, export
from ipv6console.console.app import ConsoleApp
from ipv6console.console.context import Context
from ipv6console.console.gathering import evidence
from ipv6console.console.link import Link
from ipv6console.console.model import Model
from ipv6console.console.presence import own_name
from ipv6console.console.source import Joined
from ipv6console.console.still import still
from ipv6console.wire.frame import EventsFrame, StateFrame

SIZE = (120, 40)
"""Cells of the screens that are pictured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A bundle that was written: where, the files in it, its size in bytes, and what is not in it and why."""

    path: Path
    files: tuple[str, ...]
    size: int
    missing: dict[str, str]


async def parcel(target: str, folder: Path, *, token: str = "", config: Callable[[], object] | None = None) -> Parcel:
    """Gather what the engine at `target` tells, and write it into a new file in `folder`.

    `config` tells versions, paths and settings. Raises Refused when the engine does not answer, OSError when the file
    cannot be written, ValueError when the target is no place or the token none.
    """
    link = Link(target, token=token, name=own_name(), read_only=True)
    try:
        model = Model(time.monotonic)
        state = await link.state()
        newest = await link.events(0, 200, before=state.engine.last_event + 1)
        model.take(Joined())
        model.take(StateFrame(state=state))
        model.take(EventsFrame(events=newest.events))
        secrets = (token,) if token else ()
        context = Context(number=1, source=link, model=model, label="ATTACHED", target=target, secrets=secrets)
        second = ConsoleApp(still(link, model), label=context.label, target=target, read_only=True, minds_signals=False)
        at = datetime.fromtimestamp(state.at).astimezone()
        found = await evidence(context, second, SIZE, made_at=f"{at:%Y-%m-%d %H:%M:%S %Z}", config=config)
    finally:
        await link.close()
    told = await asyncio.to_thread(bundle.files, found, secrets)
    name = export.stem(context.host, "incident", at=at)
    data = await asyncio.to_thread(bundle.archive, told, name, state.at)
    path = await asyncio.to_thread(export.write_new, folder, name, "tar.gz", data)
    return Parcel(path=path, files=tuple(sorted(told)), size=len(data), missing=dict(found.missing))
