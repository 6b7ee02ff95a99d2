"""The panel Segment: choices, Try and Run, and the threshold over the neurons that a run gives."""

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.widgets.choices.device import DeviceChoice
from napari_emcad.widgets.choices.model import ModelChoice
from napari_emcad.widgets.choices.region import RegionChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.forms import WARNING_STYLE, enable, form, text
from napari_emcad.widgets.kit.section import Section
from napari_emcad.widgets.segment.given_affinities import GivenAffinities
from napari_emcad.widgets.segment.pixel_size import PixelSizeQuestion
from napari_emcad.widgets.segment.run_controls import RunControls
from napari_emcad.widgets.segment.views.given_affinities import GivenAffinitiesForm
from napari_emcad.widgets.segment.views.pixel_size import PixelSizeRow
from napari_emcad.widgets.segment.views.settings_form import SettingsForm
from napari_emcad.widgets.segment.views.threshold import ThresholdBar


class SegmentPanel(QWidget):
    """The rows from a stack to neurons; the desk does the work."""

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self._desk, self._controls = desk, RunControls(desk)
        self.model, self.region = ModelChoice(desk.model), RegionChoice(desk.region)
        self.device, self.threshold = DeviceChoice(desk.device), ThresholdBar(desk.threshold)
        self.settings_form, self.pixel_size = SettingsForm(desk.settings), PixelSizeRow(PixelSizeQuestion(desk))
        self.try_button, self.run_button = QPushButton("Try on this section"), QPushButton("Run")
        self.warning, self._estimate = text(), text()
        self.warning.setStyleSheet(WARNING_STYLE)
        self.given = GivenAffinities(desk)
        self._lay_out()
        self._connect()
        self._update()
        self._on_warning()

    def close_panel(self) -> None:
        """Give the file of affinities back."""
        self.given.close()

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
        column.addWidget(self.pixel_size)
        column.addWidget(self.warning)
        column.addLayout(buttons)
        column.addWidget(threshold_widget)
        column.addWidget(Section("Advanced", self.settings_form, is_open=False))
        self.given_section = Section("Affinities of another network", GivenAffinitiesForm(self.given), is_open=False)
        column.addWidget(self.given_section)

    def _connect(self) -> None:
        self.try_button.clicked.connect(self._controls.try_section)
        self.run_button.clicked.connect(self._controls.run_or_stop)
        self._controls.changed.connect(self._update)
        self._desk.first_look.changed.connect(self._on_warning)

    def _on_warning(self) -> None:
        warning = self._desk.first_look.warning
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))

    def _update(self) -> None:
        """Bring buttons and estimate up to date."""
        controls = self._controls
        enable(self.try_button, controls.why_not_try, controls.try_tip)
        self.run_button.setText(controls.run_words)
        enable(self.run_button, controls.why_not_run, controls.run_tip)
        self._estimate.setText(controls.estimate)
