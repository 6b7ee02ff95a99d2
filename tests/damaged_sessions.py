"""Sessions of several kinds whose files are damaged at random, and what becomes of each when it is opened.

Each is opened in a forked child, so that it costs no start of Python and a crash is seen.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import select
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numcodecs
import numpy as np
from block_runs import PARAMETERS, facts_of, save_inputs

from napari_emcad.blocks.pool import InTurn
from napari_emcad.blocks.steps import assemble, boxes_of_blocks, segment_by_blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions import fragment_levels, segmentation_files
from napari_emcad.io.sessions.block_checksums import known_checksums
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import begin_run, read_run
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.file_names import AFFINITIES, FRAGMENTS
from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.sessions.new_session import create_session, finish_session
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session
from napari_emcad.proofreading.errors import Refused

LOG_FILES = ("edits.db", "edits.db-wal", "edits.db-shm", "edits.known")
PASSING = ("lock", "holder.json", "edits.db-shm")
"""Files that come and go with whoever opens a session."""

SIZE = VoxelSize(40, 6, 6)
SHAPE = (5, 72, 80)
EDITS, EARLIER = 14, 5
PATIENCE = 20.0
"""Seconds after which a child hangs."""

BAD = ("SILENT", "TRACEBACK", "LOCKED", "CHANGED", "HANG", "CRASH")


@dataclass(frozen=True)
class Seen:
    """All that a session shows, by hashes, and what it says of damage."""

    edits: int
    labels: str
    told: str = ""


@dataclass(frozen=True)
class Victim:
    """A session or a run that copies are damaged of.

    Attributes
    ----------
    name : str
    whole : Path
    others : list of Path
        Earlier versions of it, and another one of the same shape: files of theirs are put in its place.
    look : callable
        Opens a copy and reads all that it shows.
    """

    name: str
    whole: Path
    others: list[Path]
    look: Callable[[Path], Seen]

    def files(self, log_only: bool) -> list[str]:
        """All files, or those of the log."""
        names = sorted(str(f.relative_to(self.whole)) for f in self.whole.rglob("*") if f.is_file())
        return [n for n in names if (n in LOG_FILES) == log_only and n not in ("lock", "holder.json")]


# ---- sessions --------------------------------------------------------------------------------------------------


def cells(seed: int) -> Segmentation:
    """Fragments of a few hundred voxels, with contacts of drawn strength."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(SHAPE, sparse=True)
    wave = (4 * np.sin(y / 9 + seed) + 4).astype(int)
    fragments = np.ascontiguousarray((z // 2 * 5 + y // 16) * 6 + (x + wave) // 16 + 1, np.uint32)
    graph = drive(build_region_graph(affinities_of(seed), fragments))
    graph = graph.__class__(**{**asdict(graph), "mean": rng.random(len(graph), np.float32)})
    sizes = fragment_sizes(fragments)
    return Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)


def affinities_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (3, *SHAPE), np.uint8)


def write(folder: Path, seed: int) -> None:
    facts = SessionFacts(source="stack.tif", voxel_size_nm=SIZE, threshold=0.03 + seed / 50)
    create_session(folder, cells(seed), affinities_of(seed), facts).close()


def edit(folder: Path, first: int, last: int, closes: bool = True) -> None:
    """Make edits first..last; without `closes` as a program that is killed, whose edits lie in the -wal file."""
    opened = open_session(folder)
    session, rng = opened.session, np.random.default_rng(first)
    while len(session.log.rows) < last:
        a, b = rng.integers(1, 90, 2).tolist()
        try:
            match len(session.log.rows) % 5:
                case 0:
                    session.merge(a, b, confirmed=True, voxels=[[0, 1, 2], [1, 2, 3]])
                case 1:
                    session.detach(a)
                case 2:
                    session.merge(b, a, confirmed=True)
                case 3:
                    session.note((1, 2, 3), f"look {a}")
                case _:
                    session.undo()
        except Refused:
            pass
    if closes:
        opened.close()


def look(folder: Path) -> Seen:
    """Open a session to edit it, as the dock does, and read all of it."""
    with open_session(folder) as opened, late():
        return Seen(len(opened.session.log.rows), _hash_of(opened), opened.why_read_only)


class Late(Exception):
    """Damage that is told when it is come upon, after the session was opened; edits may have been saved until then."""


@contextlib.contextmanager
def late() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise Late(str(error)) from error


def _hash_of(opened: OpenSession) -> str:
    state = opened.session.state
    found = hashlib.sha256(state.digest().encode())
    base = state.base.fragments
    for level in base.levels if isinstance(base, ChunkedLabels) else [base]:
        found.update(np.ascontiguousarray(state.table[np.asarray(level[:])]).data)
    boxes = drive(find_boxes(opened))
    for values in (boxes.start[:100], boxes.stop[:100], np.asarray(opened.affinities[:])):
        found.update(np.ascontiguousarray(values).data)
    facts = {k: v for k, v in opened.facts.as_json().items() if k not in ("source", "relative_source", "dataset")}
    found.update(json.dumps([facts, [row.input for row in opened.session.log.rows]], sort_keys=True).encode())
    graph = state.graph
    for values in (graph.mean, graph.quantiles, graph.area, graph.contact):
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def look_by_chunks(folder: Path) -> Seen:
    """The same where fragments are too many to be read, and tables too large to be checked when they are opened."""
    as_if_large()
    return look(folder)


def as_if_large() -> None:
    """Take sessions for large ones in this process."""
    segmentation_files.IN_MEMORY_BYTES = 1000
    fragment_levels.OVERVIEW = 10_000


def resume(folder: Path) -> Seen:
    """Do the rest of a run by blocks, and look at the session."""
    run = read_run(folder)
    drive(segment_by_blocks(folder, run, InTurn()))
    facts = SessionFacts(threshold=0.5, voxel_size_nm=SIZE)
    with BlockFiles(folder).explain_errors():
        known = {name: known_checksums(BlockFiles(folder), name, run.blocks) for name in (FRAGMENTS, AFFINITIES)}
        finish_session(folder, assemble(folder, run), boxes_of_blocks(folder, run), facts, known)
    BlockFiles(folder).clear()
    return look(folder)


class Stopped(InTurn):
    """Ends before one of the steps."""

    def __init__(self, before: str):
        self.before = before

    def run(self, step, task, folder, numbers):
        if step == self.before:
            raise KeyboardInterrupt
        yield from super().run(step, task, folder, numbers)


def stopped_run(folder: Path, inputs: Path, before: str, white: float = 255.0) -> None:
    run = facts_of(inputs, (2, 40, 50), parameters=PARAMETERS.model_dump() | {"white": white})
    begin_run(folder, run)
    with contextlib.suppress(KeyboardInterrupt):
        drive(segment_by_blocks(folder, run, Stopped(before)))


def alone(work: Callable[..., None], *args: object) -> None:
    """Do some work in a program of its own: where torch was used its threads are missing in forked children."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=args)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}")


def make_victims(folder: Path, runs: bool = True) -> list[Victim]:
    """Write them all: closed and killed sessions, one whose fragments are read chunk by chunk, and runs by blocks."""
    made = {}
    for name, closes, large in (("closed", True, False), ("killed", False, False), ("chunked", False, True)):
        place = folder / name

        def make(place=place, closes=closes, large=large):
            if large:
                as_if_large()
            write(place / "a.emcad", 0)
            edit(place / "a.emcad", 0, EARLIER, closes)
            if not closes:
                os._exit(0)

        def go_on(place=place, closes=closes, large=large):
            if large:
                as_if_large()
            edit(place / "a.emcad", EARLIER, EDITS, closes)
            if not closes:
                os._exit(0)

        def another(place=place, large=large):
            if large:
                as_if_large()
            write(place / "other.emcad", 1)
            edit(place / "other.emcad", 0, EDITS)

        place.mkdir(parents=True)
        must(make)
        shutil.copytree(place / "a.emcad", place / "earlier.emcad")
        must(go_on)
        must(another)
        others = [place / "earlier.emcad", place / "other.emcad"]
        made[name] = Victim(name, place / "a.emcad", others, look_by_chunks if large else look)
    if not runs:
        return list(made.values())
    place = folder / "run"
    place.mkdir()
    alone(save_inputs, place)
    for name, before in (("fragments", "fragments"), ("agglomeration", "agglomeration")):
        alone(stopped_run, place / f"{name}.emcad", place, before)
        alone(stopped_run, place / f"{name}_2.emcad", place, before, 180.0)
        made[f"run before {name}"] = Victim(
            f"run before {name}", place / f"{name}.emcad", [place / f"{name}_2.emcad"], resume
        )
    return list(made.values())


# ---- damage ----------------------------------------------------------------------------------------------------


def flip(file: Path, rng: np.random.Generator, _: Victim, name: str) -> str:
    """Change some bytes."""
    data = bytearray(file.read_bytes())
    if not data:
        return ""
    places = rng.integers(0, len(data), rng.integers(1, 5))
    for place in places:
        data[place] ^= int(rng.integers(1, 256))
    file.write_bytes(data)
    return f"bytes {places.tolist()}"


def blank(file: Path, rng: np.random.Generator, _: Victim, name: str) -> str:
    """Write zeros over a part, as a disk does that lost a block."""
    data = bytearray(file.read_bytes())
    if not any(data):
        return ""
    start = int(rng.integers(0, len(data)))
    stop = min(len(data), start + int(rng.choice([16, 512, 4096])))
    data[start:stop] = bytes(stop - start)
    file.write_bytes(data)
    return f"zeros {start}:{stop}"


def cut(file: Path, rng: np.random.Generator, _: Victim, name: str) -> str:
    """Leave the end away."""
    data = file.read_bytes()
    if not data:
        return ""
    length = int(rng.choice([0, len(data) - 1, rng.integers(0, len(data))]))
    file.write_bytes(data[:length])
    return f"cut to {length} of {len(data)}"


def remove(file: Path, rng: np.random.Generator, _: Victim, name: str) -> str:
    """Leave the file away."""
    file.unlink()
    return "missing"


def append(file: Path, rng: np.random.Generator, _: Victim, name: str) -> str:
    """Add bytes, or the beginning once more."""
    data = file.read_bytes()
    more = rng.bytes(int(rng.integers(1, 5000))) if rng.random() < 0.5 else data[: int(rng.integers(1, len(data) + 2))]
    file.write_bytes(data + more)
    return f"{len(more)} bytes appended" if more else ""


def take_other(file: Path, rng: np.random.Generator, victim: Victim, name: str) -> str:
    """Put an earlier version, or that of another session, in its place."""
    found = [other / name for other in victim.others if (other / name).exists()]
    found = [other for other in found if other.read_bytes() != file.read_bytes()]
    if not found:
        return ""
    chosen = found[int(rng.integers(len(found)))]
    shutil.copyfile(chosen, file)
    return f"that of {chosen.relative_to(victim.whole.parent).parts[0]}"


def exchange(file: Path, rng: np.random.Generator, _: Victim, name: str) -> str:
    """Exchange it with a file of the same kind."""
    is_chunk = file.name.isdigit()
    root = next((p for p in file.parents if p.suffix == ".zarr"), file.parent) if is_chunk else file.parent
    alike = [f for f in root.rglob("*") if f.is_file() and f.name.isdigit() == is_chunk and f.suffix == file.suffix]
    alike = [f for f in sorted(alike) if f.read_bytes() != file.read_bytes()]
    if not alike:
        return ""
    other = alike[int(rng.integers(len(alike)))]
    mine, theirs = file.read_bytes(), other.read_bytes()
    file.write_bytes(theirs)
    other.write_bytes(mine)
    return f"exchanged with {other.name}"


def take_other_folder(file: Path, rng: np.random.Generator, victim: Victim, name: str) -> str:
    """Put a whole folder (graph, boxes, an array) of another session in the place of its own."""
    top = Path(name).parts[0]
    found = [other / top for other in victim.others[-1:] if (other / top).is_dir()]
    if not found:
        return ""
    root = file.parents[len(Path(name).parts) - 2]
    shutil.rmtree(root)
    shutil.copytree(found[0], root)
    return f"folder {top} of another"


DAMAGES = (flip, flip, blank, cut, remove, append, take_other, exchange, take_other_folder)


@dataclass(frozen=True)
class Trial:
    """What was damaged, and what became of it."""

    victim: str
    file: str
    damage: str
    outcome: str
    words: str


def trials(
    victim: Victim, number: int, seed: int, folder: Path, log_only: bool, truth: Seen | None = None
) -> Iterator[Trial]:
    """Damage copies of a session, one file each, and open them."""
    rng, files = np.random.default_rng([seed, *victim.name.encode()]), victim.files(log_only)
    truth = truth or Seen(*json.loads(in_child(lambda: look_at_copy(victim, folder))))
    assert not truth.told, truth
    made = 0
    while made < number:
        name = choose(files, rng)
        copy = folder / "copy.emcad"
        shutil.copytree(victim.whole, copy)
        try:
            how = DAMAGES[int(rng.integers(len(DAMAGES)))]
            words = how(copy / name, rng, victim, name)
            if words:
                made += 1
                outcome, said = judge(victim, copy, truth)
                yield Trial(victim.name, name, f"{how.__name__}: {words}", outcome, said)
        finally:
            shutil.rmtree(copy, ignore_errors=True)


def choose(files: list[str], rng: np.random.Generator) -> str:
    """Choose a file, as often from each folder as from another."""
    tops = sorted({Path(file).parts[0] for file in files})
    top = tops[int(rng.integers(len(tops)))]
    inside = [file for file in files if Path(file).parts[0] == top]
    return inside[int(rng.integers(len(inside)))]


def look_at_copy(victim: Victim, folder: Path) -> str:
    copy = folder / "whole.emcad"
    shutil.copytree(victim.whole, copy)
    try:
        return json.dumps(list(asdict(victim.look(copy)).values()))
    finally:
        shutil.rmtree(copy)


def judge(victim: Victim, copy: Path, truth: Seen) -> tuple[str, str]:
    """Open a damaged copy in a child, and sort what becomes of it."""
    before = contents(copy)
    said = in_child(lambda: outcome_of(victim, copy, truth))
    outcome, words = said.split("\n", 1) if "\n" in said else (said, "")
    if outcome == "told" and victim.look is not resume and contents(copy) != before:
        after = contents(copy)
        changed = [n for n in {**before, **after} if before.get(n) != after.get(n)]
        return "CHANGED", f"{changed}; {words}"
    return outcome, words


def contents(folder: Path) -> dict[str, bytes]:
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in PASSING)
    found = {str(f.relative_to(folder)): f.read_bytes() for f in files}
    return {name: content for name, content in found.items() if content or name != "edits.db-wal"}


def outcome_of(victim: Victim, copy: Path, truth: Seen) -> str:
    try:
        seen = victim.look(copy)
    except Late as error:
        outcome = f"told when read\n{error}"
    except UserError as error:
        outcome = f"told\n{error}" if "\n" not in str(error) else f"TRACEBACK\ntwo lines: {error}"
    except Exception:  # noqa: BLE001 - the very fault that is looked for
        outcome = f"TRACEBACK\n{traceback.format_exc()}"
    else:
        if seen.told:
            outcome = f"told\n{seen.told}"
        elif (seen.edits, seen.labels) == (truth.edits, truth.labels):
            outcome = "opened all the same"
        else:
            outcome = f"SILENT\n{seen.edits} of {truth.edits} edits"
    lock = SessionLock(copy)
    if lock.why_not:
        return f"LOCKED\n{lock.why_not}; {outcome}"
    lock.release()
    return outcome


def must(work: Callable[[], None]) -> None:
    """Do some work in a child, and see that it is done."""
    said = in_child(work)
    if said:
        raise RuntimeError(said)


def in_child(work: Callable[[], str | None]) -> str:
    """Return what some work returns in a child of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            numcodecs.blosc.use_threads = False
            os.write(writing, (work() or "").encode()[:60_000])
        except BaseException:  # noqa: BLE001 - it is told by the parent
            os.write(writing, f"CRASH\n{traceback.format_exc()}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    found, until = b"", time.monotonic() + PATIENCE
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            found = b"HANG\n"
            break
        piece = os.read(reading, 1 << 16)
        if not piece:
            break
        found += piece
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if status and not found.startswith(b"HANG"):
        return f"CRASH\nstatus {status}"
    return found.decode()
