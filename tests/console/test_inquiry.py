"""A question that is asked again and again: its answer is shown for what it is about, and for nothing else."""

from __future__ import annotations

import asyncio

import pytest

from ipv6console.console.inquiry import Inquiry
from tests.console.stage import staged

pytestmark = pytest.mark.anyio


async def test_an_answer_that_comes_when_another_thing_is_asked_about_is_not_shown_for_that() -> None:
    async with staged() as stage:
        inquiry: Inquiry[str] = Inquiry(stage.app.page, "late")
        gate, view = asyncio.Event(), stage.app.view

        async def late() -> str:
            await gate.wait()
            return "of the former"

        inquiry.want("former", 1, late, view)
        stage.clock.advance(
            60
        )  # the engine is silent: the latter is not asked about, and nothing ends the first question
        inquiry.want("latter", 1, late, view)
        gate.set()
        await inquiry.settled()
        assert inquiry.value is None
        inquiry.want("former", 1, late, view)
        assert inquiry.value is None
