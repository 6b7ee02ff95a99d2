"""The head of the dock: the stack, its level, shape and voxel size, or a sample if there is none."""

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.choices.layer import LayerChoice
from napari_emcad.widgets.desk.stack import StackPick
from napari_emcad.widgets.kit.fields import Limits, number_field
from napari_emcad.widgets.kit.forms import WARNING_STYLE, NarrowCombo, form, text

SAMPLES = {
    "small": "Small: a few seconds to make",
    "medium": "Medium: a quarter of a minute to make",
    "large": "Large: a minute or two to make",
}
"""Words for the plugin's own samples, by key."""

USUAL = VoxelSize(30, 6, 6)
"""Voxel size in nm that is proposed if it is not known."""


class StackChoice(QWidget):
    """A choice among the viewer's images, with the facts of the one chosen.

    Signals
    -------
    sample_wanted : str
        Key of a sample.
    url_wanted : str
        URL of a Zarr or a precomputed volume.
    """

    sample_wanted = Signal(str)
    url_wanted = Signal(str)

    def __init__(self, stack: StackPick, parent: QWidget | None = None):
        super().__init__(parent)
        self._stack = stack
        self.combo = LayerChoice(stack.pick)
        self.combo.setToolTip("The stack to segment: an image layer of this viewer.")
        self.level = LevelChoice(stack)
        self._facts, self._notes = text(), text()
        self._notes.setStyleSheet(WARNING_STYLE)
        self._edit = QPushButton("Edit")
        self._edit.setToolTip("Set the voxel size in nm. Layers on the same grid follow.")
        self.sample = QPushButton("Open sample")
        self.sample.setToolTip("Make a synthetic EM stack with its ground truth.")
        self.sample.setMenu(self._sample_menu())
        self.url = QPushButton("Open URL ...")
        self.url.setToolTip("An OME-Zarr or Zarr (https://, s3://, gs:// ...), or precomputed://https://...")
        self._welcome = text("Drop an EM stack (TIFF, HDF5, Zarr) on the viewer, or open a URL or the sample.")
        self._lay_out()
        self._edit.clicked.connect(self._ask_voxel_size)
        self.url.clicked.connect(self._ask_url)
        for signal in (stack.changed, stack.facts_changed):
            signal.connect(self._update)
        self._update()

    def _lay_out(self) -> None:
        facts_widget = QWidget()  # a form gives wrapped lines their height in a widget only, not in a layout
        under = QVBoxLayout(facts_widget)
        under.setContentsMargins(0, 0, 0, 0)
        under.addWidget(self.level)
        facts = QHBoxLayout()
        facts.addWidget(self._facts, 1)
        facts.addWidget(self._edit)
        under.addLayout(facts)
        under.addWidget(self._notes)
        self._chosen = QWidget()
        rows = form(self._chosen)
        rows.add("Stack", self.combo)
        rows.add("", facts_widget)
        self._empty = QWidget()
        column = QVBoxLayout(self._empty)
        column.setContentsMargins(6, 2, 6, 2)
        column.addWidget(self._welcome)
        column.addWidget(self.sample)
        column.addWidget(self.url)
        both = QVBoxLayout(self)
        both.setContentsMargins(0, 0, 0, 0)
        both.addWidget(self._chosen)
        both.addWidget(self._empty)

    def _sample_menu(self) -> QMenu:
        menu = QMenu(self)
        for key, words in SAMPLES.items():
            action = QAction(words, menu)
            action.setData(key)
            menu.addAction(action)
        menu.triggered.connect(self._on_sample)
        return menu

    def _on_sample(self, action: QAction) -> None:
        self.sample_wanted.emit(action.data())

    def _ask_url(self) -> None:
        url, is_accepted = QInputDialog.getText(self, "Open URL", "URL of a Zarr or precomputed volume:")
        if is_accepted and url.strip():
            self.url_wanted.emit(url.strip())

    def _ask_voxel_size(self) -> None:
        dialog = VoxelSizeDialog(self._stack.voxel_size or USUAL, self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self._stack.voxel_size = dialog.size_chosen

    def _update(self) -> None:
        has_stack = self._stack.layer is not None
        self._chosen.setVisible(has_stack)
        self._empty.setVisible(not has_stack)
        self._facts.setText(self._stack.facts)
        notes = self._stack.notes
        self._notes.setText(notes)
        self._notes.setVisible(bool(notes))


class LevelChoice(NarrowCombo):
    """The levels with their voxel sizes; hidden if a stack has one only."""

    def __init__(self, stack: StackPick):
        super().__init__()
        self._stack = stack
        self.setToolTip("The level to work on: a coarser one is faster and loses detail.")
        self.currentIndexChanged.connect(self._on_index)
        for signal in (stack.changed, stack.facts_changed):
            signal.connect(self._update)
        self._update()

    def _on_index(self, number: int) -> None:
        self._stack.level = number

    def _update(self) -> None:
        levels = self._stack.levels
        with QSignalBlocker(self):
            self.clear()
            self.addItems(levels)
            if levels:
                self.setCurrentIndex(self._stack.level)
        self.setVisible(bool(levels))


class VoxelSizeDialog(QDialog):
    """Asks for three lengths in nm."""

    def __init__(self, size: VoxelSize, parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle("Voxel size")
        rows = QFormLayout(self)
        self._fields = []
        for axis, length in zip(("z (section thickness)", "y", "x"), size, strict=True):
            field = number_field(Limits(0.001, 1e6), 3, "nm")
            field.setValue(length)
            rows.addRow(axis, field)
            self._fields.append(field)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        rows.addRow(buttons)

    @property
    def size_chosen(self) -> VoxelSize:
        """The lengths, in nm (z, y, x)."""
        z, y, x = (field.value() for field in self._fields)
        return VoxelSize(z, y, x)
