"""Settings: what they are and what they are when nobody says otherwise.

Durations are seconds. `configfile.load` reads them from files, environment and flags.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Where the engine listens and keeps its state."""

    listen: tuple[str, ...] = ("127.0.0.1:16000", "[::1]:16000")
    socket: str = ""
    group: str = ""
    loopback_scope: str = "scrape"
    state_dir: str = ""
    event_days: int = 30
    verbose: bool = False
    hot_path: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How many addresses the pool keeps, and how leases and verdicts age."""

    usable_num: int = 20
    max_total: int = 100_000
    max_mirrors: int = 1_000
    lease_ttl: float = 3_600.0
    tokenless_ttl: float = 21_600.0
    bad_cooldown: float = 900.0
    bad_cooldown_max: float = 86_400.0
    spread: int = 64
    exclude: tuple[str, ...] = ()
    max_leases_per_64: int = 0
    breaker_verdicts: int = 20
    breaker_ratio: float = 0.8
    history_days: int = 30
    history_rows: int = 5_000_000
    durability: str = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """How an address is proved: echo URLs that answer with the caller's address as text, concurrency and pace."""

    urls: tuple[str, ...] = (
        "https://test.ipw.cn",
        "https://api64.ipify.org",
        "https://v6.ident.me",
        "https://icanhazip.com",
        "https://ifconfig.me/ip",
    )
    timeout: float = 5.0
    concurrency: int = 100
    pace: int = 1_000
    pace_window: float = 50.0
    probe: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """Which prefixes are used and how neighbours learn of them."""

    interfaces: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ndp: str = "auto"
    ndppd: str = "ndppd"
    ndppd_service: bool = False
    ndppd_conf: str = "/etc/ndppd.conf"
    ndppd_restart: str = "systemctl restart ndppd"
    solicited_nodes: bool = False
    nonlocal_bind: bool = True
    firewall: bool = True
    poll: float = 1_800.0


THEMES = ("dark", "light", "high-contrast", "deuteranopia", "ansi")
"""What the console's theme may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """How the console looks and asks; `keys` are "ACTION=KEY", for actions that are to have another key."""

    theme: str = "dark"
    glyphs: str = "auto"
    read_only: bool = False
    keys: tuple[str, ...] = ()


LEVELS = ("info", "warning", "error")
"""How loud an event is, the loudest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A URL that is told of faults; what may be secret is in no representation. One of `url` and `url_file` is given."""

    name: str
    url: str = field(default="", repr=False)
    url_file: str = ""
    token_file: str = ""
    headers: tuple[str, ...] = field(default=(), repr=False)
    level: str = "warning"
    kinds: tuple[str, ...] = ()
    timeout: float = 10.0
    source: str = ""
    proxy: str = field(default="", repr=False)

    @property
    def target(self) -> str:
        """Where it goes, without what may be secret: paths of webhooks are passwords."""
        return public_url(self.url) if self.url else f"the URL in {self.url_file}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program that is run to tell of faults; its arguments may be secret."""

    name: str
    argv: tuple[str, ...] = field(repr=False)
    level: str = "warning"
    kinds: tuple[str, ...] = ()
    timeout: float = 30.0

    @property
    def target(self) -> str:
        """What is run, without its arguments."""
        return self.argv[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """Who is told of faults, how soon and how often."""

    debounce: float = 30.0
    digest: int = 10
    attempts: int = 8
    webhook: tuple[Webhook, ...] = ()
    command: tuple[Command, ...] = ()


def public_url(url: str) -> str:
    """Return scheme and host of `url`, and *** for all else that is in it."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    hidden = "***" if path or "?" in rest or "#" in rest else ""
    return f"{scheme}://{place.rpartition('@')[2].partition('?')[0].partition('#')[0]}{slash}{hidden}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleSettings:
    """How prefixes of subscribers are chosen, how long is waited for others, and what is said to be stuck."""

    spaces: tuple[str, ...] = ()
    parent_choice: str = "order"
    wait: float = 10.0
    retry_max: float = 300.0
    stuck_allocated: float = 86_400.0
    stuck_revoking: float = 3_600.0
    keep_revoked_days: int = 90
    kea_leases: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBoxSettings:
    """The NetBox that prefixes of subscribers come from; none without a `url`.

    `parents` are the numbers of container prefixes there, as text, or the prefixes themselves.
    """

    url: str = ""
    token_file: str = ""
    parents: tuple[str, ...] = ()
    operation_field: str = "ipv6console_operation"
    tag: str = "ipv6console"
    status: str = "reserved"
    timeout: float = 10.0
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiusSettings:
    """Who is told of prefixes by RADIUS (RFC 5176); nobody without a `server`.

    `server` is a host with or without a port, or "nas": the NAS that each request names.
    """

    server: str = ""
    secret_file: str = ""
    timeout: float = 2.0
    retries: int = 2
    require_message_authenticator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    pool: PoolSettings = field(default_factory=PoolSettings)
    check: CheckSettings = field(default_factory=CheckSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    lifecycle: LifecycleSettings = field(default_factory=LifecycleSettings)
    netbox: NetBoxSettings = field(default_factory=NetBoxSettings)
    radius: RadiusSettings = field(default_factory=RadiusSettings)
