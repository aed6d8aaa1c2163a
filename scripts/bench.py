"""Seconds of the hot paths, each on its own, on generated data."""

import os
import sys
import tempfile
import time

N_ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


def main() -> None:
    """Time preparing, opening, batching, sampling, factorising, a training epoch and the metrics."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CADC_CACHE"] = cache
        import numpy as np
        import torch

        from cadc.config import compose_config
        from cadc.data.batches import BatchLoader
        from cadc.evaluation.auc import auc
        from cadc.pipeline import draw_sample, factorize_log, make_model, open_log, train

        def timed(name: str, work):
            started = time.perf_counter()
            result = work()
            seconds = time.perf_counter() - started
            print(f"{name:34} {seconds:8.3f} s {N_ROWS / seconds:14,.0f} rows/s")
            return result

        words = [f"data.n_rows={N_ROWS}", "data.n_users=6040", "data.n_items=3706"]
        limits = [
            "trainer.max_epochs=1",
            "trainer.progress=false",
            "factorization.max_epochs=1",
        ]
        config = compose_config([*words, *limits, "initializer=mf"])
        torch.set_num_threads(config["threads"])
        print(f"{N_ROWS:,} rows, {torch.get_num_threads()} thread, torch {torch.__version__}")
        timed("prepare", lambda: open_log(config))
        log = timed("open prepared", lambda: open_log(config))
        sample = timed("sample", lambda: draw_sample(config, log))
        shuffle = torch.Generator().manual_seed(0)
        timed("cut batches of 4096", lambda: [None for _ in BatchLoader(log, sample.rows, 4096, shuffle)])
        fitted = timed("factorise, one epoch", lambda: factorize_log(config, log, sample))
        model = make_model(config, log, fitted, sample)
        timed("train, one epoch and validation", lambda: train(config, model, log, sample, fitted))
        score = np.random.default_rng(0).random(N_ROWS)
        label = np.asarray(log.column("label")[:N_ROWS])
        timed("AUC", lambda: auc(label, score))


if __name__ == "__main__":
    main()
