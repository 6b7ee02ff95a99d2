from pathlib import Path

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.locations import Url, parse_location


@pytest.mark.parametrize("text", ["em.zarr", "/data/em.zarr", "C:/data/em.tif"])
def test_a_path_is_a_path(text):
    assert parse_location(text) == parse_location(Path(text)) == Path(text)


def test_a_file_url_is_a_path(tmp_path):
    assert parse_location((tmp_path / "a b.zarr").as_uri()) == tmp_path / "a b.zarr"


@pytest.mark.parametrize(
    "text", ["s3://bucket/em.zarr", "https://host:80/x/em.zarr", "memory://em.zarr", "precomputed://gs://b/em.zarr"]
)
def test_a_url_stays_as_it_is(text):
    url = parse_location(text)
    assert (str(url), url.name, url.stem, url.absolute()) == (text, "em.zarr", "em", url)
    assert parse_location(url) is url
    assert parse_location(f"{text}/") == url
    assert url.is_precomputed == text.startswith("precomputed")


@pytest.mark.parametrize("text", ["abfs://container@account.dfs.core.windows.net/em.zarr", "ssh://me@host/em.zarr"])
def test_a_name_before_the_host_is_no_secret_where_it_is_no_token(text):
    assert parse_location(text) == Url(text)


@pytest.mark.parametrize(
    "before", ["", "precomputed://", "simplecache::", "zip://em.zarr::", "zarr://", "n5://zarr://"]
)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@host/em.zarr", "https://host/em.zarr"),
        ("https://secret@host/em.zarr", "https://host/em.zarr"),
        ("ssh://me:secret@host:22/em.zarr", "ssh://host:22/em.zarr"),
        ("s3://key:secret@bucket/em.zarr", "s3://bucket/em.zarr"),
        ("https://host/em.zarr?X-Amz-Signature=secret", "https://host/em.zarr"),
        ("https://host/em.zarr#token=secret", "https://host/em.zarr"),
        ("https://host/em.zarr;sig=secret", "https://host/em.zarr"),
        ("https://host/em.zarr;sig=secret/0", "https://host/em.zarr"),
        ("s3://secret@bucket/em.zarr", "s3://bucket/em.zarr"),
        ("ftp://secret@host/em.zarr", "ftp://host/em.zarr"),
        ("https://host/em.zarr?sig=a@secret", "https://..."),
        ("HTTPS://me:secret@host/em.zarr", "HTTPS://host/em.zarr"),
    ],
)
def test_secrets_are_refused_and_not_repeated(before, text, shown):
    with pytest.raises(UserError) as caught:
        parse_location(before + text)
    assert str(caught.value).startswith(f"{shown}: a URL without user, password, token or signature is needed")
    assert "secret" not in str(caught.value)
    assert "in the environment" in str(caught.value)


def test_no_address():
    with pytest.raises(UserError, match=r"URL: an address such as https://host/em\.zarr is needed"):
        parse_location("https://[host/em.zarr")


@pytest.mark.parametrize("text", ["key:secret/em.zarr", "key:sec/secret@b/em.zarr", "key:a?secret@b/em.zarr"])
def test_a_word_after_a_colon_is_no_port(text):
    with pytest.raises(UserError, match="check it") as caught:
        parse_location(f"s3://{text}")
    assert "secret" not in str(caught.value)
