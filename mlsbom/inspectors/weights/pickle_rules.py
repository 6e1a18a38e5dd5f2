"""The rules of pickles. Specification of model files, section 3."""

from __future__ import annotations

from mlsbom.model import Rule, Severity

CALL = Rule(id="PICKLE-DANGEROUS-CALL", title="Loading calls something that runs code or reaches outside", severity=Severity.CRITICAL)
STATE = Rule(id="PICKLE-DANGEROUS-STATE", title="A dangerous callable is kept where the first use calls it", severity=Severity.HIGH)
SHADOWING = Rule(id="PICKLE-SHADOWING", title="Loading changes a module, class or function that is already there", severity=Severity.HIGH)
TRAVERSAL = Rule(id="PICKLE-TRAVERSAL", title="A name reaches through a trusted module to something else", severity=Severity.HIGH)
COMPUTED = Rule(id="PICKLE-COMPUTED-NAME", title="What is imported or called is computed while loading", severity=Severity.HIGH)
ARGUMENT = Rule(id="PICKLE-ARGUMENT", title="A harmless callable gets arguments that honest files do not give it", severity=Severity.HIGH)
CODE = Rule(id="PICKLE-CODE-OBJECT", title="Loading makes code from bytes of the file", severity=Severity.HIGH)
DUAL = Rule(id="PICKLE-DUAL-USE", title="Loading calls something that can reach dangerous callables", severity=Severity.MEDIUM)
UNKNOWN = Rule(id="PICKLE-UNKNOWN-CALLABLE", title="Loading uses a callable that no list knows", severity=Severity.MEDIUM)
EXTENSION = Rule(
    id="PICKLE-EXTENSION-CODE", title="A name is taken from the loading program's extension registry", severity=Severity.MEDIUM
)
PERSISTENT = Rule(id="PICKLE-PERSISTENT-ID", title="A reference that only the loading program can resolve", severity=Severity.MEDIUM)
NESTED = Rule(id="PICKLE-NESTED", title="A pickle with a call is kept inside the data", severity=Severity.MEDIUM)
TEXT = Rule(id="PICKLE-CODE-TEXT", title="Source code that reaches the system is kept as data", severity=Severity.MEDIUM)
MALFORMED = Rule(id="PICKLE-MALFORMED", title="A pickle is damaged or followed by other bytes", severity=Severity.LOW)
DISGUISED = Rule(id="PICKLE-DISGUISED", title="A pickle under the name of a format that runs no code", severity=Severity.MEDIUM)

RULES = (
    CALL,
    STATE,
    SHADOWING,
    TRAVERSAL,
    COMPUTED,
    ARGUMENT,
    CODE,
    DUAL,
    UNKNOWN,
    EXTENSION,
    PERSISTENT,
    NESTED,
    TEXT,
    MALFORMED,
    DISGUISED,
)
