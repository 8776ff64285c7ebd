"""How long steps will probably take, by how long they took before."""

from makespan.prediction.predicted import Prediction, PredictionScore, TimeLimit
from makespan.prediction.predictor import DurationPredictor, size_of

__all__ = ["DurationPredictor", "Prediction", "PredictionScore", "TimeLimit", "size_of"]
