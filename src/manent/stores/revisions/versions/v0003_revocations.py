"""Tokens that were revoked before they ran out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "revocations",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("value", sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql"), nullable=False),
        sa.Column("issued_before", sa.Double),
        sa.Column("lifted", sa.Boolean, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", name="pk_revocations"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_revocations_made", "revocations", ["made"])
