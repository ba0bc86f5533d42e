"""The store for several servers, on PostgreSQL with asyncpg."""
