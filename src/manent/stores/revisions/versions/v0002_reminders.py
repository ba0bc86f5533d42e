"""Reminders that outlive the process."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "reminders",
        sa.Column("conversation_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "name", name="pk_reminders"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reminders_due", "reminders", ["due"])
