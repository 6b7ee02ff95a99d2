"""The input of edits of several sessions, with the fragments and numbers that these have in the merged one."""

from collections.abc import Sequence

from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.proofreading.merging.ids import NewIds
from napari_emcad.proofreading.merging.merged_state import MergedState
from napari_emcad.proofreading.merging.wishes import Wish
from napari_emcad.proofreading.rows import EditInput


class Translations:
    """Knows fragments and edits of each session by their names there.

    Parameters
    ----------
    ground : MergedState
    sides : int
        The number of sessions.
    shared : int
        Rows that all sessions share.

    Attributes
    ----------
    ids : list of NewIds
        Of each session.
    seqs : list of dict of int to int
        Seq of edits of each session in the merged one, by the seq there.
    """

    def __init__(self, ground: MergedState, sides: int, shared: int):
        self._ground = ground
        self.ids = [NewIds(ground.first_free) for _ in range(sides)]
        self.seqs = [{seq: seq for seq in range(1, shared + 1)} for _ in range(sides)]

    def input_of(self, wish: Wish) -> EditInput:
        """Return the input of an edit with the merged session's fragments and segments."""
        found: EditInput = {**wish.input}
        ids = self.ids[wish.side]
        if "seq" in found:
            found["seq"] = self.seqs[wish.side].get(found["seq"], 0)
        if "anchor" in found:
            ends = self.ends(wish)
            found["anchor"] = ends[0]
            if "others" in found:
                found["others"] = ends[1:]
            else:
                found["other"] = ends[1]
        if "fragment" in found:
            found["fragment"] = ids.of(found["fragment"])
        if "a" in found and "b" in found:
            found["a"], found["b"] = self.pair(wish)
        if "segment" in found and wish.row.effect.moves:
            fragment = int(wish.row.effect.moves[0].fragments[0])
            found["segment"] = SegmentId(int(self._ground.state.table[ids.of(fragment)]))
        return found

    def ends(self, wish: Wish) -> list[FragmentId]:
        """Return the fragments that a merge names, as they are now."""
        edit_input = wish.input
        named = [edit_input["anchor"], *(edit_input["others"] if "others" in edit_input else [edit_input["other"]])]
        return self._now(wish, named, edit_input.get("voxels", ()))

    def pair(self, wish: Wish) -> tuple[FragmentId, FragmentId]:
        """Return the two fragments that a decision is about, as they are now."""
        edit_input = wish.input
        a, b = self._now(wish, [edit_input["a"], edit_input["b"]], edit_input.get("voxels", ()))
        return a, b

    def _now(self, wish: Wish, fragments: Sequence[int], voxels: Sequence[Sequence[int]]) -> list[FragmentId]:
        places: Sequence[Sequence[int] | None] = voxels if len(voxels) == len(fragments) else [None] * len(fragments)
        found = [self.ids[wish.side].of(fragment) for fragment in fragments]
        return [self._ground.part_at(fragment, place) for fragment, place in zip(found, places, strict=True)]
