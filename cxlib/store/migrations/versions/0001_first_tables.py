"""The first tables: frameworks, engagements, waves, import batches, respondents, targets, assumptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out and never changed again: a migration must not follow the models as they move on.


def upgrade() -> None:
    op.create_table(
        "framework",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_framework"),
        sa.UniqueConstraint("id", "version", name="uq_framework_id_version"),
    )
    op.create_table(
        "engagement",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("framework", sa.String(64), nullable=False),
        sa.Column("framework_name", sa.Text(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("min_scores", sa.Integer(), nullable=False),
        sa.Column("min_comments", sa.Integer(), nullable=False),
        sa.Column("release_cuts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slug", name="pk_engagement"),
        sa.ForeignKeyConstraint(["framework"], ["framework.digest"], name="fk_engagement_framework"),
    )
    op.create_table(
        "role",
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("population", sa.BigInteger()),
        sa.Column("weight", sa.Float()),
        sa.PrimaryKeyConstraint("engagement", "id", name="pk_role"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_role_engagement"),
    )
    op.create_table(
        "segment",
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "id", name="pk_segment"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_segment_engagement"),
    )
    op.create_table(
        "wave",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("date", sa.String(10)),
        sa.PrimaryKeyConstraint("key", name="pk_wave"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_wave_engagement"),
        sa.UniqueConstraint("engagement", "id", name="uq_wave_engagement_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "import_batch",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(6), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("mapping_digest", sa.String(64), nullable=False),
        sa.Column("mapping_document", sa.Text(), nullable=False),
        sa.Column("declared", sa.JSON(), nullable=False),
        sa.Column("framework", sa.String(64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("parquet_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("key", name="pk_import_batch"),
        sa.CheckConstraint("state IN ('active', 'undone')", name=op.f("ck_import_batch_state")),
        sa.ForeignKeyConstraint(["wave"], ["wave.key"], name="fk_import_batch_wave"),
        sa.ForeignKeyConstraint(["framework"], ["framework.digest"], name="fk_import_batch_framework"),
        sa.UniqueConstraint("id", name="uq_import_batch_id"),
        sa.UniqueConstraint("key", "wave", name="uq_import_batch_key_wave"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_import_batch_once",
        "import_batch",
        ["wave", "source_sha256", "mapping_digest"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "respondent",
        sa.Column("wave", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("wave", "pseudonym", name="pk_respondent"),
        sa.ForeignKeyConstraint(
            ["batch", "wave"], ["import_batch.key", "import_batch.wave"], name="fk_respondent_batch_wave"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "target",
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "id", name="pk_target"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_target_engagement"),
    )
    op.create_table(
        "assumption",
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dated", sa.String(10), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "id", "dated", name="pk_assumption"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_assumption_engagement"),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older version; restore a backup")
