"""What people have said about pairs of fragments: read from the log, found again by the voxels that it carries."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.proofreading.log import Row
from napari_emcad.proofreading.session import Session

ANSWERS = ("join", "apart", "unknown")


def decisions(session: Session) -> dict[str, NDArray[np.uint32]]:
    """Pairs of fragments by what is in force about them; a merge says "join", a split in two points "apart".

    Returns
    -------
    dict of (k, 2) uint32
        For "join", "apart" and "unknown".
    """
    fragments, found = session.state.base.fragments, {answer: [] for answer in ANSWERS}
    for row in (session.log.rows[seq - 1] for seq in session.in_force):
        answer, pair = _answer_of(row), _pair_of(row, fragments)
        if answer in found and pair:
            found[answer].append(pair)
    return {answer: np.array(pairs, np.uint32).reshape(-1, 2) for answer, pairs in found.items()}


def _answer_of(row: Row) -> str | None:
    return {"merge": "join", "split": "apart", "decide": row.input.get("answer")}.get(row.kind)


def _pair_of(row: Row, fragments: NDArray) -> tuple[int, int] | None:
    """Fragments under the two voxels of the row; those it names where it carries no voxels."""
    voxels = row.input.get("voxels", ())
    if len(voxels) == 2:
        return tuple(int(fragments[tuple(v)]) for v in voxels)
    named = [row.input[k] for k in ("anchor", "other", "a", "b") if k in row.input]
    return tuple(named) if len(named) == 2 else None
