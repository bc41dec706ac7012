"""Errors as data: their fields, the words of each reader, several problems at once, and pickling."""

import copy
import pickle
from pathlib import Path

import pytest

import stepsize as ss
from stepsize.descent import Adam, descend
from stepsize.errors import (
    ArgumentError,
    DamagedStoreError,
    DataError,
    MissingExtraError,
    ParseError,
    StepsizeError,
    Words,
    concerning,
    distinct_texts,
    first_few,
    gathered,
    name_and_item,
    one_line,
    quoted,
    raise_together,
)


class Shouting(Words):
    """Words of a made-up reader."""

    def argument(self, owner: str, name: str) -> str:
        return name.upper()

    def value(self, value: object) -> str:
        return f"<{value}>"


def test_an_argument_error_has_its_parts():
    with pytest.raises(ArgumentError) as caught:
        ss.Linear(0, 1, 0)
    error = caught.value
    assert (error.owner, error.argument, error.rule, error.value) == (
        "Linear",
        "steps",
        "a whole number of at least 1",
        0,
    )
    assert str(error) == "Linear(steps=...) must be a whole number of at least 1, got 0"
    assert error.message(Shouting()) == "STEPS must be a whole number of at least 1, got <0>"


def test_a_path_is_shown_whole_so_that_it_can_be_copied_and_another_value_is_cut():
    long = "folder/" * 30 + "runs.csv"
    of_a_path, of_a_text = (str(ArgumentError("f", "x", "short", value)) for value in (Path(long), long))
    assert of_a_path.endswith(f"got {long}")
    assert of_a_text.endswith("folder/...")


def test_advice_names_arguments_in_the_words_of_the_reader():
    error = DataError("the log has no rates", "give {schedule} or {steps}", schedule=..., steps=10)
    assert str(error) == "the log has no rates; give schedule=... or steps=10"
    assert error.message(Shouting()) == "the log has no rates; give schedule=... or steps=<10>"


def test_all_bad_arguments_of_a_call_are_reported_together():
    with pytest.raises(ArgumentError) as caught:
        ss.Linear("a", 1, 2.5)
    assert [each.argument for each in (caught.value, *caught.value.others)] == ["start", "steps"]
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("steps", ("steps", None)),
        ("seeds[1]", ("seeds", 1)),
        ('schedules["it\'s [x]"]', ("schedules", "it's [x]")),
        ("points[0][1]", ("points", "0][1")),
        ("lr[head]", ("lr", "head")),
    ],
)
def test_an_argument_is_split_into_its_name_and_its_item(argument, parts):
    assert name_and_item(argument) == parts


@pytest.mark.parametrize(
    ("words", "text"),
    [(["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c"], "a, b and 1 more"), (["a"] * 1236, "a, a and 1,234 more")],
)
def test_a_long_list_is_cut_and_the_rest_counted(words, text):
    assert first_few(words, 2) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        *[("a" * 9, "a" * 9), ("a" * 10, "aaaaaa..."), (" a\n b ", "a b"), ("", "")],
        *[(" " * 89 + "b", "b"), (" " * 89 + "bc", "b..."), ("a\n\nb", "a  b")],
    ],
)
def test_a_text_is_shown_as_one_line_and_cut_beyond_its_length(text, line):
    assert one_line(text, 9) == line


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        (0.1, 0.2, ("0.1", "0.2")),
        (0.1, 0.1000001, ("0.1", "0.1000001")),
        (0.3, 0.1 + 0.2, ("0.29999999999999999", "0.30000000000000004")),
        (1.0, 1.0, ("1", "1")),
        (1e9, 2e9, ("1e+09", "2e+09")),
        (1 / 3, 1 / 3 + 1e-4, ("0.3333", "0.3334")),
        (1 / 3, 1 / 3 + 1e-6, ("0.333333", "0.333334")),
        (1 / 3, 1 / 3 + 1e-9, ("0.333333333", "0.333333334")),
        (1 / 3, 1 / 3 + 1e-10, ("0.333333333333", "0.333333333433")),
        (0.5, 0.5 + 1e-13, ("0.5", "0.50000000000010003")),
    ],
)
def test_two_numbers_are_shown_with_the_digits_that_tell_them_apart(one, other, texts):
    assert distinct_texts(one, other) == texts


def test_a_quoted_word_is_cut_and_has_no_unprintable_characters():
    assert (quoted("a" * 40), quoted("a" * 41)) == (f'"{"a" * 40}"', f'"{"a" * 37}..."')
    assert quoted("a\x1b[2Jb") == '"a [2Jb"'


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (0, 0, ("  ?", "  ^")),
        (3, 4, (f"  {'a' * 3}?{'b' * 4}", f"  {' ' * 3}^")),
        (100, 100, (f"  ...{'a' * 36}?{'b' * 35}...", f"  {' ' * 39}^")),
        (100, 10, (f"  ...{'a' * 61}?{'b' * 10}", f"  {' ' * 64}^")),
    ],
)
def test_an_error_in_a_text_points_at_the_place_in_at_most_72_characters(before, after, shown):
    error = ParseError("wrong", f"{'a' * before}?{'b' * after}", before)
    assert tuple(str(error).splitlines()) == ("wrong", *shown)


def test_the_command_that_recovers_a_store_quotes_its_path():
    assert str(DamagedStoreError(Path("my runs/a.sqlite"), "malformed")) == (
        "my runs/a.sqlite is damaged, or is not a store (malformed); recover what is readable with: "
        "sqlite3 'my runs/a.sqlite' .recover | sqlite3 'my runs/a-recovered.sqlite'"
    )


def test_what_an_error_is_about_holds_for_all_its_problems():
    with pytest.raises(ParseError) as caught, concerning("schedules"), concerning("schedules['a']"):
        ss.parse("Polynomial(1, 0, 0, -1)")
    error = caught.value.about("Experiment", "schedules['a']")
    assert [each.key for each in error.problems] == ["schedules['a']"] * 2
    assert str(error).count("Experiment(schedules['a']=...): Polynomial(") == 2


def test_gathered_errors_are_raised_as_one_and_none_as_nothing():
    errors: list[StepsizeError] = []
    raise_together(errors)
    for reason in ("one", "two", "three"):
        with gathered(errors):
            raise DataError(reason)
    with pytest.raises(DataError, match=r"^one\ntwo\nthree$"):
        raise_together(errors)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        ArgumentError("f", "x", "a number", lambda: 0, "write {x}", x=1.0),
        ArgumentError("f", "x", "", None, "known are y"),
        ParseError("no schedule", "Linaer(1)", 0, "give {horizon}", horizon=...),
        DamagedStoreError(Path("a.sqlite"), "malformed"),
        MissingExtraError.naming("Ray", "ray"),
        DataError("nothing there").about("read_curves", "paths"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_copy_says_the_same_even_of_a_value_that_cannot_be_pickled(copied, error):
    again = copied(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.message(Shouting()) == error.message(Shouting())


def test_a_class_in_place_of_an_instance_is_answered_with_the_call():
    with pytest.raises(ArgumentError, match=r"write Adam\(\.\.\.\)$"):
        descend("x**2", Adam, 1.0, steps=3, lr=0.1)
