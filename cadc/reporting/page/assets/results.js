"use strict";
// The views of an experiment: its table, quality against cost, comparisons.
cadc.results = (part, experiment) => {
  const { element: el } = cadc;
  const place = (name) => part.querySelector(`[data-view="${name}"]`);
  cadc.table(place("table"), experiment.table, { label: `results of ${experiment.title}` });
  if (place("quality")) cadc.quality(place("quality"), experiment);
  if (place("comparisons")) cadc.table(place("comparisons"), experiment.comparisons, { label: `comparisons of ${experiment.title}` });
};

cadc.X = [
  { name: "rate", label: "Rate", title: "sampling rate", format: "~%" },
  { name: "seconds", label: "Seconds", title: "total seconds", format: "~s" },
  { name: "bytes", label: "Bytes", title: "bytes of the tables", format: "~s" },
  { name: "rows", label: "Rows", title: "rows that the network read", format: "~s" },
];

// Returns the points of an experiment with the values of a metric, and those of their runs.
cadc.points = (experiment, metric) => {
  const rows = cadc.objects(experiment.table);
  return experiment.points.map((point, at) => {
    const row = rows[at], mean = row[`${metric}_mean`], half = row[`${metric}_ci`];
    const values = point.runs.map((id) => ({ id, seed: cadc.data.runs[id].seed, value: ["test/", "val/", ""].map((prefix) => cadc.data.runs[id].metrics[prefix + metric]).find((value) => value !== undefined) }));
    return {
      at, name: point.name, arm: row.arm, dataset: row.dataset, rate: row.rate, mean, low: half === null || half === undefined ? null : mean - half, high: half === null || half === undefined ? null : mean + half,
      seeds: row.seeds, seconds: row.total_s_mean, bytes: row.embedding_bytes, rows: row.rows_kept, values: values.filter((one) => one.value !== undefined && one.value !== null),
    };
  }).filter((point) => point.mean !== null && point.mean !== undefined);
};

cadc.choice = (name, legend, choices, first, change) => cadc.element("fieldset", { class: "choice" }, cadc.element("legend", {}, legend),
  ...choices.map((one) => cadc.element("label", {}, cadc.element("input", { type: "radio", name, value: one.name, checked: one.name === first, onchange: () => change(one.name) }), one.label)));

let charts = 0;
cadc.quality = (place, experiment) => {
  const { element: el } = cadc;
  const number = (charts += 1);
  const arms = [...new Set(cadc.objects(experiment.table).map((row) => row.arm))];
  const state = { metric: experiment.metrics[0]?.name, x: "rate", off: new Set() };
  const has = (name) => cadc.points(experiment, state.metric).some((point) => point[name] !== null && point[name] !== undefined);
  if (!has("rate")) state.x = "seconds";
  const panels = el("div", { class: "panels" });
  const legend = el("div", { class: "arms", role: "group", "aria-label": "Arms that are drawn" });
  const toggle = (arm) => { state.off[state.off.has(arm) ? "delete" : "add"](arm); draw(); };
  const draw_legend = () => legend.replaceChildren(
    el("button", { type: "button", onclick: () => { state.off.clear(); draw(); } }, "All"),
    el("button", { type: "button", onclick: () => { arms.forEach((arm) => state.off.add(arm)); draw(); } }, "None"),
    ...arms.map((arm, at) => el("button", { type: "button", class: "arm", "data-arm": arm, "aria-pressed": String(!state.off.has(arm)), onclick: () => { toggle(arm); legend.querySelector(`[data-arm="${CSS.escape(arm)}"]`).focus(); } }, cadc.symbol(at), arm)));
  const draw = () => {
    draw_legend();
    const drawn = cadc.points(experiment, state.metric).filter((point) => !state.off.has(point.arm));
    const metric = experiment.metrics.find((one) => one.name === state.metric);
    const x = cadc.X.find((one) => one.name === state.x);
    const datasets = [...new Set(cadc.objects(experiment.table).map((row) => row.dataset))];
    panels.replaceChildren(...datasets.map((dataset) => {
      const own = drawn.filter((point) => point.dataset === dataset);
      const chart = el("div", { class: "chart" });
      const figure = el("figure", { class: "panel" }, chart);
      queueMicrotask(() => cadc.draw(chart, cadc.quality_spec(own, metric, x, arms, dataset), `${metric.label} against ${x.title} on ${dataset}, ${own.length} points; the table above has their values.`).then(cadc.open_runs));
      return figure;
    }));
  };
  place.append(
    el("div", { class: "tools" },
      experiment.metrics.length > 1 ? cadc.choice(`metric-${number}`, "Metric", experiment.metrics, state.metric, (name) => { state.metric = name; draw(); }) : null,
      cadc.choice(`x-${number}`, "Against", cadc.X.filter((one) => has(one.name)), state.x, (name) => { state.x = name; draw(); })),
    legend, panels,
    el("p", { class: "note" }, "Large marks are means over seeds, bars their 95 % t intervals, small dots single runs. Dashed lines are arms that do not depend on the axis. Point at a mark for its values; click a dot to see its run."));
  cadc.show(draw);
};

// Follows a click on a run's dot.
cadc.open_runs = (made) => made.view.addEventListener("click", (event, item) => {
  if (item?.datum?.run) location.hash = `run=${item.datum.run}`;
});

cadc.quality_spec = (points, metric, x, arms, dataset) => {
  const style = new Map(arms.map((arm, at) => [arm, cadc.style_of(at)]));
  const at = (point) => point[x.name];
  const placed = points.filter((point) => at(point) !== null && at(point) !== undefined && at(point) > 0);
  const levels = points.filter((point) => !placed.includes(point));
  const xs = placed.map(at);
  const is_log = xs.length && Math.max(...xs) / Math.min(...xs) > 5;
  const common = (point) => ({ arm: point.arm, Arm: point.name, Rate: cadc.shown("rate", point.rate), Seeds: point.seeds, Seconds: cadc.shown("seconds", point.seconds), Bytes: cadc.shown("count", point.bytes), Rows: cadc.shown("count", point.rows) });
  const means = (some) => some.map((point) => ({ ...common(point), x: at(point), y: point.mean, low: point.low, high: point.high, series: point.name, Mean: `${cadc.shown("quality", point.mean)}${point.low === null ? "" : ` ± ${cadc.shown("quality", point.high - point.mean)}`}` }));
  const runs = placed.flatMap((point) => point.values.map((one) => ({ arm: point.arm, x: at(point), y: one.value, Arm: point.name, Seed: one.seed, Value: one.value.toFixed(6), Run: one.id, run: one.id })));
  const colour = { field: "arm", type: "nominal", scale: { domain: arms, range: arms.map((arm) => style.get(arm).colour) }, legend: null };
  const shape = { field: "arm", type: "nominal", scale: { domain: arms, range: arms.map((arm) => style.get(arm).shape) }, legend: null };
  const X = { field: "x", type: "quantitative", title: x.title, scale: is_log ? { type: "log", nice: false, padding: 14 } : { zero: false, nice: false, padding: 14 }, axis: { format: x.format, tickCount: 5, labelOverlap: true } };
  const Y = { field: "y", type: "quantitative", title: metric.label, scale: { zero: false, padding: 8 } };
  const tooltip = (...fields) => fields.map((field) => ({ field, type: "nominal" }));
  const of_mean = tooltip("Arm", "Mean", "Seeds", "Rate", "Seconds", "Bytes", "Rows");
  return {
    width: "container", height: 300, title: dataset, autosize: { type: "fit", contains: "padding" },
    layer: [
      { data: { values: means(levels) }, mark: { type: "rule", strokeDash: [5, 4], strokeWidth: 1.5 }, encoding: { y: Y, color: colour, tooltip: of_mean } },
      { data: { values: means(placed) }, mark: { type: "line", strokeWidth: 1.5, opacity: 0.6 }, encoding: { x: X, y: Y, color: colour, detail: { field: "series" } } },
      { data: { values: means(placed).filter((one) => one.low !== null) }, mark: { type: "rule", strokeWidth: 1.5 }, encoding: { x: X, y: { ...Y, field: "low" }, y2: { field: "high" }, color: colour } },
      { data: { values: runs }, mark: { type: "point", filled: true, size: 14, opacity: 0.45, cursor: "pointer" }, encoding: { x: X, y: Y, color: colour, tooltip: tooltip("Arm", "Seed", "Value", "Run") } },
      { data: { values: means(placed) }, mark: { type: "point", filled: true, size: 70, opacity: 0.95 }, encoding: { x: X, y: Y, color: colour, shape, tooltip: of_mean } },
    ],
  };
};
