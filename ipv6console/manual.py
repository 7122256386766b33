"""The man page, made of the commands' own help: `python -m ipv6console.manual` prints it (make manual)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from ipv6console import __version__
from ipv6console.cli import root
from ipv6console.commands.failure import MEANINGS

_VARIABLES = {
    "IPV6CONSOLE_SOCKET": "The Unix socket of the engine to talk to, or to open.",
    "IPV6CONSOLE_URL": "The base URL of the engine to talk to; IPV6CONSOLE_SOCKET goes first.",
    "IPV6CONSOLE_TOKEN_FILE": "A file with a bearer token to show over TCP.",
    "IPV6CONSOLE_TOKEN": "Such a token itself, where no file is named.",
    "IPV6CONSOLE_LAB": "The lab that `lab exec` and `lab fault` mean, when several run.",
    "IPV6CONSOLE_CONFIG": "Settings to read instead of the user's file.",
    "IPV6CONSOLE_SECTION_KEY": "One setting, as IPV6CONSOLE_POOL_USABLE_NUM; lists are separated by commas.",
}
_FILES = {
    "/etc/ipv6console/config.toml": "Settings for everybody on this host.",
    "~/.config/ipv6console/config.toml": "Settings of one user, which win over those.",
    "/run/ipv6console/engine.sock": "The Unix socket of root's engine; another user's is in "
    "$XDG_RUNTIME_DIR/ipv6console.",
    "/var/lib/ipv6console": "Database and log of root's engine; another user's are in ~/.local/state/ipv6console.",
}
_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
_AS_IT_IS = "\b"
"""What a paragraph begins with whose lines click is to leave alone."""


def page() -> str:
    """Return the page in the macros of man(7)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    context = click.Context(root, info_name="ipv6console")
    about = root.help or ""
    yield '.\\" Made by `make manual` from the commands; do not edit.'
    yield f'.TH IPV6CONSOLE 1 "" "ipv6console {__version__}" "User Commands"'
    yield ".SH NAME"
    yield f"ipv6console \\- {_escaped(about[:1].lower() + about[1:].partition(':')[0])}"
    yield ".SH SYNOPSIS"
    yield ".B ipv6console"
    yield "[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]"
    yield ".SH DESCRIPTION"
    yield from _prose(about)
    yield ".PP"
    yield "Without a command the console is opened."
    yield ".SH COMMANDS"
    yield from _parts(root, context)
    yield ".SH EXIT STATUS"
    for code, meaning in MEANINGS.items():
        yield from _term(f"\\fB{code.value}\\fR", meaning)
    yield ".SH ENVIRONMENT"
    for name, text in _VARIABLES.items():
        yield from _term(f"\\fB{_escaped(name)}\\fR", text)
    yield ".SH FILES"
    for name, text in _FILES.items():
        yield from _term(f"\\fI{_escaped(name)}\\fR", text)


def _parts(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield from _command(command, click.Context(command, info_name=name, parent=context))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f'.SS "{_escaped(f"{context.command_path} {usage}".strip())}"'
    yield from _prose(command.help or "")
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield from _term(f"\\fB{_escaped(record[0])}\\fR", record[1])
    if command.epilog:
        yield ".PP"
        yield _text(command.epilog)
    if isinstance(command, click.Group):
        yield from _parts(command, context)


def _prose(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.startswith(_AS_IT_IS):
            yield ".nf"
            yield from (_text(line) for line in paragraph.removeprefix(_AS_IT_IS).strip("\n").splitlines())
            yield ".fi"
        else:
            yield _text(" ".join(paragraph.split()))


def _term(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield _text(text)


def _text(text: str) -> str:
    """Return a line of text; one that begins like a request gets a zero-width character before it (groff(7))."""
    escaped = _escaped(text)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


if __name__ == "__main__":
    sys.stdout.write(page())
