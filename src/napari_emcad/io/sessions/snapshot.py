"""A session as it is exported: as it stands, or as it stood after one of its edits."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad import __version__
from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Shape, Voxel, VoxelSize
from napari_emcad.core.ids import Ids, file_dtype
from napari_emcad.core.palettes import BRIGHT, LabelColours
from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import label_dtype
from napari_emcad.core.volume import Key, Volume
from napari_emcad.io.sessions.colour_files import read_colours
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session_at
from napari_emcad.proofreading.colouring import coloured
from napari_emcad.proofreading.neurons import NeuronTable, neuron_table
from napari_emcad.proofreading.session import Session


@dataclass(frozen=True)
class MappedLabels:
    """Labels (z, y, x) made section by section as they are read: a table applied to fragments.

    Attributes
    ----------
    fragments : Volume (z, y, x)
    table : (n + 1,) uint16, uint32 or uint64
        Label of each fragment.
    """

    fragments: Volume
    table: NDArray[Any]

    @property
    def shape(self) -> Shape:
        return self.fragments.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.table.dtype

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return self.table[self.fragments[key]]


@dataclass(frozen=True)
class Snapshot:
    """A session at one of its edits.

    Attributes
    ----------
    session : Session
    voxel_size : VoxelSize or None
        In nm.
    start : (z, y, x)
        First voxel of its box in the stack: exports state places in the stack's coordinates.
    provenance : dict
    opened : OpenSession
    shown : LabelColours or str
        Colours of its segments as the screen shows them, or a palette, a key of `PALETTES`: in it the
        session may keep colours, or they are found.
    """

    session: Session
    voxel_size: VoxelSize | None
    start: Voxel
    provenance: dict[str, Any]
    opened: OpenSession
    shown: LabelColours | str = BRIGHT

    @classmethod
    def of(cls, opened: OpenSession, at: int | None = None, shown: LabelColours | str = BRIGHT) -> Self:
        """Take the session as it stands, or after edit `at` (0 = before the first), which replays that many rows.

        Raises
        ------
        UserError
            If there is no such edit.
        """
        session = opened.session if at is None else open_session_at(opened, at)
        facts = opened.facts
        start = facts.box_of(session.state.base.fragments.shape).start
        return cls(session, facts.voxel_size, start, _provenance(opened, len(session.log.rows)), opened, shown)

    @property
    def place(self) -> NDArray[np.float64]:
        """Place of its first voxel in voxels (z, y, x), in the coordinates of the stack."""
        return np.array(self.start) + np.array(self.opened.facts.origin or (0.0, 0.0, 0.0))

    @property
    def labels(self) -> MappedLabels:
        """The segment of each voxel."""
        table = self.session.state.table
        return MappedLabels(self.session.state.base.fragments, table.astype(file_dtype(label_dtype(int(table.max())))))

    @property
    def fragments(self) -> Ids:
        """The fragments that are there, (k,)."""
        state = self.session.state
        return np.flatnonzero((state.sizes > 0) & (state.table > 0)).astype(state.table.dtype)

    @cached_property
    def colours(self) -> LabelColours:
        """The colour of each segment; segments that touch differ."""
        if isinstance(self.shown, LabelColours):
            return self.shown
        state, kept = self.session.state, None
        with suppress(UserError):
            kept = read_colours(self.opened.folder)
        return coloured(state.edges, state.table, self.shown, kept)

    def neurons(self) -> NeuronTable:
        """Return all neurons, with their boxes."""
        return neuron_table(self.session.state, self.boxes())

    def boxes(self) -> FragmentBoxes:
        """Return the boxes of the fragments, also of those that are there only before or after this edit."""
        return drive(find_boxes(self.opened))

    def required_voxel_size(self) -> VoxelSize:
        """Return the voxel size in nm.

        Raises
        ------
        UserError
            If it is not known.
        """
        if self.voxel_size is None:
            raise UserError(
                "export: the voxel size in nm is needed, and the session has none; "
                "segment the stack again with its voxel size."
            )
        return self.voxel_size


def _provenance(opened: OpenSession, edits: int) -> dict[str, Any]:
    return {
        **opened.facts.as_json(),
        "program": f"napari-emcad {__version__}",
        "session": opened.folder.name,
        "edits": edits,
    }
