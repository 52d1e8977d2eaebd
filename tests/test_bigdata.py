"""Datasets in parts: the same bits as a file, whoever reads them, in which order; all of it or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from cxlib.errors import ConflictError, IngestError, ReportError, SettingsError
from cxlib.extract import write_extract
from cxlib.live import LiveEngagement
from cxlib.run.reports import make_report
from cxlib.run.spread import over_cluster, over_processes
from cxlib.settings import read_settings
from cxlib.shares import shares_of, tally_share
from tests.clusters import local_cluster
from tests.conftest import Cx, refused
from tests.dying import dies
from tests.samples import MAPPING, created, mapping, share_of, survey

SIZES = {"owner": 60, "team": 400, "guest": 700}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The bakery's survey as text, a row a respondent."""
    path = survey(tmp_path_factory.mktemp("rows") / "all.csv", sizes=SIZES)
    names = path.read_text().splitlines()[0].split(",")
    options = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pa.csv.read_csv(path, convert_options=options)


def parted(table: pa.Table, folder: Path, parts: int, *, seed: int | None = None) -> Path:
    """Write a table as a dataset: in so many parts, or shuffled by `seed` first."""
    order = np.arange(len(table)) if seed is None else np.random.default_rng(seed).permutation(len(table))
    folder.mkdir()
    for at, chosen in enumerate(np.array_split(order, parts)):
        pq.write_table(table.take(pa.array(chosen)), folder / f"part-{at:02}.parquet")
    return folder


def home(folder: Path) -> LiveEngagement:
    """An engagement in a store of its own, with a key of its own."""
    return created(read_settings({"CX_HOME": str(folder)}))


def extract_of(eng: LiveEngagement, folder: Path) -> dict[str, bytes]:
    """Everything that would leave the building, byte for byte."""
    write_extract(eng.extract, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def imported(eng: LiveEngagement, path: Path, text: str = MAPPING, **options: Any) -> Any:
    return eng.import_file(path, mapping(path.parent, text), **options)


@pytest.fixture(scope="module")
def usual(rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the import of one CSV file gives."""
    folder = tmp_path_factory.mktemp("usual")
    pa.csv.write_csv(rows, folder / "all.csv", pa.csv.WriteOptions(quoting_style="none"))
    with home(folder / "home") as eng:
        found = imported(eng, folder / "all.csv").found
        assert found.rows == sum(SIZES.values())
        return extract_of(eng, folder / "extract")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with local_cluster() as started:
        yield started


def left_in(eng: LiveEngagement) -> list[Path]:
    return list(eng.store.staging().rglob("*"))


# ── The same bits ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("parts", "seed"), [(1, None), (7, None), (7, 3), (40, 4)])
def test_parts_in_any_number_and_order_give_the_bits_of_the_file(
    rows: pa.Table, usual: dict[str, bytes], tmp_path: Path, parts: int, seed: int | None
) -> None:
    with home(tmp_path / "home") as eng:
        done = imported(eng, parted(rows, tmp_path / "answers", parts, seed=seed))
        assert done.found.source.remarks == (f"{parts} parts",)
        assert extract_of(eng, tmp_path / "extract") == usual
        assert left_in(eng) == []
    assert {"drivers.parquet", "reliability.parquet", "estimates.parquet", "counts.parquet"} <= set(usual)


def test_processes_give_the_same_bits(rows: pa.Table, usual: dict[str, bytes], tmp_path: Path) -> None:
    with home(tmp_path / "home") as eng:
        eng.spread = over_processes(2)
        imported(eng, parted(rows, tmp_path / "answers", 5, seed=1))
        assert extract_of(eng, tmp_path / "extract") == usual


def test_a_cluster_gives_the_same_bits(
    rows: pa.Table, usual: dict[str, bytes], tmp_path: Path, cluster: Any
) -> None:
    with home(tmp_path / "home") as eng:
        eng.spread = over_cluster(cluster.scheduler_address)
        imported(eng, parted(rows, tmp_path / "answers", 5, seed=2))
        assert extract_of(eng, tmp_path / "extract") == usual
        assert left_in(eng) == []


def test_a_report_counted_by_a_cluster_says_the_same(rows: pa.Table, tmp_path: Path, cluster: Any) -> None:
    share = share_of(tmp_path, "engagement")
    pa.csv.write_csv(rows, tmp_path / "all.csv", pa.csv.WriteOptions(quoting_style="none"))
    made = []
    for source, spread in (
        (tmp_path / "all.csv", map),
        (parted(rows, tmp_path / "answers", 5, seed=6), over_cluster(cluster.scheduler_address)),
    ):
        settings = replace(read_settings({"CX_HOME": str(tmp_path / f"home-{source.stem}")}), share=share)
        with created(settings) as eng:
            eng.spread = spread
            imported(eng, source)
            made.append((make_report(eng, settings, formats=("json",)).folder / "results.json").read_bytes())
    assert made[0] == made[1]


def test_what_is_said_of_an_import_does_not_depend_on_its_parts(rows: pa.Table, tmp_path: Path) -> None:
    said = []
    for parts in (1, 9):
        with home(tmp_path / f"home{parts}") as eng:
            found = asdict(imported(eng, parted(rows, tmp_path / f"{parts}", parts, seed=parts)).found)
            said.append({name: found[name] for name in ("rows", "items", "roles", "segments", "last_date")})
            said[-1]["notes"] = found["notes"][2:]
    assert said[0] == said[1]


def test_shares_of_any_size_add_up_to_the_same(rows: pa.Table, tmp_path: Path) -> None:
    with home(tmp_path / "home") as eng:
        done = imported(eng, parted(rows, tmp_path / "answers", 1))
        stored = pq.read_table(eng.store.batch_path(done.batch))
        # The store's own row groups hold more than this survey has.
        small = tmp_path / "small.parquet"
        pq.write_table(stored, small, row_group_size=90)
        items = [eng.instrument.scales[name] for name in ("grain.mill", "oven.crust", "ask.recommend")]
        for dims, cuts in ((("wave", "role", "shop"), [("role",)]), (("wave", "role", "shard"), None)):
            found = []
            for size in (1, 3, 100):
                shares = list(shares_of(small, "w1", items, dims, framework="f", cuts=cuts, size=size))
                found.append(sum(map(tally_share, shares[1:]), tally_share(shares[0])))
            assert found[0] == found[1] == found[2]
            # A file of an earlier version says no shard: there the order of its rows does, in any shares.
            pq.write_table(stored.drop_columns("shard"), old := tmp_path / "old.parquet", row_group_size=90)
            shares = [
                list(shares_of(old, "w1", items, dims, framework="f", cuts=cuts, size=size))
                for size in (2, 100)
            ]
            one, other = (sum(map(tally_share, some[1:]), tally_share(some[0])) for some in shares)
            assert one == other


def test_a_folder_under_keys_gives_the_same_bits(
    rows: pa.Table, usual: dict[str, bytes], tmp_path: Path
) -> None:
    """`wave=` chooses the parts; another key is a column, which no file needs to hold."""
    folder = tmp_path / "answers"
    for shop in rows["Shop"].unique().to_pylist():
        (folder / "wave=w1" / f"Shop={shop}").mkdir(parents=True)
        chosen = rows.filter(pa.compute.equal(rows["Shop"], shop)).drop_columns("Shop")
        pq.write_table(chosen, folder / "wave=w1" / f"Shop={shop}" / "part-0.parquet")
    (folder / "wave=w2").mkdir()
    pq.write_table(rows.slice(0, 3), folder / "wave=w2" / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    with home(tmp_path / "home") as eng:
        assert imported(eng, folder, wave="w1").found.rows == len(rows)
        assert extract_of(eng, tmp_path / "extract") == usual
        shutil.rmtree(folder / "wave=w1" / "Shop=market")
        pq.write_table(rows.slice(0, 3), folder / "wave=w1" / "Shop=station" / "part-0.parquet")
        pq.write_table(rows.slice(0, 0), folder / "wave=w1" / "Shop=harbour" / "part-0.parquet")
        with pytest.raises(ConflictError, match="3 of 3 respondents") as caught:
            imported(eng, folder, wave="w1")
        assert "cx undo" in str(caught.value)
        shutil.rmtree(folder / "wave=w1")
        with pytest.raises(IngestError, match="no part of wave w1; there are: w2"):
            imported(eng, folder, wave="w1")


def test_the_same_dataset_twice_changes_nothing_whatever_its_parts_are_called(
    rows: pa.Table, tmp_path: Path
) -> None:
    folder = parted(rows, tmp_path / "answers", 3)
    with home(tmp_path / "home") as eng:
        assert imported(eng, folder, dry_run=True).state == "dry run"
        assert eng.store.batches("crumbs") == []
        assert imported(eng, folder).state == "imported"
        for at, path in enumerate(sorted(folder.iterdir())):
            path.rename(folder / f"renamed-{9 - at}.parquet")
        assert imported(eng, folder).state == "unchanged"
        eng.undo()
        assert imported(eng, folder).state == "imported"


def test_who_stands_where_does_not_depend_on_the_parts_read_at_once(
    rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column without a blank in some rows, and with one in others, gives the same numbers of answers."""
    with home(tmp_path / "home") as eng:
        seen = []
        for parts, at_once in ((1, 1 << 17), (6, 10)):
            monkeypatch.setattr("cxlib.outgoing.ROWS", at_once)
            imported(eng, parted(rows, tmp_path / f"{parts}", parts, seed=parts))
            seen.append(eng.issued()["w1"])
            eng.undo()
    one, other = seen
    assert len(one.digests) == len(np.unique(one.digests)) == len(rows)
    for name in ("cells", "shown", "withheld", "items"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("digests", "places", "answered", "people"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    answered = given_in(rows, "mill")
    assert int(one.who_answered("grain.mill").sum()) == answered
    assert not one.who_answered("nothing").any()


def given_in(rows: pa.Table, column: str) -> int:
    return sum(text not in ("", "no idea") for text in rows[column].to_pylist())


# ── Faults ──────────────────────────────────────────────────────────────────────────────────────


def hold_untouched(eng: LiveEngagement) -> None:
    """Hold that a refused import left nothing."""
    assert left_in(eng) == []
    assert eng.store.batches("crumbs") == []


def test_what_breaks_the_mapping_is_named_by_part_and_row(rows: pa.Table, tmp_path: Path) -> None:
    folder = parted(rows, tmp_path / "answers", 4)
    broken = pq.read_table(folder / "part-02.parquet").to_pandas()
    broken.loc[5, "mill"] = "eleven"
    broken.loc[9, "Role"] = "baker"
    pq.write_table(pa.Table.from_pandas(broken, preserve_index=False), folder / "part-02.parquet")
    # One person in two parts, and one twice in a part: each row is named once.
    doubled = pq.read_table(folder / "part-00.parquet")
    pq.write_table(
        pa.concat_tables([pq.read_table(folder / "part-03.parquet"), doubled.slice(0, 1)]),
        folder / "part-03.parquet",
    )
    pq.write_table(pa.concat_tables([doubled, doubled.slice(7, 1)]), folder / "part-00.parquet")
    last = len(pq.read_table(folder / "part-03.parquet")) + 1
    with home(tmp_path / "home") as eng:
        with pytest.raises(IngestError) as caught:
            imported(eng, folder)
        hold_untouched(eng)
    said = [str(one) for one in caught.value.details]
    assert caught.value.headline == f"6 of {len(rows) + 2:,} rows in answers break mapping crumbs"
    assert said == [
        "row 2 of part-00.parquet, column Person: the same id as row "
        f"{last} of part-03.parquet; expected each id once",
        "row 9 of part-00.parquet, column Person: the same id as row "
        f"{len(doubled) + 2} of part-00.parquet; expected each id once",
        f"row {len(doubled) + 2} of part-00.parquet, column Person: the same id as row "
        "9 of part-00.parquet; expected each id once",
        said[3],
        said[4],
        f"row {last} of part-03.parquet, column Person: the same id as row "
        "2 of part-00.parquet; expected each id once",
    ]
    assert said[3].startswith("row 7 of part-02.parquet, column mill")
    assert said[4].startswith("row 11 of part-02.parquet, column Role")


def test_a_damaged_part_is_named(rows: pa.Table, tmp_path: Path) -> None:
    folder = parted(rows, tmp_path / "answers", 3)
    whole = (folder / "part-01.parquet").read_bytes()
    with home(tmp_path / "home") as eng:
        for spread in (map, over_processes(2)):
            eng.spread = spread
            (folder / "part-01.parquet").write_bytes(whole[: len(whole) // 2])
            with pytest.raises(IngestError, match=r"part-01\.parquet is a damaged or truncated Parquet"):
                imported(eng, folder)
            hold_untouched(eng)
        (folder / "part-01.parquet").write_bytes(b"Person,Role\n")
        with pytest.raises(IngestError, match=r"part-01\.parquet: is not a Parquet file"):
            imported(eng, folder)
        pq.write_table(rows.slice(0, 5).drop_columns("mill"), folder / "part-01.parquet")
        with pytest.raises(IngestError, match=r"part-01\.parquet does not have the columns"):
            imported(eng, folder)
        hold_untouched(eng)
        (tmp_path / "empty").mkdir()
        with pytest.raises(IngestError, match="holds no Parquet file"):
            imported(eng, tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MAPPING.replace("id: Person\n", ""), "names no `id`"),
        (MAPPING.replace("items:\n", "long: {item: Question, answer: Answer}\nitems:\n", 1), "pivot"),
    ],
)
def test_what_cannot_be_read_in_parts_is_refused_with_the_next_move(
    rows: pa.Table, tmp_path: Path, text: str, said: str
) -> None:
    folder = parted(rows, tmp_path / "answers", 2)
    with home(tmp_path / "home") as eng:
        with pytest.raises(IngestError, match="dataset in parts") as caught:
            imported(eng, folder, text)
        assert said in str(caught.value)
        hold_untouched(eng)


def slowly(task: Any) -> Any:
    """Convert a part, once a worker has had the time to be killed."""
    time.sleep(0.6)
    from cxlib.datasets import convert_part

    return convert_part(task)


def test_a_worker_that_is_killed_changes_no_bit(
    rows: pa.Table, usual: dict[str, bytes], tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxlib.datasets.convert_part", slowly)
    killed = []

    def kill() -> None:
        killed.append(next(iter(cluster.workers.values())).process.pid)
        os.kill(killed[0], signal.SIGKILL)

    with home(tmp_path / "home") as eng:
        eng.spread = over_cluster(cluster.scheduler_address)
        timer = threading.Timer(1.5, kill)
        timer.start()
        imported(eng, parted(rows, tmp_path / "answers", 12, seed=8))
        timer.join()
        assert killed
        assert extract_of(eng, tmp_path / "extract") == usual
        assert left_in(eng) == []


def test_a_process_that_dies_is_replaced_and_at_last_given_up(tmp_path: Path) -> None:
    tasks = [tmp_path / f"{at}" for at in range(3)]
    assert list(over_processes(2)(dies, tasks)) == ["0", "1", "2"]
    with pytest.raises(ReportError, match="3 workers in a row were lost over"):
        list(over_processes(2)(dies, [tmp_path / "a.always"]))


def test_a_damaged_part_on_a_cluster_leaves_nothing(rows: pa.Table, tmp_path: Path, cluster: Any) -> None:
    folder = parted(rows, tmp_path / "answers", 12)
    whole = (folder / "part-00.parquet").read_bytes()
    (folder / "part-00.parquet").write_bytes(whole[: len(whole) // 2])
    with home(tmp_path / "home") as eng:
        eng.spread = over_cluster(cluster.scheduler_address)
        with pytest.raises(IngestError, match=r"part-00\.parquet is a damaged or truncated Parquet"):
            imported(eng, folder)
        hold_untouched(eng)


def test_a_cluster_that_does_not_answer_is_named(rows: pa.Table, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with home(tmp_path / "home") as eng:
        eng.spread = over_cluster("tcp://127.0.0.1:9")
        with pytest.raises(SettingsError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
            imported(eng, parted(rows, tmp_path / "answers", 2))
        hold_untouched(eng)


# ── The command line ────────────────────────────────────────────────────────────────────────────


def test_the_commands_take_a_dataset_and_a_cluster(
    rows: pa.Table, usual: dict[str, bytes], tmp_path: Path, cx: Cx, cluster: Any
) -> None:
    address = cluster.scheduler_address
    with home(tmp_path / "home"):
        pass
    folder, map_ = parted(rows, tmp_path / "answers", 3), mapping(tmp_path)
    said = cx("import", "crumbs", folder, "--mapping", map_, "--cluster", address)
    assert (said.code, said.err) == (0, "")
    assert "Imported 1160 responses into wave w1" in said.out
    assert "3 parts" in said.out
    alone = cx("tally", "crumbs", "--by", "role", "--json")
    assert alone.data["answers"]
    assert cx("tally", "crumbs", "--by", "role", "--json", "--cluster", address).out == alone.out
    run = cx("report", "crumbs", "--notebook", "0_overview", "--cluster", address, "--json").data["folder"]
    assert {path.name: path.read_bytes() for path in sorted(Path(run, "extract").iterdir())} == usual
    refused(cx("import", "crumbs", tmp_path / "nowhere", "--mapping", map_), "no file")
