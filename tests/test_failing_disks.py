"""Disks that are full, read-only or away, at any moment of whatever is written: one sentence, and nothing half-done."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="programs are forked whose disk fails")

PROGRAM = """
import json
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import killed_works
from faulting import fail_at_each_change
from killing import Failed, call
from napari_emcad.core.errors import UserError

killed_works.ROUNDS = 3
works = {work.name: work for work, _ in killed_works.WORKS}

def fail(folder, steps):
    def act(say):
        for n, (name, step) in enumerate(steps.items()):
            assert fail_at_each_change(works[name], folder / str(n), step), name
        say(" ".join(sys.modules))

    for name in call(act).pop().split():  # programs that are forked need not import them each time
        with suppress(Exception):
            import_module(name)

def prepare(folder, names):
    for name in names:
        (folder / name).mkdir()
        call(lambda _: works[name].prepare(folder / name))

def act(folder, names):
    def act(say):
        try:
            work.act(place, lambda _: None)
            say("done")
        except UserError as error:
            assert "\\n" not in str(error) and ".part" not in str(error), error
            say(str(error))

    said = []
    for name in names:
        work, place = works[name], folder / name
        said += call(act)
    return said

for line in sys.stdin:
    what, folder, asked = json.loads(line)
    try:
        answer = {"fail": fail, "prepare": prepare, "act": act}[what](Path(folder), asked), ""
    except Failed as error:
        answer = None, str(error)
    print(json.dumps(answer), flush=True)
"""
"""Imports what works need once, and forks itself for each."""


@pytest.fixture(scope="module")
def run():
    """(what, folder, works) -> what the program says to that."""
    paths = os.pathsep.join(path for path in sys.path if path)
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(what, folder, works):
        print(json.dumps((what, str(folder), works)), file=program.stdin, flush=True)
        answer, failed = json.loads(program.stdout.readline())
        assert not failed, failed
        return answer

    with program:
        yield run
        program.stdin.close()


STEPS = {
    "export of labels as a.tif": 2,
    "export of labels as sections": 7,
    "export of labels as a.ome.zarr": 17,
    "export of labels as a.precomputed": 17,
    "export of table as a.csv": 2,
    "export of meshes as meshes": 9,
    "model over an older one": 5,
    "keep": 3,
    "new session": 29,
    "edits": 3,
}
"""Works, and of how many changes to the disk one is let fail."""


def test_every_change_to_the_disk_may_fail(tmp_path, run):
    run("fail", tmp_path, STEPS)


# ---- real disks, where this program may mount them ------------------------------------------------------------------


@contextmanager
def disk(folder: Path, *options: str):
    """A disk in memory; the test is left out where none can be had."""
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    try:
        is_there = os.geteuid() == 0 and subprocess.run(mounted, capture_output=True, check=False).returncode == 0
    except (AttributeError, OSError):
        is_there = False
    if not is_there:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def remount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", "-o", ",".join(["remount", *options]), str(folder)], check=True)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


WORKS = ["export of labels as a.ome.zarr", "export of labels as a.precomputed", "export of graph as a.npz", "keep"]


@pytest.mark.parametrize(
    ("options", "says"), [("ro", "no permission"), ("size=FULL", "disk full"), ("nr_inodes=FULL", "no more files")]
)
def test_a_real_disk(tmp_path, run, options, says):
    with disk(tmp_path / "disk", "size=64m", "nr_inodes=4000") as folder:
        run("prepare", folder, WORKS)
        before = names(folder)
        room = os.statvfs(folder)
        inodes = room.f_files - room.f_ffree + 3
        remount(folder, options.replace("nr_inodes=FULL", f"nr_inodes={inodes}").replace("size=FULL", "size=64m"))
        if "size" in options:
            with suppress(OSError), (folder / "filling").open("wb", buffering=0) as file:
                while file.write(b"0" * 4096):
                    pass
            before.add("filling")
        said = run("act", folder, WORKS)
        told = [sentence for sentence in said if sentence != "done"]  # a table takes no more files than there are
        assert len(said) == len(WORKS) and told and all(says in sentence for sentence in told), said
        if options != "ro":
            made = {
                f"{name}/out/{name.split()[-1]}" for name, ended in zip(WORKS, said, strict=True) if ended == "done"
            }
            assert names(folder) == before | made, "something is left over"
