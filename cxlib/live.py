"""The live handle: an engagement in the store, everything that reads and what changes it.

It makes the same extract that a report is made from, so that a figure in the workshop is the figure in
the report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cxlib import anonymity, estimates, quality, reviewing
from cxlib.anonymity.comments import Comment, Pools, shown
from cxlib.anonymity.rereleases import Issued
from cxlib.answered import form_answered
from cxlib.commentary import Commentary, CommentarySpec, ToneSpec, composed
from cxlib.creation import check_fit
from cxlib.datasets import Part, dataset_digest, find_parts
from cxlib.declarations import WaveSpec, read_document, validate
from cxlib.engagement import Engagement
from cxlib.errors import ConflictError, NotFoundError, nearest
from cxlib.extract import Extract, Facts, RoleFacts, WaveFacts
from cxlib.frames import COMMENTS, INVITED, ROLE, SHARD, WAVE
from cxlib.framework import Framework, parse_framework
from cxlib.framework.versions import Comparison, compare_frameworks
from cxlib.instrument import Instrument
from cxlib.intake import How, Import, Intake, unchanged
from cxlib.invitations import Invited, read_invitations
from cxlib.keeping import Figures, forget, kept_figures
from cxlib.mapping import MappingSpec, plain_mapping
from cxlib.outgoing import check_against_out, issued, item_columns, last_day, stamp_of
from cxlib.provenance import library_version
from cxlib.registers import Registers
from cxlib.registers.reading import read_register
from cxlib.shares import Share, Spread, shares_of, tally_share
from cxlib.store import BatchRecord, RegisterRecord, Store
from cxlib.tally import Tally, tally_batches

if TYPE_CHECKING:
    import pandas as pd


class LiveEngagement(Engagement):
    """An engagement in the store: everything that :class:`Engagement` reads, and what changes it.

    `spread` says who counts, and who converts the parts of a dataset: by default this process, one by one.
    """

    def __init__(
        self,
        store: Store,
        slug: str,
        wave: str | None = None,
        language: str | None = None,
        spread: Spread = map,
    ) -> None:
        self.store = store
        self.spread = spread
        self.record = store.engagement(slug)
        self.spec = self.record.spec
        known = [one.id for one in store.waves(slug)]
        if wave is not None and wave not in known:
            raise NotFoundError(
                f"{slug} has no wave {wave!r}{nearest(wave, known)}",
                fix=f"There are: {', '.join(known)}. `cx import … --new-wave` adds one.",
            )
        self._slug, self._wave, self._language = slug, wave, language

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @property
    def slug(self) -> str:
        return self._slug

    @property
    def framework(self) -> Framework:
        """What the wave in hand is assessed with."""
        return self._framework_of(self.wave_id)

    def _framework_of(self, wave: str) -> Framework:
        found = self.store.framework(self._slug, wave)
        return parse_framework(found.document, name=f"the framework of {self._slug}")

    def comparison(self, wave: str) -> Comparison:
        """Compare what an earlier wave was asked with what the wave in hand is asked."""
        return _compared(self._framework_of(wave), self.framework)

    @property
    def wave_id(self) -> str:
        """The wave in hand: the one asked for, else the latest that has answers, else the first."""
        if self._wave is not None:
            return self._wave
        filled = {batch.wave for batch in self.store.batches(self._slug)}
        waves = [one.id for one in self.store.waves(self._slug)]
        return next((one for one in reversed(waves) if one in filled), waves[0])

    @property
    def extract(self) -> Extract:
        """What would leave the building now; made anew when a batch, wave or target changed."""
        state = self._state()
        if self.__dict__.get("_made_for") != state:
            self.__dict__["_made"] = self._make_extract()
            self.__dict__["_made_for"] = state
        made: Extract = self.__dict__["_made"]
        return made

    @property
    def instrument(self) -> Instrument:  # type: ignore[override]
        return Instrument.from_plain(
            self.framework,
            self._language or self.spec.languages[0],
            [dict(one.declared) for one in self._batches()],
        )

    def tally(self, *, moments: bool = True) -> Tally:
        """Count every answer of the waves up to this one; private, nothing here has passed the door.

        Where an earlier wave was assessed with another version, only what it asked in the same words is
        counted: an answer to another question is no part of a trend.
        """
        return self._count((WAVE, *self.spec.dims), self.spec.cuts if moments else None)

    def _tally_in_shards(self) -> Tally:
        """Count once more, by role and by shard of respondents: what the drivers' intervals need."""
        return self._count((WAVE, ROLE, SHARD), [(ROLE, SHARD)])

    def _count(self, dims: tuple[str, ...], cuts: Sequence[tuple[str, ...]] | None) -> Tally:
        framework, instrument = self.framework, self.instrument
        total = tally_batches([], [], dims, framework=framework.stamp, cuts=cuts, constants={WAVE: ""})
        shares: list[Share] = []
        for batch in self._batches():
            path = self.store.batch_path(batch)
            asked = self._comparable(batch, framework, instrument)
            items = [instrument.scales[name] for name in item_columns(path, self.spec.dims) if name in asked]
            shares += shares_of(path, batch.wave, items, dims, framework=framework.stamp, cuts=cuts)
        return sum(self.spread(tally_share, shares), total)

    def _comparable(self, batch: BatchRecord, framework: Framework, instrument: Instrument) -> Container[str]:
        """Name what a batch's answers may be counted for in the wave in hand."""
        if batch.framework_digest == framework.digest:
            return instrument.scales
        # An item that only a mapping declared is another than one that the framework has by now.
        declared = (item for item in instrument.items if item not in framework.scales)
        return {*self.comparison(batch.wave).trended(), *declared}

    def import_file(
        self,
        path: Path,
        mapping: Path | None = None,
        *,
        wave: str | None = None,
        new_wave: bool = False,
        framework: Framework | None = None,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **how: Any,
    ) -> Import:
        """Import a survey file by a mapping file, or by the codes its columns bear: all of it, or nothing.

        What breaks the mapping is left out where that is asked for.

        Parameters
        ----------
        path
            A survey file, or the folder of a dataset in Parquet parts.
        mapping
            What its columns mean; None for an answer to a form that `cx form` wrote, or where each column
            bears its code, see :mod:`cxlib.proposals.coded`.
        wave
            The wave it belongs to; by default the one in hand.
        new_wave
            Add the wave if it is not there yet.
        framework
            What a new wave is assessed with; by default what the latest wave is.
        dry_run
            Only say what would happen.
        progress
            Called with bytes read and bytes in all.
        how
            What to do with rows that break the mapping, and with people who have answered before: see
            :class:`cxlib.intake.How`.

        Returns
        -------
        An :class:`Import`; "unchanged" if the same file was imported with the same mapping before.

        Raises
        ------
        DeclarationError, IngestError, ConflictError, NotFoundError, StoreError
            Nothing is imported then.
        """
        chosen = How(dry_run=dry_run, progress=progress, **how)
        path = Path(path)
        document = read_document(Path(mapping)) if mapping is not None else None
        if document is None:
            from cxlib.proposals import mapping_by_codes, wanted_of, wave_told  # heavy, and needed here alone

            wave = wave_told(path, wave)
        target = wave or self.wave_id
        known = [one.id for one in self.store.waves(self._slug)]
        if target not in known and not new_wave:
            raise NotFoundError(
                f"{self._slug} has no wave {target!r}{nearest(target, known)}",
                fix="Pass --new-wave to add it, or name one that is there.",
            )
        if target in known and framework is not None:
            raise ConflictError(
                f"wave {target} is assessed with {self._framework_of(target).stamp}, and stays so",
                fix="A framework is chosen with --new-wave, for a wave that is not there yet.",
            )
        if framework is not None:
            check_fit(self.spec, framework, name=f"engagement {self._slug}")
            if self.store.used_digest(framework.id, framework.version) not in (None, framework.digest):
                raise ConflictError(
                    f"framework {framework.id} {framework.version} is in use with another text; "
                    "a used version never changes",
                    fix="Give the changed framework a new version number.",
                )
        asked = framework or self._framework_of(target if target in known else known[-1])
        if document is None:
            form = form_answered(self.store, self.spec, asked, path)
            document = form.document if form else mapping_by_codes(path, wanted_of(self.spec, asked))
        spec = validate(MappingSpec, document)
        parts: tuple[Part, ...] = ()
        if path.is_dir():
            parts = find_parts(path, wave=target, mapped=spec.columns)
            digest = dataset_digest(parts, self.spread)
        elif path.is_file():
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        else:
            raise NotFoundError(f"no file {path}", fix="Check the path.")
        if target in known and (same := self.store.find_batch(self._slug, target, digest, document.digest)):
            return unchanged(same, chosen)
        return Intake(self, target, target in known, path, parts, digest, document, spec, asked, chosen).run()

    def imports(self) -> pd.DataFrame:
        """List the imports of the wave in hand, for the house alone; see :func:`cxlib.quality.by_import`."""
        return quality.by_import(self.store.batches(self._slug, self.wave_id))

    def undo(self, batch: str | None = None) -> BatchRecord:
        """Undo an import, by default the latest; its respondents may be imported again.

        Answers that it took the place of count again.
        """
        undone = self.store.undo_batch(self._slug, batch)
        forget(self.store.figures_folder(self._slug))
        return undone

    def set_target(self, what: str, level: float, because: str = "") -> None:
        """Set the level [1–5] that a step or item is to reach; the newest counts.

        Raises
        ------
        NotFoundError
            If the framework has no such step or item.
        """
        known = [step.id for step in self.framework.steps] + list(self.framework.items)
        if what not in known:
            raise NotFoundError(f"no step or item {what!r}{nearest(what, known)}")
        self.store.set_target(self._slug, what, level, because)

    def set_contact(self, name: str) -> None:
        """Set whom respondents write to; forms that are handed out from now on say so."""
        self.store.set_contact(self._slug, name)
        self.record = self.store.engagement(self._slug)
        self.spec = self.record.spec

    def set_invited(self, path: Path, wave: str | None = None) -> tuple[Invited, ...]:
        """Read how many were invited to a wave (by default the one in hand), over what was read before.

        Raises
        ------
        IngestError
            If a row cannot be read; nothing is kept then.
        """
        told = read_invitations(Path(path), list(self.spec.roles), list(self.spec.segments))
        self.store.set_invited(self._slug, wave or self.wave_id, [(one.cell, one.n) for one in told])
        return told

    @property
    def registers(self) -> Registers:
        """The registers as they are in the store now, without counting answers first."""
        return Registers(self._slug, self.store.registers(self._slug))

    def set_register(self, name: str, path: Path, *, by: str = "") -> RegisterRecord:
        """Load a register from a file, as a new version of the whole of it; see `read_register`.

        `by` says who loads it: kept in the store, and in no report.
        """
        rows = read_register(
            name, Path(path), self.registers.kept, steps=self.framework.steps, roles=self.framework.roles
        )
        return self.store.set_register(self._slug, name, rows, author=by)

    @property
    def commentary(self) -> Commentary:
        """What is said to this wave's report by now: the newest version in the store."""
        return self.store.commentary(self._slug, self.wave_id)

    def set_commentary(self, spec: CommentarySpec, *, by: str = "") -> Commentary:
        """Keep what an analyst says to this wave's report, as the next version.

        Raises
        ------
        ConflictError
            If somebody else has saved since the version that it was begun from; nothing is kept then.
        DeclarationError
            If it names a chapter or sentence that is not there, or a wording changes a figure.
        """
        made = composed(spec, self.sentences, self.chapters, self.commentary)
        return self.store.set_commentary(self._slug, self.wave_id, made, author=by)

    def set_chapter(self, chapter: str, text: str, *, version: int, by: str = "") -> Commentary:
        """Keep what is said to one chapter, and everything else as it is in `version`."""
        was = self.store.commentary(self._slug, self.wave_id, version) if version else Commentary()
        spec = CommentarySpec(
            version=version,
            foreword=was.foreword,
            chapters={**was.chapters, chapter: text},
            tone=[ToneSpec(finding=one.finding, say=one.say) for one in was.tone],
        )
        return self.set_commentary(spec, by=by)

    def restore_commentary(self, version: int, *, by: str = "") -> Commentary:
        """Keep an older version's words as the newest version.

        Raises
        ------
        NotFoundError
            If there is no such version.
        """
        old = {one.version: one for one in self.store.commentaries(self._slug, self.wave_id)}
        if version not in old:
            raise NotFoundError(
                f"no version {version} of the commentary of {self._slug}, wave {self.wave_id}",
                fix=f"There are: {', '.join(map(str, old)) or 'none'}.",
            )
        made = replace(old[version], version=self.commentary.version + 1)
        return self.store.set_commentary(self._slug, self.wave_id, made, author=by)

    def issued(self) -> dict[str, Issued]:
        """Return what a run made now would show, wave by wave, and of whom; for the store alone."""
        released = self.extract.release
        waves = [one.id for one in self._waves()]
        out = issued(self.store, self._slug, self._batches(), waves, self.spec.dims, released)
        found, kept = self._at_the_door(released)
        told: dict[str, tuple[frozenset[str], ...]] = {}
        # Of whom nothing is shown, nothing is out.
        for question, role in dict.fromkeys(row[:2] for row in shown(found, kept)):
            told[question] = (*told.get(question, ()), kept[question][role])
        if told:
            out[self.wave_id] = replace(out[self.wave_id], comments=told)
        return out

    def check_rerelease(self, issued: Mapping[str, Issued] | None = None) -> None:
        """Hold what a run made now would show against what is out of the same waves.

        Raises
        ------
        AnonymityError
            Naming the groups by which the two would tell on fewer people than the threshold.
        """
        check_against_out(self.store, self._slug, issued or self.issued(), self.spec.anonymity)

    def written(self) -> list[reviewing.Written]:
        """List what people wrote in this wave, numbered, with what was said of it; for the house alone."""
        return reviewing.listed(self.store, self._slug, self.wave_id)

    def review(
        self,
        *,
        show: Collection[int] = (),
        leave: Collection[int] = (),
        reword: Mapping[int, str] | None = None,
        by: str = "",
    ) -> int:
        """Say of listed comments whether they may be shown; see :func:`cxlib.reviewing.review`."""
        return reviewing.review(
            self.store, self._slug, self.wave_id, show=show, leave=leave, reword=reword, by=by
        )

    def _at_the_door(self, released: anonymity.Release) -> tuple[list[Comment], dict[str, Pools]]:
        return reviewing.at_the_door(
            self.store, self._slug, self.wave_id, released, self.spec.anonymity.comments
        )

    def at_wave(self, wave: str) -> LiveEngagement:
        """Return a handle on another wave of the same engagement."""
        return LiveEngagement(self.store, self._slug, wave, self._language, self.spread)

    def _waves(self) -> list[WaveSpec]:
        """Return the waves up to the one in hand, oldest first."""
        waves = self.store.waves(self._slug)
        last = [one.id for one in waves].index(self.wave_id)
        return waves[: last + 1]

    def _batches(self) -> list[BatchRecord]:
        inside = {one.id for one in self._waves()}
        return [one for one in self.store.batches(self._slug) if one.wave in inside]

    def _state(self) -> tuple[Any, ...]:
        return (
            self.wave_id,
            tuple(one.id for one in self._batches()),
            tuple(sorted((id_, one.level) for id_, one in self.store.targets(self._slug).items())),
            tuple(str(self.store.invited(self._slug, one.id)) for one in self._waves()),
            tuple(sorted(self.store.register_versions(self._slug).items())),
            str(self.store.assumptions(self._slug)),
            self.commentary.version,
            *self._said_of_comments(),
        )

    def _said_of_comments(self) -> list[str]:
        """Tell one state of the review from another; nothing where nobody has said anything."""
        reviews = self.store.reviews(self._slug, self.wave_id)
        return sorted(f"{digest} {one.verdict} {one.words}" for digest, one in reviews.items() if one.verdict)

    @property
    def fingerprint(self) -> str:
        """A hash of all that the extract is made of; the same as long as nothing of it changed."""
        held = (self._state(), self.spec.model_dump_json(), self._language or "", self.framework.digest)
        return hashlib.sha256(repr(held).encode()).hexdigest()

    def _figures(self) -> Figures:
        """Return what is worked out of the answers; a target or a comment changes nothing of it."""
        held = [(one.id, one.wave, self.store.batch_path(one)) for one in self._batches()]
        return kept_figures(
            self.store.figures_folder(self._slug),
            [
                *((*of, *stamp_of(path)) for *of, path in held),
                *((wave.id, self._framework_of(wave.id).digest) for wave in self._waves()),
                *(self.spec.cuts, self.spec.dims, self.spec.anonymity.scores, self.instrument.language),
            ],
            cuts=self.spec.cuts,
            dims=self.spec.dims,
            threshold=self.spec.anonymity.scores,
            make=self._make_figures,
        )

    def _make_figures(self) -> Figures:
        tally, instrument, told = self.tally(), self.instrument, estimates.as_told
        release = anonymity.release(tally, self.spec.cuts, self.spec.anonymity.scores)
        return Figures(
            release,
            estimates=told(self._estimates(tally, release, instrument)),
            reliability=told(estimates.estimate_reliability(tally, release, instrument)),
            drivers=told(estimates.estimate_drivers(self._tally_in_shards(), release, instrument)),
        )

    def _make_extract(self) -> Extract:
        figures, instrument = self._figures(), self.instrument
        release, documents = figures.release, [plain_mapping(one.mapping_document) for one in self._batches()]
        roles = {role.id: role for role in self.framework.roles}
        invited = self._invited(release)
        veiled = self._veiled(release, invited)
        facts = Facts(
            engagement=self._slug,
            client=self.spec.name,
            wave=self.wave_id,
            waves=tuple(self._wave_facts(one) for one in self._waves()),
            language=instrument.language,
            framework=self.framework.stamp,
            framework_digest=self.framework.digest,
            roles=tuple(
                RoleFacts(
                    id_,
                    instrument.say(roles[id_].name),
                    roles[id_].kind,
                    None if id_ in veiled else role.population,
                    float(roles[id_].weight if role.weight is None else role.weight),
                )
                for id_, role in sorted(self.spec.roles.items(), key=lambda one: list(roles).index(one[0]))
            ),
            segments={id_: segment.name for id_, segment in self.spec.segments.items()},
            cuts=self.spec.cuts,
            threshold_scores=self.spec.anonymity.scores,
            threshold_comments=self.spec.anonymity.comments,
            targets={id_: one.level for id_, one in sorted(self.store.targets(self._slug).items())},
            declared=instrument.to_plain(),
            data_date=last_day(map(self.store.batch_path, self._batches())),
            notes=tuple(dict.fromkeys(str(one["note"]) for one in documents if one.get("note"))),
            questions=reviewing.open_questions(
                self.store.batches(self._slug, self.wave_id), instrument.language
            ),
            quality=self._quality(),
            library=library_version(),
        )
        return Extract(
            facts,
            self.framework.document.text,
            **vars(figures),
            invited=invited,
            registers=self.store.registers(self._slug),
            commentary=self.store.commentary(self._slug, self.wave_id),
            comments=self._comments(release),
        )

    def _quality(self) -> dict[str, Any]:
        """Return what may be told of this wave's imports; nothing where there is none."""
        batches = self.store.batches(self._slug, self.wave_id)
        named = (plain_mapping(one.mapping_document).get("id") for one in batches)
        has_ids = [one is not None for one in named]
        return quality.told((one.quality for one in batches), has_ids, self.spec.anonymity.scores)

    def _comments(self, release: anonymity.Release) -> pd.DataFrame:
        """Return what people wrote in this wave, as far as it was looked at and may be shown."""
        import pandas as pd

        rows = [(self.wave_id, *one) for one in shown(*self._at_the_door(release))]
        return pd.DataFrame(rows, columns=COMMENTS.names()).astype("str")

    def _invited(self, release: anonymity.Release) -> pd.DataFrame:
        """Say how many were invited, in the groups of the release plan that the table knows and may show."""
        import pandas as pd

        rows = [
            (*key, n)
            for wave in self._waves()
            for key, n in anonymity.shown_invited(release, wave.id, self.store.invited(self._slug, wave.id))
        ]
        names = INVITED.names(self.spec.dims)
        return pd.DataFrame(rows, columns=names).astype(
            {**dict.fromkeys(names[:-1], "str"), "invited": "int64"}
        )

    def _veiled(self, release: anonymity.Release, invited: pd.DataFrame) -> set[str]:
        """Name the roles whose population would tell on a hidden group: hidden ones, small ones, and those
        whose invitations are not shown."""
        groups = release.groups[release.groups["cut"] == ROLE]
        small = {id_ for id_, role in self.spec.roles.items() if (role.population or 0) < release.threshold}
        told = {cell[ROLE] for wave in self._waves() for cell, _ in self.store.invited(self._slug, wave.id)}
        shown = set(invited.loc[invited["cut"] == ROLE, ROLE])
        return {*groups.loc[groups["is_hidden"], ROLE], *small, *(told - shown)}

    def _estimates(self, tally: Tally, release: anonymity.Release, instrument: Instrument) -> pd.DataFrame:
        import pandas as pd

        waves = [one.id for one in self._waves()]
        comparable = {
            wave: {step.id: self.comparison(wave).trended_step(step.id) for step in self.framework.steps}
            for wave in waves
        }
        return pd.concat(
            [
                estimates.estimate_parts(tally, release, instrument),
                estimates.estimate_changes(tally, release, instrument, waves, comparable),
            ],
            ignore_index=True,
        )

    def _wave_facts(self, wave: WaveSpec) -> WaveFacts:
        compared = self.comparison(wave.id)
        return WaveFacts(wave.id, wave.label, wave.date, compared.before, compared.share_unchanged)


@lru_cache(maxsize=8)
def _compared(before: Framework, after: Framework) -> Comparison:
    return compare_frameworks(before, after)
