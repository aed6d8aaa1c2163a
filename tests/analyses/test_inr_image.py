"""The image in the weights of networks: what is fitted, counted and shown."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from cadc.analyses import inr_image
from cadc.analyses.inr_image import InrImage, photograph, psnr_of
from cadc.embeddings.fitting.structure_search import Structure
from cadc.errors import DataError


def test_operations_are_those_of_the_literature():
    study = InrImage()
    found = [round(study.flops(structure) / 1e9, 2) for structure in inr_image.KNOWN]
    assert found == [6.48, 0.68, 0.28]


def test_the_photograph_is_averaged_over_squares():
    small, words = photograph(32)
    large, _ = photograph(128)
    assert "grace_hopper.jpg" in words
    assert small.shape == (32, 32) and -1 <= float(large.min()) < float(large.max()) <= 1
    assert float(large.std()) > 0.3
    assert torch.allclose(avg_pool2d(large[None, None], 4)[0, 0], small, atol=1e-5)


def test_without_the_photograph_it_is_a_sentence(monkeypatch):
    monkeypatch.setattr(inr_image, "PHOTOGRAPH", "nobody.jpg")
    with pytest.raises(DataError, match=r"matplotlib has no nobody\.jpg"):
        photograph(16)


def test_psnr_has_the_range_of_the_signal_as_its_peak():
    image, _ = photograph(16)
    noisy = image + 0.02 * torch.sign(torch.randn(16, 16))
    expected = 10 * np.log10(4 / np.mean((noisy - image).double().numpy() ** 2))
    assert psnr_of(noisy, image) == pytest.approx(expected) == pytest.approx(40, abs=0.01)
    # As levels from 0 to 255 have it.
    assert psnr_of(noisy, image) == pytest.approx(20 * np.log10(255 / (0.02 * 127.5)), abs=0.01)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_each_cell_reproduces_its_own_part_in_its_own_place(cells):
    image, _ = photograph(16)
    assert torch.equal(inr_image._joined(inr_image._cut(image, cells), cells), image)
    side = 16 // cells
    assert torch.equal(inr_image._cut(image, cells)[-1].view(side, side), image[-side:, -side:])
    found = InrImage(size=16, steps=300, share=1.0).fit(Structure(cells, 1, 24), image)
    assert psnr_of(found, image) > 30


def test_the_table_has_the_known_structures_and_those_that_were_searched(tmp_path):
    table = InrImage(size=16, steps=10, single_steps=12, trials=3, share=0.5).run(tmp_path)
    assert list(table["network"][:3]) == ["one SIREN", "ensemble", "ensemble"]
    assert 4 <= len(table) <= 6
    assert np.allclose(table["psnr"] - table["psnr_peak_1"], 6.02, atol=0.011)
    assert list(table["steps"]) == [12, *[10] * (len(table) - 1)]
    assert list(table["parameters"][:3]) == [198401, 84228, 137232]
    cheapest = table[table["network"] == "ensemble, cheapest"]
    good = table[3:][table["psnr"][3:] >= table["psnr"][0]]
    if len(good):
        assert list(cheapest["gflop"]) == [good["gflop"].min()]
    else:
        assert cheapest.empty
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "figure.svg").read_text()
    assert "GFLOP for the whole image" in svg and "PSNR (dB, peak = range)" in svg
    assert "peak being the range of the signal" in table.attrs["note"]
