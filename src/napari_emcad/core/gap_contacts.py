"""Contacts across sections that are left out: what overlaps by chance there is not one neuron.

Tissue moves on over a gap, so that a fragment also lies on neighbours of the one that it goes on in. The network sees
no membrane there, and one high affinity is enough to join two neurons.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph

LEAST_OVERLAP = 0.25
"""Share of what two outlines cover together that is enough in common to touch across a gap: docs/decisions/0019."""


def without_chance_contacts(graph: RegionGraph, section: NDArray[np.int32]) -> RegionGraph:
    """Return a graph without the contacts across gaps by which two fragments have little in common.

    A contact stays if it is the largest of both fragments with the other's section, or if they have a quarter of what
    they cover together in common.

    Strategy: the outline of a fragment is what it shows to the section on the other side of the gap: the sum of its
    contacts with it. So where only a part of a section is missing, only that part counts; and a block that counts the
    faces of a section sees outlines whole, and decides what the volume would. Only where the section behind a gap is
    shifted may it see a part of an outline, and keep a contact more.

    Parameters
    ----------
    graph : RegionGraph
        Of fragments that lie in one section each.
    section : (n + 1,) int32
        The section of each fragment, see `swallowing.sections_and_sizes`.
    """
    across = np.flatnonzero(np.abs(section[graph.u] - section[graph.v]) > 1)
    if not len(across):
        return graph
    u, v, common = graph.u[across], graph.v[across], graph.area[across]
    one, other = _contacts(u, section[v], common), _contacts(v, section[u], common)
    overlaps = common >= LEAST_OVERLAP * (one.total + other.total - common)
    is_kept = np.ones(len(graph), bool)
    is_kept[across] = overlaps | (common >= np.maximum(one.largest, other.largest))
    return graph.chosen(is_kept)


class _Contacts(NamedTuple):
    """The contacts of a fragment with one other section, for each contact, (k,)."""

    total: NDArray[np.int64]
    largest: NDArray[np.int64]


def _contacts(fragments: Ids, others: NDArray[np.int32], areas: NDArray[np.int64]) -> _Contacts:
    """Return the contacts of each one's fragment with the other section."""
    pairs = fragments.astype(np.int64) * (int(others.max()) + 1) + others
    _, group = np.unique(pairs, return_inverse=True)
    total, largest = np.zeros((2, int(group.max()) + 1), np.int64)
    np.add.at(total, group, areas)
    np.maximum.at(largest, group, areas)
    return _Contacts(total[group], largest[group])
