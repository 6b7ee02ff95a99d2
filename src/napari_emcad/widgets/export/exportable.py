"""What is on screen and can be exported: the neurons of a run on an EM stack, or the neurites of an optical volume."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.widgets.desk.neurites import Foreground
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.labels_view import FragmentLabels


class Written(NamedTuple):
    """Labels as they go into a file."""

    labels: Any  # array-like (z, y, x), read by slices
    largest: int | None  # None = not known yet


class Exportable(Protocol):
    """What the panel Export asks of either.

    Attributes
    ----------
    noun : str
    source : Image or Labels
    box : Box
        Of the source, in its voxels.
    layer : Labels
        Where a label can be selected.
    count : int
        How many there are.
    affinities : (3, z, y, x) uint8 or None
    session_folder : Path or None
    """

    noun: str
    source: Image | Labels
    box: Box
    layer: Labels
    count: int
    affinities: NDArray[np.uint8] | None
    session_folder: Path | None

    def provenance(self) -> dict[str, Any]:
        """What made them as they stand."""
        ...

    def all(self) -> Written:
        """All of them."""
        ...

    def done(self) -> Written:
        """Those that were ticked."""
        ...

    def only(self, label: int) -> Written:
        """One of them, or, where there is none of this label, nothing: `largest` is 0."""
        ...


class OfNeurons:
    """See `Exportable`."""

    noun = "neuron"

    def __init__(self, result: Result):
        self.source, self.box, self.layer = result.source, result.box, result.neuron_layer
        self.affinities, self.session_folder = result.affinities, result.session_folder
        self.provenance, self._neurons = result.provenance, result.neurons
        self._fragments, self._table, self._done = result.segmentation.fragments, result.neurons.table, result.done

    @property
    def count(self) -> int:
        """Not before it is asked for: of a million fragments it takes as long as a merge."""
        return len(self._neurons.sizes)

    def all(self) -> Written:
        return self._where(self._table > 0)

    def done(self) -> Written:
        if not self._done:
            raise UserError('export: no neuron is done; tick some in Proofread, or choose "all".')
        return self._where(np.isin(self._table, list(self._done)))

    def only(self, label: int) -> Written:
        return self._where(self._table == label)

    def _where(self, kept: NDArray[np.bool_]) -> Written:
        table = np.where(kept, self._table, 0).astype(self._table.dtype)
        return Written(FragmentLabels(self._fragments, table), int(table.max()))


class OfNeurites:
    """See `Exportable`; what was painted on their layer is exported as it stands."""

    noun, affinities, session_folder = "neurite", None, None

    def __init__(self, run: Foreground):
        self.source, self.box, self.layer = run.source, run.box, run.labels_layer
        self.count = len(run.sizes)

    def provenance(self) -> dict[str, Any]:
        return dict(self.layer.metadata["provenance"])

    def all(self) -> Written:
        return Written(self.layer.data, None)

    def done(self) -> Written:
        raise UserError('export: neurites are not ticked as done; choose "all" or "selected".')

    def only(self, label: int) -> Written:
        labels = np.where(self.layer.data == label, self.layer.data, 0)
        return Written(labels, int(labels.max(initial=0)))
