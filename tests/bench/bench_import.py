"""A survey of millions of rows, from CSV to Parquet: seconds and peak memory, first and again.

Rows of id, role, unit, date and 40 items, made up and seeded: levels 1–5, some blank, some in words. `import`
is all that `cx import` does: every cell checked and converted, ids keyed and found if they stand twice, the
batch and its respondents in the store. `again` imports the same file, which changes nothing. Peers read the
same file, make the same levels, dates and texts of it, and write Parquet; none of them keys or checks an id,
says which row is wrong, or has a store. All must agree on how often each level of each item was given.

    python -m tests.bench.bench_import [MILLIONS]
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tests.bench.bench_tally import MILLION
from tests.bench.harness import Way, compare, console, measure, write

HERE = "tests.bench.bench_import"
ITEMS = [f"q{at:02}" for at in range(40)]
WORDS = ["", "1", "2", "3", "4", "5", "n/a", "Agree"]  # the last is a 4
SHARES = [0.03, 0.08, 0.15, 0.3, 0.25, 0.15, 0.01, 0.03]
UNITS = [f"Unit {at}" for at in range(6)]
ROLES = ["leadership", "management", "frontline", "customer"]
ROWS = 250_000
MOST_MB = 1000.0


def make(path: Path, rows: int, seed: int = 2026) -> None:
    """Write the survey: ids in no order, nothing that the mapping would refuse."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(rows)
    days = np.datetime64("2026-03-01") + np.arange(30)

    def drawn(texts: list[str], size: int, shares: list[float] | None = None) -> pa.Array:
        places = rng.choice(len(texts), size, p=shares).astype(np.int8)
        return pa.DictionaryArray.from_arrays(places, texts).cast(pa.string())

    with path.open("wb") as file:
        for at, some in enumerate(np.split(ids, range(ROWS, rows, ROWS))):
            size = len(some)
            table = {
                "id": pa.array([f"R-{one:09}" for one in some]),
                "role": drawn(ROLES, size),
                "unit": drawn(UNITS, size),
                "date": drawn(days.astype(str).tolist(), size),
                **{name: drawn(WORDS, size, SHARES) for name in ITEMS},
            }
            options = pa.csv.WriteOptions(include_header=not at, quoting_style="none")
            pa.csv.write_csv(pa.table(table), file, options)


def mapping(folder: Path) -> Path:
    path = folder / "mapping.yaml"
    items = "\n".join(
        f"  - {{item: {name}, column: {name}, scale: five, values: {{Agree: 4}}}}" for name in ITEMS
    )
    path.write_text(
        "mapping: big\nid: id\nrole: {column: role}\nsegments: {unit: {column: unit}}\ndate: {column: date}\n"
        f"not_applicable: [n/a]\nscales: {{five: {{low: 1, high: 5}}}}\nitems:\n{items}\n"
    )
    return path


def import_(home: str, data: str, *, again: bool = False) -> tuple[Any, Any]:
    """Import the file into a store of its own; `again` into one that has it already."""
    from cxlib.cli import _progress
    from cxlib.opening import open_live
    from cxlib.settings import read_settings
    from tests.bench.bench_bigdata import engagement

    path, settings = Path(data), read_settings({"CX_HOME": home})
    if not Path(home).exists():
        engagement(Path(home))

    def run() -> Any:
        with open_live("big", settings=settings) as live:
            if not again and live.store.batches("big"):
                live.undo()
            with _progress(path, quiet=False) as progress:
                return live.import_file(path, mapping(path.parent), progress=progress)

    def finish(done: Any) -> dict[str, Any]:
        with open_live("big", settings=settings) as live:
            held = pq.read_table(live.store.batch_path(done.batch), columns=ITEMS)
        return {"state": done.state, "counts": counts(held)}

    return run, finish


def counts(table: pa.Table) -> dict[str, list[int]]:
    """Count the levels 1–5 of each item."""
    out = {}
    for name in ITEMS:
        found = pa.compute.value_counts(table[name].combine_chunks()).to_pylist()
        of = {one["values"]: one["counts"] for one in found}
        out[name] = [of.get(level, 0) for level in range(1, 6)]
    return out


def pandas_read(data: str, out: str) -> tuple[Any, Any]:
    import pandas as pd

    def run() -> None:
        frame = pd.read_csv(data, dtype=str, keep_default_na=False)
        levels = {"": None, "n/a": -127, "Agree": 4, **{str(one): one for one in range(1, 6)}}
        for name in ITEMS:
            frame[name] = frame[name].map(levels).astype("Int8")
        frame["date"] = pd.to_datetime(frame["date"], format="%Y-%m-%d")
        frame.to_parquet(out, index=False)

    return run, lambda _: {"counts": counts(pq.read_table(out, columns=ITEMS))}


def duckdb_copy(data: str, out: str) -> tuple[Any, Any]:
    import duckdb

    levels = ", ".join(
        f"case {name} when '' then null when 'n/a' then -127 when 'Agree' then 4 else {name}::tinyint end "
        f"as {name}"
        for name in ITEMS
    )

    def run() -> None:
        duckdb.sql(
            f"""copy (select id, role, unit, date::date as date, {levels}
            from read_csv('{data}', all_varchar = true, header = true)) to '{out}' (format parquet)"""
        )

    return run, lambda _: {"counts": counts(pq.read_table(out, columns=ITEMS))}


def main() -> None:
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with TemporaryDirectory(prefix="bench_import_") as folder:
        data, home = str(Path(folder, "survey.csv")), str(Path(folder, "home"))
        with console.status(f"making up {millions:g} million rows"):
            make(Path(data), int(millions * MILLION))
        size = Path(data).stat().st_size / 1e6
        one = {"rounds": 3, "calls": 1}
        ways = [
            Way("cx import", f"{HERE}:import_", {"home": home, "data": data}, **one),
            Way("cx import, again", f"{HERE}:import_", {"home": home, "data": data, "again": True}, **one),
            Way("pandas", f"{HERE}:pandas_read", {"data": data, "out": f"{folder}/pandas.parquet"}, **one),
            Way("duckdb", f"{HERE}:duckdb_copy", {"data": data, "out": f"{folder}/duckdb.parquet"}, **one),
        ]
        ours, again, *peers = measure(ways)
    title = f"{millions:g} million rows of 44 columns, {size:,.0f} MB of CSV, to Parquet"
    results = compare(title, ours, peers, [again])
    counted = [value["counts"] for way in (ours, again, *peers) for value in way.values]
    if any(other != counted[0] for other in counted):
        raise SystemExit("the ways do not agree on the levels")
    if {value["state"] for value in again.values} != {"unchanged"}:
        raise SystemExit("the same file again changed something")
    results |= {"millions": millions, "csv_mb": size, "again": again.seconds, "again_peak_mb": again.peak_mb}
    write("import", results)
    if ours.peak_mb > MOST_MB:
        raise SystemExit(f"the peak is {ours.peak_mb:,.0f} MB; expected at most {MOST_MB:,.0f}")


if __name__ == "__main__":
    main()
