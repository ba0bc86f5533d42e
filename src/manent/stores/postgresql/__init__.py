"""The store for several servers: PostgreSQL, through asyncpg."""
