"""The flags of the executor, and what they become in genosched's terms."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from .errors import GenoschedError


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """`--genosched-…` on the command line, or the same names in a profile.

    Snakemake reads the types at run time: they stay in the `Optional` form.
    """

    binary: Optional[Path] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "The genosched program. Default: `genosched` on PATH.",
            "env_var": True,
        },
    )
    config: Optional[Path] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Configuration file for genosched (genosched.yaml). Default: "
            "where genosched looks itself ($GENOSCHED_CONFIG, ./genosched.yaml, XDG).",
            "env_var": True,
        },
    )
    state_dir: Optional[Path] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Folder for runs and learned history. Default: genosched's own, "
            "usually ~/.local/state/genosched. Must be on a local disk.",
            "env_var": True,
        },
    )
    backend: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Where jobs run. Default: as configured, else local.",
            "choices": ["local", "kubernetes", "aws-batch"],
        },
    )
    memory: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Memory that jobs of the local backend may use together, for "
            "example '20 GiB'. Default: what the machine has free.",
        },
    )
    cpus: Optional[int] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "CPUs that jobs of the local backend may use together. "
            "Default: all of the machine.",
        },
    )
    run_id: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Name of the run, 1 to 64 of A-Za-z0-9._- . Default: derived "
            "from the working folder and the Snakefile, so that a restart finds "
            "its jobs again. Needed only for two Snakemakes of one Snakefile that "
            "work in one folder at the same time.",
        },
    )
    on_engine_exit: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "What becomes of running jobs when Snakemake dies without a "
            "word: cancel, or detach (they go on, and the next start of the same "
            "workflow takes them over). Default: as configured, else cancel.",
            "choices": ["cancel", "detach"],
        },
    )
    job_overhead_mb: int = field(
        default=100,
        metadata={
            "help": "Memory in MB of the Snakemake that runs inside each job. Added "
            "to the rule's mem_mb in the request, and taken off again from what "
            "{resources.mem_mb} shows to the job.",
        },
    )
    no_fork_server: bool = field(
        default=False,
        metadata={
            "help": "Start a new Python for each job instead of forking it from one "
            "that has Snakemake loaded (only the local backend can fork).",
        },
    )
    keep_logs: bool = field(
        default=False,
        metadata={
            "help": "Keep the output of successful jobs too, in "
            ".snakemake/genosched/logs. That of failed jobs is always kept.",
        },
    )


def genosched_config(settings: ExecutorSettings) -> dict[str, Any]:
    """What the flags lay over genosched's configuration file."""
    config: dict[str, Any] = {}
    if settings.backend is not None:
        config["backend"] = settings.backend
    if settings.state_dir is not None:
        config["state_dir"] = str(settings.state_dir.absolute())
    if settings.on_engine_exit is not None:
        config["on_engine_exit"] = settings.on_engine_exit
    local: dict[str, Any] = {}
    if settings.memory is not None:
        text = settings.memory.strip()
        local["memory"] = int(text) if text.isdecimal() else text
    if settings.cpus is not None:
        local["cpus"] = settings.cpus
    if local:
        config["local"] = local
    return config


def serve_command(binary: str, settings: ExecutorSettings) -> list[str]:
    """The argument vector of the child process."""
    if settings.config is None:
        return [binary, "serve"]
    file = settings.config.absolute()
    if not file.is_file():
        raise GenoschedError(
            "the configuration file was not found",
            str(file),
            "there is no such file",
            "correct --genosched-config, or leave it out.",
        )
    return [binary, "serve", "--config", str(file)]
