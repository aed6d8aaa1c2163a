"""The policy that makes a run a stream, read from its configuration."""

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import TARGET, Component, defaults
from cadc.data.split.segments import SegmentSplit
from cadc.embeddings.schemes.full import Full
from cadc.errors import UsageError
from cadc.models.model import Model
from cadc.pipeline.seeds import Config
from cadc.streams.policy import Policy


def policy_of(config: Config, model: Component[Model]) -> Component[Policy] | None:
    """Return the policy of a configuration; None for a run on one log.

    Raises
    ------
    UsageError : for a policy without segments, without tables, or beside views, histories or tables that are
        compressed.
    """
    if config.get("policy") is None:
        return None
    found = Component.read(config["policy"], "policy", Policy)
    if not model.cls.trainable:
        raise UsageError("a policy gives sizes to the rows of tables, and the model has none; choose model=dlrm, say.")
    if not issubclass(load_class(config["data"]["split"][TARGET]), SegmentSplit):
        raise UsageError("a policy follows the segments of a stream; add data/split=segments.")
    if load_class(config["embedding"][TARGET]) is not Full:
        raise UsageError(
            "a policy gives each row its size, and embedding is a scheme that compresses tables in another way; set "
            "embedding=full, whose dim is then the largest size."
        )
    if "dtype" in config["embedding"] and config["embedding"]["dtype"] != defaults(Full)["dtype"]:
        raise UsageError(
            f"embedding.dtype is {config['embedding']['dtype']}, and the rows of a stream are stored as stream.dtype "
            "says; set that instead."
        )
    if model.cls.reads_histories(model.options):
        raise UsageError(
            f"{model.cls.__name__} reads the histories of users, and the model of a segment does not know those of "
            "earlier segments; choose model=two_tower with model.history=[]."
        )
    if config.get("views"):
        raise UsageError("views are fitted on a whole log, and a stream has none; set views=[].")
    return found
