"use strict";
// Quality against what it costs: rate, seconds, bytes or rows.
cadc.X = [
  { name: "rate", label: "Rate", title: "sampling rate", format: "~%" },
  { name: "seconds", label: "Seconds", title: "total seconds", format: ",.4~r" },
  { name: "bytes", label: "Bytes", title: "bytes", format: "~s" },
  { name: "rows", label: "Rows", title: "rows that the network read", format: "~s" },
];

cadc.quality = (place, view) => {
  const { element: el } = cadc;
  const has = (name) => cadc.points(view).some((point) => point[name] !== null && point[name] !== undefined);
  const named = (one) => (one.name === "bytes" ? { ...one, title: cadc.bytes_of(view.experiment) } : one);
  const axes = cadc.X.filter((one) => has(one.name)).map(named);
  const state = { x: cadc.first_axis(view, axes), scale: "most" };
  const panels = el("div", { class: "panels" });
  place.append(
    el(
      "div",
      { class: "tools" },
      cadc.metric_choice(view),
      cadc.colour_choice(view),
      cadc.choice("Against", axes, state.x, (name) => {
        state.x = name;
        draw();
      }),
      cadc.choice(
        "Scale",
        [
          { name: "most", label: "most arms" },
          { name: "all", label: "all" },
        ],
        state.scale,
        (name) => {
          state.scale = name;
          draw();
        },
      ),
    ),
    cadc.arms(view),
    panels,
    el(
      "p",
      { class: "note" },
      "Large marks are means over seeds, bars their 95 % t intervals, small dots single runs. Dashed lines are arms that do not depend on the axis; arrows at the edge are means off the scale. Point at a mark for its values; click a dot for its run.",
    ),
  );
  const draw = () => {
    const points = cadc.points(view);
    const metric = view.experiment.metrics.find((one) => one.name === view.metric);
    const x = axes.find((one) => one.name === state.x);
    cadc.panels(
      panels,
      view.datasets.filter((dataset) => points.some((point) => point.dataset === dataset)),
      (dataset) =>
        cadc.quality_spec(
          points.filter((point) => point.dataset === dataset),
          metric,
          x,
          view.groups,
          dataset,
          state.scale === "all",
        ),
      (dataset) => `${metric.label} against ${x.title} on ${dataset}; the table of this part has the values.`,
      cadc.open_runs,
    );
  };
  view.follow(draw);
};

// Returns the axis along which the points of an arm differ: rate, else bytes, else what the arms cost.
cadc.first_axis = (view, axes) => {
  const varies = (name) =>
    view.experiment.table.columns.some((one) => one.name === name) &&
    view.rows.some((row) =>
      view.rows.some((other) => other.arm === row.arm && other.dataset === row.dataset && other[name] !== row[name]),
    );
  const wanted = varies("rate") ? "rate" : varies("ratio") || varies("dim") || varies("mean_size") ? "bytes" : "seconds";
  return (axes.find((one) => one.name === wanted) ?? axes[0])?.name;
};

// Returns what the points of one line share, by the axis along which they differ; null joins none.
cadc.line_of = (x) => (point) => {
  const columns = {
    rate: ["arm", "embedding", "ratio", "dim"],
    rows: ["arm", "embedding", "ratio", "dim"],
    bytes: ["arm", "embedding", "rate"],
    seconds: null,
  }[x];
  return columns && JSON.stringify(columns.map((name) => point.row[name]));
};

// Returns the ends of a scale; unless it shows all, the values that are far worse than most are left out.
cadc.domain = (values, higher_is_better, all) => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const reach = 3 * (at(0.75) - at(0.25));
  const is_kept = (value) =>
    all || reach === 0 || (higher_is_better ? value >= at(0.25) - reach : value <= at(0.75) + reach);
  const kept = sorted.filter(is_kept);
  const [least, most] = [kept[0], kept[kept.length - 1]];
  // A mean is rounded to six decimals, so that values nearer than that are one.
  const room = most - least > 2e-6 ? 0.06 * (most - least) : 0.01 * Math.abs(most) || 0.01;
  return [least - room, most + room];
};

cadc.quality_spec = (points, metric, x, groups, dataset, all) => {
  const at = (point) => point[x.name];
  const line = cadc.line_of(x.name);
  const placed = points.filter((point) => at(point) > 0);
  const levels = points.filter((point) => !placed.includes(point));
  const runs = placed.flatMap((point) =>
    point.values.map((one) => ({
      group: point.group,
      x: at(point),
      y: one.value,
      Arm: point.name,
      Seed: one.seed,
      Value: one.value.toFixed(6),
      Run: one.id,
      run: one.id,
    })),
  );
  const domain = cadc.domain(
    [...points.map((point) => point.mean), ...runs.map((run) => run.y)],
    metric.higher_is_better,
    all,
  );
  const edge = metric.higher_is_better ? domain[0] : domain[1];
  const is_off = (point) => point.mean < domain[0] || point.mean > domain[1];
  const values = (some) =>
    some.map((point) => ({
      ...cadc.told(point),
      x: at(point),
      y: is_off(point) ? edge : point.mean,
      low: point.low,
      high: point.high,
      series: line(point),
      text: cadc.shown("quality", point.mean),
    }));
  const xs = placed.map(at);
  const is_log = xs.length > 0 && Math.max(...xs) / Math.min(...xs) > 5;
  const { color, shape } = cadc.channels(groups);
  const X = {
    field: "x",
    type: "quantitative",
    title: x.title,
    scale: is_log ? { type: "log", nice: false, padding: 16 } : { zero: false, nice: false, padding: 16 },
    axis: { format: x.format, tickCount: 5, labelOverlap: true },
  };
  const Y = {
    field: "y",
    type: "quantitative",
    title: metric.label,
    scale: { zero: false, nice: false, domain },
    axis: { format: ".3~f", tickCount: 6 },
  };
  // Arrows at one place stand above each other.
  const taken = new Map();
  const off = values(placed.filter(is_off)).map((one) => {
    const step = taken.get(one.x) ?? 0;
    taken.set(one.x, step + 1);
    return { ...one, y: edge + (metric.higher_is_better ? 1 : -1) * (0.025 + 0.05 * step) * (domain[1] - domain[0]) };
  });
  const near = placed.filter((point) => !is_off(point));
  // Vega warns of the scales of a layer without marks.
  const layer = (some, mark, encoding) => (some.length ? [{ data: { values: some }, mark, encoding }] : []);
  return {
    width: "container",
    height: 320,
    title: dataset,
    autosize: { type: "fit", contains: "padding" },
    layer: [
      ...layer(
        values(levels.filter((point) => !is_off(point))),
        { type: "rule", strokeDash: [5, 4], strokeWidth: 1.5 },
        { y: Y, color, tooltip: cadc.of_mean },
      ),
      ...layer(
        values(placed).filter((one) => one.series),
        { type: "line", strokeWidth: 1.5, opacity: 0.6, clip: true },
        { x: X, y: Y, color, detail: { field: "series" } },
      ),
      ...layer(
        values(near).filter((one) => one.low !== null),
        { type: "rule", strokeWidth: 1.5, clip: true },
        { x: X, y: { ...Y, field: "low" }, y2: { field: "high" }, color },
      ),
      ...layer(
        runs,
        { type: "point", filled: true, size: 16, opacity: 0.45, cursor: "pointer", clip: true },
        { x: X, y: Y, color, tooltip: cadc.tooltip("Arm", "Seed", "Value", "Run") },
      ),
      ...layer(
        values(near),
        { type: "point", filled: true, size: 75, opacity: 0.95 },
        { x: X, y: Y, color, shape, tooltip: cadc.of_mean },
      ),
      ...layer(
        off,
        { type: "point", shape: metric.higher_is_better ? "triangle-down" : "triangle-up", filled: true, size: 90 },
        { x: X, y: Y, color, tooltip: cadc.of_mean },
      ),
      ...layer(
        off,
        { type: "text", dx: 8, align: "left", fontSize: 10 },
        { x: X, y: Y, color, text: { field: "text" }, tooltip: cadc.of_mean },
      ),
    ],
  };
};
