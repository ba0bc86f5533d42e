"""`manent desk invite`: print a link with which a person joins the desk."""

from typing import Annotated, Literal

import typer

from manent.cli.desk_store import with_desk
from manent.cli.project_store import read_project_endpoints
from manent.cli.shared_options import Endpoints

DEFAULT_URL = "http://localhost:5005"


def invite_member(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name that visitors and other operators see.")],
    *,
    role: Annotated[
        Literal["viewer", "operator", "reviewer", "admin"],
        typer.Option(
            "--role",
            help="viewer: read. operator: answer. reviewer: correct messages for the training data. admin: everything.",
        ),
    ] = "operator",
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help=f"Address of the server. Default: `public_url` of the desk in endpoints.yml, or {DEFAULT_URL}.",
            show_default=False,
        ),
    ] = None,
    endpoints: Endpoints = None,
) -> None:
    """Print a link with which a person joins the desk. It works once, within 24 hours.

    If you invite a member again, the member gets another link. If the role changes, the member's sessions end.
    """
    from manent.desk.members import invite, join_path

    options = read_project_endpoints(endpoints).desk
    _check_identity(options.identity if options is not None else "local")
    base = url or (options.public_url if options is not None else None) or DEFAULT_URL
    member, token = with_desk(endpoints, lambda desk: invite(desk, name, role))
    print(f"Link for {member.name} ({member.id}, {member.role}), valid once within 24 hours:")
    print(f"{base.rstrip('/')}{join_path(token)}")


def _check_identity(identity: str) -> None:
    if identity != "local":
        raise typer.BadParameter(
            f"endpoints.yml has `desk: {{identity: {identity}}}`, so your identity system decides who may use "
            "the desk. Links work only with `identity: local`"
        )
