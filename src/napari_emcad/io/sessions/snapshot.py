"""A session as it leaves: as it stands, or as it stood after one of its edits."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad import __version__
from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.ids import Ids, file_dtype
from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import label_dtype
from napari_emcad.io.sessions.folder import OpenSession, find_boxes, open_session_at
from napari_emcad.proofreading.neurons import NeuronTable, neuron_table
from napari_emcad.proofreading.session import Session


@dataclass(frozen=True)
class MappedLabels:
    """Labels (z, y, x) made section by section as they are read: a table applied to fragments.

    Attributes
    ----------
    fragments : (z, y, x) Ids
    table : (n + 1,) uint16, uint32 or uint64
        Label of each fragment.
    """

    fragments: Ids
    table: NDArray

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.fragments.shape

    @property
    def dtype(self) -> np.dtype:
        return self.table.dtype

    def __getitem__(self, place: Any) -> NDArray:
        return self.table[self.fragments[place]]


@dataclass(frozen=True)
class Snapshot:
    """A session as it is exported: as it stands, or as it stood after an edit.

    Attributes
    ----------
    session : Session
    voxel_size : VoxelSize or None
        In nm.
    start : (z, y, x)
        Where its box begins in the stack, in voxels: places are told in the stack's coordinates.
    provenance : dict
    opened : OpenSession
    """

    session: Session
    voxel_size: VoxelSize | None
    start: tuple[int, int, int]
    provenance: dict[str, Any]
    opened: OpenSession

    @classmethod
    def of(cls, opened: OpenSession, at: int | None = None) -> Self:
        """Of the session as it is open, or after edit `at` (0 = before the first), which replays that many rows.

        Raises
        ------
        UserError
            Where there is no such edit.
        """
        session = opened.session if at is None else open_session_at(opened, at)
        facts = opened.facts
        start = facts.box_of(session.state.base.fragments.shape).start
        return cls(session, facts.voxel_size, start, _provenance(opened, len(session.log.rows)), opened)

    @property
    def labels(self) -> MappedLabels:
        """Segment of each voxel."""
        table = self.session.state.table
        return MappedLabels(self.session.state.base.fragments, table.astype(file_dtype(label_dtype(int(table.max())))))

    @property
    def fragments(self) -> Ids:
        """The fragments that are there."""
        state = self.session.state
        return np.flatnonzero((state.sizes > 0) & (state.table > 0)).astype(state.table.dtype)

    def neurons(self) -> NeuronTable:
        """All neurons, with their places."""
        return neuron_table(self.session.state, self.boxes())

    def boxes(self) -> FragmentBoxes:
        """Where the fragments lie, and those that there are only before or after this edit."""
        return drive(find_boxes(self.opened))

    def required_voxel_size(self) -> VoxelSize:
        """The voxel size.

        Raises
        ------
        UserError
            Where it is not known.
        """
        if self.voxel_size is None:
            raise UserError(
                "export: the voxel size in nm is needed, and the session has none; "
                "segment the stack again with its voxel size."
            )
        return self.voxel_size


def _provenance(opened: OpenSession, edits: int) -> dict[str, Any]:
    return {
        **opened.facts.model_dump(mode="json"),
        "program": f"napari-emcad {__version__}",
        "session": opened.folder.name,
        "edits": edits,
    }
