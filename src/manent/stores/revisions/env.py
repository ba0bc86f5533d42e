"""Runs the migrations on the connection that `manent.stores.migrations` hands over; Alembic executes this file."""

from alembic import context

from manent.stores.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
