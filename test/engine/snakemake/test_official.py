"""The acceptance tests that Snakemake ships for executor plugins."""

import pytest
import snakemake.common.tests

from snakemake_executor_plugin_genosched import ExecutorSettings


class Ours:
    """What the classes below have in common."""

    __test__ = True

    @pytest.fixture(autouse=True)
    def _use_genosched(self, genosched, tmp_path, monkeypatch):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        self.binary = genosched
        self.state = tmp_path / "state"

    def get_executor(self):
        return "genosched"

    def get_executor_settings(self):
        return ExecutorSettings(binary=self.binary, state_dir=self.state)


class TestLocalStorage(Ours, snakemake.common.tests.TestWorkflowsLocalStorageBase):
    pass


@pytest.mark.usefixtures("s3_server")
class TestS3(Ours, snakemake.common.tests.TestWorkflowsMinioPlayStorageBase):
    pass


@pytest.mark.usefixtures("s3_server")
class TestS3NoSharedFs(Ours, snakemake.common.tests.TestWorkflowsMinioPlayStorageBase):
    def get_assume_shared_fs(self):
        return False
