"""Surfaces of a session's neurons, made once and kept as long as their fragments are the same."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel, VoxelSize, triple
from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.surfaces import Strides, Surface, neuron_surface
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.widgets.desk.on_screen import Proofreading

ROOM = 300_000_000
"""Bytes of surfaces that are kept; those looked at longest ago go first."""


@dataclass(frozen=True)
class Composition:
    """The fragments that a neuron is made of. They stand for its surface: an id never gets other voxels.

    Attributes
    ----------
    fragments : bytes
        Ids, sorted, of 8 bytes each.
    voxel_size : VoxelSize
    """

    fragments: bytes
    voxel_size: VoxelSize

    @property
    def members(self) -> NDArray[np.int64]:
        """The ids of the fragments, sorted."""
        return np.frombuffer(self.fragments, np.int64)

    def shares(self, other: "Composition") -> bool:
        """Return True if a fragment is in both."""
        return bool(np.intersect1d(self.members, other.members).size)


class NeuronSurfaces:
    """Makes surfaces in jobs and keeps them.

    A job reads fragments while people edit. Where a fragment is parted meanwhile, what the job brings is dropped.
    """

    def __init__(self, proofreading: Proofreading, room: int = ROOM):
        self._at, self._room = proofreading, room
        self._kept: OrderedDict[Composition, Surface] = OrderedDict()
        self._new: deque[tuple[int, Composition, Surface]] = deque()
        self._edges, self._edition = proofreading.session.state.edges, 0

    @property
    def edition(self) -> int:
        """A number that is another one whenever fragments have been parted, or that was undone."""
        if self._at.session.state.edges is not self._edges:
            self._edges = self._at.session.state.edges
            self._edition += 1
        return self._edition

    def composition_of(self, members: Ids) -> Composition:
        """Return the composition of a neuron of these fragments."""
        return Composition(members.astype(np.int64).tobytes(), VoxelSize(*self._at.layer.scale[-3:]))

    def get(self, composition: Composition) -> Surface | None:
        """Return a surface that has been made; None if it has not."""
        if composition in self._kept:
            self._kept.move_to_end(composition)
        return self._kept.get(composition)

    def job(self, compositions: Sequence[Composition]) -> Job[None]:
        """Return the job that makes surfaces; after each step `take` those that are there."""
        return self._job(list(compositions), self.edition, self._at.session.state.base.fragments, self._at.boxes)

    def take(self, in_use: Iterable[Composition]) -> None:
        """Keep the surfaces that a job has brought up to now; those in use stay, however large they are."""
        while self._new:
            edition, composition, surface = self._new.popleft()
            if edition == self.edition:
                self._kept[composition] = surface
        needed, size = set(in_use), sum(surface.nbytes for surface in self._kept.values())
        for composition in [one for one in self._kept if one not in needed]:
            if size > self._room:
                size -= self._kept.pop(composition).nbytes

    def _job(
        self, compositions: list[Composition], edition: int, fragments: FragmentVolume, boxes: FragmentBoxes
    ) -> Job[None]:
        watch = Stopwatch("surfaces", len(compositions))
        for done, one in enumerate(compositions, start=1):
            self._new.append((edition, one, neuron_surface(fragments, one.members, boxes, one.voxel_size)))
            yield watch.at(done)


def nearest_voxel(
    fragments: FragmentVolume, composition: Composition, strides: Strides, place: NDArray[np.float64]
) -> Voxel | None:
    """Return the voxel of a neuron nearest to a place on its surface.

    Parameters
    ----------
    fragments : FragmentVolume (z, y, x)
    composition : Composition
        The fragments of the neuron.
    strides : (z, y, x)
        Voxels that one cell of the surface stands for.
    place : (z, y, x)
        In the units of the voxel size.

    Returns
    -------
    (z, y, x) or None
        None if the neuron has no voxel within two cells of the place: it has been edited since.
    """
    voxel_size = np.array(composition.voxel_size)
    middle, reach = place / voxel_size, 2 * np.array(strides)
    low = np.clip(np.floor(middle - reach), 0, fragments.shape).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, 0, fragments.shape).astype(int)
    z, y, x = map(slice, low, high)
    voxels = np.argwhere(np.isin(fragments[z, y, x], composition.members)) + low
    if not len(voxels):
        return None
    apart = (((voxels - middle) * voxel_size) ** 2).sum(axis=1)
    return triple(voxels[np.argmin(apart)])
