"""Which rows of a survey file a person's choice leaves out: known before any of it is converted for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from cxlib.conversion import plan
from cxlib.errors import IngestError
from cxlib.frames import ItemScale
from cxlib.ingest import Reader, open_mapped
from cxlib.mapping import MappingSpec
from cxlib.screening import Screening


def chosen_rows(
    path: Path,
    mapping: MappingSpec,
    drop: Sequence[str],
    *,
    scales: Mapping[str, ItemScale],
    roles: Sequence[str],
    segments: Sequence[str],
    key: bytes,
) -> tuple[Screening, np.ndarray]:
    """Read a file once to find the responses that are left out: who hurried is known at its end.

    Parameters
    ----------
    drop
        Kinds of responses; see :data:`cxlib.screening.KINDS`.

    The rest is as of :func:`cxlib.ingest.convert`.

    Returns
    -------
    What was found among all responses, and the numbers of the rows that are left out, sorted.

    Raises
    ------
    IngestError
        If the file cannot be read, does not tell what is to be left out, or nothing would be left of it.
    """
    planned = plan(mapping, scales, roles, segments)
    with closing(open_mapped(path, mapping)) as survey:
        reader = Reader(survey, path.name, planned, key)
        reader.screener.check(drop, path.name)
        for _ in reader.tables():
            pass
        ids = None if mapping.id is None else reader.respondents.known()
        found, rows = reader.screener.found(drop, ids)
    if found.rows and found.left_out == found.rows:
        raise IngestError(
            f"all {found.rows:,} responses of {path.name} would be left out by --drop {','.join(drop)}",
            fix="Nothing was imported. Leave out less, or look at the columns that the screening reads.",
        )
    return found, rows
