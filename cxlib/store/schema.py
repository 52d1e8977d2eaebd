"""The tables of the store, as SQLAlchemy Core sees them.

`migrations/` is what builds them; a test holds that both agree. Nothing outside `cxlib.store` reads
this module. Times are UTC, dates are ISO text exactly as they were declared, and what orders events
is a sequence (`key`), never a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

ACTIVE = "active"
UNDONE = "undone"
SHOW = "show"
LEAVE = "leave"

VERSION_TABLE = "cx_version"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, written and read in UTC whatever the database thinks of time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite forgets the zone; PostgreSQL answers in the session's.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

framework = Table(
    "framework",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # A used version is immutable: the same name and number can never mean another document.
    UniqueConstraint("id", "version"),
)

engagement = Table(
    "engagement",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("framework", String(64), ForeignKey("framework.digest"), nullable=False),
    Column("framework_name", Text, nullable=False),
    Column("languages", JSON, nullable=False),
    Column("min_scores", Integer, nullable=False),
    Column("min_comments", Integer, nullable=False),
    Column("release_cuts", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

role = Table(
    "role",
    metadata,
    Column("engagement", Text, ForeignKey("engagement.slug"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("population", BigInteger),
    Column("weight", Float),
)

segment = Table(
    "segment",
    metadata,
    Column("engagement", Text, ForeignKey("engagement.slug"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
)

wave = Table(
    "wave",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("engagement", Text, ForeignKey("engagement.slug"), nullable=False),
    Column("id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text),
    Column("date", String(10)),
    UniqueConstraint("engagement", "id"),
    sqlite_autoincrement=True,
)

# A wave without a row here is assessed with its engagement's framework.
wave_framework = Table(
    "wave_framework",
    metadata,
    Column("wave", Integer, ForeignKey("wave.key"), primary_key=True, autoincrement=False),
    Column("framework", String(64), ForeignKey("framework.digest"), nullable=False),
)

import_batch = Table(
    "import_batch",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("wave", Integer, ForeignKey("wave.key"), nullable=False),
    Column("state", String(6), nullable=False),
    Column("source_name", Text, nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("mapping_digest", String(64), nullable=False),
    Column("mapping_document", Text, nullable=False),
    Column("declared", JSON, nullable=False),
    Column("framework", String(64), ForeignKey("framework.digest"), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("parquet_sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("undone_at", UtcDateTime),
    CheckConstraint(f"state IN ('{ACTIVE}', '{UNDONE}')", name="state"),
    # Lets a respondent point at the batch and its wave together, so that the two cannot disagree.
    UniqueConstraint("key", "wave"),
    sqlite_autoincrement=True,
)

# The same file by the same mapping is in a wave once, whoever imports it at the same moment.
Index(
    "ix_import_batch_once",
    import_batch.c.wave,
    import_batch.c.source_sha256,
    import_batch.c.mapping_digest,
    unique=True,
    sqlite_where=text(f"state = '{ACTIVE}'"),
    postgresql_where=text(f"state = '{ACTIVE}'"),
)

# One respondent answers a wave once, whatever the batch. The row is the primary key, so the table is
# its own index: half the bytes, and a batch is undone by walking its wave.
respondent = Table(
    "respondent",
    metadata,
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("pseudonym", Text, primary_key=True),
    Column("batch", Integer, nullable=False),
    ForeignKeyConstraint(["batch", "wave"], ["import_batch.key", "import_batch.wave"]),
    sqlite_with_rowid=False,
)

# Answers that a later import of the wave took the place of. They come back when that one is undone.
replaced = Table(
    "replaced",
    metadata,
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("pseudonym", Text, primary_key=True),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    ForeignKeyConstraint(["batch", "wave"], ["import_batch.key", "import_batch.wave"]),
    sqlite_with_rowid=False,
)

# What still counts of a batch of which something was replaced: a file of its own. The one that came in stays.
remainder = Table(
    "remainder",
    metadata,
    Column("batch", Integer, ForeignKey("import_batch.key"), primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("parquet_sha256", String(64), nullable=False),
)

# What was told of an import when it came in: rows left out and why, texts converted, answers replaced.
quality = Table(
    "quality",
    metadata,
    Column("batch", Integer, ForeignKey("import_batch.key"), primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False),
)

# Whom respondents write to; it may change while the engagement lasts.
contact = Table(
    "contact",
    metadata,
    Column("engagement", Text, ForeignKey("engagement.slug"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

# Who was invited to a wave; a table that is read in replaces the one before.
invited = Table(
    "invited",
    metadata,
    Column("wave", Integer, ForeignKey("wave.key"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("cell", JSON, nullable=False),
    Column("n", BigInteger, nullable=False),
)

target = Table(
    "target",
    metadata,
    Column("engagement", Text, ForeignKey("engagement.slug"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("level", Float, nullable=False),
    Column("because", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

# A value of another date stands beside the older one: a report of last year keeps its assumptions.
assumption = Table(
    "assumption",
    metadata,
    Column("engagement", Text, ForeignKey("engagement.slug"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("dated", String(10), primary_key=True),
    Column("value", Float, nullable=False),
    Column("unit", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

# What an analyst says to a wave's report: every save is a version, and the newest counts.
commentary = Table(
    "commentary",
    metadata,
    Column("wave", Integer, ForeignKey("wave.key"), primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# Touch points, standards, actions …: every load is a version of its own, and the newest counts.
register = Table(
    "register",
    metadata,
    Column("engagement", Text, ForeignKey("engagement.slug"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rows", JSON, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# What a run showed of a wave, and of whom: `out_at` once the run is approved. A later run of the wave is
# held against those that are out.
release = Table(
    "release",
    metadata,
    Column("run", Text, primary_key=True),
    Column("wave", Integer, ForeignKey("wave.key"), primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False),
    Column("members", LargeBinary, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("out_at", UtcDateTime),
)

# What a person of the house said of a comment, known by a keyed digest of who wrote what to which question:
# who writes another text is to be looked at again. No `verdict` yet: it was listed, and nobody has said.
comment = Table(
    "comment",
    metadata,
    Column("wave", Integer, ForeignKey("wave.key"), primary_key=True, autoincrement=False),
    Column("digest", String(32), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("batch", Integer, ForeignKey("import_batch.key"), nullable=False),
    Column("verdict", String(5)),
    Column("words", Text),
    Column("author", Text, nullable=False),
    Column("at", UtcDateTime),
    UniqueConstraint("wave", "number"),
    CheckConstraint(f"verdict IN ('{SHOW}', '{LEAVE}')", name="verdict"),
)

# A run that clients may see, by a link to its engagement. The run itself is a folder; where, the gate knows.
publication = Table(
    "publication",
    metadata,
    Column("run", Text, primary_key=True),
    Column("engagement", Text, nullable=False),
    Column("wave", Text, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Index("ix_publication_engagement", "engagement"),
)

# A private link to an engagement's published runs. Of the link itself only a digest is kept, so that nobody
# who reads the store can open it.
link = Table(
    "link",
    metadata,
    Column("id", Text, primary_key=True),
    Column("engagement", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("once", Boolean, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("opened_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Index("ix_link_engagement", "engagement"),
)

# Facilitators who sign in at the gate. `id` stands for them in the audit and outlives their name.
account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password", Text, nullable=False),
    # Whose engagements they see; an empty list is all of them.
    Column("engagements", JSON, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# Who is in: a browser that opened a link, or a facilitator who signed in. The cookie holds what the digest
# is of.
session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("link", Text, ForeignKey("link.id", ondelete="CASCADE")),
    Column("account", Text, ForeignKey("account.id", ondelete="CASCADE")),
    Column("made_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    CheckConstraint("(link IS NULL) <> (account IS NULL)", name="one_of"),
)

# Failed tries to sign in, by a digest of the name or of the browser's cookie; never by an address, which a
# whole workshop shares.
attempt = Table(
    "attempt",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("failed", Integer, nullable=False),
    Column("wait_until", UtcDateTime, nullable=False),
)

# What happened at the gate, each row sealed with the one before it. Only ever added to; `at` is text, so that
# it is read exactly as it was sealed.
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("engagement", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("seal", String(64), nullable=False),
    Index("ix_audit_engagement", "engagement"),
)
