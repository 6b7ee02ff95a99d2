"""The dock: one column from a stack to exported neurons, over one desk."""

from contextlib import ExitStack
from pathlib import Path

import napari
from qtpy.QtCore import QEvent, QPoint, QSize, Qt, QTimer
from qtpy.QtGui import QCloseEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QFrame, QMessageBox, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.at_work import AtWork
from napari_emcad.widgets.blocks.panel import BlocksPanel
from napari_emcad.widgets.choices.stack import StackChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.evaluate.panel import EvaluatePanel
from napari_emcad.widgets.export.panel import ExportPanel
from napari_emcad.widgets.finetune.panel import FineTunePanel
from napari_emcad.widgets.kit.defect_log import DefectLog
from napari_emcad.widgets.kit.forms import LIT_STYLE, light
from napari_emcad.widgets.kit.own_context import OwnContext
from napari_emcad.widgets.kit.plain_text import plain
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.widgets.kit.remembered_place import defects_file, remembered_file
from napari_emcad.widgets.kit.section import Section
from napari_emcad.widgets.kit.threads import QtLoop
from napari_emcad.widgets.kit.uncaught import Uncaught
from napari_emcad.widgets.kit.window_watch import WindowWatch
from napari_emcad.widgets.layer_opener import LayerOpener
from napari_emcad.widgets.message_line import MessageLine
from napari_emcad.widgets.next_step import DockStep, NextStep
from napari_emcad.widgets.panes_row import PanesRow
from napari_emcad.widgets.proofread.label_offer import LabelOffer
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.panel import ProofreadPanel
from napari_emcad.widgets.proofread.segment_again import SegmentAgain
from napari_emcad.widgets.proofread.session_offer import SessionOffer
from napari_emcad.widgets.proofread.views.offer_row import OfferRow
from napari_emcad.widgets.proofread.views.session_row import SessionRow
from napari_emcad.widgets.segment.panel import SegmentPanel
from napari_emcad.widgets.segment.views.section_report import SectionReportView
from napari_emcad.widgets.work_rows import WorkRows

WIDTH = 380
"""Pixels that the dock needs at least."""

LOW = 1000
"""Pixels of a window's height below which the tools of proofreading are compact, and the other sections folded."""

FIRST_LOOK = 300
"""Milliseconds after the dock is shown until torch is imported in a thread."""


class EMCADDock(QWidget):
    """The plugin's dock; it lives and dies with its viewer and shares nothing with other docks."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None):
        super().__init__(parent)
        # napari hands plugins a proxy that wraps every layer anew at each access: no two of them are identical
        self._viewer = viewer = getattr(viewer, "__wrapped__", viewer)
        self._watch = WindowWatch(self, self.release, self._may_close)
        self._own_context = OwnContext(viewer.layers, viewer.window._qt_viewer.canvas.native)
        self._looked = False
        self._released = False
        self._loop = QtLoop(self, self._tell)
        self.desk = desk = Desk(viewer, self._loop, Remembered(remembered_file()))
        desk.message.defects = DefectLog(defects_file())
        self._uncaught = Uncaught(self._tell)
        self.stack, self.message_line = StackChoice(desk.stack), MessageLine(desk.message)
        self.section_report = SectionReportView(desk.inspection, desk.settings, desk.section_plan_files)
        self.segment, self.blocks, self.proofread = SegmentPanel(desk), BlocksPanel(desk), ProofreadPanel(desk)
        self.finetune, self.export, self.evaluate = FineTunePanel(desk), ExportPanel(desk), EvaluatePanel(desk)
        self.panes = PanesRow(viewer, desk, self.proofread)
        bring = self.proofread.proofreader.bring
        self._label_offer = LabelOffer(desk, self.proofread.proofreader.from_labels)
        self.offer = OfferRow(self._label_offer)
        self.opener, self._again = LayerOpener(desk), SegmentAgain(desk, bring)
        self.at_work = AtWork(desk, self.blocks.session, self.finetune.fine_tuning)
        self.session_offer = SessionOffer(desk)
        self.session_row = SessionRow(self.session_offer)
        self.work, self.next_step = (
            WorkRows(self.at_work),
            NextStep(desk, self.session_offer, self._label_offer, self.blocks.session),
        )
        self.sections = {
            "segment": Section("1  Segment", self.segment),
            "blocks": Section("By blocks, for large stacks", self.blocks, is_open=False),
            "proofread": Section("2  Proofread", self.proofread, is_open=False),
            "finetune": Section("3  Fine-tune", self.finetune, is_open=False),
            "export": Section("4  Export", self.export, is_open=False),
            "evaluate": Section("Evaluate", self.evaluate, is_open=False),
        }
        self._lay_out()
        self._connect()

    def sizeHint(self) -> QSize:
        """Return the size that the dock has at first."""
        return QSize(WIDTH, 640)

    @property
    def is_released(self) -> bool:
        """True once the dock or its window has been closed."""
        return self._released

    def reset_choices(self, _event: object = None) -> None:
        """Do nothing: napari calls this when layers change, which the desk hears by itself."""

    def segment_again(self, model: Path) -> None:
        """Segment what is on screen with a model; edits are made again, in a session beside the one that has them."""
        self._again.start(model)

    def open_session(self, folder: Path) -> None:
        """Open a session that a run by blocks has made."""
        if self.desk.jobs.running:
            self.desk.message.error(UserError("session: a job is running; stop it first, then open the session."))
            return
        self.sections["proofread"].open()
        self.desk.sessions.open(folder)

    def release(self) -> None:
        """Stop all jobs, wait for them, and let go of viewer and layers."""
        if self._released:
            return
        self._released = True
        with ExitStack() as last_first:  # all of it, whatever of it fails
            ends = (self._loop.close, self._watch.stop, self._own_context.close, self._uncaught.close, self.desk.close)
            for close in ends:
                last_first.callback(close)
            last_first.callback(self.section_report.close_view)
            last_first.callback(self.panes.close_panes)
            last_first.callback(self.session_offer.close)
            for panel in (self.export, self.proofread, self.finetune, self.blocks, self.segment):
                last_first.callback(panel.close_panel)
            last_first.callback(self.desk.jobs.close)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look for the window, and import torch a moment later."""
        super().showEvent(event)
        self._watch.look()
        if not self._looked:
            self._looked = True
            QTimer.singleShot(FIRST_LOOK, self._prepare)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the neuron list in view in a low window."""
        super().resizeEvent(event)
        self.proofread.body.set_compact(self.is_low)

    @property
    def is_low(self) -> bool:
        """True if the window is so low that tools and neuron list fit into it only by themselves."""
        window = self.window()
        return window is not None and window.height() < LOW

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Let go of everything."""
        self.release()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:
        """Let go of everything when the dock is taken out of its window: napari does not close it then."""
        super().changeEvent(event)
        self._watch.follow(event)

    def _lay_out(self) -> None:
        column_widget = QWidget()
        column = QVBoxLayout(column_widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stack)
        column.addWidget(self.panes)
        column.addWidget(self.section_report)
        column.addWidget(self.session_row)
        column.addWidget(self.offer)
        for section in self.sections.values():
            column.addWidget(section)
        column.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(column_widget)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(4, 4, 4, 4)
        rows.addWidget(scroll, 1)
        rows.addWidget(self.work)
        rows.addWidget(self.message_line)
        self.setMinimumWidth(WIDTH)
        self.setStyleSheet(LIT_STYLE)

    def _connect(self) -> None:
        desk = self.desk
        self.proofread.body.wanted.connect(lambda part: self._bring("proofread", part))
        self.stack.sample_wanted.connect(self.opener.open_sample)
        self.stack.url_wanted.connect(self.opener.open_url)
        self.next_step.changed.connect(self._on_step)
        self._on_step()
        self._label_offer.taken.connect(lambda: self._bring("proofread", self.proofread.labels_row))
        desk.sessions.began.connect(self._on_session)
        desk.runs.too_large.connect(self.sections["blocks"].open)
        self.blocks.session.open_wanted.connect(self.open_session)
        report = self.proofread.body.replay
        self.proofread.proofreader.bring.brought.connect(lambda: self._bring("proofread", report))
        self.finetune.segment_again.connect(self.segment_again)
        self.finetune.attention.connect(lambda: self._bring("finetune", self.finetune.decision))

    def _prepare(self) -> None:
        if not self._released:
            self.desk.prepare()
            self.finetune.prepare()

    def _tell(self, error: Exception) -> None:
        """Say what a callback raised."""
        if not self._released:
            self.desk.message.error(error)

    @property
    def _buttons(self) -> dict[DockStep, QPushButton]:
        """The button of each step."""
        is_on = self.desk.sessions.current is not None
        begin = self.proofread.body.modes[Mode.REVIEW] if is_on else self.proofread.start_button
        return {
            DockStep.OPEN: self.stack.sample,
            DockStep.GO_ON: self.session_row.button,
            DockStep.LABELS: self.offer.button,
            DockStep.TRY: self.segment.try_button,
            DockStep.RUN: self.segment.run_button,
            DockStep.BLOCKS: self.blocks.button,
            DockStep.PROOFREAD: begin,
            DockStep.EXPORT: self.export.save_button,
        }

    def _on_step(self) -> None:
        """Light the step that comes next, and nothing else; what begins there is brought into view."""
        if self._released:
            return
        step = self.next_step.step
        for button in (*self._buttons.values(), self.proofread.body.modes[Mode.REVIEW], self.proofread.start_button):
            light(button, False)
        for name, section in self.sections.items():
            section.light(step is not None and step.section == name)
        if step is None:
            return
        light(self._buttons[step], True)
        begins = DockStep.PROOFREAD if self.desk.neurites.current is None else DockStep.EXPORT
        if step is begins and self.desk.sessions.current is None:
            self._bring(step.section, self._buttons[step])

    def _on_session(self) -> None:
        if self.is_low:
            for name in set(self.sections) - {"proofread"}:
                self.sections[name].fold()
        section, button = self.sections["proofread"], self.proofread.body.find_button
        self._bring("proofread", button if self.desk.sessions.lacks_stack else section, at_top=self.is_low)

    def _bring(self, section: str, widget: QWidget, at_top: bool = False) -> None:
        """Bring a part of a section into view, once the layout knows where it lies."""
        self.sections[section].open()
        QTimer.singleShot(0, lambda: self._show(widget, at_top))

    def _show(self, widget: QWidget, at_top: bool) -> None:
        if self._released:
            return
        column, bar = self._scroll.widget(), self._scroll.verticalScrollBar()
        if column is not None and (layout := column.layout()) is not None:
            layout.activate()  # sections may have been folded since it was laid out
        if at_top and column is not None and bar is not None:
            bar.setValue(widget.mapTo(column, QPoint()).y())
        else:
            self._scroll.ensureWidgetVisible(widget)

    @property
    def _busy_words(self) -> str:
        """The job that is running, and how far it is; empty if there is none."""
        if (work := self.at_work.work("desk")) is not None:
            return work.words
        if self.blocks.session.is_running:
            return f"By blocks, which are kept: {self.blocks.session.words}"
        return f"Fine-tuning: {self.finetune.progress.words}" if self.finetune.running else ""

    def _may_close(self, event: QEvent) -> bool:
        """Ask whether to stop a running job when a person closes the window."""
        if not (self._busy_words and event.spontaneous()):
            return True
        question = plain(f"{self._busy_words}. Stop it and close the window?")
        return QMessageBox.question(self, "A job is running", question) == QMessageBox.StandardButton.Yes
