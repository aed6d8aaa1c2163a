import numpy as np
import pytest
import torch

import cadc
from cadc.embeddings.measured import measure_tables, table_bytes
from cadc.models.linear_terms import LinearTerms, collections_of_vectors
from cadc.training.advice import length
from cadc.training.optimizers import LAZY_FROM, skips_rows
from tests.models.click_networks import model_of
from tests.support.helpers import small_synthetic_log


def with_random_weights(terms):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in terms.parameters():
            weight.normal_(generator=generator)
    return terms


def test_linear_terms_equal_a_naive_sum():
    log = small_synthetic_log()
    terms = with_random_weights(LinearTerms(log.schema))
    weights = {name: own.detach().numpy() for name, own in terms.weights(log.schema).items()}
    batch = log.gather(log.rows("test")[:50])
    expected = []
    for row in range(len(batch)):
        ids = zip(log.schema.single, batch.ids[row].tolist(), strict=True)
        total = sum(weights[field.name][own] for field, own in ids)
        for name, bag in batch.bags.items():
            first, last = [*bag.offsets.tolist(), len(bag.values)][row : row + 2]
            values = bag.values[first:last].tolist()
            total += np.mean(weights[name][values]) if values else 0.0
        expected.append(total + batch.dense[row].numpy() @ terms.dense.detach().numpy())
    np.testing.assert_allclose(terms(batch).detach().numpy(), expected, atol=1e-5)


def test_linear_terms_start_at_zero_and_add_to_the_logit():
    log = small_synthetic_log()
    plain, wide = model_of(log), model_of(log, linear=True)
    batch = log.gather(log.rows("test")[:50])
    assert torch.equal(plain(batch), wide(batch))
    with_random_weights(wide.linear_terms)
    torch.testing.assert_close(wide(batch), plain(batch) + wide.linear_terms(batch))


def test_weights_of_values_count_as_bytes_and_not_as_compressed_tables():
    log = small_synthetic_log()
    plain, wide = model_of(log), model_of(log, linear=True)
    n_weights = sum(field.vocabulary_size for field in log.schema.fields) + len(log.schema.dense)
    added = table_bytes(wide.state_dict()) - table_bytes(plain.state_dict())
    assert 4 * n_weights <= added < 4 * n_weights + 300  # names in the header
    assert measure_tables(wide) == {}
    assert [collection is wide.embeddings for collection in collections_of_vectors(wide)] == [True]
    assert length(wide, log.gather(log.rows("test")[:50])) == length(plain, log.gather(log.rows("test")[:50]))


def test_rows_of_a_field_count_once_where_steps_may_skip_them():
    log = small_synthetic_log()
    n_rows = sum(field.vocabulary_size for field in log.schema.fields)
    assert n_rows < LAZY_FROM
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cadc.training.optimizers.LAZY_FROM", n_rows)
        assert not skips_rows(model_of(log, linear=True), "auto")
        patch.setattr("cadc.training.optimizers.LAZY_FROM", n_rows - 1)
        assert skips_rows(model_of(log, linear=True), "auto")


def test_weights_are_counted_by_the_ratio_of_the_model_and_not_by_that_of_the_compressed_fields(tmp_path):
    small = ["data=synthetic", "data.n_rows=2000", "trainer.max_epochs=1", "embedding=hashing", "embedding.ratio=4"]
    common = [*small, "model.linear=true", "trainer.progress=false"]
    wide = cadc.run(*common, runs=tmp_path).record["tables"]
    plain = cadc.run(*common, "model.linear=false", runs=tmp_path).record["tables"]
    assert {key: wide[key] for key in ("bytes", "ratio", "full")} == {
        key: plain[key] for key in ("bytes", "ratio", "full")
    }
    assert wide["ratio_model"] < plain["ratio_model"]
    assert [name for name, file in wide["files"].items() if name not in plain["files"]] == [
        "linear_terms.values.tables.0"
    ]
