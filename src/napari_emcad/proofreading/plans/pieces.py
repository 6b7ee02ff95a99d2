"""Pieces: fragments that hang together, by contacts or by bridges."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.ids import FragmentId, Ids
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.effects import Bridge
from napari_emcad.proofreading.state import State


def find_pieces(state: State, contacts: Contacts, fragments: Ids) -> list[Ids]:
    """Return the pieces of sorted fragments, each sorted."""
    graph = contacts.segment_graph(fragments, state.bridge_ends)
    return connected_pieces(fragments, graph.u, graph.v)


def connected_pieces(fragments: Ids, u: NDArray[np.integer], v: NDArray[np.integer]) -> list[Ids]:
    """Return the pieces of fragments, (n,), from edges between their places in the array, (m,) each."""
    n = len(fragments)
    label = connected_components(coo_array((np.ones(len(u)), (u, v)), (n, n)), False)[1]
    order = np.argsort(label, kind="stable")
    return np.split(fragments[order], np.cumsum(np.bincount(label))[:-1])


def bridge_pieces(state: State, contacts: Contacts, fragments: Ids) -> tuple[Bridge, ...]:
    """Return the bridges that make sorted fragments hang together: from the first piece to each other one."""
    first, *others = [largest_of(state, piece) for piece in find_pieces(state, contacts, fragments)]
    return tuple((first, end) for end in others)


def largest_of(state: State, fragments: Ids) -> FragmentId:
    """Return the fragment of most voxels, of several the first."""
    return FragmentId(int(fragments[np.argmax(state.sizes[fragments])]))
