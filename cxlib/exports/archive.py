"""Office files are archives: all their parts get one date, so that the same report is the same bytes."""

from __future__ import annotations

import datetime as dt
import zipfile
from io import BytesIO
from typing import Any


def drop_thumbnail(relations: Any) -> None:
    """Drop the small picture of the first page that an Office file may bring along.

    It is the library's own or that of a consultancy's template, and shows another document.

    Parameters
    ----------
    relations
        Of the package, by id.
    """
    for id_ in [id_ for id_, one in relations.items() if one.reltype.endswith("/thumbnail")]:
        relations.pop(id_)


def dated(data: bytes, moment: dt.datetime) -> bytes:
    """Pack an archive again, in its own order, each part with the date of `moment`."""
    day = moment.timetuple()[:6] if moment.year >= 1980 else (1980, 1, 1, 0, 0, 0)
    whole = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(whole, "w") as target:
        for part in source.infolist():
            about = zipfile.ZipInfo(part.filename, day)
            # Pictures are packed already.
            is_packed = part.filename.endswith((".png", ".jpeg"))
            about.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
            target.writestr(about, source.read(part))
    return whole.getvalue()
