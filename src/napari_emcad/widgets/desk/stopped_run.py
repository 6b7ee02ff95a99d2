"""A run that may be stopped: the next one goes on from its finished sections, if they would be the same again."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.plan import SectionPlan, with_tissue
from napari_emcad.io.section_plans import plan_to_json
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.result import Result
from napari_emcad.workers.segmentation import SegmentRequest, SegmentResult, segment_beside


@dataclass(frozen=True)
class Makings:
    """All that decides the affinities of a run, but for the plan for its sections, which is found while it goes on.

    Attributes
    ----------
    source : Image
    voxels : object
        The data of its layer then.
    box : Box
    model : (Path, int, int)
        The weights file, its time of change in ns and its size in bytes.
    seen_as : tuple
        Black, white and scale, as they were asked for.
    voxel_size : VoxelSize or None
    """

    source: Image
    voxels: Any
    box: Box
    model: tuple[Path, int, int]
    seen_as: tuple[Any, ...]
    voxel_size: VoxelSize | None

    @classmethod
    def of(
        cls, source: Image, box: Box, model: Path, parameters: SegmentParameters, voxel_size: VoxelSize | None
    ) -> "Makings":
        """Return the makings of a run that starts now."""
        changed = size = 0
        with suppress(OSError):  # the run will say so
            changed, size = (found := model.stat()).st_mtime_ns, found.st_size
        seen_as = parameters.black, parameters.white, parameters.scale
        return cls(source, source.data, box, (model, changed, size), seen_as, voxel_size)

    def make_the_same(self, other: "Makings") -> bool:
        """Return True if both give the same affinities where the plans are the same."""
        is_there = self.source is other.source and self.voxels is other.voxels
        rest = [(m.box, m.model, m.seen_as, m.voxel_size) for m in (self, other)]
        return is_there and rest[0] == rest[1]


@dataclass(frozen=True)
class StoppedRun:
    """The remains of a run that ended early, with some of its sections finished."""

    result: Result
    makings: Makings


def is_same_plan(one: SectionPlan | None, other: SectionPlan | None) -> bool:
    """Return True if two plans do the same with every section."""
    return one is other or (one is not None and other is not None and plan_to_json(one) == plan_to_json(other))


def planned_job(plan: Job[SectionPlan | None], request: SegmentRequest, result: Result) -> Job[SegmentResult]:
    """Find the plan for the sections of a stack, and segment by it.

    Goes on from the sections of the result that are done, if that was by the same plan; if not they are forgotten.

    Raises
    ------
    UserError
        As `segment_beside` does, and if nothing in the box shows tissue by that plan.
    """
    found = yield from with_tissue(plan, request.box)
    done = result.sections_done if is_same_plan(result.plan, found) else 0
    if not done:
        request.affinities[:] = 0
    result.plan = found
    return (yield from segment_beside(replace(request, plan=found, done=done)))
