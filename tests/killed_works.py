"""Works that `killing` kills: edits, new sessions, exports, models, runs by blocks and of training, all small."""

import hashlib
import os
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from block_runs import facts_of, save_inputs
from graphs import LINE, segmentation
from killing import Say, Work
from line_session import FACTS, affinities
from toy_crops import squares

from napari_emcad.blocks.run import Means, finish_run
from napari_emcad.core.ids import FragmentId
from napari_emcad.core.progress import drive
from napari_emcad.finetuning import run as finetuning
from napari_emcad.finetuning.folder import TrainingOrder, best_model, write_run
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.io.sessions.block_run_facts import begin_run
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks import zoo
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_student, save_model
from napari_emcad.training.params import TrainingParameters

SESSION = {"session.json", "fragments.zarr", "boxes", "graph", "affinities.zarr", "edits.db", "edits.known", "lock"}
"""What lies in a session that is closed."""

ROUNDS = 6
"""Times that a short work is done in a trial."""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def new_session(folder: Path) -> None:
    base = segmentation(LINE)
    create_session(folder, base, affinities(base.fragments.shape), FACTS).close()


def edit(session, n: int) -> None:
    """Make the n-th of edits that can follow each other for ever."""
    if n % 3 == 0:
        session.merge(FragmentId(2), FragmentId(3))
    elif n % 3 == 1:
        session.undo()
    else:
        session.note((0, 0, 5), f"note {n}")


class Edits(Work):
    name = "edits"

    def prepare(self, folder: Path) -> None:
        new_session(folder / "a.emcad")

    def act(self, folder: Path, say: Say) -> None:
        with open_session(folder / "a.emcad") as opened:
            for n in range(10 * ROUNDS):
                edit(opened.session, n)
                say(str(len(opened.session.log.rows)))

    def check(self, folder: Path, said: list[str]) -> None:
        acknowledged = max(map(int, said), default=0)
        with open_session(folder / "a.emcad") as opened:
            rows = len(opened.session.log.rows)
            assert not opened.why_read_only, opened.why_read_only
            assert acknowledged <= rows, f"{rows} of {acknowledged} edits are left"
            if (row := opened.session.undoable) is not None and row.kind == "merge":
                opened.session.undo()
        assert names(folder / "a.emcad") <= SESSION and names(folder) == {"a.emcad"}, names(folder / "a.emcad")


class NewSession(Work):
    name = "new session"

    def act(self, folder: Path, _say: Say) -> None:
        new_session(folder / "a.emcad")

    def check(self, folder: Path, _said: list[str]) -> None:
        for place in (folder / "a.emcad", folder / "b.emcad"):
            if not place.exists():
                new_session(place)
            with open_session(place) as opened:
                assert not opened.why_read_only, opened.why_read_only
                edit(opened.session, 0)
        assert names(folder) == {"a.emcad", "b.emcad"}, names(folder)
        assert names(folder / "a.emcad") == SESSION
        for place in ("a.emcad", "b.emcad"):
            for file in sorted((folder / place).rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            (folder / place).rmdir()


class Export(Work):
    """An export over an older one: of the session before its edits, and after them, in turns."""

    def __init__(self, what: str, target: str, kind: str | None = None):
        self.what, self.target, self.kind = what, target, kind
        self.name = f"export of {what} as {kind or target}"

    def prepare(self, folder: Path) -> None:
        new_session(folder / "a.emcad")
        with open_session(folder / "a.emcad") as opened:
            opened.session.merge(FragmentId(2), FragmentId(3))
        for at in (0, 1):
            (folder / f"{at}").mkdir()
            self._export(folder, folder / f"{at}", at)
        (folder / "out").mkdir()

    def act(self, folder: Path, _say: Say) -> None:
        for at in ROUNDS // 2 * (0, 1):
            self._export(folder, folder / "out", at)

    def check(self, folder: Path, _said: list[str]) -> None:
        target, known = folder / "out" / self.target, [content(folder / f"{at}" / self.target) for at in (0, 1)]
        assert not target.exists() or content(target) in known, "it is neither the old nor the new"
        there = target.exists()
        self._export(folder, folder / "out", 1)
        assert content(target) == known[1]
        assert names(folder / "out") == {self.target}, names(folder / "out")
        assert there or not (folder / "seen").exists(), "the older export was away"
        (folder / "seen").touch()

    def _export(self, folder: Path, into: Path, at: int) -> None:
        with open_session(folder / "a.emcad", to_read=True) as opened:
            drive(export_session(self.what, into / self.target, opened, at, self.kind))


def content(path: Path) -> bytes:
    """Return what an export holds, without the time at which it was made."""
    if path.is_dir() and not any(path.glob("*.ply")):
        with open_stack(path) as stack:
            return np.ascontiguousarray(stack.array[:]).tobytes()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    if path.suffix == ".tif":
        with open_stack(path) as stack:
            return np.ascontiguousarray(stack.array[:]).tobytes()
    return b"".join(f.name.encode() + f.read_bytes() for f in files if f.is_file() and f.name != "meshes.json")


class SavedModel(Work):
    """Models of two sizes that replace each other."""

    name = "model over an older one"

    def act(self, folder: Path, _say: Say) -> None:
        for maps in ROUNDS // 3 * (2, 3):
            save(folder / "m.pt", maps)

    def prepare(self, folder: Path) -> None:
        save(folder / "m.pt", 2)

    def check(self, folder: Path, _said: list[str]) -> None:
        network, card = load_student(folder / "m.pt")
        assert (card.title, card.maps) == (f"{network.config.maps} maps", network.config.maps)
        assert card.sha256 == hashlib.sha256((folder / "m.pt").read_bytes()).hexdigest()
        save(folder / "m.pt", 2)
        assert names(folder) == {"m.pt", "m.json"}, names(folder)


def save(path: Path, maps: int) -> None:
    save_model(CadStudent(CadStudentConfig(maps, 3)), path, ModelCard(title=f"{maps} maps"))


class KeptModel(Work):
    """A model that is kept under a name, and forgotten."""

    name = "keep"

    def prepare(self, folder: Path) -> None:
        save(folder / "best.pt", 2)
        (folder / "models").mkdir()

    def act(self, folder: Path, _say: Say) -> None:
        os.environ[zoo.FOLDER_VARIABLE] = str(folder / "models")
        for _ in range(ROUNDS // 2):
            zoo.forget_model(zoo.keep_model(folder / "best.pt", "mouse"))

    def check(self, folder: Path, _said: list[str]) -> None:
        os.environ[zoo.FOLDER_VARIABLE] = str(folder / "models")
        kept = zoo.kept_as(folder / "best.pt", "mouse") or zoo.keep_model(folder / "best.pt", "mouse")
        assert load_student(kept)[1] == inspect(folder / "best.pt")
        zoo.forget_model(kept)
        zoo.forget_model(zoo.keep_model(folder / "best.pt", "mouse"))
        assert not names(folder / "models"), names(folder / "models")


class BlockRun(Work):
    name = "run by blocks"

    def prepare(self, folder: Path) -> None:
        torch.set_num_threads(1)
        save_inputs(folder)
        (folder / "out").mkdir()

    def act(self, folder: Path, _say: Say) -> None:
        torch.set_num_threads(1)
        run = facts_of(folder, (4, 64, 64))
        begin_run(folder / "out" / "a.emcad", run)
        drive(finish_run(folder / "out" / "a.emcad", run, Means(4 << 30)))

    def check(self, folder: Path, _said: list[str]) -> None:
        place = folder / "out" / "a.emcad"
        if not (place / "session.json").exists():
            self.act(folder, print)
        with open_session(place) as opened:
            assert not opened.why_read_only, opened.why_read_only
            found = hashlib.sha256(np.asarray(opened.session.state.base.fragments[:]).tobytes()).hexdigest()
        known = folder / "known"
        assert not known.exists() or known.read_text() == found, "other fragments"
        known.write_text(found)
        assert names(place) <= SESSION and names(place.parent) == {"a.emcad"}, names(place)
        place.rename(folder / f"{len(names(folder))}.old")


class FineTuning(Work):
    name = "fine-tuning"

    def prepare(self, folder: Path) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        network = CadStudent(CadStudentConfig(maps=4, embedding_channels=4))
        save_model(network, folder / "student.pt", ModelCard(title="small"))
        (folder / "runs").mkdir()

    def act(self, folder: Path, _say: Say) -> None:
        for _ in self._events(folder):
            pass

    def check(self, folder: Path, _said: list[str]) -> None:
        place = folder / "runs" / "a.run"
        if place.exists() and (best := best_model(place)) is not None:
            assert load_student(best)[1].title == "small, fine-tuned"
        with closing(self._events(folder)) as events:
            kinds = [event["event"] for event in islice(events, 3)]
        assert kinds[:2] == ["stage", "started"], kinds
        assert names(place.parent) == {"a.run"} and not list(place.glob("*.part")), names(place)
        assert names(place) <= {"order.json", "train", "held_out", "events.jsonl", "state.pt", "held_out_0.npz"} | {
            name for name in names(place) if name.startswith("best_") or name == "rehearsal.pt"
        }, names(place)
        place.rename(folder / f"{len(names(folder))}.old")

    def _events(self, folder: Path):
        torch.set_num_threads(1)
        finetuning.SAVE_EVERY = 0.0
        parameters = TrainingParameters(
            mode="student", steps=6, batch=1, sections=2, size=32, learning_rate=1e-2, warm_up=1, ema=0.8
        )
        if not (folder / "runs" / "a.run").exists():
            order = TrainingOrder(student=folder / "student.pt", parameters=parameters, device="cpu")
            write_run(folder / "runs" / "a.run", order, [squares((3, 48, 48))], [squares((2, 48, 48), "aside")])
        return fine_tune(folder / "runs" / "a.run")


EXPORTS = [
    Export("labels", "a.tif"),
    Export("labels", "sections"),
    Export("labels", "a.ome.zarr"),
    Export("labels", "a.zarr"),
    Export("labels", "a.precomputed"),
    Export("table", "a.csv"),
    Export("graph", "a.npz"),
    Export("equivalences", "a.json"),
    Export("meshes", "meshes"),
    Export("meshes", "a.ply"),
]

WORKS: list[tuple[Work, float]] = [
    (Edits(), 0.34),
    (NewSession(), 0.18),
    *((export, 0.025) for export in EXPORTS),
    (SavedModel(), 0.08),
    (KeptModel(), 0.08),
    (BlockRun(), 0.04),
    (FineTuning(), 0.03),
]
"""Each work, and its share of the kills."""
