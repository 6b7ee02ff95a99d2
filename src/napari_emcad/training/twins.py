"""Sections that nobody labelled, next to labelled ones: a warped copy of the labelled one stands for them.

A single painted section knows no pair of voxels across sections. Its copy, bent, moved and lit otherwise as the next
section would be, gives it some; what that is worth is in docs/benchmarks.md.
"""

import numpy as np
from numpy.random import Generator

from napari_emcad.training.augment import Array, Arrays, add_noise, bend, change_grey_levels

SPREAD, GRID = 4.0, 48
"""A copy is bent by nodes that are `GRID` pixels apart, moved by up to this standard deviation: so things grow."""


def with_twins(rng: Generator, chance: float, *arrays: Array) -> Arrays:
    """Return a block in which copies of labelled sections stand, by chance, for neighbours of which nothing is known.

    Parameters
    ----------
    rng : Generator
    chance : float
        From 0 to 1; a neighbour that is not replaced is shown as it is, and z learns nothing.
    arrays : (z, y, x) each
        Image in [0, 1], labels and the mask of known voxels; not modified.
    """
    known = arrays[-1]
    has = np.array([section.any() for section in known])
    if has.all() or not has.any():
        return arrays
    arrays = tuple(values.copy() for values in arrays)
    for z in np.flatnonzero(has):
        free = [n for n in (z - 1, z + 1) if 0 <= n < len(has) and not has[n]]
        if free and rng.random() < chance:
            neighbour = int(rng.choice(free))
            for values, twin in zip(arrays, _twin(rng, *(values[z : z + 1] for values in arrays)), strict=True):
                values[neighbour] = twin[0]
            has[neighbour] = True
    return arrays


def _twin(rng: Generator, *section: Array) -> Arrays:
    """Return a section, (1, y, x) each, as it might go on."""
    bent = bend(rng, *section, spread=rng.uniform(0, SPREAD), grid=GRID)
    return add_noise(rng, *change_grey_levels(rng, *bent), most=0.03)
