"""A plan for the sections of a stack as JSON, for sessions, runs, provenance and files that people edit.

    {"shape": [100, 1024, 1024],
     "sections": {"17": {"left_out": true}, "40-99": {"offset": [0, 24]}, "63": {"inverted": true, "break": true}},
     "interpolates": true,
     "cell": 32, "cells": [32, 32], "missing": {"12": "eJwB..."}, "no_tissue": {"0-99": "eJwB..."}}

Sections that are not named are used as they are; where two entries name one, the later one decides on what it says.
Masks are of cells: bits in rows, packed by zlib, in base64. People write boxes (y0, y1, x0, x1) in pixels instead,
which replace the mask of their sections: {"12": {"missing": [[0, 512, 300, 812]]}, "13": {"missing": []}}.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.json_text import parse_json
from napari_emcad.io.regular_files import TooLong, read_regular

LARGEST = 2**24
"""Bytes above which a file is no plan."""

DRAWN_CELL = 16
"""Side in pixels of the cells that boxes are drawn into, if the plan has no cells of its own; more in large stacks."""

REMEDY = "choose a file that the dock, or napari-emcad inspect --plan, wrote"
"""Words on what to do about a file that cannot be used."""

PixelBox = tuple[int, int, int, int]
"""Pixels y0, y1, x0, x1 of a section, half open."""


_FAR = 2**24
"""Pixels by which no section is moved."""

MOST_SECTIONS = 10**6
"""Sections of a stack, at most."""

MOST_CELLS = 2**27
"""Cells of the masks of a plan, at most: a byte each."""

_Side = Annotated[int, Field(ge=0, le=2**31)]
_Pixels = Annotated[int, Field(ge=-_FAR, le=_FAR)]


class _SectionUse(BaseModel):
    """A decision on a section, or on several in a row."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    left_out: bool = False
    offset: tuple[_Pixels, _Pixels] = (0, 0)
    inverted: bool = False
    breaks: bool = Field(False, alias="break")
    missing: list[PixelBox] = []
    no_tissue: list[PixelBox] = []


class _PlanText(BaseModel):
    """The whole plan, as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[_Side, _Side, _Side]
    sections: dict[str, _SectionUse] = {}
    interpolates: bool = True
    cell: int = Field(0, ge=0)
    cells: tuple[int, int] = (1, 1)
    missing: dict[str, str] = {}
    no_tissue: dict[str, str] = {}


def plan_to_json(plan: SectionPlan) -> dict[str, Any]:
    """Return a plan as what JSON holds."""
    uses = [
        _SectionUse(left_out=bool(left_out), offset=(int(y), int(x)), inverted=bool(inverted), breaks=bool(breaks))
        for left_out, (y, x), inverted, breaks in zip(
            plan.left_out, plan.offset, plan.inverted, plan.breaks, strict=True
        )
    ]
    text = _PlanText(
        shape=plan.shape,
        sections={key: use for key, use in _in_runs(uses) if use != _SectionUse()},
        interpolates=plan.interpolates,
        cell=plan.cell,
        cells=(plan.missing.shape[1], plan.missing.shape[2]),
        missing=_masks_text(plan.missing),
        no_tissue=_masks_text(plan.no_tissue),
    )
    return text.model_dump(by_alias=True, exclude_defaults=True, mode="json")


def plan_facts(plan: SectionPlan | None) -> dict[str, Any]:
    """Return what provenance says of the sections: {"sections": a plan}, or nothing if all are used as they are."""
    return {} if plan is None or plan.is_as_is else {"sections": plan_to_json(plan)}


def plan_of_json(found: Any, shape: Shape) -> SectionPlan:
    """Return the plan for a stack of this shape that JSON holds.

    Raises
    ------
    UserError
        One sentence on what is not as it should be.
    """
    try:
        text = _PlanText.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the plan"
        raise UserError(f"sections: {place}: {_problem(first)}.") from error
    if text.shape != shape:
        raise UserError(f"sections: the plan is for a stack of {text.shape}, this one has {tuple(shape)}.")
    text = _with_cells(text)
    if not 0 < shape[0] <= MOST_SECTIONS or prod(text.cells) * shape[0] > MOST_CELLS:
        raise UserError(f"sections: {shape[0]} sections of {text.cells[0]} x {text.cells[1]} cells are no plan.")
    if not all(1 <= n <= side for n, side in zip(text.cells, shape[1:], strict=True)):
        raise UserError(f"sections: {text.cells[0]} x {text.cells[1]} cells do not fit sections of {shape[1:]}.")
    plan = replace(
        SectionPlan.as_is(shape),
        missing=_masks(text.missing, (shape[0], *text.cells)),
        no_tissue=_masks(text.no_tissue, (shape[0], *text.cells)),
        cell=text.cell or max(shape[1:]),
        interpolates=text.interpolates,
    )
    return _with_uses(plan, text.sections)


def _problem(error: ErrorDetails) -> str:
    """Return what pydantic says, without the names of its classes."""
    return "an object { ... } is needed" if error["type"] == "model_type" else error["msg"]


def read_plan(path: Path, shape: Shape, remedy: str = REMEDY) -> SectionPlan:
    """Read the plan for a stack of this shape from a file: a plan alone, or what `napari-emcad inspect --json` says.

    Parameters
    ----------
    path : Path
    shape : (z, y, x)
    remedy : str
        Words that end the sentence if no plan can be read: what to do instead.

    Raises
    ------
    UserError
        One sentence, if there is no such file or it holds no plan for this stack.
    """
    try:
        found = parse_json(read_regular(path, LARGEST))
    except FileNotFoundError as error:
        raise UserError(f"sections: there is no file {path}; {remedy}.") from error
    except OSError as error:
        raise UserError(f"sections: {path} cannot be read ({error.strerror}); {remedy}.") from error
    except TooLong as error:
        raise UserError(f"sections: {path} is too large for a plan; {remedy}.") from error
    except ValueError as error:
        raise UserError(f"sections: {path} is damaged, or no JSON; {remedy}.") from error
    if isinstance(found, dict) and "plan" in found:
        found = found["plan"]
    try:
        return plan_of_json(found, shape)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def write_plan(path: Path, plan: SectionPlan) -> None:
    """Write a plan into a file, a line for each section or run of them that is not used as it is.

    Raises
    ------
    UserError
        If the disk is full, or the folder is missing or may not be written to.
    """
    parts = plan_to_json(plan)
    lines = ",\n".join(f"  {json.dumps(key)}: {_value_text(value)}" for key, value in parts.items())
    text = f"{{\n{lines}\n}}\n"
    with write_beside(path, lambda _: len(text)) as part:
        part.write_text(text, "utf-8")


def _value_text(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    entries = ",\n".join(f"    {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items())
    return f"{{\n{entries}\n  }}"


def _with_cells(text: _PlanText) -> _PlanText:
    """Return the plan with cells for the boxes that it draws, if it has none finer than a section."""
    drawn = any(use.missing or use.no_tissue for use in text.sections.values())
    if not drawn or text.missing or text.no_tissue or text.cells != (1, 1):
        return text
    cell = DRAWN_CELL
    while cell < max(text.shape) and text.shape[0] * prod(-(-side // cell) for side in text.shape[1:]) > MOST_CELLS:
        cell *= 2
    y, x = (-(-side // cell) for side in text.shape[1:])
    return text.model_copy(update={"cell": cell, "cells": (y, x)})


def _with_uses(plan: SectionPlan, uses: dict[str, _SectionUse]) -> SectionPlan:
    """Return the plan with what the uses of sections say; what one does not say stays."""
    marks = {name: getattr(plan, name).copy() for name in _SectionUse.model_fields}
    for key, use in uses.items():
        which = _run(key, plan.shape[0])
        for name in use.model_fields_set:
            said = getattr(use, name)
            marks[name][which] = _cells_of(said, plan) if name in ("missing", "no_tissue") else said
    return replace(plan, **marks)


def _cells_of(boxes: list[PixelBox], plan: SectionPlan) -> NDArray[np.bool_]:
    """Return the cells (y, x) of a plan that boxes touch."""
    height, width = plan.missing.shape[1:]
    mask = np.zeros((height, width), bool)
    for box in boxes:
        y0, y1, x0, x1 = box
        if not (0 <= y0 < y1 <= plan.shape[1] and 0 <= x0 < x1 <= plan.shape[2]):
            raise UserError(
                f"sections: the box {list(box)} (y0, y1, x0, x1) does not lie in sections of {plan.shape[1:]}."
            )
        rows = slice(min(y0 // plan.cell, height - 1), (y1 - 1) // plan.cell + 1)
        mask[rows, min(x0 // plan.cell, width - 1) : (x1 - 1) // plan.cell + 1] = True
    return mask


def _masks_text(masks: NDArray[np.bool_]) -> dict[str, str]:
    packed = [zlib.compress(np.packbits(cells).tobytes()) if cells.any() else b"" for cells in masks]
    return {key: base64.b64encode(bits).decode("ascii") for key, bits in _in_runs(packed) if bits}


def _masks(text: dict[str, str], cells: tuple[int, int, int]) -> NDArray[np.bool_]:
    masks, wanted = np.zeros(cells, bool), -(-cells[1] * cells[2] // 8)
    for key, bits in text.items():
        try:
            unpacked = zlib.decompressobj().decompress(base64.b64decode(bits, validate=True), wanted + 1)
        except (ValueError, zlib.error) as error:
            raise UserError(f"sections: the mask of {key} is damaged.") from error
        if len(unpacked) != wanted:
            raise UserError(f"sections: the mask of {key} is not one of {cells[1]} x {cells[2]} cells.")
        mask = np.unpackbits(np.frombuffer(unpacked, np.uint8), count=cells[1] * cells[2])
        masks[_run(key, cells[0])] = mask.reshape(cells[1:]).astype(bool)
    return masks


def _in_runs(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each run of equal values, named by its sections: "17", "40-99"."""
    for value, run in groupby(enumerate(values), key=lambda one: one[1]):
        sections = [z for z, _ in run]
        yield (str(sections[0]) if len(sections) == 1 else f"{sections[0]}-{sections[-1]}"), value


def _run(key: str, depth: int) -> slice:
    first, _, last = key.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < depth):
        raise UserError(f'sections: "{key}" names no sections of 0 to {depth - 1}; write 17, or 40-99.')
    return slice(int(first), int(last or first) + 1)
