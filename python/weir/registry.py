"""Model bundles in MLflow: register, follow an alias, promote and roll back.

A version is a bundle (immutable), wrapped so that MLflow's own tools load and serve it, with tags
that say what it was made of. Aliases say what it is for: `champion` decides, `challenger` waits for
its comparison, `trial` decides for a share of the customers, `previous` is what a roll-back returns
to. MLflow has no compare-and-swap, but of
two who create a registered model of one name only one does: that is the lock of a promotion.
"""

import contextlib
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import pandas as pd
import pyarrow as pa
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, Schema

import weir

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
TRIAL = "trial"
ALIASES = (CHAMPION, CHALLENGER, TRIAL, PREVIOUS)
LOCK_SECONDS = 300
"""A promotion's lock that is older was left behind by one that died."""


class BundleModel(mlflow.pyfunc.PythonModel):
    """A bundle as MLflow's tools see it: feature columns in, margin, probability, action out."""

    def load_context(self, context: Any) -> None:
        self._model = weir.load_model(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        columns = {
            name: pa.array(model_input[name], pa.float32()) for name in self._model.feature_names
        }
        return pa.table(self._model.score(pa.table(columns))).to_pandas()


def sha256_of(bundle: Path) -> str:
    """Of `model.json`, which holds the hashes of all other files of a bundle."""
    return hashlib.sha256((bundle / "model.json").read_bytes()).hexdigest()


class Registry:
    """The versions of one registered model."""

    def __init__(self, name: str = "weir") -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        self.name = name
        self.client = MlflowClient()

    def register(
        self,
        bundle: Path,
        *,
        tags: Mapping[str, str],
        metrics: Mapping[str, float] | None = None,
        parameters: Mapping[str, Any] | None = None,
        artifacts: Path | None = None,
    ) -> int:
        """Log a bundle as a run of the experiment of this name and make it the next version.

        A bundle that is there already (the same bytes) keeps its version: a job that is run again
        registers nothing twice.
        """
        model = weir.load_model(bundle)
        known = self.find(model.version)
        if known is not None:
            return known
        about = json.loads((bundle / "model.json").read_text())
        mlflow.set_experiment(self.name)
        tags = {
            **tags,
            "bundle_version": model.version,
            "sha256": sha256_of(bundle),
            "feature_fingerprint": model.fingerprint,
            "training_period": f"{about['training']['from']} to {about['training']['to']}",
            "labels_known_at": about["labels_known_at"],
        }
        signature = ModelSignature(
            inputs=Schema([ColSpec(DataType.float, name) for name in model.feature_names]),
            outputs=Schema(
                [
                    ColSpec(DataType.float, "margin"),
                    ColSpec(DataType.double, "probability"),
                    ColSpec(DataType.string, "action"),
                ]
            ),
        )
        with mlflow.start_run(tags=tags) as run:
            mlflow.log_params({**about["parameters"], **(parameters or {})})
            mlflow.log_metrics({**_validation_metrics(bundle), **(metrics or {})})
            mlflow.log_artifact(str(bundle / "card.md"))
            if artifacts is not None:
                mlflow.log_artifacts(str(artifacts), "report")
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=BundleModel(),
                artifacts={"bundle": str(bundle)},
                signature=signature,
                pip_requirements=[f"weir-fraud=={weir.__version__}", f"pyarrow=={pa.__version__}"],
            )
            try:
                self.client.create_registered_model(self.name)
            except MlflowException as fault:
                if fault.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = self.client.create_model_version(
                self.name, logged.model_uri, run.info.run_id, tags=tags, model_id=logged.model_id
            )
        return int(made.version)

    def find(self, bundle_version: str) -> int | None:
        """The version of a bundle, where it is registered."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        numbers = [int(v.version) for v in found if v.tags.get("bundle_version") == bundle_version]
        return min(numbers, default=None)

    def exists(self, version: int) -> bool:
        """Whether a version of that number is registered."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return any(int(v.version) == version for v in found)

    def version_of(self, alias: str) -> int | None:
        """The version that an alias stands for."""
        try:
            return int(self.client.get_model_version_by_alias(self.name, alias).version)
        except MlflowException as fault:
            # A missing alias is INVALID_PARAMETER_VALUE (400), a missing model is not found (404).
            if fault.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            raise

    def fetch(self, version: int, folder: Path) -> Path:
        """Download a version's bundle and check it; gives its folder."""
        wanted = self.client.get_model_version(self.name, str(version)).tags.get("sha256")
        folder.mkdir(parents=True, exist_ok=True)
        path = mlflow.artifacts.download_artifacts(
            f"models:/{self.name}/{version}", dst_path=str(folder)
        )
        bundle = next(Path(path).rglob("model.json")).parent
        if sha256_of(bundle) != wanted:
            raise weir.Error(
                f"{self.name} version {version}: model.json has sha256 {sha256_of(bundle)}, the "
                f"registry says {wanted}; the artifact was changed, register the bundle again"
            )
        weir.load_model(bundle)
        return bundle

    def publish(self, alias: str, link: Path) -> int | None:
        """Let `link` lead to the checked bundle of an alias, for `weir serve --model-poll` to take.

        Gives the version; None where the alias is not set, and then the link stays as it was. The
        link is replaced in one step: who reads it sees the old bundle or the new one, whole.
        """
        version = self.version_of(alias)
        if version is None:
            return None
        target = link.parent / f"{link.name}-{version}"
        if link.is_symlink() and link.resolve() == target.resolve():
            return version
        if not target.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=link.parent) as incoming:
                self.fetch(version, Path(incoming)).rename(target)
        staged = link.with_name(f".{link.name}-{version}")
        staged.unlink(missing_ok=True)
        staged.symlink_to(target.name)
        staged.replace(link)
        return version

    def set_challenger(self, version: int) -> None:
        """Let a version wait for its comparison."""
        self.client.set_registered_model_alias(self.name, CHALLENGER, str(version))

    def judge(self, version: int, verdict: str, reason: str) -> None:
        """Keep what a gate said beside the version."""
        self.client.set_model_version_tag(self.name, str(version), "verdict", verdict)
        self.client.set_model_version_tag(self.name, str(version), "reason", reason[:500])

    def promote(self, version: int, *, instead_of: int | None) -> None:
        """Make a version the champion; `instead_of`, the champion of now, becomes `previous`.

        Raises Error, and moves nothing, when another version is champion by now or another
        promotion is under way. The champion's alias moves last: a promotion that dies in between
        leaves the old champion, and doing it again ends in the same state.
        """
        with self._alone():
            before = self.version_of(CHAMPION)
            if before not in (version, instead_of):
                raise weir.Error(
                    f"{self.name} version {version} was to follow version {instead_of}, but "
                    f"version {before} is champion by now; compare again"
                )
            if before is not None and before != version:
                self.client.set_registered_model_alias(self.name, PREVIOUS, str(before))
            if before != version:
                self.client.set_registered_model_alias(self.name, CHAMPION, str(version))
            self.drop_challenger(version)

    def drop_challenger(self, version: int | None = None) -> None:
        """End the wait of a challenger; of this version only, where one is given."""
        waiting = self.version_of(CHALLENGER)
        if waiting is not None and version in (None, waiting):
            self.client.delete_registered_model_alias(self.name, CHALLENGER)

    def start_trial(self, version: int, *, against: int) -> None:
        """Let a version decide for a share of the customers, beside the champion `against`.

        Raises Error, and moves nothing, when another is champion by now or another trial is on.
        """
        with self._alone():
            champion, running = self.version_of(CHAMPION), self.version_of(TRIAL)
            if champion != against:
                raise weir.Error(
                    f"{self.name} version {version} was to be tried against version {against}, but "
                    f"version {champion} is champion by now; compare again"
                )
            if running not in (None, version):
                raise weir.Error(
                    f"{self.name} version {running} is on trial; version {version} has to wait"
                )
            if running is None:
                started = datetime.now(UTC).isoformat(timespec="seconds")
                tags = {"trial": "running", "trial_against": str(against), "trial_since": started}
                for key, value in tags.items():
                    self.client.set_model_version_tag(self.name, str(version), key, value)
                self.client.set_registered_model_alias(self.name, TRIAL, str(version))
            self.drop_challenger(version)

    def end_trial(self, version: int, outcome: str, reason: str) -> None:
        """The champion decides alone again; `outcome` and why are kept beside the version."""
        for key, value in {"trial": outcome, "trial_reason": reason[:500]}.items():
            self.client.set_model_version_tag(self.name, str(version), key, value)
        if self.version_of(TRIAL) == version:
            self.client.delete_registered_model_alias(self.name, TRIAL)

    def roll_back(self) -> int:
        """Make `previous` the champion again; the two change places."""
        previous, champion = self.version_of(PREVIOUS), self.version_of(CHAMPION)
        if previous is None or previous == champion:
            raise weir.Error(f'model "{self.name}" has no previous champion to roll back to')
        self.promote(previous, instead_of=champion)
        return previous

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one who promotes: the lock is a registered model that only one can create."""
        lock = f"{self.name}.promoting"
        try:
            self._create_lock(lock)
        except MlflowException as fault:
            if fault.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            held = self.client.get_registered_model(lock)
            # A change that changes nothing: both times are by MLflow's clock, ours may be wrong.
            held = self.client.update_registered_model(lock, held.description)
            age = (held.last_updated_timestamp - held.creation_timestamp) / 1000
            if age < LOCK_SECONDS:
                raise weir.Error(
                    f'another promotion of "{self.name}" is under way for {age:.0f} s '
                    f"({held.description}); nothing was changed, run again when it has ended"
                ) from fault
            # Who held it died: a promotion takes a second.
            self.client.delete_registered_model(lock)
            self._create_lock(lock)
        try:
            yield
        finally:
            self.client.delete_registered_model(lock)

    def _create_lock(self, name: str) -> None:
        holder = f"process {os.getpid()} of {socket.gethostname()}"
        self.client.create_registered_model(name, description=holder)

    def state(self) -> dict[str, int | None]:
        """Alias → version."""
        return {alias: self.version_of(alias) for alias in ALIASES}


def _validation_metrics(bundle: Path) -> dict[str, float]:
    metrics = json.loads((bundle / "metrics.json").read_text())
    return {
        f"validation_{name}": float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float)
    }


@contextlib.contextmanager
def fetched(alias: str, name: str = "weir") -> Iterator[tuple[int, Path]]:
    """(version, folder of its bundle) of an alias, while the context lasts."""
    registry = Registry(name)
    version = registry.version_of(alias)
    if version is None:
        raise weir.Error(f'model "{name}" has no {alias}; train and promote one first')
    with tempfile.TemporaryDirectory(prefix="weir-bundle-") as folder:
        yield version, registry.fetch(version, Path(folder))
