"""The first schema: logs, accepted messages, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    text = sa.String(255)
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sender_id", text.with_variant(sa.String(255, collation="C"), "postgresql"), nullable=False),
        sa.Column("epoch", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("visible", sa.BigInteger, nullable=False),
        sa.Column("divider", sa.String(16)),
        sa.Column("session_seq", sa.BigInteger, nullable=False),
        sa.Column("plain_seq", sa.BigInteger, nullable=False),
        sa.Column("open_turn", sa.Boolean, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("owner", sa.String(255)),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.UniqueConstraint("sender_id", name="uq_conversations_sender_id"),
    )
    _create_partial_index("ix_conversations_open", ["updated"], "open_turn")
    _create_partial_index("ix_conversations_owner", ["owner", "updated"], "owner IS NOT NULL")
    op.create_table(
        "events",
        sa.Column("conversation_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("prev", sa.BigInteger),
        sa.Column("divider", sa.String(16)),
        sa.Column("title", sa.Text),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_events"),
    )
    op.create_table(
        "accepted",
        sa.Column("conversation_id", sa.Integer, nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "message_id", name="pk_accepted"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        sa.Column("conversation_id", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "version", name="pk_snapshots"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )


def _create_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "conversations", columns, sqlite_where=where, postgresql_where=where)
