import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection, errors_of

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


def test_places_in_words():
    assert StackSelection("raw", "zyxc", 1, 0).places == ["channel 1", "time point 0"] and ANY.places == []


def test_errors_name_the_options_of_their_own_file():
    sentence = r"^choose one with --truth-time 0 to 4, or --truth-axes and --timely\.$"
    with pytest.raises(NotAStack, match=sentence), errors_of("truth"):
        raise NotAStack("choose one with --time 0 to 4, or --axes and --timely.")
