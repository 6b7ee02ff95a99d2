"""A look at the sections of a stack: which are blank, missing, blurred, wrong or out of place, and where tissue is."""

from napari_emcad.core.sections.look import inspect_levels, inspect_sections
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict

__all__ = ["SectionFinding", "SectionReport", "Slip", "SlipKind", "Verdict", "inspect_levels", "inspect_sections"]
