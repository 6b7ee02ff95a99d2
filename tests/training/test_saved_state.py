from dataclasses import replace

import pytest
import torch
from training_runs import (
    AFFINITIES,
    EMBEDDINGS,
    FULL,
    chosen,
    equal,
    fresh,
    run,
    weights,
)

from napari_emcad.core.errors import UserError


def test_a_save_that_is_killed_leaves_the_previous_state(tmp_path, monkeypatch):
    state, path = fresh(), tmp_path / "state.pt"
    state.step = 7
    state.save(path)

    def killed(content, file):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    state.step = 8
    with pytest.raises(KeyboardInterrupt):
        state.save(path)
    monkeypatch.undo()
    kept = fresh()
    kept.load(path)
    assert kept.step == 7
    state.save(path)
    kept.load(path)
    assert kept.step == 8


@pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_and_leaves_the_previous_state(tmp_path, monkeypatch):
    state, path = fresh(), tmp_path / "state.pt"
    state.step = 7
    state.save(path)
    full = tmp_path / "state.pt.part"
    full.symlink_to(FULL)
    monkeypatch.setattr("napari_emcad.io.atomic.part_of", lambda _: full)
    state.step = 8
    with pytest.raises(UserError, match=r"state\.pt: disk full, about 1 MB are needed; nothing was written"):
        state.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]
    kept = fresh()
    kept.load(path)
    assert kept.step == 7


def test_a_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(UserError, match=r"cannot be written, the folder .* does not exist"):
        fresh().save(tmp_path / "gone" / "state.pt")


def test_a_file_that_is_no_state_is_told(tmp_path):
    state, file = fresh(), tmp_path / "state.pt"
    state.save(file)
    good = torch.load(file)
    cut = file.read_bytes()[:-100]
    contents = [b"", b"no state", b"PK\x03\x04", cut, {"step": 3}, 3, [good], {"networks": 3}]
    contents += [good | {"step": "x"}, good | {"rotation": 3}]
    contents += [good | {"optimiser": 3}, good | {"means": {}}, good | {"networks": {"student": {}}}]
    files = [tmp_path / f"{i}.pt" for i in range(len(contents))]
    for one, content in zip(files, contents, strict=True):
        one.write_bytes(content) if isinstance(content, bytes) else torch.save(content, one)
    fresh(chosen("teacher")).save(tmp_path / "other.pt")
    for file in [*files, tmp_path / "other.pt", tmp_path / "missing.pt"]:
        with pytest.raises(UserError, match=r"this is no state of such a run; move it away to start anew\.$"):
            state.load(file)
    assert state.step == 0


def test_the_average_follows_the_student_and_is_a_copy():
    state = fresh()
    before = weights(state)
    run(state, 4)
    average = state.averaged("student")
    assert not average.training
    name = "inc.conv.conv.0.weight"
    start, now, mean = before[name], weights(state)[name], average.state_dict()[name]
    assert (mean - now).abs().sum() < (start - now).abs().sum()
    assert not torch.equal(mean, now)
    kept = mean.clone()
    run(state, 1)
    assert torch.equal(average.state_dict()[name], kept)


def test_before_the_first_step_the_average_is_the_network():
    state = fresh(chosen("joint"))
    for name in state.networks:
        assert equal(state.averaged(name).state_dict(), weights(state, name))


@pytest.mark.parametrize(
    ("teacher", "grafted"),
    [(EMBEDDINGS, True), (AFFINITIES, False), (replace(EMBEDDINGS, outputs=5), False)],
    ids=["embeddings", "affinities", "other embeddings"],
)
def test_grafting_needs_embeddings_of_one_length(teacher, grafted):
    for mode in ("frozen-teacher", "joint"):
        state = fresh(chosen(mode), teacher)
        assert ("interaction" in state.objective.weights(0)) == grafted
        (step,) = run(state, 1, chosen(mode))
        assert ("interaction" in step.parts) == grafted
        assert step.parts["cross"] > 0


def test_networks_stand_in_one_order_and_change_modes_together():
    state = fresh(chosen("restore"))
    assert state.names == state.learning == ["student", "head"]
    frozen = fresh(chosen("frozen-teacher"))
    assert (frozen.names, frozen.learning) == (["student", "teacher"], ["student"])
    frozen.train_mode()
    assert [frozen.networks[name].training for name in frozen.names] == [True, False]
    frozen.eval_mode()
    assert not any(frozen.networks[name].training for name in frozen.names)
