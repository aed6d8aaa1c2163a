"""How looked-up vectors become a score: each model maps a `Batch` to logits, shape [B]."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.models.ctr_network import CTRNetwork
    from cadc.models.dcn import DCN
    from cadc.models.deepfm import DeepFM
    from cadc.models.distilled.distilled import Distilled
    from cadc.models.dlrm import DLRM
    from cadc.models.dot_product.lightgcn import LightGCN
    from cadc.models.dot_product.matrix_factorization import MatrixFactorization
    from cadc.models.ease import EASE
    from cadc.models.factorization import BiasModel, FactorizationModel
    from cadc.models.label_mean import LabelMean
    from cadc.models.model import Model
    from cadc.models.on_views.view_network import ViewNetwork
    from cadc.models.oracle import OracleModel
    from cadc.models.platt import PlattModel
    from cadc.models.ranking.two_tower import TwoTower
    from cadc.models.sequence.sasrec import SASRec
    from cadc.models.stack.stack import Stack
    from cadc.models.trees.boosted_trees import BoostedTrees
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "DCN",
    "DLRM",
    "EASE",
    "BiasModel",
    "BoostedTrees",
    "CTRNetwork",
    "DeepFM",
    "Distilled",
    "FactorizationModel",
    "LabelMean",
    "LightGCN",
    "MatrixFactorization",
    "Model",
    "OracleModel",
    "PlattModel",
    "SASRec",
    "Stack",
    "TwoTower",
    "ViewNetwork",
]
