"""The panel Export: the neurons or neurites on screen as labels, and what else a session holds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
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

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job
from napari_emcad.core.wording import count, shape_text
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.export.exportable import Exportable, OfNeurites, OfNeurons, Written
from napari_emcad.widgets.export.job import Export, affinities_path, exporting, exporting_from
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, form, text
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layer_boxes import box_of_shapes
from napari_emcad.widgets.kit.layers import origin_of, place_of, voxel_size_of

TIFF, TIFF_AND_ZARR, LAYER = "label TIFF", "label TIFF + affinities Zarr", "new labels layer"
PRECOMPUTED = "neuroglancer precomputed"
ALL, DONE, SELECTED = "all", "done", "selected"
WHOLE, BOX = "everything segmented", "box layer"


@dataclass(frozen=True)
class Format:
    """What is written, by its name in `EXPORTS`, and how file names end; "" is a folder."""

    what: str
    suffixes: tuple[str, ...]


LABEL_FORMATS = {
    TIFF: Format("neurons", (".tif", ".tiff")),
    TIFF_AND_ZARR: Format("neurons", (".tif", ".tiff")),
    "label TIFFs, one a section": Format("sections", ("",)),
    "label Zarr": Format("neurons", (".zarr",)),
    "label OME-Zarr, with a pyramid": Format("neurons", (".ome.zarr",)),
    PRECOMPUTED: Format("neurons", (".precomputed",)),
}
"""What neurons or neurites can be saved as."""

SESSION_FORMATS = {
    "fragments TIFF": Format("fragments", (".tif", ".tiff")),
    "fragment table": Format("table", (".csv", ".npz")),
    "region graph": Format("graph", (".csv", ".npz")),
    "neuron table": Format("neurons", (".csv",)),
    "edit log": Format("log", (".csv",)),
    "neuroglancer equivalences": Format("equivalences", (".json",)),
    "surfaces (PLY)": Format("meshes", ("",)),
}
"""What a session can be saved as, besides its labels."""


class ExportPanel(QWidget):
    """Which neurons, which part, which format."""

    def __init__(self, desk: Desk):
        super().__init__()
        self._viewer, self._neurites = desk.viewer, desk.neurites
        self._results, self._region, self._jobs, self._message = desk.results, desk.region, desk.jobs, desk.message
        self._saving = False
        self.format, self.part = NarrowCombo(), NarrowCombo()
        self.format.addItems([*LABEL_FORMATS, LAYER])
        self.part.addItems([WHOLE, BOX])
        self.part.setToolTip('"box layer" takes the shape of the Shapes layer chosen under Region, drawn with "Draw".')
        self._neurons = {name: QRadioButton(name) for name in (ALL, DONE, SELECTED)}
        self._neurons[ALL].setChecked(True)
        self._neurons[SELECTED].setToolTip("The selected label of the neurons layer; pick one with its colour picker.")
        self._neurons[DONE].setToolTip("Those ticked as done in Proofread.")
        self._tips = {choice: choice.toolTip() for choice in (self.part, *self._neurons.values())}
        self._group = QButtonGroup(self)
        self._facts = text()
        self.save_button = QPushButton("Save...")
        self._lay_out()
        self.save_button.clicked.connect(self._on_save)
        self.format.currentIndexChanged.connect(self._update)
        self._follow = AtRest(desk.loop, self._count, self._update, self._fragments)
        desk.results.changed.connect(self._follow.ask)
        desk.neurites.changed.connect(self._follow.ask)
        desk.jobs.running_changed.connect(self._update)
        self._update()

    @property
    def neurons(self) -> str:
        """ALL, DONE or SELECTED."""
        return self._group.checkedButton().text()

    @neurons.setter
    def neurons(self, which: str) -> None:
        self._neurons[which].setChecked(True)

    @property
    def has_something(self) -> bool:
        """Whether there is anything to export."""
        return self._shown is not None

    def save(self, path: Path) -> None:
        """Export to a file or folder in the format chosen; it is replaced."""
        try:
            export = self._export(Path(path))
        except UserError as error:
            self._message.error(error)
            return
        self._write(export.path, exporting(export))

    def save_of_session(self, path: Path) -> None:
        """Export what the session of these neurons holds, in the format chosen."""
        what = SESSION_FORMATS[self.format.currentText()].what
        self._write(path, exporting_from(self._shown.session_folder, what, Path(path)))

    def add_layer(self) -> None:
        """Put the neurons into a labels layer of their own, which can be painted on and is not edited any more."""
        try:
            export = self._export(Path("layer"))
        except UserError as error:
            self._message.error(error)
            return
        shown = self._shown
        labels = np.array(export.labels[export.box.slices])
        start = export.box.moved(shown.box.start).start
        name, metadata = f"{shown.source.name} exported", {"provenance": dict(export.provenance)}
        self._viewer.add_labels(labels, name=name, metadata=metadata, **place_of(shown.source, start))
        self._message.result(f'The {shown.noun}s are in the layer "{name}"; it is a copy.')

    def _write(self, path: Path, job: Job) -> None:
        self._saving = True
        self._message.say(f"Writing {path}")
        self._jobs.start(job, self._on_ended)

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
        if self.format.currentText() == LAYER:
            self.add_layer()
        elif (path := self._ask_path()) is not None and self._is_of_session:
            self.save_of_session(path)
        elif path is not None and self._may_replace_affinities(path):
            self.save(path)

    @property
    def _is_of_session(self) -> bool:
        return self.format.currentText() in SESSION_FORMATS

    def _ask_path(self) -> Path | None:
        """The dialog asks before it lets a file be replaced."""
        form = (LABEL_FORMATS | SESSION_FORMATS)[self.format.currentText()]
        name = f"{self._shown.source.name} {form.what}{form.suffixes[0]}"
        kinds = f"{form.what} ({' '.join(f'*{s}' for s in form.suffixes)})" if form.suffixes[0] else ""
        chosen, _ = QFileDialog.getSaveFileName(self, f"Save {form.what}", name, kinds)
        if not chosen:
            return None
        path = Path(chosen)
        fits = path.name.lower().endswith(form.suffixes)
        return path if fits else path.with_name(f"{path.name}{form.suffixes[0]}")

    def _may_replace_affinities(self, path: Path) -> bool:
        target = affinities_path(path)
        if self.format.currentText() != TIFF_AND_ZARR or not target.exists():
            return True
        answer = QMessageBox.question(self, "Replace?", f"{target} exists already. Replace it?")
        return answer == QMessageBox.StandardButton.Yes

    @property
    def _shown(self) -> Exportable | None:
        """What the threshold moves over."""
        if self._neurites.current is not None:
            return OfNeurites(self._neurites.current)
        return OfNeurons(self._results.current) if self._results.current is not None else None

    def _export(self, path: Path) -> Export:
        shown = self._current()
        origin = origin_of(shown.source)
        box = self._box(shown)
        in_stack = box.moved(shown.box.start)
        written = self._written(shown)
        return Export(
            path=path,
            ending=LABEL_FORMATS.get(self.format.currentText(), LABEL_FORMATS[TIFF]).suffixes[0],
            labels=written.labels,
            largest=written.largest,
            box=box,
            start=in_stack.start,
            voxel_size=voxel_size_of(shown.source),
            provenance={
                **shown.provenance(),
                "box": [in_stack.start, in_stack.stop],
                "neurons": self.neurons,
            },
            source=(origin["source"], origin["dataset"]) if origin["source"] else None,
            affinities=shown.affinities if self.format.currentText() == TIFF_AND_ZARR else None,
        )

    def _current(self) -> Exportable:
        shown = self._shown
        if shown is None:
            raise UserError('export: there are no neurons yet; press "Run" first.')
        if shown.affinities is None and self.format.currentText() == TIFF_AND_ZARR:
            raise UserError(f'export: these {shown.noun}s have no affinities; choose "{TIFF}" under Format.')
        if not (self._results.is_settled and self._neurites.is_settled):
            raise UserError("export: the threshold has just been moved; wait until the read-out has followed.")
        return shown

    def _written(self, shown: Exportable) -> Written:
        if self.neurons == ALL:
            return shown.all()
        if self.neurons == DONE:
            return shown.done()
        chosen = shown.layer.selected_label
        written = shown.only(chosen)
        if not written.largest:
            raise UserError(
                f'export: the selected label {chosen} of "{shown.layer.name}" is no {shown.noun}; click one with '
                'the layer\'s colour picker, or choose "all".'
            )
        return written

    def _box(self, shown: Exportable) -> Box:
        """In voxels of what is shown."""
        if self.part.currentText() == WHOLE:
            return Box.whole(shown.box.shape)
        if self._region.shapes.layer is None:
            raise UserError('export: there is no box layer; press "Draw" under Region, or export everything.')
        box = box_of_shapes(self._region.shapes.layer, shown.source, self._region.sections)
        inside = box.within(shown.box).clipped(shown.box.shape)
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

    def _offer_formats(self, shown: Exportable | None) -> None:
        """Those of a session where there is one."""
        offers = [name for name in LABEL_FORMATS if name != TIFF_AND_ZARR or not isinstance(shown, OfNeurites)] + [
            LAYER
        ]
        if shown is not None and shown.session_folder is not None:
            offers += list(SESSION_FORMATS)
        if [self.format.itemText(i) for i in range(self.format.count())] != offers:
            chosen = self.format.currentText()
            with QSignalBlocker(self.format):
                self.format.clear()
                self.format.addItems(offers)
                self.format.setCurrentText(chosen if chosen in offers else TIFF)

    def _count(self) -> int:
        """Their number is kept where it was counted, and takes no time then."""
        return self._shown.count if self._shown else 0

    def _fragments(self) -> int:
        return len(self._results.current.neurons.table) if self._results.current else 0

    def _update(self, _value: object = None) -> None:
        shown, running = self._shown, self._jobs.running
        self._offer_formats(shown)
        save = "Add layer" if self.format.currentText() == LAYER else "Save..."
        self.save_button.setText("Cancel" if running and self._saving else save)
        whole = "The whole session is written." if self._is_of_session else ""
        for choice in (self.part, *self._neurons.values()):
            enable(choice, whole, self._tips[choice])
        if isinstance(shown, OfNeurites):
            enable(self._neurons[DONE], "Neurites are not ticked as done.")
        no_neurons = "" if shown else 'There are no neurons yet: press "Run" first.'
        busy = "A job is running." if running and not self._saving else ""
        enable(self.save_button, no_neurons or busy, "Stop writing." if running else "Choose a file name.")
        if shown is None:
            self._facts.setText(no_neurons)
        else:
            self._facts.setText(f"{count(shown.count, shown.noun)} in {shape_text(shown.box.shape)} voxels")
