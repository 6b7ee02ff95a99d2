"""A plan for the sections of a stack as JSON, for sessions, runs, provenance and files that people edit.

    {"shape": [100, 1024, 1024],
     "sections": {"17": {"left_out": true}, "40-99": {"offset": [0, 24]}, "63": {"inverted": true, "break": true}},
     "interpolates": true,
     "cell": 32, "cells": [32, 32], "missing": {"12": "eJwB..."}, "no_tissue": {"0-99": "eJwB..."}}

Sections that are not named are used as they are. Masks are of cells: bits in rows, packed by zlib, in base64.
"""

import base64
import zlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape
from napari_emcad.core.sections.plan import SectionPlan


class _SectionUse(BaseModel):
    """A decision on a section, or on several in a row."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    left_out: bool = False
    offset: tuple[int, int] = (0, 0)
    inverted: bool = False
    breaks: bool = Field(False, alias="break")


class _PlanText(BaseModel):
    """The whole plan, as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int, int]
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
        raise UserError(f"sections: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    if text.shape != shape:
        raise UserError(f"sections: they are those of a stack of {text.shape}, this one has {tuple(shape)}.")
    depth, cell = shape[0], text.cell or max(shape[1:])
    if not all(1 <= n <= side for n, side in zip(text.cells, shape[1:], strict=True)):
        raise UserError(f"sections: {text.cells[0]} x {text.cells[1]} cells do not fit sections of {shape[1:]}.")
    left_out, inverted, breaks = (np.zeros(depth, bool) for _ in range(3))
    offset = np.zeros((depth, 2), np.int32)
    for key, use in text.sections.items():
        which = _run(key, depth)
        left_out[which], inverted[which], breaks[which] = use.left_out, use.inverted, use.breaks
        offset[which] = use.offset
    cells = (depth, *text.cells)
    missing, no_tissue = _masks(text.missing, cells), _masks(text.no_tissue, cells)
    return SectionPlan(shape, left_out, offset, inverted, breaks, missing, no_tissue, cell, text.interpolates)


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
