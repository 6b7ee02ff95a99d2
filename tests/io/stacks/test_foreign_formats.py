import gzip

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.foreign_formats import _FORMATS, is_foreign
from napari_emcad.io.stacks.stack import open_stack, stack_names


@pytest.mark.parametrize("ending", _FORMATS)
def test_the_format_and_a_way_to_convert_are_named(tmp_path, ending):
    path = tmp_path / f"a{ending.upper()}"
    path.write_bytes(bytes(2000))
    with pytest.raises(UserError) as error:
        open_stack(path)
    assert str(error.value) == (
        f"{path}: this is named as a {_FORMATS[ending].name}, which is not read; {_FORMATS[ending].remedy}."
    )
    assert stack_names(path) == []


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a.mrc.gz", "gunzip --keep"),
        ("a.tif.bz2", "bunzip2 --keep"),
        ("a.h5.xz", "unxz --keep"),
        ("a.zst", "zstd -d"),
        ("a.tar", "tar -xf"),
    ],
)
def test_a_packed_file_names_the_command(tmp_path, name, command):
    (tmp_path / name).write_bytes(gzip.compress(b"MAP"))
    with pytest.raises(UserError, match=rf'a packed file is not read; unpack it, {command} "{name}"\.$'):
        open_stack(tmp_path / name)


def test_folders_are_no_files(tmp_path):
    (tmp_path / "a.raw").mkdir()
    assert not is_foreign(tmp_path / "a.raw")
