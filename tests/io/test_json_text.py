import pytest

from napari_emcad.io.json_text import parse_json, read_json


@pytest.mark.parametrize("text", [b"", b"{", b"{ \xb3}", b"[" * 200_000, b'{"a":' * 200_000, "nothing"])
def test_what_is_no_json_is_one_error(tmp_path, text):
    with pytest.raises(ValueError):
        parse_json(text)
    if isinstance(text, bytes):
        (tmp_path / "a.json").write_bytes(text)
        with pytest.raises(ValueError):
            read_json(tmp_path / "a.json")


def test_a_mark_of_the_order_of_bytes_does_no_harm(tmp_path):
    (tmp_path / "a.json").write_text('{"a": "\u00b5"}', "utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": "\u00b5"}
