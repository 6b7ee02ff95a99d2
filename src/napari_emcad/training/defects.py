"""Sections with defects, as serial-section stacks have them: missing, pale, blurred, slipped and wrong ones.

What is learnt from each:

    missing   nothing: its voxels are not seen, and no pair of voxels with one of them carries a loss. Sections around
              it are learnt, and pairs of voxels across it, so that a teacher learns to look past it
    pale      its own labels: what is there can still be seen
    blurred   its own labels: borders that it shows no more can be taken from its neighbours
    slipped   its labels, which go along: affinities in the section stay true, and those to other sections are of what
              lies on each other now, as regions that touch are found. Labels that stayed where they were would teach
              borders that lie beside the membranes
    wrong     its labels go along, under ids of its own: in the section affinities stay true, and it belongs to no
              neuron of another section. A network that has learnt to part what does not match joins nothing by mistake

Defects are drawn by a generator of their own: blocks without one are those that they were.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.blending import mirrored_places
from napari_emcad.training.params import DefectChances

CONTRAST = (0.15, 0.6)
"""Contrast that a pale section keeps, least and most."""

FADED = 0.2
"""Grey levels, in [0, 1], that a pale section is brightened or darkened by at most."""

SIGMA = (1.5, 6.0)
"""Gaussians of blurred sections, least and most, in pixels."""

SLIP = 24
"""Pixels on y and x that a section slips by at most."""


class Sections(NamedTuple):
    """A block, and what can be learnt in it; all arrays are (z, y, x)."""

    image: NDArray[np.float32]  # in [0, 1]
    labels: NDArray[np.int64]  # 0 = boundary
    known: NDArray[np.bool_]  # labels are verified
    seen: NDArray[np.bool_]  # False where the picture is missing: not even a teacher can teach there

    def copy(self) -> "Sections":
        """Return copies of all arrays."""
        return Sections(self.image.copy(), self.labels.copy(), self.known.copy(), self.seen.copy())


def with_defects(rng: Generator, sections: Sections, chances: DefectChances) -> Sections:
    """Return the sections with defects, at most one drawn for each; the arrays given are not modified.

    Parameters
    ----------
    rng : Generator
    sections : Sections
    chances : DefectChances
    """
    names = tuple(DEFECTS)
    shares = [getattr(chances, name) for name in names]
    drawn = rng.choice(len(names) + 1, len(sections.image), p=[*shares, max(0.0, 1 - sum(shares))])
    changed = sections.copy()
    for z in np.flatnonzero(drawn < len(names)).tolist():
        DEFECTS[names[drawn[z]]](rng, changed, z)
    return changed


def lose(rng: Generator, sections: Sections, z: int) -> None:
    """Blank a section, or as often its part on one side of a line, with one grey level."""
    _, *size = sections.image.shape
    part = (slice(None),) if rng.random() < 0.5 else _side(rng, size)
    sections.image[z][part] = rng.choice([0, 1, rng.random()])
    sections.seen[z][part] = False


def fade(rng: Generator, sections: Sections, z: int) -> None:
    """Take contrast from a section, and change its brightness."""
    section = sections.image[z]
    mean, contrast = section.mean(), rng.uniform(*CONTRAST)
    section[:] = np.clip((section - mean) * contrast + mean + rng.uniform(-FADED, FADED), 0, 1)


def defocus(rng: Generator, sections: Sections, z: int) -> None:
    """Blur a section."""
    sections.image[z] = ndimage.gaussian_filter(sections.image[z], rng.uniform(*SIGMA))


def slip(rng: Generator, sections: Sections, z: int) -> None:
    """Move a section, or as often it and all that follow, by up to `SLIP` pixels, with its labels.

    What comes in over the rim is mirrored, and nothing is known there.
    """
    depth, *size = sections.image.shape
    stop = depth if z and rng.random() < 0.5 else z + 1
    shift = rng.integers(-SLIP, SLIP + 1, 2)
    from_where = np.ix_(*(mirrored_places(-s, n - s, n) for s, n in zip(shift, size, strict=True)))
    stays = np.zeros(size, bool)
    stays[tuple(slice(max(0, s), max(0, n + s)) for s, n in zip(shift, size, strict=True))] = True
    for moved in range(z, stop):
        for array in sections:
            array[moved] = array[moved][from_where]
        sections.known[moved] &= stays


def replace_by_wrong(rng: Generator, sections: Sections, z: int) -> None:
    """Show a section mirrored or turned by half a turn, with its labels under ids that no other section has."""
    axes = ((0,), (1,), (0, 1))[rng.integers(3)]
    for array in sections:
        array[z] = np.flip(array[z], axes).copy()
    _, number = np.unique(sections.labels[z], return_inverse=True)
    sections.labels[z] = np.where(sections.labels[z] == 0, 0, sections.labels.max() + 1 + number)


DEFECTS: dict[str, Callable[[Generator, Sections, int], None]] = {
    "missing": lose,
    "pale": fade,
    "blurred": defocus,
    "slipped": slip,
    "wrong": replace_by_wrong,
}
"""Field of `DefectChances` -> what it does to one section, in place."""


def _side(rng: Generator, size: Sequence[int]) -> tuple[slice, ...]:
    """Draw the part of a section on one side of a row or column: at least one pixel, and not all."""
    axis = int(rng.integers(2))
    line = int(rng.integers(1, size[axis]))
    of_axis = slice(None, line) if rng.random() < 0.5 else slice(line, None)
    return (of_axis,) if axis == 0 else (slice(None), of_axis)
