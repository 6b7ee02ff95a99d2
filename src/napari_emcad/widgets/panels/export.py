"""The panel Export: the neurons on screen as a label TIFF."""

from pathlib import Path

import numpy as np
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

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import count, shape_text
from napari_emcad.widgets.exporting import Export, affinities_path, exporting
from napari_emcad.widgets.forms import NarrowCombo, enable, form, text
from napari_emcad.widgets.jobs import Ended, JobRunner
from napari_emcad.widgets.layers import box_of_shapes, voxel_size_of
from napari_emcad.widgets.messages import MessageLine
from napari_emcad.widgets.region_choice import RegionChoice
from napari_emcad.widgets.results import Result, Results

TIFF, TIFF_AND_ZARR = "label TIFF", "label TIFF + affinities Zarr"
ALL, SELECTED = "all", "selected"
WHOLE, BOX = "everything segmented", "box layer"


class ExportPanel(QWidget):
    """Which neurons, which part, which format."""

    def __init__(self, results: Results, region: RegionChoice, jobs: JobRunner, message: MessageLine):
        super().__init__()
        self._results, self._region, self._jobs, self._message = results, region, jobs, message
        self._saving = False
        self.format, self.part = NarrowCombo(), NarrowCombo()
        self.format.addItems([TIFF, TIFF_AND_ZARR])
        self.part.addItems([WHOLE, BOX])
        self.part.setToolTip('"box layer" takes the shape of the Shapes layer chosen under Region, drawn with "Draw".')
        self._neurons = {name: QRadioButton(name) for name in (ALL, SELECTED)}
        self._neurons[ALL].setChecked(True)
        self._neurons[SELECTED].setToolTip("The selected label of the neurons layer; pick one with its colour picker.")
        self._group = QButtonGroup(self)
        self._facts = text()
        self.save_button = QPushButton("Save...")
        self._lay_out()
        self.save_button.clicked.connect(self._on_save)
        results.changed.connect(self._update)
        jobs.running_changed.connect(self._update)
        self._update()

    @property
    def neurons(self) -> str:
        """ALL or SELECTED."""
        return self._group.checkedButton().text()

    @neurons.setter
    def neurons(self, which: str) -> None:
        self._neurons[which].setChecked(True)

    def save(self, path: Path) -> None:
        """Export to a file, which is replaced."""
        try:
            export = self._export(Path(path))
        except UserError as error:
            self._message.error(error)
            return
        self._saving = True
        self._message.say(f"Writing {export.path}")
        self._jobs.start(exporting(export), self._on_ended)

    def _lay_out(self) -> None:
        neurons = QHBoxLayout()
        for button in self._neurons.values():
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

    def _on_save(self) -> None:
        if self._jobs.running:
            self._jobs.stop()
            return
        path = self._ask_path()
        if path is not None and self._may_replace_affinities(path):
            self.save(path)

    def _ask_path(self) -> Path | None:
        """The dialog asks before it lets a file be replaced."""
        name = f"{self._results.current.source.name} neurons.tif"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save neurons", name, "Label TIFF (*.tif *.tiff)")
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix.lower() in (".tif", ".tiff") else path.with_name(f"{path.name}.tif")

    def _may_replace_affinities(self, path: Path) -> bool:
        target = affinities_path(path)
        if self.format.currentText() == TIFF or not target.exists():
            return True
        answer = QMessageBox.question(self, "Replace?", f"{target} exists already. Replace it?")
        return answer == QMessageBox.StandardButton.Yes

    def _export(self, path: Path) -> Export:
        result = self._current()
        metadata = result.source.metadata
        origin = metadata.get("source") or result.source.source.path
        box = self._box(result)
        start = [a + b for a, b in zip(result.box.start, box.start, strict=True)]
        stop = [a + b for a, b in zip(result.box.start, box.stop, strict=True)]
        return Export(
            path=path,
            fragments=result.segmentation.fragments,
            table=self._table(result),
            box=box,
            voxel_size=voxel_size_of(result.source),
            provenance={**result.provenance(), "box": [start, stop], "neurons": self.neurons},
            source=(str(origin), metadata.get("dataset")) if origin else None,
            affinities=result.affinities if self.format.currentText() == TIFF_AND_ZARR else None,
        )

    def _current(self) -> Result:
        if self._results.current is None:
            raise UserError('export: there are no neurons yet; press "Run" first.')
        if not self._results.is_settled:
            raise UserError("export: the threshold has just been moved; wait until the read-out has followed.")
        return self._results.current

    def _table(self, result: Result) -> np.ndarray:
        table = result.neurons.table
        if self.neurons == ALL:
            return table
        chosen = result.neuron_layer.selected_label
        kept = np.where(table == chosen, table, 0).astype(table.dtype)
        if chosen == 0 or not kept.any():
            raise UserError(
                f'export: the selected label {chosen} of "{result.neuron_layer.name}" is no neuron; click one with '
                'the layer\'s colour picker, or choose "all".'
            )
        return kept

    def _box(self, result: Result) -> Box:
        """In voxels of the result."""
        if self.part.currentText() == WHOLE:
            return Box.whole(result.box.shape)
        if self._region.combo.layer is None:
            raise UserError('export: there is no box layer; press "Draw" under Region, or export everything.')
        box = box_of_shapes(self._region.combo.layer, result.source, self._region.sections)
        moved = [tuple(n - o for n, o in zip(end, result.box.start, strict=True)) for end in (box.start, box.stop)]
        inside = Box(*moved).clipped(result.box.shape)
        if min(inside.shape) < 1:
            raise UserError("export: the box lies outside what has been segmented; draw it inside.")
        return inside

    def _on_ended(self, ended: Ended) -> None:
        self._saving = False
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.stopped:
            self._message.result("Export stopped: nothing was written.")
        else:
            self._message.result(f"Saved {' and '.join(str(path) for path in ended.result)}")
        self._update()

    def _update(self) -> None:
        result, running = self._results.current, self._jobs.running
        self.save_button.setText("Cancel" if running and self._saving else "Save...")
        no_neurons = "" if result else 'There are no neurons yet: press "Run" first.'
        busy = "A job is running." if running and not self._saving else ""
        enable(self.save_button, no_neurons or busy, "Stop writing." if running else "Choose a file name.")
        if result is None:
            self._facts.setText(no_neurons)
        else:
            neurons = count(len(result.neurons.sizes), "neuron")
            self._facts.setText(f"{neurons} in {shape_text(result.box.shape)} voxels")
