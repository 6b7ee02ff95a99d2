"""Sessions of the same fragments, merged into a new one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.wording import count
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.affinity_files import read_affinities
from napari_emcad.io.sessions.copy import copy_files, facts_of_copy, size_of_files
from napari_emcad.io.sessions.facts import SessionFacts, read_facts, write_facts
from napari_emcad.io.sessions.file_names import AFFINITIES, EDITS, REPLAY_REPORT
from napari_emcad.io.sessions.new_session import check_new
from napari_emcad.io.sessions.replay_report import BroughtEdit, ReplayReport, read_report, write_report
from napari_emcad.io.sessions.segmentation_files import check_graph, read_segmentation
from napari_emcad.io.stacks.stack import content_of
from napari_emcad.proofreading.log import EditLog, write_rows
from napari_emcad.proofreading.merging.merge import MergedLog, merge_logs
from napari_emcad.proofreading.merging.outcomes import Merged
from napari_emcad.proofreading.merging.wishes import Side
from napari_emcad.proofreading.session import base_hash

REMEDY = "to bring edits to other fragments, use napari-emcad replay"


@dataclass(frozen=True)
class _Read:
    """A session that is merged: its folder, its facts and its log, which are only read."""

    folder: Path
    facts: SessionFacts
    log: EditLog


def merge_sessions(folders: Sequence[Path], new: Path) -> Job[ReplayReport]:
    """Merge sessions of the same fragments into a new one, which is there once all of it is written.

    None of them is changed, and nobody has to close them. The list of edits in conflict is kept in the new session; it
    does not matter in which order the sessions are named.

    Parameters
    ----------
    folders : sequence of Path
        NAME.emcad, at least two.
    new : Path
        NAME.emcad; must not exist.

    Raises
    ------
    UserError
        If they are not of the same fragments, one is no session or damaged, the name is taken, or the disk is full.
    """
    folders, new = [Path(folder) for folder in folders], Path(new)
    parts = check_merge(folders, new)
    names = dict(zip(_names(folders), parts, strict=True))
    sides = sorted((Side(name, part.log.rows, part.facts.threshold) for name, part in names.items()), key=_by_content)
    first = _fullest([names[side.name] for side in sides])
    yield from check_graph(first.folder)
    base = read_segmentation(first.folder, first.facts.checksums)
    _check_base(first, base)
    seal = first.facts.checksums.get(AFFINITIES)
    shape = base.fragments.shape
    affinities = read_affinities(first.folder, shape, seal)
    planned = first.facts.planned(shape)
    merged = yield from merge_logs(sides, base, first.facts.min_size, affinities, planned)
    report = _report(merged, {name: part.folder for name, part in names.items()}, parts)
    facts = facts_of_copy(first.folder, new).model_copy(update={"threshold": merged.threshold})
    with write_beside(new, lambda _: size_of_files(first.folder)) as made:
        made.mkdir()
        write_rows(made / EDITS, merged.rows)
        yield from copy_files(first.folder, made)
        (made / REPLAY_REPORT).unlink(missing_ok=True)
        write_report(made, report)
        write_facts(made, facts)
    return report


def check_merge(folders: Sequence[Path], new: Path) -> list[_Read]:
    """Read the logs of sessions, and refuse at once those that `merge_sessions` would refuse.

    Raises
    ------
    UserError
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise UserError(f"merge: two sessions or more are needed, each once, got {', '.join(map(str, folders))}.")
    check_new(new)
    if any(new.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise UserError(f"{new}: a place outside the sessions is needed; choose another folder.")
    facts = [read_facts(folder) for folder in folders]
    for folder, one in zip(folders[1:], facts[1:], strict=True):
        if what := _difference(facts[0], one):
            raise UserError(f"merge: {folders[0]} and {folder} are of different fragments: {what}; {REMEDY}.")
    return [_read(folder, one) for folder, one in zip(folders, facts, strict=True)]


def _difference(one: SessionFacts, other: SessionFacts) -> str:
    """Return what differs between the fragments of two sessions; empty if they are the same."""
    contents = content_of(one.fingerprint), content_of(other.fingerprint)
    if all(contents) and contents[0] != contents[1]:
        return f"the stacks differ ({Path(one.source).name}, {Path(other.source).name})"
    if one.box != other.box:
        return f"the boxes differ ({_box_text(one)}, {_box_text(other)})"
    if one.base_hash == other.base_hash and one.min_size == other.min_size:
        return ""
    if (one.model, one.model_sha256) != (other.model, other.model_sha256):
        return f"the models differ ({one.model or 'none'}, {other.model or 'none'})"
    names = sorted({*one.parameters, *other.parameters} - {"threshold"})
    for name in names:
        values = one.parameters.get(name), other.parameters.get(name)
        if values[0] != values[1]:
            return f"the parameter {name} differs ({values[0]}, {values[1]})"
    return "the voxels of their fragments differ"


def _box_text(facts: SessionFacts) -> str:
    return Box(*facts.box).text if facts.box else "all of the stack"


def _read(folder: Path, facts: SessionFacts) -> _Read:
    if not (folder / EDITS).is_file():
        raise UserError(f"{folder / EDITS}: the edit log is missing; copy the session again from where it is whole.")
    log = EditLog(folder / EDITS, read_only=True)
    if any(row.base_hash != facts.base_hash for row in log.rows):
        raise UserError(
            f"{folder}: its edits were made on other fragments than those it holds; "
            "copy the session again from where it is whole."
        )
    return _Read(folder, facts, log)


def _check_base(part: _Read, base: Segmentation) -> None:
    """Refuse fragments that are not those that the edits were made on; of too many chunks each is checked when read."""
    if not isinstance(base.fragments, ChunkedLabels) and base_hash(base) != part.facts.base_hash:
        raise UserError(f"{part.folder}: its fragments are damaged; copy the session again from where it is whole.")


def _by_content(side: Side) -> str:
    return side.key


def _fullest(parts: Sequence[_Read]) -> _Read:
    """Return the first session that has affinities, or the first of all."""
    return next((part for part in parts if (part.folder / AFFINITIES).exists()), parts[0])


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that tell folders apart."""
    paths = [folder.absolute() for folder in folders]
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _report(merged: MergedLog, folders: dict[str, Path], parts: Iterable[_Read]) -> ReplayReport:
    of_side = [str(folders[side.name].absolute()) for side in merged.sides]
    settled = {(Path(edit.session).name, edit.seq, edit.kind) for edit in _reported(folders) if edit.is_ticked}
    edits = [_brought(one, of_side[one.side], settled) for one in merged.edits if one.outcome == "conflict"]
    listed = {(edit.session, edit.seq) for edit in edits}
    forgotten = {"wanted": "", "against": 0, "asked": {}}
    old = [edit.model_copy(update=forgotten) for edit in _reported(folders) if edit.is_open]
    old = [edit for edit in old if edit.session not in of_side and (edit.session, edit.seq) not in listed]
    counts = Counter(one.outcome for one in merged.edits)
    damage = "\n".join(filter(None, (part.log.damage for part in parts)))
    return ReplayReport(
        session=of_side[0],
        total=len(merged.edits),
        damage=damage,
        edits=(*edits, *old),
        merged=tuple(sorted(of_side)),
        counts={**counts},
    )


def _reported(folders: dict[str, Path]) -> Iterator[BroughtEdit]:
    """Yield the edits in the reports of sessions."""
    for name in sorted(folders):
        with suppress(UserError):
            report = read_report(folders[name])
            yield from report.edits if report and not report.is_dismissed else ()


def _brought(one: Merged, session: str, settled: set[tuple[str, int, str]]) -> BroughtEdit:
    places = [place for place in (one.asked.get("voxels") or ()) if len(place) == 3]
    return BroughtEdit(
        session=session,
        seq=one.seq,
        kind=one.kind,
        outcome="conflict",
        why=f"{one.why}.",
        voxel=one.voxel,
        places=tuple((z, y, x) for z, y, x in places),
        is_ticked=(Path(session).name, one.seq, one.kind) in settled,
        user=one.user,
        against=one.against,
        wanted=one.wanted,
        asked={**one.asked},
    )


def merge_line(report: ReplayReport, where: str) -> str:
    """Return what became of the edits in one line, and where what waits is decided: in words, from "open" on."""
    waiting = count(len(report.open), "edit")
    ask = f" {where} to decide on {waiting}." if report.open else ""
    return f"{report.names}: {report.line()}{ask}"
