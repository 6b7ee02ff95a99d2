"""The commands on sessions: made of labels, exported, listed, copied, and their edits made again."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.inputs import check_folder, check_session, selection_of, size_of
from napari_emcad.cli.outputs import PALETTE_NAMES, check_free, format_name
from napari_emcad.cli.section_choice import word_or_file
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.wording import count, voxel_size_text
from napari_emcad.io.labels.tiff import rounded_ids_note
from napari_emcad.io.sessions.colour_files import colours_damage
from napari_emcad.io.sessions.copy import copy_session_job
from napari_emcad.io.sessions.export import check_export_target, export_session
from napari_emcad.io.sessions.export_tables import time_text
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.sessions.lock import edit_alone
from napari_emcad.io.sessions.merge import merge_line, merge_sessions
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay import replay_session
from napari_emcad.io.sessions.voxel_size import set_voxel_size, with_voxel_size, write_voxel_size
from napari_emcad.networks.zoo import BUNDLED, NO_MODEL
from napari_emcad.proofreading.replay.outcomes import OUTCOMES, summary
from napari_emcad.session_of_labels import LabelFiles, make_session_of_labels

MEASURED = ("labels", "fragments", "interpolated", "neurons", "meshes")
"""Exports in which lengths are stated."""


def make_session(options: argparse.Namespace) -> int:
    """Make a session of labels that are there already."""
    check_folder(options.output)
    check_session(options.output)
    if options.model and not options.stack:
        raise UserError("model: a stack is needed to predict affinities from; name it with --stack.")
    files = LabelFiles(
        labels=options.labels,
        dataset=selection_of(options),
        stack=options.stack,
        stack_dataset=selection_of(options, "stack"),
        model=None if options.model == NO_MODEL else options.model or BUNDLED,
        affinities=options.affinities,
        voxel_size=size_of(options),
        sections=_sections(options),
    )
    made = follow(make_session_of_labels(files, options.output))
    pieces, segmentation = made.pieces, made.segmentation
    for line in made.read:
        tell(line)
    for note in made.notes:
        warn(note)
    if made.plan is not None:
        tell(f"by plan: {made.plan.sentence}")
    counts = (
        count(len(pieces.labels), "neuron"),
        count(len(segmentation.sizes) - 1, "fragment"),
        count(len(segmentation.graph), "edge"),
    )
    tell(f"{', '.join(counts)}; {pieces.ids_text} -> {options.output}")
    return 0


def _sections(options: argparse.Namespace) -> Literal["auto", "as-is"] | Path:
    """Return what is to be done with sections; only affinities depend on that."""
    if options.sections and not options.affinities and (not options.stack or options.model == NO_MODEL):
        raise UserError("sections: a stack and a model are needed, or affinities; name them, or leave --sections out.")
    return word_or_file(options.sections)


def export(options: argparse.Namespace) -> int:
    """Write the labels, or a table, of a session."""
    check_folder(options.output)
    name = format_name(options)
    check_free(options.output, options.overwrite)
    check_export_target(options.what, options.output, name)
    with open_session(options.session, to_read=True) as opened:
        warn(opened.session.log.damage)
        warn(colours_damage(options.session))
        facts = with_voxel_size(opened.facts, size_of(options))
        if facts.voxel_size is None and options.what in MEASURED:
            warn("voxel size unknown: lengths are in voxels; give it with --voxel-size Z Y X, in nm.")
        job = export_session(
            options.what, options.output, replace(opened, facts=facts), options.at, name, PALETTE_NAMES[options.colours]
        )
        follow(job)
    warn(rounded_ids_note(options.output))
    tell(f"{options.what} -> {options.output}")
    return 0


def list_edits(options: argparse.Namespace) -> int:
    """List the edits of a session."""
    with open_session(options.session, to_read=True) as opened:
        session = opened.session
        live = set(session.in_force)
        for row in session.log.rows:
            undone = row.kind not in ("undo", "redo") and row.seq not in live
            what = ", ".join(f"{name} {json.dumps(value)}" for name, value in row.input.items())
            who = f"{row.user}  {row.kind}".replace("\n", "\\n")
            tell(f"{row.seq}  {time_text(row.time)}  {who}  {what}{'  (undone)' if undone else ''}")
        warn(session.log.damage)
    return 0


def copy(options: argparse.Namespace) -> int:
    """Copy a session; a damaged one up to its last good edit."""
    copied = follow(copy_session_job(options.session, options.new))
    if size := size_of(options):
        set_voxel_size(options.new, size)
    warn(copied.damage)
    tell(f"{count(copied.edits, 'edit')} -> {options.new}")
    return 0


def set_facts(options: argparse.Namespace) -> int:
    """Give a session another voxel size."""
    if options.alone:
        edit_alone(options.session)
    before, size = read_facts(options.session), VoxelSize(*options.voxel_size)
    set_voxel_size(options.session, size)
    known = f", before {voxel_size_text(before.voxel_size)}" if before.voxel_size else ""
    tell(f"{voxel_size_text(size)}{known} -> {options.session}")
    return 0


def replay(options: argparse.Namespace) -> int:
    """Make the edits of a session again in one segmented anew."""
    if options.alone:
        edit_alone(options.new)
    with open_session(options.old, to_read=True) as old, open_session(options.new) as new:
        warn(old.session.log.damage)
        try:
            outcomes = follow(replay_session(old, new))
        except KeyboardInterrupt as stop:
            raise UserError(f"stopped: the edits made again until then are in {options.new}.") from stop
        if size := size_of(options):
            write_voxel_size(options.new, size)
        start = new.facts.box_of(new.session.state.base.fragments.shape).start
    for edit in outcomes:
        place = ",".join(str(v + a) for v, a in zip(edit.voxel, start, strict=True)) if edit.voxel else "-"
        tell(f"{edit.seq}  {edit.kind}  {place}  {OUTCOMES[edit.outcome]}{'  ' if edit.why else ''}{edit.why}")
    tell(summary(outcomes))
    return 0


def merge(options: argparse.Namespace) -> int:
    """Merge sessions of the same fragments into a new one, and list what people have to decide."""
    check_folder(options.output)
    check_session(options.output)
    report = follow(merge_sessions(options.sessions, options.output))
    warn(report.damage)
    facts = read_facts(options.output)
    start = facts.box[0] if facts.box else (0, 0, 0)
    for edit in report.edits:
        place = ",".join(str(v + a) for v, a in zip(edit.voxel, start, strict=True)) if edit.voxel else "-"
        against = f" (edit {edit.against} there)" if edit.against else ""
        name = Path(edit.session).name
        tell(f"{name} {edit.seq}  {edit.user}  {edit.kind}  {place}  {edit.why}{against}")
    tell(merge_line(report, f"Open {options.output.name}"))
    return 0
