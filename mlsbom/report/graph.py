"""The lineage graph as SVG: upstreams left, the delivery in the middle, what it needs to run right. No library, no script."""

from __future__ import annotations

from html import escape
from typing import Final

from msgspec import Struct

from mlsbom.model import Assessment, Component, Kind
from mlsbom.report.table import clean

WIDTH, ROW, TOP = 1080, 44, 26
BOX: Final = 300
COLUMNS: Final = (16, 390, 764)
MOST: Final = 11
LEFT: Final = ("derived-from", "trained-on", "tested-on", "source-dataset", "loads-code")
LABELS: Final = {
    "derived-from": "base",
    "trained-on": "trained on",
    "tested-on": "tested on",
    "source-dataset": "source",
    "loads-code": "runs its code",
    "depends-on": "uses",
    "calls": "calls",
    "runs-in": "runs in",
    "variant-of": "variant",
}
KOREAN: Final = {
    "base": "기반",
    "finetune": "미세조정",
    "adapter": "어댑터",
    "merge": "병합",
    "quantized": "양자화",
    "trained on": "학습 데이터",
    "tested on": "평가 데이터",
    "source": "출처",
    "runs its code": "코드 실행",
    "uses": "사용",
    "calls": "호출",
    "runs in": "실행 환경",
    "variant": "변형",
}


class Node(Struct):
    """A box: component or a bundle of several, its column and row."""

    key: str
    title: str
    line: str
    kind: str
    column: int
    row: int = 0


def graph(a: Assessment) -> str:
    """The picture, or "" where there is nothing to draw."""
    nodes: dict[str, Node] = {}
    edges: list[tuple[str, str, str]] = []
    refs = a.graph.by_ref()
    middle = [c for c in a.graph.components if c.local and c.kind in (Kind.MODEL, Kind.DATASET)][:MOST] or [a.graph.root]
    inside = {c.ref for c in middle}
    for c in middle:
        nodes[c.ref] = Node(c.ref, c.name, _line(c), str(c.kind), 1)
    left: dict[str, tuple[Component, str, str]] = {}
    right: dict[str, list[tuple[Component, str, str]]] = {}
    for r in a.graph.relationships:
        target = refs[r.target]
        if target.ref in inside:
            if r.kind == "variant-of" and r.source in inside:
                edges.append((r.source, r.target, "variant"))
            continue
        if r.kind in LEFT and r.source in inside:
            left.setdefault(
                target.ref,
                (target, r.source, r.relation if r.kind == "derived-from" and r.relation not in (None, "unknown") else LABELS[r.kind]),
            )
    for r in a.graph.relationships:
        target = refs[r.target]
        if target.ref in inside or target.ref in left:
            continue
        if r.kind in ("depends-on", "calls", "runs-in") and target.kind not in (Kind.TOKENIZER, Kind.TEMPLATE):
            source = r.source if r.source in inside else middle[0].ref
            group = str(target.kind)
            if all(target.ref != x[0].ref for x in right.get(group, ())):
                right.setdefault(group, []).append((target, source, LABELS[r.kind]))
    for n, (ref, (target, source, label)) in enumerate(left.items()):
        if n < MOST:
            nodes[ref] = Node(ref, target.name, _line(target), str(target.kind), 0)
            edges.append((ref, source, label))
    if len(left) > MOST:
        nodes["left-more"] = Node("left-more", f"… {len(left) - MOST} more", "", "model", 0)
    for group, rows in right.items():
        if group == str(Kind.PACKAGE) or len(rows) > 4:
            key = f"group-{group}"
            nodes[key] = Node(
                key, f"{len(rows)} {group}s", ", ".join(x[0].name for x in rows[:3]) + (", …" if len(rows) > 3 else ""), group, 2
            )
            edges.append((rows[0][1], key, rows[0][2]))
        else:
            for target, source, label in rows:
                nodes[target.ref] = Node(target.ref, target.name, _line(target), group, 2)
                edges.append((source, target.ref, label))
    return _draw(nodes, edges) if len(nodes) > 1 else ""


def _line(c: Component) -> str:
    from mlsbom.survey.licensing import as_expression

    return " · ".join(x for x in ((c.version or "")[:12], as_expression(c) or "") if x)


def _draw(nodes: dict[str, Node], edges: list[tuple[str, str, str]]) -> str:
    counts = [0, 0, 0]
    for node in nodes.values():
        node.row = counts[node.column]
        counts[node.column] += 1
    height = TOP + max(counts) * (ROW + 12) + 8
    offset = [(max(counts) - n) * (ROW + 12) / 2 for n in counts]

    def at(node: Node) -> tuple[float, float]:
        return COLUMNS[node.column], TOP + offset[node.column] + node.row * (ROW + 12)

    out = [
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="graph-title" class="graph">',
        '<title id="graph-title">Lineage and dependencies</title><defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" ',
        'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    for source, target, label in edges:
        if source not in nodes or target not in nodes:
            continue
        a, b = nodes[source], nodes[target]
        (x1, y1), (x2, y2) = at(a), at(b)
        if a.column == b.column:
            x1, x2, bend = x1 + BOX, x2 + BOX, 36
            path = f"M{x1} {y1 + ROW / 2:.0f}C{x1 + bend} {y1 + ROW / 2:.0f} {x2 + bend} {y2 + ROW / 2:.0f} {x2} {y2 + ROW / 2:.0f}"
            tx, ty = x1 + bend - 8, (y1 + y2) / 2 + ROW / 2
        else:
            x1 += BOX
            half = (x1 + x2) / 2
            path = f"M{x1} {y1 + ROW / 2:.0f}C{half:.0f} {y1 + ROW / 2:.0f} {half:.0f} {y2 + ROW / 2:.0f} {x2} {y2 + ROW / 2:.0f}"
            # beside the outer box: each has a row of its own, so labels never meet
            tx, ty = (x1 + 38, y1 + ROW / 2 - 5) if a.column == 0 else (x2 - 42, y2 + ROW / 2 - 5)
        out.append(
            f'<path d="{path}" class="edge" marker-end="url(#arrow)"/><text x="{tx:.0f}" y="{ty:.0f}" class="label">{_both(label)}</text>'
        )
    for node in nodes.values():
        x, y = at(node)
        out.append(
            f'<g class="node {node.kind}"><rect x="{x}" y="{y:.0f}" width="{BOX}" height="{ROW}" rx="7"/>'
            f'<text x="{x + 12}" y="{y + (19 if node.line else 27):.0f}" class="name">{escape(_fit(node.title, 31))}</text>'
            + (f'<text x="{x + 12}" y="{y + 35:.0f}" class="line">{escape(_fit(node.line, 42))}</text>' if node.line else "")
            + "</g>"
        )
    out.append("</svg>")
    return "".join(out)


def _both(label: str) -> str:
    """A label in both languages where its Korean is known."""
    korean = KOREAN.get(label)
    return f'<tspan class="en">{escape(label)}</tspan><tspan class="ko">{korean}</tspan>' if korean else escape(label)


def _fit(value: str, width: int) -> str:
    """Cut to a width in half-width columns; Korean letters count two."""
    value, used = clean(value, 200), 0
    for n, c in enumerate(value):
        used += 2 if ord(c) > 0x1100 else 1
        if used > width:
            return value[:n] + "…"
    return value


def strip(tensors: list[dict[str, object]], width: int = 1040) -> str:
    """Tensors by layer as a picture: a bar a tensor, its height the share of aligned hits, its class the channel that decided."""
    if not tensors:
        return ""
    step = max(2.0, min(14.0, width / len(tensors)))
    out = [
        f'<svg viewBox="0 0 {width} 86" role="img" class="strip" aria-label="Tensors by layer: share of values found at the same place">'
    ]
    for n, t in enumerate(tensors[: int(width / step)]):
        hits, of = t.get("hits"), t.get("of")
        share = float(hits) / float(of) if isinstance(hits, (int, float)) and isinstance(of, (int, float)) and of else 0.0
        height = 4 + 70 * min(1.0, share)
        strong = isinstance(p := t.get("log10_p"), (int, float)) and p <= -6
        out.append(
            f'<rect x="{n * step:.1f}" y="{80 - height:.1f}" width="{max(1.0, step - 1):.1f}" height="{height:.1f}" '
            f'class="{"hit" if strong else "miss"}">'
            f"<title>{escape(clean(str(t.get('suspect') or t.get('reference') or ''), 120))}</title></rect>"
        )
    out.append("</svg>")
    return "".join(out)
