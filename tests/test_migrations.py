"""The migrations lead to exactly the tables the code expects, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from service.store import schema
from service.store.tables import metadata


def test_the_migrated_database_equals_the_models(engine: Engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []


def test_there_is_one_line_of_migrations():
    assert len(ScriptDirectory.from_config(schema._config()).get_heads()) == 1


def test_migrating_again_changes_nothing(engine: Engine):
    before = set(inspect(engine).get_table_names())

    schema.migrate(engine)

    assert set(inspect(engine).get_table_names()) == before
    assert schema.is_current(engine)


def test_a_database_without_a_version_is_not_current(engine: Engine):
    with engine.begin() as connection:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("DELETE FROM alembic_version"))

    found = schema.is_current(engine)

    with engine.begin() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": version})
    assert not found
