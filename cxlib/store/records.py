"""What the store answers with: frozen values, nothing that is still connected to a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cxlib.declarations import EngagementSpec
from cxlib.store.schema import ACTIVE, SHOW


@dataclass(frozen=True)
class EngagementSummary:
    """One line of the list of engagements."""

    slug: str
    name: str
    framework_id: str
    framework_version: str
    waves: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True)
class FrameworkRecord:
    """A framework as it was used: `document` is the exact text of its YAML file, `digest` its SHA-256."""

    id: str
    version: str
    digest: str
    document: str = field(repr=False)


@dataclass(frozen=True)
class EngagementRecord:
    """An engagement as the store knows it.

    Attributes
    ----------
    spec : the declaration rebuilt from the rows; its `release` is the plan that was fixed at creation,
        written out, and its targets and assumptions are the current ones.
    framework_document : the exact text of the framework's YAML file.
    framework_digest : SHA-256 of that text.
    created_at : in UTC.
    """

    spec: EngagementSpec
    framework_id: str
    framework_version: str
    framework_digest: str
    framework_document: str = field(repr=False)
    created_at: datetime

    @property
    def slug(self) -> str:
        return self.spec.engagement


@dataclass(frozen=True)
class BatchRecord:
    """One import: a source file, the mapping that read it, and the Parquet file that holds its answers.

    Attributes
    ----------
    rows, path, parquet_sha256 : of the Parquet file whose answers count, relative to the local folder; see
        `Store.batch_path`. A later import may have taken the place of some of the `rows_imported`.
    declared : items and constructs that the mapping declares beside the framework's.
    quality : what was told when it came in: rows rejected and why, texts converted, answers replaced.
    created_at, undone_at : in UTC.
    """

    id: str
    engagement: str
    wave: str
    state: str
    source_name: str
    source_sha256: str
    mapping_digest: str
    mapping_document: str = field(repr=False)
    declared: Mapping[str, Any] = field(repr=False)
    framework_digest: str
    rows: int
    path: str
    parquet_sha256: str
    created_at: datetime
    undone_at: datetime | None
    rows_imported: int = 0
    quality: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_active(self) -> bool:
        return self.state == ACTIVE

    @property
    def rests_on_earlier(self) -> bool:
        """Whether it corrected what was there: then it holds only what was new or another."""
        corrected = self.quality.get("corrected", {})
        return bool(corrected.get("replaced") or corrected.get("identical"))


@dataclass(frozen=True)
class RegisterRecord:
    """One load of a register: its rows in the order of the file, who loaded them, and when, in UTC."""

    name: str
    version: int
    rows: list[dict[str, Any]] = field(repr=False)
    author: str
    at: datetime


@dataclass(frozen=True)
class Review:
    """What was said of one comment: its number in the wave, "show", "leave" or "" (nobody has looked), the
    words to show instead of its own (or none), by whom and when, in UTC."""

    number: int
    verdict: str
    words: str
    author: str
    at: datetime | None

    @property
    def is_shown(self) -> bool:
        return self.verdict == SHOW


@dataclass(frozen=True)
class Publication:
    """A run that its client may see."""

    run: str
    engagement: str
    wave: str
    published_at: datetime


@dataclass(frozen=True)
class LinkRecord:
    """A private link as the store knows it: all but the link itself.

    Attributes
    ----------
    id : what stands for it in lists and in the audit.
    name : whom it was made for.
    opened : how many browsers have opened it.
    made_at, expires_at, opened_at, revoked_at : in UTC.
    """

    id: str
    engagement: str
    name: str
    once: bool
    made_at: datetime
    expires_at: datetime
    opened: int
    opened_at: datetime | None
    revoked_at: datetime | None

    def ended(self, moment: datetime) -> str:
        """Say why it opens no more: "revoked", "expired", "used up", or "" while it does."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= moment:
            return "expired"
        return "used up" if self.once and self.opened else ""


@dataclass(frozen=True)
class AccountRecord:
    """A facilitator who signs in at the gate; `engagements` are those they see, all where there are none."""

    id: str
    name: str
    password: str = field(repr=False)
    engagements: tuple[str, ...]
    made_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Caller:
    """Who is behind a session: a client by a link, or a facilitator.

    Attributes
    ----------
    session : digest that stands for the session; whatever is started for it is bound to this.
    actor : what stands for them in the audit.
    name : whom the link was made for, or the facilitator's name.
    engagements : whose runs they see; () is all of them, and only a facilitator's can be.
    """

    session: str
    actor: str
    name: str = field(repr=False)
    is_facilitator: bool
    engagements: tuple[str, ...]
    ends_at: datetime

    @property
    def engagement(self) -> str:
        """The client's own engagement; "" of a facilitator."""
        return "" if self.is_facilitator else self.engagements[0]

    def may_see(self, engagement: str) -> bool:
        return engagement in self.engagements or (self.is_facilitator and not self.engagements)


@dataclass(frozen=True)
class Event:
    """One row of the audit; `at` is UTC in ISO form, and nobody in it bears a name."""

    number: int
    at: str
    event: str
    actor: str
    engagement: str
    run: str
    detail: str
    seal: str
