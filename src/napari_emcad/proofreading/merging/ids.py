"""The ids that fragments of one session have in the session it is merged into."""

from collections.abc import Iterable, Mapping

import numpy as np

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.effects import Effect, Parting
from napari_emcad.proofreading.merging.outcomes import Contradiction


class NewIds:
    """Translates fragments of one session: those that all sessions know keep their ids, parts made later get others.

    Parameters
    ----------
    first : int
        The first id that was free when the sessions went apart.
    """

    def __init__(self, first: int):
        self._first = first
        self._known: dict[int, int] = {}

    def learn(self, theirs: Iterable[Parting], ours: Iterable[Parting]) -> None:
        """Note that partings of the session are these ones of the merged session."""
        for their, our in zip(theirs, ours, strict=True):
            self._known.update(zip(their.parts, our.parts, strict=True))

    def of(self, fragment: int) -> FragmentId:
        """Return the id of a fragment.

        Raises
        ------
        Contradiction
            If it is part of a fragment that is not parted so in the merged session.
        """
        found = fragment if fragment < self._first else self._known.get(fragment)
        if found is None:
            raise Contradiction("it builds on a fragment that is not divided so here")
        return FragmentId(found)

    def of_all(self, fragments: Ids) -> Ids:
        """Return the ids of fragments, sorted as these are; see `of`."""
        if not len(fragments) or fragments.max() < self._first:
            return fragments
        return np.sort(np.array([self.of(fragment) for fragment in fragments.tolist()], fragments.dtype))

    def keeps(self, fragment: int) -> bool:
        """Return True if a fragment has the same id in all sessions."""
        return fragment < self._first

    def of_graph(self, graph: RegionGraph, parts: Mapping[FragmentId, FragmentId] | None = None) -> RegionGraph:
        """Return edges between fragments, sorted, each with the smaller id first; `parts` are those just made."""
        if not len(graph):
            return graph
        parts = parts or {}
        pairs = zip(graph.u.tolist(), graph.v.tolist(), strict=True)
        ends = np.array([[parts[f] if f in parts else self.of(f) for f in pair] for pair in pairs])
        low, high = np.sort(ends, axis=1).astype(graph.u.dtype).T
        found = RegionGraph(low, high, graph.mean, graph.quantiles, graph.area, graph.contact)
        return found.chosen(np.lexsort((high, low)))


def groups_of(effect: Effect) -> tuple[dict[SegmentId, Ids], dict[SegmentId, Ids]]:
    """Return the fragments of each segment before an effect and after it, by the session's own segments."""
    before: dict[SegmentId, list[Ids]] = {}
    after: dict[SegmentId, list[Ids]] = {}
    for move in effect.moves:
        before.setdefault(move.before, []).append(move.fragments)
        after.setdefault(move.after, []).append(move.fragments)
    return _joined(before), _joined(after)


def _joined(groups: dict[SegmentId, list[Ids]]) -> dict[SegmentId, Ids]:
    return {name: parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts)) for name, parts in groups.items()}
