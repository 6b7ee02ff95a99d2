"""Taking edges out of a region graph and putting others in; the order by (u, v) stays."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.region_graph import RegionGraph


def edges_at(graph: RegionGraph, fragment: int) -> RegionGraph:
    """All edges of one fragment."""
    return graph.chosen(np.flatnonzero((graph.u == fragment) | (graph.v == fragment)))


def without_edges(graph: RegionGraph, those: RegionGraph) -> RegionGraph:
    """A graph less the edges of another, all of which it has."""
    keep = np.ones(len(graph), bool)
    keep[np.searchsorted(_keys(graph), _keys(those))] = False
    return graph.chosen(keep)


def with_edges(graph: RegionGraph, more: RegionGraph) -> RegionGraph:
    """A graph with the edges of another, none of which it has."""
    places = np.searchsorted(_keys(graph), _keys(more))
    return RegionGraph(*(np.insert(a, places, b, axis=0) for a, b in zip(_columns(graph), _columns(more), strict=True)))


def _columns(graph: RegionGraph) -> tuple[NDArray, ...]:
    return graph.u, graph.v, graph.mean, graph.quantiles, graph.area, graph.contact


def _keys(graph: RegionGraph) -> NDArray[np.uint64]:
    return (graph.u.astype(np.uint64) << np.uint64(32)) | graph.v
