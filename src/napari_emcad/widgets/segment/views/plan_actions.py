"""Two quiet actions under the list of sections: save the plan, and open one."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QToolButton, QWidget

from napari_emcad.widgets.desk.section_plan_files import SectionPlanFiles
from napari_emcad.widgets.kit.forms import enable

FILES = "Plans (*.json);;All files (*)"

_STYLE = "QToolButton { border: 0; padding: 2px; text-decoration: underline; }"


class PlanActions(QWidget):
    """The actions; the desk writes and reads."""

    def __init__(self, files: SectionPlanFiles, parent: QWidget | None = None):
        super().__init__(parent)
        self._files = files
        self.save_button, self.open_button = _action("Save plan…"), _action("Open plan…")
        self.open_button.setToolTip("Use the plan of a file for this stack instead of what is chosen here.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.save_button)
        row.addWidget(self.open_button)
        row.addStretch(1)
        self.save_button.clicked.connect(self._on_save)
        self.open_button.clicked.connect(self._on_open)

    def update_actions(self) -> None:
        """Bring the actions up to date."""
        tip = "Write what is done with each section into a file, for the command line or another day."
        enable(self.save_button, self._files.why_not_save, tip)

    def _on_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save plan", self._files.proposed_name, FILES)
        if chosen:
            self._files.save(Path(chosen))

    def _on_open(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open plan", "", FILES)
        if chosen:
            self._files.open(Path(chosen))


def _action(words: str) -> QToolButton:
    button = QToolButton()
    button.setText(words)
    button.setAutoRaise(True)
    button.setStyleSheet(_STYLE)
    return button
