"""Surfaces of a session's neurons, made once and kept as long as their fragments are the same."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.surfaces import Surface, neuron_surface
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.widgets.desk.on_screen import Proofreading

ROOM = 300_000_000
"""Bytes of surfaces that are kept; those looked at longest ago go first."""


@dataclass(frozen=True)
class Make:
    """What a neuron is made of, and with it its surface: a fragment's id never stands for other voxels.

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

    def shares(self, other: "Make") -> bool:
        """Whether a fragment is in both."""
        return bool(np.intersect1d(self.members, other.members).size)


class NeuronSurfaces:
    """Makes surfaces in jobs and keeps them.

    A job reads fragments while people edit. Where a fragment is parted meanwhile, what the job brings is dropped.
    """

    def __init__(self, proofreading: Proofreading, room: int = ROOM):
        self._at, self._room = proofreading, room
        self._kept: OrderedDict[Make, Surface] = OrderedDict()
        self._made: deque[tuple[int, Make, Surface]] = deque()
        self._edges, self._edition = proofreading.session.state.edges, 0

    @property
    def edition(self) -> int:
        """Another number whenever fragments have been parted, or that was undone."""
        if self._at.session.state.edges is not self._edges:
            self._edges = self._at.session.state.edges
            self._edition += 1
        return self._edition

    def make_of(self, members: Ids) -> Make:
        """What a neuron of these fragments is made of."""
        return Make(members.astype(np.int64).tobytes(), VoxelSize(*self._at.layer.scale[-3:]))

    def get(self, make: Make) -> Surface | None:
        """A surface that has been made."""
        if make in self._kept:
            self._kept.move_to_end(make)
        return self._kept.get(make)

    def making(self, makes: Sequence[Make]) -> Job[None]:
        """Make surfaces; after each step `take` what is there."""
        return self._making(list(makes), self.edition, self._at.session.state.base.fragments, self._at.boxes)

    def take(self, in_use: Iterable[Make]) -> None:
        """Keep what a job has brought up to now; what is in use stays, however much it is."""
        while self._made:
            edition, make, surface = self._made.popleft()
            if edition == self.edition:
                self._kept[make] = surface
        needed, size = set(in_use), sum(surface.nbytes for surface in self._kept.values())
        for make in [make for make in self._kept if make not in needed]:
            if size > self._room:
                size -= self._kept.pop(make).nbytes

    def _making(self, makes: list[Make], edition: int, fragments: FragmentVolume, boxes: FragmentBoxes) -> Job[None]:
        watch = Stopwatch("surfaces", len(makes))
        for done, make in enumerate(makes, start=1):
            self._made.append((edition, make, neuron_surface(fragments, make.members, boxes, make.voxel_size)))
            yield watch.at(done)
