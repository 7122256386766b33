"""The operator's endpoints: drain, settings, plan and apply, doctor, notify."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from ipv6console.api import example
from ipv6console.api.answers import answers, asked
from ipv6console.api.body import DrainBody, NotifyTestBody, PrefixDrainBody, SettingsBody
from ipv6console.api.caller import EngineHere, Operator, Reader, Scraper
from ipv6console.api.document import Document
from ipv6console.api.parameter import DbnamePath, OnePrefix, SomePrefix
from ipv6console.engine.errors import NotFound
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.notify import NotifyStatus, NotifyTested
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanRequest
from ipv6console.wire.reply import MirrorStats
from ipv6console.wire.state import MirrorRow, PrefixRow

router = APIRouter(tags=["operator"])


@router.get("/mirrors/{dbname}", response_model=MirrorStats, responses=answers(example.MIRROR_STATS, problems=(404,)))
async def mirror(engine: EngineHere, caller: Reader, dbname: DbnamePath) -> Document:
    """Count one mirror; one that is not there is not made."""
    if dbname not in engine.stats().mirrors:
        raise NotFound(f"There is no mirror {dbname}.", next="GET /stats lists them; GET /pick makes one.")
    return Document(await engine.mirror_stats(dbname))


@router.post(
    "/mirrors/{dbname}/drain",
    response_model=MirrorRow,
    responses=answers(example.MIRROR_ROW, problems=(404, 413)),
)
async def drain_mirror(
    engine: EngineHere,
    caller: Operator,
    dbname: DbnamePath,
    body: Annotated[DrainBody, Body(openapi_examples=asked(example={"draining": True}, end={"draining": False}))],
) -> Document:
    """Stop handing out addresses in a mirror and let its leases end, or go on handing out."""
    return Document(await engine.drain_mirror(dbname, body.draining, caller))


@router.get(
    "/mirrors/{dbname}/settings",
    response_model=MirrorSettings,
    responses=answers(example.MIRROR_SETTINGS, problems=(404,)),
)
async def mirror_settings(engine: EngineHere, caller: Reader, dbname: DbnamePath) -> Document:
    """Say what a mirror does differently from the pool; null is as in the pool."""
    return Document(engine.mirror_settings(dbname))


@router.put(
    "/mirrors/{dbname}/settings",
    response_model=MirrorSettings,
    responses=answers(example.MIRROR_SETTINGS, problems=(413,)),
)
async def set_mirror(
    engine: EngineHere,
    caller: Operator,
    dbname: DbnamePath,
    body: Annotated[
        SettingsBody,
        Body(openapi_examples=asked(example={"usable_num": 50, "bad_cooldown": 3_600.0}, as_the_pool={})),
    ],
) -> Document:
    """Let a mirror do things differently, all of them at once: what is left out is as in the pool again."""
    return Document(await engine.set_mirror(dbname, body.settings(), caller))


@router.post(
    "/prefixes/drain", response_model=PrefixRow, responses=answers(example.PREFIX_ROW, problems=(404, 409, 413))
)
async def drain_prefix(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        PrefixDrainBody, Body(openapi_examples=asked(example={"prefix": example.PREFIX, "draining": True}))
    ],
) -> Document:
    """Stop handing out addresses of a prefix and let their leases end, or go on handing out."""
    return Document(await engine.drain_prefix(body.prefix, body.draining, caller))


@router.post("/plan", response_model=Plan, responses=answers(example.PLAN, problems=(404, 409, 413)))
async def plan(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        PlanRequest,
        Body(
            openapi_examples=asked(
                example={"action": "flush-mirror", "dbname": example.MIRROR},
                everything={"action": "flush-pool"},
                addresses={"action": "revoke-addresses", "addrs": [example.ADDR]},
                prefix={"action": "revoke-prefix", "prefix": example.PREFIX},
                instance={"action": "release-instance", "space": "edge", "instance": "rack1"},
                subscriber={
                    "action": "subscriber-revoke",
                    "subscriber_id": "sub-1041",
                    "tenant": "acme",
                    "radius": True,
                },
                leak={"action": "repair-leak", "leak": "3f9c01d2a7b4"},
            )
        ),
    ],
) -> Document:
    """Say exactly what a flush, a revocation or a release would do, and whom it would hurt; nothing is done."""
    return Document(engine.plan(body, caller))


@router.post("/apply", response_model=Applied, responses=answers(example.APPLIED, problems=(404, 409, 413)))
async def apply(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        ApplyRequest,
        Body(
            openapi_examples=asked(example={"plan": "p-7f21"}, revoke={"plan": "p-7f22", "reason": "abuse report 1184"})
        ),
    ],
) -> Document:
    """Do what a plan said, or nothing when the set has changed since."""
    return Document(await engine.apply(body, caller))


@router.get("/ndp/config", response_model=NdpConfig, responses=answers(example.NDP_CONFIG, problems=(404,)))
async def ndp_config(engine: EngineHere, caller: Reader, prefix: OnePrefix) -> Document:
    """Show what NDP wants configured for a prefix, what is there, and the difference."""
    return Document(await engine.ndp_config(prefix))


@router.get("/doctor", response_model=DoctorReport, responses=answers(example.DOCTOR, problems=(404,)))
async def doctor(engine: EngineHere, caller: Scraper, prefix: SomePrefix = None) -> Document:
    """Walk the chain interface, prefix, route, bind, NDP, echo, with evidence and the fix for what fails."""
    return Document(await engine.examine(prefix))


@router.get("/notify", response_model=NotifyStatus, responses=answers(example.NOTIFY_STATUS))
async def notify_status(engine: EngineHere, caller: Reader) -> Document:
    """Say which webhooks and commands are told of faults, and how that went."""
    return Document(engine.notifying.status())


@router.post(
    "/notify/test",
    response_model=NotifyTested,
    responses=answers(example.NOTIFY_TESTED, example.NOTIFY_FAILED, problems=(404, 409, 413)),
)
async def notify_test(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[NotifyTestBody, Body(openapi_examples=asked(example={"name": "pager"}, all={}))],
) -> Document:
    """Tell one webhook or command, or all of them, that this is a test: once, at once, past all that waits."""
    return Document(await engine.notifying.test(body.name, caller))
