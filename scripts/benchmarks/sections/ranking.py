"""Ranks of the held-out items of MovieLens 1M among all items, by inner products of 64 numbers."""

from collections.abc import Iterator

from benchmarks.case import OURS, Case, Work
from benchmarks.options import Options
from benchmarks.peers.installed import missing

DIM = 64


def cases(options: Options) -> Iterator[Case]:
    """Yield the ranking, beside the matrix product of all users and items that it needs."""
    import numpy as np
    import torch

    from cadc.evaluation.ranking import DotProduct, HeldOutRanking
    from cadc.evaluation.ranking.ranks import N_SCORES

    settings = options.compose("model=factorization", "task=ranking", *of_positives(options))
    log = options.open(settings)
    held_out = HeldOutRanking(log, "test")
    generator = torch.Generator().manual_seed(0)
    n_users, n_items = len(log.entities["user"].ids), len(held_out.candidates)
    users, items = (torch.randn(n, DIM, generator=generator) for n in (n_users, n_items))
    asked = held_out.users.unique()
    chunk = max(16, N_SCORES // n_items)
    scores = torch.empty(chunk, n_items)

    def ours() -> None:
        held_out.ranks(DotProduct(users, items))

    def product() -> None:
        for part in asked.split(chunk):
            torch.mm(users[part], items.T, out=scores[: len(part)])

    works: dict[str, Work] = {OURS: ours}
    remarks = {}
    if why := missing("implicit"):
        remarks["implicit"] = why
    else:
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        model = AlternatingLeastSquares(factors=DIM, num_threads=settings.threads)
        model.user_factors, model.item_factors = users.numpy(), items.numpy()
        seen = held_out._masked
        shape = (n_users, n_items)
        mask = csr_matrix((np.ones(len(seen.users), np.float32), (seen.users.numpy(), seen.items.numpy())), shape)
        own = asked.numpy()

        def ten_best() -> None:
            model.recommend(own, mask[own], N=10, filter_already_liked_items=True)

        works["implicit, ten best items"] = ten_best
    works["limit: matrix product"] = product
    yield Case(f"{log.meta['name']}, {len(asked)} users, {n_items} items", works, len(asked), "users", remarks)


def of_positives(options: Options) -> tuple[str, ...]:
    """Return the overrides of the usual ranking: all rows are positive, and each user's last one is the test part."""
    settings = options.compose()
    if not hasattr(settings.source.cls, "files"):
        return ()
    return ("data/split=leave_one_out", "data.threshold=0")
