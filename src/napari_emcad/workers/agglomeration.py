"""Agglomeration beside the window: waterz holds Python's lock all the time it works, and a window would freeze."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.section_plans import plan_of_json, plan_to_json
from napari_emcad.pipeline import agglomerate
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.child_job import ChildJob
from napari_emcad.workers.process import run_in_child

SMALL = 1_500_000
"""Voxels that are agglomerated in this process: less than a sixth of a second without the window."""


@dataclass(frozen=True)
class AgglomerationTask:
    """Affinities that are to be agglomerated.

    Attributes
    ----------
    parameters : SegmentParameters
    sections : JSON or None
        The plan for the stack's sections; None = all are used as they are.
    shape : (z, y, x) or None
        Of the stack, if there is a plan.
    box : Box or None
        Of the affinities in the stack, if there is a plan.
    """

    parameters: SegmentParameters
    sections: dict[str, Any] | None = None
    shape: Shape | None = None
    box: Box | None = None


def agglomerate_beside(
    affinities: NDArray[np.uint8], parameters: SegmentParameters, sections: PlannedBox | None = None
) -> Job[Segmentation]:
    """Agglomerate as `pipeline.agglomerate` does, without holding up the window.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8
    parameters : SegmentParameters
    sections : PlannedBox, optional
        The affinities' place in a stack with a plan; None = its sections are used as they are.

    Raises
    ------
    UserError
        As there, and if memory does not suffice.
    """
    if affinities[0].size <= SMALL:
        known = (sections.plan, sections.box) if sections else ()
        return (yield from agglomerate(affinities, parameters, *known))
    arrays = yield from run_in_child(
        ChildJob(
            agglomerate_in_child,
            _task(parameters, sections),
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


def agglomerate_in_child(caller: Caller, task: AgglomerationTask) -> Job[Arrays]:
    """Agglomerate the caller's "affinities". Return the parts of a `Segmentation`, columns of its tables one by one."""
    plan = plan_of_json(task.sections, task.shape) if task.sections is not None and task.shape else None
    found = yield from agglomerate(caller.read("affinities"), task.parameters, plan, task.box)
    tables = {f"{type(t).__name__}.{f.name}": getattr(t, f.name) for t in (found.graph, found.tree) for f in fields(t)}
    return {"fragments": found.fragments, "sizes": found.sizes, **tables}


def _task(parameters: SegmentParameters, sections: PlannedBox | None) -> AgglomerationTask:
    if sections is None:
        return AgglomerationTask(parameters)
    return AgglomerationTask(parameters, plan_to_json(sections.plan), sections.plan.shape, sections.box)
