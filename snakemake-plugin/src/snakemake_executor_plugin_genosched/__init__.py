"""Snakemake executor that hands every ready job to genosched.

Thin: translates jobs to tasks and ends of tasks to ends of jobs.  One child
process (`genosched serve`) does the scheduling; `session.py` keeps it alive.

Threads: Snakemake's main thread calls `run_jobs`, `cancel` and `shutdown`; its
polling thread calls `check_active_jobs`, from before `__init__` has returned.
Nothing may escape from there, or running jobs would be forgotten.
"""

import dataclasses
import sys
from collections.abc import AsyncGenerator
from typing import Any

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import (
    CommonSettings,
    SharedFSUsage,
)

from . import command, failure
from .dispatch import Dispatcher
from .errors import GenoschedError
from .settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

# One plugin for machines with and without a shared file system: sources are
# deployed only when the user says that there is none; secrets go through the
# task's environment, never through a command line.
common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=True,
    init_seconds_before_status_checks=0,
)

# How long the polling thread waits at most before it looks around by itself.
_LOOK_SECONDS = 1.0


class Executor(RemoteExecutor):
    """One run of Snakemake through genosched."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        # The base class starts the polling thread: everything that it uses has
        # to be there before.
        self._dispatcher = Dispatcher(workflow, logger)
        super().__init__(workflow, logger)

    def __post_init__(self) -> None:
        self._dispatcher.check(any(not job.is_local for job in _needed(self.dag)))

    # -- building the command ----------------------------------------------

    @property
    def common_settings(self) -> CommonSettings:
        shared = self.workflow.storage_settings.assume_common_workdir
        return dataclasses.replace(
            super().common_settings,
            auto_deploy_default_storage_provider=not (
                shared or self._dispatcher.on_this_machine
            ),
        )

    def get_python_executable(self) -> str:
        here = self._dispatcher.on_this_machine
        return sys.executable if here else str(super().get_python_executable())

    def additional_general_args(self) -> str:
        usage = self.workflow.storage_settings.shared_fs_usage
        said = [choice.item_to_choice() for choice in usage]
        return f"--shared-fs-usage {command.without_persistence(said)}"

    def get_job_args(self, job: Any, **_kwargs: Any) -> str:
        """As the base class, with the job's own CPUs and without the temporary
        folder of this process among the files to wait for."""
        cores = self._dispatcher.cores(job)
        arguments = RealExecutor.get_job_args(self, job, cores=cores)
        usage = self.workflow.storage_settings.shared_fs_usage
        if SharedFSUsage.INPUT_OUTPUT not in usage:
            return str(arguments)
        paths = [str(path) for path in job.get_wait_for_files()]
        return f"{arguments} {command.wait_for_files(paths, self._wait_list)}"

    def _command(self, task: str, job: Any) -> list[str]:
        self._wait_list = self._dispatcher.known[task].files.wait_list
        python = self.get_python_executable()
        before, arguments = command.split_line(self.format_job_exec(job), python)
        here = self._dispatcher.on_this_machine
        if here:  # Snakemake's pre-command names `python`, wherever that is
            before = before.replace("python -m snakemake", f"{python} -m snakemake")
        usage = self.workflow.storage_settings.shared_fs_usage
        server = self._dispatcher.fork_server
        return command.job_command(
            before,
            arguments,
            python,
            shared_software=here or SharedFSUsage.SOFTWARE_DEPLOYMENT in usage,
            fork_socket=str(server.socket) if server is not None else None,
        )

    # -- main thread ---------------------------------------------------------

    def run_job(self, job: Any) -> None:
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        dispatcher = self._dispatcher
        dispatcher.start()
        batch = dispatcher.sort(jobs)
        for task, job in batch.adopted:
            self.run_job_pre(job)
            self.logger.info(f"genosched: job {job.jobid} is taken over as {task}.")
            self._begin(task, job)
            self.report_job_submission(_info(task, job), register_job=False)
        tasks = []
        secrets = dict(self.envvars())
        for task, job in batch.fresh:
            self.run_job_pre(job)
            self._begin(task, job)
            tasks.append(dispatcher.make(task, job, self._command(task, job), secrets))
        refused = dispatcher.submit(tasks)
        for task, job in batch.fresh:
            if task in refused:
                dispatcher.forget(task, succeeded=False)
                message = f"genosched refused the job: {refused[task]}\n"
                self._report_error(_info(task, job), message, [])
            else:
                self.report_job_submission(_info(task, job), register_job=False)
        dispatcher.wake.set()

    def _begin(self, task: str, job: Any) -> None:
        """Writes the id into Snakemake's marker, before genosched knows it."""
        self._dispatcher.remember(task, job)
        try:
            job.register(external_jobid=task)
        except OSError as error:
            raise GenoschedError(
                "Snakemake's marker of a job could not be written",
                str(self.workflow.persistence.path),
                str(error),
                "make room or correct the permissions of that folder.",
            ) from error

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        # The list given may lack those that are just being looked at.
        self._dispatcher.cancel()

    def shutdown(self) -> None:
        with self.lock:
            self.wait = False
        self._dispatcher.wake.set()
        super().shutdown()
        self._dispatcher.close()

    # -- polling thread ------------------------------------------------------

    @property
    def next_seconds_between_status_checks(self) -> float:
        return 0.0  # check_active_jobs waits itself, for something to happen

    @next_seconds_between_status_checks.setter
    def next_seconds_between_status_checks(self, value: float) -> None:
        pass

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        await self._dispatcher.wake.wait(_LOOK_SECONDS)
        for info in active_jobs:
            try:
                ended = self._look_at(info)
            except Exception as error:  # the job must not be forgotten
                self.logger.warning(f"genosched: job {info.external_jobid}: {error!r}")
                ended = False
            if not ended:
                yield info
        try:
            # Set by SIGTERM; not an interface, so it may be missing.
            if getattr(self.workflow.scheduler, "_user_kill", None):
                self._dispatcher.take_back_queue("Snakemake was told to end")
            self._dispatcher.say_why_waiting(active_jobs)
        except Exception as error:
            self.logger.warning(f"genosched: {error!r}")

    def _look_at(self, info: SubmittedJobInfo) -> bool:
        """Reports the job if it has ended."""
        dispatcher, task = self._dispatcher, str(info.external_jobid)
        status = dispatcher.final_status(task)
        if status is None:
            if dispatcher.fatal is None:
                return False
            self._report_error(info, f"{dispatcher.fatal}\n", [])
            return True
        if status["state"] == "succeeded":
            dispatcher.forget(task, succeeded=True)
            self.report_job_success(info)
        elif dispatcher.was_taken_back(task, status):
            dispatcher.forget(task, succeeded=True)
            self.workflow.scheduler.error_callback(info.job)
        else:
            log = dispatcher.known[task].files.stderr
            logs = [str(log)] if log.exists() else []
            self._report_error(info, failure.describe(status, log), logs)
            dispatcher.forget(task, succeeded=False)
            if self._is_the_end(info.job):
                dispatcher.take_back_queue("a job has failed, without --keep-going")
        return True

    def _is_the_end(self, job: Any) -> bool:
        """Whether Snakemake starts nothing more after the failure of this job."""
        keep_going = getattr(self.workflow.execution_settings, "keep_going", True)
        retries = getattr(job, "restart_times", 0) or 0
        return not keep_going and job.attempt > retries

    def _report_error(
        self, info: SubmittedJobInfo, message: str, logs: list[str]
    ) -> None:
        try:
            if info.job.is_group():  # Snakemake leaves a group's message out
                self.logger.error(message)
            self.print_job_error(info, message, aux_logs=logs)
        except Exception as error:  # a job that cannot be printed has still ended
            self.logger.error(f"{message} ({error!r})")
        self.workflow.scheduler.error_callback(info.job)


def _info(task: str, job: Any) -> SubmittedJobInfo:
    return SubmittedJobInfo(job=job, external_jobid=task)


def _needed(dag: Any) -> list[Any]:
    """The jobs that are to be run, as far as Snakemake lets one know."""
    needrun = getattr(dag, "needrun_jobs", None)
    return list(needrun()) if needrun is not None else []
