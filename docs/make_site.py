"""Writes the sources of the documentation site to a folder, for MkDocs: `python docs/make_site.py FOLDER`.

`make docs` runs it. The pages of `docs/` stay plain Markdown that GitHub shows. For the site, this program copies them,
adds the pages of the repository's root and of the examples, generates the reference of the commands, the HTTP operations
and `endpoints.yml`, and changes links to other files of the repository into links to copies.
"""
# ruff: noqa: INP001, E501 - a program beside the documents, whose texts are lines of pages

import importlib
import inspect
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RENAMED = {"docs/start.md": "index.md", "README.md": "overview.md"}
"""Pages with another name on the site, where README.md would be the first page of its folder."""

PAGES_OF_ROOT = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
FILES = "files"
"""Folder of the site for copies of other files of the repository."""

CODE_OR_LINK = re.compile(r"(``.+?``|`[^`\n]+`(?!\]))|(!?\[((?:[^\[\]`]|`[^`]*`)*)\])\(([^)#\s]*)(#[^)\s]*)?\)")
"""Code in a line, in which nothing is changed, or a link with its text, target and anchor."""
FENCE = re.compile(r"^(```\w+) [^\n]*$", re.MULTILINE)
LIST = re.compile(r"^(?![ \t]*(?:[-*]|\d+\.) )(?![ \t]*$)(?![ \t]+)(.*)\n(?=(?:[-*]|1\.) )", re.MULTILINE)


def main() -> int:
    """Write the folder that the arguments name."""
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    places = {path: path.relative_to(DOCS) for path in DOCS.rglob("*") if path.is_file() and path.suffix != ".py"}
    places |= {ROOT / name: Path(name) for name in PAGES_OF_ROOT}
    places |= {ROOT / name: Path(renamed) for name, renamed in RENAMED.items()}
    waiting = list(places)
    while waiting:
        source = waiting.pop()
        page = target / places[source]
        page.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".md":
            shutil.copyfile(source, page)
            continue
        before = set(places)
        page.write_text(converted(source, places))
        waiting += set(places) - before
    (target / "reference").mkdir()
    (target / "reference/commands.md").write_text(commands())
    (target / "reference/http-operations.md").write_text(http_operations())
    (target / "reference/endpoints.md").write_text(endpoints())
    return 0


def converted(source: Path, places: dict[Path, Path]) -> str:
    """Return a page for Python-Markdown, with links to the places of the site. Adds the linked files to `places`."""

    def link(match: re.Match[str]) -> str:
        code, label, text, written, anchor = match.groups()
        if code or not written or re.match(r"[a-z]+:", written):
            return match[0]
        target = (source.parent / written).resolve()
        if (target / "README.md").exists():
            target /= "README.md"
        if target.is_dir():
            return text  # a folder without a page
        if not target.exists():
            return match[0]  # MkDocs reports it
        if target not in places:
            places[target] = Path(FILES) / target.relative_to(ROOT)
        return f"{label}({os.path.relpath(places[target], places[source].parent)}{anchor or ''})"

    parts = re.split(r"(^```.*?^```$)", source.read_text(), flags=re.MULTILINE | re.DOTALL)
    for number in range(0, len(parts), 2):
        parts[number] = _indented(LIST.sub(r"\1\n\n", CODE_OR_LINK.sub(link, parts[number])))
    return FENCE.sub(r"\1", "".join(parts))


def _indented(text: str) -> str:
    """Indent what belongs to a list item by four spaces, and separate long items, as Python-Markdown requires it."""
    lines: list[str] = []
    more = least = 0
    for line in text.split("\n"):
        marker = re.match(r"(-|\d+\.) +", line)
        if marker:
            if more and lines[-1] and lines[-1].startswith(" "):
                lines.append("")
            least = len(marker[0])
            more = 4 - least
        elif line and not line.startswith(" "):
            more = 0
        lines.append(" " * more + line if more and not marker and line.startswith(" " * least) else line)
    return "\n".join(lines)


def commands() -> str:
    """Return the reference of all commands: arguments and options with their help, from the functions themselves."""
    from typer.main import get_command

    from manent.cli.main import COMMANDS

    parts = ["# Commands: all options\n\nGenerated from the commands. [Commands](../cli.md) describes what they do.\n"]
    for each in COMMANDS:
        module, _, name = each.target.partition(":")
        import typer

        app = typer.Typer(add_completion=False)
        app.command()(getattr(importlib.import_module(module), name))
        command = get_command(app)
        parts.append(
            f"\n## manent {each.name}\n\n{command.help or each.summary}\n\n| | meaning | default |\n|---|---|---|\n"
        )
        for option in command.params:
            if option.name == "help":
                continue
            words = (
                ", ".join(f"`{word}`" for word in (*option.opts, *option.secondary_opts))
                if option.param_type_name == "option"
                else f"`{option.name}`"
            )
            default = (
                option.default if option.default not in (None, False, (), "") and not callable(option.default) else ""
            )
            text = (getattr(option, "help", "") or "").replace("|", "\\|").replace("\n", " ")
            parts.append(f"| {words} | {text} | {f'`{default}`' if default != '' else ''} |\n")
    return "".join(parts)


def http_operations() -> str:
    """Return the reference of the HTTP API, from the OpenAPI document."""
    from manent.server.api.openapi import document

    described = document()
    parts = [
        "# HTTP operations\n\nGenerated from the server's OpenAPI document, which it serves at `/openapi.json`. [HTTP API](../http-api.md) describes how to use it.\n"
    ]
    for path, item in sorted(described["paths"].items()):
        for method, operation in item.items():
            parts.append(f"\n## {method.upper()} {path}\n\n{operation.get('summary', '')}\n")
            if operation.get("security"):
                parts.append("\nOnly with `--enable-api`. A token or a JWT is required if one is configured.\n")
            for parameter in operation.get("parameters", ()):
                text = parameter.get("description", "")
                parts.append(
                    f"\n- `{parameter['name']}` (in {parameter['in']}{', required' if parameter.get('required') else ''}){': ' + text if text else ''}"
                )
            body = operation.get("requestBody")
            if body:
                parts.append(f"\n\nBody: {_schemas(body['content'])}\n")
            rows = "".join(
                f"| {status} | {answer.get('description', '')} | {_schemas(answer.get('content', {}))} |\n"
                for status, answer in operation.get("responses", {}).items()
            )
            parts.append(f"\n\n| status | meaning | body |\n|---|---|---|\n{rows}")
    parts.append("\n## Bodies\n")
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts.append(f"\n### {name}\n\n{schema.get('description', '')}\n")
        if schema.get("properties"):
            required = schema.get("required", ())
            rows = "".join(
                f"| `{key}` | {_type(value)} | {'yes' if key in required else ''} | {value.get('description', '')} |\n"
                for key, value in schema["properties"].items()
            )
            parts.append(f"\n| key | type | required | meaning |\n|---|---|---|---|\n{rows}")
    return "".join(parts)


def _schemas(content: dict[str, Any]) -> str:
    return ", ".join(
        f"{kind}: {_type(value.get('schema', {}))}" if value.get("schema") else kind for kind, value in content.items()
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(_type(each) for each in schema[union])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {})) or 'anything'}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return str(schema.get("type", ""))


def endpoints() -> str:
    """Return the reference of the sections of `endpoints.yml`, from the class that contains them."""
    from manent.project.settings.endpoints import KEYS, SERVER_KEYS, Endpoints

    _, _, listed = inspect.cleandoc(Endpoints.__doc__ or "").partition("Attributes:\n")
    texts = {
        name: " ".join(text.split())
        for name, text in re.findall(r"^    (\w+): (.+(?:\n        .+)*)", listed, re.MULTILINE)
    }
    texts |= {
        "action_endpoint": "the action server, or the module with the custom actions.",
        "nlg": "the server that generates response texts.",
        "nlu": "ignored with a warning: Manent parses messages itself.",
        "models": "the server or object store that models come from.",
        "tracker_store": "where conversations are stored.",
        "lock_store": "ignored with a warning: the store makes it unnecessary.",
        "event_broker": "where events are published.",
        "tracing": "where spans are sent.",
        "conversations": "how long conversations and leases last.",
    }
    links = {
        "tracker_store": "[options](../options.md#stores)",
        "event_broker": "[options](../options.md#event-brokers)",
        "tracing": "[options](../options.md#tracing)",
        "action_endpoint": "[custom actions](../custom-actions.md)",
        "models": "[models](../operations/several-servers.md#models)",
        "conversations": "`retention_days`, `lease_s`: [erase, retain, limit](../identity.md#erase-retain-limit)",
        "limits": "[limits](../identity.md#erase-retain-limit)",
    }
    rows = "".join(f"| `{key}` | {texts.get(key, '')} | {links.get(key, '')} |\n" for key in KEYS)
    return (
        "# Keys of endpoints.yml\n\nGenerated from the class that reads them. `credentials.yml` has a section for each channel: "
        "[options](../options.md#channels). `config.yml` has the components ([NLU](../nlu.md)) and the policies "
        f"([dialogue](../dialogue.md)).\n\n| key | meaning | options |\n|---|---|---|\n{rows}\n"
        f"Servers (`action_endpoint`, `nlg`, `models`) have these options: {', '.join(f'`{key}`' for key in SERVER_KEYS)}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
