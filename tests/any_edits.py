"""Random edits of every kind on small sessions.

Steps are read from bytes, so that 300 of them are one draw of hypothesis. Shrinking so many takes it too long: of steps
that fail, `fewest` finds those that matter, each step meaning the same whatever goes before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from graphs import segmentation
from hypothesis import Phase, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

N = 14
PAIRS = [(a, b) for a in range(1, N + 1) for b in range(a + 1, N + 1)]
FORM = np.dtype([("kind", "u1"), ("value", "u1"), ("a", "<u2"), ("b", "<u2")])

EDITS = (
    "merge",
    "merge",
    "split",
    "split",
    "split sides",
    "detach",
    "lock",
    "unlock",
    "group",
    "decide",
    "note",
    "tick",
)
THRESHOLDS = ("threshold", "segment threshold", "walk")
IN_ORDER = ("undo", "redo")
ANY_ORDER = ("undo", "redo", "undo one", "undo one")
PART = ("part", "part")
"""Kinds of steps, the frequent ones twice."""

FAILURES = (AssertionError, LookupError, TypeError, ValueError, UserError)

affinity = st.integers(1, 19).map(lambda i: i / 20)
graphs = st.dictionaries(st.sampled_from(PAIRS), affinity, min_size=N, max_size=4 * N).map(
    lambda edges: [(*pair, value) for pair, value in edges.items()]
)


@dataclass(frozen=True)
class Step:
    """One edit; `a` and `b` choose among the fragments or voxels there are, `value` is from 0 to 1."""

    kind: str
    a: int
    b: int
    value: float

    def do(self, at: Session) -> None:
        """Make the edit; may be refused."""
        _DO[self.kind](at, self)


def steps(count: int, *kinds: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    """So many steps of these kinds."""
    names = [None, *sum(kinds, ())]
    size = count * FORM.itemsize

    def read(drawn: bytes) -> list[Step]:
        rows = np.frombuffer(drawn, FORM).tolist()
        return [Step(names[k % len(names)], a, b, v / 255) for k, v, a, b in rows if k % len(names)]

    return st.binary(min_size=size, max_size=size).map(read)


unshrunk = settings(deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def hold(passes: Callable[[list[Step]], object], edits: list[Step]) -> None:
    """Run a check of edits; where it fails, tell as few of them as fail."""
    try:
        passes(edits)
    except FAILURES as error:
        error.add_note(f"so do {fewest(edits, passes)}")
        raise


def fewest(edits: list[Step], passes: Callable[[list[Step]], object]) -> list[Step]:
    """Of steps that fail, some that fail as well, and none of which can be left out."""
    size = len(edits) // 2
    while size:
        shorter = (edits[:i] + edits[i + size :] for i in range(0, len(edits), size))
        found = next((less for less in shorter if _fails(less, passes)), None)
        edits, size = (edits, size // 2) if found is None else (found, size)
    return edits


def _fails(edits: list[Step], passes: Callable[[list[Step]], object]) -> bool:
    try:
        passes(edits)
    except FAILURES:
        return True
    return False


def quick(folder: Path, name: str = "edits.db") -> EditLog:
    """A log that does not wait for the disk."""
    log = EditLog(folder / name)
    log._database.execute("PRAGMA synchronous=OFF")
    return log


def on_graph(edges, log: EditLog, min_size: int = 0) -> Session:
    """Fourteen fragments of distinct sizes."""
    return Session(segmentation(edges, list(range(5, 5 + N))), log, 0.5, min_size)


def on_voxels(affinities: np.ndarray, log: EditLog, threshold: float = 0.5, points: int = 3) -> Session:
    """Two sections of 12 x 14 voxels, each in seven cells round points drawn with this seed."""
    fragments = _cells(points)
    sizes = fragment_sizes(fragments)
    graph = drive(build_region_graph(affinities, fragments))
    tree = merge_tree(graph, sizes)
    return Session(Segmentation(fragments, graph, tree, sizes), log, threshold, 0, affinities)


def some_affinities(seed: int) -> np.ndarray:
    """(3, 2, 12, 14) uint8."""
    return np.random.default_rng(seed).integers(0, 255, (3, 2, 12, 14), np.uint8)


def _cells(seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).integers(0, (12, 14), (2, 7, 2))
    y, x = np.indices((12, 14))
    nearest = [np.argmin([(y - a) ** 2 + (x - b) ** 2 for a, b in section], axis=0) for section in points]
    _, fragments = np.unique(np.stack([n + 7 * z for z, n in enumerate(nearest)]), return_inverse=True)
    return (fragments + 1).astype(np.uint32)


def _fragment(at: Session, number: int) -> int:
    there = np.flatnonzero(at.state.sizes)
    return int(there[number % len(there)])


def _pair(at: Session, step: Step) -> tuple[int, int]:
    return _fragment(at, step.a), _fragment(at, step.b)


def _segment(at: Session, step: Step) -> int:
    return int(at.state.table[_fragment(at, step.a)])


def _voxel(at: Session, fragment: int, number: int) -> tuple[int, int, int]:
    there = np.argwhere(at.state.base.fragments == fragment)
    return tuple(map(int, there[number % len(there)]))


def _clicked(at: Session, step: Step, **fragments: list[int]) -> dict:
    """Every second edit carries the voxels that were clicked, as those made in a window do."""
    return {k: [_voxel(at, f, step.b) for f in there] for k, there in fragments.items()} if step.value > 0.5 else {}


def _merge(at: Session, step: Step) -> None:
    ends = _pair(at, step)
    at.merge(*ends, confirmed=True, **_clicked(at, step, voxels=ends))


def _group(at: Session, step: Step) -> None:
    ends = [_fragment(at, number) for number in (step.a, *range(step.b, step.b + 1 + step.a % 3))]
    at.merge_all(ends[0], ends[1:], **_clicked(at, step, voxels=ends))


def _split(at: Session, step: Step, near: list[int], far: list[int]) -> None:
    proposals = at.propose(near, far)
    at.split(proposals[step.a % len(proposals)], **_clicked(at, step, near=near, far=far, voxels=[*near, *far]))


def _split_sides(at: Session, step: Step) -> None:
    """Two points on each side, all in one segment."""
    members = at.state.members(_segment(at, step)).tolist()
    chosen = [members[(step.b + i * (1 + step.a)) % len(members)] for i in range(4)]
    _split(at, step, chosen[:2], chosen[2:])


def _part(at: Session, step: Step) -> None:
    fragment = _fragment(at, step.a)
    points = [_voxel(at, fragment, number) for number in (step.a // 7, step.b, step.b // 5)]
    at.split_fragment(points[: 1 + step.b % 2], points[1 + step.b % 2 :])


def _tick(at: Session, step: Step) -> None:
    rows = at.to_do
    at.tick(rows[step.a % len(rows)].seq if rows else step.a)


def _undo_one(at: Session, step: Step) -> None:
    live = at.in_force
    at.undo(live[-1 - step.a % min(len(live), 5)] if live else None)


_DO = {
    "merge": _merge,
    "split": lambda at, s: _split(at, s, *([f] for f in _pair(at, s))),
    "split sides": _split_sides,
    "detach": lambda at, s: at.detach(_fragment(at, s.a)),
    "lock": lambda at, s: at.lock(_segment(at, s)),
    "unlock": lambda at, s: at.unlock(sorted(at.state.locked)[0] if at.state.locked else _segment(at, s)),
    "group": _group,
    "decide": lambda at, s: at.decide(*_pair(at, s), "apart", **_clicked(at, s, voxels=_pair(at, s))),
    "note": lambda at, s: at.note(_voxel(at, _fragment(at, s.a), s.b), f"{s.value:.2f}"),
    "tick": _tick,
    "threshold": lambda at, s: at.set_threshold(s.value),
    "segment threshold": lambda at, s: at.set_segment_threshold(_segment(at, s), s.value),
    "walk": lambda at, s: at.walk(_segment(at, s), s.value > 0.4),
    "part": _part,
    "undo": lambda at, _: at.undo(),
    "redo": lambda at, _: at.redo(),
    "undo one": _undo_one,
}
