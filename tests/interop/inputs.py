"""What is read of a stack that another program wrote, compared with what that program was given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from writers_kit import PLACE, SIZE, Written, stack

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.stack import Stack, open_stack


def check(folder: Path, written: Written) -> str:
    """Return what was found right, in letters, or what is wrong, or the sentence of a refusal."""
    if written.error:
        return f"not written: {written.error}"
    path = folder / written.path
    try:
        opened = open_stack(path, written.select or None)
    except UserError as error:
        sentence = str(error).replace(str(path), "").lstrip(": ,")
        return f"refused: {sentence}" if written.refused and written.refused in sentence else f"wrong: {sentence}"
    with opened:
        faults = [*_wrong_voxels(opened, written), *_wrong_facts(opened, written)]
        says_labels = opened.holds == "labels"
    if written.refused or faults:
        return f"wrong: {'; '.join(faults) or 'it opens'}"
    return " ".join(
        ["v", *(["s"] if written.size else []), *(["p"] if written.place else []), *(["l"] if says_labels else [])]
    )


def _wrong_voxels(opened: Stack, written: Written) -> list[str]:
    due, seen = stack(written.dtype, written.holds), np.asarray(opened.array[:])
    if seen.shape != due.shape:
        return [f"shape {seen.shape} for {due.shape}"]
    if seen.dtype != due.dtype:
        return [f"{seen.dtype} for {due.dtype}"]
    far = np.abs(seen.astype(float) - due.astype(float)) > written.near
    return [f"{far.mean():.0%} of the voxels are others"] if far.any() else []


def _wrong_facts(opened: Stack, written: Written) -> list[str]:
    stated = {
        "voxel size": (opened.voxel_size, SIZE if written.size else None),
        "place": (opened.offset if any(opened.offset or ()) else None, PLACE if written.place else None),
    }
    faults = [f"{name} {_text(seen)} for {_text(due)}" for name, (seen, due) in stated.items() if not _same(seen, due)]
    meant = written.holds or "image"
    return [*faults, *([f"said to hold {opened.holds}"] if opened.holds not in (None, meant) else [])]


def _same(seen: Sequence[float] | None, due: Sequence[float] | None) -> bool:
    return seen is due if seen is None or due is None else bool(np.allclose(seen, due, 1e-5, 0))


def _text(lengths: Any) -> str:
    return "none" if lengths is None else " x ".join(f"{n:g}" for n in lengths)
