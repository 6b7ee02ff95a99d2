"""The truth of a place: a session, a Labels layer, or nobody says which voxels belong together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box
from napari_emcad.core.painted import looks_painted, painted_known
from napari_emcad.core.wording import count
from napari_emcad.proofreading.corrections import CORRECTIONS, share_verified, verified_labels
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.kit.layers import volume_of

SECTIONS_SEEN = 32
"""Sections of a Labels layer that are looked at to tell painted labels from dense ones."""


class CropTruth(Protocol):
    """A source of verified labels in a box of the stack."""

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_] | None:
        """(z, y, x): True where the labels are verified; None = everywhere."""
        ...

    def labels_in(self, box: Box) -> NDArray[Any]:
        """(z, y, x) integer, 0 = boundary."""
        ...

    def share_in(self, box: Box, all_checked: bool) -> float:
        """Share of the voxels that are verified, 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class SessionTruth:
    """The segments of a session that lies in `box` of the stack."""

    session: Session
    folder: Path
    box: Box

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_] | None:
        if all_checked and self.session.state.planned is None:
            return None
        return verified_labels(self.session, box.within(self.box), all_checked)[1]

    def labels_in(self, box: Box) -> NDArray[Any]:
        return verified_labels(self.session, box.within(self.box))[0]

    def share_in(self, box: Box, all_checked: bool) -> float:
        return share_verified(self.session, box.within(self.box), all_checked)

    @property
    def edits_text(self) -> str:
        """The work of people in it: "3 corrections, 2 neurons done"."""
        rows = (self.session.log.rows[seq - 1] for seq in self.session.in_force)
        corrections = sum(row.kind in CORRECTIONS for row in rows)
        done = len(self.session.state.locked)
        return f"{count(corrections, 'correction')}, {count(done, 'neuron')} done"


@dataclass(frozen=True, eq=False)
class LayerTruth:
    """A Labels layer that lies in `box` of the stack; its 0 is boundary where all is checked.

    Else its profiles were painted: they end where the paint ends, and nothing is known beyond (`core.painted`).
    """

    layer: Labels
    box: Box

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_] | None:
        return None if all_checked else painted_known(self.labels_in(box))

    def labels_in(self, box: Box) -> NDArray[Any]:
        return np.asarray(volume_of(self.layer)[box.within(self.box).slices])

    def share_in(self, box: Box, all_checked: bool) -> float:
        return 1.0 if all_checked else float(np.mean(painted_known(self.labels_in(box))))

    def looks_painted(self, box: Box) -> bool:
        """Return True if 0 seems to stand for "not painted" in a box; looks at `SECTIONS_SEEN` sections, at most."""
        first, *plane = box.within(self.box).slices
        sections = np.unique(np.linspace(first.start, first.stop - 1, SECTIONS_SEEN).round().astype(int))
        labels = volume_of(self.layer)
        return looks_painted(np.stack([np.asarray(labels[(z, *plane)]) for z in sections.tolist()]))


class NoTruth:
    """Nobody has verified anything: only a teacher teaches here."""

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_]:
        return np.broadcast_to(np.False_, box.shape)

    def labels_in(self, box: Box) -> NDArray[np.uint8]:
        return np.broadcast_to(np.uint8(0), box.shape)

    def share_in(self, box: Box, all_checked: bool) -> float:
        return 0.0
