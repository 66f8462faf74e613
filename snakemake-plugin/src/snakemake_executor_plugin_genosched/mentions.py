"""Whether a job's script names its memory figure (`memory_in_script`).

A heap or a sort buffer that follows `{resources.mem_mb}` fills what it is given:
were the limit lowered to what such a job has used, the next one would be given
less, use less, and so on until it fails.  genosched therefore does not lower the
limit under the request of a job that names it.  In doubt the answer is yes.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .identity import parts_of

_NAMED = re.compile(r"resources\b[^\n]{0,40}?\bmem(?:_mb|_mib)?\b")
_SCRIPT_BYTES = 1024 * 1024


def _script_text(job: Any, script: str) -> str | None:
    """The text of a script or notebook; None where it cannot be read here."""
    try:
        base = job.rule.basedir
        folder = base.get_path_or_uri(secret_free=True) if base is not None else "."
        path = Path(str(folder)) / script
        if path.stat().st_size > _SCRIPT_BYTES:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, AttributeError, TypeError, ValueError):
        return None


def _texts(job: Any) -> Iterable[str | None]:
    """What the job will run, as text; None for a part that cannot be seen."""
    rule = job.rule
    if getattr(rule, "wrapper", None):
        yield None  # wrappers give their tools the memory of the rule
    for name in ("shellcmd", "run_func_src"):
        text = getattr(rule, name, None)
        if text:
            yield str(text)
    for name in ("script", "notebook"):
        script = getattr(rule, name, None)
        if script:
            yield _script_text(job, str(script))


def _in_parameters(job: Any, figure: int) -> bool:
    number = re.compile(rf"(?<!\d){figure}(?!\d)")
    try:
        values = list(getattr(job, "params", None) or [])
        return any(number.search(str(value)) for value in values)
    except Exception:  # a user's function that fails will say so by itself
        return True


def memory_in_script(job: Any) -> bool:
    """For a job or any job of a group."""
    for part in parts_of(job):
        figure = part.resources.get("mem_mb")
        if type(figure) is not int:
            continue
        if any(text is None or _NAMED.search(text) for text in _texts(part)):
            return True
        if _in_parameters(part, figure):
            return True
    return False
