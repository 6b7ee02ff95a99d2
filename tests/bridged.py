"""Drawn segmentations with a section that is left out and a slip, and sessions on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from drawings import drawn

from napari_emcad.core.geometry import Box
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.section_plans import plan_facts, plan_to_json
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

NEURONS = """
    1111..222222
    111111222222
    1111..222222

    3333..444444
    333333444444
    3333..444444

    3333..444444
    333333444444
    3333..444444

    ....5555..66
    ....55555566
    ....5555..66

    ....7777..88
    ....77777788
    ....7777..88
"""
"""Two neurons: 1-3-5-7 and 2-4-6-8. Section 2 is left out: its voxels are those of section 1. From section 3 on all
has slipped by four pixels to the right."""

OTHERS = """
    7777..888888
    777777788888
    7777..888888

    5555..666666
    555555566666
    5555..666666

    5555..666666
    555555566666
    5555..666666

    ....3333..44
    ....33333334
    ....3333..44

    ....1111..22
    ....11111112
    ....1111..22
"""
"""The same neurons by another model: other ids, and a border a pixel further on."""

UNFILLED = OTHERS.replace(
    """
    5555..666666
    555555566666
    5555..666666

    ....3""",
    """
    ............
    ............
    ............

    ....3""",
)
"""The same, with label 0 in the section that is left out."""

GAP, SLIP, SHIFT = 2, 3, 4
"""The section that is left out, and the first one that has slipped, by so many pixels."""

PLAN = SectionPlan.as_is((5, 3, 12)).leaving_out(GAP).shifting(SLIP, (0, SHIFT), all_that_follow=True)

TIMES, INVERTED, HOLE = 16, 0, 4
"""Of a stack that is large enough to learn from: how many times finer its pixels are, the section in which dark is
bright, and the one that lacks its first 16 x 16 pixels."""

LARGE = (5, 48, 192)
GREY = np.random.default_rng(3).integers(0, 256, LARGE, np.uint8)


def planned(box: Box | None = None, times: int = 1) -> PlannedBox:
    """The plan of the neurons, or of a box in a larger stack with as much before it; pixels are so many times finer."""
    if box is None:
        shape = (PLAN.shape[0], *(n * times for n in PLAN.shape[1:]))
        return PlannedBox(replace(PLAN, shape=shape, offset=PLAN.offset * times), Box.whole(shape))
    marks = {name: np.pad(getattr(PLAN, name), [(box.start[0], 0)]) for name in ("left_out", "inverted", "breaks")}
    none = np.zeros((len(marks["left_out"]), 1, 1), bool)
    offset = np.pad(PLAN.offset, [(box.start[0], 0), (0, 0)])
    return PlannedBox(replace(PLAN, shape=box.stop, **marks, offset=offset, missing=none, no_tissue=none), box)


def seen_fragments(plan: PlannedBox, fragments: np.ndarray) -> np.ndarray:
    """The fragments as they are while the region graph is built."""
    return np.where(plan.bridged(), 0, fragments).astype(fragments.dtype)


def segmentation(plan: PlannedBox | None = None, times: int = 1, drawing: str = NEURONS) -> Segmentation:
    """The neurons with their region graph, which knows contacts across the gap, and the voxels made up counted."""
    plan, fragments = plan or planned(times=times), drawn(drawing).repeat(times, 1).repeat(times, 2)
    values = affinities_of(times)
    graph = drive(build_region_graph(values, seen_fragments(plan, fragments), planned=plan))
    sizes = fragment_sizes(fragments)
    return Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)


def affinities_of(times: int = 1) -> np.ndarray:
    """High affinities between sections and low ones within them, 0 in the section that is left out."""
    values = np.full((3, *planned(times=times).box.shape), 204, np.uint8)
    values[1:], values[:, GAP] = 51, 0
    return values


def session(folder: Path, threshold: float = 0.0, name: str = "edits.db", drawing: str = NEURONS) -> Session:
    """A session on the neurons."""
    base, log = segmentation(drawing=drawing), EditLog(folder / name)
    return Session(base, log, threshold, affinities=affinities_of(), planned=planned())


def facts(box: Box | None = None, times: int = 1) -> SessionFacts:
    """Facts of a session on the neurons; in a box, of a larger stack with as much before it."""
    plan = planned(box, times).plan
    place = (box.start, box.stop) if box else None
    return SessionFacts(threshold=0.0, box=place, voxel_size_nm=(40, 5, 6), **plan_facts(plan))


def write_session(folder: Path) -> Path:
    """Write the large stack and a session on it into a folder; return that of the session."""
    tifffile.imwrite(folder / "em.tif", GREY, photometric="minisblack")
    missing = np.zeros((5, 3, 12), bool)
    missing[HOLE, 0, 0] = True
    plan = planned(times=TIMES).plan.inverting(INVERTED)
    plan = replace(plan, cell=16, missing=missing, no_tissue=np.zeros_like(missing))
    known = {"sections": plan_to_json(plan), "source": str(folder / "em.tif")}
    base, values = segmentation(times=TIMES), affinities_of(TIMES)
    create_session(folder / "a.emcad", base, values, facts(times=TIMES).model_copy(update=known)).close()
    return folder / "a.emcad"
