"""Templates: escapes in many spellings, honest templates that look alike, and bounds."""

from __future__ import annotations

import pytest

from mlsbom.errors import Malformed
from mlsbom.judges.template import judge
from mlsbom.model import SEVERITY_ORDER, Severity

HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''['__cla' ~ 'ss__'] }}",
    "{{ ''['__cla' + 'ss__'] }}",
    "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ ''['__ssalc__'[::-1]] }}",
    "{{ ''['__ssalc__' | reverse] }}",
    "{{ '' | attr('__class__') }}",
    "{{ '' | attr(['__', 'class', '__'] | join) }}",
    "{{ '' | attr('%s%s%s' | format('__', 'class', '__')) }}",
    "{{ '' | attr('__CLASS__' | lower) }}",
    "{{ '' | attr('_x_class_x_' | replace('x', '_')) }}",
    "{% set c = '__class__' %}{{ ''[c] }}",
    "{% set a, b = '__cla', 'ss__' %}{{ ''[a ~ b] }}",
    "{% with c = '__class__' %}{{ ''[c] }}{% endwith %}",
    "{% for c in ['__class__'] %}{{ ''[c] }}{% endfor %}",
    "{% macro m(c) %}{{ ''[c] }}{% endmacro %}{{ m('__class__') }}",
    "{% macro m(c='__class__') %}{{ ''[c] }}{% endmacro %}{{ m() }}",
    "{% set ns = namespace(c='__class__') %}{{ ''[ns.c] }}",
    "{% set d = {'k': '__class__'} %}{{ ''[d.k] }}",
    "{% set d = dict(__class__=1) %}{{ ''[(d | list)[0]] }}",
    "{{ ''[dict(__cla=1, ss__=2) | join] }}",
    "{{ messages | map(attribute='__class__') | list }}",
    "{{ messages | map('attr', '__class__') | list }}",
    "{{ messages | selectattr('content.__class__') | list }}",
    "{{ messages | groupby('__class__') }}",
    "{{ messages | sum(attribute='__class__') }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ '{x[__class__]}'.format_map(messages) }}",
    "{{ cycler.__init__.__globals__.os.popen('x') }}",
    "{{ joiner.__init__ }}",
    "{{ request.application }}",
    "{{ config.items() }}",
    "{{ self._TemplateReference__context }}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{{ x.gi_frame.f_globals }}",
    "{{ f.func_globals }}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ os.system('x') }}",
    "{{ __import__('os') }}",
    "{% if x is defined and ''.__class__ %}{% endif %}",
    "{% set x %}{{ ''.__class__ }}{% endset %}",
    "{% filter upper %}{{ ''.__class__ }}{% endfilter %}",
    "{{ messages[0]['content'] if false else ''.__class__ }}",
]
HONEST = [
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endfor %}",
    "{{ 'Explain __init__ and __class__' }}",
    "__class__ in plain text {{ messages }}",
    "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'tool' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    "{% macro render(p) %}{% if p.properties %}{% for k in p.properties %}{{ render(p.properties[k]) }}{% endfor %}{% endif %}{% endmacro %}{{ render(tools) }}",
    "{{ raise_exception('x') }}{{ strftime_now('%d %b') }}{{ tools | tojson(indent=4) }}",
    "{% for key, value in message.items() %}{{ message[key] }}{% endfor %}",
    "{% set role_key = 'role' %}{{ message[role_key] }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('\n') }}",
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}{{ content }}",
    "{% generation %}{{ message.content }}{% endgeneration %}",
    "{% for i in range(messages | length) %}{% if i == 5 %}{% break %}{% endif %}{{ messages[i] }}{% endfor %}",
    "{% if message.content is string %}{{ message.content }}{% else %}{% for p in message['content'] %}{{ p['text'] }}{% endfor %}{% endif %}",
    "{{ bos_token }}{% if 'weather' in tools %}x{% endif %}{{ message['content_' ~ lang] }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}",
    "You may import os or call subprocess; use exec() for code. {{ messages }}",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_hostile(source: str) -> None:
    found = judge(source).hits
    assert any(SEVERITY_ORDER[h.severity or h.rule.severity] >= SEVERITY_ORDER[Severity.HIGH] for h in found), found


@pytest.mark.parametrize("source", HONEST)
def test_honest(source: str) -> None:
    assert not judge(source).hits


@pytest.mark.parametrize("source", ["{{ x", "{% if %}", "{% unknown %}", "{{ " + "(" * 5000 + " }}", "{% if x %}" * 3000])
def test_no_template(source: str) -> None:
    with pytest.raises(Malformed):
        judge(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(0, 2000000000, 2) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
        "{% for i in range(9999) %}{% for a in 'ab' %}a{% endfor %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 100000000 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_cost(source: str) -> None:
    assert "TEMPLATE-DOS" in {h.rule.id for h in judge(source).hits}


def test_variables() -> None:
    assert judge("{% set a = b %}{{ a }}{% for m in messages %}{{ m }}{{ loop.index }}{% endfor %}").variables == ("b", "messages")


def test_prompt_files_may_share_parts() -> None:
    assert [h.severity for h in judge("{% include 'header.j2' %}", chat=False).hits] == [Severity.LOW]
    assert [h.severity or h.rule.severity for h in judge("{% include '../../x' %}", chat=False).hits] == [Severity.HIGH]
