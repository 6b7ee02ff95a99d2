"""The choice of `--sections`: what is done with the sections of a stack."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.blocks.sections import placed
from napari_emcad.cli.bar import follow, tell
from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.core.volume import Key, Volume
from napari_emcad.io.section_plans import read_plan
from napari_emcad.io.sessions.block_run_facts import LOOKED_AROUND

AUTO, AS_IS = "auto", "as-is"
"""Words of `--sections`; anything else names a file."""


def choose_plan(options: argparse.Namespace, volume: Volume, box: Box) -> SectionPlan | None:
    """Return the plan asked for, and say what it does; None if every section is used as it is.

    Raises
    ------
    UserError
        If its file cannot be used, or nothing of the box shows tissue.
    """
    choice = options.sections or AUTO
    if choice == AS_IS:
        return None
    plan = _inspect(volume, box) if choice == AUTO else read_plan(Path(choice), triple(volume.shape))
    if options.bridged:
        plan = replace(plan, interpolates=options.bridged == "interpolate")
    if plan.is_as_is:
        return None
    check_tissue(plan, box)
    tell(f"by plan: {plan.sentence}")
    return plan


@dataclass(frozen=True)
class _Sections:
    """Some sections of a volume, whole, as a volume of their own."""

    volume: Volume
    which: range

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        return len(self.which), self.volume.shape[1], self.volume.shape[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels."""
        return self.volume.dtype

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        if not isinstance(key, int):
            raise TypeError(f"sections are read by number, got {key}")
        return self.volume[self.which[key]]


def _inspect(volume: Volume, box: Box) -> SectionPlan:
    """Look at the sections of a box and those around it, as a run by blocks does, and say what was found."""
    first, stop = max(0, box.start[0] - LOOKED_AROUND), min(volume.shape[0], box.stop[0] + LOOKED_AROUND)
    report: SectionReport = follow(inspect_sections(_Sections(volume, range(first, stop))))
    plan = placed(SectionPlan.of_report(report), first, triple(volume.shape))
    if report.findings or not plan.is_as_is:
        tell(report.summary_from(first))
    return plan
