"""What Prometheus, Alertmanager and the probe of the local stack read.

The files of deploy/monitoring, with the addresses of this stack.
"""

import json
import shutil
from pathlib import Path

MONITORING = Path(__file__).resolve().parents[1] / "monitoring"
# Nobody is told here; deploy/monitoring/alertmanager.yml has mail and Telegram.
ALERTMANAGER = "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"


def write_files(
    folder: Path, prometheus: int, alertmanager: int, blackbox: int, probed: dict[str, str]
) -> None:
    """`probed`: service → address that answers while it lives; weir is on its default port."""
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    shutil.copytree(MONITORING / "rules", folder / "rules", dirs_exist_ok=True)
    for name in ("prometheus.yml", "blackbox.yml"):
        shutil.copyfile(MONITORING / name, folder / name)
    (folder / "alertmanager.yml").write_text(ALERTMANAGER)
    targets: dict[str, list[dict[str, object]]] = {
        "weir": [{"targets": ["127.0.0.1:9090"]}],
        "prometheus": [{"targets": [f"127.0.0.1:{prometheus}"]}],
        "alertmanager": [{"targets": [f"127.0.0.1:{alertmanager}"]}],
        "probe": [
            {
                "targets": [address],
                "labels": {"service": name, "blackbox": f"127.0.0.1:{blackbox}"},
            }
            for name, address in probed.items()
        ],
    }
    for name, listed in targets.items():
        (folder / f"targets/{name}.json").write_text(json.dumps(listed, indent=1) + "\n")
