"""The patterns of the clause vocabulary (specs of licences, section 3), in English, Chinese and Korean.

Each reads one sentence. Gaps are bounded and stop at `.` and `;`, so that no pattern backtracks over more than a sentence.
"""

from __future__ import annotations

import re
from typing import Final

from mlsbom.patterns import late

_NC = r"non[-\s]?commercial"
_MODELS = (
    r"(?:(?:large )?language models?|\bllms?\b|ai models?|artificial intelligence models?|machine learning models?"
    r"|foundation models?|models?\b)"
)
_OUTPUT = r"(?:outputs?\b|results?\b|generated (?:content|data|by)|generations?\b|synthetic data)"
_DENY = r"(?:\bnot\b|\bnor\b|\bno\b|n't\b|cannot|prohibit|forbid|refrain|restricted from|without)"

PATTERNS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    # clause, stems (one must occur in the sentence, lower case), patterns (any may fit; all flags: ignore case)
    (
        "noncommercial",
        "commercial|商业|商用|비상업|상업적|비영리",
        (
            rf"(?<!commercial or )(?<!commercial and )(?<!commercial, )(?<!commercially or )(?<!commercially and )\b{_NC}"
            rf"(?:ly)?\b(?! and commercial| or commercial|,? or for commercial)",
            r"(?:\bnot|cannot|may not|shall not|must not|prohibit\w*|forbid\w*|excluding|exclud\w+|no)\b[^.;]{0,80}"
            r"(?<!non-)\bcommercial(?:ly)?\b[^.;]{0,12}\b(?:us(?:e|age)|purposes?|exploit\w*|gain|advantage"
            r"|activit\w+|applications?|deployment)",
            r"commercial (?:use|usage|purposes?|exploitation)[^.;]{0,40}\b(?:not (?:permitted|allowed|"
            r"authorized)|prohibited|forbidden|excluded)",
            r"(?:不得|禁止|不可|不允许)[^。；]{0,20}(?:商业|商用)|非(?:商业|商用|营利)",
            r"비상업|비영리적? 목적|상업적[^.]{0,30}(?:금지|불가|할 수 없|않)",
        ),
    ),
    (
        "research-only",
        "research|evaluation|academic|educational|production|scientific|研究|学术|科研|연구|교육",
        (
            r"\b(?:solely|only|exclusively|strictly|limited to|restricted to|sole purposes? of|purposes? limited to)\b[^.;]{0,90"
            r"}\b(?:research|evaluation|academic|educational|scientific|non-production)\b",
            r"\b(?:research|evaluation|academic|educational|scientific)(?:,? (?:and|or) \w+)?(?: and/or \w+)? "
            r"(?:use|purposes?|usage)s? (?:only|exclusively|solely)\b",
            rf"\b(?:for|under|your)\b[^.;]{{0,60}}\b{_NC}[ ,][^.;]{{0,30}}\bresearch",
            rf"\bresearch\b[^.;]{{0,30}}\b{_NC}\b[^.;]{{0,20}}\b(?:purpose|use)",
            r"\bnon-?production (?:use|purposes?|environment)",
            r"仅(?:限|用|供)[^。；]{0,16}(?:研究|学术|科研)",
            r"(?:연구|교육|학술)[^.]{0,12}(?:목적|용도)(?:으?로)?만|(?:연구|학술) 목적에 한",
        ),
    ),
    (
        "field-of-use",
        "use|not|restrict|guardrail|filter|safety|military|weapon|prohibit|violat|不得|禁止|금지|아니|危害",
        (
            r"(?:acceptable|prohibited|permitted) use polic(?:y|ies)",
            r"\buse[- ](?:based )?restrictions?\b",
            r"\b(?:solely|only|exclusively) for\b[^.;]{0,40}\buse\b",
            r"\bprohibited uses?\b",
            r"(?:not|never|no)\b[^.;:]{0,40}\b(?:use[ds]?|using|allow|permit|utiliz\w+|access|deploy\w*"
            r"|employ)\b[^.;]{0,240}\b(?:military|warfare|weapons?|nuclear|surveillance|biometric\w*|critical infrastructure"
            r"|law enforcement|"
            r"illegal|unlawful|harm(?:ing|ful|s)?\b|discriminat\w+|disinformation|misinformation|espionage"
            r"|terroris\w+|exploit\w* .{0,20}(?:minors|children)|medical advice|legal advice|fully automated)",
            r"\b(?:not|never)\b[^.;]{0,60}\b(?:used?|using|access|allow|permit|utilize|deploy)\b[^.;]{0,200}[:：]\W*$",
            r"\b(?:prohibited|forbidden)\b[^.;]{0,80}[:：]\W*$",
            r"(?:must|shall|may|will) not[^.;]{0,160}\b(?:remove|disable|diminish|circumvent|bypass)\b[^.;]{0,120}\b"
            r"(?:filters?|safety|guardrails?|safeguards?|watermarks?)",
            r"\bbypass\w*\b[^.;]{0,120}\bguardrails?|guardrails?\b[^.;]{0,80}\b(?:bypass|terminat)\w*",
            r"(?:not|nor)\b[^.;]{0,120}\b(?:reverse[- ]engineer\w*|decompil\w+|disassembl\w+)",
            r"(?:military|warfare|weapons?|nuclear)\b[^.;]{0,80}\b(?:prohibit\w*|not (?:permitted|allowed)|forbid\w*)",
            r"national security[^.;]{0,80}(?:public interest|unity)|(?:undermin\w+|harm\w*|endanger\w*)[^.;]{0,60}national security",
            r"(?:shall|will|agree|must|may) not[^.;]{0,80}\b(?:violat\w+|infring\w+) [^.;]{0,40}(?:rights|laws?)",
            r"(?:不得|禁止)[^。；]{0,60}(?:军事|国家安全|违法|非法|危害|违反)",
            r"(?:군사|무기|불법|위법)[^.]{0,60}(?:금지|아니 ?된다|안 ?된다|않)",
        ),
    ),
    (
        "territory",
        "territor|apply in|domiciled|european union|united kingdom|korea|境|지역|jurisdictions",
        (
            r"(?:does|do|shall) not apply (?:in|to)\b[^.;]{0,80}\b(?:european union|united kingdom|\bEU\b"
            r"|\bUK\b|korea|united states|china|japan|russia|territor)",
            r"[\"“”']?\bterritory\b[\"“”']?\s{0,2}(?:shall |will )?(?:mean|refer|is defined)",
            r"\b(?:excluding|other than|except(?:ing)?(?: for)?|outside(?: of)?)\b[^.;]{0,40}\b(?:european union"
            r"|united kingdom|south korea|republic of korea|united states)\b",
            r"(?:not granted|no (?:rights?|licen[sc]e)|not (?:authorized|permitted)|prohibit\w*)\b[^.;]{0,160}\b"
            r"(?:domiciled|located|resid\w+|incorporated|principal place of business)\b[^.;]{0,60}\b(?:european union"
            r"|united kingdom|korea|united states|china)",
            r"(?:domiciled|principal place of business) in,?[^.;]{0,60}the european union",
            r"(?:outside|only within|limited to)[^.;]{0,20}the territory\b",
            r"(?:embargoed|sanctioned|comprehensively sanctioned) (?:countr\w+|jurisdictions?|territor\w+)"
            r"|sanctions? (?:list|program|laws?)",
        ),
    ),
    (
        "threshold",
        "million|000|revenue|users|visits|万|亿|百万|만 ?명|매출",
        (
            r"(?:monthly|daily|active)[- ](?:active )?users?\b[^.;]{0,160}(?:million|billion|\d[\d,]{4,})",
            r"(?:million|billion|\d[\d,]{4,})[^.;]{0,80}\b(?:active users?|users? per month|monthly users|visits|\bMAU\b|\bDAU\b)",
            r"(?:revenues?|turnover)\b[^;]{0,160}(?:million|billion|\d[\d,]{4,})",
            r"(?:million|billion|[\d,]{5,})[^.;]{0,60}\b(?:in )?(?:annual|monthly|yearly|gross|total)?\s?(?:recurring )?revenues?\b",
            r"\b(?:MAU|DAU)\b[^.;]{0,80}\d",
            r"(?:月活|日活|用户)[^。；]{0,20}(?:万|亿|百万)|访问[^。；]{0,20}万",
            r"(?:이용자|사용자|매출)[^.]{0,30}(?:만 ?명|억|천만)",
        ),
    ),
    (
        "output-training",
        "output|result|generat|distill|synthetic|derivative|输出|결과",
        (
            rf"{_DENY}[^.;]{{0,200}}{_OUTPUT}[^.;]{{0,200}}\b(?:train\w*|improv\w+|develop\w*|distil\w*"
            rf"|enhanc\w+|creat\w+|fine-?tun\w*|build\w*)\b[^.;]{{0,120}}{_MODELS}",
            rf"{_DENY}[^.;]{{0,120}}\b(?:train\w*|improv\w+|develop\w*|distil\w*)\b[^.;]{{0,120}}{_MODELS}[^.;]{{0,120}}{_OUTPUT}",
            rf"{_OUTPUT}[^.;]{{0,160}}\b(?:create|train|fine-?tune|improve|distill?)\b[^.;]{{0,100}}{_MODELS}[^.;]{{0,200}}"
            rf"(?:include|display|name|prefix|\bnot\b|must|shall)",
            rf"(?:derivatives?|derivative works?|model derivatives)\b[\"”]?[^.;]{{0,260}}\b(?:distill\w*"
            rf"|{_OUTPUT})[^.;]{{0,200}}\b(?:train\w*|perform similarly|intermediate data|patterns? of|"
            rf"transfer\w*)",
            r"improve any other[^.;]{0,40}model",
            r"输出[^。；]{0,30}(?:训练|改进)[^。；]{0,20}模型",
            r"결과물?[^.]{0,40}(?:학습|개발|개선)[^.]{0,40}(?:금지|아니|않|안)",
        ),
    ),
    (
        "naming",
        "name|prefix|title|이름|명칭|名称",
        (
            r"\binclude\b[^.;]{0,12}[\"“'][^\"”']{2,40}[\"”'][^.;]{0,30}\b(?:beginning|start|front)\b[^.;]{0,60}\bname",
            r"\bname[sd]?\b[^.;]{0,120}\b(?:begins?|starts?|prefix(?:ed)?|preced\w+)\b[^.;]{0,40}[\"“']",
            r"\b(?:prefix|beginning|start)\b[^.;]{0,60}\bname",
            r"[\"“'][^\"”']{2,40}[\"”'][^.;]{0,40}\b(?:as (?:a|the) prefix|at the beginning)",
            r"(?:이름|명칭)[^.]{0,40}(?:시작|앞에|포함)",
            r"名称[^。；]{0,30}(?:开头|前缀)",
        ),
    ),
    (
        "display",
        "display|built with|powered by|improved using|state|built on|built using|표시",
        (
            r"\bdisplay\w*\b[^.;]{0,120}[\"“'”](?!as is)[A-Z][^\"”']{2,80}[\"”']",
            r"[\"“'](?:built|powered|improved|based|made|created|developed|licensed)\b[^\"”']{2,80}[\"”']",
            r"(?:public(?:ly)?|prominent(?:ly)?)\b[^.;]{0,60}\bstat\w+\b[^.;]{0,80}\b(?:built|powered|based|made)\b",
            r"[\"“'][^\"”']{2,60}[\"”'][^.;]{0,40}(?:표시|표기)",
        ),
    ),
    (
        "notice",
        "notice|copy of|retain|attribution|acknowledg|credit|고지|사본|声明",
        (
            r"\bretain\b[^.;]{0,140}\b(?:notices?|attribution|copyright)",
            r"\b(?:provide|give|include|deliver|accompan\w+)\b[^.;]{0,100}\bcop(?:y|ies) of (?:this|the)[^.;]{0,20}"
            r"(?:agreement|licen[sc]e|terms)",
            r"[\"“']notice[\"”'] (?:text )?file|\bnotice file\b",
            r"prominent notices?[^.;]{0,40}(?:stating|that)",
            r"(?:above )?copyright notice[^.;]{0,80}shall be included",
            r"\backnowledge\b[^.;]{0,80}\b(?:publication|use of)",
            r"(?:保留|附)[^。；]{0,20}(?:声明|副本)|版权声明",
            r"(?:사본|고지)[^.]{0,30}(?:제공|포함|유지)",
        ),
    ),
    (
        "pass-through",
        "restriction|recipient|enforceable|terms|third part|流|제3자",
        (
            r"\b(?:use[- ](?:based )?restrictions?|restrictions?|prohibited use|acceptable use)\b[^;]{0,240}\b"
            r"(?:enforceable|included?\b[^.;]{0,60}(?:provision|agreement|legal)|as a condition|at (?:a )?minimum)",
            r"\benforceable (?:provision|term)|legally binding[^.;]{0,60}restrictions",
            r"\b(?:recipients?|third part\w+|sublicensees?|users?)\b[^.;]{0,140}\b(?:bound by|comply with"
            r"|subject to|agree to)\b[^.;]{0,80}\b(?:restrictions?|use policy|this (?:agreement|licen[sc]e)"
            r"|these terms)",
            r"flow(?:ed)?[- ]?down|pass(?:ed)? (?:on|through) [^.;]{0,40}(?:terms|restrictions)",
        ),
    ),
    (
        "remote-restriction",
        "remote",
        (
            r"restrict[^.;]{0,40}\(?remotely or otherwise",
            r"remotely (?:or otherwise )?(?:restrict|disable|terminat|suspend)",
            r"\bright to\b[^.;]{0,80}\bremotely\b",
        ),
    ),
    (
        "changeable",
        "amend|updat|modif|chang|revis|변경|개정|修改|更新",
        (
            r"\b(?:licensor|we|meta|google|naver|lg|company|provider|stability ai|tencent|nvidia|tii|institute"
            r"|it|owner|black forest labs\w*)\b[^.;]{0,60}\b(?:may|reserves?|can|will)\b[^.;]{0,60}\b(?:amend"
            r"|updat|modif|chang|revis)\w*[^.;]{0,60}\b(?:agreement|terms|polic(?:y|ies)|licen[sc]e\b)",
            r"\b(?:agreement|terms|polic(?:y|ies)|licen[sc]e)\b[^.;]{0,60}\b(?:may be|as|is|are)\b[^.;]{0,20}\b"
            r"(?:amended|updated|modified|changed|revised)\b[^.;]{0,60}\b(?:from time to time|at any time"
            r"|by (?:licensor|us|the licensor|posting)|periodically|in accordance|sole discretion)",
            r"(?:amend\w+|updat\w+|modif\w+|revis\w+)[^.;]{0,80}\b(?:effective (?:up)?on posting|upon (?:posting|publication))",
            r"(?:修改|更新|变更)本(?:协议|许可)",
            r"(?:계약|약관|정책)[^.]{0,40}(?:변경|개정)할 수 있",
        ),
    ),
    (
        "revocable",
        "revo|terminat|撤|철회|취소|해지",
        (
            r"(?<![a-z])revocable\b",
            r"\bmay\b[^.;]{0,30}\b(?:revoke|terminate)\b[^.;]{0,80}\b(?:at any time|at will|any reason"
            r"|sole discretion|convenience|without cause)",
            r"(?<!不)可撤销",
            r"(?:언제든지|임의로)[^.]{0,20}(?:철회|해지|취소)",
        ),
    ),
    (
        "separate-agreement",
        "separate|request|obtain|appl|commercial licen|contact|register|registration|authoriz|登记|申请|授权|별도|등록",
        (
            r"\b(?:must|shall|need(?:s)? to|required? to|should|will)\b[^.;]{0,40}\b(?:request|obtain|"
            r"apply for|enter into|acquire|secure|negotiate)\b[^.;]{0,60}\b(?:licen[sc]e|agreement|authori[sz]ation"
            r"|permission|consent)\b",
            r"\bseparate(?:ly)?\s+(?:\w+\s+){0,2}(?:licen[sc]e|licensing|agreement|contract)\b(?! terms| and copyright)",
            r"\b(?:commercial|enterprise) licen[sc]e\b[^.;]{0,60}\b(?:required|contact|obtain|from)",
            r"(?:register|registration|fill (?:in|out))\b[^.;]{0,80}\b(?:commercial|form|licen[sc]e|questionnaire)",
            r"(?:commercial)[^.;]{0,80}\bregist(?:er|ration)",
            r"(?:登记|申请|授权)[^。；]{0,24}商业|商业[^。；]{0,30}(?:登记|申请|授权|书面)",
            r"별도의?[^.]{0,12}(?:계약|라이선스|허락|합의)",
        ),
    ),
    (
        "competitor",
        "compet|similar to|경쟁|竞争",
        (
            r"\b(?:not|nor|no|prohibit\w*)\b[^.;]{0,160}\bcompet(?:es?|ing|itive|itors?)\b",
            r"\bcompet(?:es?|ing|itive|itors?)\b[^.;]{0,100}\b(?:must|shall|request|licen[sc]e|not|prohibit)",
            r"\bsimilar to or compet",
            r"경쟁[^.]{0,40}(?:금지|않|아니|안)",
            r"(?:不得|禁止)[^。；]{0,30}竞争",
        ),
    ),
    (
        "no-derivatives",
        "derivativ|adapted|modif|deriv",
        (
            r"\b(?:not|no|nor)\b(?! limited)[^.;]{0,60}\b(?:create|make|produce|prepare|share|distribute"
            r"|publish)\b[^.;]{0,40}\b(?:derivative works?|derivatives?|adapted material|modified versions?"
            r"|adaptations?)\b(?![^.;]{0,40}\b(?:unless|except|without|other than|that (?:violat|infring)))",
            r"\bno[-\s]?derivatives?\b",
            r"\b(?:not|no)\b[^.;]{0,16}\bmodif(?:y|ied|ication)s?\b[^.;]{0,30}\b(?:permitted|allowed)",
        ),
    ),
    (
        "share-alike",
        "same licen|same terms|this licen|share-?alike|copyleft|identical|同一|동일",
        (
            r"\bshare-?alike\b",
            r"\b(?:under|by|with)\b[^.;]{0,30}\b(?:the )?(?:same|identical)\b[^.;]{0,12}\b(?:licen[sc]e|terms)\b",
            r"\b(?:derivatives?|modified|adapted|covered)\b[^.;]{0,100}\b(?:only |solely )?under (?:the terms (?:and conditions )?of )?"
            r"this (?:licen[sc]e|agreement)\b(?! agreement)",
            r"this licen[sc]e or another licen[sc]e that allows",
            r"동일한? (?:조건|라이선스)",
        ),
    ),
    (
        "network",
        "network|remote",
        (
            r"\b(?:interact\w*|users?)\b[^.;]{0,80}\b(?:remotely )?(?:through|over|via) a (?:computer )?network",
            r"\bnetwork use\b[^.;]{0,60}\b(?:source|distribut)",
        ),
    ),
    (
        "no-grant",
        "permission|consent|reserved|proprietary|confidential|license is granted|no license|허락|许可",
        (
            r"\b(?:may not|no part|not be|must not|shall not)\b[^.;]{0,100}\b(?:copied|used|reproduced"
            r"|distributed|modified|copy|use|reproduce|distribute)\b[^.;]{0,120}\bwithout\b[^.;]{0,50}\b"
            r"(?:permission|consent|authori[sz]ation|agreement)\b",
            r"\bno (?:licen[sc]e|rights?)\b[^.;]{0,30}\b(?:is|are) granted\b(?![^.;]{0,60}\b(?:except|"
            r"trademark|other|name|patent|under this|by implication))",
            r"\bproprietary and confidential\b|\bconfidential and proprietary\b",
            r"(?:사전|서면)[^.]{0,16}(?:동의|허락) 없이",
        ),
    ),
    ("export", "export", (r"\bexport (?:control|regulation|administration|law)\w*",)),
)
HARMLESS: Final[dict[str, re.Pattern[str]]] = {
    # a sentence with this in it is no such clause
    "noncommercial": late(
        r"(?i)occasionally and noncommercially|commercial or non-?commercial|commercial and non-?commercial"
        r"|whether commercial or|regardless of whether .{0,40}commercial"
    ),
    "separate-agreement": late(
        r"(?i)separate license agreement you may have executed|separate (?:written )?agreement .{0,30}"
        r"(?:warranty|supersede)|support, warranty|obtain (?:a copy|source)|you may obtain a copy|made available under a separate"
    ),
    "changeable": late(
        r"(?i)free software foundation may publish|new versions .{0,60}from time to time|you (?:may"
        r"|can) (?:modify|change|amend|update)|steward"
    ),
    "competitor": late(r"(?i)competing programs|competition law|anti-?competiti|unfair competition|court of competen|competent"),
    "territory": late(r"(?i)^\W*governing law"),
    "no-grant": late(r"(?i)trademark|trade names|endorse|promote|advertis|personal information|publicity"),
    "output-training": late(r"(?i)results? (?:in|from) (?:a |the )?(?:loss|damage|claim)"),
    "share-alike": late(r"(?i)you may (?:choose|offer|add)|licensed? to you under this licen[sc]e|rights? (?:granted )?under this"),
    "research-only": late(r"(?i)^\W{0,4}(?:whereas|this (?:open)?rail)"),
}
