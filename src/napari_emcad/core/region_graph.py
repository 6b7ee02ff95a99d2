"""The region graph: pairs of fragments that touch, their contact and its affinities."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.volume import AffinityVolume

QUANTILES = (10, 25, 50, 75, 100)
"""Affinity quantiles that are kept for each edge, in percent."""

LEVEL_BITS, ID_BITS = 8, 28
"""Bits of an affinity level and of a fragment id: two ids and a level are sorted as one 64-bit number."""


@dataclass(frozen=True)
class RegionGraph:
    """Edges u < v between touching fragments, sorted by (u, v), each once.

    Attributes
    ----------
    u, v : (m,) Ids
    mean : (m,) float32
        Mean affinity over the contact, in [0, 1].
    quantiles : (m, len(QUANTILES)) float32
        Affinity quantiles over the contact: the smallest affinity that at least so many percent do not exceed.
    area : (m,) int64
        Contact area in voxel faces.
    contact : (m, 3) int32
        A voxel (z, y, x) at the contact, one of median affinity.
    """

    u: Ids
    v: Ids
    mean: NDArray[np.float32]
    quantiles: NDArray[np.float32]
    area: NDArray[np.int64]
    contact: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.u)

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> "RegionGraph":
        """Return some of the edges, by a mask or by their places."""
        return RegionGraph(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @property
    def pairs(self) -> NDArray[np.uint64]:
        """(m,): u and v in one number each, in the order of the edges, where ids have 32 bits."""
        return self.u.astype(np.uint64) << np.uint64(32) | self.v.astype(np.uint64)

    @property
    def strongest(self) -> NDArray[np.float32]:
        """(m,): the highest affinity over each contact, in [0, 1]."""
        return self.quantiles[:, QUANTILES.index(100)]


class _Faces(NamedTuple):
    """Voxel faces between fragments, counted by pair and affinity level."""

    key: NDArray[np.uint64]  # u, v, level from high to low bits
    number: NDArray[np.int64]  # of faces
    voxel: NDArray[np.int64]  # flat index of one such voxel

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "_Faces":
        """Return some of the faces, by a mask or by their places."""
        return _Faces(self.key[which], self.number[which], self.voxel[which])


_Columns = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer], NDArray[np.int64]]
"""u, v, level and place of faces, (k,) each."""

_NO_FACES = _Faces(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))


def build_region_graph(
    affinities: AffinityVolume, fragments: Ids, own: Box | None = None, planned: PlannedBox | None = None
) -> Job[RegionGraph]:
    """Build the region graph of a fragment volume with the affinities over each contact.

    Strategy: in each section every face between two fragments becomes one number (u, v, affinity, place); sorted,
    the faces of an edge stand together in the order of their affinities, so that area, mean, quantiles and a
    contact point are read off. Sections run in parallel threads. Faces are kept no longer than until the edge can
    have no more of them: with fragments of one section, which is the rule, they are not kept at all.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8
        Channels z, y, x, to the previous voxel, value x 255; read by sections.
    fragments : (z, y, x) uint32
        0 = none: has no edges.
    own : Box, optional
        Only faces between a voxel of this box of the arrays and the one before it count, wherever that lies. So each
        face of a volume counts in one block. None = all of it.
    planned : PlannedBox, optional
        Says which voxel of another section lies before each; of the arrays' shape. None = the one at its place.
    """
    n = int(fragments.max(initial=0))
    if n >> ID_BITS:
        raise UserError(
            f"region graph: at most {(1 << ID_BITS) - 1:,} fragments are possible, got {n:,}; choose a smaller region."
        )
    own = own or Box.whole(fragments.shape)
    sections, open_faces, reach = range(own.start[0], own.stop[0]), _NO_FACES, planned.reach if planned else 1
    parts: list[RegionGraph] = []
    watch, last = Stopwatch("region graph", len(sections)), _last_sections(fragments, n)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            found = pool.map(lambda z: _section_faces(affinities, fragments, z, own, planned), sections)
            for done, (z, faces) in enumerate(zip(sections, found, strict=True), 1):
                closed, open_faces = _parted(_merged(open_faces, faces), last, z, reach)
                parts.append(_edges_of_faces(closed, fragments.shape))
                yield watch.at(done)
        finally:
            pool.shutdown(cancel_futures=True)
    return joined_graphs(parts) if parts else _no_edges()


def joined_graphs(parts: Sequence[RegionGraph]) -> RegionGraph:
    """Return the edges of all parts, at least one, sorted; each edge must be in one of them only."""
    graph = RegionGraph(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(RegionGraph)))
    return graph.chosen(np.lexsort((graph.v, graph.u)))


def _last_sections(fragments: Ids, n: int) -> NDArray[np.int32]:
    """Return the last section that each fragment 0..n is in."""
    last = np.zeros(n + 1, np.int32)
    for z, section in enumerate(fragments):
        last[section.ravel()] = z
    return last


def _merged(one: _Faces, other: _Faces) -> _Faces:
    """Return the faces of both, sorted by key."""
    if not len(one.key):
        return other
    key = np.concatenate([one.key, other.key])
    number = np.concatenate([one.number, other.number])
    voxel = np.concatenate([one.voxel, other.voxel])
    return _Faces(key, number, voxel).chosen(np.argsort(key, kind="stable"))


def _parted(faces: _Faces, last: NDArray[np.int32], z: int, reach: int) -> tuple[_Faces, _Faces]:
    """Return the faces of edges that no section after z can add to, and those of the others.

    A later face lies in a section after z, or between it and one of the `reach` sections before it.
    """
    u, v = (last[ids] for ids in _ends(faces.key >> np.uint64(LEVEL_BITS)))
    stays = (np.maximum(u, v) > z) & (np.minimum(u, v) > z - reach)
    if not stays.any():
        return faces, _NO_FACES
    return faces.chosen(~stays), faces.chosen(stays)


def _section_faces(affinities: AffinityVolume, fragments: Ids, z: int, own: Box, planned: PlannedBox | None) -> _Faces:
    """Find the faces inside section z and between it and the one before, whose later voxel lies in a box.

    Strategy: each channel compares the section with what lies before each voxel. Voxels of two fragments are faces; the
    four lists u, v, level and place are sorted together, so that equal (u, v, level) stand in runs that are counted.
    """
    ids, values = fragments[z], affinities[:, z]
    place = np.arange(ids.size).reshape(ids.shape)
    _, *plane = own.slices
    lists = []
    for before, level in zip(_voxels_before(fragments, z, planned), values, strict=True):
        here, there = ids[*plane], before[*plane]
        between = (here != there) & (here > 0) & (there > 0)
        lists.append((there[between], here[between], level[*plane][between], place[*plane][between]))
    a, b, level, place = (np.concatenate(column) for column in zip(*lists, strict=True))
    u, v, level, place = _sorted(np.minimum(a, b), np.maximum(a, b), level, place)
    return _counted(u, v, level, place + z * ids.size)


def _voxels_before(fragments: Ids, z: int, planned: PlannedBox | None) -> tuple[Ids, Ids, Ids]:
    """Return the fragment of the voxel before each of a section on z, y and x, (y, x) each; 0 = none."""
    ids = fragments[z]
    on_y, on_x = np.zeros_like(ids), np.zeros_like(ids)
    on_y[1:], on_x[:, 1:] = ids[:-1], ids[:, :-1]
    if planned:
        return planned.before(z, fragments), on_y, on_x
    return fragments[z - 1] if z else np.zeros_like(ids), on_y, on_x


def _sorted(u: Ids, v: Ids, level: NDArray[np.uint8], place: NDArray[np.int64]) -> _Columns:
    """Sort the faces by (u, v, level, place).

    Strategy: if all columns fit, they are packed into one number of 63 bits, which is sorted in place and unpacked
    again; several times faster than to sort by four keys.
    """
    low = int(u.min()) if len(u) else 0
    id_bits = int(v.max(initial=low) - low).bit_length()
    place_bits = int(place.max(initial=0)).bit_length()
    if 2 * id_bits + LEVEL_BITS + place_bits > 63:
        order = np.lexsort((place, level, v, u))
        return u[order], v[order], level[order], place[order]
    widths = (id_bits, LEVEL_BITS, place_bits)
    packed = u.astype(np.uint64) - np.uint64(low)
    others: tuple[NDArray[np.integer], ...] = (v - np.uint32(low), level, place)
    for column, bits in zip(others, widths, strict=True):
        packed = (packed << np.uint64(bits)) | column.astype(np.uint64)
    packed.view(np.int64).sort()  # a quarter faster than unsigned
    columns: list[NDArray[np.uint64]] = []
    for bits in reversed(widths):
        columns.append(packed & np.uint64((1 << bits) - 1))
        packed = packed >> np.uint64(bits)
    places, levels, aboves = columns
    return packed + np.uint64(low), aboves + np.uint64(low), levels, places.astype(np.int64)


def _counted(
    u: NDArray[np.integer], v: NDArray[np.integer], level: NDArray[np.integer], voxel: NDArray[np.int64]
) -> _Faces:
    """Count the runs of equal (u, v, level) in sorted faces; each run keeps its middle voxel."""
    key = _key(u, v, level)
    starts = _starts(key)
    ends = np.append(starts[1:], len(key))
    return _Faces(key[starts], ends - starts, voxel[(starts + ends) // 2])


def _edges_of_faces(faces: _Faces, shape: tuple[int, ...]) -> RegionGraph:
    """Return the edges that sorted faces of whole edges make up.

    Strategy: faces of one edge stand in a run, in the order of their levels. The cumulated count tells which level a
    quantile of the run falls on, by a search for its rank.
    """
    key, number, voxel = faces
    pair, level = key >> np.uint64(LEVEL_BITS), (key & np.uint64(255)).astype(np.float64)
    starts = _starts(pair)
    if not len(starts):
        return _no_edges()
    area = np.add.reduceat(number, starts)
    upto = np.cumsum(number)
    before = upto[starts] - number[starts]
    at = [np.searchsorted(upto, before + np.ceil(area * q / 100).astype(np.int64)) for q in QUANTILES]
    u, v = _ends(pair[starts])
    return RegionGraph(
        u=u,
        v=v,
        mean=(np.add.reduceat(level * number, starts) / area / 255).astype(np.float32),
        quantiles=np.stack([level[i] / 255 for i in at], axis=1).astype(np.float32),
        area=area,
        contact=np.stack(np.unravel_index(voxel[at[QUANTILES.index(50)]], shape), axis=1).astype(np.int32),
    )


def _key(u: NDArray[np.integer], v: NDArray[np.integer], level: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return u, v and level as one number, from high to low bits."""
    key = u.astype(np.uint64)
    key = (key << np.uint64(ID_BITS)) | v.astype(np.uint64)
    return (key << np.uint64(LEVEL_BITS)) | level.astype(np.uint64)


def _ends(pair: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the fragments u and v of keys without a level."""
    return (pair >> np.uint64(ID_BITS)).astype(np.uint32), (pair & np.uint64((1 << ID_BITS) - 1)).astype(np.uint32)


def _starts(key: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the places at which runs of equal keys begin."""
    return np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.intp)


def _no_edges() -> RegionGraph:
    """Return a graph without edges."""
    ids, values = np.empty(0, np.uint32), np.empty(0, np.float32)
    quantiles, contact = np.empty((0, len(QUANTILES)), np.float32), np.empty((0, 3), np.int32)
    return RegionGraph(ids, ids, values, quantiles, np.empty(0, np.int64), contact)
