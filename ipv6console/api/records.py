"""What can be looked up: addresses, who held them when, who bans them."""

from __future__ import annotations

from fastapi import APIRouter

from ipv6console.api import example
from ipv6console.api.answers import answers
from ipv6console.api.caller import EngineHere, Reader
from ipv6console.api.document import Document
from ipv6console.api.parameter import (
    At,
    Cursor,
    InPrefix,
    InState,
    Limit,
    ManyAddresses,
    OnePrefix,
    SomeAddress,
    SomeChange,
    SomeDbname,
)
from ipv6console.wire.address import AddressChanges, AddressFilter, AddressPage
from ipv6console.wire.history import HistoryPage
from ipv6console.wire.prefix import PrefixStory
from ipv6console.wire.target import TargetPage

router = APIRouter(tags=["records"])


@router.get("/addresses", response_model=AddressPage, responses=answers(example.ADDRESSES, problems=(404,)))
async def addresses(
    *,
    engine: EngineHere,
    caller: Reader,
    prefix: InPrefix = None,
    dbname: SomeDbname = None,
    state: InState = None,
    cursor: Cursor = None,
    limit: ManyAddresses = 100,
) -> Document:
    """List addresses of the pool; with `dbname` those that are not idle in that mirror, or those in `state` there."""
    return Document(await engine.addresses(AddressFilter(prefix=prefix, dbname=dbname, state=state), cursor, limit))


@router.get("/addresses/changes", response_model=AddressChanges, responses=answers(example.ADDRESS_CHANGES))
async def address_changes(engine: EngineHere, caller: Reader, since: SomeChange = None) -> Document:
    """Say what became of addresses after change number `since`; without it only the number to start from."""
    return Document(await engine.address_changes(since))


@router.get("/prefixes/history", response_model=PrefixStory, responses=answers(example.PREFIX_STORY))
async def prefix_history(engine: EngineHere, caller: Reader, prefix: OnePrefix, limit: Limit = 100) -> Document:
    """Tell the life of a prefix, oldest first: seen, drained, deprecated, gone, and what that did to its leases."""
    return Document(await engine.prefix_story(prefix, limit))


@router.get("/history", response_model=HistoryPage, responses=answers(example.HISTORY))
async def history(
    *,
    engine: EngineHere,
    caller: Reader,
    addr: SomeAddress = None,
    dbname: SomeDbname = None,
    at: At = None,
    limit: Limit = 100,
) -> Document:
    """Say who held which address, newest first: of one address, in one mirror, at one moment."""
    return Document(await engine.history(addr, dbname, at, limit))


@router.get("/targets", response_model=TargetPage, responses=answers(example.TARGETS))
async def targets(
    engine: EngineHere, caller: Reader, dbname: SomeDbname = None, cursor: Cursor = None, limit: Limit = 100
) -> Document:
    """Say who bans us: the hosts named in bad verdicts, the one with most of them first."""
    return Document(await engine.targets(dbname, limit, cursor))
