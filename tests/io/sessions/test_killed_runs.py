"""Programs that are killed while they make the files of a run by blocks: the next one goes on."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import run_facts

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import begin_run, read_run

RUN = run_facts.RUN.model_copy(update={"parameters": {}, "box": ((1, 2, 3), (5, 34, 67))})
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR
ARRAYS = ("affinities.zarr", "local.zarr", "fragments.zarr")


def make_files(folder):
    begin_run(folder, RUN)
    files = BlockFiles(folder)
    files.create(RUN.place.shape, VoxelSize(40, 5, 6))
    files.create_fragments(np.uint32, None)
    return files


KILLER = """
import os, random, signal, sys
from pathlib import Path
from test_killed_runs import CHANGES, WRITES, make_files

def make_until(change, folder):
    left = change
    def count(event, arguments):
        nonlocal left
        if event in CHANGES or (event == "open" and arguments[2] and arguments[2] & WRITES):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    make_files(folder)
    os._exit(0)

for seed in range(int(sys.argv[2])):
    moments, ends = random.Random(seed), []
    for k in range(3):
        child = os.fork()  # before zarr has begun any thread
        if not child:
            make_until(moments.randrange(3 + 12 * k), Path(sys.argv[1]) / f"{seed}.emcad")
        moments.random()
        ends.append(os.waitpid(child, 0)[1])
    print(*ends, flush=True)
"""


def assert_goes_on(folder):
    files = make_files(folder)
    assert read_run(folder).gives_same(RUN)
    assert files.affinities.shape == (3, *RUN.place.shape)
    assert files.local.shape == files.fragments.shape == RUN.place.shape
    assert not files.affinities[:].any() and not files.fragments[:].any()
    assert {file.name for file in folder.iterdir()} == {"run.json", "blocks", *ARRAYS}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")
def test_killed_at_any_change_to_the_disk(tmp_path):
    """Thrice each, at moments that seeds choose: before a file is opened, made, renamed or removed."""
    command = [sys.executable, "-c", KILLER, str(tmp_path), "6"]
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    found = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split().count(str(int(signal.SIGKILL))) > 9, found.stdout
    for seed in range(6):
        assert_goes_on(tmp_path / f"{seed}.emcad")


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("text", [None, "", '{"shape": ['])
def test_arrays_that_were_left_half_made_are_made_anew(tmp_path, name, text):
    """As a killed program of an earlier version has left them: an empty folder, or half a description."""
    folder = tmp_path / "a.emcad"
    make_files(folder)
    shutil.rmtree(folder / name)
    (folder / name).mkdir()
    if text is not None:
        (folder / name / ".zarray").write_text(text)
    assert_goes_on(folder)


def test_a_damaged_array_with_blocks_in_it_stays(tmp_path):
    files = make_files(tmp_path / "a.emcad")
    files.save_table("affinities", 0)
    (tmp_path / "a.emcad" / "affinities.zarr" / ".zarray").write_text("{")
    make_files(tmp_path / "a.emcad")
    assert (tmp_path / "a.emcad" / "affinities.zarr" / ".zarray").read_text() == "{"
