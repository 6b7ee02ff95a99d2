"""The edits of another session, made again in the one that is on."""

from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.io.sessions.open_session import find_boxes, open_session
from napari_emcad.io.sessions.replay import check_replay, replay_session
from napari_emcad.io.sessions.replay_report import read_report
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.opening import Opened, open_job
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.signals import Signal


@dataclass(frozen=True)
class BringOrder:
    """Edits under way: from the session in the folder `old` to that in `new`, which is or will be the result's."""

    result: Result
    old: Path
    new: Path


def bring_job(old: Path, new: Path) -> Job[Opened]:
    """Make the edits of a session again in another one; gives that, open."""
    yield Progress("opening the sessions", 0, 1)
    opened = open_session(new)
    try:
        with open_session(old, to_read=True) as before:
            yield from replay_session(before, opened)
        return Opened(opened, (yield from find_boxes(opened)))
    except BaseException:
        opened.close()
        raise


class BringEdits:
    """Makes the edits of a session again, and shows the session they came to.

    That session is closed while a thread writes to it, and opened again however the job ends.

    Attributes
    ----------
    is_running : bool

    Signals
    -------
    changed
        A job has begun or ended.
    brought
        The session is on, and has a report.
    """

    changed = Signal()
    brought = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._message = desk, desk.message
        self.is_running = False

    def bring(self, old: Path) -> None:
        """Make the edits of the session in a folder again in the one that is on."""
        at = self._desk.sessions.current
        try:
            if at is None or self._desk.jobs.running:
                raise UserError("replay: a session that is on is needed, and no job; start proofreading first.")
            check_replay(old, at.opened)
        except UserError as error:
            self._message.error(error)
            return
        order = BringOrder(at.result, old, at.opened.folder)
        self._desk.sessions.end()
        self.start(order, bring_job(old, order.new))

    def start(self, order: BringOrder, job: Job[Opened]) -> None:
        """Drive a job that gives the session in the folder `order.new`, open."""
        self._set_running(True)
        self._message.say(f"Making the edits of {order.old.name} again in {order.new.name}.")
        self._desk.jobs.start(job, lambda ended: self._on_ended(order, ended))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _set_running(self, is_running: bool) -> None:
        self.is_running = is_running
        self.changed.emit()

    def _on_ended(self, order: BringOrder, ended: Ended) -> None:
        self._set_running(False)
        if ended.result is not None:
            self._show(order, ended, ended.result)
        elif order.new.exists():
            self._desk.jobs.start(open_job(order.new), lambda again: self._on_opened(order, ended, again))
        elif ended.error is not None:
            self._message.error(ended.error)
        else:
            self._message.result(f"Stopped: nothing was brought, {order.old.name} is as it was; bring its edits later.")

    def _on_opened(self, order: BringOrder, ended: Ended, again: Ended) -> None:
        """Show the session that is open again after a job that was stopped or failed."""
        if again.result is not None:
            self._show(order, ended, again.result)
        else:
            self._message.error(ended.error or again.error or UserError(f"Stopped: open {order.new} to go on."))

    def _show(self, order: BringOrder, ended: Ended, opened: Opened) -> None:
        if order.result is not self._desk.results.current:
            opened.close()
            self._message.error(UserError(f"The neurons are not there any more: open {order.new} to go on."))
            return
        if not self._desk.sessions.attach(order.result, *opened.take()):
            return
        if ended.error is not None:
            self._message.error(ended.error)
        else:
            self._say_outcome(order)
        self.brought.emit()

    def _say_outcome(self, order: BringOrder) -> None:
        try:
            report = read_report(order.new)
        except UserError as error:
            self._message.error(error)
            return
        if report is None or report.session != str(order.old.absolute()):
            words = f"Stopped: no edit was made again in {order.new.name}; {order.old.name} is as it was."
        elif not report.total:
            words = f"{order.new.name}: {order.old.name} has no edits to make again."
        else:
            words = f"{order.old.name} -> {order.new.name}: {report.line()}"
        self._message.result(words)
