"use strict";
// Streams: quality, regret and bytes by segment, and sizes against how often users and items are met.
cadc.SEGMENT_VALUES = [
  { name: "regret_mean", ci: "regret_ci", label: "regret so far", kind: "quality" },
  { name: "regret_to_truth_mean", ci: "regret_to_truth_ci", label: "regret to the truth", kind: "quality" },
  { name: "bytes", label: "bytes of the tables", kind: "count" },
  { name: "reservoir_bytes", label: "bytes of the reservoir", kind: "count" },
  { name: "over_budget", label: "bytes over the budget", kind: "count" },
  { name: "seconds", label: "seconds", kind: "seconds" },
];

cadc.segments = (place, view) => {
  const { element: el } = cadc;
  const table = view.experiment.segments;
  const rows = cadc.objects(table);
  const sizes = view.experiment.sizes ? cadc.objects(view.experiment.sizes) : [];
  const known = new Set(table.columns.map((one) => one.name));
  const metrics = table.columns
    .filter((one) => one.name.endsWith("_mean") && !one.name.startsWith("regret"))
    .map((one) => ({ name: one.name, ci: one.interval, label: one.label, kind: "quality" }));
  const shown = [...metrics, ...cadc.SEGMENT_VALUES.filter((one) => known.has(one.name))];
  if (sizes.length)
    shown.push(
      { name: "users", label: "sizes of users", side: "user", kind: "number" },
      { name: "items", label: "sizes of items", side: "item", kind: "number" },
    );
  const mean_sizes = [...new Set(rows.map((row) => row.mean_size).filter((size) => size !== null && size !== undefined))]
    .sort((a, b) => a - b)
    .map((size) => ({ name: String(size), label: cadc.shown("number", size) }));
  const state = { value: shown[0].name, mean_size: mean_sizes[0]?.name };
  const panels = el("div", { class: "panels" });
  place.append(
    el(
      "div",
      { class: "tools" },
      cadc.select("Show", shown, state.value, (name) => {
        state.value = name;
        draw();
      }),
      mean_sizes.length > 1
        ? cadc.select("Mean size", mean_sizes, state.mean_size, (name) => {
            state.mean_size = name;
            draw();
          })
        : null,
    ),
    cadc.arms(view),
    panels,
    el(
      "p",
      { class: "note" },
      "Means over seeds with 95 % t intervals. Regret is what the best arm in hindsight has more, summed over segments. Sizes are those at the end of the stream, a mark for each tenth of the users or items.",
    ),
    el("details", {}, el("summary", {}, "The values as a table"), el("div", { "data-view": "segments-table" })),
  );
  cadc.table(place.querySelector('[data-view="segments-table"]'), table, {
    label: `segments of ${view.experiment.title}`,
  });
  const several = new Set(rows.map((row) => row.model)).size > 1;
  const panel_of = (row) => row.dataset + (several ? `, ${row.model}` : "");
  const group_of = (row) => {
    const at = view.experiment.points.findIndex(
      (point, at) => point.name === row.arm && view.rows[at].dataset === row.dataset,
    );
    return at < 0 ? row.arm : view.group(view.rows[at]);
  };
  const draw = () => {
    const value = shown.find((one) => one.name === state.value);
    const y = value.side ? "size" : value.name;
    const own = (value.side ? sizes.filter((row) => row.side === value.side) : rows).filter(
      (row) =>
        !view.off.has(group_of(row)) &&
        row[y] !== null &&
        (state.mean_size === undefined || String(row.mean_size) === state.mean_size),
    );
    cadc.panels(
      panels,
      [...new Set(own.map(panel_of))],
      (panel) =>
        cadc.segments_spec(
          own.filter((row) => panel_of(row) === panel),
          { ...value, y },
          view.groups,
          group_of,
          panel,
        ),
      (panel) => `${value.label} of ${panel}; the table below has the values.`,
    );
  };
  view.follow(draw);
};

cadc.segments_spec = (rows, value, groups, group_of, title) => {
  const values = rows.map((row) => {
    const half = value.ci ? row[value.ci] : null;
    const y = row[value.y];
    const known = half !== null && half !== undefined;
    return {
      group: group_of(row),
      series: row.arm,
      x: value.side ? row.frequency : row.segment + 1,
      y,
      low: known ? y - half : null,
      high: known ? y + half : null,
      Arm: row.arm,
      Segment: value.side ? null : row.segment + 1,
      Frequency: value.side ? cadc.shown("number", row.frequency) : null,
      Value: cadc.shown(value.kind, y) + (known ? ` ± ${cadc.shown(value.kind, half)}` : ""),
      Seeds: row.seeds,
    };
  });
  const { color, shape } = cadc.channels(groups);
  const X = {
    field: "x",
    type: "quantitative",
    title: value.side ? `training rows of ${value.name === "users" ? "a user" : "an item"}` : "segment",
    scale: value.side ? { type: "log", nice: false } : { zero: false, nice: false },
    axis: value.side ? { grid: false } : { grid: false, tickMinStep: 1, format: "d" },
  };
  const Y = {
    field: "y",
    type: "quantitative",
    title: value.label,
    scale:
      value.kind === "count"
        ? { zero: true }
        : {
            zero: false,
            nice: false,
            domain: cadc.domain(
              values.map((one) => one.y),
              true,
              true,
            ),
          },
    axis: { format: value.kind === "count" ? "~s" : ".4~r" },
  };
  const interval = {
    transform: [{ filter: "isValid(datum.low)" }],
    mark: { type: "rule", strokeWidth: 1.2, opacity: 0.5, clip: true },
    encoding: { x: X, y: { ...Y, field: "low" }, y2: { field: "high" }, color },
  };
  return {
    width: "container",
    height: 300,
    title,
    autosize: { type: "fit", contains: "padding" },
    data: { values },
    layer: [
      {
        mark: { type: "line", strokeWidth: 1.5, opacity: 0.7 },
        encoding: { x: X, y: Y, color, detail: { field: "series" } },
      },
      ...(values.some((one) => one.low !== null) ? [interval] : []),
      {
        mark: { type: "point", filled: true, size: 45, opacity: 0.95 },
        encoding: {
          x: X,
          y: Y,
          color,
          shape,
          tooltip: cadc.tooltip("Arm", value.side ? "Frequency" : "Segment", "Value", "Seeds"),
        },
      },
    ],
  };
};
