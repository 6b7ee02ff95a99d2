"""A labelling from elsewhere -> a segmentation that can be proofread."""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from napari_emcad.core.affinities import UNKNOWN
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.progress import Job, Progress, Stopwatch
from napari_emcad.core.region_graph import region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes


def segmentation_of_labels(labels, affinities: NDArray[np.uint8] | None = None) -> Job[Segmentation]:
    """Fragments are the connected pieces of each label in each section; at every threshold they make up the labels.

    Parameters
    ----------
    labels : array-like (z, y, x) integer
        0 = none; read by sections, not modified.
    affinities : (3, z, y, x) uint8, optional
        Value x 255; without them all contacts count the same.

    Returns
    -------
    Segmentation
        Segments are named by their first fragment, not by their label.
    """
    fragments, owner = yield from _pieces(labels)
    values = np.broadcast_to(np.uint8(UNKNOWN), (3, *fragments.shape)) if affinities is None else affinities
    graph = yield from region_graph(values, fragments)
    yield Progress("agglomeration", 1, 1, 0.0)
    return Segmentation(fragments, graph, _tree(owner), fragment_sizes(fragments))


def _pieces(labels) -> Job[tuple[NDArray[np.uint32], NDArray]]:
    """Fragments (z, y, x) uint32, and the label of each, (n,)."""
    fragments, owners = np.zeros(labels.shape, np.uint32), [np.empty(0, np.int64)]
    watch, first_free = Stopwatch("fragments", len(fragments)), 0
    for z in range(len(fragments)):
        section = np.asarray(labels[z])
        pieces, n = label(section, background=0, connectivity=1, return_num=True)
        owner = np.zeros(n + 1, section.dtype)
        owner[pieces.ravel()] = section.ravel()
        fragments[z] = np.where(pieces, pieces + first_free, 0)
        owners.append(owner[1:])
        first_free += n
        yield watch.at(z + 1)
    return fragments, np.concatenate(owners)


def _tree(owner: NDArray) -> MergeTree:
    """Fragments of one label are merged before any threshold, those of two never."""
    order = np.argsort(owner, kind="stable")
    gaps = np.full(len(order), np.inf, np.float32)
    gaps[1:][owner[order][1:] == owner[order][:-1]] = -1
    return MergeTree((order + 1).astype(np.uint32), gaps)
