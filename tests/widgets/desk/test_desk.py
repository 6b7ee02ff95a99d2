"""One desk for each viewer, without a window."""

from hearing import heard


def names(desk) -> list[str]:
    return [layer.name for layer in desk.viewer.layers]


def test_two_desks_share_nothing(new_desk, loop, stack):
    one, two = new_desk(), new_desk()
    one.viewer.add_image(stack, name="first")
    two.viewer.add_image(stack[:2], name="second")
    one.runs.run()
    two.runs.run()
    loop.settle()
    assert "first neurons" in names(one) and "first neurons" not in names(two)
    assert two.results.current.view.shape == (2, 48, 64)
    before = one.results.current.neurons.cut
    two.threshold.move(0.2)
    loop.settle()
    assert two.results.current.neurons.cut.threshold == 0.2 and one.results.current.neurons.cut == before


def test_a_closed_desk_hears_nothing(new_desk, stack):
    desk = new_desk()
    desk.viewer.add_image(stack)
    desk.runs.run()
    desk.close()
    assert not desk.jobs.running
    changes = heard(desk.layers_changed)
    desk.viewer.add_image(stack, name="later").name = "renamed"
    assert desk.stack.layer is None or desk.stack.layer.name != "renamed"
    assert changes == []


def test_the_desk_follows_the_layers_of_its_viewer(desk, stack):
    changes = heard(desk.layers_changed)
    layer = desk.viewer.add_image(stack, name="stack")
    assert desk.stack.layer is layer and desk.stack.facts and changes
    offers = heard(desk.stack.pick.offers_changed)
    layer.name = "other"
    assert offers, "the dock shows its new name"
    desk.viewer.layers.remove(layer)
    assert desk.stack.layer is None


def test_what_is_known_of_device_and_model(desk):
    assert desk.device.device is not None and desk.model.card.title == "tiny"
    assert desk.threshold.value == 0.45, "the card's"
