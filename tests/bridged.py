"""Drawn segmentations with a section that is left out and a slip, and sessions on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from drawings import drawn

from napari_emcad.core.geometry import Box
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.io.sessions.facts import SessionFacts
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

GAP, SLIP, SHIFT = 2, 3, 4
"""The section that is left out, and the first one that has slipped, by so many pixels."""

PLAN = SectionPlan.as_is((5, 3, 12)).leaving_out(GAP).shifting(SLIP, (0, SHIFT), all_that_follow=True)


def planned(box: Box | None = None) -> PlannedBox:
    """The plan of the neurons, or of a box in a larger stack with as much around it."""
    if box is None:
        return PlannedBox(PLAN, Box.whole(PLAN.shape))
    marks = {name: np.pad(getattr(PLAN, name), [(box.start[0], 0)]) for name in ("left_out", "inverted", "breaks")}
    none = np.zeros((len(marks["left_out"]), 1, 1), bool)
    offset = np.pad(PLAN.offset, [(box.start[0], 0), (0, 0)])
    return PlannedBox(replace(PLAN, shape=box.stop, **marks, offset=offset, missing=none, no_tissue=none), box)


def seen_fragments(plan: PlannedBox, fragments: np.ndarray) -> np.ndarray:
    """The fragments as they are while the region graph is built."""
    return np.where(plan.bridged(), 0, fragments).astype(fragments.dtype)


def segmentation(affinities: np.ndarray | None = None, plan: PlannedBox | None = None) -> Segmentation:
    """The neurons with their region graph, which knows contacts across the gap, and the voxels made up counted."""
    plan, fragments = plan or planned(), drawn(NEURONS)
    values = affinities_of() if affinities is None else affinities
    graph = drive(build_region_graph(values, seen_fragments(plan, fragments), planned=plan))
    sizes = fragment_sizes(fragments)
    return Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)


def affinities_of() -> np.ndarray:
    """High affinities between sections and low ones within them, 0 in the section that is left out."""
    values = np.full((3, *PLAN.shape), 204, np.uint8)
    values[1:], values[:, GAP] = 51, 0
    return values


def session(folder: Path, threshold: float = 0.0, name: str = "edits.db") -> Session:
    """A session on the neurons."""
    return Session(segmentation(), EditLog(folder / name), threshold, affinities=affinities_of(), planned=planned())


def facts(box: Box | None = None) -> SessionFacts:
    """Facts of a session on the neurons; in a box, of a larger stack with as much before it."""
    plan = planned(box).plan
    place = (box.start, box.stop) if box else None
    return SessionFacts(threshold=0.0, box=place, voxel_size_nm=(40, 5, 6), **plan_facts(plan))
