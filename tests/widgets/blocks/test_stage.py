import pytest

from napari_emcad.io.sessions.file_names import FACTS_FILE, RUN_FILE
from napari_emcad.widgets.blocks.stage import TIPS, Stage, stage_of


@pytest.mark.parametrize(
    ("files", "stage"),
    [
        ([], Stage.NEW),
        ([RUN_FILE], Stage.UNFINISHED),
        ([FACTS_FILE], Stage.FINISHED),
        ([RUN_FILE, FACTS_FILE], Stage.FINISHED),
    ],
)
def test_files_tell_the_stage(tmp_path, files, stage):
    for name in files:
        (tmp_path / name).touch()
    assert stage_of(tmp_path) is stage


def test_no_folder_is_new(tmp_path):
    assert stage_of(None) is stage_of(tmp_path / "missing") is Stage.NEW


def test_each_stage_has_its_tip():
    assert set(TIPS) == set(Stage)
