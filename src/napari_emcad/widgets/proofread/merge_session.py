"""Another session of the same fragments, merged with the one that is on into a new one; and what waits in it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.io.sessions.merge import check_merge, merge_line, merge_sessions
from napari_emcad.io.sessions.replay_report import BroughtEdit, read_report
from napari_emcad.proofreading.merging.decide import make_waiting
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.opening import Opened, open_job
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.session_place import next_session_folder
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.attempts import Attempts


@dataclass(frozen=True)
class _Order:
    """A merge under way: of the session that is on, with so many rows, and another one."""

    at: Proofreading
    rows: int
    new: Path


def merge_job(folders: list[Path], new: Path) -> Job[Opened]:
    """Merge sessions into a new one; gives that, open."""
    yield Progress("reading the sessions", 0, 1)
    yield from merge_sessions(folders, new)
    return (yield from open_job(new))


class MergeSession:
    """Merges a session with the one that is on, which stays on until the new one takes its place.

    Attributes
    ----------
    is_running : bool

    Signals
    -------
    changed
        A job has begun or ended.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._message = desk, desk.message
        self.is_running = False

    def merge(self, other: Path) -> None:
        """Merge the session in a folder with the one that is on."""
        at = self._desk.sessions.current
        try:
            if at is None or self._desk.jobs.running:
                raise UserError("merge: a session that is on is needed, and no job; start proofreading first.")
            new = next_session_folder(at.opened.folder, at.result.source)
            check_merge([at.opened.folder, other], new)
        except UserError as error:
            self._message.error(error)
            return
        order = _Order(at, len(at.session.log.rows), new)
        self._set_running(True)
        self._message.say(f"Merging {other.name} with {at.opened.folder.name} into {new.name}.")
        self._desk.jobs.start(merge_job([at.opened.folder, other], new), partial(self._on_ended, order))

    def _set_running(self, is_running: bool) -> None:
        self.is_running = is_running
        self.changed.emit()

    def _on_ended(self, order: _Order, ended: Ended) -> None:
        self._set_running(False)
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is None:
            self._message.result("Stopped: nothing was merged, both sessions are as they were.")
        elif self._desk.sessions.current is not order.at:
            ended.result.close()
            self._message.result(f"{order.new.name} is ready: open it to go on with it.")
        else:
            self._show(order, ended.result)

    def _show(self, order: _Order, opened: Opened) -> None:
        """Show the new session in the place of the one that was on."""
        late = len(order.at.session.log.rows) - order.rows
        self._desk.sessions.end()
        if self._desk.sessions.attach(order.at.result, *opened.take()):
            report = read_report(order.new)
            words = merge_line(report, "Click them in the list below") if report else ""
            words += f" {late} edits made meanwhile are not in it: merge again." if late else ""
            self._message.result(words)


def take_waiting(at: Proofreading, attempts: Attempts, edit: BroughtEdit) -> bool:
    """Make an edit that waits. Return True if it was made."""
    origin = (Path(edit.session).name, edit.seq)
    return attempts.edit(lambda: make_waiting(at.session, edit.kind, edit.wanted, edit.asked, origin))


def drop_both(at: Proofreading, attempts: Attempts, edit: BroughtEdit) -> bool:
    """Undo what an edit that waits contradicts. Return True if that is not in force any more."""
    if edit.against and at.session.is_in_force(edit.against):
        attempts.edit(lambda: at.session.undo(edit.against))
    return not edit.against or not at.session.is_in_force(edit.against)
