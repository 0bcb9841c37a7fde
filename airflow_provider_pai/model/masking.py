"""What must not be shown: one rule for secrets, by the name of a value and by its shape.

It is used wherever a value of an author's or a job's is shown: the request of a dry run, messages about arguments and
connections, and the variables in a job's log. A number of tokens, a key to sort by and a padding token are no secrets:
names are judged by their words.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_STEMS = re.compile(
    "secret|passw|passphrase|passcode|credential|apikey|accesskey|privatekey|secretkey|authkey|signingkey|accountkey"
    "|sharedkey|key[-_]data|authtoken|accesstoken|apitoken|bearertoken|密码|口令|密钥|秘钥|令牌",
    re.IGNORECASE,
)
_ANYWHERE = _words("private pw pwd authorization bearer cookie cookies jwt cred creds otp")
_AT_THE_END = _words("key keys pass auth pat sas sig signature pin pem salt dsn sk")
_NO_SECRET_ALONE = _words("key keys pin sig salt")
"""Words that name members of pairs and objects, unless they are in capitals as a variable's."""
_WITH_KEY = _words("access api private secret ssh encryption signing auth account master")
_COUNTED = _words(
    """
    max min num n per count total len length size limit budget batch id ids type idx index dim dims
    embedding special pad padding eos bos unk mask sep cls new vocab ratio dropout start end stop
    sequence separator prompt context image audio time times mixing
    """
)
"""Words that make a token one of text, and not of an identity."""
_OF_DATA = _COUNTED | _words(
    """
    sort primary foreign partition public cache group join row lookup dict label feature target
    column order object idempotency map metric
    """
)
"""Words that make a key one of data."""
_CONTAINERS = frozenset(("credentialconfig", "credentialconfigitems", "credential_config", "enablecredentialinject"))
"""Members of PAI's own: what lies in them has names of its own."""
_NAME_MEMBERS = ("Name", "Key", "name", "key")

_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_IN_URL = re.compile(
    r"(://|(?<=[A-Za-z]{2}):/)(?:[^\s/@:\"'<>]{0,256}:(?!\d+(?:[/?#]|$))[^\s\"'<>]{0,512}@|[^\s/?#\"'<>]{0,512}@)",
)
"""A password may hold what else ends the user's part; a port is none. As a local path an address has one slash less."""
_USER_IN_QUOTES = re.compile(r"(?<=['\"])[^\s'\"/:@]{1,128}:[^\s'\"@/]{1,256}@(?!sha256:)")
_KNOWN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|gl(?:pat|dt|rt|ptt)-[\w-]{10,}|xox[abeprs]-[\w-]{8,}|xapp-[\w-]{8,}"
    r"|sk-[\w-]{12,}|(?:sk|rk)_(?:live|test)_\w{8,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|LTAI[A-Za-z0-9]{8,}|STS\.[\w+/=-]{10,}"
    r"|eyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]*)?|AIza[\w-]{20,}|ya29\.[\w-]{10,}|hf_[A-Za-z0-9]{10,}|npm_[A-Za-z0-9]{10,}"
    r"|pypi-[\w-]{10,}|dckr_pat_[\w-]{8,}|SG\.[\w-]{8,}\.[\w-]{8,}|nvapi-[\w-]{8,}|gsk_\w{10,}|r8_\w{10,}|dop_v1_\w{8,}"
    r"|shp(?:at|ss|ca)_\w{8,}|hv[sb]\.[\w-]{20,}|CAIS[\w+/=]{20,}|whsec_[\w+/=]{8,}|AGE-SECRET-KEY-\w{8,}|\d{8,10}:AA[\w-]{20,}|dapi[0-9a-f]{20,}"
    r")"
)
_HEADER = re.compile(r"((?:authorization|cookie)[\\\"']*\s*[:=]\s*[\\\"']*)([^\"'\n]+)", re.IGNORECASE)
_BEARER = re.compile(r"\b([Bb]earer\s+)[\w.~+/=-]{6,}")
_BASIC = re.compile(r"\b([Bb]asic\s+)([A-Za-z0-9+/]{4,}={0,2})(?![\w+/=])")
_NETRC = re.compile(r"(\blogin\s+\S+\s+(?:account\s+\S+\s+)?password\s+)(\S+)")
_QUERY = re.compile(r"([?&](?:sig|key|auth|code)=)[^\s&#\"'<>]+", re.IGNORECASE)
_ELEMENT = re.compile(r"<([\w.:-]+)>([^<>]+)</\1>")
_PIPED = re.compile(
    r"\b((?:echo|printf)\s+)((?:'[^']*'|\"[^\"]*\"|[^\s|'\"])+)(\s*\|[^|\n]*--(?:password-stdin|with-token|stdin)\b)"
)
_HERE = re.compile(r"(--(?:password-stdin|with-token|stdin)\b[^|;&\n<]*<<<\s*)('[^']*'|\"[^\"]*\"|\S+)")
_ASSIGNED = re.compile(r"""(?<![\w.%-])([\w.%-]*\w)\\*["']?\]?\s*(?:=>|:=|=|:(?!//)|[\uff1a\uff1d])\s*""")
_OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)(?:\s|\\\r?\n)+(?!-)")
_VALUE = re.compile(r"""(?:(\\*")(?:(?!\1).)*\1|'[^']*'|[^\s"'&;]|["'](?=\S))+""", re.DOTALL)
_USER = re.compile(r"(?<![\w-])(-u|--user|--userpwd|--proxy-user)(\s+|=)([^\s:]+):(\S+)")
_SHORT = re.compile(
    r"\b(sshpass\s+-p\s*|(?:mysql|mysqldump|mysqladmin|mariadb)\b[^|;&\n]{0,200}?\s-p"
    r"|(?:docker|podman|helm|nerdctl|skopeo|buildah)\b[^|;&\n]{0,40}?\blogin\b[^|;&\n]{0,200}?\s-p\s*"
    r"|ossutil(?:64)?\b[^|;&\n]{0,200}?\s-k\s*|openssl\b[^|;&\n]{0,200}?\s(?:-k\s*|-K\s*|-pass(?:in|out)?\s+pass:)"
    r"|(?:wandb|comet|clearml|neptune)\s+login\s+(?:--relogin\s+)?(?![-&|;]))(\S+)"
)
_WEBHOOK = re.compile(
    r"(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/webhookb2/"
    r"|(?:open\.feishu\.cn|open\.larksuite\.com)/open-apis/bot/v2/hook/)[^\s\"']+"
)


def looks_secret(name: str) -> bool:
    """Whether the name of a variable, member, argument or hyperparameter says that its value is a secret."""
    if name.lower() in _CONTAINERS:
        return False
    if _STEMS.search(name):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    if {"token", "tokens"}.intersection(words):
        return not _COUNTED.intersection(words)
    if _ANYWHERE.intersection(words) or ("key" in words and _WITH_KEY.intersection(words)):
        return True
    if len(words) == 1 and words[0] in _NO_SECRET_ALONE and not name.isupper():
        return False
    return words[-1] in _AT_THE_END and not _OF_DATA.intersection(words)


def masked(value: Any) -> Any:
    """Return a JSON value with everything replaced that is a secret by its name or by its shape.

    A name is a member's, or that of a pair ``{"Name": ..., "Value": ...}`` or ``{"Key": ..., "Value": ...}``; it counts
    for what lies in the member, too. Objects and lists stay, so that one sees what is sent; so do flags.
    """
    return _masked(value, secret=False)


def masked_text(text: str) -> str:
    """Return a text with its secrets replaced: private keys, tokens, passwords in URLs, commands and settings."""
    if (read := _json_in(text)) is not None:
        # JSON again, so that what reads it still can.
        hidden = masked(read)
        return text if hidden == read else json.dumps(hidden, ensure_ascii=False)
    text = _PEM.sub(MASK, text)
    text = _IN_URL.sub(rf"\1{MASK}@", text)
    text = _USER_IN_QUOTES.sub(f"{MASK}@", text)
    text = _WEBHOOK.sub(rf"\1{MASK}", text)
    text = _USER.sub(rf"\1\2\3:{MASK}", text)
    text = _SHORT.sub(rf"\1{MASK}", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _BASIC.sub(_without_user, text)
    text = _NETRC.sub(rf"\1{MASK}", text)
    text = _QUERY.sub(rf"\1{MASK}", text)
    text = _PIPED.sub(rf"\1{MASK}\3", text)
    text = _HERE.sub(rf"\1{MASK}", text)
    text = _ELEMENT.sub(_without_content, text)
    for named in (_ASSIGNED, _OPTION):
        text = _without_values(named, text)
    return _KNOWN.sub(MASK, text)


def masked_value(name: str, value: str) -> str:
    """Return the value of a variable as it may be shown."""
    return _masked(value, secret=looks_secret(name))  # type: ignore[no-any-return]


def _masked(value: Any, *, secret: bool) -> Any:
    if isinstance(value, Mapping):
        names = {name: str(name) for name in value}
        for name in value.keys() & {"Value", "value"}:
            # Of a pair, the value is called as the pair says.
            names[name] = next((str(value[other]) for other in _NAME_MEMBERS if other in value), str(name))
        return {name: _masked(item, secret=secret or looks_secret(names[name])) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, secret=secret) for item in value]
    if secret:
        return value if value is None or value == "" or isinstance(value, bool) else MASK
    return masked_text(value) if isinstance(value, str) else value


def _without_user(found: re.Match[str]) -> str:
    """Return a word behind ``Basic`` masked where it is a user's name and password, and not just another word."""
    try:
        decoded = base64.b64decode(found[2], validate=True).decode()
    except ValueError:
        return found[0]
    return f"{found[1]}{MASK}" if ":" in decoded and decoded.isprintable() else found[0]


def _without_content(found: re.Match[str]) -> str:
    return f"<{found[1]}>{MASK}</{found[1]}>" if looks_secret(found[1]) else found[0]


def _without_values(named: re.Pattern[str], text: str) -> str:
    """Return a text without the values behind names that look secret; what stands in other values is searched, too."""
    parts, done = [], 0
    for found in named.finditer(text):
        if found.end() < done or not looks_secret(found[1].lstrip("-")):
            continue
        end = _end_of_value(text, found.end())
        value = text[found.end() : end]
        if value.strip("\\\"'") not in ("", MASK):
            quote = next((mark for mark in ('\\"', '"', "'") if value.startswith(mark)), "")
            parts += [text[done : found.end()], f"{quote}{MASK}{quote}"]
            done = end
    return "".join([*parts, text[done:]])


def _end_of_value(text: str, begin: int) -> int:
    """Return where a value ends; that of an object or list where it is closed, or with the text."""
    if text[begin : begin + 1] in ("{", "[", "("):
        depth = 0
        for place in range(begin, len(text)):
            depth += (text[place] in "{[(") - (text[place] in "}])")
            if depth == 0:
                return place + 1
        return len(text)
    found = _VALUE.match(text, begin)
    return found.end() if found else begin


def _json_in(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
