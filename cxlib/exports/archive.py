"""Office files are archives: all their parts get one date, so that the same report is the same bytes."""

from __future__ import annotations

import datetime as dt
import zipfile
from io import BytesIO


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
