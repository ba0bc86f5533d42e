"""The schema as SQLAlchemy Core tables: what migrations lead to, whatever the database.

Read by the migrations and by the stores on database servers. Never imported on the start path of a SQLite store, whose
own DDL (`sqlite/schema.py`) a test holds equal to this.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def exact_string(length: int) -> sa.String:
    """Return a type of text that is compared and ordered byte by byte, as SQLite does it by itself."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sender_id", exact_string(255), nullable=False, unique=True),
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
)
sa.Index(
    "ix_conversations_open",
    conversations.c.updated,
    sqlite_where=sa.text("open_turn"),
    postgresql_where=sa.text("open_turn"),
)
sa.Index(
    "ix_conversations_owner",
    conversations.c.owner,
    conversations.c.updated,
    sqlite_where=sa.text("owner IS NOT NULL"),
    postgresql_where=sa.text("owner IS NOT NULL"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("conversation_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("format", sa.SmallInteger, nullable=False),
    sa.Column("prev", sa.BigInteger),
    sa.Column("divider", sa.String(16)),
    sa.Column("title", sa.Text),
    sa.Column("data", sa.Text, nullable=False),
)

accepted = sa.Table(
    "accepted",
    metadata,
    sa.Column("conversation_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.String(128), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("conversation_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

reminders = sa.Table(
    "reminders",
    metadata,
    sa.Column("conversation_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("due", sa.Double, nullable=False, index=True),
    sa.Column("data", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)

revocations = sa.Table(
    "revocations",
    metadata,
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("value", exact_string(255), primary_key=True),
    sa.Column("issued_before", sa.Double),
    sa.Column("lifted", sa.Boolean, nullable=False),
    sa.Column("made", sa.Double, nullable=False, index=True),
    sqlite_with_rowid=False,
)

published = sa.Table(
    "published",
    metadata,
    sa.Column("sender_id", exact_string(255), primary_key=True),
    sa.Column("epoch", sa.String(64), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", sa.Double),
    sqlite_with_rowid=False,
)
