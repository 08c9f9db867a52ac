"""The rivals of bench/serving: the same forest behind FastAPI, handed ready-made features.

Run by run.py with the environment of requirements/serving.lock: `rivals.py xgboost|onnx
FOREST PORT`, and `rivals.py mlflow FOREST FOLDER` writes a model for `mlflow models serve`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import xgboost


def booster(forest: str) -> xgboost.Booster:
    """The forest, on one thread: one row has no work for two."""
    return xgboost.Booster({"nthread": 1}, model_file=forest)


def to_onnx(forest: str) -> bytes:
    """The forest as ONNX."""
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = xgboost.XGBClassifier()
    model.load_model(forest)
    # The converter knows inputs by number only.
    model.get_booster().feature_names = None
    count = model.get_booster().num_features()
    return bytes(
        convert_xgboost(
            model, initial_types=[("features", FloatTensorType([None, count]))], target_opset=15
        ).SerializeToString()
    )


def scorer(kind: str, forest: str) -> Any:
    """A function from one row of features to the probability of fraud."""
    if kind == "xgboost":
        model = booster(forest)
        return lambda row: float(
            model.inplace_predict(np.array([row], np.float32), missing=np.nan)[0]
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(forest), options)
    return lambda row: float(
        session.run(["probabilities"], {"features": np.array([row], np.float32)})[0][0, 1]
    )


def serve(kind: str, forest: str, port: int) -> None:
    """Answer `POST /score` with {"features": […]} until ended."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Row(BaseModel):
        features: list[float | None]

    score = scorer(kind, forest)
    app = FastAPI()

    @app.post("/score")
    async def _(row: Row) -> dict[str, float | str]:
        probability = score([np.nan if value is None else value for value in row.features])
        action = "approve" if probability < 0.5 else "decline"
        return {"fraud_probability": probability, "decision": action}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def write_mlflow(forest: str, folder: str) -> None:
    """The model in MLflow's form."""
    import mlflow.xgboost

    mlflow.xgboost.save_model(booster(forest), Path(folder))


if __name__ == "__main__":
    if sys.argv[1] == "mlflow":
        write_mlflow(sys.argv[2], sys.argv[3])
    else:
        serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
