"""What an operator has at hand besides acting: the past, other engines, who is here, files to take along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textual.content import Content

from ipv6console.console import bundle, call, export, figure, lookup
from ipv6console.console.context import Context
from ipv6console.console.digest import headline
from ipv6console.console.gathering import evidence
from ipv6console.console.keyring import keyed
from ipv6console.console.model import Model
from ipv6console.console.portrait import Portrait, portrait
from ipv6console.console.recall import since_last_look
from ipv6console.console.rewind import LEAP, STEP, Rewinder
from ipv6console.console.screens.bare import BareText
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.screens.engines import OPEN, EnginesDialog, OpenDialog, Opening
from ipv6console.console.screens.lookback import LookbackDialog
from ipv6console.console.screens.presence import PresenceDialog
from ipv6console.console.seen import Seen, Unremembered, engine_key
from ipv6console.console.source import Refused
from ipv6console.console.still import still
from ipv6console.console.tone import content
from ipv6console.console.widgets.table import TablePane
from ipv6console.wire.event import EventLevel
from ipv6console.wire.state import State

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

T = TypeVar("T")
SELECTED = 1_000
"""Rows of a table that are shown as bare text."""

_LASTING = 30.0
_LOUD = {EventLevel.INFO: "information", EventLevel.WARNING: "warning", EventLevel.ERROR: "error"}


class Desk:
    """These acts of one console, by the ids of the registry."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._bundling = False
        self._testing = False
        self.acts: dict[str, Callable[[], None]] = {
            "rewind_back": lambda: self.rewinder.step(-STEP),
            "rewind_forth": lambda: self.rewinder.step(STEP),
            "leap_back": lambda: self.rewinder.step(-LEAP),
            "leap_forth": lambda: self.rewinder.step(LEAP),
            "engines": lambda: self._work(self.engines()),
            "last_engine": self.last_engine,
            "presence": self.presence,
            "digest": self.digest,
            "export": lambda: self._work(self.export()),
            "select": lambda: self._work(self.select()),
            "bundle": self.bundle,
            "notify_test": self.notify_test,
        }

    def _work(self, act: Awaitable[None], group: str = "desk") -> None:
        self._app.run_worker(act, group=group, exit_on_error=True)

    def _warn(self, heading: str, text: str) -> None:
        self._app.say(heading, Content(text), severity="warning")

    @property
    def rewinder(self) -> Rewinder:
        """The way back in time of the engine on the screen."""
        rewinder = self._app.context.rewinder
        assert rewinder is not None  # noqa: S101 - the app furnishes every engine with one
        return rewinder

    async def engines(self) -> None:
        """List the engines that are open; switch to one, or open one more."""
        app = self._app
        answer = await app.push_screen_wait(EnginesDialog(app.contexts, self._close))
        if answer == OPEN:
            await self._open()
        elif answer is not None:
            chosen = app.contexts.numbered(answer)
            if chosen is not None:
                app.show_engine(chosen)

    def _close(self, context: Context) -> None:
        self._work(self._app.close_engine(context), "close")

    async def _open(self) -> None:
        app, connect = self._app, self._app.means.connect
        if connect is None:
            self._warn("Engines", "This console cannot open others.")
            return

        def check(opening: Opening) -> None:
            context = app.contexts.at(opening.target)
            if context is not None:
                raise ValueError(f"that engine is open already, as number {context.number}")
            connect(opening.target, token=opening.token, read_only=opening.read_only)

        opening = await app.push_screen_wait(OpenDialog(check))
        number = app.contexts.free()
        if opening is None or number is None:
            return
        app.open_engine(Context(
            number=number, source=connect(opening.target, token=opening.token, read_only=opening.read_only),
            model=Model(app.clock), label="ATTACHED", target=opening.target, read_only=opening.read_only,
            secrets=(opening.token,) if opening.token else (),
        ))  # fmt: skip

    def last_engine(self) -> None:
        """Go back to the engine shown before."""
        before = self._app.contexts.before
        if before is None:
            self._warn("Engines", keyed("No other engine was shown yet. {engines} lists them and opens more."))
        else:
            self._app.show_engine(before)

    def presence(self) -> None:
        """Show who else is attached."""
        context = self._app.context
        self._app.push_screen(PresenceDialog(context.source, context.model, self._app.means.name, context.door))

    def welcome(self, context: Context) -> None:
        """Look up what happened on an engine that has just answered for the first time."""
        if self._app.means.memory is not None:
            self._work(self._welcome(context), "welcome")

    async def _welcome(self, context: Context) -> None:
        app, memory, state = self._app, self._app.means.memory, context.model.state
        if memory is None or state is None:
            return
        try:
            seen = memory.recall(engine_key(state))
            context.digest = await since_last_look(context.source, state, seen, app.means.name)
        except (Unremembered, Refused) as error:
            context.unread = f"It is not known what happened: {error}"
            self._warn("Since you last looked", context.unread)
            return
        context.unread = _unread(state, seen)
        told = context.digest
        if told is None:
            return
        worst = f"\n{told.worst[0].text}" if told.worst else ""
        ago = figure.span(context.model.now - told.since_at)
        app.notify(
            f"{headline(told)}{worst}\n{keyed('{digest} tells all of it, {events} are the events.')}",
            title=f"Since you last looked at {context.host}, {ago} ago",
            severity=_LOUD[told.level],  # type: ignore[arg-type] # one of Textual's words
            timeout=_LASTING,
            markup=False,
        )

    def digest(self) -> None:
        """Tell what happened since the last look."""
        context = self._app.context
        if context.digest is None:
            forgetful = self._app.means.memory is None
            known = "This console keeps nothing in mind, so it is not known." if forgetful else context.unread
            self._app.say("Since you last looked", content(known or "Nothing happened since you last looked here."))
            return
        self._app.push_screen(LookbackDialog(context.digest, context.model, context.door, self._events_there))

    def _events_there(self) -> None:
        self._work(self._go_to_events(), "events")

    async def _go_to_events(self) -> None:
        app, told = self._app, self._app.context.digest
        from ipv6console.console.screens.events import EventsScreen  # noqa: PLC0415 - a screen is loaded when it is opened

        await app.switch_mode(app.context.mode("events"))
        page = app.page
        if told is not None and isinstance(page, EventsScreen):
            page.jump_to(told.since_at)

    def _table(self) -> TablePane | None:
        return self._app.page.filter_pane()

    def _stem(self, *words: str) -> str:
        now = datetime.fromtimestamp(self._app.model.now or datetime.now().astimezone().timestamp()).astimezone()
        return export.stem(self._app.context.host, *words, at=now)

    async def export(self) -> None:
        """Write the focused table into a file."""
        app, pane = self._app, self._table()
        if pane is None:
            self._warn("Export", "There is no table on this screen.")
            return
        if not len(pane.grid.rows):
            self._warn("Export", "The table shows nothing that could be written.")
            return
        number = figure.many(len(pane.grid.rows), "row", "rows")
        question = content(
            f"{pane.topic}: {number}, with every column, as the filter leaves them. A new file is made; Esc makes none."
        )
        outside = pane.outside(app.view).as_json()
        answers = [
            Answer("csv", "CSV, for spreadsheets", outside), Answer("json", "JSON, for programs", outside)
        ]  # fmt: skip
        answer = await app.push_screen_wait(Choice(f"Export {pane.topic}", question, answers, cancel=None))
        if answer is None:
            return
        form, told = export.Form(answer), await pane.exported()
        data = (await asyncio.to_thread(export.written, told, form)).encode()
        path = await self._written("Export", self._stem(pane.topic.lower()), form.value, data)
        if path is not None:
            app.say("Exported", content(f"{figure.many(len(told.rows), 'row', 'rows')} in {path}"))

    async def _written(self, heading: str, name: str, ending: str, data: bytes) -> Path | None:
        """Write a new file into the first folder that takes it; say so when none does."""
        problems = []
        for folder in self._app.means.folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                return await asyncio.to_thread(export.write_new, folder, name, ending, data)
            except OSError as error:
                problems.append(f"{folder}: {error.strerror or error}")
        told = "; ".join(problems) or "there is no folder to write to"
        self._warn(heading, f"Nothing was written. {told}. Start the console in a folder you may write to.")
        return None

    async def select(self) -> None:
        """Show the focused pane as bare text; of a long table the beginning, as the rest is for a file."""
        app, pane = self._app, self._app.page.focused_pane
        lines: list[str] = []
        if isinstance(pane, TablePane) and len(pane.grid.rows):
            lines = export.aligned(await pane.exported(SELECTED), app.size.width - 1)
            more = len(pane.grid.rows) - SELECTED
            if more > 0:
                lines.append(keyed(f"and {figure.count(more)} more: {{export}} writes all of them into a file"))
        elif pane is not None:
            subject = pane.subject(app.view)
            lines = (
                [f"{label}: {value}" if label else f"  {value}".rstrip() for label, value in subject[1]]
                if subject
                else []
            )
        if not lines:
            self._warn("Select text", "There is nothing here to select.")
            return
        outside = lookup.state(app.door) if pane is None else pane.outside(app.view)
        app.push_screen(BareText("\n".join(lines), outside))

    def bundle(self) -> None:
        """Make an incident bundle."""
        if self._bundling:
            self._warn("Incident bundle", "It is being made. Its path is told when it is done.")
            return
        self._bundling = True
        app = self._app
        seen = portrait(app, "as-seen", f"{app.context.host} as seen")
        app.say("Incident bundle", content("It is being made; the doctor may take some seconds."))
        self._work(self._bundle(app.context, seen), "bundle")

    async def _bundle(self, context: Context, seen: Portrait) -> None:
        app = self._app
        try:
            second = type(app)(
                still(context.source, context.model), label=context.label, target=context.target, read_only=True,
                look=app.dress.look, zone=app.zone, clock=app.clock, minds_signals=False,
            )  # fmt: skip
            made_at = app.moment(context.model.now) if context.model.now else "before the engine answered"
            size = (app.size.width, app.size.height)
            found = await evidence(context, second, size, made_at=made_at, seen=[seen], config=app.means.config)
            secrets = tuple(secret for one in app.contexts for secret in one.secrets)
            told = await asyncio.to_thread(bundle.files, found, secrets)
            name = self._stem("incident")
            data = await asyncio.to_thread(bundle.archive, told, name, context.model.now)
            path = await self._written("Incident bundle", name, "tar.gz", data)
        finally:
            self._bundling = False
        if path is not None:
            left_out = f" Not in it: {', '.join(found.missing)}; README.txt says why." if found.missing else ""
            weight = figure.many(max(1, round(len(data) / 1_000)), "kB", "kB")
            app.notify(
                f"{path}\n{len(told)} files, {weight}, secrets masked.{left_out} Look through it before you send it.\n"
                f"as CLI: {context.door.cli('bundle')}",
                title="Incident bundle",
                timeout=_LASTING,
                markup=False,
            )

    def notify_test(self) -> None:
        """Try every webhook and command that is told of faults."""
        if self._testing:
            self._warn("Test notify", "It is being tried. How each took it is told when the last one has.")
            return
        self._testing = True
        self._app.say("Test notify", content("All of them are told; one that hangs takes as long as its time-out."))
        self._work(self._notify_test(self._app.context), "notify")

    async def _notify_test(self, context: Context) -> None:
        app = self._app
        try:
            tested = await context.source.notify_test()
        except Refused as refusal:
            told, well = f"✖ {refusal.detail}\n{refusal.next}", False
        else:
            well = tested.success
            told = "\n".join(
                f"{'●' if one.success else '✖'} {one.name}: {one.text}" + (f"\n  {one.next}" if one.next else "")
                for one in tested.results
            )
        finally:
            self._testing = False
        app.notify(
            f"{told}\nas CLI: {call.notify_test(context.door).cli}",
            title=f"Test notify at {context.host}",
            severity="information" if well else "error",
            timeout=_LASTING,
            markup=False,
        )


def _unread(state: State, seen: Seen | None) -> str | None:
    """Return why nothing can be said of what happened since the last look, None when something can."""
    if seen is None:
        return "This is the first time you look at this engine."
    if seen.event > state.engine.last_event:
        return "The engine has begun a new log since. Events has all of it."
    return None
