"""Which stack: an image layer, its level, shape and voxel size, or a sample where there is none."""

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.wording import shape_text, voxel_size_text
from napari_emcad.widgets.kit.forms import LayerCombo, form, text
from napari_emcad.widgets.kit.layers import is_image, rescale, volume_of, voxel_size_of
from napari_emcad.widgets.kit.level_choice import LevelChoice
from napari_emcad.widgets.kit.levels import on_grids_of

SAMPLES = {
    "small": "Small: a few seconds to make",
    "medium": "Medium: a quarter of a minute to make",
    "large": "Large: a minute or two to make",
}
"""Keys of the plugin's own samples."""


class StackChoice(QWidget):
    """The head of the dock.

    Signals
    -------
    layer_changed
    sample_wanted : str
        Key of a sample.
    url_wanted : str
        Of a Zarr or a precomputed volume.
    """

    layer_changed = Signal()
    sample_wanted = Signal(str)
    url_wanted = Signal(str)

    def __init__(self, viewer, parent: QWidget | None = None):
        super().__init__(parent)
        self._viewer = viewer
        self.combo = LayerCombo(viewer, is_image)
        self.combo.setToolTip("The stack to segment: an image layer of this viewer.")
        self.level = LevelChoice(viewer)
        self._facts = text()
        self._edit = QPushButton("Edit")
        self._edit.setToolTip("Set the voxel size in nm. Layers on the same grid follow.")
        self._edit.clicked.connect(self._ask_voxel_size)
        self.sample = QPushButton("Open sample")
        self.sample.setToolTip("Make a synthetic EM stack with its ground truth.")
        self.sample.setMenu(self._sample_menu())
        self.url = QPushButton("Open URL ...")
        self.url.setToolTip("An OME-Zarr or Zarr (https://, s3://, gs:// ...), or precomputed://https://...")
        self.url.clicked.connect(self._ask_url)
        self._welcome = text("Drop an EM stack (TIFF, HDF5, Zarr) on the viewer, or open a URL or the sample.")
        self._lay_out()
        self.combo.layer_changed.connect(self._on_layer)
        self.level.chosen.connect(self._on_level)
        self._on_layer()

    @property
    def layer(self) -> Layer | None:
        """The stack chosen."""
        return self.combo.layer

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.combo.reset_choices()
        self._show_facts()

    def apply_voxel_size(self, size: VoxelSize) -> None:
        """Give the stack another voxel size in nm; its other levels follow."""
        rescale(on_grids_of(self._viewer.layers, self.layer), np.array(size) / self.layer.scale[-3:])
        self._viewer.reset_view()
        self._show_facts()
        self.layer_changed.emit()

    def _lay_out(self) -> None:
        facts_widget = QWidget()  # a form gives wrapped lines their height in a widget only, not in a layout
        under = QVBoxLayout(facts_widget)
        under.setContentsMargins(0, 0, 0, 0)
        under.addWidget(self.level)
        facts = QHBoxLayout()
        facts.addWidget(self._facts, 1)
        facts.addWidget(self._edit)
        under.addLayout(facts)
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
            menu.addAction(words).setData(key)
        menu.triggered.connect(self._on_sample)
        return menu

    def _on_sample(self, action) -> None:
        self.sample_wanted.emit(action.data())

    def _ask_url(self) -> None:
        url, is_given = QInputDialog.getText(self, "Open URL", "URL of a Zarr or precomputed volume:")
        if is_given and url.strip():
            self.url_wanted.emit(url.strip())

    def _on_layer(self) -> None:
        self._chosen.setVisible(self.layer is not None)
        self._empty.setVisible(self.layer is None)
        self._show_facts()
        self.layer_changed.emit()

    def _on_level(self, layer: Layer) -> None:
        self.combo.layer = layer

    def _show_facts(self) -> None:
        self.level.follow(self.layer)
        if self.layer is not None:
            shape = shape_text(volume_of(self.layer).shape)
            self._facts.setText(f"{shape} voxels, {voxel_size_text(voxel_size_of(self.layer))}")

    def _ask_voxel_size(self) -> None:
        dialog = VoxelSizeDialog(voxel_size_of(self.layer), self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.apply_voxel_size(dialog.size_chosen)


class VoxelSizeDialog(QDialog):
    """Three lengths in nm."""

    def __init__(self, size: VoxelSize | None, parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle("Voxel size")
        rows = QFormLayout(self)
        self._fields = []
        for axis, length in zip(("z (section thickness)", "y", "x"), size or VoxelSize(30, 6, 6), strict=True):
            field = QDoubleSpinBox(minimum=0.001, maximum=1e6, decimals=3, suffix=" nm")
            field.setValue(length)
            rows.addRow(axis, field)
            self._fields.append(field)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        rows.addRow(buttons)

    @property
    def size_chosen(self) -> VoxelSize:
        return VoxelSize(*(field.value() for field in self._fields))
