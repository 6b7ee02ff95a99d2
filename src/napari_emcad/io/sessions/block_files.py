"""The files of a run by blocks: a folder that becomes a session, see `file_names`.

Affinities and fragments are written block by block. A step of a block is done when its table is there.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, VoxelSize, triple
from napari_emcad.core.ids import file_dtype
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.affinities import create_affinities
from napari_emcad.io.atomic import write_then_rename
from napari_emcad.io.json_text import checksum_of_fields, read_json
from napari_emcad.io.labels.zarr_array import create_labels_array
from napari_emcad.io.npz_files import read_npz
from napari_emcad.io.parts import remove_parts
from napari_emcad.io.read_errors import TABLE_ERRORS, first_line
from napari_emcad.io.section_plans import plan_of_json, plan_to_json
from napari_emcad.io.sessions.block_arrays import ARRAY_ERRORS, make_array, open_to_change, synchronise_box
from napari_emcad.io.sessions.file_names import (
    AFFINITIES,
    DASHBOARD,
    FOUND_SECTIONS,
    FRAGMENTS,
    LOCAL,
    RUN_FILE,
    TABLES,
)
from napari_emcad.io.write_errors import FORBIDDEN, error_of_disk, hindrance
from napari_emcad.io.zarr_arrays import StoredAffinities, StoredVolume, as_affinities, as_volume

_CHECKSUM = "checksum"
"""Name of the checksum of all else that a look at the sections has found."""

_NAME = "name of the file"
"""Column of a table that says which one it is."""

SECTIONS = "sections"
"""Name of the step that looks at sections; all others are of blocks."""

CHUNK = 512
"""Pixels a side of a chunk: blocks begin at multiples of it, so that no two write the same file."""


@dataclass(frozen=True)
class FoundSections:
    """The outcome of a look at the sections of a stack.

    Attributes
    ----------
    summary : str
        One line.
    plan : SectionPlan
        Of the whole stack.
    levels : (black, white) or None
        Grey levels of the run, if the data decide on them; None = those of its parameters.
    """

    summary: str
    plan: SectionPlan
    levels: tuple[float, float] | None = None


@dataclass(frozen=True)
class BlockFiles:
    """The files of a run by blocks. Safe to use by several programs at once, as long as each block is done by one.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Say in one sentence why something cannot be written or read, and that what is finished is kept."""
        try:
            yield
        except TABLE_ERRORS as error:
            raise self._explained(error) from error

    def create(self, shape: Shape, voxel_size: VoxelSize | None) -> None:
        """Create the arrays, all 0, for a volume of this shape (z, y, x); those that are there stay.

        Nobody else may be at the run: what killed programs have left unfinished is removed.
        """
        with self.explain_errors():
            (self.folder / TABLES).mkdir(exist_ok=True)
            for folder in (self.folder, self.folder / TABLES):
                remove_parts(folder, alone=True)
            make_array(
                self.folder / AFFINITIES,
                lambda path: create_affinities(path, shape, voxel_size, {}),
                is_used="affinities" in self.finished_blocks(),
            )
            self._create_labels(LOCAL, shape, np.dtype(np.uint32), voxel_size, "fragments")

    def create_fragments(self, dtype: DTypeLike, voxel_size: VoxelSize | None) -> None:
        """Create the array of the fragments numbered in the volume, for ids of this dtype, unless it is there."""
        with self.explain_errors():
            self._create_labels(FRAGMENTS, self.local.shape, file_dtype(dtype), voxel_size, "region graph")

    @property
    def affinities(self) -> StoredAffinities:
        """Affinities (3, z, y, x), uint8."""
        return as_affinities(self._open_array(AFFINITIES))

    @property
    def local(self) -> StoredVolume:
        """Fragments (z, y, x), uint32, numbered 1..n in each block."""
        return as_volume(self._open_array(LOCAL))

    @property
    def fragments(self) -> StoredVolume:
        """Fragments (z, y, x), uint32 or uint64, numbered 1..n in the volume."""
        return as_volume(self._open_array(FRAGMENTS))

    def is_done(self, step: str, number: int) -> bool:
        """Return True if a step of a block is done."""
        return self.table_path(step, number).exists()

    def synchronise(self, array: Literal["affinities", "local", "fragments"], box: Box) -> None:
        """Bring a box (z, y, x) of an array to the disk, before a table says that it is done."""
        channels = (slice(0, 1),) if array == "affinities" else ()  # a chunk holds all
        name = {"affinities": AFFINITIES, "local": LOCAL, "fragments": FRAGMENTS}[array]
        with self.explain_errors():
            synchronise_box(self.folder / name, (*channels, *box.slices))

    def save_table(self, step: str, number: int, **columns: NDArray[Any]) -> None:
        """Write the table of a step of a block, and with it that the step is done."""
        target = self.table_path(step, number)
        with self.explain_errors(), write_then_rename(target) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns, **{_NAME: np.array(target.name)})

    def load_table(self, step: str, number: int) -> dict[str, NDArray[Any]]:
        """Read the table of a step of a block.

        Raises
        ------
        UserError
            If it is missing or damaged, or that of another block.
        """
        try:
            found = read_npz(self.table_path(step, number))
            if str(found.pop(_NAME, own := self.table_path(step, number).name)) != own:
                raise ValueError("the table of another block")
            return found
        except TABLE_ERRORS as error:
            raise UserError(
                f"{self.table_path(step, number)}: missing or damaged; remove this file and resume the run."
            ) from error

    @property
    def found_sections(self) -> FoundSections | None:
        """The outcome of a look at the sections; None before they were judged.

        Raises
        ------
        UserError
            If the file is damaged.
        """
        file = self.folder / FOUND_SECTIONS
        try:
            found = read_json(file)
            if found.pop(_CHECKSUM, None) not in (None, checksum_of_fields(found)):
                raise ValueError("not as it was written")
            plan, levels = plan_of_json(found["plan"], triple(found["plan"]["shape"])), found.get("levels")
            return FoundSections(str(found["summary"]), plan, levels and (float(levels[0]), float(levels[1])))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, UserError) as error:
            raise UserError(f"{file}: damaged; remove this file and resume the run.") from error

    @property
    def needed_sections(self) -> FoundSections:
        """The outcome of a look at the sections.

        Raises
        ------
        UserError
            If it is missing or damaged.
        """
        found = self.found_sections
        if found is None:
            raise UserError(f"{self.folder / FOUND_SECTIONS}: missing; resume the run.")
        return found

    def write_found_sections(self, found: FoundSections) -> None:
        """Write what a look at the sections has found; it is there as a whole, or not at all."""
        facts = {"summary": found.summary, "plan": plan_to_json(found.plan), "levels": found.levels}
        text = json.dumps({**facts, _CHECKSUM: checksum_of_fields(facts)}, indent=1)
        with self.explain_errors(), write_then_rename(self.folder / FOUND_SECTIONS) as part:
            part.write_text(text, "utf-8")

    def finished_blocks(self) -> dict[str, set[int]]:
        """Return the numbers of the blocks that are done, by step, with one look at the folder."""
        done: dict[str, set[int]] = {}
        with suppress(FileNotFoundError):
            for name in os.listdir(self.folder / TABLES):
                if name.endswith(".npz"):
                    step, number, _ = name.split(".")
                    done.setdefault(step.replace("_", " "), set()).add(int(number))
        return done

    @property
    def has_blocks(self) -> bool:
        """True once any step of any block is done; to have looked at sections does not count."""
        return bool(self.finished_blocks().keys() - {SECTIONS})

    @property
    def dashboard(self) -> str:
        """URL of a page that shows the run; empty if there is none."""
        try:
            return (self.folder / DASHBOARD).read_text("utf-8")
        except OSError:
            return ""

    @contextmanager
    def publish_dashboard(self, url: str | None) -> Iterator[None]:
        """Keep the URL of such a page in the folder as long as the block lasts; None = no page."""
        try:
            with self.explain_errors():
                (self.folder / DASHBOARD).write_text(url or "", "utf-8")
            yield
        finally:
            with suppress(OSError):
                (self.folder / DASHBOARD).unlink(missing_ok=True)

    def forget(self, sections: bool) -> None:
        """Remove what a run has left that is not to be gone on with, but not its facts.

        Parameters
        ----------
        sections : bool
            True: what was measured of the sections goes, too; False: it stays, and is judged anew.
        """
        with self.explain_errors():
            (self.folder / FOUND_SECTIONS).unlink(missing_ok=True)
            for name in (AFFINITIES, LOCAL, FRAGMENTS, *((TABLES,) if sections else ())):
                if (self.folder / name).exists():
                    shutil.rmtree(self.folder / name)

    @property
    def has_rests(self) -> bool:
        """True if there is anything that a session does not need."""
        return any((self.folder / name).exists() for name in (RUN_FILE, FOUND_SECTIONS, LOCAL, TABLES, DASHBOARD))

    def clear(self) -> None:
        """Remove what a session does not need; the facts of the run first, so that nothing of it is done again."""
        for name in (RUN_FILE, FOUND_SECTIONS, DASHBOARD):
            with self.explain_errors():
                (self.folder / name).unlink(missing_ok=True)
        for name in (LOCAL, TABLES):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _create_labels(
        self, name: str, shape: Shape, dtype: np.dtype[Any], voxel_size: VoxelSize | None, step: str
    ) -> None:
        """Create the array that a step writes to, unless it is there."""
        make_array(
            self.folder / name,
            lambda path: create_labels_array(path, shape, dtype, voxel_size, (1, CHUNK, CHUNK)),
            is_used=step in self.finished_blocks(),
        )

    def _explained(self, error: Exception) -> UserError:
        found = error_of_disk(error)
        if found is not None and found.errno in FORBIDDEN:
            return UserError(f"{self.folder}: there is no permission to write in it; choose another folder.")
        if found is not None:
            why = hindrance(found, self.folder / RUN_FILE)
            return UserError(f"{self.folder}: {why.what}; {why.remedy}, and resume the run, finished blocks are kept.")
        return UserError(
            f"{self.folder}: a block cannot be read or written ({first_line(error)}); "
            "resume the run, finished blocks are kept."
        )

    def _open_array(self, name: str) -> zarr.Array[Any]:
        try:
            return open_to_change(self.folder / name)
        except ARRAY_ERRORS as error:
            raise UserError(
                f"{self.folder / name}: missing or damaged; remove {self.folder} and begin anew."
            ) from error

    def check_array(self, name: str) -> None:
        """Refuse an array that is not there, or whose description is damaged.

        Raises
        ------
        UserError
        """
        self._open_array(name)

    def table_path(self, step: str, number: int) -> Path:
        """Return the file of the table of a step of a block."""
        return self.folder / TABLES / f"{step.replace(' ', '_')}.{number}.npz"
