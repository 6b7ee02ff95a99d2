"""The panel Segment: choices, Try and Run, and the threshold over the neurons that a run gives."""

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.choices.device import DeviceChoice
from napari_emcad.widgets.choices.model import ModelChoice
from napari_emcad.widgets.choices.region import RegionChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.forms import enable, form, text
from napari_emcad.widgets.kit.section import Section
from napari_emcad.widgets.segment.settings_form import SettingsForm
from napari_emcad.widgets.segment.threshold import ThresholdBar
from napari_emcad.workers.estimates import is_teacher

WARNING_STYLE = "color: #d07a10"


class SegmentPanel(QWidget):
    """The rows from a stack to neurons; the desk does the work."""

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self._desk = desk
        self.model, self.region = ModelChoice(desk.model), RegionChoice(desk.region)
        self.device, self.threshold = DeviceChoice(desk.device), ThresholdBar(desk.threshold)
        self.settings_form = SettingsForm(desk.settings)
        self.try_button, self.run_button = QPushButton("Try on this section"), QPushButton("Run")
        self.warning, self._estimate = text(), text()
        self.warning.setStyleSheet(WARNING_STYLE)
        self._lay_out()
        self._connect()
        self._on_model()
        self._on_warning()

    def _lay_out(self) -> None:
        rows_widget = QWidget()
        rows = form(rows_widget, margin=0)
        rows.add("Model", self.model)
        rows.add("Region", self.region)
        rows.add("Device", self.device)
        rows.add("Takes", self._estimate)
        buttons = QHBoxLayout()
        for button in (self.try_button, self.run_button):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            buttons.addWidget(button)
        threshold_widget = QWidget()
        threshold = form(threshold_widget, margin=0)
        threshold.add("Threshold", self.threshold)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(rows_widget)
        column.addWidget(self.warning)
        column.addLayout(buttons)
        column.addWidget(threshold_widget)
        column.addWidget(Section("Advanced", self.settings_form, is_open=False))

    def _connect(self) -> None:
        desk = self._desk
        self.try_button.clicked.connect(desk.runs.try_section)
        self.run_button.clicked.connect(self._on_run)
        desk.model.changed.connect(self._on_model)
        desk.first_look.changed.connect(self._on_warning)
        changes = (desk.stack.changed, desk.region.changed, desk.device.changed, desk.settings.fragments_changed)
        for signal in (*changes, desk.jobs.running_changed, desk.runs.changed):
            signal.connect(self._update)

    def _on_run(self) -> None:
        self._desk.runs.stop() if self._desk.jobs.running else self._desk.runs.run()

    def _on_model(self) -> None:
        self.settings_form.follow(self._desk.model.card)
        self._update()

    def _on_warning(self) -> None:
        warning = self._desk.first_look.warning
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))

    def _update(self) -> None:
        """Bring buttons and estimate up to date."""
        running, why_not = self._desk.jobs.running, self._desk.choices.why_not
        enable(self.try_button, "A job is running." if running else why_not, self._trial_words())
        self.run_button.setText("Stop" if running else "Run")
        stopping = "Stopping: it ends with the tile under way." if self._desk.jobs.stopping else ""
        tip = "Stops within one tile; what is done stays." if running else "Segment the region."
        enable(self.run_button, stopping if running else why_not, tip)
        self._estimate.setText(self._estimate_text())

    def _trial_words(self) -> str:
        if is_teacher(self._desk.model.card):
            return "The section on screen only; a teacher goes through the sections around it, too."
        return "The section on screen only: seconds."

    def _estimate_text(self) -> str:
        desk = self._desk
        if desk.stack.why_not:
            unusable = "This layer cannot be segmented."
            return unusable if desk.stack.why_unusable else "Open a stack to see time and memory."
        if desk.device.device is None:
            return "Looking at the devices ..."
        try:
            estimate = desk.choices.estimate(desk.region.box())
        except UserError:
            return "Draw a box to see time and memory."
        return f"{estimate.text()} of memory" if estimate else ""
