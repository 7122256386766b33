"""The lines around every screen: where one is and how old the data is, what is wrong, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from ipv6console.console import figure
from ipv6console.console.action import ACTIONS, Action, Scope
from ipv6console.console.keyring import key_name, key_of, keyed
from ipv6console.console.model import Condition, Model
from ipv6console.console.rewind import Moment
from ipv6console.console.standing import Standing, obstacle
from ipv6console.console.tab import TABS
from ipv6console.console.tone import STYLES, Span, Tone, content, verdict
from ipv6console.console.trouble import troubles
from ipv6console.wire.state import PrefixState, State
from ipv6console.wire.status import Level

_SEPARATOR: Span = (" │ ", Tone.DIM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which engine this is, and how this console stands to it.

    `number` is its digit when several are open; `past` the moment that is shown instead of now, while `live` is how the
    engine is at present; `wall` writes a time of day.
    """

    label: str
    place: str
    read_only: bool
    paused: bool
    notice: str | None
    number: int | None = None
    past: Moment | None = None
    live: Span = ("", Tone.PLAIN)
    wall: Callable[[float], str] = str


class Line(Static):
    """A line that is only redrawn when it says something else."""

    def say(self, text: Content) -> None:
        """Show `text` if it is not what is shown."""
        if not (isinstance(self.content, Content) and self.content.is_same(text)):
            self.update(text, layout=False)


def liveness(model: Model, notice: str | None) -> Span:
    """Return how fresh everything is."""
    match model.condition:
        case Condition.LIVE:
            return f"● live {figure.fresh_age(model.silence)}", Tone.OK
        case Condition.STALE:
            doing = "no answer" if model.joined else "reconnecting"
            return f"◌ stale {figure.whole_age(model.silence)}, {notice or doing}", Tone.WARN
        case Condition.LOADING:
            return notice or "⟳ connecting", Tone.BUSY
        case Condition.DENIED:
            return "✖ no permission", Tone.FAIL
        case Condition.ERROR:
            return f"✖ no connection, {notice or 'trying'}", Tone.FAIL


class TopLine(Line):
    """host · LOCAL or ATTACHED · RW or RO · role · prefix, and at the right the age of the data."""

    def redraw(self, model: Model, where: Where, width: int) -> None:
        """Show it in `width` cells; the least important parts go first."""
        state = model.state
        right = liveness(model, where.notice) if where.past is None else _not_live(where.past)
        engine = state.engine.host if state else where.place
        parts: list[tuple[int, Span]] = [
            (0, (f"{where.number}:{engine}" if where.number else engine, Tone.STRONG)),
            (1, (where.label, Tone.PLAIN)),
            (0, ("RO", Tone.WARN) if where.read_only else ("RW", Tone.PLAIN)),
            (0, ("PAUSED" if where.paused else "", Tone.WARN)),
        ]
        if state:
            prefix = model.prefix
            parts += [
                (4, ("LAB" if state.engine.lab else "", Tone.BUSY)),
                (3, (state.engine.role, Tone.PLAIN)),
                (2, (prefix.prefix, Tone.PLAIN) if prefix else (_without(state), Tone.FAIL)),
            ]
        parts = [part for part in parts if part[1][0]]
        while len(parts) > 1 and self._length(parts) + cell_len(right[0]) + 4 > width:
            parts.remove(max(parts, key=lambda part: part[0]))
        left = content(" ", *[span for _, part in parts for span in (_SEPARATOR, part)][1:])
        gap = max(1, width - left.cell_length - cell_len(right[0]) - 1)
        self.say(left + content(" " * gap, right, " "))

    @staticmethod
    def _length(parts: Sequence[tuple[int, Span]]) -> int:
        return sum(cell_len(part[1][0]) + 3 for part in parts)


class TabLine(Line):
    """The screens with their keys; the one shown stands out, in a narrow terminal only it has its name."""

    def redraw(self, mode: str, width: int, *, compact: bool) -> None:
        """Show them, `mode` being the one on the screen."""
        parts = []
        for tab in TABS:
            active = tab.mode == mode
            text = f" {tab.key} {tab.title} " if active or not compact else f" {tab.key} "
            style = "bold reverse" if active else STYLES[Tone.DIM]
            parts.append(Content.styled(text, style).stylize(f"@click=app.act('{tab.mode}')"))
        shown = Content(" ") + Content("").join(parts)
        self.say(shown.truncate(width, ellipsis=True))


def _without(state: State) -> str:
    left = next((row for row in state.prefixes if row.state is PrefixState.DRAINING), None)
    return f"no active prefix, {left.prefix} draining" if left else "no prefix"


def _not_live(past: Moment) -> Span:
    return f"◀ {figure.ago(past.ago)}, not live", Tone.WARN


def _banner(past: Moment, where: Where, width: int) -> Content:
    """Return what says without mistake that this is not now: the fullest wording that fits."""
    asked = f" ⟳ {where.wall(past.asked)}" if past.asked is not None else ""
    head = f" ◀◀ REWIND {where.wall(past.at)}, {figure.span(past.ago)} ago{asked}"
    forth = keyed(" · {rewind_forth} forward · {back} live")
    keys = keyed(" · {rewind_back} {rewind_forth} 5 s, {leap_back} {leap_forth} 1 min · {back} live")
    now = f" · now {where.live[0]}"
    for tail in (keys + now, forth + now, forth, keyed(" · {back} live")):
        if cell_len(head + tail) <= width:
            return Content(head + tail).pad_right(width - cell_len(head + tail))
    return Content(head).truncate(width, ellipsis=True, pad=True)


class VerdictLine(Line):
    """One line that says what is wrong and which key helps, or that nothing needs anybody."""

    def redraw(self, model: Model, where: Where, width: int) -> None:
        """Show the gravest trouble in `width` cells: the text is cut before the key that helps is.

        While the past is shown the line says that, and nothing else.
        """
        self.set_class(where.past is not None, "-past")
        if where.past is not None:
            for name in Level:
                self.remove_class(f"-{name}")
            self.say(_banner(where.past, where, width))
            return
        level, glyph, text, helps = self._told(model)
        for name in Level:
            self.set_class(name is level, f"-{name}")
        fitting = next((step for step in helps if len(text) + cell_len(step) + 6 <= width), helps[-1])
        tail = content(f"  {fitting} ") if fitting else content()
        shown = content(f" {glyph} ", text).truncate(max(1, width - tail.cell_length), ellipsis=True) + tail
        self.say(shown.pad_right(max(0, width - shown.cell_length)))

    def _told(self, model: Model) -> tuple[Level, str, Content, tuple[str, ...]]:
        """Return level, glyph, text, and what helps from the fullest to the shortest wording."""
        state, loss = model.state, model.loss
        if model.condition is not Condition.LIVE:
            return self._away(model)
        found = troubles(state) if state else ()
        if state is None or loss is not None or not found:
            return Level.OK, "●", content("all well, nothing needs you"), ("",)
        first = found[0]
        glyph = verdict(first.level)[0].split(" ")[0]
        key = f"{key_name(first.key)} {first.title}"
        more = keyed(f"{{troubles}} lists all {len(found)}" if len(found) > 1 else "{troubles} shows it")
        fix = f"fix: {first.fix}   {more}" if first.fix else f"{key}   {more}"
        text = content((first.subject, Tone.STRONG), f": {first.text}")
        return first.level, glyph, text, (fix, f"{key}   {more}", more)

    @staticmethod
    def _away(model: Model) -> tuple[Level, str, Content, tuple[str, ...]]:
        known, loss = model.state is not None, model.loss
        if loss is not None:
            attempt = f" (try {loss.attempt})" if loss.attempt > 1 else ""
            level, glyph = (Level.UNKNOWN, "◌") if known else (Level.FAIL, "✖")
            return level, glyph, content(f"{loss.text}{attempt}"), (loss.next, keyed("{troubles} says what helps"))
        if known:
            return Level.UNKNOWN, "◌", content("The engine is silent: what is shown is what it said last."), ("",)
        return Level.UNKNOWN, "⟳", content("waiting for the engine's first answer"), ("",)


class KeyBar(Line):
    """The keys that make sense where the focus is; what cannot be done right now is struck through."""

    def redraw(self, standing: Standing, width: int) -> None:
        """Show as many as fit, in the order of the registry."""
        items = sorted((item for item in ACTIONS if _named(item, standing)), key=_rank)
        while len(items) > 1 and sum(len(key_of(item)) + len(item.title) + 3 for item in items) > width:
            items.remove(_least(items))
        self.say(Content(" ").join([Content(""), *(self._item(item, standing) for item in items)]))

    @staticmethod
    def _item(item: Action, standing: Standing) -> Content:
        blocked = obstacle(item, standing) is not None
        key_style = "$foreground-muted strike" if blocked else STYLES[Tone.KEY]
        title_style = "$foreground-muted strike" if blocked else ""
        label = Content.assemble((key_of(item), key_style), " ", (item.title, title_style), " ")
        return label.stylize(f"@click=app.act('{item.id}')")


_ELSEWHERE = {"spawn": Scope.SPACE, "flush": Scope.SPACE, "revoke": Scope.BINDINGS}
"""What the place of the focus has nothing to do with: not named there, though its key works."""


def _named(item: Action, standing: Standing) -> bool:
    if item.footer is None or item.scope not in standing.here or _ELSEWHERE.get(item.id) in standing.here:
        return False
    return item.id != "drain" or standing.drains


def _rank(item: Action) -> int:
    return item.footer or 0


def _least(items: Sequence[Action]) -> Action:
    expendable = ("zoom", "open", "troubles", "why", "filter", "rewind_back", "drain", "cancel_step", "retry")
    named = [item for name in expendable for item in items if item.id == name]
    return named[0] if named else items[-1]
