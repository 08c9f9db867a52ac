"""Terraform: formatted, valid, and its own tests pass, with the provider's schemas in its place.

Nothing is planned against a cloud: the schemas are those of the provider's reference pages, and
resources are mocked. Needs terraform or tofu, and the schemas beside the shared data.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SCHEMAS = (
    Path(os.environ.get("WEIR_SHARED_DATA", ROOT.parent / "shared/data"))
    / "yandex-provider-schemas.json"
)
PROGRAM = shutil.which("tofu") or shutil.which("terraform") or ""
needs_terraform = pytest.mark.skipif(
    not PROGRAM or not SCHEMAS.is_file(),
    reason=f"needs terraform or tofu ({PROGRAM or 'neither is here'}) and {SCHEMAS}",
)


class Terraform:
    """A copy of deploy/terraform in which commands run without a network."""

    def __init__(self, folder: Path) -> None:
        done = subprocess.run(
            [ROOT / "deploy/tools/install.sh", "deploy/terraform"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.root = folder / "terraform"
        shutil.copytree(ROOT / "deploy/terraform", self.root)
        (folder / "provider").mkdir()
        provider = folder / "provider/terraform-provider-yandex"
        provider.symlink_to(ROOT / "build/tools/schemas_provider")
        (folder / "rc").write_text(
            "provider_installation {\n"
            f'  dev_overrides {{ "yandex-cloud/yandex" = "{provider.parent}" }}\n'
            "  direct {}\n}\n"
        )
        self.environment = {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(folder / "rc"),
            "CHECKPOINT_DISABLE": "1",
            "PROVIDER_SCHEMAS": str(SCHEMAS),
        }

    def run(self, where: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words, "-no-color"] if words[0] != "get" else [PROGRAM, *words],
            cwd=self.root / where,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def succeed(self, where: str, *words: str) -> str:
        done = self.run(where, *words)
        assert done.returncode == 0, f"{where}: {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return Terraform(tmp_path_factory.mktemp("terraform"))


@needs_terraform
def test_it_is_formatted(terraform: Terraform) -> None:
    terraform.succeed(".", "fmt", "-check", "-recursive", "-diff")


@needs_terraform
@pytest.mark.parametrize("name", ["dev", "prod"])
def test_an_environment_is_valid_and_wired(terraform: Terraform, name: str) -> None:
    where = f"environments/{name}"
    terraform.succeed(where, "get")
    terraform.succeed(where, "validate")
    assert "0 failed" in terraform.succeed(where, "test")


MODULES = sorted(file.parent.name for file in ROOT.glob("deploy/terraform/modules/*/*.tftest.hcl"))


@needs_terraform
@pytest.mark.parametrize("name", MODULES)
def test_a_module_keeps_its_promises(terraform: Terraform, name: str) -> None:
    assert "0 failed" in terraform.succeed(f"modules/{name}", "test")


@needs_terraform
def test_a_misspelt_argument_is_found(terraform: Terraform) -> None:
    file = terraform.root / "modules/registry/main.tf"
    right = file.read_text()
    file.write_text(right.replace("folder_id = var", "foldr_id = var"))
    done = terraform.run("modules/registry", "validate")
    file.write_text(right)
    assert done.returncode != 0 and "foldr_id" in done.stderr


def test_no_secret_gets_into_the_state() -> None:
    text = "\n".join(file.read_text() for file in ROOT.glob("deploy/terraform/**/*.tf"))
    holder = (
        r"yandex_mdb_kafka_user|static_access_key|service_account_key|\bpassword\s*=|text_value"
    )
    assert re.findall(holder, text) == [], "its secret would stand in the state"


def test_the_cost_page_is_what_the_script_prints() -> None:
    script = ROOT / "deploy/terraform/cost.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    page = (ROOT / "docs/cost.md").read_text()
    assert printed.stdout.strip() in page, "run python deploy/terraform/cost.py, mend docs/cost.md"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_cost_is_of_the_sizes_that_are_asked_for(name: str) -> None:
    sizes = runpy.run_path(str(ROOT / "deploy/terraform/cost.py"))["ENVIRONMENTS"][name]
    asked = (ROOT / f"deploy/terraform/environments/{name}/main.tf").read_text()
    for part in ("airflow", "nodes"):
        found = re.search(rf"{part} *= .*?cores = (\d+), memory_gb = (\d+)", asked)
        machine = getattr(sizes, part)
        assert found and (machine.cores, machine.memory_gb) == tuple(map(int, found.groups()))
    assert f"disk_gb = {sizes.kafka.disk_gb}," in asked
    assert f"workers = {sizes.spark.count - 1} }}" in asked
