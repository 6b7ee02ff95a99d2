"""Merging sessions of the same fragments: all that people did in each, in the order of time, in a log of its own.

The order in which the sessions are named does not matter: they are sorted by their content, and their edits by time. An
edit is made as it was where its neurons are as its person saw them. Where others have changed these, it is made if it
contradicts nothing that they said; else it waits for a person. See docs/decisions/0024-merging-sessions.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.proofreading.effect_text import effect_text
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.merging.merged_state import MergedState
from napari_emcad.proofreading.merging.merger import Merger
from napari_emcad.proofreading.merging.outcomes import Merged
from napari_emcad.proofreading.merging.wishes import RowName, Side, find_wishes, shared_history
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.state import State

EVERY = 100
"""Edits between two reports of progress."""


@dataclass(frozen=True)
class MergedLog:
    """The log of the merged session.

    Attributes
    ----------
    sides : tuple of Side
        The sessions, in the order that `Merged.side` counts in.
    rows : list of LogRow
    threshold : float
        The threshold before the first edit.
    shared : int
        Rows from the first on that all sessions have.
    edits : list of Merged
        What became of each edit beyond those, in the order in which they were made.
    """

    sides: tuple[Side, ...]
    rows: list[LogRow]
    threshold: float
    shared: int
    edits: list[Merged]


def merge_logs(
    sides: Sequence[Side],
    base: Segmentation,
    min_size: int = 0,
    affinities: AffinityVolume | None = None,
    planned: PlannedBox | None = None,
) -> Job[MergedLog]:
    """Merge the logs of sessions of the same fragments.

    Parameters
    ----------
    sides : sequence of Side
        At least two.
    base : Segmentation
        The fragments as they were before any edit; its fragments are modified.
    min_size, affinities, planned
        As for `Session`.

    Raises
    ------
    UserError
        If a row of a log says what no edit says.
    """
    sides = tuple(sorted(sides, key=lambda side: side.key))
    shared, start = shared_history(sides), min(side.threshold for side in sides)
    ground = MergedState(State(base, start, min_size, planned), [*sides[0].rows[:shared]], affinities)
    wishes = find_wishes(sides, shared)
    merger = Merger(ground, sides, shared, wishes)
    watch, edits = Stopwatch("edits", len(wishes)), list[Merged]()
    for i, wish in enumerate(wishes):
        edits.append(merger.fulfil(wish))
        if not i % EVERY:
            yield watch.at(i + 1)
    edits += _merge_thresholds(ground, sides, shared)
    return MergedLog(sides, ground.rows, start, shared, edits)


def _merge_thresholds(ground: MergedState, sides: Sequence[Side], shared: int) -> list[Merged]:
    """Move the threshold, last of all, where all who moved it want it to be; it stays if they want other ones."""
    before = ground.state.threshold
    last = [(side, *side.last_threshold) for side in sides]
    wanted = {threshold for _, threshold, _ in last if threshold != before}
    found = []
    for place, (_, threshold, row) in enumerate(last):
        if threshold == before or (row is not None and row.seq <= shared and len({s.threshold for s in sides}) == 1):
            continue
        seq, user, kind = (row.seq, row.user, "threshold") if row is not None else (1, "", "threshold")
        if len(wanted) > 1:
            others = ", ".join(f"{one:.2f}" for one in sorted(wanted - {threshold}))
            why = f"{threshold:.2f} is wanted here and {others} by others; it stays at {before:.2f}"
            text = effect_text(Effect(threshold=(before, threshold)))
            found.append(Merged(place, seq, user, kind, "conflict", why, wanted=text))
        elif found or row is None:
            found.append(Merged(place, seq, user, kind, "right"))
        else:
            name = RowName.of(row)
            effect = Effect(threshold=(before, threshold))
            ground.add(row, user, row.duration_ms, {"original": (sides[place].name, name.seq)}, effect, place)
            found.append(Merged(place, seq, user, kind, "applied"))
    return found
