"""The made-up example: an engagement, three waves of survey files drawn from planted truths, a report."""

from __future__ import annotations

from collections.abc import Callable

from cxlib.creation import create_engagement
from cxlib.declarations import EngagementSpec, read_document, validate
from cxlib.errors import ConflictError
from cxlib.mapping import read_mapping
from cxlib.opening import open_live
from cxlib.registers import REGISTERS
from cxlib.run.example import write_example
from cxlib.run.reports import Run, make_report
from cxlib.run.truths import read_truths
from cxlib.settings import Settings
from cxlib.store import Store

SLUG = "harbour"


def make_demo(settings: Settings, *, say: Callable[[str], None] = lambda line: None) -> Run:
    """Build the example where it is not there yet, and make its last wave's report: page and PDF.

    Raises
    ------
    CxError
        As its parts do.
    """
    build_demo(settings, say=say)
    with open_live(SLUG, settings=settings) as eng:
        return make_report(eng, settings, formats=("html", "json", "pdf"), say=say)


def build_demo(settings: Settings, *, say: Callable[[str], None] = lambda line: None) -> None:
    """Create the example and import its waves, where they are not there yet; running it again is harmless.

    The answers are drawn anew each time, to the same bytes; so an import that is there is found again.

    Raises
    ------
    CxError
        As its parts do: the example goes through the same doors as a client's files.
    """
    folder = settings.examples / SLUG
    truths = read_truths(folder / "truths.yaml")
    with Store.open(settings) as store:
        if SLUG not in {one.slug for one in store.engagements()}:
            spec = create_engagement(store, folder / "engagement.yaml", frameworks=settings.frameworks)
            say(f"created {spec.engagement}: {spec.name}")
        _check_same(store, validate(EngagementSpec, read_document(folder / "engagement.yaml")))
    with open_live(SLUG, settings=settings) as eng:
        mappings = {name: read_mapping(folder / f"{name}.yaml") for name in truths.exports}
        files = write_example(truths, eng.framework, mappings, settings.local / "examples" / SLUG)
        for wave, exports in files.items():
            eng.set_invited(folder / "invited.csv", wave)
            for form, path in exports.items():
                done = eng.import_file(path, folder / f"{form}.yaml", wave=wave)
                rows = done.batch.rows if done.batch else 0
                say(f"{done.state}: {path.name}, {rows:,} responses")
        for name in REGISTERS:
            loaded = eng.set_register(name, folder / f"{name}.csv", by="cx demo")
            say(f"register: {name}, {len(loaded.rows):,} rows")


def _check_same(store: Store, wanted: EngagementSpec) -> None:
    """Refuse to mix the example with another engagement of its name, such as an earlier version's."""
    there = store.engagement(SLUG).spec
    waves = [one.id for one in store.waves(SLUG)]
    if there.cuts != wanted.cuts or waves != [one.id for one in wanted.waves]:
        raise ConflictError(
            f"the store holds another {SLUG}: waves {', '.join(waves)}; the example has "
            f"{', '.join(one.id for one in wanted.waves)}",
            fix="Build the example in a store of its own: CX_HOME=FOLDER cx demo.",
        )
