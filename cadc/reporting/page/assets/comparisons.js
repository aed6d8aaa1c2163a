"use strict";
// Comparisons: a chart of differences with their intervals and the margin, and the table with verdicts.
cadc.comparisons = (place, view) => {
  const { element: el } = cadc;
  const table = view.experiment.comparisons;
  const rows = cadc.objects(table);
  const panels = el("div", { class: "panels" });
  const families = [
    ...new Map(rows.map((row) => [JSON.stringify([row.dataset, row.metric, row.reference]), row])).values(),
  ];
  const is_of = (family) => (row) => ["dataset", "metric", "reference"].every((name) => row[name] === family[name]);
  place.append(
    panels,
    el(
      "p",
      { class: "note" },
      "Bars are the intervals that belong to the verdicts: 95 %, over users and seeds, with Holm's correction; of one seed, over users alone. Right of zero an arm has more of the metric. The shaded band is the margin within which an arm counts as good.",
    ),
    el("div", { "data-view": "comparison-table" }),
  );
  cadc.table(place.querySelector('[data-view="comparison-table"]'), table, {
    label: `comparisons of ${view.experiment.title}`,
  });
  view.follow(() =>
    cadc.panels(
      panels,
      families,
      (family) => cadc.forest_spec(rows.filter(is_of(family)), family, view),
      (family) =>
        `Differences in ${family.metric} to ${family.reference} on ${family.dataset}; the table below has the values.`,
    ),
  );
};

const GOOD = ["better", "as good", "equal"];
cadc.verdict_of = (row) => String(row.verdict ?? "").replace(/ \(.*/, "");

cadc.forest_spec = (rows, family, view) => {
  const dark = cadc.is_dark();
  const metric = view.experiment.metrics.find((one) => one.name === family.metric) ?? {
    label: family.metric,
    higher_is_better: true,
  };
  const colours = {
    good: dark ? "#3fd0a4" : "#00704f",
    bad: dark ? "#ff9a5c" : "#b03a00",
    open: dark ? "#a3abb3" : "#5c656e",
  };
  const kind = (row) =>
    GOOD.includes(cadc.verdict_of(row)) ? "good" : cadc.verdict_of(row) === "worse" ? "bad" : "open";
  const several = new Set(rows.map((row) => row.rate)).size > 1;
  const values = rows.map((row) => ({
    name: several && row.rate !== null ? `${row.arm}, ${cadc.shown("rate", row.rate)}` : row.arm,
    difference: row.difference,
    low: row.low,
    high: row.high,
    kind: kind(row),
    Arm: row.arm,
    Difference: cadc.shown("difference", row.difference),
    Interval: row.interval,
    Seeds: row.seeds,
    "p (Holm)": row.p_of_verdict,
    Verdict: row.verdict,
  }));
  const margin = family.margin ?? 0;
  const Y = {
    field: "name",
    type: "nominal",
    sort: null,
    title: null,
    axis: { labelLimit: 200, grid: false, ticks: false, domain: false },
  };
  const X = {
    field: "difference",
    type: "quantitative",
    title: `difference in ${metric.label}`,
    axis: { format: "+.2~r", tickCount: 5, labelOverlap: true },
  };
  const color = {
    field: "kind",
    type: "nominal",
    scale: { domain: Object.keys(colours), range: Object.values(colours) },
    legend: null,
  };
  const tooltip = cadc.tooltip("Arm", "Difference", "Interval", "Seeds", "p (Holm)", "Verdict");
  const rates = new Set(rows.map((row) => row.reference_rate));
  const to = `to ${family.reference}${rates.size > 1 ? " at the same rate" : family.reference_rate === null ? "" : ` at ${cadc.shown("rate", family.reference_rate)}`}`;
  return {
    width: "container",
    height: 24 * rows.length,
    autosize: { type: "fit-x", contains: "padding" },
    title: { text: `${metric.label}, ${family.dataset}`, subtitle: to, subtitleColor: cadc.config().axis.labelColor },
    layer: [
      ...(margin
        ? [
            {
              data: { values: [{ a: -margin, b: margin }] },
              mark: { type: "rect", opacity: 0.12, color: colours.open },
              encoding: { x: { field: "a", type: "quantitative" }, x2: { field: "b" } },
            },
          ]
        : []),
      { data: { values: [{ a: 0 }] }, mark: { type: "rule" }, encoding: { x: { field: "a", type: "quantitative" } } },
      {
        data: { values: values.filter((one) => one.low !== null) },
        mark: { type: "rule", strokeWidth: 2 },
        encoding: { y: Y, x: { ...X, field: "low" }, x2: { field: "high" }, color, tooltip },
      },
      {
        data: { values },
        mark: { type: "point", filled: true, size: 70, opacity: 1 },
        encoding: { y: Y, x: X, color, tooltip },
      },
    ],
  };
};
