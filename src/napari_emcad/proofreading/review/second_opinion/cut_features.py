"""Features of a place where a segment may be two: the cut, and the shapes of both sides."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.proofreading.edges import Graph
from napari_emcad.proofreading.review.forest import Forest
from napari_emcad.proofreading.review.second_opinion.shapes import MOMENTS, FragmentShapes, centre, slope, spread

NAMES = (
    "mean affinity of the cut",
    "ln faces of the cut",
    "mean affinity at the edge",
    "ln faces at the edge",
    "ln voxels of the smaller side",
    "ln voxels of the larger side",
    "faces per cross-section of the smaller side",
    "distance on z in spreads",
    "distance in sections in spreads",
    "spread on z of the smaller side",
    "spread on z of the larger side",
    "spread in sections of the smaller side",
    "spread in sections of the larger side",
    "turn",
    "smaller side in the first section",
    "smaller side in the last section",
    "larger side in the first section",
    "larger side in the last section",
    "ln fragments of the smaller side",
    "ln fragments of the larger side",
)
"""The features of a cut, in their order."""


def describe_cuts(
    forest: Forest, graph: Graph, edges: NDArray[np.int64], shapes: FragmentShapes
) -> NDArray[np.float64]:
    """Return the features, (k, len(NAMES)), of the cuts at the edges of spanning trees.

    Parameters
    ----------
    forest : Forest
    graph : Graph
    edges : (m,) int64
        The rows of the graph that the forest was made of.
    shapes : FragmentShapes
    """
    area = graph.area[edges].astype(np.float64)
    moments = np.zeros((len(forest.fragments), MOMENTS + 2))
    known = forest.fragments < len(shapes)
    of = forest.fragments[known]
    moments[known, :MOMENTS] = shapes.moments[of]
    moments[known, MOMENTS] = np.where(shapes.start[of] == 0, shapes.moments[of, 0], 0)
    moments[known, MOMENTS + 1] = np.where(shapes.stop[of] == shapes.depth, shapes.moments[of, 0], 0)
    moments[0] = 0
    ones = (forest.fragments > 0).astype(np.float64)
    values = *moments.T, ones, forest.ends(area), forest.ends(area * graph.mean[edges])
    sums = forest.sums_below(*values)
    below, whole = sums[forest.lower], sums[forest.root[forest.lower]]
    faces, strength = np.maximum(below[:, -2], 1), below[:, -1]
    rest = whole - below
    is_smaller = (below[:, 0] <= rest[:, 0])[:, None]
    small, large = np.where(is_smaller, below, rest), np.where(is_smaller, rest, below)
    wide = [spread(side[:, :MOMENTS]) for side in (small, large)]
    section = np.maximum(small[:, 0] / (np.sqrt(12) * wide[0][:, 0] + 1), 1)
    away = centre(large) - centre(small)
    both = wide[0] + wide[1]
    turn = np.hypot(*(slope(small[:, :MOMENTS]) - slope(large[:, :MOMENTS])).T) / np.sqrt(section)
    at = edges[forest.edge]
    columns = [
        strength / faces,
        np.log(faces),
        graph.mean[at].astype(np.float64),
        np.log1p(graph.area[at]),
        np.log1p(small[:, 0]),
        np.log1p(large[:, 0]),
        faces / section,
        np.abs(away[:, 0]) / (both[:, 0] + 0.5),
        np.hypot(*away[:, 1:].T) / (np.hypot(*both[:, 1:].T) + 1),
        wide[0][:, 0],
        wide[1][:, 0],
        np.hypot(*wide[0][:, 1:].T),
        np.hypot(*wide[1][:, 1:].T),
        np.minimum(turn, 100.0),
        *(np.log1p(side[:, MOMENTS + i]) for side in (small, large) for i in range(2)),
        *(np.log1p(side[:, MOMENTS + 2]) for side in (small, large)),
    ]
    return np.stack(columns, axis=1)
