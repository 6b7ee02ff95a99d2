from pathlib import Path

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.networks.replace_files import replace_files


def test_files_are_replaced_and_nothing_else_stays(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    replace_files({tmp_path / "a": b"new a", tmp_path / "b": b"new b"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new a", "b": b"new b"}


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    write = Path.open

    def full(self, *args):
        if self.name == "b.part":
            raise OSError(28, "No space left on device")
        return write(self, *args)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"b could not be written \(No space left on device\); choose another place\.$"):
        replace_files({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize("place", ["none/a", "file/a", ""])
def test_a_place_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="could not be written"):
        replace_files({tmp_path / place: b"new"})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
