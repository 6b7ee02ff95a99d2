"""The adapter against waterz itself; no other test imports it."""

import copy
import dataclasses
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import waterz
import waterz._agglomerate
from drawings import drawn, membranes, uneven

from napari_emcad.core._waterz import COMPILED, Merges, waterz_merges
from napari_emcad.core.choices import DEFAULT_SCORING, SCORINGS
from napari_emcad.core.merge_tree import tree_of_merges
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import fragment_sizes

SHAPE = (4, 9, 12)


def fragments_in_blocks(shape=SHAPE, block=(1, 3, 2)):
    """1..n without gaps, a block each."""
    at = [np.arange(n) // b for n, b in zip(shape, block, strict=True)]
    places = np.ravel_multi_index(np.meshgrid(*at, indexing="ij"), [a[-1] + 1 for a in at])
    return (places + 1).astype(np.uint32)


def merged(affinities, fragments, scoring=DEFAULT_SCORING) -> Merges:
    return waterz_merges(drive(build_region_graph(affinities, fragments)), scoring)


def direct(affinities, fragments, scoring, threshold):
    """A run of waterz on the voxels, up to one threshold."""
    function, bins = COMPILED[scoring]
    values = affinities.astype(np.float32) / 255
    run = waterz.agglomerate(
        values, [threshold], fragments=fragments.astype(np.uint64), scoring_function=function, discretize_queue=bins
    )
    return next(run).copy()


def same_partition(one, other):
    """True if two labellings differ in nothing but names; 0 stays 0."""
    pairs = np.unique(np.stack([np.asarray(one).ravel(), np.asarray(other).ravel()]).astype(np.int64), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] and ((pairs == 0).sum(0) != 1).all()


@pytest.mark.parametrize("scoring", SCORINGS)
def test_every_scoring_comes_compiled(scoring, monkeypatch):
    def compiled(*_):
        pytest.fail(f"{scoring} is compiled on the user's machine")

    monkeypatch.setattr(waterz._agglomerate, "_jit_compile", compiled)
    merges = merged(uneven((3, 2, 3, 4)), np.arange(1, 25, dtype=np.uint32).reshape(2, 3, 4), scoring)
    assert len(merges.a) == 23


def test_the_published_scoring_is_the_default():
    assert tuple(COMPILED) == SCORINGS
    assert DEFAULT_SCORING in SCORINGS
    assert "HistogramQuantileAffinity<RegionGraphType, 50, ScoreValue, 256>" in COMPILED[DEFAULT_SCORING][0]


@pytest.mark.parametrize("scoring", ["mean", "quantile 50", "quantile 75"])
@pytest.mark.parametrize("seed", range(4))
def test_a_cut_of_the_history_equals_a_direct_run(scoring, seed):
    affinities, fragments = uneven((3, *SHAPE), seed=seed), fragments_in_blocks()
    if seed % 2:  # with voxels of no fragment
        fragments[uneven(SHAPE, seed=9) < 20] = 0
    tree = tree_of_merges(merged(affinities, fragments, scoring), fragment_sizes(fragments))
    counts = set()
    for threshold in (0.02, 0.05, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0):
        expected = direct(affinities, fragments, scoring, threshold)
        found = tree.cut(threshold)[fragments]
        assert same_partition(found, expected), threshold
        counts.add(len(np.unique(found)))
    assert len(counts) > 3


def test_the_graph_is_not_modified():
    graph = drive(build_region_graph(uneven((3, *SHAPE)), fragments_in_blocks()))
    before = copy.deepcopy(graph)
    assert len(waterz_merges(graph).a)
    for field in dataclasses.fields(graph):
        np.testing.assert_array_equal(getattr(graph, field.name), getattr(before, field.name))


def test_a_score_is_one_minus_the_mean_affinity():
    fragments = drawn("1122\n\n1122")
    affinities = np.zeros((3, 2, 1, 4), np.uint8)
    affinities[2, :, 0, 2] = 51, 153  # the two faces between 1 and 2
    affinities[1] = 77  # between no voxels
    merges = merged(affinities, fragments, "mean")
    assert sorted([merges.a[0], merges.b[0]]) == [1, 2]
    assert merges.score == pytest.approx([1 - 102 / 255])


def test_what_does_not_touch_is_not_merged():
    fragments = drawn("""
        11.22
        11.22
    """)
    merges = merged(np.full((3, 1, 2, 5), 255, np.uint8), fragments)
    assert [len(column) for column in merges] == [0] * 3
    assert [column.dtype for column in merges] == [np.uint32] * 2 + [np.float32]


def test_scores_do_not_exceed_one():
    merges = merged(membranes(drawn("1122")), drawn("1122"), "mean")
    assert not len(merges.a) or merges.score.max() <= 1


def test_nothing_is_printed(capfd):
    sys.stdout.write("before\n")
    merged(uneven((3, *SHAPE)), fragments_in_blocks())
    sys.stdout.write("after\n")
    assert capfd.readouterr() == ("before\nafter\n", "")


@pytest.mark.parametrize("stdout", ["", "sys.stdout = None; os.close(1)", "sys.stdout = None"])
def test_it_works_and_is_silent_with_and_without_a_standard_output(stdout):
    """A pipe keeps what C++ prints until it is flushed; a window started without a console has no output at all."""
    code = """
        import os, sys
        import numpy as np
        from napari_emcad.core._waterz import COMPILED, waterz_merges
        from napari_emcad.core.progress import drive
        from napari_emcad.core.region_graph import build_region_graph
        {stdout}
        graph = drive(build_region_graph(np.full((3, 1, 1, 2), 99, np.uint8), np.array([[[1, 2]]], np.uint32)))
        merges = waterz_merges(graph)
        sys.stderr.write(str(len(merges.a)))
    """
    code = textwrap.dedent(code).replace("{stdout}", stdout)
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.stderr) == ("", "1")


def test_standard_output_comes_back_after_an_error(capfd, monkeypatch):
    def failing(*_, **__):
        raise ValueError("broken")

    monkeypatch.setattr(waterz, "agglomerate", failing)
    with pytest.raises(ValueError, match="broken"):
        merged(uneven((3, *SHAPE)), fragments_in_blocks())
    sys.stdout.write("after\n")
    assert capfd.readouterr().out == "after\n"
