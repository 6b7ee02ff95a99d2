"""A labelling from elsewhere -> a segmentation that can be proofread.

Fragments are the connected pieces of each label in each section. They are numbered so that a label keeps its id: the
merge tree names a segment by its first leaf, and the first leaf of label 7 is fragment 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from skimage.measure import label

from napari_emcad.core.affinities import UNKNOWN
from napari_emcad.core.errors import UserError
from napari_emcad.core.label_look import SMALLEST_MEAN
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.progress import Job, Progress, Stopwatch
from napari_emcad.core.region_graph import RegionGraph, build_region_graph, joined_graphs
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.core.volume import AffinityVolume, Volume
from napari_emcad.core.wording import count

LabelStack = Volume | Sequence[NDArray[Any]]
"""Labels (z, y, x) read section by section: an array, or a list of sections (y, x) of one shape."""

EXACT = 2**53
"""The largest number up to which floating-point numbers do not skip whole ones."""


@dataclass(frozen=True)
class LabelFragments:
    """The pieces of a labelling, and what became of its ids.

    Attributes
    ----------
    fragments : (z, y, x) uint32
        1..n without gaps, 0 = none.
    tree : MergeTree
        At every threshold the pieces of a label make up one segment.
    labels : (k,) uint64
        The labels there are, rising, without 0.
    segments : (k,) uint32
        The segment of each: of the same id up to n, so `labels` that are sparse or have 64 bits get another one.
    """

    fragments: NDArray[np.uint32]
    tree: MergeTree
    labels: NDArray[np.uint64]
    segments: NDArray[np.uint32]

    @property
    def renumbered(self) -> int:
        """Number of labels that could not keep their id."""
        return int(np.count_nonzero(self.labels != self.segments))

    @property
    def ids_text(self) -> str:
        """A half sentence on the ids: "all ids are kept" or "3 of 7 ids renumbered, as they are above 6"."""
        if not self.renumbered:
            return "all ids are kept"
        n = int(self.fragments.max())
        return f"{self.renumbered} of {count(len(self.labels), 'id')} renumbered, as they are above {n:,}"


def find_label_fragments(labels: LabelStack) -> Job[LabelFragments]:
    """Find the connected pieces of each label in each section, and number them.

    Parameters
    ----------
    labels : LabelStack
        Whole numbers of any dtype, 0 = none; read once, section by section; not modified.

    Raises
    ------
    UserError
        If these are no labels or all are background.
    """
    check_labels(labels)
    fragments, owner = yield from _pieces(labels)
    if not len(owner):
        raise UserError(
            f"labels: neurons are needed, all {len(fragments)} sections are background; choose other labels."
        )
    found, first, place = np.unique(owner, return_index=True, return_inverse=True)
    number = _numbers(found, first, len(owner))
    for section in fragments:
        section[:] = number[section]
    return LabelFragments(fragments, _tree(place, number[1:]), found, number[1:][first])


def build_segmentation(
    pieces: LabelFragments, affinities: AffinityVolume | None = None, planned: PlannedBox | None = None
) -> Job[Segmentation]:
    """Build a segmentation of the pieces: the region graph of those that touch, and the sizes.

    Parameters
    ----------
    pieces : LabelFragments
    affinities : (3, z, y, x) uint8, optional
        Value x 255; without them all contacts count the same.
    planned : PlannedBox, optional
        The plan for the sections that the affinities were predicted by. Pieces where it shows nothing stay as they are;
        what is known of their contacts is that they touch.
    """
    fragments = pieces.fragments
    unknown = np.broadcast_to(np.array(UNKNOWN, np.uint8), (3, *fragments.shape))
    values = unknown if affinities is None else affinities
    if planned is None:
        graph = yield from build_region_graph(values, fragments)
    else:
        graph = yield from _planned_graph(values, unknown, fragments, planned)
    yield Progress("agglomeration", 1, 1, 0.0)
    return Segmentation(fragments, graph, pieces.tree, fragment_sizes(fragments))


def check_labels(labels: LabelStack) -> None:
    """Refuse anything that is no stack of labels, without a look at its voxels.

    Raises
    ------
    UserError
        If the axes are not z, y, x, there is no voxel, or the dtype is not that of numbers.
    """
    shape = _shape(labels)
    if len(shape) == 2:
        raise UserError(f"labels: a stack (z, y, x) is needed, got one section {shape}; open it as (1, y, x).")
    if len(shape) != 3:
        raise UserError(f"labels: a stack (z, y, x) is needed, got {len(shape)} axes {shape}; choose one time point.")
    if 0 in shape:
        raise UserError(f"labels: voxels are needed, got none, shape {shape}; choose other labels.")
    _check_dtype(getattr(labels, "dtype", np.uint8))


def check_pieces(pieces: LabelFragments, name: str) -> None:
    """Refuse pieces that are as small as those of grey values; `name` begins the sentence.

    Raises
    ------
    UserError
    """
    n = int(pieces.fragments.max())
    size = np.count_nonzero(pieces.fragments) / n
    if size < SMALLEST_MEAN:
        raise UserError(
            f"{name}: labels are needed, these look like grey values: {n:,} pieces of {size:.1f} voxels on average; "
            "choose the file or dataset with labels."
        )


def _planned_graph(
    affinities: AffinityVolume, unknown: AffinityVolume, fragments: NDArray[np.uint32], planned: PlannedBox
) -> Job[RegionGraph]:
    """Build the region graph of what was seen, by its affinities, and of what was not, by unknown ones.

    Contacts of what was seen go across what was not, and beside them all pieces touch those in the section before.
    """
    usable = np.stack([planned.usable(z) for z in range(len(fragments))])
    graph = yield from build_region_graph(affinities, np.where(usable, fragments, 0).astype(np.uint32), planned=planned)
    if usable[fragments > 0].all():
        return graph
    every = yield from build_region_graph(unknown, fragments, planned=planned.as_if_seen())
    return joined_graphs([graph, every.chosen(~np.isin(every.pairs, graph.pairs))])


def _shape(labels: LabelStack) -> tuple[int, ...]:
    """Return the shape of an array, or of a list of sections that are all like the first."""
    if isinstance(labels, Sequence):
        return len(labels), *(np.shape(labels[0]) if len(labels) else (0, 0))
    return tuple(int(n) for n in labels.shape)


def _check_dtype(dtype: DTypeLike) -> None:
    if np.dtype(dtype).kind not in "buif":
        raise UserError(f"labels: whole numbers are needed, got dtype {np.dtype(dtype)}; save them as integers.")


def _pieces(labels: LabelStack) -> Job[tuple[NDArray[np.uint32], NDArray[np.uint64]]]:
    """Find the fragments (z, y, x) uint32 in the order of their voxels, and the label of each, (n,).

    Strategy: each section is labelled on its own, and its pieces are numbered on from those of the one before. A piece
    gets the label of its voxels by writing all of them to its place; the last one stays, and they are equal.
    """
    depth, *plane = _shape(labels)
    fragments = np.zeros((depth, *plane), np.uint32)
    owners: list[NDArray[np.uint64]] = []
    watch, first_free = Stopwatch("fragments", depth), 0
    for z in range(depth):
        section = _section(labels, z, tuple(plane))
        pieces, n = label(section, background=0, connectivity=1, return_num=True)
        owner = np.zeros(n + 1, np.uint64)
        owner[pieces.ravel()] = section.ravel()
        fragments[z] = np.where(pieces, pieces + first_free, 0)
        owners.append(owner[1:])
        first_free += n
        yield watch.at(z + 1)
    return fragments, np.concatenate(owners)


def _section(labels: LabelStack, z: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return section z as whole numbers from 0 on."""
    section = np.asarray(labels[z])
    _check_dtype(section.dtype)
    if section.shape != shape:
        raise UserError(
            f"labels: sections of one shape are needed, got {shape} and in section {z} {section.shape}; "
            "cut them to the same size."
        )
    if section.dtype.kind == "f":
        section = _whole_numbers(section, z)
    if section.dtype.kind == "i" and section.min() < 0:
        raise UserError(
            f"labels: ids from 0 on are needed, got {section.min()} in section {z}; set what is no neuron to 0."
        )
    return section


def _whole_numbers(section: NDArray[np.floating], z: int) -> NDArray[np.int64]:
    """Return floating-point numbers, all of them whole, as integers."""
    wrong = ~((np.floor(section) == section) & (np.abs(section) <= EXACT))
    if wrong.any():
        raise UserError(
            f"labels: whole numbers up to 2**53 are needed where their dtype is {section.dtype}, "
            f"got {section[wrong][0]} in section {z}; save them as integers."
        )
    return section.astype(np.int64)


def _numbers(labels: NDArray[np.uint64], first: NDArray[np.integer], n: int) -> NDArray[np.uint32]:
    """Return the new number of each fragment, (n + 1,) with [0] = 0; the first piece of a label L <= n gets L.

    Strategy: first pieces take the number of their label; the other pieces, in their order, get what numbers are left,
    rising.

    Parameters
    ----------
    labels : (k,) uint64
        The labels, each once.
    first : (k,) int
        Place of the first piece of each, from 0.
    n : int
        Number of fragments.
    """
    keeps = labels <= n
    number = np.zeros(n + 1, np.uint32)
    number[1 + first[keeps]] = labels[keeps]
    is_free = np.ones(n + 1, bool)
    is_free[number] = False  # number[0] is 0
    waits = number == 0
    waits[0] = False
    number[waits] = np.flatnonzero(is_free)
    return number


def _tree(place: NDArray[np.integer], number: NDArray[np.uint32]) -> MergeTree:
    """Return a tree in which fragments of one label are merged before any threshold, and those of two never.

    Parameters
    ----------
    place : (n,) int
        Place of each fragment's label among the labels.
    number : (n,) uint32
        Id of each fragment.
    """
    order = np.argsort(place, kind="stable")
    gaps = np.full(len(order), np.inf, np.float32)
    gaps[1:][place[order][1:] == place[order][:-1]] = -1
    return MergeTree(number[order], gaps)
