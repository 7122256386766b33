from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import tomli

from ipv6console import paths
from ipv6console.config import Command, Settings, Webhook
from ipv6console.configfile import ConfigError, effective, load
from ipv6console.configvalue import KINDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def system_file(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = own_home / "etc" / "config.toml"
    monkeypatch.setattr(paths, "SYSTEM_CONFIG", path)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(text: str, tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(config=str(write(tmp_path / "c.toml", text)))
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_without_files_variables_and_flags_the_defaults_are_in_force() -> None:
    assert load() == Settings()


def test_a_flag_wins_over_the_environment_over_the_users_file_over_the_systems(
    system_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = "[pool]\nusable_num = {0}\nmax_total = {0}\nmax_mirrors = {0}\nspread = {1}\n"
    write(system_file, everything.format(11, 48))
    assert (load().pool.usable_num, load().pool.spread) == (11, 48)
    write(paths.user_config(), "[pool]\nusable_num = 22\nmax_total = 22\nmax_mirrors = 22")
    monkeypatch.setenv("IPV6CONSOLE_POOL_USABLE_NUM", "33")
    monkeypatch.setenv("IPV6CONSOLE_POOL_MAX_TOTAL", "44")
    settings = load(flags={("pool", "usable_num"): ("--usable-num", 44)})
    assert settings.pool.usable_num == 44
    assert settings.pool.max_total == 44
    assert settings.pool.max_mirrors == 22
    assert settings.pool.spread == 48


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_named_file_is_read_instead_of_the_users(
    by_variable: bool, tmp_path: Path, system_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(system_file, "[pool]\nspread = 56")
    write(paths.user_config(), "[pool]\nusable_num = 7\nmax_mirrors = 7")
    named = write(tmp_path / "named.toml", "[pool]\nusable_num = 8")
    if by_variable:
        monkeypatch.setenv("IPV6CONSOLE_CONFIG", str(named))
    settings = load(config=None if by_variable else str(named))
    assert (settings.pool.usable_num, settings.pool.max_mirrors, settings.pool.spread) == (8, 1_000, 56)


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml: there is no such file"):
        load(config=str(tmp_path / "gone.toml"))


def test_a_file_that_cannot_be_read_is_named_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(config=str(tmp_path))


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"[pool]\n# \xff\n")
    with pytest.raises(ConfigError, match=r"cannot be read: .*utf-8"):
        load(config=str(tmp_path / "c.toml"))


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert refused("[pool]\nusable_num = = 3\n", tmp_path) == "c.toml:2: Invalid value (column 14)"


def test_an_unknown_key_is_refused_with_the_nearest_name_and_its_line(tmp_path: Path) -> None:
    assert refused("[pool]\n\nusable_nun = 3\n", tmp_path) == (
        "c.toml:3: there is no key usable_nun in [pool]; did you mean usable_num?"
    )


def test_an_unknown_section_is_refused_with_the_nearest_name_and_its_line(tmp_path: Path) -> None:
    assert refused("# x\n[pol]\n", tmp_path) == "c.toml:2: there is no section pol; did you mean [pool]?"
    assert "the sections are engine, pool" in refused("[zzzzzz]", tmp_path)


def test_a_key_in_the_wrong_place_is_shown_home(tmp_path: Path) -> None:
    assert refused("usable_num = 3", tmp_path) == "c.toml:1: usable_num belongs below [pool]"
    assert refused("[engine]\nspread = 64", tmp_path).endswith("it belongs below [pool]")
    assert "pool is a section" in refused("pool = 3", tmp_path)


def test_the_line_is_right_below_text_that_looks_like_the_key(tmp_path: Path) -> None:
    text = '[check]\nurls = [\n  "http://a/timeout=9", # timeout = 9\n]\n# timeout = 9\n\n"timeout" = -1\n'
    assert refused(text, tmp_path).startswith("c.toml:7: check.timeout: ")


def test_a_wrong_item_of_a_list_is_told_with_its_own_line(tmp_path: Path) -> None:
    text = '[network]\nprefixes = [\n  "2001:db8::/64",\n  "2001:db8::1/64",\n]\n'
    assert refused(text, tmp_path) == (
        "c.toml:4: network.prefixes: bits beyond the prefix length are set in 2001:db8::1/64; 2001:db8::/64 is the prefix"
    )


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        ("engine", 'listen = "127.0.0.1:16000"', "a list of texts"),
        ("engine", 'listen = ["127.0.0.1"]', "IPV4:PORT or [IPV6]:PORT is expected"),
        ("engine", 'listen = ["::1:16000"]', "IPV4:PORT or [IPV6]:PORT is expected"),
        ("engine", 'listen = ["[127.0.0.1]:16000"]', "IPV4:PORT or [IPV6]:PORT is expected"),
        ("engine", 'listen = ["[::1]:65536"]', "IPV4:PORT or [IPV6]:PORT is expected"),
        ("engine", 'listen = ["[::1]:1", "[0::1]:1"]', "the same one is given twice"),
        ("engine", 'socket = "engine.sock"', "an absolute path is expected"),
        ("engine", f'socket = "/{"x" * 107}"', "at most 107 bytes"),
        ("engine", 'group = "no group"', "the name of a group"),
        ("engine", 'loopback_scope = "admin"', "one of read, scrape, operate is allowed"),
        ("engine", 'state_dir = "~/x"', "an absolute path is expected"),
        ("engine", "event_days = 0", "a whole number from 1 to 3650 is allowed, got 0"),
        ("engine", "event_days = 1.5", "a whole number from 1 to 3650 is expected, got 1.5"),
        ("engine", "event_days = true", "a whole number"),
        ("engine", "verbose = 1", "true or false is expected"),
        ("pool", 'lease_ttl = "1 week"', "a duration from 1 to 2592000 seconds"),
        ("pool", "lease_ttl = nan", "a duration"),
        ("pool", "lease_ttl = inf", "a duration"),
        ("pool", "lease_ttl = [1]", "a duration"),
        ("pool", "spread = 60", "one of 48, 56, 64 is allowed, got 60"),
        ("pool", 'exclude = ["192.0.2.1"]', "an IPv6 address or prefix is expected"),
        ("pool", 'exclude = ["2001:db8::1/64"]', "host bits set"),
        (
            "pool",
            "usable_num = 200000",
            "pool.usable_num = 200000 must not be above pool.max_total = 100000 (the default)",
        ),
        ("pool", 'bad_cooldown_max = "1m"', "pool.bad_cooldown = 900 must not be above pool.bad_cooldown_max = 60"),
        ("check", "urls = []", "at least 1"),
        ("check", 'urls = ["ftp://x/"]', "an http:// or https:// URL is expected"),
        ("check", 'urls = ["http://"]', "an http:// or https:// URL is expected"),
        ("check", 'urls = ["http://[::1/"]', "an http:// or https:// URL is expected"),
        ("check", 'urls = ["http://x:99999/"]', "an http:// or https:// URL is expected"),
        ("check", "timeout = 0", "a duration from 0.1 to 60 seconds"),
        ("network", 'interfaces = ["a b"]', "the name of a network interface"),
        ("network", "interfaces = [1]", "text in quotes is expected, got 1"),
        ("network", 'prefixes = ["2000::/16"]', "a prefix length from /32 to /128"),
        ("network", 'prefixes = ["10.0.0.0/8"]', "an IPv6 prefix is expected"),
        ("network", 'prefixes = ["fe80::/64"]', "fe80::/64 is link-local; a global one is expected"),
        ("network", 'prefixes = ["ff02::/64"]', "ff02::/64 is multicast; a global one is expected"),
        ("network", 'addresses = ["2001:db8::1", "fe80::1"]', "fe80::1 is link-local; a global one is expected"),
        ("network", 'addresses = ["ff02::1"]', "ff02::1 is multicast; a global one is expected"),
        ("network", 'addresses = ["::1"]', "::1 is loopback; a global one is expected"),
        ("network", 'addresses = ["2001:db8::1%eth0"]', "2001:db8::1%eth0 has a zone"),
        ("network", 'addresses = ["192.0.2.1"]', "an IPv6 address is expected"),
        ("network", 'weights = ["2001:db8::/64"]', "PREFIX=WEIGHT with a whole weight from 1 to 9999 is expected"),
        ("network", 'weights = ["2001:db8::/64=0"]', "PREFIX=WEIGHT with a whole weight from 1 to 9999 is expected"),
        ("network", 'weights = ["2001:db8::1/64=2"]', "bits beyond the prefix length are set"),
        ("pool", 'exclude = ["2001:db8::1%eth0"]', "2001:db8::1%eth0 has a zone"),
        ("pool", "breaker_verdicts = 1", "a whole number from 2"),
        ("pool", "breaker_ratio = 1.5", "a number above 0 and up to 1"),
        ("pool", "history_days = 0", "a whole number from 1"),
        ("pool", "max_leases_per_64 = -1", "a whole number from 0"),
        ("check", "probe = -1", "a duration from 0"),
        ("network", 'ndp = "magic"', "one of auto, routed, ndppd, proxy, address, responder is allowed, got 'magic'"),
        ("network", 'ndppd = ""', "the name or path of the ndppd program"),
        ("console", 'theme = "nord"', "one of dark, light, high-contrast, deuteranopia, ansi is allowed, got 'nord'"),
        ("console", 'keys = ["spawn"]', "a table, like { spawn"),
        ("console", "keys = { spawn = 1 }", "KEY=VALUE is expected, got 1"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_what_is_allowed(
    section: str, line: str, said: str, tmp_path: Path
) -> None:
    message = refused(f"[{section}]\n{line}\n", tmp_path)
    assert said in message
    assert message.startswith(("c.toml:2: ", "the default: "))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1.5 h", 5_400), ("2d", 172_800), (" 1h ", 3_600)]
)
def test_a_duration_may_carry_a_unit(
    text: str, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "c.toml", f'[pool]\nlease_ttl = "{text}"')
    assert load(config=str(path)).pool.lease_ttl == seconds
    monkeypatch.setenv("IPV6CONSOLE_POOL_LEASE_TTL", text)
    assert load().pool.lease_ttl == seconds


def test_addresses_prefixes_and_listeners_are_kept_in_their_proper_spelling(tmp_path: Path) -> None:
    text = (
        '[engine]\nlisten = ["[0:0::1]:0016"]\n'
        '[network]\nprefixes = ["2001:DB8:0000:1::/64"]\n[pool]\nexclude = ["2001:db8::000a", "2001:DB8::/120"]'
    )
    settings = load(config=str(write(tmp_path / "c.toml", text)))
    assert settings.engine.listen == ("[::1]:16",)
    assert settings.network.prefixes == ("2001:db8:0:1::/64",)
    assert settings.pool.exclude == ("2001:db8::a", "2001:db8::/120")


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        ("lifecycle", 'spaces = ["a b"]', "the name of a space is expected, got 'a b'"),
        ("lifecycle", 'spaces = ["a", "a"]', "the same one is given twice"),
        ("lifecycle", 'parent_choice = "random"', "one of order, most-free is allowed"),
        ("lifecycle", "wait = 301", "a duration from 0 to 300 seconds"),
        ("lifecycle", "keep_revoked_day = 3", "did you mean keep_revoked_days?"),
        ("netbox", 'url = "netbox.example.net"', "an http:// or https:// URL is expected, like https://netbox."),
        ("netbox", 'url = "https://x:s3cret@netbox/"', "a user or password has no place in the URL"),
        ("netbox", 'url = "ftp://x:s3cret@netbox/"', "an http:// or https:// URL is expected"),
        ("netbox", 'url = "https://netbox/?a=1"', "without what follows ? or #"),
        ("netbox", 'url = "https://netbox"', "netbox.url needs netbox.token_file, a file that holds the token"),
        ("netbox", 'token_file = "token"', "an absolute path is expected"),
        ("netbox", 'token_file = "/gone/token"', "netbox.token_file: there is no file /gone/token"),
        ("netbox", 'ca_file = "/gone/ca.pem"', "netbox.ca_file: there is no file /gone/ca.pem"),
        ("netbox", "parents = [0]", "from 1 up, got 0"),
        ("netbox", "parents = [true]", "text in quotes is expected"),
        ("netbox", 'parents = ["192.0.2.0/24"]', "the number of a prefix in NetBox or an IPv6 prefix is expected"),
        ("netbox", 'parents = ["2001:db8::1/32"]', "bits beyond the prefix length are set"),
        ("netbox", 'parents = ["::/0"]', "from /1 to /127"),
        ("netbox", 'operation_field = "a__b"', "the name of a custom field"),
        ("netbox", 'operation_field = ""', "the name of a custom field"),
        ("netbox", 'tag = "a b"', "the slug of a tag"),
        ("netbox", 'status = "container"', "one of active, reserved, deprecated is allowed"),
        ("netbox", "tokenfile = 1", "did you mean token_file?"),
        ("radius", 'server = "a b"', "or nas for the NAS that each request names is expected"),
        ("radius", 'server = "::1:3799x"', "[IPV6]:PORT"),
        ("radius", 'server = "[192.0.2.1]:3799"', "[IPV6]:PORT"),
        ("radius", 'server = "192.0.2.256"', "[IPV6]:PORT"),
        ("radius", 'server = "radius:0"', "[IPV6]:PORT"),
        ("radius", 'server = "radius:65536"', "[IPV6]:PORT"),
        ("radius", 'server = "radius"', "radius.server needs radius.secret_file, a file that holds the secret"),
        ("radius", 'secret_file = "/gone/secret"', "radius.secret_file: there is no file /gone/secret"),
        ("radius", "retries = -1", "a whole number from 0 to 20"),
        ("radus", "retries = 1", "did you mean [radius]?"),
    ],
)
def test_a_setting_of_the_lifecycle_that_cannot_be_is_refused_with_what_is_allowed(
    section: str, line: str, said: str, tmp_path: Path
) -> None:
    message = refused(f"[{section}]\n{line}\n", tmp_path)
    assert said in message
    assert message.startswith(("c.toml:2: ", "c.toml:1: there is no section"))
    assert "s3cret" not in message


def test_netbox_and_radius_are_held_in_their_proper_spelling(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", "x")
    text = f"""
[netbox]
url = "https://netbox.example.net/ipam/api/"
token_file = "{secret}"
parents = [12, "013", "2001:DB8:0::/32"]
[radius]
secret_file = "{secret}"
server = "{{}}"
"""
    held = {}
    for server in (
        "radius.example.net:3799",
        "192.0.2.1:1700",
        "[2001:DB8:0::1]:3799",
        "2001:db8::1",
        "nas",
        "nas:1700",
    ):
        settings = load(config=str(write(tmp_path / "c.toml", text.format(server))))
        held[server] = settings.radius.server
    assert settings.netbox.url == "https://netbox.example.net/ipam"
    assert settings.netbox.parents == ("12", "13", "2001:db8::/32")
    assert list(held.values()) == [
        "radius.example.net",
        "192.0.2.1:1700",
        "[2001:db8::1]",
        "[2001:db8::1]",
        "nas",
        "nas:1700",
    ]


def test_a_secret_that_only_the_engine_may_see_does_not_stop_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "c.toml", '[radius]\nserver = "nas"\nsecret_file = "/etc/hidden/secret"\n')
    text = path.read_text()
    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert load(config=str(path)).radius.secret_file == "/etc/hidden/secret"


def test_the_keys_of_the_console_are_a_table_and_each_has_its_line(tmp_path: Path) -> None:
    text = '[console.keys]\nspawn = "N"\nzoom = "f11"\n[console]\ntheme = "light"\n'
    found = effective(config=str(write(tmp_path / "c.toml", text)))
    assert found.settings.console.keys == ("spawn=N", "zoom=f11")
    given = found.given["console", "keys"]
    assert {key: where.rpartition(":")[2] for key, where in given.items.items()} == {"spawn": "2", "zoom": "3"}


HOOK = '[[notify.webhook]]\nname = "a"\n'
RUN = '[[notify.command]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (HOOK, 1, "notify.webhook: either url or url_file"),
        ('[[notify.webhook]]\nurl = "http://x/"', 1, "notify.webhook: name is missing"),
        (f'{HOOK}url = "ftp://s3cret/"', 3, "notify.webhook: url: an http:// or https:// URL is expected"),
        (f'{HOOK}url = "http://x/"\nproxy = "s3cret"', 4, "notify.webhook: proxy: an http:// or https:// URL"),
        (f'{HOOK}uri = "http://s3cret/"', 3, "notify.webhook: there is no key uri in it; did you mean url?"),
        (f'{HOOK}url = "http://x/"\nheaders = {{ "a b" = "s3cret" }}', 1, "notify.webhook: headers: 'a b' is no name"),
        (f'{HOOK}url = "http://x/"\nlevel = "loud"', 4, "level: one of info, warning, error is allowed, got 'loud'"),
        (f'{HOOK}url = "http://x/"\nkinds = ["prefix.", "Any"]', 4, "kinds: how the kind of an event begins"),
        (f'{HOOK}url = "http://x/"\nsource = "192.0.2.1"', 4, "source: an IPv6 address is expected"),
        (f"{RUN}argv = []", 3, "notify.command: argv: at least 1"),
        (f'{RUN}argv = ["bin/x"]', 1, "the program is named alone"),
        (f"{RUN}argv = 'x'", 3, "argv: a list of texts"),
        (f'{HOOK}url = "http://x/"\n{RUN}argv = ["x"]', 4, "notify.command: there is another one named a"),
        ('[notify]\nwebhook = "http://s3cret/"', 2, "notify.webhook: a list of tables is expected"),
        ('[notify]\nwebhook = ["http://s3cret/"]', 2, "notify.webhook: a table is expected"),
    ],
)
def test_a_webhook_or_command_that_cannot_be_is_refused_at_its_line_and_no_secret_is_shown(
    text: str, line: int, said: str, tmp_path: Path
) -> None:
    message = refused(text, tmp_path)
    assert message.startswith(f"c.toml:{line}: ")
    assert said in message
    assert "s3cret" not in message


def test_webhooks_and_commands_are_read_as_the_example_shows_them(tmp_path: Path) -> None:
    lines = (ROOT / "config.example.toml").read_text(encoding="utf-8").splitlines()
    shown = [line.removeprefix("#   ") for line in lines if line.startswith("#   ")]
    settings = load(config=str(write(tmp_path / "c.toml", "\n".join(shown)))).notify
    assert settings.webhook == (
        Webhook(name="pager", url="https://hooks.example/T0/B1/x", headers=("X-Team=network",)),
    )
    assert settings.command == (Command(name="siren", argv=("/usr/local/bin/siren", "--loud"), level="error"),)
    keys = {line.partition(" ")[0] for line in shown if " = " in line}
    assert keys == {field.name for row in (Webhook, Command) for field in fields(row)}


def test_the_words_of_a_command_may_be_alike(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", f'{RUN}argv = ["x", "-v", "-v"]')
    assert load(config=str(path)).notify.command[0].argv == ("x", "-v", "-v")


def test_webhooks_cannot_be_given_in_a_variable_where_others_would_see_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPV6CONSOLE_NOTIFY_WEBHOOK", "http://s3cret/")
    with pytest.raises(ConfigError, match="IPV6CONSOLE_NOTIFY_WEBHOOK: tables are expected") as caught:
        load()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("engine.listen", "127.0.0.1:1, [::]:2", ("127.0.0.1:1", "[::]:2")),
        ("engine.listen", "", ()),
        ("engine.verbose", "Yes", True),
        ("network.nonlocal_bind", "0", False),
        ("pool.spread", "56", 56),
        ("console.theme", "light", "light"),
        ("console.keys", "spawn=N, zoom=f11", ("spawn=N", "zoom=f11")),
    ],
)
def test_the_environment_sets_every_kind_of_value(
    setting: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_" + setting.upper().replace(".", "_"), text)
    section, _, key = setting.partition(".")
    assert getattr(getattr(load(), section), key) == value


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPV6CONSOLE_POOL_USABLE_NUM", "many")
    with pytest.raises(ConfigError, match=r"IPV6CONSOLE_POOL_USABLE_NUM: a whole number .* got 'many'"):
        load()
    monkeypatch.setenv("IPV6CONSOLE_ENGINE_VERBOSE", "perhaps")
    monkeypatch.delenv("IPV6CONSOLE_POOL_USABLE_NUM")
    with pytest.raises(ConfigError, match="IPV6CONSOLE_ENGINE_VERBOSE: true or false"):
        load()


def test_a_misspelt_variable_is_refused_with_the_nearest_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPV6CONSOLE_POOL_USABLENUM", "3")
    with pytest.raises(ConfigError, match=r"IPV6CONSOLE_POOL_USABLENUM: .*did you mean usable_num"):
        load()


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^--usable-num: a whole number from 1 to 1000000 is allowed, got 0"):
        load(flags={("pool", "usable_num"): ("--usable-num", 0)})


def test_every_setting_has_a_kind_that_accepts_its_default() -> None:
    defaults = Settings()
    assert list(KINDS) == [section.name for section in fields(defaults)]
    for section in fields(defaults):
        values = getattr(defaults, section.name)
        assert list(KINDS[section.name]) == [field.name for field in fields(values)]
        for field in fields(values):
            value = getattr(values, field.name)
            assert KINDS[section.name][field.name].read(value) == value


def test_the_example_file_says_the_defaults_key_by_key() -> None:
    document = tomli.loads((ROOT / "config.example.toml").read_text(encoding="utf-8"))
    defaults = Settings()
    assert list(document) == [section.name for section in fields(defaults)]
    for section in fields(defaults):
        values = getattr(defaults, section.name)
        assert list(document[section.name]) == [field.name for field in fields(values)]
        for field in fields(values):
            value = getattr(values, field.name)
            given = document[section.name][field.name]
            held = type(given)(value) if isinstance(value, tuple) else value
            assert given == held, f"{section.name}.{field.name}"
            assert isinstance(given, bool) == isinstance(value, bool)
    assert load(config=str(ROOT / "config.example.toml")) == defaults


def test_every_key_of_the_example_file_has_a_comment_above_it() -> None:
    lines = (ROOT / "config.example.toml").read_text(encoding="utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"\w+ =", line)]
    assert keys
    assert [lines[number] for number in keys if not lines[number - 1].startswith("# ")] == []
