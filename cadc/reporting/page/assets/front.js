"use strict";
// The front of three objectives: quality, rows and bytes. Dragging over points chooses them in both charts and in the table.
cadc.front = (place, view) => {
  const { element: el } = cadc;
  const state = { dataset: view.datasets[0] };
  const charts = el("div", { class: "chart wide" });
  const table = el("div", {});
  const note = el("p", { class: "note" });
  place.append(
    el(
      "div",
      { class: "tools" },
      cadc.metric_choice(view),
      cadc.colour_choice(view),
      view.datasets.length > 1
        ? cadc.select(
            "Data set",
            view.datasets.map((name) => ({ name, label: name })),
            state.dataset,
            (name) => {
              state.dataset = name;
              draw();
            },
          )
        : null,
    ),
    cadc.arms(view),
    charts,
    note,
    table,
  );
  const draw = () => {
    const metric = view.experiment.metrics.find((one) => one.name === view.metric);
    const own = cadc.points(view).filter((point) => point.dataset === state.dataset);
    const known = own.filter((point) => point.rows > 0 && point.bytes > 0);
    const on_front = cadc.on_front(
      known.map((point) => [metric.higher_is_better ? -point.mean : point.mean, point.rows, point.bytes]),
    );
    const points = known.map((point, at) => ({
      ...cadc.told(point),
      mean: point.mean,
      rate: point.rate,
      rows: point.rows,
      bytes: point.bytes,
      front: on_front[at],
      Front: on_front[at] ? "yes" : "no",
    }));
    const without = own.length - known.length;
    note.textContent = `Ringed points are on the front: no other has at least their ${metric.label} with as few rows and bytes. Drag over points to choose them in both charts and the table; click beside them to choose all.${without ? ` Left out: ${cadc.counted(without, "point")} without rows of their own or bytes.` : ""}`;
    const domain = points.length
      ? cadc.domain(
          points.map((point) => point.mean),
          metric.higher_is_better,
          false,
        )
      : [0, 1];
    const near = points.filter((point) => point.mean >= domain[0] && point.mean <= domain[1]);
    const far = points.length - near.length;
    if (far) note.textContent += ` Off the scale: ${cadc.counted(far, "point")}, which the table has.`;
    const list = cadc.front_table(metric, points);
    const show = (some) => {
      table.replaceChildren();
      cadc.table(table, list(some), { label: `front of ${view.experiment.title}` });
    };
    show(points);
    cadc
      .draw(
        charts,
        cadc.front_spec(near, domain, metric, view, charts.clientWidth || 800),
        `${metric.label} against rows and against bytes on ${state.dataset}; the table below has the values.`,
      )
      .then((made) =>
        made.view.addSignalListener("brush", () => show(cadc.brushed(made.view.data("brush_store"), points))),
      );
  };
  view.follow(draw);
};

// Returns which points are not dominated: no other costs at most as much in all objectives and less in one.
cadc.on_front = (costs) =>
  costs.map(
    (own) =>
      !costs.some((other) => other.every((cost, at) => cost <= own[at]) && other.some((cost, at) => cost < own[at])),
  );

// Returns the points inside what was dragged over; all where nothing was.
cadc.brushed = (store, points) =>
  points.filter((point) =>
    store.every((one) =>
      one.fields.every((field, at) => {
        const [a, b] = one.values[at];
        return point[field.field] >= Math.min(a, b) && point[field.field] <= Math.max(a, b);
      }),
    ),
  );

cadc.front_table = (metric, points) => (some) => ({
  columns: [
    { name: "arm", label: "arm", kind: "text", shown: true },
    { name: "rate", label: "rate", kind: "rate", shown: points.some((point) => point.rate !== null) },
    { name: metric.name, label: metric.label, kind: "quality", shown: true },
    { name: "rows", label: "rows", kind: "count", shown: true },
    { name: "bytes", label: "bytes", kind: "count", shown: true },
    { name: "front", label: "on the front", kind: "text", shown: true },
  ],
  rows: [...some]
    .sort((a, b) => b.front - a.front)
    .map((point) => [point.Arm, point.rate, point.mean, point.rows, point.bytes, point.Front]),
});

cadc.front_spec = (points, domain, metric, view, width) => {
  const beside = width >= 700;
  const { color, shape } = cadc.channels(view.groups);
  const Y = {
    field: "mean",
    type: "quantitative",
    title: metric.label,
    scale: { zero: false, nice: false, domain },
    axis: { format: ".3~f" },
  };
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const panel = (field, title) => ({
    name: `by_${field}`,
    width: beside ? (width - 150) / 2 : width - 75,
    height: 300,
    mark: { type: "point", filled: true, opacity: 0.95, strokeWidth: 1.5 },
    encoding: {
      x: {
        field,
        type: "quantitative",
        title,
        scale: { type: "log", nice: false, padding: 16 },
        axis: { format: "~s", tickCount: 5, labelOverlap: true },
      },
      y: Y,
      shape,
      color: { condition: { param: "brush", ...color }, value: "#9aa0a6" },
      opacity: { condition: { param: "brush", value: 0.95 }, value: 0.25 },
      stroke: { condition: { test: "datum.front", value: ink }, value: null },
      size: { condition: { test: "datum.front", value: 130 }, value: 55 },
      tooltip: cadc.tooltip("Arm", "Mean", "Front", "Rate", "Rows", "Bytes", "Seeds"),
    },
  });
  return {
    data: { values: points },
    params: [{ name: "brush", select: { type: "interval", resolve: "global" }, views: ["by_rows", "by_bytes"] }],
    [beside ? "hconcat" : "vconcat"]: [
      panel("rows", "rows that the network read"),
      panel("bytes", cadc.bytes_of(view.experiment)),
    ],
  };
};
