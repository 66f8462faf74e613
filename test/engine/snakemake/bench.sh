#!/usr/bin/env bash
# Overhead of one job: Snakemake's local executor, cluster-generic, and genosched
# with and without the fork server, on jobs that run `true`.
#   GENOSCHED=/path/to/genosched ./bench.sh [JOBS]          default 500
#   --only NAME[,NAME]   of local, cluster-generic, fork, plain
# Prints wall and CPU milliseconds a job, and the ratios to cluster-generic.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
: "${GENOSCHED:?names the genosched program}"
venv=$("$here/../../../snakemake-plugin/install-snakemake.sh" --test)
# The plugin of this tree, also where another checkout shares the environment.
export PYTHONPATH="$here/../../../snakemake-plugin/src"
exec "$venv/bin/python" "$here/bench.py" "$@"
