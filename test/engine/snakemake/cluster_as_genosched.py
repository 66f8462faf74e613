"""Pytest plugin: Snakemake's own cluster tests, run through genosched.

Snakemake's tests ask for the executor `cluster-generic` with a submit command.
Here they get genosched instead, unchanged in all else.  Of the whole suite only
the tests that use a cluster are kept; those named in
regression-deselected.txt do not apply, for the reason that stands there.
"""

import inspect
import os
import re
import tempfile
from pathlib import Path

import pytest
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from s3 import moto
from snakemake_executor_plugin_genosched import ExecutorSettings

STATE = Path(tempfile.mkdtemp(prefix="genosched-regression-"))
LIST = Path(__file__).with_name("regression-deselected.txt")
_SUBMIT = re.compile(r"^[^#\n]*\bcluster=", re.MULTILINE)


def not_applicable():
    """{test: reason} from the list; every line needs a reason."""
    reasons = {}
    for line in LIST.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, reason = line.split(":", 1)
            assert reason.strip(), f"{LIST.name}: {name} has no reason"
            reasons[name.strip()] = reason.strip()
    return reasons


class ClusterIsGenosched:
    """What Snakemake's tests take for the plugin cluster-generic."""

    def __init__(self, plugin):
        self._plugin = plugin

    def __getattr__(self, name):
        return getattr(self._plugin, name)

    @staticmethod
    def settings_cls(**_qsub):
        # The rules name more memory than they use, and than this machine has.
        return ExecutorSettings(
            binary=Path(os.environ["GENOSCHED"]),
            state_dir=STATE / "state",
            memory="1 TiB",
        )


@pytest.fixture(scope="session", autouse=True)
def _s3_server():
    """The storage tests talk to an S3 server on the port they are written for."""
    with moto() as endpoint:
        yield endpoint


def pytest_configure():
    os.environ["GENOSCHED_LEDGER"] = str(STATE / "ledger")
    (STATE / "ledger").mkdir(mode=0o700)
    original = ExecutorPluginRegistry.get_plugin

    def get_plugin(self, name):
        if name == "cluster-generic":
            return ClusterIsGenosched(original(self, "genosched"))
        return original(self, name)

    ExecutorPluginRegistry.get_plugin = get_plugin


def pytest_collection_modifyitems(config, items):
    unwanted = not_applicable()
    known = {item.name for item in items}
    missing = {name for name in unwanted if name not in known}
    assert not missing, f"{LIST.name} names tests that do not exist: {missing}"
    kept, dropped = [], []
    for item in items:
        uses_cluster = _SUBMIT.search(inspect.getsource(item.function))
        wanted = uses_cluster and item.name not in unwanted
        (kept if wanted else dropped).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)
