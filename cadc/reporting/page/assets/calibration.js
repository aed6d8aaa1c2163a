"use strict";
// How well probabilities agree with what was observed.
cadc.calibration = (place, view) => {
  const { element: el } = cadc;
  const curves = view.experiment.calibration;
  const rates = cadc.rates_of(curves.map((one) => view.rows[one.point]));
  const state = { rate: rates[0]?.name };
  const panels = el("div", { class: "panels" });
  const is_at = cadc.at_rate(curves.map((one) => view.rows[one.point]));
  place.append(
    el(
      "div",
      { class: "tools" },
      cadc.rate_select(rates, state, () => draw()),
    ),
    cadc.arms(view),
    panels,
    el(
      "p",
      { class: "note" },
      "Evaluated rows of all seeds in 15 bins of equal size by predicted probability: the mean prediction of a bin, less the share of positive labels there. On the line at 0, predictions are right on average.",
    ),
    el("details", {}, el("summary", {}, "The values as a table"), el("div", { "data-view": "calibration-table" })),
  );
  const column = (name, label, kind) => ({ name, label, kind, shown: true });
  cadc.table(
    place.querySelector('[data-view="calibration-table"]'),
    {
      columns: [
        column("dataset", "dataset", "text"),
        column("arm", "arm", "text"),
        column("rate", "rate", "rate"),
        column("predicted", "mean prediction", "quality"),
        column("observed", "share of positives", "quality"),
        column("rows", "rows", "count"),
      ],
      rows: curves.flatMap((one) => {
        const row = view.rows[one.point];
        return one.bins.map(([predicted, observed, rows]) => [
          row.dataset,
          view.experiment.points[one.point].name,
          row.rate,
          predicted,
          observed,
          rows,
        ]);
      }),
    },
    { label: `calibration of ${view.experiment.title}` },
  );
  const draw = () => {
    const own = curves
      .map((one) => ({ ...one, row: view.rows[one.point], name: view.experiment.points[one.point].name }))
      .filter((one) => !view.off.has(view.group(one.row)) && is_at(one.row, state.rate));
    const values = own.flatMap((one) =>
      one.bins.map(([predicted, observed, rows]) => ({
        group: view.group(one.row),
        series: one.name,
        dataset: one.row.dataset,
        predicted,
        excess: predicted - observed,
        Arm: one.name,
        Rate: cadc.shown("rate", one.row.rate) || "–",
        Predicted: cadc.shown("quality", predicted),
        Observed: cadc.shown("quality", observed),
        Rows: cadc.shown("count", rows),
      })),
    );
    const { color, shape } = cadc.channels(view.groups);
    const X = {
      field: "predicted",
      type: "quantitative",
      title: "mean prediction",
      scale: { domain: [0, 1] },
      axis: { tickCount: 6 },
    };
    const Y = { field: "excess", type: "quantitative", title: "prediction − observed", axis: { format: "+.2~f" } };
    cadc.panels(
      panels,
      view.datasets.filter((dataset) => values.some((one) => one.dataset === dataset)),
      (dataset) => ({
        width: "container",
        height: 300,
        title: dataset,
        autosize: { type: "fit", contains: "padding" },
        layer: [
          {
            data: { values: [{ y: 0 }] },
            mark: { type: "rule" },
            encoding: { y: { field: "y", type: "quantitative" } },
          },
          {
            data: { values: values.filter((one) => one.dataset === dataset) },
            mark: { type: "line", strokeWidth: 1.5, opacity: 0.7 },
            encoding: { x: X, y: Y, color, detail: { field: "series" } },
          },
          {
            data: { values: values.filter((one) => one.dataset === dataset) },
            mark: { type: "point", filled: true, size: 45, opacity: 0.95 },
            encoding: {
              x: X,
              y: Y,
              color,
              shape,
              tooltip: cadc.tooltip("Arm", "Rate", "Predicted", "Observed", "Rows"),
            },
          },
        ],
      }),
      (dataset) => `Calibration on ${dataset}; the table below has the values.`,
    );
  };
  view.follow(draw);
};
