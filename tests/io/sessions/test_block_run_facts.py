import errno
import json

import pytest
from run_facts import RUN

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.sessions.block_files import BlockFiles, FoundSections
from napari_emcad.io.sessions.block_run_facts import begin_run, read_run, read_unfinished_run
from napari_emcad.io.sessions.lock import SessionLock


def stored(folder):
    """The run as it was begun; its folder adds the way to the stack."""
    return read_run(folder).model_copy(update={"relative_source": None})


def test_places():
    assert (RUN.place, RUN.voxel_size) == (Box((1, 2, 3), (9, 34, 67)), VoxelSize(40, 5, 6))
    assert (RUN.blocks.counts, RUN.groups.counts) == ((2, 2, 2), (1, 2, 1))
    assert RUN.extent == "8 x 32 x 64 voxels in 8 blocks"
    assert RUN.model_copy(update={"voxel_size_nm": None}).voxel_size is None


def test_sections_around_the_box_are_looked_at():
    """As far as they are paired with those of the box; slabs are as deep as blocks, and whole sections."""
    run = RUN.model_copy(update={"sections": "auto", "stack_shape": (11, 40, 80)})
    assert run.looked_at == range(11)
    assert (len(run.slabs), run.slabs.shape, run.slabs.size) == (3, (11, 40, 80), (4, 40, 80))
    deep = run.model_copy(update={"box": ((20, 2, 3), (28, 34, 67)), "stack_shape": (90, 40, 80)})
    assert deep.looked_at == range(16, 32)
    assert len(RUN.looked_at) == len(RUN.slabs) == 0


def test_runs_of_earlier_versions_use_sections_as_they_are(tmp_path):
    begin_run(tmp_path / "a.emcad", RUN)
    file = tmp_path / "a.emcad" / "run.json"
    fields = json.loads(file.read_text("utf-8"))
    del fields["sections"], fields["stack_shape"], fields["checksum"]
    file.write_text(json.dumps(fields), "utf-8")
    assert stored(tmp_path / "a.emcad") == RUN


def test_a_run_that_was_begun_goes_on(tmp_path):
    folder = tmp_path / "a.emcad"
    begin_run(folder, RUN)
    begin_run(folder, RUN)
    assert stored(folder) == RUN and read_unfinished_run(folder) == read_run(folder)
    assert [file.name for file in folder.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"model": "large", "model_sha256": "1" * 64},
            r"begun with another model \(small, not large\); run the command as it was",
        ),
        ({"block": (2, 16, 32)}, r"begun with another block \(\(4, 16, 32\), not \(2, 16, 32\)\)"),
        ({"parameters": {"scoring": "mean", "seed_sigma": 2}}, r"begun with another seed_sigma \(1\.5, not 2\)"),
        ({"sections": "auto"}, r"begun with another plan for the sections \(as-is, not auto\)"),
        ({"sections": {"shape": [9, 40, 80]}}, r"begun with another plan for the sections \(as-is, not another file\)"),
        ({"parameters": {"scoring": "mean"}}, r"begun with another seed_sigma \(1\.5, not None\)"),
    ],
)
def test_another_run_is_refused(tmp_path, change, sentence):
    begin_run(tmp_path / "a.emcad", RUN)
    files = BlockFiles(tmp_path / "a.emcad")
    files.create(RUN.place.shape, None)
    files.save_table("affinities", 0)
    with pytest.raises(UserError, match=sentence):
        begin_run(tmp_path / "a.emcad", RUN.model_copy(update=change))
    assert stored(tmp_path / "a.emcad") == RUN
    assert files.is_done("affinities", 0)


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ({"model": "large", "interpolates": False}, True),
        ({"fingerprint": "abd"}, False),
        ({"level_shape": (11, 20, 40)}, False),
        ({"box": ((1, 2, 3), (4, 34, 67))}, False),
        ({"sections": "as-is"}, False),
    ],
)
def test_another_run_takes_the_place_of_one_without_blocks(tmp_path, change, is_kept):
    """What was measured of its sections stays if the other would measure the same; what was made of it does not."""
    folder = tmp_path / "a.emcad"
    run = RUN.model_copy(update={"sections": "auto", "stack_shape": (11, 40, 80)})
    begin_run(folder, run)
    files = BlockFiles(folder)
    files.create(run.place.shape, None)
    files.save_table("sections", 0)
    files.write_found_sections(FoundSections("all good", SectionPlan.as_is((11, 40, 80))))
    other = run.model_copy(update=change)
    begin_run(folder, other)
    assert stored(folder) == other
    assert (files.is_done("sections", 0), files.found_sections) == (is_kept, None)
    assert not (folder / "affinities.zarr").exists()


def test_nobody_takes_the_place_of_a_run_that_another_program_is_at(tmp_path):
    begin_run(tmp_path / "a.emcad", RUN)
    lock = SessionLock(tmp_path / "a.emcad")
    with pytest.raises(UserError, match="it is open for reading only"):
        begin_run(tmp_path / "a.emcad", RUN.model_copy(update={"model": "large"}))
    lock.release()
    assert stored(tmp_path / "a.emcad") == RUN


def test_what_cannot_be_begun_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.io.put_in_place.os.fsync", full)
        with pytest.raises(UserError, match=r"a\.emcad: disk full; nothing was written"):
            begin_run(tmp_path / "a.emcad", RUN)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken(tmp_path):
    (tmp_path / "a.emcad").mkdir()
    (tmp_path / "a.emcad" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="this name is taken"):
        begin_run(tmp_path / "a.emcad", RUN)
    assert [file.name for file in (tmp_path / "a.emcad").iterdir()] == ["notes.txt"]


def test_a_folder_that_a_killed_program_left_empty_is_taken(tmp_path):
    (tmp_path / "a.emcad").mkdir()
    (tmp_path / "a.emcad" / "run.json.0f0f0f.part").write_text("{")
    begin_run(tmp_path / "a.emcad", RUN)
    assert stored(tmp_path / "a.emcad") == RUN
    assert [file.name for file in tmp_path.iterdir()] == ["a.emcad"]


def test_no_unfinished_run(tmp_path):
    with pytest.raises(UserError, match="nothing was begun there by blocks"):
        read_unfinished_run(tmp_path)
    begin_run(tmp_path / "a.emcad", RUN)
    (tmp_path / "a.emcad" / "session.json").write_text("{}")
    with pytest.raises(UserError, match="this session is finished"):
        read_unfinished_run(tmp_path / "a.emcad")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"program": "p"}'])
def test_a_damaged_file_is_one_sentence(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    for read in (read_run, read_unfinished_run, lambda folder: begin_run(folder, RUN)):
        with pytest.raises(UserError, match=r"run\.json: missing or damaged; remove .* and run the command again"):
            read(tmp_path)
