"""`landline check` on a terminal: tables that fit 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from landline.cli.check import Checked, facts_of, place
from landline.server.findings import Finding

SOURCES = {"command": "this command", "machine": "this machine"}
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


def show_tables(checked: list[Checked], twice: list[Finding]) -> None:
    """Show the report to a person: what each service is, its handlers, its limits, and what is wrong."""
    console = Console(highlight=False, markup=False)
    for one in checked:
        console.print(facts_table(one), Text(), sep="")
        if one.handlers:
            console.print(handler_table(one), Text(), sep="")
        show_limits(console, one)
        console.print()
        show_findings(console, one.found)
    show_findings(console, twice)
    everything = [*twice, *(found for one in checked for found in one.found)]
    if not any(found.severity != "note" for found in everything):
        console.print("Nothing is wrong.")


def plain_table(*columns: str, head: bool = True) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=head)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def facts_table(one: Checked) -> Table:
    """Name, addresses, framing and the like."""
    table = plain_table("", "", head=False)
    for name, value in facts_of(one):
        table.add_row(Text(name, "bold"), value)
    return table


def handler_table(one: Checked) -> Table:
    """What is called, and where it stands."""
    table = plain_table("handler", "name", "stands in", "")
    for row in one.handlers:
        table.add_row(row.kind, row.name, place(row), row.note)
    return table


def show_limits(console: Console, one: Checked) -> None:
    """Every limit on a line, its reason below it."""
    console.print(Text(f"{'limit':<28}{'value':<24}from", "bold"))
    for row in one.limits:
        value = f"{row.value} {row.unit}"
        console.print(Text(f"{row.name:<28}{value:<24}{SOURCES.get(row.source, row.source)}"))
        console.print(Padding(Text(row.reason, "dim"), (0, 0, 0, 4)))


def show_findings(console: Console, found: list[Finding]) -> None:
    """What is wrong, a paragraph each."""
    for one in found:
        console.print(Text.assemble((f"{one.severity}: ", STYLES[one.severity]), one.sentence))
