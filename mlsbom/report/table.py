"""placeholder"""
from mlsbom.model import Assessment
def summary(a: Assessment) -> str:
    return f"{len(a.graph.components)} components, {len(a.findings)} findings"
def render(a: Assessment, version: str) -> bytes:
    return summary(a).encode()+b"\n"
