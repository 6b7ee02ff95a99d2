from itertools import product

import numpy as np
import pytest
import torch
from drawings import uneven
from toy_crops import squares
from training_runs import chosen, equal, fresh, run, timeless, weights

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.crop import Crop
from napari_emcad.training import defects
from napari_emcad.training.crops import Wanted, random_batch, random_views
from napari_emcad.training.defects import DEFECTS, SLIP, Sections, with_defects
from napari_emcad.training.losses import TEACHER_OFFSETS, cross_loss
from napari_emcad.training.params import FEW_DEFECTS, NO_DEFECTS, DefectChances
from napari_emcad.training.truth import Truth

SEEDS = range(16)
SHAPES = [(2, 33, 40), (5, 30, 41)]
KINDS = list(DEFECTS)


def distinct(shape=(5, 30, 41)):
    """Grey levels and labels that all differ, and a mask that goes with them; none may be written to."""
    labels = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) + 1
    image = (labels / labels.size).astype(np.float32)
    return locked(Sections(image, labels, labels % 5 > 0, np.ones(shape, bool)))


def neurons(shape=(4, 30, 41)):
    """Neurons of 7 x 5 pixels that go on through all sections, with holes."""
    _, y, x = np.indices(shape)
    labels = 1 + x // 5 + 100 * (y // 7)
    labels[uneven(shape, seed=1) < 10] = 0
    return locked(Sections(uneven(shape).astype(np.float32) / 255, labels, uneven(shape, seed=2) > 20, labels >= 0))


def locked(sections):
    for array in sections:
        array.flags.writeable = False
    return sections


def spoiled(kind, z, sections, seed):
    """The sections with one defect in one of them."""
    changed = Sections(*(a.copy() for a in sections))
    DEFECTS[kind](np.random.default_rng(seed), changed, z)
    return changed


def truth_of(sections):
    labels, known, seen = (torch.from_numpy(a)[None] for a in sections[1:])
    return Truth.of(labels, known, seen)


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_shapes_and_inputs_are_kept_and_a_seed_decides(kind, shape):
    sections = distinct(shape)
    before = [a.copy() for a in sections]
    chances = DefectChances(**{kind: 0.7})
    for seed in SEEDS:
        one, same = (with_defects(np.random.default_rng(seed), sections, chances) for _ in range(2))
        assert_same(one, same)
        assert [(a.dtype, a.shape) for a in one] == [(a.dtype, a.shape) for a in sections]
        assert 0 <= one.image.min() <= one.image.max() <= 1
        assert not any(np.shares_memory(a, b) for a, b in zip(one, sections, strict=True))
    assert_same(sections, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("z", [0, 2, 4])
def test_other_sections_stay(kind, z):
    sections = distinct()
    for seed in SEEDS:
        changed = spoiled(kind, z, sections, seed)
        assert (changed.image[z] != sections.image[z]).any()
        others = np.arange(5) < z if kind == "slipped" else np.arange(5) != z
        assert_same([a[others] for a in changed], [a[others] for a in sections])


def test_a_missing_section_has_one_grey_level_where_nothing_is_seen():
    sections, shares, levels = distinct(), [], set()
    for seed in range(60):
        changed = spoiled("missing", 1, sections, seed)
        lost = ~changed.seen[1]
        (level,) = set(changed.image[1][lost].tolist())
        rows, columns = lost.all(1), lost.all(0)
        assert lost.any()
        assert (lost == (rows[:, None] if rows.any() else columns[None])).all()  # whole rows, or whole columns
        assert np.abs(np.diff(rows.astype(int))).sum() + np.abs(np.diff(columns.astype(int))).sum() <= 1
        assert_same([a[1][~lost] for a in changed], [a[1][~lost] for a in sections])
        assert_same(changed[1:3], sections[1:3])
        shares.append(lost.mean())
        levels.add(level)
    assert 15 < shares.count(1) < 45
    assert {0, 1} < levels


def test_no_pair_with_a_missing_voxel_is_learnt_and_pairs_across_are():
    sections = neurons((5, 12, 14))
    for seed in SEEDS:
        changed = spoiled("missing", 2, sections, seed)
        truth = truth_of(changed)
        target = truth.target(TEACHER_OFFSETS)
        learnt = changed.seen & changed.known
        for c, offset in enumerate(TEACHER_OFFSETS):
            for voxel in product(*map(range, learnt.shape)):
                partner = tuple(v + o for v, o in zip(voxel, offset, strict=True))
                inside = all(0 <= p < n for p, n in zip(partner, learnt.shape, strict=True))
                assert target.known[(0, c, *voxel)] == (inside and learnt[voxel] and learnt[partner])
        across = TEACHER_OFFSETS.index((-2, 0, 0))
        assert target.known[0, across, 3].any()


def test_a_missing_voxel_is_not_learnt_from_a_teacher_either():
    generator = torch.Generator().manual_seed(0)
    changed = spoiled("missing", 1, neurons((3, 12, 14)), 0)
    student, teacher = (torch.rand(1, 3, p, 12, 14, generator=generator) for p in (2, 3))
    student.requires_grad_()
    cross_loss(student, teacher, seen=truth_of(changed).seen).backward()
    for c, offset in enumerate(NEAREST):
        for z, y, x in product(range(1, 3), range(12), range(14)):
            voxel = z, y, x
            partner = tuple(v + o for v, o in zip(voxel, offset, strict=True))
            heard = min(partner) >= 0 and changed.seen[voxel] and changed.seen[partner]
            assert (student.grad[0, c, z - 1, y, x] != 0) == heard
    everything = torch.ones(1, 3, 12, 14, dtype=torch.bool)
    assert cross_loss(student, teacher, seen=everything) == cross_loss(student, teacher)


@pytest.mark.parametrize("kind", ["pale", "blurred"])
def test_a_section_that_is_hard_to_see_keeps_its_labels(kind):
    sections = neurons()
    for seed in SEEDS:
        changed = spoiled(kind, 1, sections, seed)
        assert changed.image[1].std() < 0.62 * sections.image[1].std()
        assert_same(changed[1:], sections[1:])


def test_a_pale_section_keeps_the_order_of_its_grey_levels():
    for seed in SEEDS:
        assert (np.diff(spoiled("pale", 1, distinct(), seed).image[1].ravel()) >= 0).all()


def test_a_slipped_section_takes_its_labels_along():
    sections, shifts, moved_on = distinct((4, 60, 70)), set(), []
    for seed in range(80):
        changed = spoiled("slipped", 1, sections, seed)
        sources = changed.labels[1, 30, 35] - 1
        _, y, x = np.unravel_index(sources, sections.labels.shape)
        dy, dx = 30 - y, 35 - x
        moved_on.append(bool((changed.labels[2] != sections.labels[2]).any()))
        last = 3 if moved_on[-1] else 1
        assert_same([a[last + 1 :] for a in changed], [a[last + 1 :] for a in sections])
        for z in range(1, last + 1):
            for row, column in product(range(60), range(70)):
                there = row - dy, column - dx
                inside = 0 <= there[0] < 60 and 0 <= there[1] < 70
                expected = sections.known[z][there] if inside else False
                assert changed.known[z, row, column] == expected
                if inside:
                    assert changed.labels[z, row, column] == sections.labels[z][there]
            np.testing.assert_array_equal(np.rint(changed.image[z] * changed.labels.size), changed.labels[z])
        shifts |= {int(dy), int(dx)}
    assert max(shifts) <= SLIP
    assert min(shifts) >= -SLIP
    assert len(shifts) > SLIP
    assert 20 < sum(moved_on) < 60


def test_what_is_missing_moves_with_a_section_that_slips():
    for seed in SEEDS:
        lost = spoiled("missing", 1, distinct(), seed)
        slipped = spoiled("slipped", 1, lost, seed + 100)
        assert set(slipped.image[1][~slipped.seen[1]].tolist()) == set(lost.image[1][~lost.seen[1]].tolist()) or (
            slipped.seen[1].all()
        )


def test_a_wrong_section_is_mirrored_or_turned_with_its_labels():
    sections, seen = distinct(), set()
    for seed in SEEDS:
        changed = spoiled("wrong", 2, sections, seed)
        flips = {axes: np.flip(sections.image[2], axes) for axes in ((0,), (1,), (0, 1))}
        (axes,) = [axes for axes, image in flips.items() if (image == changed.image[2]).all()]
        np.testing.assert_array_equal(changed.known[2], np.flip(sections.known[2], axes))
        seen.add(axes)
    assert len(seen) == 3


def test_a_wrong_section_belongs_to_no_neuron_of_another():
    sections = neurons()
    for seed in SEEDS:
        changed = spoiled("wrong", 2, sections, seed)
        for z, y, x in product((0, 1, 3), range(30), range(41)):
            assert changed.labels[2, y, x] != changed.labels[z, y, x] or changed.labels[2, y, x] == 0


def test_within_a_wrong_section_affinities_are_its_own():
    sections = neurons()
    for seed in SEEDS:
        changed = spoiled("wrong", 2, sections, seed)
        (axes,) = [a for a in ((0,), (1,), (0, 1)) if (np.flip(sections.image[2], a) == changed.image[2]).all()]
        mirrored = np.flip(sections.labels[2], axes)
        for y, x in product(range(1, 30), range(1, 41)):
            here, there, other = (changed.labels[2, y, x], changed.labels[2, y - 1, x], changed.labels[2, y, x - 1])
            assert (here == 0) == (mirrored[y, x] == 0)
            assert (here == there) == (mirrored[y, x] == mirrored[y - 1, x])
            assert (here == other) == (mirrored[y, x] == mirrored[y, x - 1])


@pytest.mark.parametrize("kind", ["pale", "blurred", "slipped", "wrong"])
def test_affinities_around_a_defect_are_of_what_lies_on_each_other(kind):
    """To the section before it and from the one after it: no pair is passed over but unknown ones."""
    for seed in SEEDS:
        changed = spoiled(kind, 1, neurons(), seed)
        truth = truth_of(changed)
        labels = truth.labels[0].numpy()
        affinities, known = (values[0, 0].numpy() for values in truth.target([(-1, 0, 0)]))
        np.testing.assert_array_equal(affinities[1:], (labels[1:] == labels[:-1]) & (labels[1:] > 0))
        np.testing.assert_array_equal(known[1:], changed.known[1:] & changed.known[:-1])
        if kind != "slipped":  # one may slip so far that nothing known is left of it
            joined = [affinities[z][known[z]].any() for z in (1, 2, 3)]
            assert joined == ([False, False, True] if kind == "wrong" else [True] * 3)


@pytest.mark.parametrize("mode", ["student", "frozen-teacher", "joint", "teacher", "distil"])
def test_every_mode_is_shown_the_defects_that_its_parameters_name(mode, monkeypatch):
    shown, given = [], DefectChances(slipped=0.5)

    def remembered(rng, block, chances):
        shown.append(chances)
        return block

    monkeypatch.setattr("napari_emcad.training.crops.with_defects", remembered)
    run(fresh(chosen(mode)), 1, chosen(mode, defects=given))
    assert set(shown) == {given}
    shown.clear()
    run(fresh(chosen(mode)), 1, chosen(mode, augmentation="full"))
    assert set(shown) == {FEW_DEFECTS}


def test_ids_stay_apart_however_large_and_however_many_sections_are_wrong():
    sections = distinct((12, 8, 9))
    sections = sections._replace(labels=sections.labels + 2**53)
    changed = with_defects(np.random.default_rng(0), sections, DefectChances(wrong=1))
    assert len(np.unique(changed.labels)) == changed.labels.size
    assert changed.labels.min() > 2**53


def test_kinds_are_drawn_by_their_chances_and_a_section_has_one(monkeypatch):
    called = []
    for kind in KINDS:
        monkeypatch.setitem(DEFECTS, kind, lambda rng, sections, z, kind=kind: called.append((kind, z)))
    chances = DefectChances(missing=0.05, pale=0.1, blurred=0.15, slipped=0.2, wrong=0.25)
    rng, n = np.random.default_rng(0), 600
    for _ in range(n):
        start = len(called)
        with_defects(rng, distinct((4, 2, 3)), chances)
        places = [z for _, z in called[start:]]
        assert places == sorted(set(places))
    for kind in KINDS:
        assert [k for k, _ in called].count(kind) / (4 * n) == pytest.approx(getattr(chances, kind), abs=0.03)
    assert set(KINDS) == set(DefectChances.model_fields)


def blocks(chances, seed=5, shape=(3, 32, 32), n=8):
    crop = squares((6, 90, 90))
    rng = np.random.default_rng(seed)
    return random_batch(rng, [crop], Wanted(n, shape, shape, defects=chances)), rng.random(3).tolist()


def test_blocks_without_a_defect_are_those_of_before():
    """What the generator draws after a batch is the same, too."""
    (plain, after), (some, same), (again, _) = blocks(NO_DEFECTS), blocks(FEW_DEFECTS), blocks(FEW_DEFECTS)
    assert after == same
    assert_same(some, again)
    differ = [not torch.equal(a, b) for a, b in zip(plain.images, some.images, strict=True)]
    assert 0 < sum(differ) < len(differ)
    assert plain.seen.all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_block_of_a_batch_is_spoiled_by_itself(kind):
    (plain, _), (some, _) = blocks(NO_DEFECTS), blocks(DefectChances(**{kind: 1}))
    assert all((a != b).any() for a, b in zip(plain.images, some.images, strict=True))
    assert [t.dtype for t in some] == [torch.float32, torch.int64, torch.bool, torch.bool]
    assert some.seen.all() == (kind != "missing")


def test_uncorrected_sections_are_shown_without_defects():
    crop, shape = Crop(np.full((4, 70, 70), 120, np.uint8), np.zeros((4, 70, 70), np.uint8)), (2, 32, 32)
    one, other = (
        random_views(np.random.default_rng(1), [crop], Wanted(4, shape, shape, defects=chances))
        for chances in (NO_DEFECTS, DefectChances(missing=1))
    )
    for a, b in zip(one.first, other.first, strict=True):
        np.testing.assert_array_equal(a.image, b.image)


@pytest.mark.parametrize("mode", ["student", "joint", "teacher"])
@pytest.mark.parametrize("augmentation", ["light", "full"])
def test_without_a_chance_a_run_is_that_of_before(mode, augmentation, monkeypatch):
    monkeypatch.setattr("napari_emcad.training.crops.with_defects", None)
    wanted = chosen(mode, steps=20, augmentation=augmentation, defects=NO_DEFECTS)
    given = [wanted, wanted.model_copy(update={"defects": None})][: 2 if augmentation == "light" else 1]
    runs = []
    for parameters in given:
        state = fresh(parameters)
        runs.append((timeless(run(state, 20, parameters)), [weights(state, name) for name in state.networks]))
    for steps, learnt in runs[1:]:
        assert steps == runs[0][0]
        assert all(map(equal, learnt, runs[0][1]))


@pytest.mark.parametrize("mode", ["student", "frozen-teacher", "joint", "teacher", "distil"])
def test_where_all_is_missing_nothing_is_learnt(mode, monkeypatch):
    def lose_all(rng, sections, z):
        sections.image[z], sections.seen[z] = 0.5, False

    monkeypatch.setitem(defects.DEFECTS, "missing", lose_all)
    parameters = chosen(mode, defects=DefectChances(missing=1))
    steps = run(fresh(parameters), 2, parameters)
    assert [step.loss for step in steps] == [0, 0]
    assert run(fresh(parameters), 1, chosen(mode))[0].loss > 0


@pytest.mark.parametrize("mode", ["student", "frozen-teacher", "joint", "teacher", "distil"])
@pytest.mark.parametrize("loss", ["mse", "malis"])
def test_every_mode_learns_from_sections_with_defects(mode, loss):
    parameters = chosen(
        mode, loss=loss, defects=DefectChances(missing=0.2, pale=0.2, blurred=0.2, slipped=0.2, wrong=0.2)
    )
    one, other = fresh(parameters), fresh(parameters)
    steps = run(one, 4, parameters)
    assert all(np.isfinite(step.loss) for step in steps)
    assert timeless(run(other, 4, parameters)) == timeless(steps)
    assert all(equal(weights(one, name), weights(other, name)) for name in one.networks)
