"""Ends of neurons inside the volume, and other places to look at: gone to one after the other, and marked as seen."""

from collections.abc import Callable
from functools import partial

from napari.components import ViewerModel

from napari_emcad.core.ids import FragmentId
from napari_emcad.core.wording import count
from napari_emcad.proofreading.ends import SPOT_WORDS, Quality, Spot, Spots, find_spots
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.ways import pieces_at_start, pieces_now
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.attempts import Attempts
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.end_mark import EndMark
from napari_emcad.widgets.proofread.keys import KEYS

SEEN = "seen"
"""The decision about a place that was looked at."""


class Ends:
    """The places of a session, found in a thread when they are first asked for, and again once there were edits.

    Attributes
    ----------
    spot : Spot or None
        The place that was gone to last, which has a ring until it is seen.

    Signals
    -------
    changed
        The places are looked for.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, at: Proofreading, camera: Camera, attempts: Attempts, loop: Loop):
        self._at, self._camera, self._attempts = at, camera, attempts
        self._finder, self._mark = loop.jobs(), EndMark(viewer)
        self._found: Spots | None = None
        self._before: Quality | None = None
        self._rows = -1
        self._seen: dict[FragmentId, int] = {}  # seq of the decision
        self.spot: Spot | None = None

    @property
    def places(self) -> list[Spot]:
        """The places that nobody has seen yet, those of the largest neurons first."""
        return [spot for spot in self._found.places if not self._is_seen(spot)] if self._found else []

    @property
    def words(self) -> str:
        """The number of places, and what the last one is."""
        if self._at.opened.facts.voxel_size is None:
            return "Ends of neurons: the voxel size is needed to measure them."
        if self._finder.running:
            return "Looking for ends of neurons ..."
        if self._found is None:
            return f"Ends of neurons: {KEYS['next_end'].label} looks for them"
        here = f"; {SPOT_WORDS[self.spot.kind]}: neuron {self.spot.neuron}" if self.spot else ""
        return f"{count(len(self.places), 'place')} to look at{here}"

    @property
    def quality(self) -> str:
        """The figures of the neurons at the start of the session, and now; empty if nobody has looked for ends."""
        if self._found is None or self._before is None:
            return ""
        return f"At the start: {self._before.text}.\nNow: {self._found.quality.text}."

    @property
    def why_not_seen(self) -> str:
        """The reason why no place can be marked as seen; empty if one can."""
        return "" if self.spot is not None and not self._is_seen(self.spot) else "Go to a place first."

    def go_to_next(self) -> None:
        """Go to the place after the one gone to last."""
        self._look_then(partial(self._attempts.attempt, partial(self._go, 1)))

    def go_to_last(self) -> None:
        """Go to the place before the one gone to last."""
        self._look_then(partial(self._attempts.attempt, partial(self._go, -1)))

    def mark_seen(self) -> None:
        """Note that the place gone to last was looked at, and go to the next one."""
        self._attempts.attempt(self._mark_seen)
        if self.spot is not None and self._is_seen(self.spot):
            self.go_to_next()

    def close(self) -> None:
        """Look for nothing any more, and mark nothing."""
        self._finder.close()
        self._mark.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _look_then(self, act: Callable[[], None]) -> None:
        """Do something once the places are those of the neurons as they are."""
        session, facts = self._at.session, self._at.opened.facts
        size, rows = facts.voxel_size, len(session.log.rows)
        if size is None:
            self._attempts.attempt(self._refuse)
        elif rows == self._rows:
            act()
        elif not self._finder.running:
            boxes = self._at.boxes
            pieces = pieces_now(session.state, boxes, size)
            start = None if self._before else partial(pieces_at_start, session.state, facts.threshold, boxes, size)
            known = None if self._found else session.rows_in_force

            def find() -> tuple[Spots, Quality | None, dict[FragmentId, int]]:
                before = find_spots(start()).quality if start else self._before
                return find_spots(pieces), before, _seen_in(known) if known is not None else self._seen

            self._finder.start(one_step(find), partial(self._on_found, rows, act))
            self.changed.emit()

    def _on_found(self, rows: int, act: Callable[[], None], ended: Ended) -> None:
        if ended.error is not None:
            self._attempts.attempt(partial(_raise, ended.error))
        elif ended.result is not None and not self._at.is_gone:
            self._found, self._before, self._seen = ended.result
            self._rows = rows
            act()

    def _go(self, step: int) -> None:
        places = self.places
        if not places:
            raise Refused("ends: no place is left to look at; all neurons end at a face of the volume, or were seen.")
        before = self._found.places if self._found else ()
        at = next((i for i, spot in enumerate(before) if self._is_same(spot)), -1)
        first = at + step if at >= 0 or step > 0 else -1
        order = [before[(first + step * i) % len(before)] for i in range(len(before))]
        self.spot = next(spot for spot in order if not self._is_seen(spot))
        self._camera.go_near(self.spot.voxel)
        self._mark.show(self.spot.voxel, self._at.layer)
        self._at.selection.select(self.spot.neuron)

    def _mark_seen(self) -> LogRow:
        spot = self.spot
        if spot is None or self.why_not_seen:
            raise Refused(f"ends: no place was gone to; press {KEYS['next_end'].label} first.")
        row = self._at.session.decide(spot.fragment, spot.fragment, SEEN, voxels=[list(spot.voxel)])
        self._seen[spot.fragment] = row.seq
        self._rows += self._rows == row.seq - 1  # no neuron has changed
        self._mark.hide()
        self._at.changed.emit()
        return row

    def _is_seen(self, spot: Spot) -> bool:
        seq = self._seen.get(spot.fragment)
        return seq is not None and self._at.session.is_in_force(seq)

    def _is_same(self, spot: Spot) -> bool:
        return self.spot is not None and (spot.kind, spot.fragment) == (self.spot.kind, self.spot.fragment)

    def _refuse(self) -> None:
        raise Refused("ends: lengths are needed, and the voxel size is not known; set it under Stack.")


def _seen_in(rows: list[LogRow]) -> dict[FragmentId, int]:
    """Return the fragments of places that were seen, with the seq of the decision."""
    inputs = ((row.seq, row.input) for row in rows if row.kind == "decide")
    return {given["a"]: seq for seq, given in inputs if given["answer"] == SEEN}


def _raise(error: Exception) -> None:
    raise error
