"""Every kind of edit in a few words, as history and toast show it."""

from proofreading_hands import column

from napari_emcad.widgets.proofread.history_text import edit_text, history_line


def test_every_kind_of_edit_has_its_words(session):
    at, edits = session, session.session
    at.edit(lambda: edits.merge(1, 4, confirmed=True))
    at.edit(lambda: edits.detach(1))
    at.edit(lambda: edits.lock(at.neuron_at(column(1))))
    at.edit(lambda: edits.unlock(at.neuron_at(column(1))))
    at.edit(lambda: edits.decide(1, 2, "apart"))
    at.edit(lambda: edits.decide(1, 2, "of a later version"))
    at.edit(lambda: edits.note(column(2)))
    at.edit(lambda: edits.tick(7))
    at.edit(lambda: edits.set_threshold(0.25))
    at.edit(edits.undo)
    kept, alone = at.neuron_at(column(2)), at.neuron_at(column(1))
    assert [edit_text(row) for row in edits.log.rows] == [
        "merge 1 <- 4",
        f"detach 1 -> {alone}, {kept}" if alone == 1 else f"detach 1 -> {kept}, {alone}",
        f"done {alone}",
        f"not done {alone}",
        "review: two neurons",
        "review: of a later version",
        "to do 7",
        "to do 7 ticked off",
        "threshold 0.50 -> 0.25",
        "undo",
    ]


def test_a_walk_says_what_it_took_in_or_let_go_of(session):
    edits = session.session
    up = session.edit(lambda: edits.walk(1, True))
    down = session.edit(lambda: edits.walk(1, False))
    left = session.neuron_at(column(4))
    assert [edit_text(up), edit_text(down)] == ["grow 1 + 4", f"grow 1 - {left}"]


def test_of_many_neurons_three_are_named(session):
    edits = session.session
    session.edit(lambda: edits.set_threshold(0.05))
    row = session.edit(lambda: edits.merge_all(1, [2, 3, 4, 5, 6]))
    assert edit_text(row) == "merge 1 <- 2, 3, 4 and 2 more"


def test_the_history_says_what_is_undone(session):
    edits = session.session
    session.edit(lambda: edits.merge(1, 4, confirmed=True))
    session.edit(lambda: edits.note(column(2)))
    session.edit(edits.undo)
    assert list(edits.edits) == [1, 2]
    first, second = (history_line(edits, seq) for seq in (1, 2))
    assert (first.row.kind, first.is_in_force, second.row.kind, second.is_in_force) == ("merge", True, "note", False)
    assert first.words.endswith("  merge 1 <- 4") and second.words.endswith("  to do 2  (undone)")
    session.edit(edits.redo)
    assert history_line(edits, 2).is_in_force and list(edits.edits) == [1, 2]
