"""`table`: one screen that tells in ten seconds what this model is made of, what is wrong, and what was not read."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Final

from mlsbom.assess.findings import where_text
from mlsbom.model import SEVERITY_ORDER, Assessment, Component, Kind, Severity, Status
from mlsbom.survey.licensing import as_expression

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

KINDS: Final = (
    (Kind.MODEL, "Models"),
    (Kind.DATASET, "Data sets"),
    (Kind.PACKAGE, "Packages"),
    (Kind.CONTAINER, "Containers"),
    (Kind.SERVICE, "Services"),
    (Kind.AGENT_TOOL, "Agent tools"),
    (Kind.CODE, "Code"),
    (Kind.TOKENIZER, "Tokenizers"),
    (Kind.TEMPLATE, "Templates"),
)
STYLES: Final = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
CRITERIA: Final = ("auditable", "license-clean", "security-reviewed", "replaceable", "controllable")
MOST: Final = {Kind.MODEL: 14, Kind.DATASET: 10, Kind.PACKAGE: 14, Kind.SERVICE: 10}
MOST_FINDINGS: Final = 15
MOST_UNREAD: Final = 8


def render(assessment: Assessment, version: str) -> bytes:
    """The screen, coloured where standard output is a terminal and NO_COLOR is not set; else plain text of at least 100 columns."""
    import os
    import shutil
    import sys

    from rich.console import Console

    live = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = min(max(shutil.get_terminal_size((110, 40)).columns, 60), 160)
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=live,
        no_color=not live,
        color_system="truecolor" if live else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    draw(console, assessment)
    return out.getvalue().encode("utf-8", "replace")


def draw(console: Console, a: Assessment) -> None:
    """Print the screen to a rich console."""
    from rich.padding import Padding

    for part in (_head(a), _made_of(a), _findings(a), _grades(a), _unread(a), _verdict(a)):
        if part is not None:
            console.print(Padding(part, (0, 0, 1, 0)))


def clean(value: str, limit: int = 160) -> str:
    """Text of a target for a terminal: nothing that moves the cursor or turns the direction of text."""
    cut = value if len(value) <= limit else value[: limit - 1] + "…"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in cut)


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def number(count: int) -> str:
    """Parameters for people: 7.6 B, 22.7 M."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.3g} {unit}"
    return str(count)


def _head(a: Assessment) -> RenderableType:
    from rich.text import Text

    s = a.survey
    total = sum(x.size for x in s.artifacts)
    head = Text(clean(s.target.name), style="bold")
    head.append(f"  {len(s.artifacts)} files, {size(total)}", style="dim")
    if s.target.revision:
        head.append(f"  revision {s.target.revision[:12]}", style="dim")
    main = next((c for c in a.graph.components if c.primary), None)
    if main is not None:
        parameters = main.value("parameters")
        count = f"{number(parameters)} parameters" if isinstance(parameters, int) else None
        words = [
            w
            for w in (
                _word(main, "task"),
                _word(main, "architecture"),
                count,
                _word(main, "dtype"),
                as_expression(main) or "no licence stated",
            )
            if w
        ]
        head.append("\n" + clean(" · ".join(words)))
    return head


def _word(c: Component, field: str) -> str | None:
    value = c.value(field)
    return str(value) if isinstance(value, str) else None


def _made_of(a: Assessment) -> RenderableType | None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for heading, style, least, most in (
        ("Made of", "bold", 13, 13),
        ("Name", "", 30, 40),
        ("Version", "cyan", 8, 14),
        ("Licence", "", 10, 24),
        ("How", "dim", 13, 16),
        ("Where", "dim", 20, 34),
    ):
        table.add_column(heading, style=style, overflow="ellipsis", no_wrap=True, min_width=least, max_width=most)
    how = _how(a)
    any_row = False
    for kind, title in KINDS:
        rows = [c for c in a.graph.components if c.kind == kind]
        rows.sort(key=lambda c: (not c.primary, not c.local, how.get(c.ref, ""), c.name.lower()))
        most = MOST.get(kind, 8)
        for n, c in enumerate(rows[:most]):
            any_row = True
            best = c.evidence[0] if c.evidence else None
            version = c.version or next((s.specifier for s in c.specifiers if s.specifier), "")
            table.add_row(
                f"{title} {len(rows)}" if n == 0 else "",
                clean(c.name, 60),
                clean(version[:12] if len(version) == 40 else version, 18) if version else "–",
                clean(as_expression(c) or "–", 40),
                clean(how.get(c.ref, ""), 22),
                clean(where_text(best), 60) if best else "",
            )
        if len(rows) > most:
            table.add_row("", f"… and {len(rows) - most} more", "", "", "", "", style="dim")
    return table if any_row else None


def _how(a: Assessment) -> dict[str, str]:
    words: dict[str, str] = {}
    for r in a.graph.relationships:
        if r.kind == "contains":
            words.setdefault(r.target, "in the target")
        else:
            text = {
                "derived-from": f"base ({r.relation})" if r.relation not in (None, "unknown") else "base",
                "trained-on": "trained on",
                "tested-on": "tested on",
                "depends-on": r.relation or "used",
                "calls": r.relation or "called",
                "variant-of": "variant",
                "runs-in": "runs in",
                "loads-code": "runs its code",
                "source-dataset": "source",
            }.get(r.kind, r.kind)
            if words.get(r.target) in (None, "used", "in the target"):
                words[r.target] = text
    return words


def _findings(a: Assessment) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = [f for f in a.findings if f.severity != Severity.INFO and f.waived_by is None]
    waived = sum(f.waived_by is not None for f in a.findings)
    if not shown:
        return Text("Nothing was found that needs attention." + (f" {waived} waived." if waived else ""), style="green")
    counts = Counter(f.severity for f in shown)
    title = ", ".join(f"{counts[s]} {s}" for s in sorted(counts, key=lambda s: -SEVERITY_ORDER[s])) + (
        f", {waived} waived" if waived else ""
    )
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=f"Findings: {title}", title_justify="left", title_style="bold"
    )
    table.add_column("Severity", no_wrap=True)
    table.add_column("Rule", no_wrap=True)
    table.add_column("What and where", ratio=1)
    for f in shown[:MOST_FINDINGS]:
        words = Text(clean(f.message, 240))
        words.append(f"\n{clean(where_text(f.where), 120)}", style="dim")
        table.add_row(Text(str(f.severity), style=STYLES[f.severity]), f.rule, words)
    if len(shown) > MOST_FINDINGS:
        table.add_row("", "", Text(f"… and {len(shown) - MOST_FINDINGS} more: -o json, -o html or -o sarif shows all", style="dim"))
    return table


def _grades(a: Assessment) -> Table | None:
    from rich import box
    from rich.table import Table

    if not a.grades:
        return None
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        title="Grades (the lowest of the components)",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("Criterion")
    table.add_column("Level", justify="center")
    table.add_column("What the next level lacks", ratio=1, style="dim")
    for criterion in CRITERIA:
        rows = [g for g in a.grades if g.criterion == criterion]
        if not rows:
            continue
        low = min(rows, key=lambda g: (g.level, g.component))
        lacks = "; ".join([f"{k} {v}" for k, v in sorted(low.failed.items())][:2] + [f"{k} not shown" for k in sorted(low.not_shown)][:4])
        table.add_row(criterion, f"{low.level}  " + "●" * low.level + "○" * (3 - low.level), clean(lacks, 200))
    return table


def _unread(a: Assessment) -> RenderableType | None:
    from rich.text import Text

    rows = [(p, s, r) for p, s, r in a.coverage if s != Status.OPAQUE]
    opaque = len(a.coverage) - len(rows)
    if not a.coverage:
        return Text("Every file was read in full.", style="green")
    text = Text(
        f"Not read: {len(rows)} places" + (f", and {opaque} that cannot be looked into by nature" if opaque else ""),
        style="bold" if rows else "dim",
    )
    for place, status, reason in rows[:MOST_UNREAD]:
        text.append(f"\n  {clean(str(place), 70)}", style="yellow").append(f"  {status}: {clean(reason, 120)}", style="not bold dim")
    if len(rows) > MOST_UNREAD:
        text.append(f"\n  … and {len(rows) - MOST_UNREAD} more", style="dim")
    return text


def _verdict(a: Assessment) -> RenderableType:
    from rich.text import Text

    if not a.gate.passed:
        text = Text(" FAILED ", style="bold white on red")
    elif a.gate.incomplete:
        text = Text(" INCOMPLETE ", style="bold black on yellow")
    else:
        text = Text(" PASSED ", style="bold black on green")
    failing = [r for r in a.gate.reasons if not r.startswith("not read:")]
    text.append("  " + clean("; ".join(failing), 300), style="not bold")
    text.append(
        f"\nmlsbom {a.survey.tool.version}, data packs of {a.survey.tool.signatures_date or 'no date'}"
        + (f", profile {a.profile}" if a.profile else ""),
        style="dim",
    )
    return text


def summary(a: Assessment) -> str:
    """One line: what was found, and the gate."""
    counts = Counter(f.severity for f in a.findings if f.waived_by is None)
    found = (
        ", ".join(f"{counts[s]} {s}" for s in (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW) if counts[s])
        or "no findings"
    )
    state = "failed" if not a.gate.passed else "incomplete" if a.gate.incomplete else "passed"
    return f"mlsbom: {clean(a.survey.target.name)}: {len(a.graph.components)} components, {found}, gate {state}"
