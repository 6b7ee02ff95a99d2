"""The rows that open affinities of another network, say how they are read, and segment by them."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import WARNING_STYLE, NarrowCombo, enable, form, text
from napari_emcad.widgets.segment.given_affinities import GivenAffinities, Reading

FILES = "Affinities (*.npy *.npz *.h5 *.hdf5 *.hdf *.tif *.tiff *.zip);;All files (*)"
KINDS = {"affinities, 1 = same neuron": False, "boundaries, 1 = boundary": True}
FIELDS = {
    "dataset": ("Dataset", "found by itself", "Path inside the file, such as volumes/pred_affs."),
    "axes": ("Axes", "as the file says", "In the order of the array, such as czyx or zyxc."),
    "offsets": (
        "Offsets",
        "-1,0,0 0,-1,0 0,0,-1",
        "Step z,y,x of each channel in voxels; others than those to the nearest voxels are left out.",
    ),
    "values": (
        "Values",
        "0 1 of float, 0 255 of uint8",
        "What means a boundary, then what means the same neuron: 0 255 for floats up to 255, 1 0 if 1 is a boundary.",
    ),
}
"""Name of each field: its label, what counts while it is empty, and its tooltip."""


class GivenAffinitiesForm(QWidget):
    """File, kind, dataset, axes, offsets and values, what was found, and the button."""

    def __init__(self, given: GivenAffinities, parent: QWidget | None = None):
        super().__init__(parent)
        self._given = given
        self.file_button, self.folder_button = QPushButton("Open file..."), QPushButton("Open folder...")
        self.kind = NarrowCombo()
        for words, boundaries in KINDS.items():
            self.kind.addItem(words, boundaries)
        self.fields = {name: QLineEdit() for name in FIELDS}
        self.line = text()
        self.button = QPushButton("Segment by this file")
        self._lay_out()
        self.file_button.clicked.connect(self._ask_file)
        self.folder_button.clicked.connect(self._ask_folder)
        self.kind.currentIndexChanged.connect(self._on_field)
        for field in self.fields.values():
            field.editingFinished.connect(self._on_field)
        self.button.clicked.connect(given.segment)
        given.changed.connect(self._update)
        self._update()

    def _lay_out(self) -> None:
        self.folder_button.setToolTip("A Zarr or N5 folder.")
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        for button in (self.file_button, self.folder_button):
            buttons.addWidget(button, 1)
        self.details = QWidget()
        rows = form(self.details, margin=0)
        rows.add("They are", self.kind)
        for name, (label, empty, tip) in FIELDS.items():
            self.fields[name].setPlaceholderText(empty)
            self.fields[name].setToolTip(tip)
            rows.add(label, self.fields[name])
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.setSpacing(4)
        column.addLayout(buttons)
        for widget in (self.details, self.line, self.button):
            column.addWidget(widget)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open affinities", self._folder, FILES)
        if path:
            self._given.open(Path(path))

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a Zarr or N5 folder of affinities", self._folder)
        if path:
            self._given.open(Path(path))

    @property
    def _folder(self) -> str:
        return str(self._given.path.parent) if self._given.path else ""

    def _on_field(self) -> None:
        words = {name: field.text() for name, field in self.fields.items()}
        self._given.read_as(Reading(**words, boundaries=bool(self.kind.currentData())))

    def _update(self) -> None:
        given = self._given
        for name, field in self.fields.items():
            with QSignalBlocker(field):
                field.setText(getattr(given.reading, name))
        with QSignalBlocker(self.kind):
            self.kind.setCurrentIndex(list(KINDS.values()).index(given.reading.boundaries))
        self.details.setVisible(given.path is not None)
        self.line.setText(given.line)
        self.line.setStyleSheet(WARNING_STYLE if given.has_problem else "")
        self.line.setVisible(bool(given.line))
        self.button.setVisible(given.path is not None)
        enable(self.button, given.why_not, "Segments the region by these affinities; no network runs.")
