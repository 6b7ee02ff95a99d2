"""Edits in a few words, as the history and the toast say them."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS

LONGEST = 200
"""Characters of an edit's words at most."""


@dataclass(frozen=True)
class HistoryLine:
    """One edit as the history lists it; `is_in_force` is False if it is undone."""

    row: LogRow
    words: str
    is_in_force: bool


def history_line(session: Session, seq: int) -> HistoryLine:
    """Return one edit of a session; undo and redo show in the edits that they moved."""
    row, is_in_force = session.log.rows[seq - 1], session.is_in_force(seq)
    words = f"{_clock_text(row.time)}  {edit_text(row)}{'' if is_in_force else '  (undone)'}"
    return HistoryLine(row, words, is_in_force)


def _clock_text(seconds: float) -> str:
    """Return hours and minutes; dashes of a clock that was far off."""
    try:
        return time.strftime("%H:%M", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "--:--"


def edit_text(row: LogRow) -> str:
    """Return an edit in a few words, such as "merge 77 <- 91"."""
    text = _TEXTS.get(row.kind)
    try:
        found = text(row) if text else row.kind
    except (LookupError, TypeError, ValueError, UserError):  # no edit of ours lacks what is said of it
        found = f"{row.kind[:LONGEST]} that says nothing"
    return found if len(found) <= LONGEST else f"{found[:LONGEST]} ..."


def _merge_text(row: LogRow) -> str:
    kept, *added = row.effect.moves
    return f"merge {kept.after} <- {_few([m.before for m in added])}"


def _split_text(row: LogRow) -> str:
    moves = row.effect.moves
    return f"{row.kind} {moves[0].before} -> {_few(dict.fromkeys(m.after for m in moves))}"


def _grow_text(row: LogRow) -> str:
    kept, *others = row.effect.moves
    sign, ends = ("+", [m.before for m in others]) if row.input.get("upwards") else ("-", [m.after for m in others])
    return f"grow {kept.after} {sign} {_few(ends)}"


def _fix_text(row: LogRow) -> str:
    moved = [move for move in row.effect.moves if move.before != move.after]
    kept = {move.after for move in row.effect.moves if move.before == move.after}
    merges = sum(move.after in kept for move in moved)
    return f"safe fixes: {count(merges, 'merge')}, {count(len(moved) - merges, 'split')}"


def _threshold_text(row: LogRow) -> str:
    if row.effect.threshold is None:
        return "threshold"
    before, after = row.effect.threshold
    return f"threshold {before:.2f} -> {after:.2f}"


def _decision_text(row: LogRow) -> str:
    answer = row.input["answer"]
    return f"review: {next((words for known, words in ANSWER_WORDS.items() if known == answer), answer)}"


def _note_text(row: LogRow) -> str:
    return f"to do {row.input['ticks']} ticked off" if "ticks" in row.input else f"to do {row.seq}"


def _few(ids: Iterable[int]) -> str:
    """Return at most three ids, and the number of those left out."""
    ids = list(ids)
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return ", ".join(map(str, ids[:3])) + more


_TEXTS: dict[str, Callable[[LogRow], str]] = {
    "merge": _merge_text,
    "group": _merge_text,
    "split": _split_text,
    "detach": _split_text,
    "fix": _fix_text,
    "segment_threshold": _grow_text,
    "threshold": _threshold_text,
    "lock": lambda row: f"done {row.input['segment']}",
    "unlock": lambda row: f"not done {row.input['segment']}",
    "decide": _decision_text,
    "note": _note_text,
}
"""The words of each kind of edit."""
