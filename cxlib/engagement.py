"""The handle that a notebook holds: a live store or a published extract, the same verbs.

Both read from an :class:`~cxlib.extract.Extract`: the live handle makes one from the store (tally, door,
estimates), the other reads it from its folder. So a notebook cannot tell the difference, and a figure in
the workshop is the figure in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cxlib import findings, ordering, planning, quality, scoring
from cxlib.choices import Shown, shown_groups
from cxlib.commentary import BUSINESS, OVERVIEW, Commentary, sentences_of
from cxlib.errors import NotFoundError, ReadOnlyError, nearest
from cxlib.extract import Extract, Facts, WaveFacts
from cxlib.findings import Finding
from cxlib.formats import day as in_full
from cxlib.frames import PARTICIPATION, RESPONSE, ROLE, WAVE, check, cut_name
from cxlib.framework import Framework, parse_framework
from cxlib.instrument import Instrument
from cxlib.language import Words
from cxlib.look import notebook_style
from cxlib.planning import Recommendation
from cxlib.registers import Assumption, Registers, find_register
from cxlib.registers.figures import figures
from cxlib.summary import Summary, summarise
from cxlib.tables import note
from cxlib.worked import Worked

if TYPE_CHECKING:
    import pandas as pd

By = str | Sequence[str]


class Engagement:
    """One wave of one engagement, to read from. Build it with :func:`open_engagement`.

    Every verb returns what passed the anonymity door, as a frame of `cxlib.frames`.
    """

    # What was worked out of the extract before; a live handle has none, its extract may be another soon.
    _worked: Worked | None = None

    def __init__(self, extract: Extract, wave: str | None = None, worked: Worked | None = None) -> None:
        self._given = extract
        self._wave = wave
        self._worked = worked

    @property
    def extract(self) -> Extract:
        """What may leave the building: the source of every figure here."""
        return self._given

    @property
    def facts(self) -> Facts:
        return self.extract.facts

    @property
    def name(self) -> str:
        """The client's name."""
        return self.facts.client

    @property
    def wave(self) -> WaveFacts:
        """The round of assessment that the figures are of, by default the extract's own."""
        known = {one.id: one for one in self.facts.waves}
        wanted = self._wave or self.facts.wave
        if wanted not in known:
            raise NotFoundError(
                f"{self.facts.engagement} has no wave {wanted!r} here{nearest(wanted, known)}"
            )
        return known[wanted]

    @cached_property
    def framework(self) -> Framework:
        return parse_framework(self.extract.framework_document, name="framework.yaml")

    @cached_property
    def instrument(self) -> Instrument:
        """Names, scales and items in the engagement's language, declared ones included."""
        return Instrument.from_plain(self.framework, self.facts.language, [self.facts.declared])

    @property
    def words(self) -> Words:
        """What the suite itself says, in the engagement's language."""
        return self.instrument.words

    @property
    def weights(self) -> dict[str, float]:
        return {role.id: role.weight for role in self.facts.roles}

    @property
    def targets(self) -> dict[str, float]:
        """Target levels 1–5 by step or item id; the framework's proposals are not among them."""
        return dict(self.facts.targets)

    @property
    def source(self) -> str:
        """The line under every chart: wave and framework version."""
        return f"{self.name}, {self.wave.name} · {self.framework.id} {self.framework.version}"

    @property
    def is_empty(self) -> bool:
        """Whether nobody answered in this wave."""
        return not (self.extract.release.groups[WAVE] == self.wave.id).any()

    def groups(self, wave: str = "") -> tuple[Shown, ...]:
        """Return the groups that are shown of a wave, by default this one, in the order of the plan."""
        held, facts = self.extract.release, self.facts
        return shown_groups(
            held.groups, held.cuts, self.instrument, facts.segments, wave=wave or self.wave.id
        )

    def at(self, wave: str) -> Engagement:
        """Return another wave of the same extract, to read from."""
        if wave == self.wave.id:
            return self
        found: Engagement = self._once(("at", wave), lambda: Engagement(self.extract, wave, self._worked))
        return found

    def is_assessed(self, step: str) -> bool:
        """Whether any item of a step was asked in this wave, hidden answers included."""
        return bool((self.step_scores()["id"] == self.framework.step(step).id).any())

    def scores(self, by: By = (), *, step: str | None = None) -> pd.DataFrame:
        """Score items, steps, streams and constructs, of one step if named.

        See :func:`cxlib.scoring.scores`.
        """
        return self._scores(self.wave.id, by, self._of_step(step) if step else None)

    def step_scores(self, group: Shown | None = None) -> pd.DataFrame:
        """Score the steps alone, for everyone or one group: a tenth of the work of all scores of its cut."""
        by, values = (group.cut, group.values) if group else ((), ())
        return self._scores(self.wave.id, by, frozenset(one.id for one in self.framework.steps), values)

    def group_scores(self, group: Shown, *, step: str) -> pd.DataFrame:
        """Score a step, its streams and its items for one group."""
        return self._scores(self.wave.id, group.cut, self._of_step(step), group.values)

    def _scores(
        self, wave: str, by: By, only: frozenset[str] | None = None, values: tuple[str, ...] = ()
    ) -> pd.DataFrame:
        held = self.extract
        cut = scoring.published(held.release, by)
        whole = self._whole(wave, cut)
        if whole is not None and (only is not None or values):
            kept = whole if only is None else whole[whole["id"].isin(only)]
            for dim, value in zip(cut, values, strict=bool(values)):
                kept = kept[kept[dim] == value]
            return kept.reset_index(drop=True)
        found = self._once(
            (wave, cut, only, values),
            lambda: scoring.scores(
                held.release,
                held.estimates,
                self.instrument,
                self.weights,
                wave=wave,
                by=cut,
                only=only,
                values=values,
            ),
        )
        return found.copy()

    def _whole(self, wave: str, cut: tuple[str, ...]) -> pd.DataFrame | None:
        """Return every score of a cut, if that was worked out before."""
        kept, what = self._kept(), (wave, cut, None, ())
        if what not in kept and self._worked and (found := self._worked.scores(wave, cut)) is not None:
            kept[what] = found
        whole: pd.DataFrame | None = kept.get(what)
        return whole

    def _of_step(self, step: str) -> frozenset[str]:
        """Name a step, its streams and its items."""
        found = self.framework.step(step)
        streams = (part.id for part in self.instrument.parts if part.id.startswith(f"{found.id}."))
        return frozenset({found.id, *(item.id for item in found.items), *streams})

    def _kept(self) -> dict[Any, Any]:
        """Return what was computed from the extract in hand; another extract begins anew."""
        held = self.extract
        if self.__dict__.get("_kept_of") is not held:
            self.__dict__["_kept_of"], self.__dict__["_once_figures"] = held, {}
        kept: dict[Any, Any] = self.__dict__["_once_figures"]
        return kept

    def _once(self, what: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Compute something once for each extract: a notebook asks for the same figures many times."""
        kept = self._kept()
        if what not in kept:
            kept[what] = make()
        return kept[what]

    def trend(self, by: By = (), *, step: str | None = None) -> pd.DataFrame:
        """Score every wave up to this one, oldest first: a SCORES frame, told apart by `wave`.

        What an earlier wave was asked in other words is not in it. Of a single wave, its scores alone.
        """
        import pandas as pd

        ids = [one.id for one in self.facts.waves]
        until = ids[: ids.index(self.wave.id) + 1]
        only = self._of_step(step) if step else None
        return pd.concat([self._scores(one, by, only) for one in until], ignore_index=True)

    @property
    def wave_names(self) -> dict[str, str]:
        """Waves up to this one by id, oldest first, as a reader calls them."""
        names = {one.id: one.name for one in self.facts.waves}
        return {id_: names[id_] for id_ in list(names)[: list(names).index(self.wave.id) + 1]}

    @property
    def since(self) -> str:
        """The wave before this one, as a reader calls it; empty where this is the first."""
        return (["", *self.wave_names.values()])[-2]

    @property
    def scores_before(self) -> pd.DataFrame | None:
        """Scores of the wave before this one, of everyone; None where this is the first."""
        earlier = list(self.wave_names)[:-1]
        return self._scores(earlier[-1], ()) if earlier else None

    def summary(self) -> Summary:
        """Choose what stands on the first page; see :func:`cxlib.summary.summarise`."""
        order = ordering.sequence(self.scores(), self.framework)
        return summarise(order, self.comparisons(), self.recommendations())

    @property
    def commentary(self) -> Commentary:
        """What an analyst says to this report."""
        return self.extract.commentary

    @property
    def chapters(self) -> list[str]:
        """The chapters that something can be said to: the overview, each step, the business case."""
        return [OVERVIEW, *(step.slug for step in self.framework.steps), BUSINESS]

    @property
    def sentences(self) -> dict[str, str]:
        """The report's own sentences that may be put otherwise, by id."""
        return sentences_of(self.comparisons(), self.recommendations())

    def distribution(
        self, by: By = (), *, step: str | None = None, items: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Count the answers, of one step if named; see :func:`cxlib.scoring.distribution`."""
        if step is not None:
            items = [item.id for item in self.framework.step(step).items]
        return scoring.distribution(
            self.extract.release, self.instrument, self.weights, wave=self.wave.id, by=by, items=items
        )

    def metrics(self, by: By = (ROLE,), *, kind: str = "") -> pd.DataFrame:
        """Compute the metrics of the questions beside the steps; see :func:`cxlib.scoring.metrics`.

        Parameters
        ----------
        kind
            `staff` or `customer`, to keep the roles of that kind alone; needs a cut by role.
        """
        found = scoring.metrics(self.extract.release, self.instrument, wave=self.wave.id, by=by)
        if not kind:
            return found
        roles = [role.id for role in self.framework.roles if role.kind == kind]
        return found[found[ROLE].isin(roles)].reset_index(drop=True)

    def reliability(self) -> pd.DataFrame:
        """Say how well the items of each step and construct hang together, by role: RELIABILITY frame."""
        return self._of_wave(self.extract.reliability)

    def drivers(self) -> pd.DataFrame:
        """Say what goes with an outcome, and how much of it, by role: DRIVERS frame."""
        return self._of_wave(self.extract.drivers)

    def bounds(self) -> pd.DataFrame:
        """Return the bounds of items whose answers in a group all stand at one level: BOUNDS frame."""
        return self._of_wave(self.extract.release.bounds)

    def comments(self) -> pd.DataFrame:
        """Return what people wrote in this wave and may be shown: COMMENTS frame.

        In an order that tells nothing; an empty role is everyone else, the roles not shown by themselves.
        """
        return self._of_wave(self.extract.comments)

    @property
    def open_questions(self) -> dict[str, str]:
        """The open questions of this wave by id, whether or not anything may be shown of what was written."""
        return dict(self.facts.questions) if self.wave.id == self.facts.wave else {}

    @property
    def quality(self) -> dict[str, Any]:
        """What may be told of this wave's imports: see :func:`cxlib.quality.told`; {} of another wave."""
        return dict(self.facts.quality) if self.wave.id == self.facts.wave else {}

    def completeness(self) -> pd.DataFrame:
        """Say how complete the answers of the roles that are shown are, step by step: COMPLETENESS frame."""
        by = (ROLE,) if (ROLE,) in self.facts.cuts else ()
        return quality.completeness(self.distribution(by=by), self.instrument)

    def _of_wave(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[WAVE] == self.wave.id].reset_index(drop=True)

    def comparisons(self, *, about: str | None = None) -> tuple[Finding, ...]:
        """Make every comparison of every family; see :func:`cxlib.findings.findings`.

        Families are judged whole; `about` then keeps what is about one step or its items.
        """
        held = self.extract
        worked = self._worked

        def compared() -> tuple[Finding, ...]:
            found = worked.comparisons(self.wave.id) if worked else None
            if found is not None:
                return found
            return findings.findings(
                held.release,
                held.estimates,
                self.instrument,
                self.weights,
                wave=self.wave.id,
                waves={one.id: one.name for one in self.facts.waves},
            )

        every = self._once(("comparisons", self.wave.id), compared)
        if about is None:
            return every
        step = self.framework.step(about)
        ids = {step.id, *(item.id for item in step.items)}
        return tuple(one for one in every if ids & set(one.about))

    def findings(self) -> tuple[Finding, ...]:
        """Return what stands out: the comparisons that are confirmed within their family."""
        return tuple(one for one in self.comparisons() if one.is_confirmed)

    def units(self, step: str, by: By) -> pd.DataFrame:
        """Rank units on a step without being led by luck; see :func:`cxlib.scoring.units`."""
        held = self.extract
        return scoring.units(
            held.release, held.estimates, self.instrument, wave=self.wave.id, step=step, by=by
        )

    def recommendations(self) -> tuple[Recommendation, ...]:
        """Say what to do first, and what later and why; see :func:`cxlib.planning.recommendations`."""
        scores = self.scores()
        order = ordering.sequence(scores, self.framework)
        return planning.recommendations(scores, order, self.instrument, self.targets)

    def participation(self) -> pd.DataFrame:
        """Say who was asked and who answered, by role: PARTICIPATION frame."""
        import pandas as pd

        groups = self.extract.release.groups
        groups = groups[(groups[WAVE] == self.wave.id) & (groups["cut"] == ROLE)].set_index(ROLE)
        rows = []
        told = self._told((ROLE,)).set_index(ROLE)["invited"]
        for role in self.facts.roles:
            hidden = bool(groups["is_hidden"].get(role.id, False))
            n = None if hidden else int(groups["n"].get(role.id, 0))
            of = None if hidden else int(told[role.id]) if role.id in told.index else role.population
            share = n / of if n is not None and of else None
            if n or hidden or of:
                rows.append((role.id, role.name, hidden, n, of, share))
        out = pd.DataFrame(rows, columns=PARTICIPATION.names())
        out = out.astype({"n": "Int64", "population": "Int64", "share": "float64", "is_hidden": "bool"})
        return check(out, PARTICIPATION)

    def response(self, by: By | None = None) -> pd.DataFrame:
        """Say who was invited and who answered, in the groups of one cut: RESPONSE frame.

        Without a cut, every published one of a single segment, one below the other; empty where nobody
        said who was invited. A hidden group keeps its row without figures; so does, in `invited` and `share`,
        a group whose invitations would tell those of a hidden one. Shares are of published counts alone.
        """
        import pandas as pd

        release = self.extract.release
        plan = [cut for cut in release.cuts if len(cut) == 1 and cut != (ROLE,)]
        wanted = plan if by is None else [scoring.published(release, by)]
        keys = [WAVE, "cut", *release.dims]
        groups = release.groups[release.groups[WAVE] == self.wave.id]
        parts = [
            groups[groups["cut"] == cut_name(cut)].merge(told, on=keys, how="outer")
            for cut in wanted
            if not (told := self._told(cut)).empty
        ]
        names = RESPONSE.names(release.dims)
        out = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*names])
        # Invited, and nobody answered: such a group is not there to be hidden, and its n is 0.
        silent = out["is_hidden"].isna()
        out["is_hidden"] = out["is_hidden"].astype("boolean").fillna(False)
        out["n"] = out["n"].astype("Int64").mask(silent, 0)
        out["invited"] = out["invited"].astype("Int64")
        out["share"] = out["n"] / out["invited"].where(out["invited"] > 0)
        kinds = {**dict.fromkeys(keys, "str"), "is_hidden": "bool", "share": "float64"}
        return check(out.astype(kinds)[names], RESPONSE, release.dims)

    def _told(self, cut: Sequence[str]) -> pd.DataFrame:
        """Return who was invited to this wave, in the groups of one cut."""
        told = self.extract.invited
        return told[(told[WAVE] == self.wave.id) & (told["cut"] == cut_name(cut))]

    @property
    def registers(self) -> Registers:
        """Touch points, promises, standards, measures, observations, initiatives and assumptions."""
        return Registers(self.facts.engagement, self.extract.registers)

    @property
    def assumptions(self) -> dict[str, Assumption]:
        """Each assumption's newest value with its unit, source and date, by id."""
        return self.registers.assumptions

    def register(self, name: str) -> pd.DataFrame:
        """Return one register, for example "standards", with the columns that `cxlib.registers` declares.

        Raises
        ------
        NotFoundError
            If there is no such register, naming the nearest.
        """
        return self.registers[find_register(name).name]

    def register_figures(self) -> dict[str, Any]:
        """Return what is worked out from the registers, at the date of the wave; see `registers.figures`."""
        order = ordering.sequence(self.scores(), self.framework)
        start = order.start_here if order.is_assessed else None
        return figures(self.registers, start, self.framework.ancestors, self.wave.date)

    @property
    def other_scales(self) -> list[str]:
        """Sentences on the scales that are seen on 1–5 by an affine view."""
        asked = set(self.extract.release.counts["item"])
        found: dict[tuple[int, int], int] = {}
        for item in sorted(asked):
            scale = self.instrument.scales[item]
            if (scale.low, scale.high) != (1, 5):
                found[(scale.low, scale.high)] = found.get((scale.low, scale.high), 0) + 1
        _ = self.words
        said = []
        for (low, high), count in found.items():
            facts = {"low": low, "high": high, "width": high - low}
            said.append(
                _(
                    "1 item answered on {low}–{high}: answers are shown as given; means are seen on 1–5 by "
                    "1 + 4·(x − {low})/{width}.",
                    **facts,
                )
                if count == 1
                else _(
                    "{count} items answered on {low}–{high}: answers are shown as given; means are seen on "
                    "1–5 by 1 + 4·(x − {low})/{width}.",
                    count=_.number(count),
                    **facts,
                )
            )
        return said

    @property
    def hidden_note(self) -> str:
        """One wording for everything hidden; it names no group and no number that could be subtracted."""
        _ = self.words
        return _(
            "Groups of fewer than {threshold} people are not shown, nor is any figure that would let one be "
            "worked out from the others. Where everyone in a group answers an item alike, the answers are "
            "hidden too. Where it says “{hidden}”, that is why. Of the top of a scale, “{least}” or “{most}” "
            "is said where a share is all or none.",
            threshold=_.number(self.facts.threshold_scores),
            hidden=_("hidden"),
            least=_.top_box(1),
            most=_.top_box(0),
        )

    @property
    def provenance(self) -> list[str]:
        """What a reader needs to check a figure: framework and digest, data date, plan, library."""
        facts, _ = self.facts, self.words
        names = {ROLE: _("role"), **facts.segments}
        cuts = [[names.get(dim, dim) for dim in cut] for cut in facts.cuts]
        plan = "; ".join(
            _("{first} by {second}", first=cut[0], second=cut[1])
            if len(cut) > 1
            else (cut[0] if cut else _("everyone"))
            for cut in cuts
        )
        return [
            _(
                "Framework {framework} {version}, SHA-256 {digest}…",
                framework=self.framework.id,
                version=self.framework.version,
                digest=self.framework.digest[:16],
            ),
            _("Last answer: {date}", date=_in_full(facts.data_date, _) or _("not dated")),
            _(
                "Published groups: {plan}; smallest group shown: {threshold}",
                plan=plan,
                threshold=_.number(facts.threshold_scores),
            ),
            _("Computed with cxlib {version}", version=facts.library),
            *(_other_words(_, wave) for wave in facts.waves if wave.unchanged < 1),
            *facts.notes,
        ]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.facts.engagement}, wave {self.wave.id}>"

    def _repr_html_(self) -> str:
        """Say what is open, and lend the notebook the report's style; the report leaves this cell out."""
        return f"<style>{notebook_style()}</style>{note(self.source).markup}"

    # What only a live store can do says so here, instead of failing with an unknown name.

    def set_target(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("set a target")

    def import_file(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("import a file")

    def imports(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("list the imports")

    def undo(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("undo an import")

    def set_invited(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("set who was invited")

    def set_contact(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("set a contact")

    def set_chapter(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("say something to a chapter")

    def review(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("review comments")

    def set_register(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("load a register")

    def _read_only(self, what: str) -> ReadOnlyError:
        return ReadOnlyError(
            f"cannot {what}: this is a published extract of {self.facts.engagement}, and read-only",
            fix="Open the engagement without `extract` where the store is.",
        )


def _other_words(_: Words, wave: WaveFacts) -> str:
    """Say that an earlier wave was asked with another version, and what that leaves to compare."""
    return _(
        "Wave {wave} was asked with {framework}: {share} of the items are unchanged; only these are compared",
        wave=wave.name,
        framework=wave.framework,
        share=_.percent(wave.unchanged),
    )


def _in_full(day: str | None, words: Words) -> str:
    """Write an ISO day as the reader's language does; nothing where there is none."""
    return in_full(date.fromisoformat(day), words.spoken) if day else ""
