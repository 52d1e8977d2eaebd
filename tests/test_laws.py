"""Laws of the tally: it adds up, and neither order nor portion changes a bit of it."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlib.frames import DONT_KNOW, NOT_APPLICABLE, ItemScale
from cxlib.tally import Tally, tally_batches

ITEMS = (ItemScale("a", 1, 5), ItemScale("b", 0, 10), ItemScale("c", -2, 2))
DIMS = ("wave", "role", "unit")
CUTS = [(), ("role",), ("role", "unit")]
SCHEMA = pa.schema([(dim, pa.string()) for dim in DIMS] + [(item.item, pa.int8()) for item in ITEMS])

# A deadline would fail on a machine that is shared with other work.
settings.register_profile("laws", deadline=None, max_examples=60)
settings.load_profile("laws")

rows = st.fixed_dictionaries(
    {
        "wave": st.sampled_from(["2025-1", "2026-1"]),
        "role": st.sampled_from(["customer", "frontline", None]),
        "unit": st.sampled_from(["north", "south", "", "öst"]),
        **{item.item: st.sampled_from([None, NOT_APPLICABLE, DONT_KNOW, *item.levels]) for item in ITEMS},
    }
)
samples = st.lists(rows, max_size=40)


def count(sample: list[dict], batch_rows: int = 1_000, items: tuple[ItemScale, ...] = ITEMS) -> Tally:
    batches = pa.Table.from_pylist(sample, SCHEMA).to_batches(max_chunksize=batch_rows)
    return tally_batches(batches, items, DIMS, framework="cx7", cuts=CUTS)


@given(samples, samples)
def test_the_tally_of_two_halves_is_the_tally_of_the_whole(one, two):
    assert count(one) + count(two) == count(one + two)


@given(st.lists(samples, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_merging_does_not_matter(parts, random):
    whole = count(list(chain.from_iterable(parts)))
    tallies = [count(part) for part in parts]
    while len(tallies) > 1:
        random.shuffle(tallies)
        tallies.append(tallies.pop() + tallies.pop())
    assert tallies[0] == whole


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_respondents_does_not_matter(sample, random):
    shuffled = list(sample)
    random.shuffle(shuffled)
    assert count(shuffled) == count(sample)


@given(samples, st.integers(1, 50))
def test_the_size_of_a_batch_does_not_matter(sample, batch_rows):
    assert count(sample, batch_rows) == count(sample)


@given(samples, st.permutations(ITEMS))
def test_the_order_of_items_does_not_matter(sample, items):
    assert count(sample, items=tuple(items)) == count(sample)


@given(samples, samples)
def test_cutting_and_selecting_go_through_a_merge(one, two):
    merged = count(one) + count(two)
    assert merged.cut(["role"]) == count(one).cut(["role"]) + count(two).cut(["role"])
    assert merged.select(wave="2026-1") == count(one).select(wave="2026-1") + count(two).select(wave="2026-1")


@given(samples)
def test_every_respondent_is_counted_once_for_every_item(sample):
    made = count(sample)
    assert made.respondents.sum() == len(sample)
    assert np.all(made.respondents > 0)
    for item in ITEMS:
        assert np.array_equal(made.item_counts(item.item).sum(axis=1), made.respondents)


@given(samples)
def test_moments_agree_with_the_counts(sample):
    made = count(sample).cut(["role"])
    cut = made.moments.cut(["role"])
    assert cut.keys == made.keys
    for at, item in enumerate(made.items):
        levels, n = np.array(item.levels), made.item_counts(item.item)[:, 3:]
        assert np.array_equal(cut.n[:, at, at], n.sum(axis=1))
        assert np.array_equal(cut.s[:, at, at], n @ levels)
        assert np.array_equal(cut.q[:, at, at], n @ levels**2)


@given(st.lists(samples, min_size=2, max_size=4))
def test_parts_may_have_asked_different_items(parts):
    tallies = [count(part, items=ITEMS[: 1 + at % 3]) for at, part in enumerate(parts)]
    forth, back = tallies[0], tallies[-1]
    for tally in tallies[1:]:
        forth = forth + tally
    for tally in tallies[-2::-1]:
        back = tally + back
    assert forth == back
