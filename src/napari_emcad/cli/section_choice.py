"""The choice of `--sections`: what is done with the sections of a stack."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from napari_emcad.blocks.sections import placed
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.look import SectionLook, inspect_levels
from napari_emcad.core.sections.plan import SectionPlan, check_tissue, sections_around
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.core.volume import Volume, resolutions
from napari_emcad.io.section_plans import read_plan

AUTO: Literal["auto"] = "auto"
AS_IS: Literal["as-is"] = "as-is"
"""Words of `--sections`; anything else names a file."""

REMEDY = "choose auto, as-is or a file that the dock, or napari-emcad inspect --plan, wrote"
"""Words on what to do about a file that cannot be used."""


def word_or_file(sections: str | None) -> Literal["auto", "as-is"] | Path:
    """Return the word that was given for `--sections`, or the file that it names; None = auto."""
    match sections or AUTO:
        case "auto":
            return AUTO
        case "as-is":
            return AS_IS
        case file:
            return Path(file)


def sections_asked_for(options: argparse.Namespace, shape: Shape) -> Literal["auto", "as-is"] | SectionPlan:
    """Return the word that was chosen, or the plan in the file that was named, for a stack of this shape.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    asked = word_or_file(options.sections)
    return as_bridged(options, read_plan(asked, shape, REMEDY)) if isinstance(asked, Path) else asked


def choose_plan(
    options: argparse.Namespace, volume: Volume, box: Box, say: Callable[[str], None] = tell
) -> SectionPlan | None:
    """Return the plan asked for, and say what it does; None if every section is used as it is.

    Parameters
    ----------
    options : Namespace
        With those of `options.add_sections`.
    volume : Volume
    box : Box
        Whose sections are looked at, with those around it.
    say : callable
        Is told one line at a time.

    Raises
    ------
    UserError
        If its file cannot be used, or nothing of the box shows tissue.
    """
    asked_for = sections_asked_for(options, triple(volume.shape))
    if asked_for == AS_IS:
        return None
    plan = asked_for if isinstance(asked_for, SectionPlan) else as_bridged(options, _inspect(volume, box, say))
    if plan.is_as_is:
        return None
    check_tissue(plan, box)
    say(f"by plan: {plan.sentence}")
    return plan


def look_at(volume: Volume, sections: range | None = None) -> Job[SectionReport]:
    """Return the job that looks at sections of a volume, after a word if that reads much; None = at all of them."""
    levels = resolutions(volume)
    warn(SectionLook.of(levels, sections).note)
    return inspect_levels(levels, sections)


def interpolates(options: argparse.Namespace) -> bool:
    """Return True unless labels of what is bridged are to be 0."""
    return options.bridged != "background"


def as_bridged(options: argparse.Namespace, plan: SectionPlan) -> SectionPlan:
    """Return a plan with what `--bridged` asks for."""
    return replace(plan, interpolates=interpolates(options)) if options.bridged else plan


def _inspect(volume: Volume, box: Box, say: Callable[[str], None]) -> SectionPlan:
    """Look at the sections of a box and those around it, as a run by blocks does, and say what was found."""
    around = sections_around(box, volume.shape[0])
    report: SectionReport = follow(look_at(volume, around))
    plan = placed(SectionPlan.of_report(report), around.start, triple(volume.shape))
    if report.findings or not plan.is_as_is:
        say(report.summary_from(around.start))
    return plan
