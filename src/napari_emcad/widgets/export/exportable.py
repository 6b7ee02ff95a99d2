"""Labels on screen that can be exported: the neurons of a run on an EM stack, or the neurites of an optical volume."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.palettes import LabelColours
from napari_emcad.core.volume import AffinityVolume, Volume
from napari_emcad.widgets.desk.neurites import Foreground
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.export.export_request import ALL, DONE, Which
from napari_emcad.widgets.kit.labels_view import FragmentLabels


class ChosenLabels(NamedTuple):
    """Labels as they go into a file.

    Attributes
    ----------
    labels : Volume (z, y, x) of whole numbers
        0 = none.
    largest : int or None
        None = not known yet.
    """

    labels: Volume
    largest: int | None


class Exportable(Protocol):
    """Neurons or neurites, as the panel Export needs to know them."""

    @property
    def noun(self) -> str:
        """The word for one of them."""
        ...

    @property
    def source(self) -> Image | Labels:
        """The stack that they were found in."""
        ...

    @property
    def box(self) -> Box:
        """The part of the stack that was segmented, in its voxels."""
        ...

    @property
    def layer(self) -> Labels:
        """The layer in which a label can be selected."""
        ...

    @property
    def count(self) -> int:
        """The number of them."""
        ...

    @property
    def affinities(self) -> AffinityVolume | None:
        """Affinities (3, z, y, x) uint8 of the box; None if there are none."""
        ...

    @property
    def colours(self) -> LabelColours | None:
        """Their colours on the screen; None if napari chose them."""
        ...

    @property
    def session_folder(self) -> Path | None:
        """The session that has them; None if there is none."""
        ...

    @property
    def is_bridged(self) -> bool:
        """True if some of their voxels may not have been seen, but made up."""
        ...

    def provenance(self) -> dict[str, Any]:
        """Return what made them as they stand."""
        ...

    def all(self) -> ChosenLabels:
        """Return all of them."""
        ...

    def done(self) -> ChosenLabels:
        """Return those that were ticked; raises UserError if there are none."""
        ...

    def only(self, label: int) -> ChosenLabels:
        """Return the one of this label; if there is none, `largest` is 0."""
        ...


class ExportableNeurons:
    """Neurons of a result; see `Exportable`."""

    noun = "neuron"

    def __init__(self, result: Result):
        self.source, self.box, self.layer = result.source, result.box, result.neuron_layer
        self.affinities, self.session_folder = result.affinities, result.session_folder
        self.is_bridged = result.plan is not None and not result.plan.is_as_is
        self._result, self._neurons, self._table = result, result.neurons, result.neurons.table

    @property
    def count(self) -> int:
        """The number of neurons, counted when it is asked for first: that takes as long as a merge."""
        return len(self._neurons.sizes)

    @property
    def colours(self) -> LabelColours:
        """The neurons' colours on the screen, as they are now."""
        return self._result.colours.shown

    def provenance(self) -> dict[str, Any]:
        """Return what made the neurons as they stand."""
        return self._result.provenance()

    def all(self) -> ChosenLabels:
        """Return all neurons."""
        return self._where(self._table > 0)

    def done(self) -> ChosenLabels:
        """Return the neurons that were ticked.

        Raises
        ------
        UserError
            If there are none.
        """
        if not self._result.done:
            raise UserError('export: no neuron is done; tick some in Proofread, or choose "all".')
        return self._where(np.isin(self._table, list(self._result.done)))

    def only(self, label: int) -> ChosenLabels:
        """Return one neuron."""
        return self._where(self._table == label)

    def _where(self, is_kept: NDArray[np.bool_]) -> ChosenLabels:
        table = np.where(is_kept, self._table, 0).astype(self._table.dtype)
        return ChosenLabels(FragmentLabels(self._result.segmentation.fragments, table), int(table.max()))


class ExportableNeurites:
    """Neurites; see `Exportable`. What was painted on their layer is exported as it stands."""

    noun = "neurite"
    affinities: AffinityVolume | None = None
    colours: LabelColours | None = None
    session_folder: Path | None = None
    is_bridged = False

    def __init__(self, found: Foreground):
        self.source, self.box, self.layer = found.source, found.box, found.labels_layer
        self.count = len(found.sizes)

    def provenance(self) -> dict[str, Any]:
        """Return what made the neurites."""
        return dict(self.layer.metadata["provenance"])

    def all(self) -> ChosenLabels:
        """Return all neurites."""
        return ChosenLabels(self.layer.data, None)

    def done(self) -> ChosenLabels:
        """Refuse: neurites are not ticked.

        Raises
        ------
        UserError
        """
        raise UserError('export: neurites are not ticked as done; choose "all" or "selected".')

    def only(self, label: int) -> ChosenLabels:
        """Return one neurite."""
        labels = np.where(self.layer.data == label, self.layer.data, 0)
        return ChosenLabels(labels, int(labels.max(initial=0)))


def choose_labels(shown: Exportable, which: Which) -> ChosenLabels:
    """Return the labels asked for: all, those done, or the one selected in their layer.

    Raises
    ------
    UserError
        If there are none.
    """
    if which == ALL:
        return shown.all()
    if which == DONE:
        return shown.done()
    label = shown.layer.selected_label
    chosen = shown.only(label)
    if not chosen.largest:
        raise UserError(
            f'export: the selected label {label} of "{shown.layer.name}" is no {shown.noun}; click one with '
            'the layer\'s colour picker, or choose "all".'
        )
    return chosen
