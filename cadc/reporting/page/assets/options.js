"use strict";
// Where the runs of a search did well: their metric against each option, all options beside each other, and pairs.
cadc.options = (place, view) => {
  const { element: el } = cadc;
  const keys = view.experiment.searched.map((name) => ({ name, label: name }));
  const [slices, parallel, pair] = ["panels", "chart wide", "chart wide"].map((name) => el("div", { class: name }));
  const state = { across: keys[0].name, up: (keys[1] ?? keys[0]).name };
  const choose = (label, axis) =>
    cadc.select(label, keys, state[axis], (name) => {
      state[axis] = name;
      draw();
    });
  place.append(
    el("div", { class: "tools" }, cadc.metric_choice(view)),
    el("p", { class: "note" }, "A dot is a run; click it for its part. Very bad runs are drawn at the edge."),
    slices,
    el("h3", {}, "All options"),
    el("p", { class: "note" }, "A line is a run; point at it to see it alone."),
    parallel,
    ...(keys.length > 1
      ? [
          el("h3", {}, "Pairs of options"),
          el("div", { class: "tools" }, choose("Across", "across"), choose("Up", "up")),
          pair,
        ]
      : []),
  );
  const draw = () => {
    const metric = view.experiment.metrics.find((one) => one.name === view.metric);
    const runs = cadc.searched_runs(view, metric);
    const axes = keys.map((one, at) => cadc.axis_of(one.name, at, runs));
    const colour = cadc.colour_of(metric);
    const label = (what) => `${metric.label} ${what}; the table of this part has the values.`;
    cadc.panels(
      slices,
      axes,
      (axis) => cadc.slice_spec(axis, metric, runs, colour),
      (axis) => label(`against ${axis.name}`),
      cadc.open_runs,
    );
    cadc.draw(parallel, cadc.parallel_spec(axes, runs, colour), label("by all options beside each other"));
    if (keys.length < 2) return;
    const [x, y] = [state.across, state.up].map((name) => axes.find((axis) => axis.name === name));
    cadc.draw(pair, cadc.pair_spec(x, y, runs, colour), label(`by ${x.name} and ${y.name}`)).then(cadc.open_runs);
  };
  view.follow(draw);
};

// Returns a row for each run: its metric within the scale, and the texts of its options.
cadc.searched_runs = (view, metric) => {
  const { searched, points } = view.experiment;
  const known = points
    .flatMap((point) => point.runs.map((id) => ({ point, id, value: cadc.metric_of(cadc.data.runs[id], metric.name) })))
    .filter((one) => one.value !== null);
  const values = known.map((one) => one.value);
  const [low, high] = known.length ? cadc.domain(values, metric.higher_is_better, false) : [0, 1];
  return known.map(({ point, id, value }) => {
    const told = cadc.configuration_of(id);
    const texts = searched.map((key) => told.get(key) ?? ABSENT);
    return {
      run: id,
      value: Math.min(Math.max(value, low), high),
      texts,
      Run: id,
      Arm: point.name,
      Value: value.toFixed(6),
      Options: searched.map((key, at) => `${key}=${texts[at]}`).join(" "),
    };
  });
};

// Returns the axis of an option: its numbers, on a log scale where they span a decade, or its texts.
cadc.axis_of = (name, at, runs) => {
  const texts = [...new Set(runs.map((run) => run.texts[at]))].filter((text) => text !== ABSENT).sort(in_order);
  const numbers = texts.map(Number);
  const is_number = texts.length > 0 && numbers.every(Number.isFinite);
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const is_log = is_number && least > 0 && most / least >= 10;
  const scaled = is_log ? Math.log : Number;
  const of = (text) => (is_number ? Number(text) : text);
  const share = (text) =>
    is_number
      ? (scaled(of(text)) - scaled(least)) / (scaled(most) - scaled(least) || 1)
      : texts.indexOf(text) / (texts.length - 1 || 1);
  return {
    name,
    of: (run) => (run.texts[at] === ABSENT ? null : of(run.texts[at])),
    share: (run) => (run.texts[at] === ABSENT ? null : share(run.texts[at])),
    marks: is_number ? [least, most].map(rounded) : texts,
    channel: (field) =>
      is_number
        ? {
            field,
            type: "quantitative",
            title: name,
            scale: is_log ? { type: "log", nice: false, padding: 12 } : { zero: false, nice: false, padding: 12 },
            axis: { format: ".2~g", tickCount: 5, labelOverlap: true },
          }
        : { field, type: "nominal", sort: texts, title: name, axis: { labelAngle: 0, labelOverlap: true } },
  };
};
const ABSENT = "–";
const in_order = (a, b) => Number(a) - Number(b) || isNaN(a) - isNaN(b) || a.localeCompare(b);
const rounded = (number) => String(Number(number.toPrecision(3)));

// Returns the channel of the metric's colour: dark is good on a light page, and light on a dark one.
cadc.colour_of = (metric) => ({
  field: "value",
  type: "quantitative",
  title: metric.label,
  scale: { scheme: "viridis", reverse: metric.higher_is_better !== cadc.is_dark(), zero: false, nice: false },
  legend: { format: ".3~f", gradientLength: 150 },
});

const OF_RUN = cadc.tooltip("Value", "Arm", "Options", "Run");
const DOT = { type: "point", filled: true, size: 45, opacity: 0.85, cursor: "pointer" };

cadc.slice_spec = (axis, metric, runs, colour) => ({
  width: "container",
  height: 220,
  autosize: { type: "fit", contains: "padding" },
  data: { values: runs.map((run) => ({ ...run, at: axis.of(run) })).filter((run) => run.at !== null) },
  mark: DOT,
  encoding: {
    x: axis.channel("at"),
    y: {
      field: "value",
      type: "quantitative",
      title: metric.label,
      scale: { zero: false, nice: false, padding: 12 },
      axis: { format: ".3~f", tickCount: 5 },
    },
    color: { ...colour, legend: null },
    tooltip: OF_RUN,
  },
});

cadc.parallel_spec = (axes, runs, colour) => {
  const names = axes.map((axis) => axis.name);
  const X = { field: "option", type: "nominal", sort: names, title: null, axis: { labelAngle: 0, labelLimit: 120 } };
  const places = runs.flatMap((run) =>
    axes.map((axis) => ({ ...run, option: axis.name, place: axis.share(run) })).filter((one) => one.place !== null),
  );
  const marks = axes.flatMap((axis) =>
    axis.marks.map((text, at) => ({ option: axis.name, place: at / (axis.marks.length - 1 || 1), text })),
  );
  const Y = { field: "place", type: "quantitative", axis: null, scale: { domain: [0, 1], padding: 18 } };
  const text = (dy, is_kept) => ({
    data: { values: marks.filter((mark) => is_kept(mark.place)) },
    mark: { type: "text", dy, fontSize: 11 },
    encoding: { x: X, y: Y, text: { field: "text" } },
  });
  return {
    width: "container",
    height: 300,
    autosize: { type: "fit", contains: "padding" },
    layer: [
      {
        data: { values: places },
        params: [{ name: "one", select: { type: "point", fields: ["run"], on: "pointerover", clear: "pointerout" } }],
        mark: { type: "line", strokeWidth: 1.5, cursor: "pointer" },
        encoding: {
          x: X,
          y: Y,
          color: colour,
          detail: { field: "run" },
          opacity: { condition: { param: "one", value: 0.9 }, value: 0.06 },
          tooltip: OF_RUN,
        },
      },
      text(-10, (place) => place > 0),
      text(12, (place) => place === 0),
    ],
  };
};

cadc.pair_spec = (x, y, runs, colour) => ({
  width: "container",
  height: 320,
  autosize: { type: "fit", contains: "padding" },
  data: {
    values: runs
      .map((run) => ({ ...run, across: x.of(run), up: y.of(run) }))
      .filter((run) => run.across !== null && run.up !== null),
  },
  mark: { ...DOT, size: 110 },
  encoding: { x: x.channel("across"), y: y.channel("up"), color: colour, tooltip: OF_RUN },
});
