"""The dock: one column from a stack to exported neurons."""

from pathlib import Path

import napari
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QMainWindow, QMessageBox, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import progress_text
from napari_emcad.reader import read_layers
from napari_emcad.widgets.blocks.panel import BlocksPanel
from napari_emcad.widgets.evaluate import EvaluatePanel
from napari_emcad.widgets.export.panel import ExportPanel
from napari_emcad.widgets.finetune.models import FineTuneModels
from napari_emcad.widgets.finetune.panel import FineTunePanel
from napari_emcad.widgets.finetune.sources import CropSources
from napari_emcad.widgets.kit.forms import Section
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.remembered import Remembered, default_file
from napari_emcad.widgets.kit.stack_choice import StackChoice
from napari_emcad.widgets.proofread.bring_edits import BringEdits
from napari_emcad.widgets.proofread.panel import ProofreadPanel
from napari_emcad.widgets.proofread.segment_again import SegmentAgain
from napari_emcad.widgets.segment.panel import SegmentPanel

WIDTH = 380
"""Pixels."""

FIRST_LOOK = 300
"""Milliseconds after the dock is shown until torch is imported in a thread."""


class EMCADDock(QWidget):
    """The plugin's dock; it lives and dies with its viewer and shares nothing with other docks."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None):
        super().__init__(parent)
        # napari hands plugins a proxy that wraps every layer anew at each access: no two of them are identical
        self._viewer = viewer = getattr(viewer, "__wrapped__", viewer)
        self._window: QMainWindow | None = None
        self._looked = False
        self._released = False
        self.message = MessageLine()
        self.jobs = JobRunner(self)
        self.bar = QProgressBar()
        self.stack = StackChoice(viewer)
        remembered = Remembered(default_file())
        self.segment = SegmentPanel(viewer, self.stack, self.jobs, self.message, remembered)
        self.blocks = BlocksPanel(viewer, self.stack, self.segment, self.message)
        self.proofread = ProofreadPanel(viewer, self.stack, self.segment, self.jobs, self.message)
        sources, models = CropSources(viewer, self.stack, self.proofread), FineTuneModels(remembered)
        self.finetune = FineTunePanel(viewer, sources, models, self.segment, self.message)
        made = self.segment.results, self.segment.neurites
        self.export = ExportPanel(viewer, *made, self.segment.region, self.jobs, self.message)
        self.evaluate = EvaluatePanel(viewer, self.jobs, self.message)
        self.bring = BringEdits(self.proofread, self.segment.results, self.jobs, self.message)
        self._again = SegmentAgain(viewer, self.stack, self.segment, self.bring, self.message)
        self._blocks_section = Section("By blocks, for large stacks", self.blocks, is_open=False)
        self._proofread_section = Section("2  Proofread", self.proofread, is_open=False)
        self._finetune_section = Section("3  Fine-tune", self.finetune, is_open=False)
        self._export_section = Section("4  Export", self.export, is_open=False)
        self._lay_out()
        self._connect()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 640)

    @property
    def is_released(self) -> bool:
        """Whether the dock or its window has been closed."""
        return self._released

    def reset_choices(self, _event: object = None) -> None:
        """Follow the viewer's layers."""
        if self._released:
            return
        for part in (self.stack, self.segment, self.proofread, self.finetune, self.evaluate):
            part.reset_choices()

    def open_proofread(self) -> None:
        """Unfold the section Proofread."""
        self._proofread_section.open()

    def segment_again(self, model: Path) -> None:
        """Segment what is on screen with a model; edits are made again, in a session beside that which has them."""
        self._again.start(model)

    def open_sample(self, key: str) -> None:
        """Make a sample in a thread and open it."""
        from napari_emcad import sample_data

        self.message.say("The sample is being made.")
        job = one_step(getattr(sample_data, key), stage="making the sample")
        self.jobs.start(job, self._on_opened)

    def open_url(self, url: str) -> None:
        """Open a Zarr or precomputed volume behind a URL in a thread; its voxels are read as they are looked at."""
        self.message.say("The URL is being opened.")
        self.jobs.start(one_step(read_layers, url, stage="opening the URL"), self._on_opened)

    def release(self) -> None:
        """Stop all jobs, wait for them, and let go of viewer and layers."""
        if self._released:
            return
        self._released = True
        self.jobs.close()
        self.blocks.close_panel()
        self.finetune.close_panel()
        self.proofread.close_panel()
        self.segment.close_jobs()
        events = self._viewer.layers.events
        for event in (events.inserted, events.reordered, events.renamed):
            event.disconnect(self.reset_choices)
        events.removed.disconnect(self._on_removed)
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._watch_window()
        if not self._looked:
            self._looked = True
            QTimer.singleShot(FIRST_LOOK, self._look)

    def closeEvent(self, event) -> None:
        self.release()
        super().closeEvent(event)

    def changeEvent(self, event) -> None:
        """The dock was put into a window, or taken out of it: napari does not close it then."""
        super().changeEvent(event)
        if event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is None:
            self.release()
        else:  # the parents have not found theirs yet
            QTimer.singleShot(0, self._watch_window)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The window is closed: ask, if a job is running and a person closes it, then stop the job."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            running = self.jobs.running or self.blocks.running or self.finetune.running
            if running and event.spontaneous() and not self._may_stop():
                event.ignore()
                return True
            self.release()
        return False

    def _lay_out(self) -> None:
        column_widget = QWidget()
        column = QVBoxLayout(column_widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stack)
        column.addWidget(Section("1  Segment", self.segment))
        column.addWidget(self._blocks_section)
        column.addWidget(self._proofread_section)
        column.addWidget(self._finetune_section)
        column.addWidget(self._export_section)
        column.addWidget(Section("Evaluate", self.evaluate, is_open=False))
        column.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(column_widget)
        self.bar.setVisible(False)
        all_ = QVBoxLayout(self)
        all_.setContentsMargins(4, 4, 4, 4)
        all_.addWidget(scroll, 1)
        all_.addWidget(self.bar)
        all_.addWidget(self.message)
        self.setMinimumWidth(WIDTH)

    def _connect(self) -> None:
        events = self._viewer.layers.events
        for event in (events.inserted, events.reordered, events.renamed):
            event.connect(self.reset_choices)
        events.removed.connect(self._on_removed)
        self.stack.sample_wanted.connect(self.open_sample)
        self.stack.url_wanted.connect(self.open_url)
        self.jobs.progressed.connect(self._on_progress)
        self.jobs.running_changed.connect(self._on_running)
        self.segment.neurons_changed.connect(self._on_made)
        self.segment.too_large.connect(self._blocks_section.open)
        self.blocks.open_wanted.connect(self._open_session)
        self.segment.neurites.changed.connect(self._on_made)
        self.bring.brought.connect(self._on_brought)
        self.finetune.segment_again.connect(self.segment_again)
        self.finetune.attention.connect(self._finetune_section.open)

    def _watch_window(self) -> None:
        """Hear when the window that the dock lies in is closed."""
        window = self.parent()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parent()
        if window is not None and self._window is None and not self._released:
            self._window = window
            window.installEventFilter(self)

    def _look(self) -> None:
        if not self._released:
            self.segment.prepare()
            self.finetune.prepare()

    def _on_removed(self, event) -> None:
        self.reset_choices()
        self.segment.layer_removed(event.value)
        self.finetune.layer_removed(event.value)

    def _on_progress(self, progress: Progress) -> None:
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        self.bar.setFormat(progress_text(progress))

    def _on_running(self) -> None:
        self.bar.setVisible(self.jobs.running)
        if self.jobs.stopping:
            self.bar.setFormat("stopping ...")

    def _on_made(self) -> None:
        if self.export.has_something and not self._export_section.is_open:
            self._export_section.open()

    def _on_brought(self) -> None:
        """Show the report, once the layout knows where it lies."""
        self.open_proofread()
        QTimer.singleShot(0, self._show_report)

    def _show_report(self) -> None:
        if not self._released:
            self._scroll.ensureWidgetVisible(self.proofread.body.replay)

    def _open_session(self, folder: Path) -> None:
        if self.jobs.running:
            self.message.error(UserError("session: a job is running; stop it first, then open the session."))
            return
        self.open_proofread()
        self.proofread.open(folder)

    def _on_opened(self, ended: Ended) -> None:
        if ended.result is not None:
            for data, meta, kind in ended.result:
                self._viewer.add_layer(napari.layers.Layer.create(data, meta, kind))
        else:
            self.message.error(ended.error or UserError("Nothing was opened: it was stopped."))

    def _may_stop(self) -> bool:
        if self.jobs.running:
            words = self.bar.format()
        elif self.blocks.running:
            words = f"By blocks, which are kept: {self.blocks.words}"
        else:
            words = f"Fine-tuning: {self.finetune.progress.words}"
        question = f"{words}. Stop it and close the window?"
        return QMessageBox.question(self, "A job is running", question) == QMessageBox.StandardButton.Yes
