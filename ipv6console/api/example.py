"""Example answers, made of the very documents the engine answers with."""

from __future__ import annotations

from ipv6console import __version__
from ipv6console.wire.address import AddressChanges, AddressPage, AddressRow
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.event import Event, EventLevel, EventPage
from ipv6console.wire.health import Health
from ipv6console.wire.history import HistoryPage, HistoryRow
from ipv6console.wire.importing import ImportReport
from ipv6console.wire.lease import LeasePage, LeaseRow
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.notify import NotifierMeans, NotifierRow, NotifyResult, NotifyStatus, NotifyTested
from ipv6console.wire.plan import Applied, Plan, PlanAction
from ipv6console.wire.prefix import PrefixMoment, PrefixStory, PrefixTurn
from ipv6console.wire.presence import AttachedRow, WatcherKind
from ipv6console.wire.reply import (
    CheckReply,
    ChecksReply,
    FlushReply,
    LeaseReply,
    MirrorStats,
    PickedLease,
    PickReply,
    PicksReply,
    PoolStats,
    Reply,
    ResetReply,
    SaveReply,
    SpawnReply,
    SpawnsReply,
)
from ipv6console.wire.rewind import RewindSpan
from ipv6console.wire.state import (
    CheckUrl,
    EngineState,
    MirrorRow,
    NdpRow,
    PoolState,
    PrefixRow,
    PrefixState,
    State,
    StoreState,
)
from ipv6console.wire.status import Finding, Level, Stamp
from ipv6console.wire.target import TargetPage, TargetRow
from ipv6console.wire.token import TokenCreated, TokenPage, TokenRow

NOW = 1_767_225_600.0
PREFIX = "2001:db8:0:1::/64"
ADDR = "2001:db8:0:1:9a1c:44e0:7b2d:5f03"
OTHER = "2001:db8:0:1:2f7e:918:c3aa:60b4"
MIRROR = "task1"
LEASE = "q3Zr8nV2tYwKp1sD"

POOL_STATS = PoolStats(prefix=PREFIX, total_addrs=24, usable_num_target=20, mirrors=("default", MIRROR))
MIRROR_STATS = MirrorStats(dbname=MIRROR, total=24, idle=20, using=3, bad=1)
SPAWNED = SpawnReply(success=True, addr=ADDR)
NOT_SPAWNED = SpawnReply(success=False, addr=None, detail="No prefix is usable: eth0 has no global address.")
SPAWNED_MANY = SpawnsReply(success=True, addrs=(ADDR, OTHER), should_stop=False, spawned_count=2, requested_count=2)
PICKED = PickReply(success=True, addr=ADDR, dbname=MIRROR, lease=LEASE, expires_at=NOW + 3_600.0, ttl=3_600.0)
NOT_PICKED = PickReply(success=False, addr=None, dbname=MIRROR, detail="No address is idle; 20 are being spawned.")
PICKED_MANY = PicksReply(
    success=True,
    addrs=(ADDR,),
    dbname=MIRROR,
    leases=(PickedLease(addr=ADDR, lease=LEASE, expires_at=NOW + 3_600.0, ttl=3_600.0),),
    detail="1 of 2: no other address is idle.",
)
CHECKED = CheckReply(success=True, addr=ADDR, usable=True)
CHECKED_MANY = ChecksReply(success=True, results={ADDR: True, OTHER: False})
REPORTED = Reply(success=True, dbname=MIRROR)
NOT_REPORTED = Reply(success=False, dbname=MIRROR, detail=f"{ADDR}: the lease has ended; nothing was changed.")
RESET_MANY = ResetReply(success=True, dbname=MIRROR, reset_count=1, total_count=2)
RESET_ALL = ResetReply(success=True, dbname=MIRROR, reset_count=4)
SAVED = SaveReply(success=True)
FLUSHED = FlushReply(success=True, dbname=MIRROR)
RENEWED = LeaseReply(success=True, addr=ADDR, dbname=MIRROR, expires_at=NOW + 3_600.0, ttl=3_600.0)
RELEASED = LeaseReply(success=True, addr=ADDR, dbname=MIRROR, expires_at=NOW, ttl=0.0)
LEASES = LeasePage(
    leases=(
        LeaseRow(
            addr=ADDR,
            dbname=MIRROR,
            holder="crawler-7",
            leased_at=NOW,
            expires_at=NOW + 3_600.0,
            process="pid 812 uid 1000 python3 crawler.py",
        ),
    ),
    total=1,
    next=None,
)
ADDRESSES = AddressPage(
    addresses=(AddressRow(addr=ADDR, prefix=PREFIX, verified_at=NOW, leased_in=(MIRROR,), bad_in=("default",)),),
    total=1,
    next=None,
)
HISTORY = HistoryPage(
    entries=(
        HistoryRow(
            addr=ADDR,
            dbname=MIRROR,
            holder="crawler-7",
            since=NOW - 60.0,
            until=NOW,
            verdict="bad",
            target="shop.example",
            reason="403 after 12 requests",
            process="pid 812 uid 1000 python3 crawler.py",
        ),
    )
)
TARGETS = TargetPage(
    targets=(TargetRow(dbname=MIRROR, target="shop.example", bans=12, addresses=9, last_at=NOW, last_reason="403"),)
)
TOKEN_ROW = TokenRow(
    name="grafana", scope="read", created_at=NOW, created_by="unix pid 812 uid 0 ipv6console", last_used_at=None
)
TOKENS = TokenPage(tokens=(TOKEN_ROW,))
TOKEN_CREATED = TokenCreated(name="grafana", scope="read", token=f"ipv6c_{'x' * 43}", created_at=NOW)
MIRROR_SETTINGS = MirrorSettings(usable_num=50, bad_cooldown=3_600.0)
IMPORTED = ImportReport(addresses=1, mirrors=1, bad=1, skipped={OTHER: "it is in no active prefix"})
PLAN = Plan(
    id="p-7f21",
    action=PlanAction.FLUSH_MIRROR,
    target=MIRROR,
    generation=412,
    count=4,
    sample=(ADDR, OTHER),
    leases=3,
    mirrors=(MIRROR,),
    needs_reason=False,
    created_at=NOW,
    expires_at=NOW + 300.0,
)
APPLIED = Applied(plan="p-7f21", action=PlanAction.FLUSH_MIRROR, target=MIRROR, count=4, leases_ended=3)
EVENTS = EventPage(
    events=(
        Event(
            id=41,
            at=NOW,
            level=EventLevel.WARNING,
            kind="lease.expired",
            text=f"{ADDR} in {MIRROR} was not reported in time and is idle again",
            subject=ADDR,
            data={"dbname": MIRROR, "holder": "crawler-7"},
        ),
    ),
    last=41,
)
_NDP_DEAD = Finding(
    subject="ndppd", level=Level.WARN, text="ndppd was restarted 2 s ago", fix="journalctl -u ipv6console"
)
HEALTH = Health(level=Level.WARN, at=NOW, version=__version__, prefix=PREFIX, findings=(_NDP_DEAD,))
DOCTOR = DoctorReport(
    at=NOW,
    prefix=PREFIX,
    interface="eth0",
    verdict="on-link",
    steps=(
        DoctorStep(name="interface", level=Level.OK, text="eth0 is up", evidence=("eth0: UP LOWER_UP",)),
        DoctorStep(
            name="route",
            level=Level.FAIL,
            text="there is no local route for the prefix",
            fix=f"ip -6 route replace local {PREFIX} dev lo",
        ),
    ),
)
_ENGINE = Stamp(NOW, "engine")
_NETLINK = Stamp(NOW, "netlink")
PREFIX_ROW = PrefixRow(
    stamp=_NETLINK,
    id=1,
    prefix=PREFIX,
    interface="eth0",
    source="interface",
    state=PrefixState.ACTIVE,
    preferred_until=NOW + 14_400.0,
    valid_until=NOW + 86_400.0,
    first_seen=NOW - 7_200.0,
    changed_at=NOW - 7_200.0,
    strategy="ndppd",
    route=Level.OK,
    ndp=Level.OK,
    text="answered for by ndppd",
    addresses=24,
    leased=3,
)
MIRROR_ROW = MirrorRow(
    stamp=_ENGINE,
    name=MIRROR,
    total=24,
    idle=20,
    using=3,
    bad=1,
    draining=False,
    picks=912,
    reports=909,
    bans=1,
    expired=0,
    picks_per_s=4.2,
    last_pick_at=NOW,
    level=Level.OK,
    text="20 idle",
)
ADDRESS_CHANGES = AddressChanges(
    seq=1_767_225_600_000_412,
    rows=(
        AddressRow(
            addr=ADDR, prefix=PREFIX, verified_at=NOW - 600.0, leased_in=(MIRROR,), bad_in=(), last_used_at=NOW, uses=3
        ),
    ),
    gone=(OTHER,),
    missed=False,
)
PREFIX_STORY = PrefixStory(
    prefix=PREFIX,
    entries=(
        PrefixMoment(
            at=NOW - 7_200.0,
            turn=PrefixTurn.SEEN,
            text=f"{PREFIX} on eth0 (interface, on-link)",
            leases=None,
            actor=None,
            event=2,
        ),
        PrefixMoment(
            at=NOW - 60.0,
            turn=PrefixTurn.DEPRECATED,
            text=f"{PREFIX} on eth0 is deprecated: it drains, its leases may end in peace",
            leases=4,
            actor=None,
            event=40,
        ),
    ),
)
NDP_CONFIG = NdpConfig(
    prefix=PREFIX,
    strategy="ndppd",
    path="/var/lib/ipv6console/ndppd.conf",
    wanted="proxy eth0 {\n  rule 2001:db8:0:1::/64 {\n    static\n  }\n}\n",
    found="proxy eth0 {\n  rule 2001:db8:0:1::/64 {\n    static\n  }\n}\n",
    diff=(),
    text="the file says what is wanted",
)
NOTIFY_STATUS = NotifyStatus(
    notifiers=(
        NotifierRow(
            name="pager",
            means=NotifierMeans.WEBHOOK,
            target="https://hooks.example/***",
            level=EventLevel.WARNING,
            kinds=(),
            waiting=1,
            delivered=12,
            failed=0,
            lost=0,
            last_at=NOW,
            last_ok=False,
            last_text="it answered 503 Service Unavailable",
            next="see the log of that server",
        ),
    )
)
NOTIFY_TESTED = NotifyTested(
    success=True,
    results=(
        NotifyResult(
            name="pager",
            means=NotifierMeans.WEBHOOK,
            target="https://hooks.example/***",
            success=True,
            text="it answered 200 OK",
            seconds=0.082,
        ),
    ),
)
NOTIFY_FAILED = NotifyTested(
    success=False,
    results=(
        NotifyResult(
            name="siren",
            means=NotifierMeans.COMMAND,
            target="/usr/local/bin/siren",
            success=False,
            text="there is no program /usr/local/bin/siren",
            seconds=0.001,
            next="install it, or correct argv in [[notify.command]]: a name is looked up in PATH",
        ),
    ),
)
REWIND = RewindSpan(oldest=NOW - 1_799.0, newest=NOW, kept=1_800)
STATE = State(
    generation=412,
    at=NOW,
    engine=EngineState(
        stamp=_ENGINE,
        version=__version__,
        pid=812,
        host="edge1",
        started_at=NOW - 7_200.0,
        role="standalone",
        privileged=True,
        listeners=("127.0.0.1:16000", "[::1]:16000", "unix:/run/ipv6console/engine.sock"),
        state_dir="/var/lib/ipv6console",
        lab=None,
        watchers=1,
        last_event=41,
        findings=(),
        attached=(
            AttachedRow(
                id=3,
                name="op@edge1",
                kind=WatcherKind.CONSOLE,
                transport="unix pid 4021 uid 1000 ipv6console",
                since=NOW - 900.0,
                read_only=False,
            ),
        ),
    ),
    prefixes=(PREFIX_ROW,),
    ndp=(
        NdpRow(
            stamp=Stamp(NOW, "/proc"),
            prefix=PREFIX,
            interface="eth0",
            strategy="ndppd",
            why="the prefix is on-link on eth0",
            level=Level.OK,
            text="running",
            fix=None,
            pid=830,
            started_at=NOW - 7_200.0,
            restarts=0,
            cpu=0.1,
            config="proxy eth0 { rule 2001:db8:0:1::/64 { static } }",
        ),
    ),
    pool=PoolState(
        stamp=_ENGINE,
        total=24,
        usable_num=20,
        idle=20,
        neediest=MIRROR,
        leased=3,
        max_total=100_000,
        spawning=0,
        spawned=24,
        spawned_per_min=0.5,
        checks_failed=1,
        pace_used=1,
        pace_limit=1_000,
        pace_window=30.0,
        check_urls=(
            CheckUrl(url="https://test.ipw.cn", level=Level.OK, ok=24, failed=0, last_ok_at=NOW - 9.0, last_error=None),
        ),
        level=Level.OK,
        text="20 of 20 idle",
    ),
    mirrors=(MIRROR_ROW,),
    store=StoreState(
        stamp=_ENGINE,
        url="sqlite:////var/lib/ipv6console/engine.db",
        level=Level.OK,
        text="commits flow",
        queue=0,
        commits=1_840,
        last_commit_ms=0.3,
    ),
)
METRICS = """# HELP ipv6console_pool_addresses Verified addresses.
# TYPE ipv6console_pool_addresses gauge
ipv6console_pool_addresses 240.0
"""
