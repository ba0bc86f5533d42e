"""`manent import-rasa`: import the conversations of a Rasa tracker store."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from manent.cli.project_store import with_store
from manent.cli.secret_options import read_secret
from manent.cli.shared_options import Endpoints
from manent.core.errors import StoreError
from manent.runtime.ports.store import ConversationStore

Source = Annotated[str | None, typer.Argument(metavar="[DATABASE]", help="SQLite file of the Rasa tracker store.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="SQLAlchemy URL of the database, instead of a file. A URL with a password is safer in --url-file or"
        " $MANENT_URL.",
    ),
]
UrlFile = Annotated[Path | None, typer.Option("--url-file", metavar="FILE", help="File that contains this URL.")]


def import_rasa(
    source: Source = None, *, url: Url = None, url_file: UrlFile = None, endpoints: Endpoints = None
) -> None:
    """Copy all conversations of a Rasa tracker store (SQL, Redis or MongoDB) into this project's store.

    The source is not changed. Conversations that were already imported are skipped, so you can repeat the import.
    """
    try:
        from manent.stores.rasa_import import ImportReport
        from manent.stores.rasa_import import import_rasa as copy
    except ModuleNotFoundError as error:
        raise StoreError(
            "import_source",
            f"this command requires the module {error.name}, which is not installed; run `pip install "
            "'manent[import-rasa]'`",
        ) from error

    url, warnings = read_secret("--url", url, url_file)
    if url is not None and urlsplit(url).password:
        for warning in warnings:
            print(f"Warning: {warning}.", file=sys.stderr)
    named = [one for one in (source, url) if one is not None]
    if len(named) != 1:
        raise typer.BadParameter("specify either a file or, with --url, the SQLAlchemy URL of a database")
    database = named[0] if "://" in named[0] else f"sqlite:///{named[0]}"

    async def work(store: ConversationStore) -> ImportReport:
        return await copy(database, store, progress=_show)

    report = with_store(endpoints, work)
    for problem in report.problems:
        print(f"Warning: {problem}", file=sys.stderr)
    skipped = f", {report.unreadable} rows skipped" if report.unreadable else ""
    print(f"{report.conversations} conversations are in the store; {report.events} events were copied{skipped}.")
    if report.problems:
        raise typer.Exit(1)


def _show(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)
