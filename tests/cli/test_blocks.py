"""`napari-emcad segment` by blocks: into a session, in turn or on a Dask cluster."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawings import lively_student, neuropil

from napari_emcad import __version__
from napari_emcad.blocks import cluster
from napari_emcad.blocks import run as by_blocks
from napari_emcad.blocks import steps as blockwise
from napari_emcad.cli import main as cli
from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.sessions.open_session import find_boxes, open_session
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.proofreading.session import base_hash

SHAPE = (5, 40, 1040)
"""Three blocks of 512 x 512 beside each other, two above each other: six."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack and model")
    tifffile.imwrite(folder / "stack.tif", neuropil(SHAPE, VoxelSize(40, 6, 6), seed=1), photometric="minisblack")
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small"))
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(by_blocks, "GROUP", (1, 1, 1))
    blockwise._load_inputs.cache_clear()


def arguments(files, session, *more):
    return [
        *("segment", str(files / "stack.tif"), "--model", str(files / "small.pt")),
        *("--session", str(session), "--block", "3,512,512", "--device", "cpu", "--threshold", "0.1", *more),
    ]


@pytest.fixture
def sentence(files, tmp_path, capsys):
    """(options) -> what the command says when it refuses them."""

    def sentence(*more, session="a.emcad"):
        assert cli.main(arguments(files, tmp_path / session, *more)) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said.removeprefix("napari-emcad: ").strip()

    return sentence


@pytest.fixture(scope="module")
def expected(files, tmp_path_factory):
    """A session made in turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_blocks, "GROUP", (1, 1, 1))
        folder = tmp_path_factory.mktemp("expected") / "a.emcad"
        assert cli.main(arguments(files, folder)) == 0
    return folder


def same(one: Path, other: Path) -> None:
    """The sessions hold the same, byte by byte."""
    names = [sorted(str(f.relative_to(p)) for f in p.rglob("*") if f.is_file()) for p in (one, other)]
    kept = [[n for n in some if not n.startswith(("edits", "lock", "session.json"))] for some in names]
    assert kept[0] == kept[1]
    for name in kept[0]:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    with open_session(one) as a, open_session(other) as b:
        assert a.facts == b.facts


def test_a_session_is_made(expected, files):
    left = {f.name for f in expected.iterdir()} - {"lock"}
    assert left == {"affinities.zarr", "boxes", "edits.db", "edits.known", "fragments.zarr", "graph", "session.json"}
    with open_session(expected) as opened:
        base = opened.session.state.base
        assert base.fragments.shape == SHAPE
        assert opened.facts.base_hash == base_hash(base)
        kept, sought = drive(find_boxes(opened)), drive(find_fragment_boxes(base.fragments))
        np.testing.assert_array_equal(kept.start, sought.start)
        np.testing.assert_array_equal(kept.stop, sought.stop)
        assert opened.facts.source == str(files / "stack.tif")
        assert opened.facts.parameters["device"] == "cpu"
        segment = int(opened.session.state.table[1])
        others = np.setdiff1d(opened.session.state.table, [0, segment])
        opened.session.merge(1, int(np.flatnonzero(opened.session.state.table == others[0])[0]), confirmed=True)
        opened.session.undo()


def test_it_says_what_it_takes_and_what_it_found(files, tmp_path, capsys):
    assert cli.main(arguments(files, tmp_path / "a.emcad", "--memory", "20")) == 0
    read, plan, sections, outcome = capsys.readouterr().out.splitlines()
    assert read == "stack.tif: 5 x 40 x 1040 voxels, uint8, voxel size unknown (--voxel-size Z Y X, in nm)"
    assert sections == "5 sections: all good"
    assert re.fullmatch(r"5 x 40 x 1040 voxels in 6 blocks, at most \d+ MB here, student, .*", plan)
    assert re.fullmatch(r"[\d,]+ neurons? in \d+\.\d s, \d+\.\d\d s per megavoxel -> .*a\.emcad", outcome)


@pytest.fixture(scope="module")
def with_blank(files, tmp_path_factory):
    """The stack with a blank section, where blocks end."""
    folder = tmp_path_factory.mktemp("blank")
    volume = neuropil(SHAPE, VoxelSize(40, 6, 6), seed=1)
    volume[2] = 0
    tifffile.imwrite(folder / "stack.tif", volume, photometric="minisblack")
    (folder / "small.pt").symlink_to(files / "small.pt")
    (folder / "small.json").symlink_to(files / "small.json")
    return folder


def test_sections_are_looked_at_first(with_blank, tmp_path, capsys):
    """What was found and what is done is said, whoever goes on says it again, and the session keeps the plan."""
    auto, given, background = (tmp_path / f"{name}.emcad" for name in ("auto", "given", "background"))
    assert cli.main(arguments(with_blank, auto)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[2:4] == ["5 sections: 2 blank", "by plan: section 2 is left out and bridged."]
    with open_session(auto) as opened:
        assert opened.facts.plan.left_out.tolist() == [False, False, True, False, False]
        assert (opened.session.state.base.fragments[2] > 0).all()
        sections = opened.facts.sections
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(sections))
    assert cli.main(arguments(with_blank, given, "--sections", str(file))) == 0
    assert capsys.readouterr().out.splitlines()[2] == "by plan: section 2 is left out and bridged."
    same(given, auto)
    assert cli.main(arguments(with_blank, background, "--bridged", "background")) == 0
    with open_session(background) as opened:
        assert not opened.session.state.base.fragments[2].any()
        assert not opened.facts.plan.interpolates


def test_sections_may_be_used_as_they_are(with_blank, tmp_path, capsys):
    assert cli.main(arguments(with_blank, tmp_path / "a.emcad", "--sections", "as-is")) == 0
    assert "by plan" not in capsys.readouterr().out
    with open_session(tmp_path / "a.emcad") as opened:
        assert opened.facts.plan is None
    assert cli.main(arguments(with_blank, tmp_path / "b.emcad", "--sections", "gone.json")) == 1
    assert "sections: there is no file gone.json" in capsys.readouterr().err
    assert not (tmp_path / "b.emcad").exists()


def test_a_run_goes_on_by_the_plan_that_it_was_begun_with(with_blank, tmp_path, monkeypatch, capsys):
    session, connect = tmp_path / "a.emcad", blockwise.connect_block
    monkeypatch.setitem(blockwise.STEPS, "region graph", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert cli.main(arguments(with_blank, session)) == 1
    monkeypatch.setitem(blockwise.STEPS, "region graph", connect)
    monkeypatch.setattr("napari_emcad.blocks.sections.judge_sections", None)
    capsys.readouterr()
    assert cli.main(["resume", str(session)]) == 0
    assert "by plan: section 2 is left out and bridged." in capsys.readouterr().out


def test_an_empty_stack_ends_in_a_sentence(with_blank, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((4, 64, 600), np.uint8), photometric="minisblack")
    for name in ("small.pt", "small.json"):
        (tmp_path / name).symlink_to(with_blank / name)
    assert cli.main(arguments(tmp_path, tmp_path / "a.emcad")) == 1
    assert "sections: nothing in 0:4,0:64,0:600 shows tissue that could be used; " in capsys.readouterr().err
    assert not (tmp_path / "a.emcad").exists()
    assert cli.main(arguments(tmp_path, tmp_path / "a.emcad", "--sections", "as-is")) == 0


def test_a_run_that_was_stopped_before_its_first_block_may_be_another_one(with_blank, tmp_path, monkeypatch, capsys):
    """What was measured of the sections is not measured again; as soon as a block is done, the run is what it is."""
    session, judge = tmp_path / "a.emcad", blockwise.judge_slabs
    with monkeypatch.context() as patch:
        patch.setattr(blockwise, "judge_slabs", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert cli.main(arguments(with_blank, session)) == 1
    assert blockwise.judge_slabs is judge
    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.blocks.sections.SectionLook", None)
        patch.setattr("napari_emcad.blocks.run.level_shape", lambda *_: None)
        patch.setattr("napari_emcad.cli.blocks.SectionLook.note", "")
        patch.setitem(blockwise.STEPS, "fragments", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert cli.main(arguments(with_blank, session, "--bridged", "background")) == 1
    capsys.readouterr()
    assert cli.main(arguments(with_blank, session)) == 1
    assert "begun with another interpolates (False, not True)" in capsys.readouterr().err
    assert cli.main(["resume", str(session)]) == 0


def test_a_finished_session_is_not_touched(expected, sentence, files, capsys):
    assert cli.main(arguments(files, expected)) == 1
    assert "this name is taken" in capsys.readouterr().err


def test_resume_goes_on_without_being_told_what(files, tmp_path, sentence, expected, monkeypatch, capsys):
    session, fragments = tmp_path / "a.emcad", blockwise.find_fragments
    with monkeypatch.context() as patch:
        patch.setattr(blockwise, "find_fragments", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        sentence()
    assert blockwise.find_fragments is fragments
    assert cli.main(["export", str(session), "-o", str(tmp_path / "a.tif")]) == 1
    assert f"or with: napari-emcad resume {session}" in capsys.readouterr().err
    assert cli.main(["resume", str(session)]) == 0
    same(session, expected)


def test_resume_gives_the_session_a_voxel_size(tmp_path, sentence, monkeypatch):
    session = tmp_path / "a.emcad"
    with monkeypatch.context() as patch:
        patch.setattr(blockwise, "find_fragments", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        sentence()
    assert cli.main(["resume", str(session), "--voxel-size", "40", "6", "5"]) == 0
    assert read_facts(session).voxel_size == (40, 6, 5)
    assert json.loads((session / "affinities.zarr" / ".zattrs").read_text())["voxel_size_nm"] == [40, 6, 5]


def test_resume_of_what_is_not_begun_is_one_sentence(expected, tmp_path, capsys):
    assert cli.main(["resume", str(expected)]) == 1
    assert "this session is finished; open it with: napari-emcad proofread" in capsys.readouterr().err
    assert cli.main(["resume", str(tmp_path / "none.emcad")]) == 1
    assert "nothing was begun there by blocks; choose another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected_sentence"),
    [
        (("-o", "a.tif"), "output: by blocks only a session is written; leave it out and use napari-emcad export "),
        (("--affinities", "a.zarr"), "affinities: by blocks only a session is written; "),
        (("--workers", "2", "--scheduler", "tcp://x:1"), "workers: those of a cluster are its own; "),
        (("--block", "3,500,512"), "block: Z,Y,X is needed, with Y and X multiples of 512, got 3,500,512; "),
        (("--block", "0,512,512"), "block: Z,Y,X is needed"),
        (("--block", "many"), "block: Z,Y,X is needed"),
        (("--memory", "0.1"), r"memory: \d+ MB are needed and there are 100 MB; take fewer workers, "),
        (("--workers", "3", "--memory", "1"), r"memory: [\d.]+ GB are needed and there are 1.0 GB; "),
        (("--workers", "0"), "workers: 1 or more are needed, got 0"),
    ],
)
def test_wrong_options_are_one_sentence(sentence, options, expected_sentence, tmp_path):
    assert re.match(expected_sentence, sentence(*options))
    assert not (tmp_path / "a.emcad").exists()


def test_a_session_has_its_name_and_place(sentence, files, capsys):
    assert sentence(session="a").startswith("session: a name that ends in .emcad is needed")
    assert sentence(session="gone/a.emcad").startswith("output: the folder ")
    assert cli.main(["segment", str(files / "stack.tif"), "--block", "3,512,512"]) == 1
    assert "by blocks neurons go into a session" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "expected_sentence"),
    [
        (
            OSError(28, "No space left"),
            "disk full; make room or use another disk, and resume the run, finished blocks are kept.",
        ),
        (OSError(13, "denied"), "there is no permission to write in it; choose another folder."),
        (RuntimeError("blosc"), "a block cannot be read or written (blosc); resume the run, finished "),
        (KeyboardInterrupt(), "stopped: finished blocks are kept; run the same command again to go on."),
    ],
)
def test_what_is_done_is_kept(files, tmp_path, sentence, expected, monkeypatch, error, expected_sentence):
    fragments, done = blockwise.find_fragments, []

    def failing(*given):
        done.append(given)
        if len(done) == 4:
            raise error
        return fragments(*given)

    monkeypatch.setattr(blockwise, "find_fragments", failing)
    assert expected_sentence in sentence()
    assert cli.main(arguments(files, tmp_path / "a.emcad")) == 0
    assert len(done) == 7  # six blocks, one of them twice
    same(tmp_path / "a.emcad", expected)


def test_a_disk_that_is_full_at_the_end_is_one_sentence(files, tmp_path, sentence, expected, monkeypatch):
    from napari_emcad.io.sessions import new_session as sessions

    write_graph = sessions.write_graph

    def full(*_):
        raise OSError(28, "No space")

    monkeypatch.setattr(sessions, "write_graph", full)
    room = "disk full; make room or use another disk, and resume the run, finished blocks are kept."
    assert sentence().endswith(room)
    monkeypatch.setattr(sessions, "write_graph", write_graph)
    assert cli.main(arguments(files, tmp_path / "a.emcad")) == 0
    same(tmp_path / "a.emcad", expected)


def test_a_damaged_chunk_is_one_sentence(files, tmp_path, sentence, monkeypatch):
    connect = blockwise.connect_block

    def damaged(folder, number):
        for chunk in (Path(folder) / "affinities.zarr").rglob("*"):
            if chunk.is_file() and not chunk.name.startswith("."):
                chunk.write_bytes(chunk.read_bytes()[:50])
        connect(folder, number)

    monkeypatch.setitem(blockwise.STEPS, "region graph", damaged)
    assert "and resume the run, which does that block again." in sentence()


def test_no_scheduler_is_one_sentence(sentence, monkeypatch):
    monkeypatch.setattr(cluster, "WAIT", "1s")
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        assert sentence("--scheduler", address).startswith(f"{address}: no Dask scheduler answers there ")


def test_without_dask_the_way_to_install_it_is_told(sentence, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    told = sentence("--workers", "2", "--memory", "20")
    assert told.startswith("workers: Dask's cluster is not installed; ")
    assert 'python -m pip install "napari-emcad[cluster]"' in told


@pytest.fixture
def scheduler(forked_workers):
    """Address of a cluster of two processes that others run."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as running:
        yield running.scheduler_address


def test_a_cluster_that_runs_gives_the_same(files, tmp_path, expected, scheduler, monkeypatch):
    monkeypatch.setattr(by_blocks, "FREE_SHARE", 1.0)
    assert cli.main(arguments(files, tmp_path / "a.emcad", "--scheduler", scheduler)) == 0
    with open_session(tmp_path / "a.emcad") as found, open_session(expected) as wanted:
        np.testing.assert_array_equal(found.session.state.base.fragments, wanted.session.state.base.fragments)


def test_workers_of_another_version_are_refused(sentence, scheduler, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "9.9")
    assert sentence("--scheduler", scheduler).startswith(
        f"{scheduler}: its workers have napari-emcad {__version__}, and 9.9 is needed; "
    )


def test_a_cluster_without_workers_is_refused(sentence):
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, dashboard_address=None) as running:
        assert sentence("--scheduler", running.scheduler_address).endswith(
            "the cluster has no workers; start some and run the command again."
        )


BY_TWO = ("--workers", "2", "--memory", "20")


@pytest.fixture(scope="module")
def plain(files, tmp_path_factory):
    """A session made in turn, with the groups that the command has by itself; nobody killed it."""
    folder = tmp_path_factory.mktemp("plain") / "a.emcad"
    assert cli.main(arguments(files, folder)) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("who", ["a worker", "the command"])
def test_kill_9_costs_blocks_not_the_result(files, tmp_path, plain, forked_workers, monkeypatch, who):
    """Ended in the middle, and begun again where nobody does it."""
    monkeypatch.setattr(by_blocks, "GROUP", blockwise.GROUP)
    killed = tmp_path / "killed.emcad"
    running = subprocess.Popen(_command(files, killed, *BY_TWO), start_new_session=True)
    _wait_for(killed / "blocks")
    if who == "the command":
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert not (killed / "session.json").exists()
        assert cli.main(arguments(files, killed, *BY_TWO)) == 0
    else:
        os.kill(_workers_of(running.pid)[0], signal.SIGKILL)
        assert running.wait(timeout=300) == 0
    same(killed, plain)


def _command(files, session, *more):
    return [sys.executable, "-m", "napari_emcad.cli.main", *arguments(files, session, *more)]


def _wait_for(folder: Path) -> None:
    """Until a block is done."""
    until = time.monotonic() + 120
    while not any(folder.glob("affinities.*.npz")):
        assert time.monotonic() < until
        time.sleep(0.02)


def _workers_of(pid: int) -> list[int]:
    import psutil

    nannies = psutil.Process(pid).children(recursive=True)
    return [p.pid for p in nannies if "spawn_main" in " ".join(p.cmdline())]
