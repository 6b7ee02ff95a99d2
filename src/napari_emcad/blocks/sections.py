"""A look at the sections of a stack before its blocks are done: slab by slab, then all of them are judged together.

    stack -> measures of each slab | report and plan, in one file

The plan decides what every later task sees, so it is made once, by the program that leads the run, and is read by all.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.parameters import ResolvedSegmentParameters
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.judge import judge_sections
from napari_emcad.core.sections.look import SectionLook, full_grid
from napari_emcad.core.sections.measure_arrays import Arrays, measures_of_arrays, measures_to_arrays
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.volume import Volume, resolutions
from napari_emcad.core.wording import shape_text
from napari_emcad.inference.normalisation import choose_normalisation, trained_greys
from napari_emcad.io.section_plans import plan_of_json
from napari_emcad.io.sessions.block_files import SECTIONS, BlockFiles, FoundSections
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts
from napari_emcad.io.stacks.stack import open_stack

LOOKED_AT_FIRST = "They are looked at first."
USED_AS_THEY_ARE = "They are used as they are."
"""Words on the sections of a run: before they are looked at, and if nothing is done."""


def level_shape(stack: Volume, looked_at: range) -> Shape | None:
    """Return the shape of the lower resolution in which sections of a stack are looked at; None = the stack itself."""
    level = SectionLook.of(resolutions(stack), looked_at).level
    return None if level is stack else triple(level.shape)


def measure_slab(run: BlockRunFacts, stack: Volume, number: int) -> Arrays:
    """Return the measures of the sections of a slab, each of which is read once, as a whole.

    Raises
    ------
    UserError
        If the stack has no such lower resolution any more as the run was begun with.
    """
    slab, level = run.slabs.box(number), stack
    if run.level_shape is not None:
        found = [one for one in resolutions(stack)[1:] if triple(one.shape) == run.level_shape]
        if not found:
            raise UserError(
                f"{run.source}: its level of {shape_text(run.level_shape)} voxels is gone, and the run was begun with "
                "it; choose a new name for the session."
            )
        level = found[0]
    look = SectionLook(stack, level, run.looked_at)
    return measures_to_arrays(list(look.measures(run.looked_at[slab.start[0] : slab.stop[0]])))


def judge_slabs(files: BlockFiles, run: BlockRunFacts) -> Job[None]:
    """Judge all sections that were measured, and write what was found and the plan, unless that is done."""
    if run.stack_shape is None or not run.looked_at or files.found_sections is not None:
        return
    first, tables = run.looked_at.start, [files.load_table(SECTIONS, number) for number in range(len(run.slabs))]
    measures = measures_of_arrays({name: np.concatenate([t[name] for t in tables]) for name in tables[0]})
    grid = full_grid(run.slabs.shape, run.level_shape or run.stack_shape)
    report = yield from judge_sections(run.slabs.shape, grid, measures)
    plan = replace(placed(SectionPlan.of_report(report), first, run.stack_shape), interpolates=run.interpolates)
    levels = None if run.asked_levels is None else _levels(run, run.asked_levels, plan)
    files.write_found_sections(FoundSections(report.summary_from(first), plan, levels))


def plan_of(run: BlockRunFacts, files: BlockFiles) -> SectionPlan | None:
    """Return what is done with each section of the stack; None if all of them are used as they are.

    Raises
    ------
    UserError
        If the plan is missing or damaged.
    """
    if run.sections == "as-is":
        return None
    if run.sections == "auto":
        plan = files.needed_sections.plan
    else:
        plan = plan_of_json(run.sections, triple(run.sections["shape"]))
    return None if plan.is_as_is else plan


def parameters_of(run: BlockRunFacts, files: BlockFiles) -> ResolvedSegmentParameters:
    """Return the parameters of a run, with the grey levels of the tissue that is used if the data decide on them.

    Raises
    ------
    UserError
        If the plan is missing or damaged.
    """
    levels = files.needed_sections.levels if run.asked_levels else None
    return run.resolved if levels is None else run.resolved.model_copy(update={"black": levels[0], "white": levels[1]})


def sections_text(run: BlockRunFacts, files: BlockFiles) -> str:
    """Return what was found in the sections of a run and what is done about it, in words."""
    found = files.found_sections
    if run.sections == "auto" and found is None:
        return LOOKED_AT_FIRST
    plan = plan_of(run, files)
    done = USED_AS_THEY_ARE if plan is None else f"By plan: {plan.sentence}"
    return done if found is None else f"{found.summary}. {done}"


def is_seen(plan: SectionPlan, box: Box) -> bool:
    """Return True if there is anything in a box of the stack that the network looks at."""
    sections, ys, xs = box.slices
    places = range(sections.start, sections.stop)
    return not all((plan.holes(z, (ys, xs)) | plan.bare(z, (ys, xs))).all() for z in places)


def seen_before(box: Box, shape: Shape, planned: PlannedBox | None) -> Box:
    """Return a block with what has to be seen round it so that the voxel before each of its own is there.

    Parameters
    ----------
    box : Box
        The block.
    shape : (z, y, x)
        Of all blocks together.
    planned : PlannedBox, optional
        Of all blocks together; None = the voxel before is the one at its place.
    """
    start, stop = triple(a - 1 for a in box.start), box.stop
    if planned is None:
        return Box(start, stop).clipped(shape)
    above = planned.box.start[0]
    pairs = [partner for z in range(box.start[0], stop[0]) for partner in planned.plan.partners(z + above)]
    first = min([start[0], *(partner.z - above for partner in pairs)])
    shifts = np.array([(0, 0), *(partner.shift for partner in pairs)])
    before, after = np.minimum(shifts.min(axis=0), -1), shifts.max(axis=0)
    y, x = (int(n) for n in before + box.start[1:])
    bottom, right = (int(n) for n in after + stop[1:])
    return Box((first, y, x), (stop[0], bottom, right)).clipped(shape)


def placed(plan: SectionPlan, first: int, shape: Shape) -> SectionPlan:
    """Return the plan for some sections of a stack as one for all of it: the others are used as they are.

    Parameters
    ----------
    plan : SectionPlan
    first : int
        The section of the stack that is the plan's section 0.
    shape : (z, y, x)
        Of the stack.
    """
    after = shape[0] - first - plan.shape[0]

    def widened(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.pad(marks, [(first, after)] + [(0, 0)] * (marks.ndim - 1))

    return replace(
        plan,
        shape=shape,
        left_out=widened(plan.left_out),
        offset=np.pad(plan.offset, [(first, after), (0, 0)], mode="edge"),
        inverted=widened(plan.inverted),
        breaks=widened(plan.breaks),
        missing=widened(plan.missing),
        no_tissue=widened(plan.no_tissue),
    )


def _levels(run: BlockRunFacts, asked: tuple[float | None, float | None], plan: SectionPlan) -> tuple[float, float]:
    from napari_emcad.networks.checkpoint import inspect

    trained = trained_greys(inspect(Path(run.model)))
    with open_stack(run.source, run.dataset) as stack:
        levels = choose_normalisation(stack.array, *asked, trained, plan)
    return levels.low, levels.high
