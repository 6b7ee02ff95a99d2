"""Plans for small stacks, drawn at random, and what they say voxel by voxel."""

from dataclasses import replace

import numpy as np

from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan


def any_plan(shape: tuple[int, int, int], seed: int, largest_shift: int = 3, cell: int = 3) -> SectionPlan:
    """Return a plan with sections left out, moved, cut off, with holes and without tissue, a fifth of each."""
    rng, depth = np.random.default_rng(seed), shape[0]
    cells = (depth, *(max(1, side // cell) for side in shape[1:]))
    masks = [rng.random(cells) < 0.3 * (rng.random((depth, 1, 1)) < 0.5) for _ in range(2)]
    return replace(
        SectionPlan.as_is(shape),
        left_out=rng.random(depth) < 0.3,
        offset=rng.integers(-largest_shift, largest_shift + 1, (depth, 2)).astype(np.int32),
        breaks=rng.random(depth) < 0.1,
        missing=masks[0],
        no_tissue=masks[1] & ~masks[0],
        cell=cell,
    )


def leaving_out(shape: tuple[int, int, int], *sections: int) -> SectionPlan:
    """Return a plan without these sections."""
    plan = SectionPlan.as_is(shape)
    for z in sections:
        plan = plan.leaving_out(z)
    return plan


def usable_of(plan: SectionPlan) -> np.ndarray:
    """Return where sections show tissue, (z, y, x)."""
    sections = [~(plan.holes(z) | plan.bare(z)) for z in range(plan.shape[0])]
    return np.stack(sections)


def holes_of(plan: SectionPlan) -> np.ndarray:
    """Return where sections show nothing though tissue is there, (z, y, x)."""
    return np.stack([plan.holes(z) for z in range(plan.shape[0])])


def partner_of(plan: SectionPlan, holes: np.ndarray, voxel: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Return the voxel that lies before one on z; None if there is none."""
    z, y, x = voxel
    for partner in plan.partners(z):
        place = (partner.z, y + partner.shift[0], x + partner.shift[1])
        if 0 <= place[1] < plan.shape[1] and 0 <= place[2] < plan.shape[2] and not holes[place]:
            return place
    return None


def random_box(shape: tuple[int, int, int], seed: int) -> Box:
    """Return a box of at least one voxel inside a volume."""
    rng = np.random.default_rng(seed)
    start = [int(rng.integers(0, side)) for side in shape]
    stop = [int(rng.integers(a + 1, side + 1)) for a, side in zip(start, shape, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
