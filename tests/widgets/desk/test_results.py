"""The results in a viewer and the threshold over the last of them, without a window."""

import numpy as np
import pytest
from hearing import heard
from napari.components import ViewerModel

from napari_emcad.core.geometry import Box
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.results import Results
from napari_emcad.workers.segmentation import Cut, SegmentResult, cut_neurons

CUT = Cut(0.5)
"""Two neurons of three fragments each."""


@pytest.fixture
def viewer(stack):
    viewer = ViewerModel()
    viewer.add_image(stack, name="stack", scale=(40, 5, 6), translate=(400, 50, 60), units=("nm",) * 3)
    return viewer


@pytest.fixture
def results(viewer, loop):
    """Results of a viewer that hear of removed layers, as they do on the desk."""
    results = Results(viewer, loop)
    viewer.layers.events.removed.connect(lambda: results.forget_removed())
    yield results
    results.close()


def new_result(viewer, is_trial=False, **more) -> Result:
    source = viewer.layers["stack"]
    affinities = np.full((3, *source.data.shape), 255, np.uint8)
    return Result(source, Box.whole(source.data.shape), SegmentParameters(), affinities, is_trial, **more)


def output(drawn) -> SegmentResult:
    parameters = SegmentParameters(threshold=0.5)
    return SegmentResult(parameters, drawn, ModelCard(title="drawn"), cut_neurons(drawn, CUT), "CPU", "cpu", 1.0)


@pytest.fixture
def run(viewer, results, drawn):
    """Show a run from its start to its end."""

    def run(**more) -> Result:
        result = new_result(viewer, **more)
        results.begin(result, by_channel=False)
        results.progress(result, 3)
        results.finish(result, output(drawn))
        return result

    return run


def names(viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_a_run_from_affinities_to_neurons(viewer, results, drawn):
    changes = heard(results.changed)
    result = new_result(viewer)
    results.begin(result, by_channel=False)
    assert results.current is None and result.shown is None and result.label_layers == []
    assert names(viewer) == ["stack", "stack affinities"] and viewer.layers.selection.active.name == "stack"
    results.progress(result, 2)
    assert result.sections_done == 2
    results.finish(result, output(drawn))
    assert results.current is result and results.is_settled and len(changes) == 1
    assert names(viewer) == ["stack", "stack affinities", "stack fragments", "stack neurons"]
    assert not viewer.layers["stack fragments"].visible and not result.neuron_layer.editable
    np.testing.assert_array_equal(np.asarray(result.neuron_layer.data), drawn.labels(result.neurons.table))
    np.testing.assert_array_equal(np.asarray(result.fragment_layer.data), drawn.fragments)
    for layer in result.layers:
        np.testing.assert_allclose(layer.translate, (400, 50, 60))


def test_neurons_say_where_they_come_from(results, run):
    layer = run().neuron_layer
    stated = layer.metadata["provenance"]
    assert stated["model"] == "drawn" and stated["box"] == [[0, 0, 0], [3, 48, 64]]
    assert stated["parameters"]["threshold"] == 0.5
    results.cut(Cut(0.9, 7, "background"))
    of_cut = layer.metadata["provenance"]["parameters"]
    assert (of_cut["threshold"], of_cut["min_size"], of_cut["crumbs"]) == (0.9, 7, "background")


def test_the_next_run_hides_the_one_before_and_takes_its_place(viewer, results, run):
    first = run()
    second = new_result(viewer)
    results.begin(second, by_channel=True)
    assert not any(layer.visible for layer in first.layers)
    assert names(viewer)[1:4] == [f"stack affinities {axis}" for axis in "zyx"]
    assert all(layer.visible for layer in second.affinity_layers)
    assert results.current is first


@pytest.mark.parametrize(("is_edited", "left"), [(False, 1), (True, 2)])
def test_a_trial_goes_with_the_next_run_unless_it_was_edited(viewer, run, is_edited, left):
    trial = run(is_trial=True)
    trial.is_edited = is_edited
    run()
    assert sum(name.startswith("stack neurons") for name in names(viewer)) == left


@pytest.mark.parametrize("done", [0, 2])
def test_a_run_that_ends_early_keeps_its_sections_and_brings_the_neurons_from_before_back(viewer, results, run, done):
    first, second = run(), new_result(viewer)
    results.begin(second, by_channel=False)
    results.progress(second, done)
    results.end_early(second)
    left = [layer for layer in second.affinity_layers if layer in viewer.layers]
    assert first.neuron_layer.visible and not any(layer.visible for layer in left)
    assert [layer in viewer.layers for layer in second.affinity_layers] == [done > 0]
    assert results.current is first


def test_affinities_change_their_look_and_stay_hidden(viewer, results, run):
    result = run()
    result.affinity_layers[0].visible = False
    results.show_affinities(result, by_channel=True)
    assert names(viewer)[:4] == ["stack", *(f"stack affinities {axis}" for axis in "zyx")]
    assert not any(layer.visible for layer in result.affinity_layers)
    np.testing.assert_array_equal(np.asarray(result.affinity_layers[1].data), result.affinities[1])


def test_neurons_without_affinities_have_no_such_layer(viewer, results, drawn):
    result = new_result(viewer)
    result.affinities = None
    results.begin(result, by_channel=True)
    results.finish(result, output(drawn))
    assert names(viewer) == ["stack", "stack fragments", "stack neurons"]


def test_a_cut_that_is_fast_is_made_whole_at_once(results, run):
    result, changes = run(), heard(results.changed)
    results.cut(Cut(0.9))
    assert results.is_settled and result.neurons.cut == Cut(0.9) and len(changes) == 1
    assert len(result.neurons.sizes) == 1
    results.cut(Cut(0.9))
    assert len(changes) == 1


def test_a_cut_that_is_slow_is_made_whole_at_rest(results, run, loop, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.results.AT_ONCE", 0.0)
    result, changes = run(), heard(results.changed)
    results.cut(Cut(0.9, min_size=50))
    assert not results.is_settled and changes == []
    np.testing.assert_array_equal(result.view.table, result.segmentation.tree.cut(0.9))
    loop.rest()
    results.cut(Cut(0.05, min_size=50))  # moved on while the other one was found
    loop.settle()
    assert result.neurons.cut == Cut(0.05, min_size=50) and len(changes) == 1
    np.testing.assert_array_equal(result.view.table, result.segmentation.table(0.05, 50))


def test_repaints_that_are_slow_do_not_follow_the_slider(results, run, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.results.AT_ONCE", 0.0)
    monkeypatch.setattr("napari_emcad.widgets.desk.result_layers.FLUENT", 1e-9)
    result = run()
    repaints = []
    result.neuron_layer.events.set_data.connect(lambda _: repaints.append(result.view.table.max()))
    results.cut(Cut(0.9))
    assert repaints == [1]  # the first one says how slow they are
    results.cut(Cut(0.05))
    assert repaints == [1]
    assert len(np.unique(result.view.table)) == 7  # there all the same, once something else repaints


def test_edited_neurons_are_their_session_s_to_cut(results, run, loop):
    result = run()
    result.is_edited = True
    moving, wanted, before = heard(results.moving), heard(results.recut_wanted), result.neurons
    results.cut(Cut(0.9))
    assert moving == [(Cut(0.9),)] and wanted == [] and not results.is_settled
    loop.settle()
    assert wanted == [(Cut(0.9),)] and result.neurons is before


def test_edited_neurons_keep_their_layer(results, run, drawn):
    result = run()
    layer, view = result.neuron_layer, result.view
    shown = result.neurons.table.copy()
    shown[1:4] = 0
    edges = EditedGraph.of(drawn.graph)
    results.show_edited(result, drawn.fragments, edges, result.neurons, shown)
    assert result.view is view
    np.testing.assert_array_equal(np.asarray(layer.data), shown[drawn.fragments])
    others = drawn.fragments.copy()
    others[:, :9][others[:, :9] == 1] = 7
    results.show_edited(result, others, edges, result.neurons, np.append(result.neurons.table, 70_000))
    assert result.view is not view and result.neuron_layer is layer and result.segmentation.fragments is others
    assert layer.data[0, 6, 4] == 70_000 and result.fragment_layer.data[0, 6, 4] == 7


def test_another_table_for_a_moment(results, run, drawn):
    result, changes = run(), heard(results.changed)
    results.show_table(result, np.zeros_like(result.neurons.table))
    assert not np.asarray(result.neuron_layer.data).any() and changes == []


def test_what_is_found_in_a_job_is_not_settled(results, run, loop):
    run()
    ends = []

    def job():
        return 7
        yield

    results.find(job(), ends.append)
    assert not results.is_settled
    loop.settle()
    assert results.is_settled and [ended.result for ended in ends] == [7]


def test_layers_do_not_pile_up_from_run_to_run(viewer, results, run):
    for _ in range(20):
        run()
        run(is_trial=True)
    assert len(viewer.layers) == 7
    run()
    assert names(viewer) == ["stack", "stack affinities", "stack fragments", "stack neurons"]


def test_a_second_run_takes_over_the_layers_as_they_look(viewer, results, run):
    first = run()
    before = [*viewer.layers]
    first.neuron_layer.opacity, first.neuron_layer.contour = 0.9, 2
    first.affinity_layers[0].visible = False
    second = run()
    assert [*viewer.layers] == before and second.layers == before[1:]
    assert (second.neuron_layer.opacity, second.neuron_layer.contour) == (0.9, 2)
    assert not second.affinity_layers[0].visible and second.neuron_layer.visible
    np.testing.assert_array_equal(second.affinity_layers[0].data.affinities, second.affinities)
    np.testing.assert_array_equal(np.asarray(second.neuron_layer.data), np.asarray(second.view))


def test_a_truth_of_the_same_file_is_hidden_under_a_result(viewer, results, run, drawn):
    viewer.layers[0].metadata["source"] = "/data/both.h5"
    truth, other = (
        viewer.add_labels(np.ones((3, 48, 64), int), metadata={"source": source}, name=source)
        for source in ("/data/both.h5", "/data/mine.tif")
    )
    run()
    assert not truth.visible and other.visible
    truth.visible = True
    assert truth.visible, "it can be looked at"


def test_all_looks_as_before_after_a_run_that_ended_early(viewer, results, run):
    first = run()
    first.affinity_layers[0].visible = False
    before = {layer: layer.visible for layer in viewer.layers}
    for done in (0, 2):
        early = new_result(viewer)
        results.begin(early, by_channel=False)
        results.progress(early, done)
        results.end_early(early)
        assert {layer: layer.visible for layer in before} == before
        assert not any(layer.visible for layer in viewer.layers if layer not in before)


@pytest.mark.parametrize("why", ["edited", "renamed", "another box", "another stack"])
def test_neurons_that_a_person_may_want_stay(viewer, results, run, stack, drawn, why):
    first = run()
    if why == "edited":
        first.is_edited = True
    elif why == "renamed":
        first.neuron_layer.name = "mine"
    elif why == "another box":
        first.box = Box((0, 0, 0), (4, 48, 64))
    else:
        first.source = viewer.add_image(stack, name="other")
    run()
    assert all(layer in viewer.layers for layer in first.layers)
    run()
    assert all(layer in viewer.layers for layer in first.layers) and len(viewer.layers) == 7 + (why == "another stack")


def test_what_runs_that_were_stopped_have_left_goes_with_the_next(viewer, results, run):
    first = run()
    for _ in range(5):
        early = new_result(viewer)
        results.begin(early, by_channel=True)
        results.progress(early, 2)
        results.end_early(early)
        assert len(viewer.layers) == len(first.layers) + 4
    run()
    assert names(viewer) == ["stack", "stack affinities", "stack fragments", "stack neurons"]


def test_a_session_that_is_shown_anew_takes_its_own_place(viewer, results, run, tmp_path):
    shown = []
    for name in "aba":
        shown.append(run())
        shown[-1].is_edited, shown[-1].session_folder = True, tmp_path / name
    first, other, third = shown
    affinities, new = [*first.affinity_layers, *third.affinity_layers], new_result(viewer)
    results.take_over(new, tmp_path / "a")
    assert results.current is other and not any(layer in viewer.layers for layer in third.layers)
    assert new.affinity_layers == affinities and all(layer in viewer.layers for layer in affinities)


def test_removed_layers_are_forgotten(viewer, results, run):
    first = run()
    first.neuron_layer.name = "mine"
    second = run()
    changes = heard(results.changed)
    viewer.layers.remove(second.fragment_layer)
    viewer.layers.remove(second.affinity_layers[0])
    assert second.layers == [second.neuron_layer] and changes == []
    viewer.layers.remove(second.neuron_layer)
    assert results.current is first and len(changes) == 1
    results.cut(Cut(0.9))
    assert first.neurons.cut == Cut(0.9)
    viewer.layers.remove(first.neuron_layer)
    assert results.current is None
    results.cut(Cut(0.2))  # cuts nothing, breaks nothing


def test_closed_results_leave_the_layers(viewer, results, run):
    run()
    before = names(viewer)
    results.close()
    assert names(viewer) == before and results.current is None
