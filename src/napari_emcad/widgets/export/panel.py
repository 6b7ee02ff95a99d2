"""The panel Export: the neurons or neurites on screen as labels, and what else a session holds."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.export.export_request import ALL, BOX, DONE, SELECTED, WHOLE, ExportRequest, Part, Which
from napari_emcad.widgets.export.exporter import Exporter
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, form, text
from napari_emcad.widgets.kit.plain_text import plain

TIPS: dict[Which, str] = {
    ALL: "",
    DONE: "Those ticked as done in Proofread.",
    SELECTED: "The selected label of the neurons layer; pick one with its colour picker.",
}
PART_TIP = '"box layer" takes the shape of the Shapes layer chosen under Region, drawn with "Draw".'


class ExportPanel(QWidget):
    """Shows and chooses which neurons are exported, which part of them, and in which format.

    Attributes
    ----------
    exporter : Exporter
    """

    def __init__(self, desk: Desk):
        super().__init__()
        self.exporter = Exporter(desk)
        self.format, self.part = NarrowCombo(), NarrowCombo()
        self.buttons = {which: QRadioButton(which) for which in TIPS}
        self._group, self._facts = QButtonGroup(self), text()
        self.save_button = QPushButton("Save...")
        self._lay_out()
        self._update()
        self.save_button.clicked.connect(self._on_save)
        for combo in (self.format, self.part):
            combo.currentIndexChanged.connect(self._on_choice)
        self._group.buttonToggled.connect(self._on_choice)
        self.exporter.changed.connect(self._update)

    def close_panel(self) -> None:
        """Let go of what is on screen."""
        self.exporter.close()

    def _lay_out(self) -> None:
        for part in (WHOLE, BOX):
            self.part.addItem(part, part)
        neurons = QHBoxLayout()
        for button in self.buttons.values():
            self._group.addButton(button)
            neurons.addWidget(button)
        neurons.addStretch(1)
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Format", self.format)
        rows.add("Neurons", neurons)
        rows.add("Part", self.part)
        rows.add("", self._facts)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(fields)
        column.addWidget(self.save_button)

    def _on_choice(self, *_: object) -> None:
        which = next((which for which, button in self.buttons.items() if button.isChecked()), ALL)
        part: Part = self.part.currentData()
        self.exporter.request = ExportRequest(self.format.currentText(), which, part)

    def _on_save(self) -> None:
        exporter = self.exporter
        if exporter.is_writing:
            exporter.stop()
        elif exporter.request.is_layer:
            exporter.add_layer()
        elif (path := self._ask_path()) is not None and self._may_replace(exporter.replaced_beside(path)):
            exporter.save(path)

    def _ask_path(self) -> Path | None:
        """Ask for a path, and whether a file of this name may be replaced."""
        file_format = self.exporter.file_format
        title, name = f"Save {file_format.what}", self.exporter.proposed_name
        chosen, _ = QFileDialog.getSaveFileName(self, title, name, file_format.kinds)
        return file_format.completed(Path(chosen)) if chosen else None

    def _may_replace(self, path: Path | None) -> bool:
        if path is None:
            return True
        answer = QMessageBox.question(self, "Replace?", plain(f"{path} exists already. Replace it?"))
        return answer == QMessageBox.StandardButton.Yes

    def _update(self) -> None:
        exporter, request = self.exporter, self.exporter.request
        with QSignalBlocker(self.format), QSignalBlocker(self.part), QSignalBlocker(self._group):
            self._offer(exporter.offers)
            self.format.setCurrentText(request.format)
            self.part.setCurrentText(request.part)
            self.buttons[request.which].setChecked(True)
        enable(self.part, exporter.why_no_choice, PART_TIP)
        for which, button in self.buttons.items():
            enable(button, exporter.why_not_done if which == DONE else exporter.why_no_choice, TIPS[which])
        is_writing = exporter.is_writing
        self.save_button.setText("Stop" if is_writing else "Add layer" if request.is_layer else "Save...")
        enable(self.save_button, exporter.why_not, "Stop writing." if is_writing else "Choose a file name.")
        self._facts.setText(exporter.facts)

    def _offer(self, names: list[str]) -> None:
        if [self.format.itemText(i) for i in range(self.format.count())] != names:
            self.format.clear()
            self.format.addItems(names)
