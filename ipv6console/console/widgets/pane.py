"""A pane: a framed part of a screen with a title, the source and age of what it shows, and a truthful body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Static

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call, Door
from ipv6console.console.layout import sheet
from ipv6console.console.model import Condition, Model
from ipv6console.console.source import Source
from ipv6console.console.tone import Span, Tone, content
from ipv6console.wire.status import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What panes draw from and ask: the model, whether tables are frozen or of the past, and the engine it is about.

    `compact` is the narrow layout, `wide` the wide one. `wall` tells a time in unix seconds as time of day, `moment`
    as date and time of day; `source` and `door` are where to ask for more, and how to name that place outside.
    """

    model: Model
    paused: bool
    compact: bool
    wide: bool
    wall: Callable[[float], str]
    moment: Callable[[float], str]
    source: Source
    door: Door
    past: bool = False

    def age(self, stamp: Stamp) -> str:
        """Return how old something is, counted from the moment that is shown."""
        told = figure.fresh_age(self.model.age_of(stamp.at))
        if not self.past:
            return told
        return "then" if told == "now" else f"{told} before"


class Pane(Vertical):
    """The frame. Subclasses draw in `redraw` and say what they are in `topic` and `guide`.

    A method `act_NAME`, plain or async, of the focused pane or its page does the action NAME of the registry there;
    what is done everywhere is in `act.Acts`.
    """

    topic: ClassVar[str] = ""
    guide: ClassVar[str] = ""
    scopes: ClassVar[frozenset[Scope]] = frozenset()
    """Whose actions make sense while the focus is here."""
    drains: ClassVar[bool] = False
    """Whether its rows can be drained."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes="pane")
        self._titles = Content(), Content()
        self._basis: tuple[object, ...] = ()

    def draw(self, view: View) -> None:
        """Show what `view` holds, if it is not what was drawn last."""
        model = view.model
        silence = 0 if model.condition is Condition.LIVE else int(model.silence)
        basis = (
            id(model), int(model.now), model.condition, silence, model.loss, view.paused, view.compact, view.wide,
            self.size, *self.basis(view),
        )  # fmt: skip
        if basis != self._basis:
            self._basis = basis
            self.redraw(view)

    def forget(self) -> None:
        """Let the next `draw` draw in any case."""
        self._basis = ()

    def basis(self, view: View) -> tuple[object, ...]:
        """Return the documents and whatever else `redraw` draws from, besides the clock; anything new draws anew.

        A pane that does not say it is drawn with every change of the document.
        """
        return (view.model.version,)

    def redraw(self, view: View) -> None:
        """Show what `view` holds."""
        raise NotImplementedError

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Return the title and the lines of the detail that Enter shows; None when there is nothing to open."""
        raise NotImplementedError

    def copied(self, view: View) -> str | None:
        """Return what `y` copies."""
        raise NotImplementedError

    def outside(self, view: View) -> Call:
        """Return the command and the request that tell outside the console what this pane shows."""
        return lookup.state(view.door)

    @property
    def target(self) -> Widget:
        """The widget inside that takes the focus."""
        raise NotImplementedError

    @property
    def title_width(self) -> int:
        """Cells the title in the frame takes."""
        return self._titles[0].cell_length

    def frame(self, view: View, heading: str, stamp: Stamp | None, *, legend: Sequence[Span] = ()) -> None:
        """Draw title and provenance, and dim the pane when what it shows is old."""
        condition = view.model.condition
        stale = condition is Condition.STALE
        self.set_class(stale, "-stale")
        match condition:
            case Condition.LIVE if stamp is not None:
                origin: Span | None = (f"{stamp.source} {view.age(stamp)}", Tone.DIM)
            case Condition.STALE:
                origin = (f"◌ stale {figure.whole_age(view.model.silence)}", Tone.WARN)
            case _:
                origin = None
        compact = (" · ", origin) if origin and view.compact else ()
        self._entitle(
            content(heading, *compact), content(*legend, origin) if origin and not view.compact else content()
        )

    def _entitle(self, top: Content, bottom: Content) -> None:
        """Write into the frame; only its own two lines are painted anew, for the ages change every second."""
        same = [old.is_same(new) for old, new in zip(self._titles, (top, bottom), strict=True)]
        if all(same):
            return
        self._titles = top, bottom
        self._border_title, self._border_subtitle = top, bottom
        gutter, width = self.gutter, self.outer_size.width
        lines = (-gutter.top, self.size.height + gutter.bottom - 1)
        self.refresh(*(Region(-gutter.left, y, width, 1) for y, kept in zip(lines, same, strict=True) if not kept))


class TextPane(Pane):
    """A pane of lines that scrolls when they are too many."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_body(1)", show=False),
        Binding("k", "scroll_body(-1)", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling body."""
        with VerticalScroll(can_focus=True):
            yield Static(classes="body")

    @property
    def target(self) -> Widget:
        """The scrolling body."""
        return self.query_one(VerticalScroll)

    @property
    def room(self) -> int:
        """The width of the body in cells."""
        return self.target.scrollable_content_region.width

    def action_scroll_body(self, lines: int) -> None:
        """Scroll by lines."""
        self.target.scroll_relative(y=lines, animate=False)

    def write(self, body: Content) -> None:
        """Show `body` if it is not what is shown."""
        static = self.query_one(".body", Static)
        shown = static.content
        if isinstance(shown, Content) and shown.is_same(body):
            return
        height = len(body.wrap(max(1, self.room)))
        static.update(body, layout=height != static.size.height)  # a layout costs more than all the drawing


def waiting(view: View, what: str) -> Content | None:
    """Return what a pane shows while there is no document: loading, no permission or an error; None when there is one."""
    model = view.model
    match model.condition:
        case Condition.LOADING:
            return content(("⟳ loading", Tone.BUSY), f" {what}\n", ("Waiting for the engine's first answer.", Tone.DIM))
        case Condition.DENIED if model.loss is not None:
            return _sorry("✖ no permission", model.loss.text, model.loss.next)
        case Condition.ERROR if model.loss is not None:
            return _sorry("✖ no connection", model.loss.text, model.loss.next)
        case _:
            return None


def _sorry(title: str, text: str, step: str) -> Content:
    return content(
        (title, Tone.FAIL),
        f"\n{text}\n",
        (f"{step}\n" if step else "", Tone.STRONG),
        ("f", Tone.KEY),
        " shows all of it",
    )


LABEL = 11


def rows(lines: Sequence[tuple[str, tuple[Span | str, ...]]], width: int) -> Content:
    """Lay out label and value lines in `width` cells."""
    return sheet([(label, content(*spans)) for label, spans in lines], width, indent=LABEL)
