import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

PLACES = st.none() | st.integers(0, 99)


@given(
    st.none() | st.sampled_from(["raw", "volumes/raw", "a [b]", "8_8_40"]), st.none() | st.just("zyxc"), PLACES, PLACES
)
def test_text_brings_a_selection_back(dataset, axes, channel, time):
    selection = StackSelection(dataset, axes, channel, time)
    assert StackSelection.parse(str(selection)) == selection


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_selects_what_is_found(text):
    assert StackSelection.parse(text) == ANY


def test_the_name_that_was_found_goes_into_the_text():
    assert StackSelection(channel=1).named("raw") == "raw[c=1]"
    assert ANY.named(None) is None


@pytest.mark.parametrize("text", ["raw[c=one]", "raw[d=1]", "raw[c=1,t]"])
def test_what_cannot_be_understood(text):
    with pytest.raises(UserError, match="dataset: "):
        StackSelection.parse(text)
