from graphs import LINE, session

from napari_emcad.proofreading.hand_work import read_hand_work


def hand_work(at):
    return read_hand_work(at.state, at.rows_in_force)


def test_merges_and_groups_in_force_are_joins(tmp_path):
    at = session(LINE, tmp_path, threshold=0.0)
    at.merge(1, 2)
    at.merge_all(3, [4, 1])
    at.lock(3)
    assert hand_work(at).joins == ((1, 2), (3, 4), (3, 1))
    assert [fragments.tolist() for fragments in hand_work(at).sides] == [[1], [2], [3], [4], [1, 2]]
    at.undo(3)
    at.undo()
    assert hand_work(at).joins == ((1, 2),)


def test_a_fragment_that_was_parted_is_found_again_by_the_voxel_clicked(tmp_path):
    at = session(LINE, tmp_path, threshold=0.0)  # ten voxels in a row for each fragment
    at.merge(1, 2, voxels=[(0, 0, 8), (0, 0, 12)])
    at.merge(4, 3, confirmed=True)  # without voxels: the fragment itself
    at.split_fragment([(0, 0, 1)], [(0, 0, 8)])
    far = int(at.state.base.fragments[0, 0, 8])
    found = hand_work(at)
    assert far != 1 and found.joins == ((far, 2), (4, 3))
    assert [parting.fragment for parting in found.partings] == [1]
