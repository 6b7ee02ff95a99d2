import errno
import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import replace_files, replace_in_turn, write_beside, write_then_rename, write_together
from napari_emcad.io.parts import part_of, remove_parts


def needed(_: Path) -> int:
    return 12_345_678


@pytest.fixture
def folder(tmp_path):
    """A folder with an older file and an older folder in it."""
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "old.zarr").mkdir()
    (tmp_path / "old.zarr" / "chunk").write_text("old")
    return tmp_path


def contents(folder):
    return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}


def write(part, kind):
    if kind == "file":
        part.write_text("new")
    else:
        part.mkdir()
        (part / "chunk").write_text("new")


@pytest.mark.parametrize(("name", "kind"), [("new.txt", "file"), ("new.zarr", "folder")])
def test_it_appears_at_the_end(folder, name, kind):
    before = contents(folder)
    with write_beside(folder / name, needed) as part:
        write(part, kind)
        assert not (folder / name).exists()
        assert part.parent == folder
    assert contents(folder) == before | {name if kind == "file" else f"{name}/chunk": "new"}


@pytest.mark.parametrize(("name", "kind"), [("old.txt", "file"), ("old.zarr", "folder")])
def test_it_replaces_the_older(folder, name, kind):
    with write_beside(folder / name, needed) as part:
        write(part, kind)
        assert {"old.txt": "old", "old.zarr/chunk": "old"}.items() <= contents(folder).items()
    place = {"file": "old.txt", "folder": "old.zarr/chunk"}[kind]
    assert contents(folder) == {"old.txt": "old", "old.zarr/chunk": "old"} | {place: "new"}


def test_a_failure_leaves_nothing_where_others_write_on_for_a_moment(folder, monkeypatch):
    """As zarr and tensorstore do when one of several chunks cannot be written."""
    looked, written = Event(), Event()

    def look(_: float) -> None:
        looked.set()
        assert written.wait(10)

    def write_on(part: Path) -> None:
        assert looked.wait(10)
        (part / "late").mkdir(parents=True)
        (part / "late" / "chunk").write_text("late")
        written.set()

    before = contents(folder)
    monkeypatch.setattr("napari_emcad.io.atomic.time.sleep", look)
    with pytest.raises(UserError, match="disk full"), write_beside(folder / "new.zarr", needed) as part:
        (part / "c").mkdir(parents=True)
        late = Thread(target=write_on, args=(part,))
        late.start()
        raise OSError(errno.ENOSPC, "no space")
    late.join()
    assert contents(folder) == before and not part.exists()


@pytest.mark.parametrize("name", ["old.txt", "new.txt"])
@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_failure_leaves_nothing(folder, name, kind, end):
    before = contents(folder)
    with pytest.raises(end), write_beside(folder / name, needed) as part:
        write(part, kind)
        raise end
    assert contents(folder) == before
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "disk full, about 13 MB are needed; nothing was written, make room or use another disk"),
        (errno.EDQUOT, "disk full, about 13 MB are needed, as the quota of this .* use another disk"),
        (errno.EACCES, "there is no permission to write in .*; choose another folder"),
        (errno.EROFS, "there is no permission to write in .*; choose another folder"),
        (
            errno.EIO,
            "could not be written, as its disk does not answer .*; nothing was written, see .* another disk",
        ),
    ],
)
def test_what_the_system_says_is_one_sentence(folder, number, sentence):
    before = contents(folder)
    target = folder / "old.txt"
    with pytest.raises(UserError, match=rf"old\.txt: {sentence}\.$"), write_beside(target, needed) as part:
        write(part, "file")
        raise OSError(number, os.strerror(number))
    assert contents(folder) == before


def test_a_read_only_file_system_refuses_to_remove_what_is_not_there(folder, monkeypatch):
    def refuse(*_more, **_named):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with (
        pytest.raises(UserError, match="there is no permission to write"),
        write_beside(folder / "a.json", lambda _: 1) as part,
    ):
        part.write_bytes(b"")


def test_a_missing_folder_is_told_before_the_work(tmp_path):
    with (
        pytest.raises(UserError, match=r"labels\.tif: cannot be written, the folder .*none does not exist; create"),
        write_beside(tmp_path / "none" / "labels.tif", needed),
    ):
        pytest.fail("no work should have begun")


def test_a_link_is_followed(folder):
    (folder / "disk").mkdir()
    (folder / "link.txt").symlink_to(folder / "disk" / "real.txt")
    with write_beside(folder / "link.txt", needed) as part:
        write(part, "file")
    assert (folder / "link.txt").is_symlink()
    assert (folder / "disk" / "real.txt").read_text() == "new"


def test_a_folder_that_cannot_be_put_in_place_leaves_the_older(folder, monkeypatch):
    before, rename = contents(folder), Path.rename

    def refused(self, target):
        if self.name.endswith(".part"):
            raise PermissionError(errno.EACCES, "in use")
        return rename(self, target)

    monkeypatch.setattr("napari_emcad.io.put_in_place.exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(UserError, match="no permission"), write_beside(folder / "old.zarr", needed) as part:
        write(part, "folder")
    assert contents(folder) == before
    assert len(list(folder.iterdir())) == 2


# ---- files that belong together --------------------------------------------------------------------------------------


def test_files_are_replaced_and_nothing_else_stays(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    replace_files({tmp_path / "a": b"new a", tmp_path / "b": b"new b"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new a", "b": b"new b"}


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    write = Path.write_bytes

    def full(self, content):
        if self.name == "b":
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"b: disk full, about 4 MB are needed; nothing was written, make room or use"):
        replace_files({tmp_path / "a": b"new" * 10**6, tmp_path / "b": b"new"})
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize("place", ["none/a", "file/a", "folder"])
def test_a_place_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"(cannot|could not) be written"):
        replace_files({tmp_path / place: b"new"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_the_last_of_several_files_comes_last(tmp_path, monkeypatch):
    renamed, replace = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (renamed.append(target.name), replace(self, target)))
    with write_together(tmp_path / "model.bin", tmp_path / "model.xml") as folder:
        for name in ("model.xml", "model.bin"):
            (folder / name).write_text(name)
    assert renamed == ["model.bin", "model.xml"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {n: n for n in renamed}


def test_one_file_too_few_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), write_together(tmp_path / "a", tmp_path / "b") as folder:
        (folder / "a").touch()
    assert not list(tmp_path.iterdir())


# ---- the rest --------------------------------------------------------------------------------------------------------


def test_an_error_may_stay_as_it_is(folder):
    before = contents(folder)
    with pytest.raises(FileExistsError), write_then_rename(folder / "old.txt") as part:
        part.write_text("new")
        raise FileExistsError
    assert contents(folder) == before


def test_a_folder_is_not_replaced_by_a_file(folder):
    before = contents(folder)
    with pytest.raises(UserError, match="could not be written"), write_beside(folder / "old.zarr", needed) as part:
        part.write_text("new")
    assert contents(folder) == before


def test_what_library_makes_of_a_full_disk_does_not_hide_it(folder):
    """As zipfile does, which cannot close what it could not write."""
    with pytest.raises(UserError, match="disk full"), write_beside(folder / "new.npz", needed) as part:
        try:
            raise OSError(errno.ENOSPC, "no space")
        except OSError:
            write(part, "file")
            raise ValueError("cannot close the file") from None


def test_a_sentence_about_a_file_inside_names_the_folder_that_it_was_to_be(folder):
    with pytest.raises(UserError) as failed, write_beside(folder / "new.zarr", needed) as part:
        part.mkdir()
        with write_beside(part / "none" / "a.json", needed):
            pass
    assert str(failed.value).startswith(f"{folder / 'new.zarr' / 'none' / 'a.json'}: cannot be written")


def test_a_defect_stays_one(folder):
    with pytest.raises(ZeroDivisionError), write_beside(folder / "new.txt", needed):
        raise ZeroDivisionError


def test_a_name_that_is_too_long_is_told_before_the_work(folder):
    with pytest.raises(UserError, match="name is too long"), write_beside(folder / ("a" * 300), needed):
        pytest.fail("no work should have begun")


def test_a_long_name_is_written(folder):
    with write_beside(folder / ("ä" * 127), needed) as part:
        write(part, "file")
    assert (folder / ("ä" * 127)).read_text() == "new"


def test_a_folder_below_a_file_is_told(folder):
    with (
        pytest.raises(UserError, match=r"the folder .*old\.txt is a file"),
        write_beside(folder / "old.txt" / "a", needed),
    ):
        pytest.fail("no work should have begun")


# ---- a folder in the place of a folder -------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="two names cannot be exchanged")
def test_there_is_no_moment_without_the_older_folder(folder, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("the older folder was away"))
    with write_beside(folder / "old.zarr", needed) as part:
        write(part, "folder")
    assert contents(folder) == {"old.txt": "old", "old.zarr/chunk": "new"}


def without_exchange(monkeypatch):
    monkeypatch.setattr("napari_emcad.io.put_in_place.exchange", lambda *_: False)


def test_a_folder_is_replaced_where_names_cannot_be_exchanged(folder, monkeypatch):
    without_exchange(monkeypatch)
    with write_beside(folder / "old.zarr", needed) as part:
        write(part, "folder")
    assert contents(folder) == {"old.txt": "old", "old.zarr/chunk": "new"}


KILLED = """
import os, sys
from pathlib import Path
from napari_emcad.io import put_in_place
from napari_emcad.io.atomic import write_beside
put_in_place.exchange = lambda *_: False
rename, left = Path.rename, int(sys.argv[2])
def count(self, target):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    return rename(self, target)
Path.rename = count
with write_beside(Path(sys.argv[1]), lambda _: 1) as part:
    part.mkdir()
    (part / "chunk").write_text("new")
"""


@pytest.mark.parametrize(("renames", "there"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_folder_that_a_killed_program_has_moved_away_comes_back(folder, renames, there):
    """Where names cannot be exchanged; the next program that writes beside it brings it back."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder / "old.zarr"), str(renames)], check=False)
    assert ended.returncode == (9 if renames < 2 else 0)
    with write_beside(folder / "another.txt", needed) as part:
        write(part, "file")
    assert contents(folder) == {"old.txt": "old", "old.zarr/chunk": there, "another.txt": "new"}


# ---- what killed programs have left ----------------------------------------------------------------------------------

DEAD = """
import os, sys
from pathlib import Path
from napari_emcad.io.atomic import write_beside
for name in ("new.txt", "new.zarr"):
    part = write_beside(Path(sys.argv[1]) / name, lambda _: 1).__enter__()
    part.mkdir() if name == "new.zarr" else part.write_text("half")
os._exit(9)
"""


def leave_parts(folder):
    subprocess.run([sys.executable, "-c", DEAD, str(folder)], check=False)


def test_what_killed_programs_have_left_is_removed(folder):
    before = contents(folder)
    leave_parts(folder)
    assert len(list(folder.iterdir())) == 4
    with write_beside(folder / "new.txt", needed) as part:
        write(part, "file")
    assert contents(folder) == {**before, "new.txt": "new"} and len(list(folder.iterdir())) == 3


def test_what_others_have_made_stays(folder):
    """The unfinished of a program that runs or is on another machine, and whatever else ends like it."""
    names = ["thesis.part", "a.0123456789abcdef.part", "labels.tif.0123456g-1-1-0123456789abcdef.part", "x.before"]
    others = "labels.tif.00000000-1-1-0123456789abcdef.part"
    for name in (*names, others):
        (folder / name).write_text("mine")
    with write_beside(folder / "live.txt", needed) as part:
        write(part, "file")
        remove_parts(folder)
        assert part.exists() and all((folder / name).exists() for name in (*names, others))
        remove_parts(folder, alone=True)
        assert part.exists() and all((folder / name).exists() for name in names)
    assert not (folder / others).exists()


def test_a_number_that_another_program_has_now_does_not_keep_what_was_left(folder):
    part = part_of(folder / "new.txt")
    start = part.name.split("-")[2]
    part.with_name(part.name.replace(f"-{start}-", "-7-")).write_text("half")
    remove_parts(folder)
    assert len(list(folder.iterdir())) == 2


# ---- files that belong together, at any moment -----------------------------------------------------------------------


def test_if_one_of_several_cannot_be_renamed_all_are_as_before(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    replace, before = Path.replace, {"a": b"old"}

    def refused(self, target):
        if self.name == "b" and ".part" in self.parent.name:
            raise OSError(errno.EIO, "gone")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(UserError, match="does not answer"):
        replace_files({tmp_path / "a": b"new", tmp_path / "c": b"new", tmp_path / "b": b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_new_files_replace_nothing(tmp_path):
    (tmp_path / "b").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        replace_in_turn([(tmp_path / "a", b"new"), (tmp_path / "b", b"new")], is_new=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b": b"old"}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_all_is_on_the_disk_before_it_has_its_name(folder, monkeypatch, kind):
    done, fsync, replace = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("fsync"), fsync(file)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (done.append("rename"), replace(self, target)))
    with write_beside(folder / "new", needed) as part:
        write(part, kind)
    assert done == ["fsync", *(["fsync"] if kind == "folder" else []), "rename", "fsync"]
