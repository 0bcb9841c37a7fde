"""Which lines for pip a job or a service may bring: what an index or a server has, no files of a machine."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"(?:^|\s)#.*")
_HASH = re.compile(r"\s--hash[= ]\S+")
_OPTION = re.compile(r"(?:^|\s)-")
_ADDRESS = re.compile(
    r"(?:[a-z0-9._-]+\s*(?:\[[^\]]*\])?\s*@\s*)?(?:https?|ftp|(?:git|hg|svn|bzr)\+(?:https?|ssh))://\S.*", re.IGNORECASE
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\s*(?:[\[<>=!~(][^/:@]*)?", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|t[bglx]z|tlz|tar\.\w+)$", re.IGNORECASE)


def read_lines(text: str) -> list[str]:
    """Return the lines of a requirement file that mean something to pip, without comments."""
    joined = re.sub(r"\\\r?\n", "", text.removeprefix("\ufeff"))
    return [line for each in joined.splitlines() if (line := _COMMENT.sub("", each).strip())]


def requirement_problem(line: str) -> str:
    """Tell why a line of ``PythonRequirements`` can't be taken; empty when it can.

    Such lines are installed before the code runs, by a pip that sees neither the worker's files nor, on local PAI, the
    container's.

    Args:
        line: one requirement as pip's requirement files have it.
    """
    if not line.strip() or line.splitlines() != [line]:
        return "is not one line for pip"
    text = _HASH.sub("", _COMMENT.sub("", line)).strip()
    if _OPTION.search(text):
        return "holds an option of pip; send requirements such as 'numpy==2.1.0' only"
    if "${" in text or "\\" in text:
        return "holds a variable or a backslash; send requirements such as 'numpy==2.1.0' only"
    name = text.partition(";")[0].strip()
    is_archive = _ARCHIVE.search(name.partition("[")[0].strip())
    if text and not _ADDRESS.fullmatch(text) and (is_archive or not _NAME.fullmatch(name)):
        return "is no name in an index and no http(s) or VCS address; put files into the code and install them there"
    return ""
