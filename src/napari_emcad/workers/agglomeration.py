"""Agglomeration beside the window: waterz holds Python's lock all the time it works, and a window would freeze."""

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.pipeline import agglomerate
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.child_job import ChildJob
from napari_emcad.workers.process import run_in_child

SMALL = 1_500_000
"""Voxels that are agglomerated in this process: less than a sixth of a second without the window."""


def agglomerate_beside(affinities: NDArray[np.uint8], parameters: SegmentParameters) -> Job[Segmentation]:
    """Agglomerate as `pipeline.agglomerate` does, without holding up the window.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8
    parameters : SegmentParameters

    Raises
    ------
    UserError
        As there, and if memory does not suffice.
    """
    if affinities[0].size <= SMALL:
        return (yield from agglomerate(affinities, parameters))
    arrays = yield from run_in_child(
        ChildJob(
            agglomerate_in_child,
            parameters,
            name="agglomeration",
            stage="fragments",
            advice="choose a smaller box",
            reads={"affinities": affinities},
        )
    )
    graph, tree = (
        {f.name: arrays[f"{part.__name__}.{f.name}"] for f in fields(part)} for part in (RegionGraph, MergeTree)
    )
    return Segmentation(arrays["fragments"], RegionGraph(**graph), MergeTree(**tree), arrays["sizes"])


def agglomerate_in_child(caller: Caller, task: SegmentParameters) -> Job[Arrays]:
    """Agglomerate the caller's "affinities". Return the parts of a `Segmentation`, columns of its tables one by one."""
    found = yield from agglomerate(caller.read("affinities"), task)
    tables = {f"{type(t).__name__}.{f.name}": getattr(t, f.name) for t in (found.graph, found.tree) for f in fields(t)}
    return {"fragments": found.fragments, "sizes": found.sizes, **tables}
