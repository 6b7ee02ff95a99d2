"""Uses of single sections, and the plan that follows from a report and what a person wants otherwise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict

SLIP_WORDS = {
    SlipKind.SINGLE: "shift this section",
    SlipKind.JUMP: "shift it and all that follow",
    SlipKind.DRIFT: "make up for the drift",
    SlipKind.BREAK: "begin a new part here",
}
"""Words for what is done about a slip, by its kind."""


@dataclass(frozen=True)
class SectionUse:
    """A decision on what is done with a section; the default uses it as it is.

    Attributes
    ----------
    left_out : bool
        True: its labels are made up from its neighbours; the rest does not count.
    slip : SlipKind or None
        The kind of slip that is made up for.
    shift : (y, x)
        Of that slip, in pixels.
    last : int or None
        Last section of a drift.
    bridged : bool
        True: labels of the part that the report found missing are made up.
    inverted : bool
        True: dark is bright in it.
    """

    left_out: bool = False
    slip: SlipKind | None = None
    shift: tuple[int, int] = (0, 0)
    last: int | None = None
    bridged: bool = False
    inverted: bool = False

    @property
    def has_shift(self) -> bool:
        """True if it is a matter of pixels: a shift or a drift."""
        return self.slip not in (None, SlipKind.BREAK) and not self.left_out

    @property
    def choice(self) -> str:
        """Words for a list of choices: "leave out", "shift this section"."""
        if self.left_out:
            return "leave out"
        slip = [SLIP_WORDS[self.slip]] if self.slip else []
        bridged, inverted = ["bridge the missing part"] * self.bridged, ["invert"] * self.inverted
        return ", ".join([*slip, *bridged, *inverted]) or "use as it is"

    @property
    def words(self) -> str:
        """The choice with its pixels: "shift this section by y +3, x -24 px"."""
        if not self.has_shift:
            return self.choice
        y, x = self.shift
        slip, _, rest = self.choice.partition(", ")
        of_drift = "," if self.slip is SlipKind.DRIFT else " by"
        return f"{slip}{of_drift} y {y:+d}, x {x:+d} px" + (f", {rest}" if rest else "")


AS_IT_IS, LEAVE_OUT, INVERT = SectionUse(), SectionUse(left_out=True), SectionUse(inverted=True)


def proposed_use(plan: SectionPlan, found: tuple[SectionFinding, ...]) -> SectionUse:
    """Return what is done by default with the section of these findings, in the plan of their report."""
    if not found:
        return AS_IT_IS
    z, slipped = found[0].z, next((one for one in found if one.slip), None)
    if plan.left_out[z]:
        return LEAVE_OUT
    use = SectionUse(bridged=bool(plan.missing[z].any()), inverted=bool(plan.inverted[z]))
    if slipped is None or slipped.slip is None:
        return use
    return replace(use, slip=slipped.slip.kind, shift=slipped.slip.shift, last=slipped.last)


def uses_on_offer(proposed: SectionUse, now: SectionUse, can_be_bridged: bool) -> list[SectionUse]:
    """Return the uses to choose from, each once; the section's own come with their pixels.

    Parameters
    ----------
    proposed, now : SectionUse
        By default, and as chosen.
    can_be_bridged : bool
        True if the report found a part of the section missing.
    """
    bridge = [SectionUse(bridged=True)] if can_be_bridged else []
    slip = [SectionUse(slip=proposed.slip, shift=proposed.shift, last=proposed.last)] if proposed.slip else []
    pixels = proposed.shift if proposed.slip in (SlipKind.SINGLE, SlipKind.JUMP) else (0, 0)
    shifts = [SectionUse(slip=kind, shift=pixels) for kind in (SlipKind.SINGLE, SlipKind.JUMP)]
    every = [proposed, now, AS_IT_IS, LEAVE_OUT, *bridge, *slip, *shifts, INVERT]
    by_choice: dict[str, SectionUse] = {}
    for use in every:
        by_choice.setdefault(use.choice, use)
    by_choice[now.choice] = now
    return list(by_choice.values())


def plan_of_uses(report: SectionReport, uses: Mapping[int, SectionUse], interpolates: bool = True) -> SectionPlan:
    """Return the plan of a report in which some sections are used otherwise than by default.

    Parameters
    ----------
    report : SectionReport
    uses : mapping of int to SectionUse
        By section. One that is used as it is has tissue everywhere.
    interpolates : bool
        True: what is bridged gets labels from its neighbours; False: none.
    """
    slips = (_slip(z, use) for z, use in uses.items() if use.slip and not use.left_out)
    kept = (one for one in report.findings if one.z not in uses)
    found = sorted((*kept, *slips), key=lambda one: one.z)
    plan = SectionPlan.of_report(replace(report, findings=tuple(found)))
    marks = (plan.left_out, plan.inverted, plan.missing, plan.no_tissue)
    left_out, inverted, missing, no_tissue = (mark.copy() for mark in marks)
    for z, use in uses.items():
        left_out[z], inverted[z] = use.left_out, use.inverted
        if not use.bridged:
            missing[z] = False
        if use in (AS_IT_IS, LEAVE_OUT):
            no_tissue[z] = False
    return replace(
        plan, left_out=left_out, inverted=inverted, missing=missing, no_tissue=no_tissue, interpolates=interpolates
    )


def without_bare(report: SectionReport) -> SectionReport:
    """Return a report that takes all of the stack for tissue."""
    return replace(report, no_tissue=np.zeros_like(report.no_tissue))


def within_sections(plan: SectionPlan, sections: range) -> SectionPlan:
    """Return a plan that says nothing of sections outside a range: its sentence is about those inside."""
    first, last = sections.start, sections.stop - 1
    outside = np.ones(plan.shape[0], bool)
    outside[first : last + 1] = False
    marks = {name: getattr(plan, name).copy() for name in ("left_out", "inverted", "breaks", "missing", "no_tissue")}
    for mark in marks.values():
        mark[outside] = False
    marks["breaks"][first] = False
    offset = plan.offset - plan.offset[first]
    offset[:first], offset[last:] = 0, offset[last]
    return replace(plan, offset=offset, **marks)


def shows_nothing(plan: SectionPlan) -> bool:
    """Return True if every section of a stack is left out, or has no tissue anywhere."""
    return bool((plan.left_out | plan.no_tissue.all(axis=(1, 2))).all())


def _slip(z: int, use: SectionUse) -> SectionFinding:
    assert use.slip is not None
    return SectionFinding(z, Verdict.SLIPPED, "", Slip(use.slip, use.shift, 0.0), last=use.last)


def findings_by_section(report: SectionReport) -> Iterator[tuple[int, tuple[SectionFinding, ...]]]:
    """Yield each section with findings, and these, in order."""
    here: list[SectionFinding] = []
    for one in report.findings:
        if here and here[0].z != one.z:
            yield here[0].z, tuple(here)
            here = []
        here.append(one)
    if here:
        yield here[0].z, tuple(here)
