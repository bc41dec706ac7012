"""`stepsize convert`: a schedule or a config in every form."""

import json

from stepsize import from_dict, parse

TEXT = "Linear(0.0, 0.3, 4) >> Cosine(0.3, 0.03, 6)"


def test_a_schedule_is_written_as_its_text_and_as_json(typed, tmp_path):
    assert typed("convert", 'Linear(0, 0.3, "40%") >> Cosine(0.3, 0.03, "rest")', "--to", "text", "--steps", 10) == (
        0,
        f"{TEXT}\n",
        "",
    )
    done = typed("convert", TEXT, "--to", "json", "--out", "plan.json")
    assert done == (0, "plan.json\n", "")
    assert from_dict(json.loads((tmp_path / "plan.json").read_text())) == parse(TEXT)
    assert typed("convert", "plan.json", "--to", "text").stdout == f"{TEXT}\n"


def test_what_cannot_be_written_is_refused_in_words(refused):
    assert 'did you mean "text"' in refused("convert", TEXT, "--to", "txt")
    assert "--to must be given; write --to FORM" in refused("convert", TEXT)
    assert "there is no folder nowhere" in refused("convert", TEXT, "--to", "text", "--out", "nowhere/a.txt")
    assert "there is no file a.json" in refused("convert", "a.json", "--to", "text")
