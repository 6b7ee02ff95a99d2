"""Messages in a pipe: whole, cut off, and among what others print."""

from io import BytesIO

import numpy as np
import pytest

from napari_emcad.workers.frames import ChildMessage, pack_key, read_messages, unpack_key, write_message

GREY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
MESSAGES = [
    ChildMessage("progress", {"stage": "ä\n", "done": 3}),
    ChildMessage("piece", {"name": "grey"}, GREY[:, ::-1, 1:]),
    ChildMessage("piece", {}, np.zeros((0, 2), bool)),
    ChildMessage("piece", {}, np.array(2.5)),
    ChildMessage("done"),
]


def written(messages=MESSAGES) -> bytes:
    pipe = BytesIO()
    for message in messages:
        write_message(pipe, message)
    return pipe.getvalue()


def test_messages_come_out_as_they_go_in():
    for found, message in zip(read_messages(BytesIO(written())), MESSAGES, strict=True):
        assert (found.kind, found.content) == (message.kind, message.content)
        if message.array is None:
            assert found.array is None
        else:
            np.testing.assert_array_equal(found.array, message.array)
            assert (found.array.dtype, found.array.shape) == (message.array.dtype, message.array.shape)


def test_cut_off_anywhere_only_whole_messages_come_out():
    whole = written(MESSAGES[:2])
    first = len(written(MESSAGES[:1]))
    for length in range(len(whole)):
        found = list(read_messages(BytesIO(whole[:length])))
        assert len(found) == (length >= first - 1), length  # the end of the line alone says nothing new


@pytest.mark.parametrize("garbage", [b"hello", b"3", b'{"a": 1}', b"\xff\x00", b"[]", b'{"kind": 1', b""])
def test_what_others_print_is_passed_over(garbage):
    heard, pipe = [], BytesIO(garbage + b"\n" + written() + garbage + b"\n" + written(MESSAGES[:1]))
    assert [m.kind for m in read_messages(pipe, heard.append)] == [m.kind for m in [*MESSAGES, MESSAGES[0]]]
    assert heard == [garbage + b"\n"] * 2


@pytest.mark.parametrize(
    "key",
    [1, slice(None), (np.int64(1), slice(0, 2)), (..., slice(None, None, -1)), (slice(1), 2, slice(-2, None)), ...],
)
def test_indices_come_out_as_they_go_in(key):
    np.testing.assert_array_equal(GREY[unpack_key(pack_key(key))], GREY[key])


def test_other_indices_are_refused():
    with pytest.raises(TypeError):
        pack_key((np.array([1, 2]), slice(None)))


def test_objects_are_refused():
    with pytest.raises(TypeError):
        write_message(BytesIO(), ChildMessage("piece", {}, np.array([None, 1])))
