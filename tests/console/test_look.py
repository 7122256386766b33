"""Theme, glyphs and keys as the settings say, also while the console runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual._border import BORDER_CHARS

from ipv6console.config import THEMES
from ipv6console.configfile import ConfigError, effective
from ipv6console.console import look
from ipv6console.console.glyph import ascii_of, wants_ascii
from ipv6console.console.look import Look, Looks
from tests.console.stage import staged


def looks_at(path: Path) -> Looks:
    read = partial(effective, config=str(path), environ={})
    return Looks(read(), [path], read)


@pytest.mark.parametrize(
    ("glyphs", "environ", "plain"),
    [
        ("ascii", {"LANG": "en_US.UTF-8"}, True),
        ("unicode", {"LC_ALL": "C"}, False),
        ("auto", {"LANG": "en_US.UTF-8"}, False),
        ("auto", {"LANG": "en_US.utf8"}, False),
        ("auto", {"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True),
        ("auto", {"LANG": "de_DE.ISO-8859-1"}, True),
        ("auto", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ("auto", {}, False),
    ],
)
def test_ascii_is_drawn_where_the_settings_or_the_locale_ask_for_it(
    glyphs: str, environ: dict[str, str], plain: bool
) -> None:
    assert wants_ascii(glyphs, environ) is plain


def test_ascii_has_the_same_width_and_keeps_the_states_apart() -> None:
    states = [ascii_of(glyph) for glyph in "●▲✖○◌⟳"]
    assert len(set(states)) == len(states)
    assert ascii_of("│ 日本 …") == "| ???? ~"


@pytest.mark.anyio
async def test_in_ascii_nothing_else_reaches_the_terminal() -> None:
    async with staged(look=Look(glyphs="ascii")) as stage:
        screen = stage.app.screen
        background = screen.background_colors[1]
        strips = screen._compositor.render_strips(screen.size)
        lines = [
            "".join(part.text for part in stage.app.dress.ascii.apply(list(strip), background)) for strip in strips
        ]
        assert all(line.isascii() for line in lines)
        assert stage.app.dress.ascii in stage.app.get_line_filters()


@pytest.mark.anyio
async def test_a_key_goes_through_the_themes() -> None:
    async with staged() as stage:
        seen = [stage.app.theme]
        for _ in THEMES:
            await stage.press("ctrl+t")
            seen.append(stage.app.theme)
        assert seen == [*THEMES, THEMES[0]]


@pytest.mark.anyio
async def test_changed_settings_are_taken_over_while_the_console_runs(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("")
    looks = looks_at(path)
    async with staged(look=looks.look, looks=looks) as stage:
        path.write_text('[pool]\nusable_num = 7\n[console]\ntheme = "light"\nkeys = { zoom = "f4" }\n')
        stage.app.dress.look_again()
        await stage.settle()
        assert stage.app.theme == "light"
        assert "F4 Zoom" in stage.text("#keys")
        assert "Restart needed for: pool.usable_num" in stage.toasts()


@pytest.mark.anyio
async def test_settings_that_cannot_be_used_leave_everything_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[console]\ntheme = "light"\n')
    looks = looks_at(path)
    async with staged(look=looks.look, looks=looks) as stage:
        path.write_text('[console]\ntheme = "dark"\n[console.keys]\nspawn = "F"\n')
        stage.app.dress.look_again()
        await stage.settle()
        assert stage.app.theme == "light"
        assert f"{path}:4: console.keys: F is the key of flush" in stage.toasts()


def test_keys_that_clash_are_refused_at_the_start_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[console]\nkeys = { spawn = "F" }\n')
    with pytest.raises(ConfigError, match=r"c\.toml:2: console\.keys: F is the key of flush"):
        looks_at(path)


def test_every_frame_and_every_sign_has_a_likeness_in_ascii() -> None:
    sources = "".join(path.read_text() for path in Path(look.__file__).parent.rglob("*.py"))
    signs = {sign for sign in sources if not sign.isascii()} - {"◌"}  # unknown, which a question mark says
    signs |= {sign for rows in BORDER_CHARS.values() for row in rows for sign in row if not sign.isascii()} | {"🔎"}
    assert {sign for sign in signs if "?" in ascii_of(sign)} == set()
    assert {sign for sign in signs if cell_len(ascii_of(sign)) != cell_len(sign)} == set()
