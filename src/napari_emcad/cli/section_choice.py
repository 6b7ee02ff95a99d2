"""The choice of `--sections`: what is done with the sections of a stack."""

import argparse
from dataclasses import replace
from pathlib import Path

from napari_emcad.cli.bar import follow, tell
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.core.volume import Volume
from napari_emcad.io.section_plans import read_plan

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
    plan = _inspect(volume) if choice == AUTO else read_plan(Path(choice), triple(volume.shape))
    if options.bridged:
        plan = replace(plan, interpolates=options.bridged == "interpolate")
    if plan.is_as_is:
        return None
    check_tissue(plan, box)
    tell(f"by plan: {plan.sentence}")
    return plan


def _inspect(volume: Volume) -> SectionPlan:
    report: SectionReport = follow(inspect_sections(volume))
    plan = SectionPlan.of_report(report)
    if report.findings or not plan.is_as_is:
        tell(report.summary)
    return plan
