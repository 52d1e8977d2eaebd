"""Figures that stay the same as long as nothing of theirs changes: counted once, and kept beside the store.

    data/local/figures/<engagement>/<key>/    groups.parquet … drivers.parquet
                                              or scores … .parquet and comparisons … .json

Ten notebooks of a workshop, a report and its exports all begin with the same count, audit and intervals. What
is kept is what an extract holds of them: it passed the door, and no person is in it. The key names all that
they depend on, so that no figure is ever told of answers, a plan or a package that are not today's.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxlib.anonymity import Release
from cxlib.engagement import Engagement
from cxlib.errors import ContractError
from cxlib.extract import CONTRACTS, COUNTED, read_frame, write_frame
from cxlib.frames import ROLE
from cxlib.provenance import digest, made_by
from cxlib.worked import Worked, place_beside

if TYPE_CHECKING:
    import pandas as pd

# States of an engagement that are kept: its waves in two languages, and what was before a correction; of
# each the figures, and what is worked out of them.
MOST: Final = 16
# Nobody takes longer to write a few small files.
SETTLED_SECONDS: Final = 3600.0
MEASURED: Final = (*COUNTED, "estimates", "reliability", "drivers")


@dataclass(frozen=True)
class Figures:
    """What is counted and worked out of the answers up to a wave, as an extract holds it."""

    release: Release
    estimates: pd.DataFrame
    reliability: pd.DataFrame
    drivers: pd.DataFrame


def kept_figures(
    folder: Path,
    depends_on: Sequence[Any],
    *,
    cuts: tuple[tuple[str, ...], ...],
    dims: tuple[str, ...],
    threshold: int,
    make: Callable[[], Figures],
) -> Figures:
    """Return the figures of a state: those that are kept of it, or new ones, which are kept from now on.

    Parameters
    ----------
    folder
        The engagement's; made where there is none.
    depends_on
        All that the figures depend on but the package, each with a `repr` of its own.
    cuts, dims, threshold
        The release plan, its dimensions, and the smallest group shown.

    What cannot be read is made anew, and what cannot be kept, on a full disk say, is told all the same.
    """
    key = digest(json.dumps([repr(list(depends_on)), made_by()], sort_keys=True).encode())[:32]
    with suppress(OSError, ContractError):
        return _read(folder / key, cuts, dims, threshold)
    made = make()
    with suppress(OSError):
        _keep(folder, key, lambda part: _write(made, part))
    return made


def put_beside(
    extract: Path, eng: Engagement, folder: Path | None = None, *, with_trend: bool = True
) -> Worked:
    """Put the scores and comparisons of an extract beside it, those that are kept or new ones; return them.

    Parameters
    ----------
    extract
        The extract's folder.
    eng
        The wave of it that is reported.
    folder
        Where the engagement's figures are kept; None where nothing is to be.
    with_trend
        Of the waves before it, too, the scores of everyone.
    """
    place = place_beside(extract)
    made = Worked(place, eng.extract.release.dims)
    of = [place.name, eng.wave.id, with_trend, made_by()]
    key = digest(json.dumps(of, sort_keys=True).encode())[:32]
    if folder is not None and (folder / key).is_dir():
        with suppress(OSError):
            shutil.copytree(folder / key, place)
            os.utime(folder / key)
            return made
        # Half a copy, where somebody cleared up meanwhile.
        shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for cut in ((), (ROLE,)):
        if cut in eng.extract.release.cuts:
            made.keep_scores(eng.wave.id, cut, eng.scores(by=cut))
    for wave in list(eng.wave_names)[:-1] if with_trend else ():
        made.keep_scores(wave, (), eng.at(wave).scores())
    made.keep_comparisons(eng.wave.id, eng.comparisons())
    if folder is not None:
        with suppress(OSError):
            _keep(folder, key, lambda part: shutil.copytree(place, part, dirs_exist_ok=True))
    return made


def forget(folder: Path) -> None:
    """Remove all that is kept of an engagement: some of whose answers are no more."""
    shutil.rmtree(folder, ignore_errors=True)


def _read(place: Path, cuts: tuple[tuple[str, ...], ...], dims: tuple[str, ...], threshold: int) -> Figures:
    frames = {name: read_frame(place, name, dims) for name in MEASURED}
    counted = {name: frames.pop(name) for name in COUNTED}
    # The least recently used goes first.
    os.utime(place)
    return Figures(Release(cuts=cuts, dims=dims, threshold=threshold, **counted), **frames)


def _write(made: Figures, part: Path) -> None:
    held = {**vars(made.release), **vars(made)}
    for name in MEASURED:
        write_frame(held[name], part, name, CONTRACTS[name].names(made.release.dims))


def _keep(folder: Path, key: str, write: Callable[[Path], object]) -> None:
    """Write something under its key, in one rename, and clear up."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f".{key}-{secrets.token_hex(4)}"
    try:
        part.mkdir(mode=0o700)
        write(part)
        # Somebody else may have been first: theirs are the same.
        with suppress(OSError):
            part.rename(folder / key)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    latest_first = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
    settled = time.time() - SETTLED_SECONDS
    # What a killed process left half, and what has not been used for longest.
    left = [one for one in latest_first if one.name.startswith(".") and one.stat().st_mtime < settled]
    for old in (*left, *[one for one in latest_first if not one.name.startswith(".")][MOST:]):
        shutil.rmtree(old, ignore_errors=True)
