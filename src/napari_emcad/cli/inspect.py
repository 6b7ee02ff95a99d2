"""The command that says which sections of a stack are defective."""

import argparse
import json
from pathlib import Path

from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.inputs import check_folder, selection_of, size_of, tell_stack
from napari_emcad.cli.section_choice import look_at
from napari_emcad.core.errors import UserError
from napari_emcad.core.sections import SectionFinding
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.io.section_plans import plan_to_json, write_plan
from napari_emcad.io.sessions.file_names import FACTS_FILE
from napari_emcad.io.sessions.open_session import find_boxes, open_session
from napari_emcad.io.sessions.voxel_size import with_voxel_size
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.io.stacks.stack_facts import stack_record
from napari_emcad.proofreading.ends import SPOT_WORDS, find_spots
from napari_emcad.proofreading.ways import pieces_at_start, pieces_now


def inspect_stack(options: argparse.Namespace) -> int:
    """Look at the sections of a stack, and say what was found and what is done about it."""
    if options.plan:
        check_folder(options.plan)
    if isinstance(options.stack, Path) and (options.stack / FACTS_FILE).is_file():
        return _inspect_session(options)
    with open_stack(options.stack, selection_of(options), size_of(options)) as stack:
        tell_stack(stack, warn if options.json else tell)
        report = follow(look_at(stack.array))
        about_stack = stack_record(stack)
    plan = SectionPlan.of_report(report)
    if options.plan:
        write_plan(options.plan, plan)
    if options.json:
        tell(json.dumps({"stack": about_stack, **report_record(report, plan)}))
    else:
        _tell_report(report, plan, options.plan)
    return 0


def _inspect_session(options: argparse.Namespace) -> int:
    """Say how whole the neurons of a session were before its first edit and are now, and where they end."""
    with open_session(options.stack, to_read=True) as opened:
        warn(opened.session.log.damage)
        facts, state = with_voxel_size(opened.facts, size_of(options)), opened.session.state
        if facts.voxel_size is None:
            raise UserError("inspect: lengths are needed, and the voxel size is not known; give --voxel-size.")
        boxes = follow(find_boxes(opened))
        start = facts.box_of(state.base.fragments.shape).start
        before = find_spots(pieces_at_start(state, facts.threshold, boxes, facts.voxel_size))
        now = find_spots(pieces_now(state, boxes, facts.voxel_size))
    voxels = [[v + a for v, a in zip(one.voxel, start, strict=True)] for one in now.places]
    if options.json:
        places = [{**vars(one), "voxel": voxel} for one, voxel in zip(now.places, voxels, strict=True)]
        tell(json.dumps({"before": vars(before.quality), "now": vars(now.quality), "places": places}))
        return 0
    for one, voxel in zip(now.places, voxels, strict=True):
        length = f"  {one.length / 1000:.1f} µm" if one.length else ""
        tell(f"neuron {one.neuron}  {','.join(map(str, voxel))}  {SPOT_WORDS[one.kind]}{length}")
    tell(f"at the start: {before.quality.text}\nnow: {now.quality.text}")
    return 0


def report_record(report: SectionReport, plan: SectionPlan) -> dict[str, object]:
    """Return a report and its plan as JSON, which `segment --sections` takes, too."""
    findings = [finding_record(one) for one in report.findings]
    return {"summary": report.summary, "findings": findings, "plan": plan_to_json(plan)}


def finding_line(one: SectionFinding) -> str:
    """Return a finding as a line: "17: blank (one grey, 0, everywhere)"."""
    sections = str(one.z) if one.last is None else f"{one.z}-{one.last}"
    cause = f", {one.cause}" if one.cause else ""
    kind = f", {one.slip.kind.value}" if one.slip else ""
    return f"{sections}: {one.verdict.value}{cause}{kind} ({one.evidence})"


def _tell_report(report: SectionReport, plan: SectionPlan, written: Path | None) -> None:
    tell(report.summary)
    for one in report.findings:
        tell(finding_line(one))
    if plan.sentence:
        tell(f"by plan: {plan.sentence}")
    if written:
        tell(f"plan -> {written}; edit it, and name it to segment with --sections")


def finding_record(one: SectionFinding) -> dict[str, object]:
    """Return a finding as JSON; what does not apply to its verdict is left out."""
    record: dict[str, object] = {"section": one.z, "verdict": one.verdict.value, "evidence": one.evidence}
    if one.cause:
        record["cause"] = one.cause
    if one.last is not None:
        record["last"] = one.last
    if one.box:
        record["box"] = one.box
    if one.slip:
        record["slip"] = one.slip.kind.value
        record["shift"] = one.slip.shift
        record["confidence"] = round(one.slip.confidence, 1)
    return record
