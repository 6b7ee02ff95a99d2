"""The report on edits that were brought from another session, and the person who looks them over."""

import re
from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.wording import count
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.sessions.replay_report import BroughtEdit, ReplayReport, read_report, write_report
from napari_emcad.proofreading.replay.outcomes import OUTCOMES, Outcome
from napari_emcad.widgets.kit.signals import Signal

LISTED: tuple[Outcome, ...] = ("conflict", "lost", "applied", "right")
"""Outcomes in the order in which they are listed: what a person has to look at comes first."""

KIND_WORDS = {
    "group": "merge",
    "fix": "safe fixes",
    "segment_threshold": "grow",
    "lock": "done",
    "unlock": "not done",
    "decide": "review",
    "note": "to do",
}
"""Kinds of edits as the history calls them; the others are called as they are."""


@dataclass(frozen=True)
class ReportLine:
    """One edit of the report as it is listed.

    Attributes
    ----------
    place : int
        Its index among the edits of the report.
    edit : BroughtEdit
    words : str
        Two lines: what and where, and why.
    """

    place: int
    edit: BroughtEdit
    words: str


class ReplayReview:
    """The report of the session that is on, edits to look at first; ticks are kept in the session's folder.

    Attributes
    ----------
    report : ReplayReport or None
    shows_all : bool
        True if edits that need no look are listed, too.
    why_not : str
        The reason why the report cannot be changed; empty if it can.
    question : str
        Asked before edits that are open are dismissed; empty otherwise.

    Signals
    -------
    changed
        Another report, or other lines of it, are to be shown.
    failed : UserError
        The report cannot be read or written.
    """

    changed = Signal()
    failed = Signal(UserError)

    def __init__(self) -> None:
        self.report: ReplayReport | None = None
        self.shows_all = False
        self.why_not = self.question = ""
        self._folder, self._start = Path(), (0, 0, 0)

    def open(self, opened: OpenSession) -> None:
        """Show the report of a session; nothing if it has none, or if it was dismissed."""
        self._folder, self.why_not = opened.folder, opened.why_read_only
        self._start = opened.facts.box_of(opened.session.state.base.fragments.shape).start
        self.report, self.question = None, ""
        try:
            self.report = read_report(opened.folder)
        except UserError as error:
            self.failed.emit(error)
        self.changed.emit()

    @property
    def shown(self) -> ReplayReport | None:
        """The report if there is something in it to show, else None."""
        report = self.report
        return report if report is not None and not report.is_dismissed and (report.edits or report.damage) else None

    @property
    def title(self) -> str:
        """The session that the edits came from, and the number of each outcome."""
        if self.shown is None:
            return ""
        return f"{'Merged' if self.shown.merged else 'From'} {self.shown.names}: {self.shown.line()}"

    @property
    def facts(self) -> str:
        """The number of edits that wait for a look, and the damage of the log that they came from."""
        if self.shown is None:
            return ""
        waiting, ticked = len(self.shown.open), sum(edit.is_ticked for edit in self.shown.edits)
        look = f"{count(waiting, 'edit')} to look at, {ticked} ticked off: click one to go there." if waiting else ""
        done = "All that needed a look is ticked off." if ticked and not waiting else ""
        return "\n".join(filter(None, (look or done, self.shown.damage)))

    @property
    def lines(self) -> list[ReportLine]:
        """The edits that are listed, in their order."""
        report = self.shown
        if report is None:
            return []
        order = sorted(enumerate(report.edits), key=lambda one: LISTED.index(one[1].outcome))
        listed = [(place, edit) for place, edit in order if edit.needs_a_look or self.shows_all]
        of_one = "" if report.merged else report.session
        return [
            ReportLine(place, edit, brought_edit_text(edit, self._start, edit.session == of_one))
            for place, edit in listed
        ]

    def show_all(self, shows_all: bool) -> None:
        """List all edits, or only those that need a look."""
        self.shows_all = shows_all
        self.changed.emit()

    def tick(self, place: int, is_ticked: bool) -> bool:
        """Tick an edit off, or take the tick off. Return False if that could not be written; nothing changes then."""
        return self.report is not None and self._keep(self.report.ticked(place, is_ticked))

    def dismiss(self) -> None:
        """Show this report no more; ask first while edits are open."""
        if self.report is None:
            return
        if waiting := len(self.report.open):
            verb = "is" if waiting == 1 else "are"
            self.question = f"{count(waiting, 'edit')} {verb} not ticked off; dismiss the report?"
            self.changed.emit()
        else:
            self.confirm()

    def confirm(self) -> None:
        """Show this report no more, whatever is open."""
        self.question = ""
        if self.report is not None:
            self._keep(self.report.dismissed())
        self.changed.emit()

    def drop(self) -> None:
        """Leave the question unanswered."""
        self.question = ""
        self.changed.emit()

    def _keep(self, report: ReplayReport) -> bool:
        """Write a report. Return False if it could not be written; nothing changes then."""
        try:
            write_report(self._folder, report)
        except UserError as error:
            self.failed.emit(error)
            return False
        self.report = report
        return True


def brought_edit_text(edit: BroughtEdit, start: Voxel = (0, 0, 0), is_here: bool = True) -> str:
    """Return an edit in two lines: kind, place in the stack and outcome; and the reason.

    Parameters
    ----------
    edit : BroughtEdit
    start : (z, y, x)
        The first voxel of the session's box, in the stack.
    is_here : bool
        False if it comes from an earlier report, whose session is named then.
    """
    place = f" at {_place_text(edit.voxel, start)}" if edit.voxel else ""
    origin = "" if is_here else f" ({', '.join(filter(None, (edit.user, Path(edit.session).name)))})"
    why = re.sub(r"^[a-z]+: ", "", edit.why)  # the kind stands there already
    why = re.sub(r"\((\d+), (\d+), (\d+)\)", lambda found: _place_text(triple(map(int, found.groups())), start), why)
    against = f" Edit {edit.against} here says otherwise." if edit.against else ""
    first = f"{KIND_WORDS.get(edit.kind, edit.kind)}{place}: {OUTCOMES[edit.outcome]}{origin}"
    return f"{first}\n{why[:1].upper()}{why[1:]}{against}".strip()


def _place_text(voxel: Voxel, start: Voxel) -> str:
    """Return a voxel of the session as one of the stack."""
    return ", ".join(str(v + a) for v, a in zip(voxel, start, strict=True))
