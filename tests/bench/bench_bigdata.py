"""A dataset in parts, from raw Parquet to the figures of a report: seconds and peak memory, by its size.

Respondents × 42 items in parts of 62,500, ids in no order. `import` reads the parts into the store,
`count` makes the tally of all cells from there, `report` all that a report needs before its notebooks:
moments, shards, the door, estimates, and who stands where. Peers count the same cells (role, unit, item,
answer) from the raw parts, and must agree with `count` to the last one; none of them checks ids, levels or
values, nor makes a moment. Data are made up, seeded, and removed afterwards.

    python -m tests.bench.bench_bigdata [MILLIONS]
"""

from __future__ import annotations

import os
import sys
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.bench_tally import MILLION, NAMES, digest
from tests.bench.harness import Measured, Way, console, measure, write

ROWS_A_PART = 62_500
UNITS = [f"unit {at}" for at in range(6)]
ROLES = ["leadership", "management", "frontline", "customer"]
HERE = "tests.bench.bench_bigdata"


def make(folder: Path, rows: int, seed: int = 2026) -> None:
    """Write the parts: 3 % blank, ids in no order, nothing that a mapping would refuse."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    ids = rng.permutation(rows)
    for at, chosen in enumerate(np.split(ids, range(ROWS_A_PART, rows, ROWS_A_PART))):
        size = len(chosen)
        columns = {
            "id": pa.array([f"R-{one:09}" for one in chosen]),
            "role": pa.DictionaryArray.from_arrays(rng.integers(0, 4, size, np.int8), ROLES),
            "unit": pa.DictionaryArray.from_arrays(rng.integers(0, 6, size, np.int8), UNITS),
        }
        for name in NAMES:
            values = rng.integers(1, 6, size, np.int8)
            columns[name] = pa.array(values, mask=rng.random(size) < 0.03)
        pq.write_table(pa.table(columns), folder / f"part-{at:03}.parquet")


def mapping(folder: Path) -> Path:
    path = folder / "mapping.yaml"
    items = "\n".join(f"  - {{item: {name}, column: {name}}}" for name in NAMES)
    path.write_text(
        "mapping: big\nid: id\nrole: {column: role}\nsegments: {unit: {column: unit}}\n"
        f"items:\n{items}\n"
    )
    return path


def engagement(home: Path) -> None:
    from cxlib.creation import add_engagement
    from cxlib.declarations import EngagementSpec
    from cxlib.framework import find_framework, load_framework
    from cxlib.settings import read_settings
    from cxlib.store import Store

    settings = read_settings({"CX_HOME": str(home)})
    plain = {
        "engagement": "big", "name": "Big", "framework": "cx7", "languages": ["en"],
        "roles": {role: {} for role in ROLES}, "segments": {"unit": {"name": "Unit"}},
        "waves": [{"id": "w1"}],
    }  # fmt: skip
    with Store.open(settings) as store:
        framework = load_framework(find_framework("cx7", settings.frameworks))
        add_engagement(store, EngagementSpec.model_validate(plain), framework)


def opened(home: str, workers: int = 1, cluster: str = "") -> Any:
    from cxlib.opening import open_live
    from cxlib.run.spread import over_cluster, over_processes
    from cxlib.settings import read_settings

    spread = over_cluster(cluster) if cluster else over_processes(workers)
    return open_live("big", settings=read_settings({"CX_HOME": home}), spread=spread)


def import_(home: str, data: str, workers: int = 1, cluster: str = "") -> tuple[Any, Any]:
    def run() -> Any:
        # A home of its own, so that each round imports for the first time.
        if not Path(home).exists():
            engagement(Path(home))
        with opened(home, workers, cluster) as eng:
            if eng.store.batches("big"):
                eng.undo()
            found = eng.import_file(Path(data), mapping(Path(data).parent)).found
            return found, [worker_peak_mb(one.pid or 0) for one in active_children()]

    def finish(made: Any) -> Any:
        found, peaks = made
        return {"rows": found.rows, "largest_worker_mb": max(peaks, default=0.0)}

    return run, finish


def count(home: str, cluster: str = "", *, moments: bool = False) -> tuple[Any, Any]:
    def run() -> Any:
        with opened(home, cluster=cluster) as eng:
            return eng.tally(moments=moments)

    def finish(made: Any) -> str:
        at = [made.dims.index(dim) for dim in ("role", "unit")]
        return digest(
            (key[at[0]], key[at[1]], item.item, answer, n)
            for item in made.items
            for key, counts in zip(made.keys, made.item_counts(item.item).tolist(), strict=True)
            for answer, n in zip(item.answers, counts, strict=True)
        )

    return run, finish


def report(home: str, cluster: str = "") -> tuple[Any, Any]:
    import hashlib

    def run() -> Any:
        with opened(home, cluster=cluster) as eng:
            issued = eng.issued()
            eng.check_rerelease(issued)
            return eng.extract

    def finish(made: Any) -> str:
        frames = (made.release.counts, made.estimates, made.reliability, made.drivers)
        return hashlib.sha256("".join(frame.to_csv() for frame in frames).encode()).hexdigest()

    return run, finish


def pandas_by_column(data: str) -> tuple[Any, Any]:
    import pandas as pd

    def run() -> Any:
        answers = pd.read_parquet(data, columns=["role", "unit", *NAMES])
        by = {
            name: answers.groupby(["role", "unit", name], observed=True, dropna=False).size()
            for name in NAMES
        }
        return pd.concat(by)

    return run, lambda sizes: digest((key[1], key[2], key[0], key[3], n) for key, n in sizes.items())


def duckdb_unpivot(data: str) -> tuple[Any, Any]:
    import duckdb

    def run() -> Any:
        return duckdb.sql(
            f"""select role, unit, item, answer, count(*) as n
            from (select * exclude (id) from read_parquet('{data}/*.parquet'))
            unpivot include nulls (answer for item in (columns(* exclude (role, unit))))
            group by all"""
        ).to_arrow_table()

    return run, lambda table: digest(zip(*(column.to_pylist() for column in table.columns), strict=True))


def polars_unpivot(data: str) -> tuple[Any, Any]:
    import polars as pl

    def run() -> Any:
        answers = pl.scan_parquet(f"{data}/*.parquet").drop("id")
        long = answers.unpivot(index=["role", "unit"], variable_name="item", value_name="answer")
        return long.group_by("role", "unit", "item", "answer").len().collect(engine="streaming")

    return run, lambda frame: digest(frame.iter_rows())


def main() -> None:
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    sizes = [millions / 2, millions]
    results: dict[str, Any] = {"millions": millions, "by_size": {}}
    agreed = True
    with TemporaryDirectory(prefix="bench_bigdata_") as folder:
        for size in sizes:
            place = Path(folder, f"{size:g}")
            place.mkdir()
            with console.status(f"making up {size:g} million respondents"):
                make(place / "data", int(size * MILLION))
            data, homes = str(place / "data"), [str(place / f"home{at}") for at in range(2)]
            once = {"rounds": 1, "calls": 1}
            found = measure(
                [
                    Way("import, this process", f"{HERE}:import_", {"home": homes[0], "data": data}, **once),
                    Way(
                        "import, two processes", f"{HERE}:import_",
                        {"home": homes[1], "data": data, "workers": 2}, **once,
                    ),
                    Way("count", f"{HERE}:count", {"home": homes[0]}, **once),
                    Way("count, with moments", f"{HERE}:count", {"home": homes[0], "moments": True}, **once),
                    Way("report", f"{HERE}:report", {"home": homes[0]}, **once),
                    Way("report, imported by two", f"{HERE}:report", {"home": homes[1]}, **once),
                    Way("polars", f"{HERE}:polars_unpivot", {"data": data}, **once),
                    Way("duckdb", f"{HERE}:duckdb_unpivot", {"data": data}, **once),
                    Way("pandas", f"{HERE}:pandas_by_column", {"data": data}, **once),
                ]
            )  # fmt: skip
            show(f"{size:g} million respondents × 42 items", found)
            by_name = {one.name: one for one in found}
            counted = {
                by_name[name].values[0]
                for name in ("count", "count, with moments", "polars", "duckdb", "pandas")
            }
            reported = {by_name[name].values[0] for name in ("report", "report, imported by two")}
            agreed &= len(counted) == len(reported) == 1
            results["by_size"][f"{size:g}"] = {
                one.name: {"seconds": one.seconds, "peak_mb": one.peak_mb, "value": one.values[0]}
                for one in found
            }
            if size == millions:
                results |= over_dask(homes[0], by_name["report"])
                agreed &= results["dask"]["is_same"]
    console.print(f"all ways give the same counts, and the same report: {'yes' if agreed else 'NO'}")
    write("bigdata", results | {"is_agreed": agreed})
    if not agreed:
        raise SystemExit("the ways disagree")


def over_dask(home: str, alone: Measured) -> dict[str, Any]:
    """Count once more by two workers of a Dask cluster on this machine."""
    from distributed import LocalCluster

    os.environ["OMP_NUM_THREADS"] = "1"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        address = cluster.scheduler_address
        way = Way("report, Dask, two workers", f"{HERE}:report", {"home": home, "cluster": address}, 1, 1)
        (found,) = measure([way])
        pids = [one.process.pid for one in cluster.workers.values()]
        peaks = [worker_peak_mb(pid) for pid in pids]
    show("the same on a Dask cluster", [found])
    console.print(f"each worker's peak: {', '.join(f'{one:.0f}' for one in peaks)} MB")
    return {
        "dask": {
            "seconds": found.seconds, "peak_mb": found.peak_mb, "workers_peak_mb": peaks,
            "is_same": found.values == alone.values,
        }
    }  # fmt: skip


def worker_peak_mb(pid: int) -> float:
    """Return the highest resident memory of another process, in MB of 10⁶ bytes; 0 where it is not told."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def show(title: str, found: list[Measured]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in ("way", "s", "peak MB", "largest worker MB"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for one in found:
        worker = one.values[0].get("largest_worker_mb", 0) if isinstance(one.values[0], dict) else 0
        table.add_row(one.name, f"{one.seconds:.1f}", f"{one.peak_mb:.0f}", f"{worker:.0f}" if worker else "")
    console.print(table)


if __name__ == "__main__":
    main()
