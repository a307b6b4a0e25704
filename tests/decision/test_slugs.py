from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgecls.decision.slugs import slugs


def test_every_run_of_other_characters_becomes_one_underline() -> None:
    labels = ["German shepherd", "jack-o'-lantern", "12 gauge  shotgun", "Carduelis (finch)"]
    assert slugs(labels) == (
        "german_shepherd",
        "jack_o_lantern",
        "12_gauge_shotgun",
        "carduelis_finch_",
    )


def test_all_labels_that_clash_get_their_class_index() -> None:
    assert slugs(["crane", "dog", "Crane"], [135, 200, 518]) == ("crane_135", "dog", "crane_518")


def test_a_label_that_looks_like_a_suffixed_one_makes_way() -> None:
    assert slugs(["crane 7", "crane", "crane"], [3, 5, 7]) == ("crane_7_3", "crane_5", "crane_7")


def test_a_label_without_letters_or_digits_is_called_by_its_index() -> None:
    assert slugs(["", "犬", "???", "dog"]) == ("label_0", "label_1", "label_2", "dog")


def test_a_reserved_slug_is_left_to_its_owner() -> None:
    assert slugs(["dog", "dog 1"], [1, 4], reserved={"dog"}) == ("dog_1", "dog_1_4")


def test_the_two_cranes_of_imagenet_keep_apart(data: Path) -> None:
    labels = (data / "labels" / "imagenet_labels.txt").read_text().splitlines()
    found = slugs(labels)
    assert (found[135], found[518]) == ("crane_135", "crane_518")


_texts = st.text(st.sampled_from("aA1_ 2é-"), max_size=5) | st.sampled_from(["label 1", "a_1_1"])


@given(st.lists(_texts, max_size=12), st.sets(st.sampled_from(["a", "a_1", "label_2", "a_1_1"])))
def test_slugs_are_unique_safe_in_topics_and_never_reserved(
    labels: list[str], reserved: set[str]
) -> None:
    found = slugs(labels, reserved=reserved)
    assert len({*found, *reserved}) == len(labels) + len(reserved)
    assert all(re.fullmatch("[a-z0-9_]+", slug) for slug in found)


@given(st.permutations([(0, "a"), (1, "A"), (2, "a 1"), (3, "b"), (4, "a_1_2"), (5, "")]))
def test_slugs_do_not_depend_on_the_order(entries: list[tuple[int, str]]) -> None:
    def by_index(pairs: list[tuple[int, str]]) -> dict[int, str]:
        indices = [index for index, _ in pairs]
        return dict(zip(indices, slugs([label for _, label in pairs], indices), strict=True))

    assert by_index(entries) == by_index(sorted(entries))
