"""The report on the sections of one stack, and what a person wants done with them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from napari_emcad.core.geometry import Shape
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport
from napari_emcad.core.wording import count
from napari_emcad.widgets.desk.section_use import (
    SectionUse,
    findings_by_section,
    plan_of_uses,
    proposed_use,
    shows_nothing,
    uses_on_offer,
    without_bare,
)
from napari_emcad.widgets.desk.uses_of_plan import uses_of_plan
from napari_emcad.widgets.kit.signals import Signal

AS_THEY_ARE = "All sections are used as they are."


@dataclass(frozen=True)
class SectionRow:
    """A section of the report as it is shown.

    Attributes
    ----------
    z : int
    title : str
        "17: blank", "40 to 60: slipped", or "5: added by you".
    evidence : str
        The reasons for it.
    use : SectionUse
        What is done with it.
    proposed : SectionUse
        What is done with it by default.
    """

    z: int
    title: str
    evidence: str
    use: SectionUse
    proposed: SectionUse

    @property
    def is_changed(self) -> bool:
        """True if a person wants something else than what is proposed."""
        return self.use != self.proposed


class SectionChoices:
    """A report on the sections of a stack, and the decisions on what is done with them.

    Attributes
    ----------
    shape : (z, y, x)
    report : SectionReport or None
        None until the sections have been looked at.
    given : SectionPlan or None
        A plan of a session or a file, which counts until there is a report.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, shape: Shape):
        self.shape = shape
        self.report: SectionReport | None = None
        self.given: SectionPlan | None = None
        self._given_by = ""
        self._found: dict[int, tuple[SectionFinding, ...]] = {}
        self._proposed, self._plan = SectionPlan.as_is(shape), SectionPlan.as_is(shape)
        self._uses: dict[int, SectionUse] = {}
        self._added: set[int] = set()
        self._all_as_is, self._interpolates, self._skips_bare = False, True, True

    @property
    def all_as_is(self) -> bool:
        """True: every section is used as it is, whatever the report says."""
        return self._all_as_is

    @all_as_is.setter
    def all_as_is(self, all_as_is: bool) -> None:
        if all_as_is != self._all_as_is:
            self._all_as_is = all_as_is
            self.changed.emit()

    @property
    def interpolates(self) -> bool:
        """True: what is bridged gets labels from its neighbours; False: none."""
        return self._interpolates

    @interpolates.setter
    def interpolates(self, interpolates: bool) -> None:
        if interpolates != self._interpolates:
            self._interpolates = interpolates
            self._change()

    @property
    def skips_bare(self) -> bool:
        """True: where the report found no tissue, nothing is segmented."""
        return self._skips_bare

    @skips_bare.setter
    def skips_bare(self, skips: bool) -> None:
        if skips != self._skips_bare:
            self._skips_bare = skips
            self._change()

    @property
    def has_bare(self) -> bool:
        """True if the report found parts without tissue."""
        return self.report is not None and bool(self.report.no_tissue.any())

    @property
    def plan(self) -> SectionPlan | None:
        """The plan for the sections; None while there is none."""
        if self._all_as_is:
            return SectionPlan.as_is(self.shape)
        if self.report is not None:
            return self._plan
        return self.given and replace(self.given, interpolates=self._interpolates)

    @property
    def summary(self) -> str:
        """One sentence on the sections, and on what a person has changed; empty while nothing is known."""
        if self.report is None:
            return AS_THEY_ARE if self._all_as_is else self._given_text
        if shows_nothing(self._plan) and not self._all_as_is:
            return f"{count(self.shape[0], 'section')}: no tissue anywhere. Nothing would be segmented."
        changed = f" ({len(self._uses):,} changed by you)" if self._uses and not self._all_as_is else ""
        return f"{self.report.summary}{changed}." + f" {AS_THEY_ARE}" * self._all_as_is

    @property
    def has_findings(self) -> bool:
        """True if something is wrong, or was changed."""
        return bool(self.sections)

    @property
    def sections(self) -> list[int]:
        """The sections that something is wrong with, and those that a person added, in order."""
        return sorted(self._found.keys() | self._uses.keys() | self._added)

    @property
    def changed_sections(self) -> list[int]:
        """The sections that a person wants used otherwise than proposed, or has added."""
        return sorted(self._uses.keys() | self._added)

    def put_report(self, report: SectionReport) -> None:
        """Take a new report; what a person wants otherwise stays so."""
        self.report, self.given = report, None
        self._found = dict(findings_by_section(report))
        self._proposed = SectionPlan.of_report(report)
        self._uses = {z: use for z, use in self._uses.items() if use != self.row(z).proposed}
        self._change()

    def put_given(self, plan: SectionPlan, given_by: str = "the session") -> None:
        """Take a plan that was made elsewhere: as uses of single sections, or instead of a report that has none such.

        Parameters
        ----------
        plan : SectionPlan
            For a stack of this shape.
        given_by : str
            Words for where it comes from: "the session", "plan.json".
        """
        self._all_as_is, self._interpolates = plan.is_as_is, plan.interpolates
        if self.report is not None and self._put_uses(self.report, plan):
            self._change()
            return
        self.report, self.given, self._given_by = None, plan, given_by
        self._found, self._uses, self._added = {}, {}, set()
        self.changed.emit()

    def row(self, z: int) -> SectionRow:
        """Return a section as it is shown."""
        found = self._found.get(z, ())
        proposed = proposed_use(self._proposed, found)
        verdicts = ", ".join(one.verdict.value for one in found) or "added by you"
        last = next((one.last for one in found if one.last is not None), None)
        title = f"{z}: {verdicts}" if last is None else f"{z} to {last}: {verdicts}"
        evidence = "; ".join(one.evidence for one in found) or "Nothing was found wrong with it."
        return SectionRow(z, title, evidence, self._uses.get(z, proposed), proposed)

    def offers(self, sections: Iterable[int]) -> list[SectionUse]:
        """Return the uses that can be chosen for each of some sections; their pixels are those of the first."""
        rows = [self.row(z) for z in sections]
        of_each = [uses_on_offer(row.proposed, row.use, self._can_be_bridged(row.z)) for row in rows]
        if not of_each:
            return []
        common = set.intersection(*({use.choice for use in uses} for uses in of_each))
        return [use for use in of_each[0] if use.choice in common]

    def choose(self, sections: Iterable[int], use: SectionUse) -> None:
        """Use sections in this way; each is added if it is not there."""
        for z in sections:
            if z not in self._found:
                self._added.add(z)
            if use == self.row(z).proposed:
                self._uses.pop(z, None)
            else:
                self._uses[z] = use
        self._change()

    def add(self, z: int) -> None:
        """Show a section that nothing was found wrong with, so that a use can be chosen for it."""
        if z not in self._found and z not in self._added:
            self._added.add(z)
            self.changed.emit()

    def reset(self, sections: Iterable[int]) -> None:
        """Use sections as proposed; those that were added go."""
        for z in sections:
            self._uses.pop(z, None)
            self._added.discard(z)
        self._change()

    def _put_uses(self, report: SectionReport, plan: SectionPlan) -> bool:
        """Use sections as a plan does; return False if that cannot be said by their uses."""
        if plan.is_as_is:  # `all_as_is` says that, and the uses come back when it is unticked
            return True
        skips_bare = bool(plan.no_tissue.any()) or not report.no_tissue.any()
        report = report if skips_bare else without_bare(report)
        uses = uses_of_plan(report, plan)
        if uses is None:
            return False
        self._proposed, self._uses, self._skips_bare = SectionPlan.of_report(report), uses, skips_bare
        self._added = uses.keys() - self._found.keys()
        return True

    def _can_be_bridged(self, z: int) -> bool:
        return self.report is not None and bool(self.report.bridgeable[z].any())

    def _change(self) -> None:
        if self.report is not None:
            report = self.report if self._skips_bare else without_bare(self.report)
            self._plan = plan_of_uses(report, self._uses, self._interpolates)
        self.changed.emit()

    @property
    def _given_text(self) -> str:
        if self.given is None:
            return ""
        return f"From {self._given_by}: {self.given.sentence or AS_THEY_ARE}"
