from napari_emcad.blocks.pool import InTurn


def test_tasks_are_done_one_after_the_other(tmp_path):
    done, pool = [], InTurn()
    steps = []
    for step in pool.run("fragments", lambda folder, number: done.append((folder, number)), tmp_path, [3, 0, 7]):
        steps.append((step.stage, step.done, step.total, len(done)))
    assert done == [(str(tmp_path), number) for number in (3, 0, 7)]
    assert steps == [("fragments", n, 3, n) for n in range(4)]
    assert pool.dashboard is None


def test_nothing_left_is_one_step(tmp_path):
    assert [(p.done, p.total) for p in InTurn().run("fragments", print, tmp_path, [])] == [(0, 0)]
