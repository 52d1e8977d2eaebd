"""What later imports of a wave replaced, what still counts of the earlier ones, and what was told of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replaced",
        sa.Column("wave", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("wave", "pseudonym", "batch", name="pk_replaced"),
        sa.ForeignKeyConstraint(
            ["batch", "wave"], ["import_batch.key", "import_batch.wave"], name="fk_replaced_batch_wave"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "remainder",
        sa.Column("batch", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("parquet_sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_remainder"),
        sa.ForeignKeyConstraint(["batch"], ["import_batch.key"], name="fk_remainder_batch"),
    )
    op.create_table(
        "quality",
        sa.Column("batch", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("batch", name="pk_quality"),
        sa.ForeignKeyConstraint(["batch"], ["import_batch.key"], name="fk_quality_batch"),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older version; restore a backup")
