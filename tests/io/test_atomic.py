import errno
import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import remove_parts, replace_files, write_beside, write_then_rename, write_together


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
        (errno.EDQUOT, "disk full, about 13 MB are needed; .* use another disk"),
        (errno.EACCES, "there is no permission to write in .*; choose another folder"),
        (errno.EROFS, "there is no permission to write in .*; choose another folder"),
        (errno.EIO, "could not be written .*; nothing was written, try another folder"),
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


def test_what_killed_programs_have_left_is_removed(folder):
    before = contents(folder)
    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_emcad.io.atomic._remove", lambda _: None)
        for name, kind in (("new.txt", "file"), ("new.zarr", "folder")):
            with suppress(RuntimeError), write_beside(folder / name, needed) as part:
                write(part, kind)
                raise RuntimeError
        raise KeyboardInterrupt
    assert len(contents(folder)) == len(before) + 2
    remove_parts(folder)
    assert contents(folder) == before
