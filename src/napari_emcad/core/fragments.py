"""Affinities -> fragments: a seeded watershed in each section.

Source: Liu et al., CVPR 2024 (and Funke et al., TPAMI 2019) for the recipe. Ours smooths twice: the boundary map, which
closes single leaks in a membrane, and the distance map before its maxima are taken, which cuts the number of fragments
several times and with it the cost of every later step.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import bioimage_cpp
import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.choices import DEFAULT_SEED_SIGMA
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.volume import AffinityVolume

BOUNDARY_SIGMA = 0.7
"""Smoothing of the boundary map in pixels, a Gaussian. Decided by VOI: docs/decisions/0003-fragments.md."""

BOUNDARY_LEVEL = 0.4
"""Boundary values from here on are membrane for the seeds' distance map; the flooding sees the whole map."""

Core = tuple[slice, slice]
"""Slices on y and x: the part of a section that is wanted."""


def find_section_fragments(
    affinities: NDArray[np.uint8],
    seed_sigma: float = DEFAULT_SEED_SIGMA,
    boundary_sigma: float = BOUNDARY_SIGMA,
    usable: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint32]:
    """Flood one section from seeds on its boundary map, 1 - (affinity y + affinity x) / 2.

    Strategy: the seeds are the maxima of the smoothed distance to the membrane, so one lies in the middle of each cell;
    the watershed then floods the smoothed boundary map from them until every pixel has a fragment.

    Parameters
    ----------
    affinities : (2, y, x) uint8
        Channels y and x, value x 255.
    seed_sigma : float
        Pixels of the Gaussian that smooths the distance map before its maxima become seeds; 0 = not at all.
    boundary_sigma : float
        Pixels of the Gaussian that smooths the boundary map; 0 as published.
    usable : (y, x) bool, optional
        Pixels that are flooded; the others get 0, and their affinities have no influence. None = all.

    Returns
    -------
    (y, x) uint32
        1..n without gaps, connected; 0 where nothing is usable.
    """
    if usable is None or usable.all():
        boundary = _smoothed(boundary_map(affinities), boundary_sigma)
        return bioimage_cpp.segmentation.watershed(boundary, _seeds(boundary < BOUNDARY_LEVEL, seed_sigma))
    fragments = np.zeros(usable.shape, np.uint32)
    if usable.any():
        part = extent(usable, 2 + int(4 * max(seed_sigma, boundary_sigma)))
        fragments[part] = _fragments_of_usable(affinities[:, *part], usable[part], seed_sigma, boundary_sigma)
    return fragments


def _fragments_of_usable(
    affinities: NDArray[np.uint8], usable: NDArray[np.bool_], seed_sigma: float, boundary_sigma: float
) -> NDArray[np.uint32]:
    """Flood the usable pixels of a part of a section.

    What is not usable parts fragments as a membrane would. The boundary map is smoothed over the usable pixels alone.
    """
    weight = _smoothed(usable.astype(np.float32), boundary_sigma)
    boundary = _smoothed(np.where(usable, boundary_map(affinities), 0).astype(np.float32), boundary_sigma)
    boundary = np.where(usable, boundary / np.maximum(weight, np.finfo(np.float32).tiny), 1).astype(np.float32)
    seeds = _seeds(boundary < BOUNDARY_LEVEL, seed_sigma)
    flooded = bioimage_cpp.segmentation.watershed(boundary, seeds, mask=usable)
    flooded[usable & (flooded == 0)] = flooded.max() + 1  # islands without a seed
    return _pieces(flooded)


def extent(marked: NDArray[np.bool_], margin: int = 0) -> Core:
    """Return the slices on y and x from the first to the last marked pixel, of at least one, and some pixels more."""
    first_last = (np.flatnonzero(marked.any(axis=axis))[[0, -1]].tolist() for axis in (1, 0))
    y, x = (
        slice(max(0, first - margin), min(side, last + 1 + margin))
        for (first, last), side in zip(first_last, marked.shape, strict=True)
    )
    return y, x


def boundary_map(affinities: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 1 - (affinity y + affinity x) / 2 of channels y and x, (2, ..., y, x) -> (..., y, x), from 0 to 1."""
    return 1 - affinities.sum(0, dtype=np.uint16).astype(np.float32) / 510


def _seeds(inside: NDArray[np.bool_], sigma: float) -> NDArray[np.uint32]:
    """Return the maxima of the smoothed distance to the boundary, numbered; a plateau is one seed."""
    if inside.all():  # no boundary anywhere: the distance would be infinite
        return np.ones(inside.shape, np.uint32)
    distance = bioimage_cpp.distance.distance_transform(inside)
    distance = _smoothed(distance, sigma)
    peaks = (distance == _highest_around(distance)) & (distance > 0)
    if not peaks.any():
        return np.ones(inside.shape, np.uint32)
    return bioimage_cpp.segmentation.label(peaks).astype(np.uint32)


def _smoothed(section: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return bioimage_cpp.filters.gaussian_smoothing(section, sigma) if sigma else section


def _highest_around(section: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the maximum of each pixel and its eight neighbours: SciPy's filter in a fifth of its time."""
    padded = np.pad(section, 1, mode="edge")
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def find_fragments(
    affinities: AffinityVolume,
    seed_sigma: float = DEFAULT_SEED_SIGMA,
    core: Core | None = None,
    planned: PlannedBox | None = None,
    pixel: float = 1.0,
) -> Job[NDArray[np.uint32]]:
    """Find the fragments of a whole stack, sections in parallel threads.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8
        Channels z, y, x, value x 255; read by sections.
    seed_sigma : float
        See `find_section_fragments`.
    core : (slice, slice), optional
        The part on y and x that is wanted; voxels around it only serve as context. A fragment that leaves it and comes
        back is two in it.
    planned : PlannedBox, optional
        Says which pixels are usable; of the shape of the affinities. None = all.
    pixel : float
        Pixels, a side, that count as one in all smoothing: more than 1 if affinities were predicted at larger pixels.

    Returns
    -------
    (z, y, x) uint32
        1..n without gaps, rising with z; 0 where nothing is usable.
    """
    depth = affinities.shape[1]
    sides = affinities.shape[2:] if core is None else [s.stop - s.start for s in core]
    fragments = np.empty((depth, *sides), np.uint32)
    watch, taken = Stopwatch("fragments", depth), 0
    sigmas = pixel * seed_sigma, pixel * BOUNDARY_SIGMA

    def of_section(z: int) -> NDArray[np.uint32]:
        usable = planned.usable(z) if planned else None
        if usable is not None and not usable.any():
            return np.zeros(sides, np.uint32)
        return _core(find_section_fragments(affinities[1:, z], *sigmas, usable=usable), core)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for z, section in enumerate(pool.map(of_section, range(depth))):
                fragments[z] = np.where(section, section + np.uint32(taken), 0)
                taken = max(taken, int(fragments[z].max()))
                yield watch.at(z + 1)
        finally:
            pool.shutdown(cancel_futures=True)
    return fragments


def _core(section: NDArray[np.uint32], core: Core | None) -> NDArray[np.uint32]:
    """Return the connected pieces of the fragments in a part of their section, 1..n."""
    return section if core is None else _pieces(section[core])


def _pieces(section: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the connected pieces of fragments, 1..n: scikit-image takes half as long again."""
    return bioimage_cpp.segmentation.label(section, connectivity=1).astype(np.uint32)
