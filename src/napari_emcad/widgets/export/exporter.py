"""The export of what is on screen: what can be asked for, why it cannot be written, and its writing."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.palettes import BRIGHT, PALETTES
from napari_emcad.core.progress import Job
from napari_emcad.core.wording import count, shape_text
from napari_emcad.io.labels.tiff import rounded_ids_note
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.export.export_jobs import affinities_path, labels_job, session_job
from napari_emcad.widgets.export.export_request import ExportRequest
from napari_emcad.widgets.export.exportable import Exportable, ExportableNeurites, ExportableNeurons
from napari_emcad.widgets.export.file_formats import (
    LABEL_FORMATS,
    LAYER,
    MADE_UP,
    SESSION_FORMATS,
    TIFF,
    TIFF_AND_ZARR,
    FileFormat,
    format_of,
)
from napari_emcad.widgets.export.label_export import LabelExport, resolve_export
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import place_of
from napari_emcad.widgets.kit.neuron_colormap import NeuronColormap
from napari_emcad.widgets.kit.signals import Signal

NO_NEURONS = 'There are no neurons yet: press "Run" first.'


class Exporter:
    """Exports the neurons or neurites on screen.

    Signals
    -------
    changed
        Other neurons are on screen, something else is asked for, or a job has started or ended.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._jobs, self._message = desk, desk.jobs, desk.message
        self._request, self._is_writing = ExportRequest(), False
        self._follow = AtRest(desk.loop, self._count, self._on_count, self._fragments)
        desk.results.changed.connect(self._follow.ask)
        desk.neurites.changed.connect(self._follow.ask)
        desk.jobs.running_changed.connect(self._refresh)

    @property
    def shown(self) -> Exportable | None:
        """The neurons or neurites that the threshold moves over; None while there are none."""
        neurites, result = self._desk.neurites.current, self._desk.results.current
        if neurites is not None:
            return ExportableNeurites(neurites)
        return ExportableNeurons(result) if result is not None else None

    @property
    def request(self) -> ExportRequest:
        """The choices of a person."""
        return self._request

    @request.setter
    def request(self, request: ExportRequest) -> None:
        if request != self._request:
            self._request = request
            self.changed.emit()

    @property
    def offers(self) -> list[str]:
        """Names of formats to choose from: those of a session if there is one."""
        shown = self.shown
        has_none = isinstance(shown, ExportableNeurites)
        labels = [name for name in LABEL_FORMATS if not (has_none and name == TIFF_AND_ZARR)]
        of_session = SESSION_FORMATS if shown is not None and shown.session_folder is not None else ()
        return [*labels, LAYER, *(name for name in of_session if name != MADE_UP or (shown and shown.is_bridged))]

    @property
    def file_format(self) -> FileFormat:
        """The format of the file."""
        return format_of(self._request.format)

    @property
    def proposed_name(self) -> str:
        """A name for the file."""
        return self.file_format.proposed_name(self._current().source.name)

    @property
    def is_writing(self) -> bool:
        """True while an export is being written."""
        return self._is_writing and self._jobs.running

    @property
    def facts(self) -> str:
        """The number and the place of what can be exported, such as "12 neurons in 3 x 48 x 64 voxels"."""
        shown = self.shown
        return f"{count(shown.count, shown.noun)} in {shape_text(shown.box.shape)} voxels" if shown else NO_NEURONS

    @property
    def why_not(self) -> str:
        """The reason that nothing can be exported now; empty if something can, or is being written."""
        busy = "A job is running." if self._jobs.running and not self._is_writing else ""
        return busy if self.shown is not None else NO_NEURONS

    @property
    def why_no_choice(self) -> str:
        """The reason that neither neurons nor a part can be chosen; empty if they can."""
        return "The whole session is written." if self._request.is_of_session else ""

    @property
    def why_not_done(self) -> str:
        """The reason that those that are done cannot be chosen; empty if they can."""
        is_neurites = isinstance(self.shown, ExportableNeurites)
        return "Neurites are not ticked as done." if is_neurites else self.why_no_choice

    def replaced_beside(self, path: Path) -> Path | None:
        """Return the affinities that would be replaced with a file, of which no dialog has asked; None if none."""
        target = affinities_path(path)
        return target if self._request.wants_affinities and target.exists() else None

    def save(self, path: Path) -> None:
        """Write what is asked for to a file or folder; it is replaced."""
        try:
            job = self._job(path)
        except UserError as error:
            self._message.error(error)
            return
        self._is_writing = True
        self._message.say(f"Writing {path}")
        self._jobs.start(job, self._on_ended)

    def add_layer(self) -> None:
        """Put the labels into a layer of their own, a copy that can be painted on."""
        try:
            shown = self._current()
            export = self._resolve(shown)
        except UserError as error:
            self._message.error(error)
            return
        labels = np.array(export.labels[export.box.slices])
        name, place = f"{shown.source.name} exported", place_of(shown.source, export.start)
        metadata = {"provenance": dict(export.provenance)}
        layer = self._desk.viewer.add_labels(labels, name=name, metadata=metadata, **place)
        if (colours := export.colours) is not None:
            layer.colormap = NeuronColormap.of(PALETTES[colours.palette], colours.of_label)
        self._message.result(f'The {shown.noun}s are in the layer "{name}"; it is a copy.')
        self._desk.exported.emit()

    def stop(self) -> None:
        """Stop writing; nothing is left behind."""
        if self.is_writing:
            self._jobs.stop()

    def close(self) -> None:
        """Stop counting."""
        self._follow.stop()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _current(self) -> Exportable:
        if self.shown is None:
            raise UserError('export: there are no neurons yet; press "Run" first.')
        return self.shown

    def _job(self, path: Path) -> Job[list[Path]]:
        shown, of_session = self._current(), SESSION_FORMATS.get(self._request.format)
        if of_session is None:
            return labels_job(path, self._resolve(shown))
        if shown.session_folder is None:
            raise UserError(f'export: these {shown.noun}s have no session; choose "{TIFF}" under Format.')
        return session_job(path, shown.session_folder, of_session.what, of_session.name, shown.colours or BRIGHT)

    def _resolve(self, shown: Exportable) -> LabelExport:
        if not (self._desk.results.is_settled and self._desk.neurites.is_settled):
            raise UserError("export: the threshold has just been moved; wait until the read-out has followed.")
        return resolve_export(shown, self._request, self._desk.region)

    def _count(self) -> int:
        """Count them, which takes no time when it has been done before: their number is kept where it was counted."""
        return self.shown.count if self.shown else 0

    def _fragments(self) -> int:
        result = self._desk.results.current
        return len(result.neurons.table) if result else 0

    def _on_count(self, _count: int) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Go back to the usual format if the one chosen is offered no more."""
        if self._request.format not in self.offers:
            self._request = replace(self._request, format=TIFF)
        self.changed.emit()

    def _on_ended(self, ended: Ended) -> None:
        self._is_writing = False
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.stopped:
            self._message.result("Export stopped: nothing was written.")
        else:
            saved = f"Saved {' and '.join(str(path) for path in ended.result)}"
            self._message.result(" ".join(filter(None, (saved, rounded_ids_note(ended.result[0])))))
            self._desk.exported.emit()
        self._refresh()
