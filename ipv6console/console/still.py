"""A source that stands still: one document and the events known with it, for pictures of every screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

from ipv6console.console.model import Model
from ipv6console.console.source import Frame, Joined, Source
from ipv6console.wire.frame import EventsFrame, StateFrame


class Still:
    """Tells what `model` knows once, then nothing; everything else is asked of `source`, which is not closed."""

    def __init__(self, source: Source, model: Model) -> None:
        self._source, self._model = source, model

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield the connection, or its loss, the document and the events, and then wait for ever."""
        yield Joined()
        if self._model.state is not None:
            yield StateFrame(state=self._model.state)
        if self._model.events:
            yield EventsFrame(events=tuple(self._model.events))
        if self._model.loss is not None:
            yield self._model.loss
        await asyncio.Event().wait()

    def introduce(self, *, read_only: bool) -> None:
        """Say nothing: nobody comes or goes."""

    async def close(self) -> None:
        """Leave the connection to whoever opened it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def still(source: Source, model: Model) -> Source:
    """Return the source that stands still."""
    return cast("Source", Still(source, model))
