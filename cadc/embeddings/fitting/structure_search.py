"""The structure of sub-networks with the fewest operations that reaches a wanted quality (arXiv 2110.04124)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

IMPOSSIBLE = 1e18


@dataclass(frozen=True)
class Structure:
    """How a domain is cut, and the shape of each cell's network.

    Parameters
    ----------
    cells : along a side, or of rows.
    depth, width : see `cadc.embeddings.fitting.subnetworks.NetworkShape`.
    """

    cells: int
    depth: int
    width: int


@dataclass(frozen=True)
class Space:
    """What a search chooses from, each in ascending order."""

    cells: Sequence[int]
    depths: Sequence[int]
    widths: Sequence[int]


@dataclass(frozen=True)
class Tried:
    """A structure that was fitted: its operations and the PSNR that it reached, in dB."""

    structure: Structure
    flops: float
    psnr: float


def cheapest(
    space: Space,
    flops: Callable[[Structure], float],
    psnr: Callable[[Structure], float],
    wanted: float,
    trials: int,
    seed: int = 0,
) -> tuple[Tried | None, list[Tried]]:
    """Search by Optuna's TPE for the structure with the fewest operations that reaches a PSNR.

    A structure that needs no fewer operations than one that is good enough is not fitted, and tells the sampler so.

    Parameters
    ----------
    space : of the structures.
    flops : of a structure; infinite for one that is not allowed.
    psnr : fits a structure and returns its PSNR in dB.
    wanted : the least PSNR.
    trials : structures that are fitted at most.
    seed : of the sampler.

    Returns
    -------
    The cheapest that reaches it, else the one of the highest PSNR, None where none is allowed; and all that were
    fitted, in order.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
    known: dict[Structure, Tried] = {}
    # Asking costs little: most of what is asked for late in a search needs no fit.
    for _ in range(20 * trials):
        if len(known) == trials:
            break
        trial = study.ask()
        structure = Structure(
            space.cells[trial.suggest_int("cells", 0, len(space.cells) - 1)],
            space.depths[trial.suggest_int("depth", 0, len(space.depths) - 1)],
            space.widths[trial.suggest_int("width", 0, len(space.widths) - 1)],
        )
        cost = flops(structure)
        least = min((tried.flops for tried in known.values() if tried.psnr >= wanted), default=float("inf"))
        if structure not in known and cost < least:
            known[structure] = Tried(structure, cost, psnr(structure))
        lacks = wanted - known[structure].psnr if structure in known else 0.0
        trial.set_constraint("psnr", lacks if cost < float("inf") else IMPOSSIBLE)
        study.tell(trial, min(cost, IMPOSSIBLE))
    tried = list(known.values())
    good = [one for one in tried if one.psnr >= wanted]
    if good:
        return min(good, key=lambda one: one.flops), tried
    return max(tried, key=lambda one: one.psnr, default=None), tried
