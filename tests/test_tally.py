"""The tally against a tally by hand, and the rules by which tallies are merged, cut, kept and refused."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxlib import batchfile, counting, tally
from cxlib.batchfile import read_batches
from cxlib.errors import ContractError
from cxlib.frames import BLANK, DONT_KNOW, NOT_APPLICABLE, NOT_STATED, ItemScale
from cxlib.tally import Moments, Tally, tally_batches

STAMP = "cx7 1.0.0 3fa2"
ITEMS = (
    ItemScale("s1.i01", 1, 5),
    ItemScale("s1.i02", 1, 5),
    ItemScale("m.nps", 0, 10),
    ItemScale("x", -3, 3),
)
DIMS = ("wave", "role", "unit")
CUTS = [(), ("role",), ("unit",), ("role", "unit")]


def answers(rows: int, seed: int = 7, items: tuple[ItemScale, ...] = ITEMS) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {
        "wave": pa.array(rng.choice(["2025-1", "2026-1"], rows)),
        "role": pa.array(rng.choice(["customer", "frontline", "management"], rows)).dictionary_encode(),
        "unit": pa.array(rng.choice(["north", "south", ""], rows), mask=rng.random(rows) < 0.1),
    }
    for item in items:
        values = rng.choice([NOT_APPLICABLE, DONT_KNOW, *item.levels], rows)
        columns[item.item] = pa.array(values.astype(np.int8), mask=rng.random(rows) < 0.2)
    return pa.table(columns)


def by_hand(table: pa.Table, items: tuple[ItemScale, ...] = ITEMS) -> dict[tuple, Counter]:
    """Count with a loop: (wave, role, unit) → (item, answer) → respondents."""
    cells: dict[tuple, Counter] = {}
    for row in table.to_pylist():
        cell = cells.setdefault(tuple(row[dim] or NOT_STATED for dim in DIMS), Counter())
        cell["respondents"] += 1
        for item in items:
            value = row[item.item]
            cell[item.item, BLANK if value is None else value] += 1
    return cells


def moments_by_hand(table: pa.Table, dims: tuple[str, ...]) -> dict[tuple, np.ndarray]:
    """Sum with a loop: group → [n s q, items, items]."""
    items = sorted(ITEMS)
    groups: dict[tuple, np.ndarray] = {}
    for row in table.to_pylist():
        key = tuple(row[dim] or NOT_STATED for dim in dims)
        sums = groups.setdefault(key, np.zeros((3, len(items), len(items)), int))
        for i, one in enumerate(items):
            for j, two in enumerate(items):
                x, y = row[one.item], row[two.item]
                if x is not None and y is not None and x >= one.low and y >= two.low:
                    sums[:, i, j] += (1, x, x * y)
    return groups


def count(table: pa.Table, **options) -> Tally:
    given = {"items": ITEMS, "dims": DIMS, "framework": STAMP} | options
    return tally_batches(table, **given)


def test_counts_equal_a_tally_by_hand():
    table = answers(700)
    made, expected = count(table), by_hand(table)
    assert made.keys == tuple(sorted(expected))
    assert made.items == tuple(sorted(ITEMS))
    assert made.respondents.tolist() == [expected[key]["respondents"] for key in made.keys]
    for item in ITEMS:
        by_answer = [[expected[key][item.item, answer] for answer in item.answers] for key in made.keys]
        assert made.item_counts(item.item).tolist() == by_answer


def test_moments_equal_sums_by_hand():
    table = answers(500)
    made = count(table, cuts=CUTS).moments
    assert made is not None
    for dims in CUTS:
        cut, expected = made.cut(dims), moments_by_hand(table, ("wave", *dims))
        assert cut.dims == ("wave", *dims)
        assert cut.keys == tuple(sorted(expected))
        for at, key in enumerate(cut.keys):
            assert np.array_equal([cut.n[at], cut.s[at], cut.q[at]], expected[key])


def test_moments_hold_across_blocks_windows_and_many_groups(monkeypatch):
    monkeypatch.setattr(counting, "WINDOW_WORDS", 3)
    monkeypatch.setattr(tally, "BLOCK_ANSWERS", 2_000)
    table = answers(3_000)
    units = pa.array([f"unit {row % 700}" for row in range(len(table))])
    table = table.set_column(2, "unit", units)
    made = tally_batches(
        table.to_batches(max_chunksize=90), ITEMS, DIMS, framework=STAMP, cuts=[("unit",), ("role",)]
    ).moments
    assert made is not None
    for dims in [("unit",), ("role",)]:
        cut, expected = made.cut(dims), moments_by_hand(table, ("wave", *dims))
        assert cut.keys == tuple(sorted(expected))
        assert all(np.array_equal(cut.q[at], expected[key][2]) for at, key in enumerate(cut.keys))
        assert all(np.array_equal(cut.s[at], expected[key][1]) for at, key in enumerate(cut.keys))


def test_moments_of_wide_scales_are_exact():
    items = (ItemScale("a", -100, 127), ItemScale("b", 0, 100))
    rng = np.random.default_rng(1)
    a, b = rng.integers(-100, 128, 200_000), rng.integers(0, 101, 200_000)
    table = pa.table({"a": pa.array(a, pa.int8()), "b": pa.array(b, pa.int8())})
    made = tally_batches(table, items, ["wave"], framework=STAMP, cuts=[()], constants={"wave": "1"}).moments
    assert made is not None
    cut = made.cut(())
    assert cut.n.tolist() == [[[200_000] * 2] * 2]
    assert cut.s[0].tolist() == [[a.sum()] * 2, [b.sum()] * 2]
    assert cut.q[0].tolist() == [[(a * a).sum(), (a * b).sum()], [(a * b).sum(), (b * b).sum()]]


def test_a_blank_is_whatever_is_null_whatever_lies_under_it():
    hidden = pa.Array.from_buffers(
        pa.int8(), 3, [pa.py_buffer(b"\x05"), pa.py_buffer(bytes([1, 99, 3]))], null_count=1
    )
    table = pa.table({"a": hidden})
    made = tally_batches(table, [ItemScale("a", 1, 5)], ["wave"], framework=STAMP, constants={"wave": "1"})
    assert made.item_counts("a").tolist() == [[1, 0, 0, 1, 0, 1, 0, 0]]


def test_slices_that_begin_inside_a_byte_of_the_null_bitmap_are_counted_right():
    table = answers(200)
    part = table.slice(3, 150).combine_chunks().to_batches()[0].slice(5, 101)
    assert count(part) == count(pa.Table.from_pylist(part.to_pylist(), part.schema))


def test_a_null_or_empty_dimension_is_not_stated():
    made = count(answers(300))
    assert {key[2] for key in made.keys} == {"north", "south", NOT_STATED}


def test_a_null_inside_a_dictionary_is_not_stated():
    role = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array([None, "customer"]))
    made = tally_batches(
        pa.table({"role": role}), [], ["wave", "role"], framework="", constants={"wave": "1"}
    )
    assert dict(zip(made.keys, made.respondents.tolist(), strict=True)) == {
        ("1", "customer"): 1,
        ("1", NOT_STATED): 3,
    }


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_a_dimension_may_be_any_kind_of_text(kind):
    table = answers(100)
    assert count(table.set_column(0, "wave", table["wave"].cast(kind))) == count(table)


@pytest.mark.parametrize("kind", [pa.int16(), pa.int32(), pa.int64()])
def test_wider_whole_numbers_are_accepted_if_their_values_fit(kind):
    table = answers(100)
    assert count(table.set_column(3, "s1.i01", table["s1.i01"].cast(kind))) == count(table)


def test_a_column_of_nulls_only_is_all_blank():
    table = answers(50)
    empty = table.set_column(3, "s1.i01", pa.nulls(50))
    assert count(empty).item_counts("s1.i01")[:, 0].sum() == 50


@pytest.mark.parametrize("value", [6, 0, -1, -125, 127])
@pytest.mark.parametrize("kind", [pa.int8(), pa.int32()])
def test_a_value_off_the_scale_is_refused_by_name(value, kind):
    table = answers(100)
    values = table["s1.i01"].to_pylist()
    values[17] = value
    with pytest.raises(
        ContractError, match=rf"s1\.i01: value {value} in row 17; expected 1…5, null"
    ) as error:
        count(table.set_column(3, "s1.i01", pa.array(values, kind)))
    assert error.value.problems[["row", "column", "found"]].values.tolist() == [[17, "s1.i01", str(value)]]


def test_a_value_too_wide_for_int8_is_refused_by_name():
    table = pa.table({"a": pa.array([1, 70_000])})
    with pytest.raises(ContractError, match="a: value 70000 in row 1"):
        tally_batches(table, [ItemScale("a", 1, 5)], ["wave"], framework=STAMP, constants={"wave": "1"})


@pytest.mark.parametrize("low", [-100, -3, 0, 1, 100])
def test_every_byte_is_an_answer_or_refused(low):
    item = ItemScale("a", low, low + 20)
    for value in range(-128, 128):
        table = pa.table({"a": pa.array([value], pa.int8())})
        if value in item.answers:
            made = tally_batches(table, [item], ["wave"], framework=STAMP, constants={"wave": "1"})
            assert made.counts[0, item.answers.index(value)] == made.counts.sum() == 1
        else:
            with pytest.raises(ContractError, match=f"value {value}"):
                tally_batches(table, [item], ["wave"], framework=STAMP, constants={"wave": "1"})


def test_columns_of_the_wrong_kind_are_refused_all_at_once():
    table = answers(10).drop_columns(["x"])
    table = table.set_column(3, "s1.i01", table["s1.i01"].cast(pa.float64()))
    table = table.set_column(0, "wave", pa.array(range(10)))
    with pytest.raises(ContractError, match="columns break the contract") as error:
        count(table)
    assert error.value.problems["where"].tolist() == ["column wave", "column s1.i01", "column x"]
    assert error.value.problems["found"].tolist() == ["int64", "double", ""]


def test_a_tally_needs_a_wave_unique_items_and_known_cuts():
    with pytest.raises(ContractError, match="wave among them"):
        count(answers(5), dims=("role",))
    with pytest.raises(ContractError, match="each once"):
        count(answers(5), items=(*ITEMS, ITEMS[0]))
    with pytest.raises(ContractError, match=r"no dimension rolle.*nearest role"):
        count(answers(5), cuts=[("rolle",)])
    with pytest.raises(ContractError, match="no dimension region"):
        count(answers(5), constants={"region": "x"})


def test_a_constant_stands_for_a_column():
    table = answers(100)
    made = count(table.drop_columns(["wave"]), constants={"wave": "2026-1"})
    assert made == count(table.set_column(0, "wave", pa.array(["2026-1"] * 100)))


def test_merging_is_exact_and_an_item_never_asked_adds_zeros():
    one, two = answers(300, 1), answers(200, 2)
    fewer = ITEMS[:2]
    merged = count(one) + count(two, items=fewer)
    assert merged == count(two, items=fewer) + count(one)
    assert merged.items == tuple(sorted(ITEMS))
    assert merged.item_counts("x").sum() == 300
    assert merged.item_counts("s1.i01").sum() == 500 == merged.respondents.sum()


def test_moments_merge_over_different_items():
    one, two = answers(300, 1), answers(200, 2)
    whole, part = count(one, cuts=CUTS), count(two, items=ITEMS[:2], cuts=CUTS)
    merged = (part + whole).moments
    both = (whole + count(two, cuts=CUTS)).moments
    assert merged is not None
    assert both is not None
    assert np.array_equal(merged.cut(["role"]).q[:, 1:3, 1:3], both.cut(["role"]).q[:, 1:3, 1:3])
    assert merged.cut(()).n[:, 3, 3].sum() == whole.moments.cut(()).n[:, 3, 3].sum()


def test_tallies_that_do_not_belong_together_are_refused():
    made = count(answers(50))
    for other, reason in [
        (replace(made, framework="cx7 1.1.0 beef"), "different framework"),
        (count(answers(50), dims=("wave", "role")), "different dimensions"),
        (count(answers(50), items=(*ITEMS[:3], ItemScale("x", -4, 4))), "x is -4…4 in one and -3…3"),
        (count(answers(50), cuts=CUTS), "different moments"),
    ]:
        with pytest.raises(ContractError, match=reason):
            made + other
    with pytest.raises(ContractError, match="different moments"):
        count(answers(50), cuts=[()]) + count(answers(50), cuts=CUTS)


def test_a_tally_without_cells_is_neutral():
    made = count(answers(50), cuts=CUTS)
    for nothing in (count(answers(0)), count(answers(0), items=()), made.select(wave="1999")):
        assert made + nothing == made == nothing + made
    assert count(answers(0)) + count(answers(0), items=()) == count(answers(0), items=()) + count(answers(0))


def test_equal_means_equal_in_every_part():
    made = count(answers(50), cuts=CUTS)
    assert made == count(answers(50), cuts=CUTS)
    assert made != count(answers(50))
    more = made.counts.copy()
    more[0, 0] += 1
    assert made != replace(made, counts=more)
    assert made != replace(made, framework="other")


def test_cutting_sums_cells_up_and_keeps_the_moments_that_fit():
    table = answers(400)
    made = count(table, cuts=CUTS).cut(["role"])
    assert made == count(table, dims=("wave", "role"), cuts=[(), ("role",)])
    assert made.cut(()) == count(table, dims=("wave",), cuts=[()])
    with pytest.raises(ContractError, match="no dimension region"):
        made.cut(["region"])


def test_selecting_keeps_cells_and_the_moments_that_have_the_dimension():
    table = answers(400)
    kept = pa.Table.from_pylist([row for row in table.to_pylist() if row["role"] == "customer"], table.schema)
    made = count(table, cuts=CUTS).select(role="customer")
    assert made == count(kept, cuts=[("role",), ("role", "unit")])
    assert count(table).select(role=["customer", "frontline", "management"]) == count(table)
    with pytest.raises(ContractError, match=r"no dimension rol.*nearest role"):
        made.select(rol="customer")


@pytest.mark.parametrize("cuts", [None, [], CUTS])
def test_a_tally_survives_a_file_to_the_bit(tmp_path, cuts):
    made = count(answers(200), cuts=cuts)
    made.save(tmp_path / "part.tally")
    assert Tally.load(tmp_path / "part.tally") == made
    made.save(tmp_path / "again.tally")
    assert (tmp_path / "again.tally").read_bytes() == (tmp_path / "part.tally").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.tally", "part.tally"]


def test_a_damaged_file_is_refused_and_a_missing_one_named(tmp_path):
    path = tmp_path / "part.tally"
    count(answers(200)).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ContractError, match=r"part\.tally cannot be read as a tally"):
        Tally.load(path)
    with pytest.raises(FileNotFoundError):
        Tally.load(tmp_path / "none.tally")


def test_a_tally_cannot_be_changed():
    made = count(answers(20), cuts=[()])
    with pytest.raises(ValueError, match="read-only"):
        made.counts[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        made.item_counts("x")[0, 0] = 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(made)


def test_a_tally_that_breaks_its_contract_cannot_be_made():
    made = count(answers(20), cuts=[()])
    with pytest.raises(ContractError, match="sorted, each once"):
        replace(made, keys=made.keys[::-1])
    with pytest.raises(ContractError, match="respondents"):
        replace(made, respondents=made.respondents[:-1])
    with pytest.raises(ContractError, match="respondents are float64; expected whole numbers"):
        replace(made, respondents=made.respondents * 0.5)
    with pytest.raises(ContractError, match="4 × 4 items"):
        replace(made, moments=count(answers(20), items=ITEMS[:2], cuts=[()]).moments)
    with pytest.raises(ContractError, match=r"no item s1\.i09.*nearest"):
        made.item_counts("s1.i09")
    with pytest.raises(ContractError, match="no moments of cut 'role'; there are 'wave'"):
        made.moments.cut(["role"])
    assert Moments(()) == count(answers(20), cuts=[]).moments


@pytest.mark.parametrize("worth", [0, 1 << 20], ids=["in a thread", "without"])
def test_parquet_files_and_folders_stream_in_batches(tmp_path, monkeypatch, worth):
    monkeypatch.setattr(batchfile, "WORTH_A_THREAD", worth)
    table = answers(1_000)
    pq.write_table(table.slice(0, 600), tmp_path / "a.parquet", row_group_size=250)
    pq.write_table(
        table.slice(600).cast(table.schema.remove_metadata()), tmp_path / "b.parquet", store_schema=False
    )
    columns = [*DIMS, *(item.item for item in ITEMS)]
    batches = list(read_batches(tmp_path, columns, batch_rows=100))
    assert sum(batch.num_rows for batch in batches) == 1_000
    assert max(batch.num_rows for batch in batches) <= 100
    assert tally_batches(batches, ITEMS, DIMS, framework=STAMP, cuts=CUTS) == count(table, cuts=CUTS)
    assert count(read_batches([tmp_path / "b.parquet", tmp_path / "a.parquet"], columns)) == count(table)


@pytest.mark.parametrize("worth", [0, 1 << 20], ids=["in a thread", "without"])
def test_reading_may_stop_early(tmp_path, monkeypatch, worth):
    monkeypatch.setattr(batchfile, "WORTH_A_THREAD", worth)
    pq.write_table(answers(1_000), tmp_path / "a.parquet")
    stream = read_batches(tmp_path / "a.parquet", ["x"], batch_rows=10)
    assert next(stream).num_rows == 10
    stream.close()


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_text("wave,role")
    with pytest.raises(ContractError, match=r"a\.parquet cannot be read as Parquet"):
        next(read_batches(tmp_path, ["x"]))


def test_missing_columns_and_empty_folders_are_named(tmp_path):
    with pytest.raises(ContractError, match="no Parquet file in"):
        next(read_batches(tmp_path, ["x"]))
    pq.write_table(answers(10), tmp_path / "a.parquet")
    with pytest.raises(ContractError, match=r"a\.parquet: 1 of 2 columns") as error:
        next(read_batches(tmp_path, ["x", "s1.i1"]))
    assert "nearest s1.i01" in error.value.problems["reason"][0]


def test_importing_the_tally_does_not_load_pandas():
    code = "import sys, cxlib.tally; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
