"""Errors that a person reads: what, which, why, what to do.

Everything that ends a run goes through `GenoschedError`, so that no message
can leave out one of the four parts.  It is a `WorkflowError`: Snakemake prints
it without a traceback and ends with a non-zero exit code.
"""

from snakemake_interface_common.exceptions import WorkflowError


class GenoschedError(WorkflowError):
    """One clear error that ends the run."""

    def __init__(self, what: str, which: str, why: str, mend: str) -> None:
        super().__init__(f"genosched: {what}: {which}: {why}.\nWhat to do: {mend}")


class ConnectionLost(Exception):
    """The child process is gone, silent, or no longer speaks the protocol."""


class ReplyError(Exception):
    """genosched answered a request with an error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def place(self) -> str:
        """Where the problem is, as far as genosched said so."""
        if not isinstance(self.data, dict):
            return ""
        where = ":".join(
            str(self.data[key])
            for key in ("file", "line", "column", "path")
            if key in self.data
        )
        problem = str(self.data.get("problem", ""))
        return " ".join(part for part in (where, problem) if part)
