"""Files of the program's own: checkpoints and cards, plans for sections, sessions, and folders of runs."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from fuzzing.readings import Facts, Reading, digest_of
from fuzzing.stacks import Writer
from graphs import LINE, segmentation
from line_session import FACTS, affinities
from plans import any_plan
from run_facts import RUN
from toy_crops import squares

from napari_emcad.core.progress import drive
from napari_emcad.finetuning.folder import TrainingOrder, best_model, note_event, read_order, write_run
from napari_emcad.finetuning.record import Record
from napari_emcad.io.section_plans import read_plan, write_plan
from napari_emcad.io.sessions.block_files import BlockFiles, FoundSections
from napari_emcad.io.sessions.block_run_facts import read_unfinished_run
from napari_emcad.io.sessions.file_names import RUN_FILE
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import find_boxes, open_session
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import load_network, save_model
from napari_emcad.training.params import TrainingParameters

_PLAN = any_plan((12, 64, 96), seed=3)
_EVENTS = (
    {"event": "started", "device": "cpu", "losses": ["student"], "train_voxels": 9, "held_out_voxels": 9, "step": 0},
    {
        "event": "step",
        "step": 1,
        "done": 0.5,
        "seconds": 2.0,
        "learning_rate": 1e-3,
        "loss": 0.5,
        "parts": {"student": 0.5},
    },
    {"event": "score", "step": 1, "seconds": 3.0, "voi": 1.0, "voi_split": 0.5, "voi_merge": 0.5, "arand": 0.1}
    | {"threshold": 0.3, "best": True, "model": "best.pt"},
)


def _student() -> CadStudent:
    torch.manual_seed(0)
    return CadStudent(CadStudentConfig(2, 4))


def write_model(folder: Path) -> Path:
    card = ModelCard(
        title="small", voxel_size=(40, 5, 6), scores={"VOI on a": 0.5}, threshold=0.4, grey_range=(0.1, 0.9)
    )
    save_model(_student(), folder / "a.pt", card)
    return folder / "a.pt"


def write_weights(folder: Path, legacy: bool) -> Path:
    content = {"state_dict": _student().state_dict(), "epoch": 3, "best": np.float64(0.5)}
    torch.save(content, folder / "a.ckpt", _use_new_zipfile_serialization=not legacy)
    return folder / "a.ckpt"


def write_safetensors(folder: Path) -> Path:
    safetensors.torch.save_file(_student().state_dict(), folder / "a.safetensors")
    return folder / "a.safetensors"


def read_model(path: Path) -> Reading:
    """Read a network with its card, and what is shown of it."""
    reading = Reading()
    with reading.attempt():
        network, card = load_network(path)
        values = b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())
        shown = card.model_dump(exclude={"note", "sha256"})
        digest = digest_of(np.frombuffer(values, "u1"))
        reading.parts["model"] = Facts((card.parameters,), str(shown), tuple(card.voxel_size or ()), digest=digest)
        assert len(card.summary()) < 2000
    return reading


def write_section_plan(folder: Path) -> Path:
    write_plan(folder / "plan.json", _PLAN)
    return folder / "plan.json"


def read_section_plan(path: Path) -> Reading:
    reading = Reading()
    with reading.attempt():
        plan = read_plan(path, _PLAN.shape)
        digest = digest_of(plan.missing) + digest_of(plan.offset) + digest_of(plan.left_out)
        reading.parts["plan"] = Facts(plan.shape, plan.sentence, digest=digest)
    return reading


def write_session(folder: Path) -> Path:
    base = segmentation(LINE)
    with create_session(folder / "a.emcad", base, affinities(base.fragments.shape), FACTS) as opened:
        drive(find_boxes(opened))
        opened.session.merge(1, 4)
        opened.session.lock(int(opened.session.state.table[1]))
    with closing(sqlite3.connect(folder / "a.emcad" / "edits.db")) as log:
        log.execute("PRAGMA journal_mode=DELETE")
    return folder / "a.emcad"


def read_session(folder: Path) -> Reading:
    """Read a session as an export does."""
    reading = Reading()
    with reading.attempt(), open_session(folder, to_read=True) as opened:
        if "reading only; open it to edit" not in opened.why_read_only:
            reading.sentences.append(opened.why_read_only)
        base, facts = opened.session.state.base, opened.facts
        parts = (base.fragments[:], opened.session.state.table, base.graph.mean, base.sizes)
        size = tuple(facts.voxel_size or ())
        shape = tuple(base.fragments.shape)
        reading.parts["session"] = Facts(shape, str(base.fragments.dtype), size, digest="".join(map(digest_of, parts)))
        drive(find_boxes(opened))
        snapshot = Snapshot.of(opened)
        _ = snapshot.labels[:], snapshot.place, snapshot.neurons(), facts.planned(shape), facts.stack_in(folder, shape)
        if opened.affinities is not None:
            reading.parts["affinities"] = Facts(opened.affinities.shape, "", digest=digest_of(opened.affinities[:, :]))
    return reading


def write_training(folder: Path) -> Path:
    parameters = TrainingParameters(steps=2)
    write_run(folder / "run", TrainingOrder(parameters=parameters), [squares()], [squares(name="other")])
    for event in _EVENTS:
        note_event(folder / "run", event)
    (folder / "run" / "best.pt").write_bytes(b"weights")
    return folder / "run"


def read_training(folder: Path) -> Reading:
    """Read the order and the events of a run of fine-tuning, as the dock does where it goes on with one."""
    reading = Reading()
    with reading.attempt():
        order = read_order(folder)
        reading.parts["order"] = Facts((), order.model_dump_json())
    with reading.attempt():
        record = Record.of(folder)
        shown = record.scores_text, record.progress_text, record.best, record.losses, str(best_model(folder))[-8:]
        reading.parts["record"] = Facts((), "", digest=str(shown))  # its last lines may be missing: runs are killed
    return reading


def write_blocks(folder: Path) -> Path:
    run = folder / "run.emcad"
    run.mkdir()
    (run / RUN_FILE).write_text(RUN.model_dump_json(), "utf-8")
    files = BlockFiles(run)
    files.create((8, 32, 64), None)
    files.write_found_sections(FoundSections("All are good.", _PLAN, (1.0, 200.0)))
    files.save_table("fragments", 0, count=np.array(7), edges=np.arange(12).reshape(6, 2))
    return run


def read_blocks(folder: Path) -> Reading:
    """Read an unfinished run by blocks."""
    reading, files = Reading(), BlockFiles(folder)
    with reading.attempt():
        run = read_unfinished_run(folder)
        shape = run.blocks.shape
        reading.parts["run"] = Facts(tuple(shape), run.model_dump_json())
    with reading.attempt():
        found = files.needed_sections
        reading.parts["sections"] = Facts(found.plan.shape, f"{found.summary} {found.levels}")
    with reading.attempt():
        table = files.load_table("fragments", 0)
        digest = "".join(digest_of(table[name]) for name in sorted(table))
        reading.parts["table"] = Facts(tuple(map(len, table)), ", ".join(sorted(table)), digest=digest)
    with reading.attempt():
        reading.parts["affinities"] = Facts(
            files.affinities.shape, "", digest=digest_of(files.affinities[:, :1, :8, :8])
        )
        reading.parts["local"] = Facts(files.local.shape, "", digest=digest_of(files.local[:1, :8, :8]))
    return reading


PROGRAM_FILES: dict[str, tuple[Writer, Callable[[Path], Reading]]] = {
    "model and card": (write_model, read_model),
    "checkpoint": (partial(write_weights, legacy=False), read_model),
    "checkpoint legacy": (partial(write_weights, legacy=True), read_model),
    "checkpoint safetensors": (write_safetensors, read_model),
    "plan": (write_section_plan, read_section_plan),
    "session": (write_session, read_session),
    "run of training": (write_training, read_training),
    "run by blocks": (write_blocks, read_blocks),
}
"""Writers and readers of them, by what is written."""
