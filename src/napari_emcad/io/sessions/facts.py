"""The facts of a session, `session.json`: what was segmented, and how."""

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, Voxel, VoxelSize, triple
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.json_text import checksum_of_fields, parse_json
from napari_emcad.io.regular_files import check_entries, check_path, read_regular
from napari_emcad.io.section_plans import LARGEST, plan_of_json
from napari_emcad.io.sessions.file_names import FACTS_FILE, RUN_FILE
from napari_emcad.io.stacks.find_stack import KnownStack, relative_source

FORMAT_VERSION = 3
"""Version of the format that is written where sections are not used as they are."""

AS_IS_VERSION = 2
"""Version of the format that is written where all are: programs that know no plans can edit these."""

PLACE = ("source", "relative_source", "dataset")
"""Facts that say where the stack is, which is compared with its fingerprint."""

_FARTHEST, _LONGEST = 2**40, 10_000
"""Voxels of a stack along an axis, and letters of a text, at most."""

FIRST_VERSION = 1
"""Oldest version that is read: region graph and boxes are in one file each."""


class SessionFacts(BaseModel):
    """The source of the fragments of a session, and how they were made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format_version: int = Field(AS_IS_VERSION, ge=FIRST_VERSION, le=FORMAT_VERSION, title="Format")
    program: str = Field("", title="Program", description="Name and version.")
    source: str = Field("", title="Source", description="The stack that was segmented: its path or URL.")
    relative_source: str | None = Field(
        None, title="Relative source", description="Path to the stack from the folder of the session, with slashes."
    )
    dataset: str | None = Field(
        None, title="Dataset", description="Path inside the source; None = what opens by itself."
    )
    fingerprint: str = Field("", title="Fingerprint", description="`Stack.fingerprint` of the stack.")
    voxel_size_nm: tuple[float, float, float] | None = Field(None, title="Voxel size", description="z, y, x in nm.")
    voxel_size_source: str = Field(
        "", title="Source of the voxel size", description="In words, see `Stack.size_source`; empty = not known."
    )
    box: tuple[Voxel, Voxel] | None = Field(
        None, title="Box", description="Start and stop in the stack, voxels (z, y, x); None = all of it."
    )
    origin: tuple[float, float, float] | None = Field(
        None, title="Origin", description="Place of the stack's first voxel, in voxels (z, y, x); None = 0."
    )
    model: str = Field("", title="Model")
    model_sha256: str = Field("", title="sha256 of the model")
    affinities: dict[str, Any] | None = Field(
        None, title="Affinities", description="The file of another program that they were read from; None = predicted."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, title="Parameters", description="Fields of `SegmentParameters`."
    )
    threshold: float = Field(ge=0, title="Threshold", description="The threshold before the first edit.")
    min_size: int = Field(0, ge=0, title="Smallest neuron", description="Voxels.")
    sections: dict[str, Any] | None = Field(
        None, title="Sections", description="The stack's `SectionPlan` as JSON; None = all are used as they are."
    )
    base_hash: str = Field("", title="Hash", description="Hash of fragments and merge tree; set when they are written.")
    checksums: dict[str, int] = Field(
        default_factory=dict, title="Checksums", description="Of the parts of the session, see `seals`."
    )

    @classmethod
    def of(cls, provenance: Mapping[str, Any], voxel_size: VoxelSize | None) -> Self:
        """Take the facts from the provenance of a segmentation, which holds its resolved parameters."""
        parameters = provenance["parameters"]
        known = {name: provenance[name] for name in cls.model_fields if name in provenance}
        limits = {name: parameters[name] for name in ("threshold", "min_size")}
        return cls(**known, **limits, voxel_size_nm=voxel_size and tuple(voxel_size))

    @property
    def voxel_size(self) -> VoxelSize | None:
        """The voxel size in nm; None if it is not known."""
        return VoxelSize(*self.voxel_size_nm) if self.voxel_size_nm else None

    def box_of(self, shape: Shape) -> Box:
        """Return the box of the fragments, which have this shape, in the stack."""
        return Box(*self.box) if self.box else Box.whole(shape)

    @cached_property
    def plan(self) -> SectionPlan | None:
        """The plan for the sections of the stack; None if all are used as they are.

        Raises
        ------
        UserError
            If `sections` is no plan.
        """
        return plan_of_json(self.sections, triple(self.sections["shape"])) if self.sections else None

    def stack_in(self, folder: Path, shape: Shape) -> KnownStack:
        """Return what is known of the stack of the session in a folder, whose fragments have this shape."""
        box = self.box_of(shape)
        return KnownStack(folder, self.source, self.relative_source, self.dataset, self.fingerprint, box)

    def placed(self, folder: Path) -> Self:
        """Return the facts with the path to the stack from a folder, which the session is to be kept in."""
        source = self.source
        if source and "://" not in source and not PureWindowsPath(source).drive:
            source = os.path.abspath(source)
        return self.model_copy(update={"source": source, "relative_source": relative_source(source, folder)})

    def planned(self, shape: Shape) -> PlannedBox | None:
        """Return the box of the fragments, which have this shape, with its plan; None if all is used as it is."""
        return PlannedBox.of(self.plan, self.box_of(shape))

    def as_json(self) -> dict[str, Any]:
        """Return the facts as JSON holds them, without checksums, and without sections that are used as they are."""
        unsaid = {name for name in ("sections", "voxel_size_source", "origin", "affinities") if not getattr(self, name)}
        version = {"format_version": FORMAT_VERSION} if self.sections else {}
        return self.model_dump(mode="json", exclude={*unsaid, "checksums"}) | version


def write_facts(folder: Path, facts: SessionFacts) -> None:
    """Write `session.json` into a folder."""
    fields = facts.as_json()
    if facts.checksums:
        fields["checksums"] = {FACTS_FILE: _checksum(fields), **facts.checksums}
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    with write_beside(folder / FACTS_FILE, lambda _: len(text)) as part:
        part.write_text(text, "utf-8")


def read_facts(folder: Path) -> SessionFacts:
    """Read `session.json` from a folder.

    Raises
    ------
    UserError
        If there is none, it is damaged, not as it was written, or of another format version; if a file of the folder is
        none, but a pipe or a device; or if the disk does not answer.
    """
    try:
        check_path(folder)
        text = read_regular(folder / FACTS_FILE, LARGEST)
        check_entries(folder)
    except OSError as error:
        raise _no_session(folder) from error
    except ValueError as error:
        raise _damaged(folder) from error
    try:
        fields = parse_json(text)
        _check_version(folder, fields["format_version"])
        own = fields.get("checksums", {}).pop(FACTS_FILE, None)
        facts = SessionFacts(**fields)
        _check_plan(facts)
        _check_numbers(facts)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise _damaged(folder) from error
    if own not in (None, _checksum(fields)):
        raise UserError(
            f"{folder / FACTS_FILE}: the file is damaged, or was changed by hand; copy the session again from where it "
            f'is whole, or, if you changed it, remove the line with "{FACTS_FILE}" from its checksums.'
        )
    return facts


def _checksum(fields: Mapping[str, Any]) -> int:
    """Return a checksum of all facts but the checksums and the place of the stack, which people may change."""
    facts = {name: value for name, value in fields.items() if name not in ("checksums", *PLACE)}
    return checksum_of_fields(facts)


def _damaged(folder: Path) -> UserError:
    return UserError(f"{folder / FACTS_FILE}: the file is damaged; copy the session again from where it is whole.")


def _no_session(folder: Path) -> UserError:
    if (folder / RUN_FILE).is_file():
        return UserError(
            f'{folder}: its blocks are not finished; go on with it under "By blocks", '
            f"or with: napari-emcad resume {folder}"
        )
    return UserError(
        f"{folder}: a session folder (NAME.emcad with {FACTS_FILE}) is needed, this is none; choose another folder."
    )


def _check_plan(facts: SessionFacts) -> None:
    """Refuse a plan that is none, that is missing, or in which the box does not lie."""
    try:
        plan = facts.plan
    except UserError as error:
        raise ValueError(str(error)) from error
    if (plan is None) == (facts.format_version > AS_IS_VERSION):
        raise ValueError("sections are missing, or of another format")
    if plan is not None and facts.box is not None and Box(*facts.box).clipped(plan.shape) != Box(*facts.box):
        raise ValueError("the box lies outside the sections")


def _check_numbers(facts: SessionFacts) -> None:
    """Refuse a place that no stack has, and texts that nobody wrote."""
    if facts.voxel_size is not None and not facts.voxel_size.is_possible:
        raise ValueError("the voxel size is none")
    if facts.box is not None and not all(0 <= a < b <= _FARTHEST for a, b in zip(*facts.box, strict=True)):
        raise ValueError("the box is none")
    if max(map(abs, facts.origin or (0.0,))) > _FARTHEST or max(facts.threshold, facts.min_size) > _FARTHEST:
        raise ValueError("numbers that no stack has")
    if any(isinstance(text, str) and len(text) > _LONGEST for text in facts.__dict__.values()):
        raise ValueError("a text that is too long")


def _check_version(folder: Path, version: object) -> None:
    if version not in range(FIRST_VERSION, FORMAT_VERSION + 1):
        raise UserError(
            f"{folder}: format {FIRST_VERSION} to {FORMAT_VERSION} is needed, the session has format {version}; "
            "open it with the version of napari-emcad that wrote it."
        )
