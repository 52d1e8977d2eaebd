"""The extract: the folder that leaves the building. Suppressed counts, estimates, and no person.

    extract/
      extract.json          what it is: engagement, wave, framework, release plan, roles, dates
      framework.yaml        the instrument, byte for byte as it was used
      groups.parquet  counts.parquet  withheld.parquet  bounds.parquet
      estimates.parquet  reliability.parquet  drivers.parquet  invited.parquet
      comments.parquet      what people wrote, where the door and a person of the house let it pass
      commentary.json       what the analyst says to this report
      registers.json        touch points, promises, standards, measures, actions: roles, and nobody's name

The files have no place for ids, moments or rows: a column that is not named here is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlib.anonymity import Release
from cxlib.commentary import Commentary
from cxlib.errors import ContractError, NotFoundError, Problem
from cxlib.frames import (
    BOUNDS,
    COMMENTS,
    COUNTS,
    DRIVERS,
    ESTIMATES,
    GROUPS,
    INVITED,
    RELIABILITY,
    ROLE,
    WITHHELD,
    check,
    no_comments,
)
from cxlib.registers import Kept, Registers, from_plain

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 5
# Without comments, and the same besides.
BEFORE_COMMENTS = 4
REGISTERS = "registers.json"
COMMENTARY = "commentary.json"


@dataclass(frozen=True)
class RoleFacts:
    """A role of the engagement: its name, whether staff or customer, people in all, weight."""

    id: str
    name: str
    kind: str
    population: int | None
    weight: float


@dataclass(frozen=True)
class WaveFacts:
    """A wave, and what it was asked.

    `unchanged` is the share [0–1] of items asked in the same words as in the extract's own wave: only
    those of an earlier wave are in the extract.
    """

    id: str
    name: str
    date: str | None
    framework: str = ""
    unchanged: float = 1.0


@dataclass(frozen=True)
class Facts:
    """Everything an extract says beside its frames.

    `waves` are those up to the extract's own, oldest first; `targets` levels 1–5 by step or item id;
    `declared` the items and constructs that mappings declared; `data_date` the last answer's date;
    `questions` the open questions of the extract's wave by id, whether or not a comment may be shown;
    `quality` what may be told of its imports, see :mod:`cxlib.quality`.
    """

    engagement: str
    client: str
    wave: str
    waves: tuple[WaveFacts, ...]
    language: str
    framework: str
    framework_digest: str
    roles: tuple[RoleFacts, ...]
    segments: Mapping[str, str]
    cuts: tuple[tuple[str, ...], ...]
    threshold_scores: int
    threshold_comments: int
    targets: Mapping[str, float]
    declared: Mapping[str, list[dict[str, object]]]
    data_date: str | None
    notes: tuple[str, ...]
    library: str
    questions: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class Extract:
    """One extract in memory; the same whether it was just made or read from its folder."""

    facts: Facts
    framework_document: str
    release: Release
    estimates: pd.DataFrame
    reliability: pd.DataFrame
    drivers: pd.DataFrame
    invited: pd.DataFrame
    registers: Mapping[str, Kept] = field(default_factory=dict)
    commentary: Commentary = field(default_factory=Commentary)
    comments: pd.DataFrame = field(default_factory=no_comments)


def write_extract(extract: Extract, folder: Path) -> None:
    """Write an extract into a new folder.

    Raises
    ------
    ContractError
        If a frame holds a column that an extract has no place for.
    """
    folder.mkdir(parents=True)
    dims = extract.release.dims
    for name, frame, columns in _files(extract, dims):
        extra = set(frame.columns) - set(columns)
        if extra:
            raise ContractError(
                f"the extract has no place for {name} columns {', '.join(sorted(map(str, extra)))}",
                fix="Only counts and estimates that passed the door may leave the building.",
            )
        write_frame(frame, folder, name, columns)
    (folder / "framework.yaml").write_bytes(extract.framework_document.encode())
    # Not sorted: the order of the segments is the order of the columns.
    text = json.dumps(asdict(extract.facts), ensure_ascii=False, indent=1)
    (folder / "extract.json").write_text(text + "\n", encoding="utf-8")
    kept = Registers(extract.facts.engagement, extract.registers).to_plain()
    text = json.dumps(kept, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / REGISTERS).write_text(text + "\n", encoding="utf-8")
    text = json.dumps(extract.commentary.to_plain(), ensure_ascii=False, indent=1)
    (folder / COMMENTARY).write_text(text + "\n", encoding="utf-8")


def read_extract(folder: Path) -> Extract:
    """Read an extract, and check that it is whole.

    Raises
    ------
    NotFoundError
        If the folder or one of its files is missing.
    ContractError
        If a file was changed in a way that breaks its contract, or the framework is not the one used.
    """
    import pandas as pd

    wanted = (
        *(f"{name}.parquet" for name in CONTRACTS),
        "framework.yaml",
        "extract.json",
        REGISTERS,
        COMMENTARY,
    )
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise NotFoundError(
            f"no extract in {folder.name}/: {', '.join(missing)} missing",
            fix="Give the `extract` folder of a run.",
        )
    with readable(folder, "extract.json"):
        facts = _facts(json.loads((folder / "extract.json").read_text(encoding="utf-8")))
    with readable(folder, "framework.yaml"):
        document = (folder / "framework.yaml").read_bytes().decode()
    if hashlib.sha256(document.encode()).hexdigest() != facts.framework_digest:
        raise ContractError(
            f"{folder.name}/framework.yaml is not the framework that the answers were given to",
            problems=[Problem("framework.yaml", "digest differs", "another file", facts.framework)],
            fix="Restore the run folder, or make the report again.",
        )
    dims = (ROLE, *facts.segments)
    frames = {name: read_frame(folder, name, dims) for name in CONTRACTS}
    counted = {name: frames.pop(name) for name in COUNTED}
    release = Release(cuts=facts.cuts, dims=dims, threshold=facts.threshold_scores, **counted)
    comments = no_comments()
    if facts.format > BEFORE_COMMENTS:
        with readable(folder, f"{COMMENTS.name}.parquet"):
            comments = check(pd.read_parquet(folder / f"{COMMENTS.name}.parquet"), COMMENTS)
    with readable(folder, REGISTERS):
        registers = from_plain(json.loads((folder / REGISTERS).read_text(encoding="utf-8")))
    with readable(folder, COMMENTARY):
        said = Commentary.from_plain(json.loads((folder / COMMENTARY).read_text(encoding="utf-8")))
    return Extract(
        facts, document, release, **frames, registers=registers, commentary=said, comments=comments
    )


def read_frame(folder: Path, name: str, dims: tuple[str, ...]) -> pd.DataFrame:
    """Read one of :data:`CONTRACTS`, and check it.

    Raises
    ------
    ContractError
        If the file cannot be read, or breaks its contract.
    """
    import pandas as pd

    with readable(folder, f"{name}.parquet"):
        return check(pd.read_parquet(folder / f"{name}.parquet"), CONTRACTS[name], dims)


def write_frame(frame: pd.DataFrame, folder: Path, name: str, columns: Sequence[str]) -> None:
    """Write a frame, uncompressed: a search of its bytes for a person's data is a search of the content."""
    frame[list(columns)].to_parquet(folder / f"{name}.parquet", index=False, compression="none")


def digest_of(folder: Path) -> str:
    """Return one digest of an extract's files, names included."""
    files = ((path.name, hashlib.sha256(path.read_bytes())) for path in sorted(folder.iterdir()))
    lines = [f"{name} {digest.hexdigest()}" for name, digest in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# The frames of an extract by group, each in a file of its name.
CONTRACTS = {
    "groups": GROUPS,
    "counts": COUNTS,
    "withheld": WITHHELD,
    "bounds": BOUNDS,
    "estimates": ESTIMATES,
    "reliability": RELIABILITY,
    "drivers": DRIVERS,
    "invited": INVITED,
}
# Those of the release itself.
COUNTED = ("groups", "counts", "withheld", "bounds")


def _files(extract: Extract, dims: tuple[str, ...]) -> list[tuple[str, pd.DataFrame, list[str]]]:
    held = {**vars(extract.release), **vars(extract)}
    found = [(name, held[name], contract.names(dims)) for name, contract in CONTRACTS.items()]
    # No cut and no segment: comments stand under a role, or under none.
    return [*found, (COMMENTS.name, extract.comments, COMMENTS.names())]


@contextmanager
def readable(folder: Path, name: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a reader say into one sentence."""
    try:
        yield
    except ContractError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        cause = next(iter(str(error).splitlines()), type(error).__name__)
        raise ContractError(
            f"{folder.name}/{name} cannot be read: {cause[:200]}",
            fix="Restore the run folder, or make the report again.",
        ) from None


def _facts(plain: dict[str, Any]) -> Facts:
    if plain.get("format") not in (BEFORE_COMMENTS, FORMAT):
        raise ContractError(
            f"the extract has format {plain.get('format')}; this cxlib reads format {FORMAT}",
            fix="Make the report again with this version.",
        )
    return Facts(
        **{
            **plain,
            "waves": tuple(WaveFacts(**one) for one in plain["waves"]),
            "roles": tuple(RoleFacts(**one) for one in plain["roles"]),
            "cuts": tuple(tuple(cut) for cut in plain["cuts"]),
            "notes": tuple(plain["notes"]),
        }
    )
