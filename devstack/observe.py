"""`python -m devstack.observe`: a Prometheus that reads the running platform, with the alerts of the chart.

The platform writes where its processes have their metrics (TARGETS, in Prometheus's own form) into its data directory.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.console import complain, say
from devstack.errors import DevstackError
from devstack.ports import LOOPBACK, is_free
from devstack.settings import load

TARGETS = "targets.json"
PORT = 9090
RULES = Path(__file__).parents[1] / "deploy" / "helm" / "parley" / "files" / "alerts.yaml"
CONFIGURATION = """\
global: {{scrape_interval: 2s, evaluation_interval: 2s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: parley
    file_sd_configs:
      - files: [{targets}]
        refresh_interval: 2s
"""


def write_targets(folder: Path, urls: Mapping[str, str]) -> None:
    """Write down where the processes have their metrics, with the labels that the chart's monitors give.

    Arguments:
        urls: of the port with `/metrics`, by the name of the process.
    """
    groups = [
        {
            "targets": [url.removeprefix("http://")],
            "labels": {"namespace": "parley", "job": name.rstrip("0123456789").rstrip("-"), "pod": name},
        }
        for name, url in sorted(urls.items())
    ]
    draft = folder / f"{TARGETS}.part"
    draft.write_text(json.dumps(groups, indent=2))
    draft.replace(folder / TARGETS)


def configuration(folder: Path) -> str:
    """What Prometheus is told."""
    return CONFIGURATION.format(rules=json.dumps(str(RULES)), targets=json.dumps(str((folder / TARGETS).resolve())))


def command(program: str, folder: Path, port: int) -> list[str]:
    """How Prometheus is started; writes its configuration.

    Raises:
        DevstackError: no platform has run there.
    """
    if not (folder / TARGETS).exists():
        raise DevstackError(f"No platform has run in {folder}: `make run` starts one, and DATA_DIR= says where.")
    own = folder / "prometheus"
    own.mkdir(exist_ok=True)
    file = own / "prometheus.yml"
    file.write_text(configuration(folder))
    return [
        program,
        f"--config.file={file.resolve()}",
        f"--storage.tsdb.path={(own / 'data').resolve()}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Become Prometheus; 1 if there is none, or no platform."""
    program = shutil.which("prometheus")
    if program is None:
        complain("There is no prometheus here. Debian and Ubuntu have it as a package: apt-get install prometheus.")
        return 1
    try:
        folder = load({**environment, "PORT": ""}).data_dir
        port = int(environment.get("PORT") or PORT)
        if not is_free(port):
            raise DevstackError(f"Port {port} is in use by another program: choose another one with PORT=.")
        words = command(program, folder, port)
    except (DevstackError, ValueError) as error:
        complain(str(error))
        return 1
    say(f"Prometheus: http://{LOOPBACK}:{port}/alerts (Ctrl-C ends it; its data is in {folder / 'prometheus'})")
    return os.execv(program, words)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
