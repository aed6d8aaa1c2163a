"use strict";
// Metrics by stratum.
cadc.strata = (place, view) => {
  const { element: el } = cadc;
  const table = view.experiment.strata;
  const rows = cadc.objects(table);
  const kinds = [...new Set(rows.map((row) => row.by))].map((name) => ({ name, label: name }));
  const rates = cadc.rates_of(rows);
  const state = { by: kinds[0].name, rate: rates[0]?.name };
  const panels = el("div", { class: "panels" });
  place.append(
    el(
      "div",
      { class: "tools" },
      cadc.select("Strata by", kinds, state.by, (name) => {
        state.by = name;
        draw();
      }),
      cadc.rate_select(rates, state, () => draw()),
    ),
    cadc.arms(view),
    panels,
    el(
      "p",
      { class: "note" },
      "Means over seeds with 95 % t intervals. Arms without a rate, or with a single one, are always drawn.",
    ),
    el("details", {}, el("summary", {}, "The values as a table"), el("div", { "data-view": "strata-table" })),
  );
  cadc.table(place.querySelector('[data-view="strata-table"]'), table, { label: `strata of ${view.experiment.title}` });
  const is_at = cadc.at_rate(rows);
  const draw = () => {
    const metric =
      view.experiment.metrics.find((one) => `${one.name}_mean` in rows[0] && one.name === view.metric) ??
      view.experiment.metrics.find((one) => `${one.name}_mean` in rows[0]);
    // A name may tell more than the arm: `lma, 16x`.
    const group_of = (row) => {
      const at = view.experiment.points.findIndex(
        (point, at) =>
          point.name === row.arm && view.rows[at].dataset === row.dataset && view.rows[at].rate === row.rate,
      );
      return at < 0 ? row.arm : view.group(view.rows[at]);
    };
    const own = rows.filter(
      (row) =>
        row.by === state.by &&
        !view.off.has(group_of(row)) &&
        is_at(row, state.rate) &&
        row[`${metric.name}_mean`] !== null,
    );
    cadc.panels(
      panels,
      view.datasets.filter((dataset) => own.some((row) => row.dataset === dataset)),
      (dataset) =>
        cadc.strata_spec(
          own.filter((row) => row.dataset === dataset),
          metric,
          view.groups,
          group_of,
          dataset,
          state.by,
        ),
      (dataset) => `${metric.label} by ${state.by} on ${dataset}; the table below has the values.`,
    );
  };
  view.follow(draw);
};

cadc.strata_spec = (rows, metric, groups, group_of, dataset, by) => {
  const values = rows.map((row) => {
    const mean = row[`${metric.name}_mean`],
      half = row[`${metric.name}_ci`];
    return {
      group: group_of(row),
      series: row.arm,
      stratum: row.stratum,
      y: mean,
      low: half === null ? null : mean - half,
      high: half === null ? null : mean + half,
      Arm: row.arm,
      Stratum: row.stratum,
      Rate: cadc.shown("rate", row.rate) || "–",
      Mean: cadc.shown("quality", mean) + (half === null ? "" : ` ± ${cadc.shown("quality", half)}`),
      Seeds: row.seeds,
      Rows: cadc.shown("count", row.n_rows),
    };
  });
  const { color, shape } = cadc.channels(groups);
  const domain = cadc.domain(
    values.map((one) => one.y),
    metric.higher_is_better,
    true,
  );
  const X = {
    field: "stratum",
    type: "nominal",
    sort: [...new Set(values.map((one) => one.stratum))].sort((a, b) => parseInt(a, 10) - parseInt(b, 10) || 0),
    title: by,
    axis: { labelAngle: 0, labelOverlap: true, grid: false },
  };
  const Y = {
    field: "y",
    type: "quantitative",
    title: metric.label,
    scale: { zero: false, nice: false, domain },
    axis: { format: ".3~f" },
  };
  return {
    width: "container",
    height: 300,
    title: dataset,
    autosize: { type: "fit", contains: "padding" },
    data: { values },
    layer: [
      {
        mark: { type: "line", strokeWidth: 1.5, opacity: 0.6, clip: true },
        encoding: { x: X, y: Y, color, detail: { field: "series" } },
      },
      {
        transform: [{ filter: "isValid(datum.low)" }],
        mark: { type: "rule", strokeWidth: 1.2, opacity: 0.6, clip: true },
        encoding: { x: X, y: { ...Y, field: "low" }, y2: { field: "high" }, color },
      },
      {
        mark: { type: "point", filled: true, size: 60, opacity: 0.95, clip: true },
        encoding: {
          x: X,
          y: Y,
          color,
          shape,
          tooltip: cadc.tooltip("Arm", "Stratum", "Mean", "Seeds", "Rate", "Rows"),
        },
      },
    ],
  };
};
