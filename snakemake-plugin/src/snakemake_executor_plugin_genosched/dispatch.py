"""The executor's jobs inside genosched: begun, taken over, looked at, stopped.

Owns the session and the fork server; both are started with the first batch,
because Snakemake makes an executor even when there is nothing to run.

Order of a submission, so that a kill at any moment loses nothing and starts
nothing twice: the task's id goes into Snakemake's own marker file first, then
to genosched (idempotent on the id), then into the list of active jobs.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from . import binary, identity
from .adoption import Decision, decide
from .client import PROTOCOL
from .errors import ConnectionLost, GenoschedError
from .files import Files, files_of, inputs_unchanged_since, outputs_good_since
from .forkhost import ForkServer
from .session import FINAL, Log, Session, Status
from .settings import ExecutorSettings, genosched_config, serve_command
from .task import Place, make_task
from .waiting import Waiting
from .wake import Wake

_BATCH_TASKS = 500
_BATCH_BYTES = 4 * 1024 * 1024
_REMOTE_WORKDIR = Path("/workdir")
_STOP_SECONDS = 60.0


@dataclass
class Known:
    """A job of this Snakemake and the task that stands for it."""

    job: Any
    files: Files


@dataclass
class Batch:
    """What one call of run_jobs leads to."""

    adopted: list[tuple[str, Any]] = field(default_factory=list)
    fresh: list[tuple[str, Any]] = field(default_factory=list)


class Dispatcher:
    """All state of the executor; built before Snakemake's polling begins."""

    def __init__(self, workflow: Any, log: Log) -> None:
        self._workflow = workflow
        self._log = log
        self.wake = Wake()
        self.known: dict[str, Known] = {}
        self.session: Session | None = None
        self._waiting = Waiting(log.info)
        self.fork_server: ForkServer | None = None
        self._binary: str | None = None
        self.queue_taken_back = False
        self._taken_back: set[str] = set()
        self._left_behind: dict[str, list[str]] = {}

    @property
    def settings(self) -> ExecutorSettings:
        return self._workflow.executor_settings or ExecutorSettings()

    @property
    def folder(self) -> Path:
        return Path(self._workflow.persistence.path).absolute() / "genosched"

    @property
    def workdir(self) -> Path:
        return Path(self._workflow.workdir_init).absolute()

    @property
    def on_this_machine(self) -> bool:
        return (
            self.session is not None
            and self.session.server.get("backend", "local") == "local"
        )

    @property
    def cpus_here(self) -> int | None:
        """The CPUs of this machine's budget; None for other backends."""
        if self.session is None or not self.on_this_machine:
            return None
        cpus = self.session.server.get("pool", {}).get("cpus")
        return max(int(cpus), 1) if isinstance(cpus, int | float) else None

    def cores(self, job: Any) -> int:
        """The `--cores` of the inner Snakemake.

        As without an executor, a rule with more threads than the machine has
        CPUs gets fewer threads.  A group keeps its figure: jobs in it that are
        joined by a pipe have to run at once.
        """
        threads, here = max(int(job.threads), 1), self.cpus_here
        return threads if here is None or job.is_group() else min(threads, here)

    @property
    def fatal(self) -> GenoschedError | None:
        return self.session.fatal if self.session is not None else None

    # -- beginning and end -----------------------------------------------

    def check(self, needed: bool = True) -> None:
        """What can be wrong is said before anything runs."""
        if self._workflow.remote_execution_settings.immediate_submit:
            raise GenoschedError(
                "--immediate-submit is not possible with genosched",
                "executor genosched",
                "it hands over jobs before their inputs exist, and genosched knows "
                "no dependencies between jobs",
                "leave it out; all jobs that are ready are handed over at once.",
            )
        if not needed:
            return
        self._binary = binary.find_binary(self.settings.binary)
        binary.check_binary(self._binary)
        serve_command(self._binary, self.settings)

    def start(self) -> None:
        """Opens the run and starts the fork server, once."""
        if self.session is not None:
            return
        if self._binary is None:
            self.check()
        assert self._binary is not None
        session = Session(
            serve_command(self._binary, self.settings),
            self._opening(),
            self.wake.set,
            self._log,
        )
        self.session = session
        self._start_fork_server()  # loads Snakemake while genosched starts
        session.start()
        self._remember_left_behind(session)
        if not self.on_this_machine:
            self._close_fork_server()

    def _start_fork_server(self) -> None:
        if self.settings.no_fork_server or self.settings.backend not in (None, "local"):
            return
        try:
            self.fork_server = ForkServer()
        except OSError as error:
            self._log.warning(
                f"genosched: no fork server ({error}); each job starts a Python of "
                "its own, which takes longer."
            )

    def _close_fork_server(self) -> None:
        if self.fork_server is not None:
            self.fork_server.close()
            self.fork_server = None

    def _opening(self) -> dict[str, Any]:
        workflow = self._workflow
        run = self.settings.run_id or identity.run_id(
            str(self.workdir), str(workflow.main_snakefile)
        )
        return {
            "protocol": PROTOCOL,
            "engine": {"name": "snakemake", "version": version("snakemake")},
            "run": {"id": run, "name": self.workdir.name, "workdir": str(self.workdir)},
            "config": genosched_config(self.settings),
            "resume": True,
        }

    def cancel(self) -> None:
        """Stops every job of this run and waits until it is gone."""
        session = self.session
        if session is None or session.fatal is not None:
            return
        try:
            if not session.kill(list(self.known), _STOP_SECONDS):
                self._log.warning("genosched: some jobs were slow to stop.")
        except (ConnectionLost, GenoschedError) as error:
            self._log.warning(f"genosched: cancelling was not confirmed: {error}")

    def close(self) -> None:
        """The end of the run: nothing of it is left running."""
        if self.session is not None:
            self.session.close("cancel", _STOP_SECONDS)
        self._close_fork_server()
        for rule in (self.folder / "logs").glob("*/"):
            with contextlib.suppress(OSError):
                rule.rmdir()  # where no log was kept

    # -- a batch -----------------------------------------------------------

    def sort(self, jobs: list[Any]) -> Batch:
        """Splits into jobs that an earlier run has done or is doing, and new ones.

        On return no older task of a new job's place is alive any more.
        """
        assert self.session is not None
        batch, stop = Batch(), []
        for job in jobs:
            decision = self._decide(job)
            stop += decision.stop
            if decision.adopt is not None:
                batch.adopted.append((decision.adopt, job))
            else:
                batch.fresh.append((identity.new_task_id(job), job))
        if stop and not self.session.kill(stop, _STOP_SECONDS):
            raise GenoschedError(
                "jobs left behind by an earlier Snakemake could not be stopped",
                ", ".join(stop),
                f"they were still running after {_STOP_SECONDS:.0f} s",
                "stop them with `genosched cancel`, then start Snakemake again.",
            )
        return batch

    def _decide(self, job: Any) -> Decision:
        assert self.session is not None
        place = identity.place(job)
        statuses = {
            task: status
            for task in self._left_behind.get(place, [])
            if task not in self.known
            for status in [self.session.status(task)]
            if status is not None
        }
        if not statuses:
            return Decision()
        return decide(
            place,
            identity.work(job),
            identity.marked_ids(self._workflow.persistence, job),
            statuses,
            lambda since_ms: inputs_unchanged_since(job, self.workdir, since_ms),
            lambda since_ms: outputs_good_since(job, self.workdir, since_ms),
        )

    def _remember_left_behind(self, session: Session) -> None:
        """What earlier Snakemakes of this run have left, by the job's place."""
        for task in session.statuses():
            if keys := identity.place_and_work(task):
                self._left_behind.setdefault(keys[0], []).append(task)

    def remember(self, task: str, job: Any) -> None:
        self.known[task] = Known(job, files_of(self.folder, task, job))

    def make(
        self, task: str, job: Any, command: list[str], secrets: dict[str, str]
    ) -> dict[str, Any]:
        """The protocol's Task for a new job, its folders made."""
        files = self.known[task].files
        files.stdout.parent.mkdir(parents=True, exist_ok=True)
        storage = self._workflow.storage_settings
        workdir = self.workdir
        if not storage.assume_common_workdir:
            workdir = files.scratch if self.on_this_machine else _REMOTE_WORKDIR
            if self.on_this_machine:
                workdir.mkdir(parents=True, exist_ok=True)
        remote = self._workflow.remote_execution_settings
        image = getattr(remote, "container_image", None)
        return make_task(
            task,
            job,
            self._workflow,
            Place(
                command=command,
                workdir=workdir,
                stdout=files.stdout,
                stderr=files.stderr,
                environment=secrets,
                base=self.workdir,
                overhead_mb=max(self.settings.job_overhead_mb, 0),
                cpus_max=self.cpus_here,
                shared_files=storage.assume_common_workdir,
                container=None if self.on_this_machine else image,
            ),
        )

    def submit(self, tasks: list[dict[str, Any]]) -> dict[str, str]:
        """Hands the tasks over in lines of a bounded size; {id: why refused}."""
        assert self.session is not None
        refused: dict[str, str] = {}
        for batch in in_batches(tasks):
            refused |= self.session.submit(batch)
        return refused

    # -- ends ----------------------------------------------------------------

    def final_status(self, task: str) -> Status | None:
        """The end of a task; None while it goes on."""
        if self.session is None:
            return None
        status = self.session.status(task)
        return status if status and status.get("state") in FINAL else None

    def take_back_queue(self, why: str) -> None:
        """Jobs that have not begun are not begun any more.

        For Snakemake everything that was handed over is running; when it wants
        to start nothing more, that has to hold for genosched's queue as well.
        """
        if self.session is None or self.queue_taken_back:
            return
        self.queue_taken_back = True
        tasks = []
        for task in self.known:
            status = self.session.status(task)
            if status is None or status.get("state") == "pending":
                tasks.append(task)
        if tasks:
            self._taken_back.update(tasks)
            self._log.info(f"genosched: {len(tasks)} waiting jobs are not begun: {why}")
            self.session.ask_to_stop(tasks)

    def was_taken_back(self, task: str, status: Status) -> bool:
        return task in self._taken_back and status.get("state") == "cancelled"

    def say_why_waiting(self, active: list[Any]) -> None:
        """Tells the user, if no job has run for a while."""
        if self.session is not None and active:
            tasks = [str(info.external_jobid) for info in active]
            self._waiting.look(
                status
                for task in tasks
                if self.final_status(task) is None
                for status in [self.session.status(task)]
            )

    def forget(self, task: str, succeeded: bool) -> None:
        """Removes what is not needed once Snakemake knows about the end."""
        known = self.known.get(task)
        if known is None:
            return
        files = known.files
        shutil.rmtree(files.scratch, ignore_errors=True)
        unwanted = [files.wait_list]
        if succeeded and not self.settings.keep_logs:
            unwanted += [files.stdout, files.stderr]
        for file in unwanted:
            with contextlib.suppress(OSError):
                file.unlink()


def in_batches(tasks: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cuts a list so that each request stays well below the longest line."""
    batch: list[dict[str, Any]] = []
    size = 0
    for task in tasks:
        length = len(json.dumps(task))
        if batch and (len(batch) >= _BATCH_TASKS or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += length
    if batch:
        yield batch
