"""The truth of a labelled crop as affinities, on the device where the losses are computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from napari_emcad.core.affinities import Offset, shifted


class Target(NamedTuple):
    """Affinities to learn, and a mask of the known ones."""

    affinities: Tensor  # (n, c, z, y, x) bool
    known: Tensor  # (n, c, z, y, x) bool


@dataclass(frozen=True)
class Truth:
    """Labels without the borders between touching neurons, and a mask of verified voxels; made by `of`.

    Attributes
    ----------
    labels : (n, z, y, x) integer
        0 = boundary.
    known : (n, z, y, x) bool
        False = not verified: no supervised loss there.
    seen : (n, z, y, x) bool, optional
        False = the picture is missing: no loss there, not even against a teacher. None = all is seen.
    """

    labels: Tensor
    known: Tensor
    seen: Tensor | None = None

    @classmethod
    def of(cls, labels: Tensor, known: Tensor | None = None, seen: Tensor | None = None) -> "Truth":
        """Return the truth of a batch of crops.

        Parameters
        ----------
        labels : (n, z, y, x) integer
            0 = boundary or unlabelled. All labels draw borders, verified or not: a verified neuron ends where another
            one begins.
        known : (n, z, y, x) bool, optional
            None = all is verified.
        seen : (n, z, y, x) bool, optional
            None = all is seen; what is not is not known either.
        """
        known = torch.ones_like(labels, dtype=torch.bool) if known is None else known
        return cls(without_borders(labels), known if seen is None else known & seen, seen)

    def target(self, offsets: Sequence[Offset]) -> Target:
        """Return the affinities of these (z, y, x) offsets, in voxels."""
        return Target(affinities_of_labels(self.labels, offsets), known_pairs(self.known, offsets))

    def sections(self, start: int, stop: int | None = None) -> "Truth":
        """Return the truth of the sections from `start` on and before `stop`, as if there were no others."""
        seen = None if self.seen is None else self.seen[:, start:stop]
        return Truth(self.labels[:, start:stop], self.known[:, start:stop], seen)


def affinities_of_labels(labels: Tensor, offsets: Sequence[Offset]) -> Tensor:
    """Return `core.affinities.affinities_of_labels` of a batch on any device.

    Parameters
    ----------
    labels : (n, z, y, x) integer
        0 = boundary or unlabelled.
    offsets : sequence of (z, y, x)
        In voxels; may be longer than the crop.

    Returns
    -------
    (n, c, z, y, x) bool
        True where both voxels of a pair carry the same label that is not 0; False where the partner lies outside.
    """
    return _pairs(labels, offsets, lambda here, there: (here == there) & (here != 0))


def known_pairs(known: Tensor, offsets: Sequence[Offset]) -> Tensor:
    """Return (n, c, z, y, x) bool: True if both voxels of a pair are known and lie inside."""
    return _pairs(known, offsets, torch.logical_and)


def _pairs(voxels: Tensor, offsets: Sequence[Offset], joined: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    result = torch.zeros(len(voxels), len(offsets), *voxels.shape[1:], dtype=torch.bool, device=voxels.device)
    for c, offset in enumerate(offsets):
        here, there = shifted(offset)
        result[:, c][(slice(None), *here)] = joined(voxels[(slice(None), *here)], voxels[(slice(None), *there)])
    return result


def without_borders(labels: Tensor) -> Tensor:
    """Return `core.affinities.without_borders` of a batch on any device.

    Parameters
    ----------
    labels : (..., y, x) integer
        0 = boundary or unlabelled; not modified.

    Returns
    -------
    (..., y, x), the dtype of `labels`
        0 where the 3 x 3 neighbourhood in the section holds two different neurons.
    """
    top = torch.iinfo(labels.dtype).max
    largest = _over_neighbours(torch.maximum, labels)
    smallest = _over_neighbours(torch.minimum, labels.masked_fill(labels == 0, top))
    return labels.masked_fill((smallest != largest) & (largest != 0), 0)


def _over_neighbours(extreme: Callable[[Tensor, Tensor], Tensor], labels: Tensor) -> Tensor:
    """Return the largest or smallest label in each 3 x 3 neighbourhood of a section.

    Done by shifting: pooling knows no integers on some devices.
    """
    for step in ((1, 0), (0, 1)):
        (y, x), (there_y, there_x) = shifted(step)
        result = labels.clone()
        result[..., y, x] = extreme(result[..., y, x], labels[..., there_y, there_x])
        result[..., there_y, there_x] = extreme(result[..., there_y, there_x], labels[..., y, x])
        labels = result
    return labels
