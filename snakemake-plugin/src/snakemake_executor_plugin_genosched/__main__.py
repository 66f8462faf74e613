"""`python -m snakemake_executor_plugin_genosched`: where the profile lies."""

from pathlib import Path

if __name__ == "__main__":
    print(Path(__file__).with_name("profile"))
