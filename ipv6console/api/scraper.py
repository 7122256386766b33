"""The scraper's endpoints: the older system's contract, with fields added."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from ipv6console.api import example
from ipv6console.api.answers import answers, asked
from ipv6console.api.attendance import attend, give_back
from ipv6console.api.body import CheckBody, ChecksBody, ReportBody, ReportsBody, ResetBody, ResetsBody
from ipv6console.api.caller import EngineHere, Operator, Reader, Scraper
from ipv6console.api.document import Document
from ipv6console.api.parameter import DEFAULT_MIRROR, Dbname, ForHost, Holder, Num, SomeDbname, Ttl, Wait
from ipv6console.engine.caller import Scope
from ipv6console.engine.engine import Engine
from ipv6console.wire.reply import (
    CheckReply,
    ChecksReply,
    FlushReply,
    MirrorStats,
    PickReply,
    PicksReply,
    PoolStats,
    Reply,
    ResetReply,
    SaveReply,
    SpawnReply,
    SpawnsReply,
)

_NOBODY_THERE = 499  # goes to nobody, but the framework wants an answer

router = APIRouter(tags=["scraper"])


@router.get(
    "/stats",
    response_model=PoolStats | MirrorStats,
    responses=answers(example.POOL_STATS, example.MIRROR_STATS),
)
async def stats(request: Request, engine: EngineHere, caller: Reader, dbname: SomeDbname = None) -> Document:
    """Count the pool, or one mirror; a mirror that is not there yet is made."""
    if dbname is None:
        return Document(engine.stats())
    if dbname not in engine.stats().mirrors:
        request.app.state.access.require(caller, Scope.SCRAPE, f"GET /stats?dbname={dbname}")
    return Document(await engine.mirror_stats(dbname))


@router.get("/spawn", response_model=SpawnReply, responses=answers(example.SPAWNED, example.NOT_SPAWNED))
async def spawn(engine: EngineHere, caller: Scraper) -> Document:
    """Make one address, prove it and put it into the pool."""
    reply = await engine.spawn(1, caller)
    return Document(
        SpawnReply(success=reply.success, addr=reply.addrs[0] if reply.addrs else None, detail=reply.detail)
    )


@router.get("/spawns", response_model=SpawnsReply, responses=answers(example.SPAWNED_MANY))
async def spawns(engine: EngineHere, caller: Scraper, num: Num = 1) -> Document:
    """Make addresses, prove them and put them into the pool; `success` means at least one."""
    return Document(await engine.spawn(num, caller))


@router.get("/pick", response_model=PickReply, responses=answers(example.PICKED, example.NOT_PICKED))
async def pick(
    *,
    request: Request,
    engine: EngineHere,
    caller: Scraper,
    dbname: Dbname = DEFAULT_MIRROR,
    ttl: Ttl = None,
    holder: Holder = None,
    wait: Wait = None,
    target: ForHost = None,
) -> Response:
    """Lease one verified address of a mirror; the least recently released first.

    An address reported bad with a `target` is bad for that host: with `target` here, the host the address is picked for,
    one that only other hosts ban may be given, without it none that any host bans. With `wait` the caller queues when there is none; who hangs up leaves the queue.
    """
    if not wait:
        reply = await engine.pick(dbname, caller, ttl=ttl, holder=holder, target=target)
        return await _heard(request, engine, reply)
    picking = engine.pick(dbname, caller, ttl=ttl, holder=holder, wait=wait, target=target)
    found = await attend(request, picking, partial(give_back, engine), request.app.state.stop)
    return Response(status_code=_NOBODY_THERE) if found is None else Document(found)


@router.get("/picks", response_model=PicksReply, responses=answers(example.PICKED_MANY))
async def picks(
    *,
    request: Request,
    engine: EngineHere,
    caller: Scraper,
    dbname: Dbname = DEFAULT_MIRROR,
    num: Num = 1,
    ttl: Ttl = None,
    holder: Holder = None,
    target: ForHost = None,
) -> Response:
    """Lease several addresses; there may be fewer than asked for. With `target` as /pick does."""
    reply = await engine.picks(dbname, num, caller, ttl=ttl, holder=holder, target=target)
    return await _heard(request, engine, reply)


async def _heard(request: Request, engine: Engine, reply: PickReply | PicksReply) -> Response:
    if not await request.is_disconnected():
        return Document(reply)
    await give_back(engine, reply)
    return Response(status_code=_NOBODY_THERE)


@router.post("/check", response_model=CheckReply, responses=answers(example.CHECKED, problems=(413,)))
async def check(
    engine: EngineHere,
    caller: Scraper,
    body: Annotated[CheckBody, Body(openapi_examples=asked(example={"addr": example.ADDR}))],
) -> Document:
    """Prove now that traffic bound to an address leaves from it."""
    replies = await engine.check([body.addr])
    return Document(replies[body.addr])


@router.post("/checks", response_model=ChecksReply, responses=answers(example.CHECKED_MANY, problems=(413,)))
async def checks(
    engine: EngineHere,
    caller: Scraper,
    body: Annotated[ChecksBody, Body(openapi_examples=asked(example={"addrs": [example.ADDR, example.OTHER]}))],
) -> Document:
    """Prove several addresses, concurrently."""
    replies = await engine.check(body.addrs)
    return Document(ChecksReply(success=True, results={addr: reply.usable for addr, reply in replies.items()}))


@router.post(
    "/report", response_model=Reply, responses=answers(example.REPORTED, example.NOT_REPORTED, problems=(413,))
)
async def report(
    engine: EngineHere,
    caller: Scraper,
    body: Annotated[
        ReportBody,
        Body(
            openapi_examples=asked(
                example={"dbname": example.MIRROR, "report_info": {"addr": example.ADDR, "status": "idle"}},
                verdict={
                    "dbname": example.MIRROR,
                    "report_info": {
                        "addr": example.ADDR,
                        "status": "bad",
                        "lease": example.LEASE,
                        "target": "shop.example",
                        "reason": "403 after 12 requests",
                    },
                },
            )
        ),
    ],
) -> Document:
    """End a lease with a verdict (`idle`, `bad`), or say that it is still in use (`using`).

    `bad` with a `target` is a verdict of that host: the address rests for it, longer each time, and may serve others that
    /pick names. Without a `target` it rests for all.
    """
    return Document(await engine.report(body.dbname, [body.report_info.item()]))


@router.post(
    "/reports", response_model=Reply, responses=answers(example.REPORTED, example.NOT_REPORTED, problems=(413,))
)
async def reports(
    engine: EngineHere,
    caller: Scraper,
    body: Annotated[
        ReportsBody,
        Body(
            openapi_examples=asked(
                example={
                    "dbname": example.MIRROR,
                    "report_infos": [
                        {"addr": example.ADDR, "status": "idle"},
                        {"addr": example.OTHER, "status": "bad"},
                    ],
                }
            )
        ),
    ],
) -> Document:
    """Report on several addresses."""
    return Document(await engine.report(body.dbname, [info.item() for info in body.report_infos]))


@router.post("/reset", response_model=Reply, responses=answers(example.REPORTED, problems=(413,)))
async def reset(
    engine: EngineHere,
    caller: Scraper,
    body: Annotated[ResetBody, Body(openapi_examples=asked(example={"dbname": example.MIRROR, "addr": example.ADDR}))],
) -> Document:
    """Make one address idle again in a mirror, whatever it was; a lease that somebody owns stays."""
    reply = await engine.reset(body.dbname, [body.addr], caller)
    detail = (
        None
        if reply.success
        else f"{body.addr} is not in the pool, is idle in {body.dbname} already, or is owned by who holds its lease."
    )
    return Document(Reply(success=reply.success, dbname=reply.dbname, detail=detail))


@router.post("/resets", response_model=ResetReply, responses=answers(example.RESET_MANY, problems=(413,)))
async def resets(
    engine: EngineHere,
    caller: Scraper,
    body: Annotated[
        ResetsBody,
        Body(openapi_examples=asked(example={"dbname": example.MIRROR, "addrs": [example.ADDR, example.OTHER]})),
    ],
) -> Document:
    """Make several addresses idle again in a mirror; leases that somebody owns stay."""
    return Document(await engine.reset(body.dbname, body.addrs, caller))


@router.post("/reset_all", response_model=ResetReply, responses=answers(example.RESET_ALL))
async def reset_all(engine: EngineHere, caller: Scraper, dbname: Dbname = DEFAULT_MIRROR) -> Document:
    """Make every address of a mirror idle again; leases that somebody owns stay."""
    return Document(await engine.reset(dbname, None, caller))


@router.post("/save", response_model=SaveReply, responses=answers(example.SAVED))
async def save(engine: EngineHere, caller: Scraper) -> Document:
    """Write a checkpoint of the database; acknowledged changes are safe without it."""
    return Document(await engine.save())


@router.post("/flush", response_model=FlushReply, responses=answers(example.FLUSHED))
async def flush(engine: EngineHere, caller: Operator, dbname: SomeDbname = None) -> Document:
    """Forget a mirror's usage, or empty the whole pool; an operator's act. /plan shows first what it would hurt."""
    return Document(await engine.flush(dbname, caller))
