"""The facts of a run by blocks, `run.json` in the folder that becomes a session: what is segmented, and how."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, Voxel, VoxelSize
from napari_emcad.core.parameters import ResolvedSegmentParameters
from napari_emcad.core.sections.plan import sections_around
from napari_emcad.core.wording import count, shape_text
from napari_emcad.io.atomic import write_then_rename
from napari_emcad.io.json_text import checksum_of_fields, read_json
from napari_emcad.io.parts import PART, remove_parts
from napari_emcad.io.regular_files import check_entries, check_path
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.file_names import FACTS_FILE, HOLDER, LOCK, RUN_FILE
from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.sessions.new_session import check_new
from napari_emcad.io.stacks.find_stack import KnownStack, relative_source
from napari_emcad.io.stacks.stack import content_of
from napari_emcad.io.write_errors import explain_write

_CHECKSUM = "checksum"
"""Name of the checksum of all else in `run.json`."""

SectionsChoice = Literal["auto", "as-is"] | dict[str, Any]
"""A choice of what is done with the sections of a stack: what a look at them says, nothing, or a plan as JSON."""


class BlockRunFacts(BaseModel):
    """All that a task needs to know.

    Attributes
    ----------
    program : str
        Name and version.
    source, dataset, fingerprint
        The stack, see `Stack`; the path is absolute.
    relative_source : str or None
        Path to the stack from the folder of the run, with slashes; set when `run.json` is written.
    voxel_size_nm : (z, y, x) or None
    voxel_size_source : str
        Where it comes from, see `Stack.size_source`.
    model, model_sha256 : str
        Name or file of the weights.
    parameters : dict
        Fields of `SegmentParameters`, resolved.
    asked_levels : (black, white) or None
        As they were asked for, None = by the data, if the data decide once the plan for the sections is known.
    precision : "fp32" or "bf16"
        See `Device`.
    box : (start, stop)
        Box in the stack, in voxels (z, y, x).
    block : (z, y, x)
        Voxels of a block.
    group : (z, y, x)
        Voxels, at least, whose contacts are agglomerated at once.
    sections : "auto", "as-is" or dict
        What is done with each section: what a look at them says, nothing, or a plan, see `io.section_plans`. Runs of
        earlier versions have "as-is".
    interpolates : bool
        True: labels of what a look at the sections says to bridge are interpolated; False: 0. A plan says it itself.
    origin : (z, y, x) or None
        Place of the stack's first voxel, in voxels; None = 0.
    stack_shape : (z, y, x) or None
        Voxels of the whole stack; None in runs of earlier versions.
    level_shape : (z, y, x) or None
        Voxels of the lower resolution of the stack in which its sections are looked at; None = the stack itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format_version: Literal[1] = 1
    program: str
    source: str
    relative_source: str | None = None
    dataset: str | None
    fingerprint: str
    voxel_size_nm: tuple[float, float, float] | None
    voxel_size_source: str = ""
    model: str
    model_sha256: str
    parameters: dict[str, Any]
    precision: Literal["fp32", "bf16"]
    box: tuple[Voxel, Voxel]
    block: Shape
    group: Shape
    sections: SectionsChoice = "as-is"
    interpolates: bool = True
    origin: tuple[float, float, float] | None = None
    stack_shape: Shape | None = None
    level_shape: Shape | None = None
    asked_levels: tuple[float | None, float | None] | None = None

    def stack_in(self, folder: Path) -> KnownStack:
        """Return what is known of the stack of the run in a folder, for `find_stack`."""
        return KnownStack(folder, self.source, self.relative_source, self.dataset, self.fingerprint, self.place)

    def gives_same(self, other: "BlockRunFacts") -> bool:
        """Return True if another run gives the same result, wherever its files lie."""
        return self._elsewhere == other._elsewhere

    @property
    def _elsewhere(self) -> "BlockRunFacts":
        """The same run, whatever the places of its stack and its model and the times of its files."""
        anywhere = {"source": "", "relative_source": None, "model": "", "origin": None}
        anywhere["fingerprint"] = content_of(self.fingerprint)
        return self.model_copy(update=anywhere)

    @property
    def resolved(self) -> ResolvedSegmentParameters:
        """The parameters, checked."""
        return ResolvedSegmentParameters(**self.parameters)

    @property
    def place(self) -> Box:
        """The box in the stack."""
        return Box(*self.box)

    @property
    def blocks(self) -> Blocks:
        """The blocks of the box: their first voxel is that of the box."""
        return Blocks(self.place.shape, self.block)

    @property
    def groups(self) -> Blocks:
        """Blocks that are agglomerated together: larger ones, each of whole blocks."""
        return self.blocks.grouped(self.group)

    @property
    def looked_at(self) -> range:
        """The sections of the stack that are looked at before anything is done; none unless `sections` is "auto"."""
        if self.sections != "auto" or self.stack_shape is None:
            return range(0)
        return sections_around(self.place, self.stack_shape[0])

    @property
    def slabs(self) -> Blocks:
        """The sections that are looked at, whole, as many together as in a block; the first of them is section 0."""
        plane = self.place.shape[1:] if self.stack_shape is None else self.stack_shape[1:]
        return Blocks((len(self.looked_at), *plane), (self.block[0], *plane))

    @property
    def extent(self) -> str:
        """The size as text: "48 x 2048 x 2048 voxels in 12 blocks"."""
        return f"{shape_text(self.place.shape)} voxels in {count(len(self.blocks), 'block')}"

    @property
    def voxel_size(self) -> VoxelSize | None:
        """The voxel size in nm; None if it is not known."""
        return VoxelSize(*self.voxel_size_nm) if self.voxel_size_nm else None


def begin_run(folder: Path, run: BlockRunFacts) -> None:
    """Make the folder of a run, or go on with the run that was begun there.

    Another run takes the place of one of which no block is done: it may have been refused, or given up.

    Raises
    ------
    UserError
        If the folder is something else, holds another run of which blocks are done, or another program is at it.
    """
    if (folder / RUN_FILE).is_file():
        if read_run(folder) != _placed(folder, run):
            _change_run(folder, run)
        return
    if not _was_given_up(folder):
        check_new(folder)
    remove_parts(folder.parent)
    try:
        with write_then_rename(folder) as part:
            part.mkdir()
            _write_run(part, run)
    except OSError as error:
        raise _not_written(folder, error) from error


def _was_given_up(folder: Path) -> bool:
    """Return True for a folder without anything in it, as a killed program of an earlier version has left it."""
    return folder.is_dir() and all(file.suffix == PART or file.name in (LOCK, HOLDER) for file in folder.iterdir())


def move_run(folder: Path, run: BlockRunFacts) -> None:
    """Write where the stack and the model of a run lie now.

    Raises
    ------
    UserError
        If another program is at it, or the folder cannot be written to.
    """
    if read_run(folder) != _placed(folder, run):
        _change_run(folder, run)


def _change_run(folder: Path, run: BlockRunFacts) -> None:
    """Write a run in the place of another one: the same with its files elsewhere, or any if no block is done yet.

    Sections are not measured again if they fit.
    """
    lock, files = SessionLock(folder), BlockFiles(folder)
    try:
        if lock.why_not:
            raise UserError(lock.why_not)
        before = read_run(folder)
        if not run.gives_same(before):
            if files.has_blocks:
                raise UserError(
                    f"{folder}: it was begun with another {_difference(before, run)}; "
                    "run the command as it was, or choose another name."
                )
            files.forget(sections=_look_of(before) != _look_of(run))
        _write_run(folder, run)
    except OSError as error:
        raise _not_written(folder, error) from error
    finally:
        lock.release()


def _placed(folder: Path, run: BlockRunFacts) -> BlockRunFacts:
    """Return a run with the path to its stack from its folder."""
    return run.model_copy(update={"relative_source": relative_source(run.source, folder)})


def _write_run(folder: Path, run: BlockRunFacts) -> None:
    with write_then_rename(folder / RUN_FILE) as part:
        fields = _placed(folder, run).model_dump(mode="json")
        part.write_text(json.dumps({**fields, _CHECKSUM: checksum_of_fields(fields)}, indent=2), "utf-8")


def _not_written(folder: Path, error: OSError) -> UserError:
    return explain_write(error, folder)


def _look_of(run: BlockRunFacts) -> tuple[object, ...]:
    """Return all that decides on what is measured of the sections, and in which slabs."""
    stack = run.program, run.dataset, content_of(run.fingerprint), run.stack_shape, run.level_shape
    return *stack, run.looked_at, run.block[0]


def read_unfinished_run(folder: Path) -> BlockRunFacts:
    """Read the facts of the run that was begun in a folder.

    Raises
    ------
    UserError
        If there is none, or it has ended in a session.
    """
    check_path(folder)
    if (folder / FACTS_FILE).is_file():
        raise UserError(f"{folder}: this session is finished; open it with: napari-emcad proofread {folder}")
    if not (folder / RUN_FILE).is_file():
        raise UserError(
            f"{folder}: nothing was begun there by blocks; choose another folder, or begin with: napari-emcad segment"
        )
    check_entries(folder)
    return read_run(folder)


def read_run(folder: Path) -> BlockRunFacts:
    """Read `run.json`.

    Raises
    ------
    UserError
        If it is damaged.
    """
    try:
        fields = read_json(folder / RUN_FILE)
        if fields.pop(_CHECKSUM, None) not in (None, checksum_of_fields(fields)):
            raise ValueError("not as it was written")
        return BlockRunFacts(**fields)
    except (OSError, ValueError, TypeError, AttributeError, ValidationError) as error:
        raise UserError(
            f"{folder / RUN_FILE}: missing or damaged; remove {folder} and run the command again."
        ) from error


def _difference(before: BlockRunFacts, run: BlockRunFacts) -> str:
    """Return the first thing that two runs do not share, in words."""
    for name in BlockRunFacts.model_fields:
        old, new = getattr(before, name), getattr(run, name)
        if name in ("source", "relative_source", "fingerprint") and _is_content_same(before, run):
            continue
        if name == "model" and before.model_sha256 == run.model_sha256:
            continue
        if old != new and name == "sections":
            return f"plan for the sections ({_sections_text(old)}, not {_sections_text(new)})"
        if old != new and name == "parameters":
            key = next(k for k in {**old, **new} if old.get(k) != new.get(k))
            return f"{key} ({old.get(key)}, not {new.get(key)})"
        if old != new:
            return f"{name} ({old}, not {new})"
    return "version of the program"


def _is_content_same(before: BlockRunFacts, run: BlockRunFacts) -> bool:
    return content_of(before.fingerprint) == content_of(run.fingerprint)


def _sections_text(sections: SectionsChoice) -> str:
    return sections if isinstance(sections, str) else "another file"
