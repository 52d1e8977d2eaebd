"""What a person of the house said of each comment: show it, leave it, or show it in other words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comment",
        sa.Column("wave", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(5), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("wave", "digest", name="pk_comment"),
        sa.ForeignKeyConstraint(["wave"], ["wave.key"], name="fk_comment_wave"),
        sa.ForeignKeyConstraint(["batch"], ["import_batch.key"], name="fk_comment_batch"),
        sa.UniqueConstraint("wave", "number", name="uq_comment_wave_number"),
        sa.CheckConstraint("verdict IN ('show', 'leave')", name=op.f("ck_comment_verdict")),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older version; restore a backup")
