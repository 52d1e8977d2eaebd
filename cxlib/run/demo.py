"""The made-up example: an engagement, two survey files, a report."""

from __future__ import annotations

from collections.abc import Callable

from cxlib.live import create_engagement, open_live
from cxlib.run.reports import Run, make_report
from cxlib.settings import Settings
from cxlib.store import Store

SLUG = "harbour"
FILES = ("staff", "guests")


def make_demo(settings: Settings, *, say: Callable[[str], None] = lambda line: None) -> Run:
    """Build the example where it is not there yet, and make its report; running it again is harmless.

    Raises
    ------
    CxError
        As its parts do: the example goes through the same doors as a client's files.
    """
    folder = settings.examples / "demo"
    with Store.open(settings) as store:
        if SLUG not in {one.slug for one in store.engagements()}:
            spec = create_engagement(store, folder / "engagement.yaml", frameworks=settings.frameworks)
            say(f"created {spec.engagement}: {spec.name}")
    with open_live(SLUG, settings=settings) as eng:
        for name in FILES:
            done = eng.import_file(folder / f"{name}.csv", folder / f"{name}.yaml")
            rows = done.batch.rows if done.batch else 0
            say(f"{done.state}: {name}.csv, {rows} responses")
        return make_report(eng, settings, say=say)
