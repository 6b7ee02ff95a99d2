from napari_emcad.io.sessions.facts import SessionFacts


def test_facts_of_a_provenance():
    parameters = {"threshold": 0.25, "min_size": 7, "scoring": "mean"}
    provenance = {
        "program": "p",
        "model": "m",
        "model_sha256": "s",
        "parameters": parameters,
        "box": [[0, 1, 2], [3, 4, 5]],
    }
    facts = SessionFacts.of({**provenance, "source": "stack.tif"}, None)
    assert (facts.threshold, facts.min_size, facts.parameters, facts.model) == (0.25, 7, parameters, "m")
    assert (facts.box, facts.source, facts.voxel_size) == (((0, 1, 2), (3, 4, 5)), "stack.tif", None)
