"""The edits of another session, made again in the one that is on."""

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.progress import Job, Progress
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session
from napari_emcad.io.sessions.replay import check_replay, replay_session
from napari_emcad.widgets.desk.results import Result, Results
from napari_emcad.widgets.kit.jobs import Ended, JobRunner
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.session_place import SUFFIX
from napari_emcad.widgets.proofread.panel import ProofreadPanel, opening


@dataclass(frozen=True)
class Bringing:
    """Edits under way: from the session in the folder `old` to that in `new`, which is or will be the result's."""

    result: Result
    old: Path
    new: Path


def bringing(old: Path, new: Path) -> Job[tuple[OpenSession, FragmentBoxes]]:
    """Make the edits of a session again in another one; gives that, open, and where its fragments lie."""
    yield Progress("opening the sessions", 0, 1)
    opened = open_session(new)
    try:
        with open_session(old, to_read=True) as before:
            yield from replay_session(before, opened)
        return opened, (yield from find_boxes(opened))
    except BaseException:
        opened.close()
        raise


class BringEdits(QObject):
    """Asks for a session, makes its edits again, and shows the session they came to with the report.

    That session is closed while a thread writes to it, and opened again however the job ends.

    Signals
    -------
    brought
        The session is on, and the report is shown.
    """

    brought = Signal()

    def __init__(self, panel: ProofreadPanel, results: Results, jobs: JobRunner, message: MessageLine):
        super().__init__(panel)
        self._panel, self._results, self._jobs, self._message = panel, results, jobs, message
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("The edits made again until then stay in the new session.")
        self.stop_button.setVisible(False)
        panel.before.layout().insertWidget(0, self.stop_button)
        self.stop_button.clicked.connect(jobs.stop)
        panel.body.bring_button.clicked.connect(self._ask)

    def bring(self, old: Path) -> None:
        """Make the edits of the session in a folder again in the one that is on."""
        at = self._panel.proofreading
        try:
            if at is None or self._jobs.running:
                raise UserError("replay: a session that is on is needed, and no job; start proofreading first.")
            check_replay(old, at.opened)
        except UserError as error:
            self._message.error(error)
            return
        order = Bringing(at.result, old, at.opened.folder)
        self._panel.end()
        self.start(order, bringing(old, order.new))

    def start(self, order: Bringing, job: Job[tuple[OpenSession, FragmentBoxes]]) -> None:
        """Drive a job that gives the session in the folder `order.new`, open."""
        self.stop_button.setVisible(True)
        self._message.say(f"Making the edits of {order.old.name} again in {order.new.name}.")
        self._jobs.start(job, lambda ended: self._on_ended(order, ended))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self._panel, f"Bring the edits of a session folder, NAME{SUFFIX}")
        if chosen:
            self.bring(Path(chosen))

    def _on_ended(self, order: Bringing, ended: Ended) -> None:
        self.stop_button.setVisible(False)
        if ended.result is not None:
            self._show(order, ended, ended.result)
        elif order.new.exists():
            self._jobs.start(opening(order.new), lambda again: self._on_opened(order, ended, again))
        elif ended.error is not None:
            self._message.error(ended.error)
        else:
            self._message.result(f"Stopped: nothing was brought, {order.old.name} is as it was; bring its edits later.")

    def _on_opened(self, order: Bringing, ended: Ended, again: Ended) -> None:
        """The session is open again after a job that was stopped or failed."""
        if again.result is not None:
            self._show(order, ended, again.result)
        else:
            self._message.error(ended.error or again.error or UserError(f"Stopped: open {order.new} to go on."))

    def _show(self, order: Bringing, ended: Ended, session: tuple[OpenSession, FragmentBoxes]) -> None:
        if order.result is not self._results.current:
            session[0].close()
            self._message.error(UserError(f"The neurons are not there any more: open {order.new} to go on."))
            return
        self._panel.attach(order.result, *session)
        if ended.error is not None:
            self._message.error(ended.error)
        else:
            self._message.result(self._told(order))
        self.brought.emit()

    def _told(self, order: Bringing) -> str:
        report = self._panel.body.replay.report
        if report is None or report.session != str(order.old.absolute()):
            return f"Stopped: no edit was made again in {order.new.name}; {order.old.name} is as it was."
        if not report.total:
            return f"{order.new.name}: {order.old.name} has no edits to make again."
        return f"{order.old.name} -> {order.new.name}: {report.line()}"
