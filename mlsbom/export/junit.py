"""`junit`: one test case a finding that counts, one for the gate, one a place that was not read; for CI systems without SARIF."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from mlsbom.assess.findings import where_text
from mlsbom.model import Assessment, Status
from mlsbom.patterns import late

_INVALID = late("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _text(value: str) -> str:
    return _INVALID.sub("\ufffd", value)


def render(assessment: Assessment, version: str) -> bytes:
    """The report as UTF-8 bytes."""
    a = assessment
    suite = ET.Element("testsuite", {"name": f"mlsbom {_text(a.survey.target.name)}", "timestamp": a.survey.created.rstrip("Z")})
    failures = errors = skipped = count = 0

    def case(name: str, group: str) -> ET.Element:
        nonlocal count
        count += 1
        return ET.SubElement(suite, "testcase", {"name": _text(name), "classname": f"mlsbom.{group}"})

    gate = case("gate", "gate")
    if not a.gate.passed:
        failures += 1
        ET.SubElement(gate, "failure", {"message": _text("; ".join(a.gate.reasons[:5]))}).text = _text("\n".join(a.gate.reasons))
    elif a.gate.incomplete:
        errors += 1
        ET.SubElement(gate, "error", {"message": "incomplete"}).text = _text("\n".join(a.gate.reasons))
    for f in a.findings:
        one = case(f"{f.rule} {where_text(f.where)}", f"findings.{f.severity}")
        if f.waived_by is not None:
            skipped += 1
            ET.SubElement(one, "skipped", {"message": _text(f"waived: {f.waived_by}")})
        elif f.severity in ("critical", "high"):
            failures += 1
            ET.SubElement(one, "failure", {"message": _text(f.message), "type": f.rule}).text = _text(
                f"{f.message}\n{where_text(f.where)}\n{f.remedy}"
            )
        else:
            ET.SubElement(one, "system-out").text = _text(f"{f.severity}: {f.message}")
    for place, status, reason in a.coverage:
        if status != Status.OPAQUE:
            errors += 1
            ET.SubElement(case(f"not read: {place}", "coverage"), "error", {"message": _text(reason), "type": str(status)})
    suite.attrib |= {"tests": str(count), "failures": str(failures), "errors": str(errors), "skipped": str(skipped)}
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root, " ")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + bytes(ET.tostring(root, "utf-8")) + b"\n"
