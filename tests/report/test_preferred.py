"""What each voxel prefers and which of two is better, against the tables themselves and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

import d2b_ray
from d2b_ray.errors import DataError, SpecError
from d2b_ray.report.columns import PLACE
from d2b_ray.report.pairs import pair_rows
from d2b_ray.report.preferred import preferred_rows


@pytest.fixture(scope="module")
def results(common_store):
    return d2b_ray.open_results(str(common_store))


def rows_of(scores, values):
    """Of one subject: fits with these cv_r (fits, voxels) and values."""
    fits = [{"fit": f"f{n}", "subject": "S", "layer": value} for n, value in enumerate(values)]
    tables = {
        f"f{n}": pa.table({"cv_r": own, "r": [-x for x in own], "roi": [None] * len(own)})
        for n, own in enumerate(scores)
    }
    return list(preferred_rows(fits, lambda fit: tables[fit["fit"]], "layer"))


def test_the_highest_cv_r_wins_and_equal_values_are_one():
    rows = rows_of([[0.1, 0.5], [0.3, 0.4], [0.2, 0.1]], [1, 2, 2])
    assert [row["preferred"] for row in rows] == [2, 1]
    assert [row["fit"] for row in rows] == ["f1", "f0"]
    assert [row["lead"] for row in rows] == pytest.approx([0.2, 0.1])  # over layer 1; over layer 2
    assert [row["r"] for row in rows] == [-0.3, -0.5]  # told, not chosen by


def test_the_first_of_equals_wins():
    assert [row["preferred"] for row in rows_of([[0.2], [0.2]], [3, 4])] == [3]


def test_a_voxel_without_a_score_prefers_nothing():
    nan = float("nan")
    rows = rows_of([[nan, nan, 0.1], [nan, 0.2, nan]], [1, 2])
    assert [row["preferred"] for row in rows] == [None, 2, 1]
    assert [row["lead"] for row in rows] == [None, None, None]  # nothing to lead


def test_preferences_of_a_sweep_are_those_of_its_tables(results):
    found = results.preferred("annotation", subject="S1")
    voxels = results.voxels(subject="S1")
    best = voxels.loc[voxels.groupby("voxel").cv_r.idxmax()]
    known = found.preferred.notna()
    assert found.preferred[known].tolist() == best.annotation[known.to_numpy()].tolist()
    np.testing.assert_array_equal(found.r[known], best.r.to_numpy(float)[known])
    assert (found.lead[known] >= 0).all()
    assert set(results.preferred("layer").subject) == {"S1", "S2", "S3", "S4"}


def test_a_comparison_is_of_pairs_and_over_subjects(results):
    found = results.compare("annotation", "story", "speech", layer=2)
    by_hand = results.voxels(layer=2).groupby(["subject", "annotation"], observed=True).r.mean()
    whole = found[found.roi == ""].set_index("subject")
    for subject in ("S1", "S2", "S3", "S4"):
        assert whole.mean_first[subject] == pytest.approx(by_hand[subject, "story"], rel=1e-6)
        assert whole.mean_second[subject] == pytest.approx(by_hand[subject, "speech"], rel=1e-6)
    over = found[found.subject.isna() & (found.roi == "")].iloc[0]
    peer = stats.ttest_rel(*(by_hand.xs(side, level=1) for side in ("story", "speech")))
    assert over.p == pytest.approx(peer.pvalue, rel=1e-4)
    assert over.subjects == 4
    assert "better" not in found


def test_layers_are_paired_where_they_are_not_chosen(results):
    found = results.compare("annotation", "story", "speech")
    assert set(found["first"]) == {"story (1)", "story (2)"}
    assert len(found[found.subject == "S1"].pair.unique()) == 2


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda r: r.preferred("colour"), "colour: is no column of the table of fits"),
        (
            lambda r: r.preferred("layer", layer=1),
            "layer: fits must have two values .* they have 1",
        ),
        (lambda r: r.compare("voxels", 1, 2), "'voxels': fits are compared by annotation, model"),
        (
            lambda r: r.compare("layer", 1, 9),
            "no two fits agree in all but layer and have '1' and '9'",
        ),
    ],
)
def test_a_wrong_question_is_one_line(results, ask, words):
    with pytest.raises(SpecError, match=words):
        ask(results)


def delayed(start, end, key):
    """A row of the table of fits."""
    row = {"fit": key, "subject": "S", "delay_start_s": start, "delay_end_s": end}
    return {**dict.fromkeys(PLACE), **row}


def test_fits_of_other_delays_are_a_pair_though_both_ends_differ():
    table = pa.table({"r": [0.5, 0.25], "roi": [None, None]})
    fits = [delayed(2.0, 2.0, "a"), delayed(4.0, 4.0, "b")]
    (row,) = pair_rows(fits, lambda fit: table, "delay_start_s", (4.0, 2.0), str)
    assert (row["first_fit"], row["second_fit"], row["difference"]) == ("b", "a", 0)
    more = [*fits, delayed(2.0, 6.0, "c")]
    with pytest.raises(SpecError, match=r"several fits have delay_start_s 2\.0 .*delay_end_s"):
        pair_rows(more, lambda fit: table, "delay_start_s", (4.0, 2.0), str)


def test_the_page(results, common_store, tmp_path):
    assert results.report() == str(common_store / "report" / "index.html")
    (tmp_path / "tables").mkdir()
    table = common_store / "tables" / "fits.parquet"
    (tmp_path / "tables" / "fits.parquet").write_bytes(table.read_bytes())
    with pytest.raises(DataError, match="no page; a run of its sweep makes it"):
        d2b_ray.open_results(str(tmp_path)).report()
    assert isinstance(results.preferred("layer"), pd.DataFrame)
