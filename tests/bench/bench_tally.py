"""How fast answers are counted, beside pandas, DuckDB and Polars on the same Parquet file.

2 million respondents × 42 items, levels 1–5, 3 % blank, 3 % not applicable or don't know; 4 roles × 6
units. Every way returns the respondents of each (role, unit, item, answer), blanks among them, and
all must agree to the last one. Data are made up, seeded, and removed afterwards.

    python -m tests.bench.bench_tally
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cxlib.frames import BLANK, DONT_KNOW, NOT_APPLICABLE, ItemScale
from tests.bench.harness import Way, compare, console, measure, write

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl

    from cxlib.tally import Tally

ITEMS = tuple(ItemScale(f"s{at // 6 + 1}.i{at % 6 + 1:02d}", 1, 5) for at in range(42))
NAMES = [item.item for item in ITEMS]
DIMS = ("wave", "role", "unit")
CUTS: list[tuple[str, ...]] = [(), ("role",), ("unit",), ("role", "unit")]
ROLES = ["leadership", "management", "frontline", "customer"]
MILLION = 1_000_000
Factory = tuple[Callable[[], Any], Callable[[Any], Any]]


def make(path: Path, rows: int, units: int = 6, seed: int = 2026) -> str:
    """Write a Parquet file of made-up answers, with pyarrow's own settings."""
    rng = np.random.default_rng(seed)
    of_byte = np.repeat(
        np.array([BLANK, NOT_APPLICABLE, DONT_KNOW, 1, 2, 3, 4, 5], np.int8), [8, 5, 3, *[48] * 5]
    )
    texts = {"role": pa.array(ROLES), "unit": pa.array([f"unit {at:04d}" for at in range(units)])}
    writer = None
    for start in range(0, rows, MILLION // 4):
        size = min(MILLION // 4, rows - start)
        columns: dict[str, pa.Array] = {}
        for dim, known in texts.items():
            codes = pa.array(rng.integers(0, len(known), size, np.int16))
            columns[dim] = pa.DictionaryArray.from_arrays(codes, known)
        for name in NAMES:
            values = of_byte[rng.integers(0, len(of_byte), size, np.uint8)]
            columns[name] = pa.array(values, mask=values == BLANK)
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return str(path)


# ------------------------------------------------------------------------------- ways to count them


def ours(path: str, cuts: list[tuple[str, ...]] | None = None) -> Factory:
    from cxlib.batchfile import read_batches
    from cxlib.tally import tally_batches

    def run() -> Tally:
        batches = read_batches(path, ["role", "unit", *NAMES])
        return tally_batches(batches, ITEMS, DIMS, framework="bench", constants={"wave": "1"}, cuts=cuts)

    def finish(made: Tally) -> str:
        rows = [
            (key[1], key[2], item.item, answer, n)
            for item in made.items
            for key, counts in zip(made.keys, made.item_counts(item.item).tolist(), strict=True)
            for answer, n in zip(item.answers, counts, strict=True)
        ]
        return digest(rows)

    return run, finish


def pandas_melt(path: str) -> Factory:
    import pandas as pd

    def run() -> pd.Series:
        answers = pd.read_parquet(path).melt(["role", "unit"], var_name="item", value_name="answer")
        return answers.groupby(["role", "unit", "item", "answer"], observed=True, dropna=False).size()

    return run, lambda sizes: digest((*key, n) for key, n in sizes.items())


def pandas_by_column(path: str) -> Factory:
    import pandas as pd

    def run() -> pd.Series:
        answers = pd.read_parquet(path)
        sizes = {
            name: answers.groupby(["role", "unit", name], observed=True, dropna=False).size()
            for name in NAMES
        }
        return pd.concat(sizes)

    return run, lambda sizes: digest((key[1], key[2], key[0], key[3], n) for key, n in sizes.items())


def duckdb_unpivot(path: str) -> Factory:
    import duckdb

    def run() -> pa.Table:
        source: duckdb.DuckDBPyRelation = duckdb.sql(
            f"""select role, unit, item, answer, count(*) as n
            from (from read_parquet('{path}'))
            unpivot include nulls (answer for item in (columns(* exclude (role, unit))))
            group by all"""
        )
        return source.to_arrow_table()

    return run, lambda table: digest(zip(*(column.to_pylist() for column in table.columns), strict=True))


def polars_unpivot(path: str, engine: str = "streaming") -> Factory:
    import polars as pl

    def run() -> pl.DataFrame:
        answers = pl.scan_parquet(path).unpivot(
            index=["role", "unit"], variable_name="item", value_name="answer"
        )
        return answers.group_by("role", "unit", "item", "answer").len().collect(engine=engine)

    return run, lambda frame: digest(frame.iter_rows())


def halves(path: str) -> Factory:
    """Tally each half and the whole, with moments, and compare them bit by bit."""
    from cxlib.batchfile import read_batches
    from cxlib.tally import tally_batches

    def count(batches: Iterable[pa.RecordBatch]) -> Tally:
        return tally_batches(batches, ITEMS, DIMS, framework="bench", constants={"wave": "1"}, cuts=CUTS)

    def run() -> bool:
        batches = list(read_batches(path, ["role", "unit", *NAMES]))
        middle = len(batches) // 2
        one, two, whole = count(batches[:middle]), count(batches[middle:]), count(batches)
        return one + two == whole == two + one

    return run, bool


def digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """Reduce (role, unit, item, answer, n) to a hash that no order and no spelling of blank changes."""
    blank = (None, "nan")
    plain = (
        (
            str(role),
            str(unit),
            str(item),
            BLANK if answer in blank or answer != answer else int(answer),
            int(n),
        )
        for role, unit, item, answer, n in rows
        if n
    )
    return hashlib.sha256(repr(sorted(plain)).encode()).hexdigest()


# -------------------------------------------------------------------------------------------- bench


def main() -> None:
    here = "tests.bench.bench_tally"
    with TemporaryDirectory(prefix="bench_tally_") as folder:
        sizes = (1, 2, 4, 8)
        with console.status("making up answers"):
            paths = {size: make(Path(folder, f"{size}.parquet"), size * MILLION) for size in sizes}
            local = make(Path(folder, "local.parquet"), 2 * MILLION, units=1_000)
        source = {"path": paths[2]}
        counted = measure(
            [
                Way("cxlib", f"{here}:ours", source, rounds=5),
                Way("pandas", f"{here}:pandas_melt", source, rounds=1, calls=1),
                Way("duckdb", f"{here}:duckdb_unpivot", source),
                Way("polars", f"{here}:polars_unpivot", source),
                Way("polars in memory", f"{here}:polars_unpivot", source | {"engine": "in-memory"}, calls=1),
                Way("pandas by column", f"{here}:pandas_by_column", source, rounds=1, calls=1),
                Way("cxlib with moments", f"{here}:ours", source | {"cuts": CUTS}),
            ]
        )
        results = compare(
            "2 million respondents × 42 items, from Parquet", counted[0], counted[1:4], counted[4:]
        )
        is_agreed = len({value for one in counted for value in one.values}) == 1
        console.print(f"all ways give the same counts: {'yes' if is_agreed else 'NO'}")

        more = measure(
            [
                *(Way(f"{size} million", f"{here}:ours", {"path": paths[size]}, rounds=1) for size in sizes),
                Way("4,000 cells", f"{here}:ours", {"path": local}, rounds=1),
                Way(
                    "4,000 cells, moments by unit", f"{here}:ours", {"path": local, "cuts": [("unit",)]}, 1, 1
                ),
                Way("halves", f"{here}:halves", source, rounds=1, calls=1),
            ]
        )
        for one in more[:-1]:
            console.print(f"{one.name}: {one.seconds:.2f} s, peak {one.peak_mb:.0f} MB")
        is_additive = all(more[-1].values)
        console.print(f"two halves merged equal the whole bit for bit: {'yes' if is_additive else 'NO'}")
        results |= {
            "moments": counted[6].seconds,
            "peak_mb_by_million": {str(size): one.peak_mb for size, one in zip(sizes, more, strict=False)},
            "seconds_by_million": {str(size): one.seconds for size, one in zip(sizes, more, strict=False)},
            "many_cells": {one.name: {"seconds": one.seconds, "peak_mb": one.peak_mb} for one in more[4:6]},
            "is_agreed": is_agreed,
            "is_additive": is_additive,
        }
        write("tally", results)
        if not (is_agreed and is_additive):
            raise SystemExit("the ways disagree")


if __name__ == "__main__":
    main()
