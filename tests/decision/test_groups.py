from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.decision.groups import Grouping
from edgecls.errors import ConfigError

LABELS = ("background", "beagle", "tabby", "crane", "husky", "crane")


def grouped(grouping: Grouping, scores: list[float]) -> dict[str, float]:
    values = grouping.scores(np.array(scores, np.float32))
    return {name.slug: round(float(v), 4) for name, v in zip(grouping.names, values, strict=True)}


def test_members_are_summed_and_the_others_stay_as_they_are() -> None:
    grouping = Grouping(LABELS, {"dog": ["beagle", "#4"]})
    assert grouped(grouping, [0.05, 0.4, 0.1, 0.02, 0.35, 0.08]) == {
        "background": 0.05,
        "dog": 0.75,
        "tabby": 0.1,
        "crane_3": 0.02,
        "crane_5": 0.08,
    }


def test_of_sigmoid_outputs_a_group_has_the_maximum() -> None:
    grouping = Grouping(LABELS, {"dog": ["beagle", "#4"]}, sigmoid=True)
    assert grouped(grouping, [0, 0.7, 0.9, 0, 0.8, 0])["dog"] == 0.8


def test_a_sum_is_at_most_one() -> None:
    grouping = Grouping(LABELS, {"dog": ["beagle", "#4"]})
    assert grouped(grouping, [0, 0.6, 0, 0, 0.6, 0])["dog"] == 1.0


def test_sums_are_made_in_double_precision() -> None:
    tenth, fifth = np.float32(0.1), np.float32(0.2)
    values = Grouping(("a", "b"), {"ab": ["#0-1"]}).scores(np.array([tenth, fifth]))
    assert values.item(0) == float(tenth) + float(fifth)


def test_a_class_in_two_groups_is_refused_with_both_and_the_class() -> None:
    with pytest.raises(ConfigError, match=r'#1 "beagle" is in two groups, "dog" and "pet"'):
        Grouping(LABELS, {"dog": ["beagle", "husky"], "pet": ["#1-2"]})


def test_the_same_class_twice_in_one_group_counts_once() -> None:
    grouping = Grouping(LABELS, {"dog": ["beagle", "#1", "husky"]})
    assert grouped(grouping, [0, 0.4, 0, 0, 0.1, 0])["dog"] == 0.5


def test_an_exact_label_of_two_classes_takes_both() -> None:
    grouping = Grouping(LABELS, {"long legs": ["crane"]})
    assert grouped(grouping, [0, 0, 0, 0.25, 0, 0.5])["long_legs"] == 0.75


@pytest.mark.parametrize("position", [0, 964])
def test_background_means_nothing_wherever_it_stands(position: int) -> None:
    labels = [f"bird {i}" for i in range(965)]
    labels[position] = "background"
    grouping = Grouping(labels, {})
    assert grouping.nothing == position
    assert (grouping.names[position].label, grouping.names[position].index) == (
        "background",
        position,
    )


@pytest.mark.parametrize("label", ["Background", "none", " NONE "])
def test_nothing_by_default_is_told_by_name_in_any_case(label: str) -> None:
    assert Grouping(("dog", label), {}).nothing == 1


def test_labels_that_only_contain_the_word_are_something() -> None:
    assert Grouping(("background noise", "none of these"), {}).nothing is None


def test_the_users_nothing_is_added_to_the_default() -> None:
    grouping = Grouping(LABELS, {"none": ["tabby"]})
    assert grouped(grouping, [0.25, 0, 0.5, 0, 0, 0])["none"] == 0.75
    assert grouping.nothing == 0


def test_the_user_may_put_the_background_elsewhere() -> None:
    grouping = Grouping(LABELS, {"scenery": ["background"]})
    assert grouping.nothing is None
    assert grouping.names[0].label == "scenery"


def test_an_empty_nothing_is_the_default_and_another_empty_group_is_refused() -> None:
    assert Grouping(LABELS, {"none": []}).nothing == 0
    with pytest.raises(ConfigError, match='the group "dog" holds no class'):
        Grouping(LABELS, {"dog": []})


def test_a_group_keeps_its_slug_and_a_class_of_the_same_text_gets_a_suffix() -> None:
    grouping = Grouping(LABELS, {"crane": ["#5"], "Tabby": ["beagle"]})
    assert [name.slug for name in grouping.names] == [
        "background",
        "tabby",
        "tabby_2",
        "crane_3",
        "husky",
        "crane",
    ]
    assert [grouping.names[p].index for p in grouping.find("crane", "")] == [None]


def test_a_class_keeps_its_slug_when_its_namesake_joins_a_group() -> None:
    grouping = Grouping(LABELS, {"bird": ["#3"]})
    assert grouping.names[grouping.find("crane", "")[0]].slug == "crane_5"


def test_groups_whose_slugs_clash_get_the_index_of_their_lowest_class() -> None:
    grouping = Grouping(LABELS, {"big dog": ["husky"], "Big Dog": ["beagle"]})
    assert {n.label: n.slug for n in grouping.names if n.index is None} == {
        "Big Dog": "big_dog_1",
        "big dog": "big_dog_4",
    }


def test_a_text_finds_a_group_a_label_or_a_number() -> None:
    grouping = Grouping(LABELS, {"dog": ["beagle", "husky"]})
    found = [[grouping.names[p].slug for p in grouping.find(t, "")] for t in ("dog", "#2", "crane")]
    assert found == [["dog"], ["tabby"], ["crane_3", "crane_5"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dgo", 'did you mean "dog"'),
        ("taby", 'did you mean "tabby"'),
        ("beagle", 'is in the group "dog"'),
        ("xylophone", "is no group and no label of the model; there is:"),
    ],
)
def test_a_text_that_finds_nothing_is_refused_with_what_was_meant(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Grouping(LABELS, {"dog": ["beagle", "husky"]}).find(text, "[watches.porch] labels: ")
    assert words in str(refused.value)
    assert str(refused.value).startswith(f'[watches.porch] labels: "{text}"')


_classes = st.integers(1, 40)


@given(st.data(), st.booleans())
def test_grouping_equals_the_plain_loop(data: st.DataObject, sigmoid: bool) -> None:
    count = data.draw(_classes)
    labels = [f"c{i}" for i in range(count)]
    group_of = data.draw(
        st.lists(st.sampled_from(["", "a", "b", "none"]), min_size=count, max_size=count)
    )
    scores = np.array(
        data.draw(st.lists(st.floats(0, 1, width=32), min_size=count, max_size=count)), np.float32
    )
    groups = {
        name: [f"#{i}" for i in range(count) if group_of[i] == name]
        for name in sorted({name for name in group_of if name})
    }
    grouping = Grouping(labels, groups, sigmoid=sigmoid)
    values = grouping.scores(scores)
    assert len({name.slug for name in grouping.names}) == len(grouping.names)
    for name, value in zip(grouping.names, values, strict=True):
        if name.index is not None:
            assert value == float(scores[name.index])
            continue
        members = [float(scores[i]) for i in range(count) if group_of[i] == name.label]
        expected = max(members) if sigmoid else min(1.0, sum(members))
        assert value == pytest.approx(expected, abs=1e-12)


def test_grouping_leaves_the_scores_of_the_engine_alone() -> None:
    scores = np.array([0, 0.9, 0, 0, 0.9, 0], np.float32)
    before = scores.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for groups in ({}, {"dog": ["beagle", "husky"]}):
            Grouping(LABELS, groups).scores(scores)[:] = 0
    assert (scores == before).all()
