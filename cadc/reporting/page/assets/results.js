"use strict";
// The parts of an experiment. Which metric is shown, what has the colours and which of these are drawn holds for all charts.
const MOST_COLOURS = 40;
cadc.results = (part, experiment) => {
  const place = (name) => part.querySelector(`[data-view="${name}"]`);
  const rows = cadc.objects(experiment.table);
  const view = {
    experiment,
    rows,
    metric: experiment.metrics[0]?.name,
    off: new Set(),
    listeners: [],
    by: "arm",
    groups: [],
    datasets: [...new Set(rows.map((row) => row.dataset))],
    // Calls a function now, and whenever the metric, the arms or the theme change.
    follow: (draw) => {
      view.listeners.push(draw);
      cadc.show(draw);
    },
    changed: () => view.listeners.forEach((draw) => draw()),
    group: (row) =>
      row[view.by] === null || row[view.by] === undefined
        ? `no ${view.by}`
        : view.by === "ratio"
          ? `${row.ratio}x`
          : String(row[view.by]),
    colour_by: (name) => {
      view.by = name;
      view.groups = [...new Set(rows.map(view.group))];
      view.off = new Set();
    },
  };
  const n = (name) => new Set(rows.map((row) => row[name])).size;
  view.columns = experiment.table.columns.filter(
    (one) =>
      one.name === "arm" ||
      (["model", "policy", "embedding", "initializer", "sampler", "ratio", "dim"].includes(one.name) && n(one.name) > 1),
  );
  // Where arms are few and each has many schemes, the schemes are what is compared; of many arms, as of a study's
  // trials, no colours tell all apart.
  const few = view.columns.find((one) => one.name !== "arm" && n(one.name) <= MOST_COLOURS);
  const of_many = n("arm") > MOST_COLOURS && few ? few.name : "arm";
  view.colour_by(n("embedding") > n("arm") ? "embedding" : of_many);
  cadc.table(place("table"), experiment.table, { label: `results of ${experiment.title}` });
  for (const [name, show] of Object.entries({
    quality: cadc.quality,
    front: cadc.front,
    searched: cadc.options,
    comparisons: cadc.comparisons,
    segments: cadc.segments,
    strata: cadc.strata,
    calibration: cadc.calibration,
  })) {
    if (place(name)) show(place(name), view);
  }
};

let groups = 0;
// Returns radio buttons for a choice.
cadc.choice = (legend, choices, first, change) => {
  const name = `choice-${(groups += 1)}`;
  return cadc.element(
    "fieldset",
    { class: "choice" },
    cadc.element("legend", {}, legend),
    ...choices.map((one) =>
      cadc.element(
        "label",
        {},
        cadc.element("input", {
          type: "radio",
          name,
          value: one.name,
          checked: one.name === first,
          onchange: () => change(one.name),
        }),
        one.label,
      ),
    ),
  );
};

// Returns a list to choose from, with what it is for.
cadc.select = (label, choices, first, change) =>
  cadc.element(
    "label",
    { class: "select" },
    `${label} `,
    cadc.element(
      "select",
      { onchange: (event) => change(event.target.value) },
      ...choices.map((one) => cadc.element("option", { value: one.name, selected: one.name === first }, one.label)),
    ),
  );

// A choice that several charts share stands beside each of them, and shows what was chosen in any.
// Returns the rates of rows as choices, the lowest first.
cadc.rates_of = (rows) =>
  [...new Set(rows.map((row) => row.rate).filter((rate) => rate !== null))]
    .sort((a, b) => a - b)
    .map((rate) => ({ name: String(rate), label: cadc.shown("rate", rate) }));

// A choice of the rate of `state`, where there is more than one.
cadc.rate_select = (rates, state, draw) =>
  rates.length > 1
    ? cadc.select("Arms at rate", rates, state.rate, (name) => {
        state.rate = name;
        draw();
      })
    : null;

// Returns whether a row is drawn at a rate; arms without a rate, or with a single one, always are.
cadc.at_rate = (rows) => {
  const rates = new Map();
  rows.forEach((row) => rates.set(row.arm, (rates.get(row.arm) ?? new Set()).add(row.rate)));
  return (row, rate) => row.rate === null || rates.get(row.arm).size === 1 || String(row.rate) === rate;
};

cadc.metric_choice = (view) => {
  if (view.experiment.metrics.length < 2) return null;
  const made = cadc.choice("Metric", view.experiment.metrics, view.metric, (name) => {
    view.metric = name;
    view.changed();
  });
  view.follow(() =>
    made.querySelectorAll("input").forEach((one) => {
      one.checked = one.value === view.metric;
    }),
  );
  return made;
};

cadc.colour_choice = (view) => {
  if (view.columns.length < 2) return null;
  const made = cadc.select("Colours", view.columns, view.by, (name) => {
    view.colour_by(name);
    view.changed();
  });
  view.follow(() => {
    made.querySelector("select").value = view.by;
  });
  return made;
};

// Returns the arms as buttons that leave an arm out of the charts, or put it back.
cadc.arms = (view) => {
  const { element: el } = cadc;
  const place = el("div", { class: "arms", role: "group", "aria-label": "What is drawn" });
  const set = (groups) => {
    view.off = new Set(groups);
    view.changed();
  };
  const toggle = (group) => {
    set(view.off.has(group) ? [...view.off].filter((own) => own !== group) : [...view.off, group]);
    place.querySelector(`[data-arm="${CSS.escape(group)}"]`).focus();
  };
  view.follow(() =>
    place.replaceChildren(
      el("button", { type: "button", onclick: () => set([]) }, "All"),
      el("button", { type: "button", onclick: () => set(view.groups) }, "None"),
      ...view.groups.map((group, at) =>
        el(
          "button",
          {
            type: "button",
            class: "arm",
            "data-arm": group,
            "aria-pressed": String(!view.off.has(group)),
            onclick: () => toggle(group),
          },
          cadc.symbol(at),
          el("span", { title: group }, group),
        ),
      ),
    ),
  );
  return place;
};

// Returns what the bytes of an experiment are of.
cadc.bytes_of = (experiment) => `bytes of the ${experiment.bytes === "model_bytes" ? "whole model" : "tables"}`;

// Returns the points that are drawn, with the values of the metric, and those of their runs.
cadc.points = (view) => {
  const { experiment, rows, metric } = view;
  return experiment.points
    .map((point, at) => {
      const row = rows[at],
        mean = row[`${metric}_mean`],
        half = row[`${metric}_ci`] ?? null;
      return {
        at,
        row,
        name: point.name,
        group: view.group(row),
        dataset: row.dataset,
        rate: row.rate,
        mean,
        low: half === null ? null : mean - half,
        high: half === null ? null : mean + half,
        seeds: row.seeds,
        seconds: row.total_s_mean,
        bytes: row[experiment.bytes],
        rows: row.rows_kept,
        values: point.runs
          .map((id) => ({ id, seed: cadc.data.runs[id].seed, value: cadc.metric_of(cadc.data.runs[id], metric) }))
          .filter((one) => one.value !== null),
      };
    })
    .filter((point) => point.mean !== null && point.mean !== undefined && !view.off.has(point.group));
};

// Returns what a tooltip says of a point.
cadc.told = (point) => ({
  group: point.group,
  Arm: point.name,
  Data: point.dataset,
  Mean:
    cadc.shown("quality", point.mean) +
    (point.low === null ? "" : ` ± ${cadc.shown("quality", point.high - point.mean)}`),
  Seeds: point.seeds,
  Rate: cadc.shown("rate", point.rate) || "–",
  Seconds: cadc.shown("seconds", point.seconds) || "–",
  Bytes: cadc.shown("count", point.bytes) || "–",
  Rows: cadc.shown("count", point.rows) || "–",
});
cadc.tooltip = (...fields) => fields.map((field) => ({ field, type: "nominal" }));
cadc.of_mean = cadc.tooltip("Arm", "Mean", "Seeds", "Rate", "Seconds", "Bytes", "Rows");

// Returns colour and mark of arms as channels of a chart.
cadc.channels = (groups) => {
  const style = groups.map((group, at) => cadc.style_of(at));
  const channel = (name) => ({
    field: "group",
    type: "nominal",
    scale: { domain: groups, range: style.map((one) => one[name]) },
    legend: null,
  });
  return { color: channel("colour"), shape: channel("shape") };
};

// Follows a click on a mark to its run.
cadc.open_runs = (made) =>
  made.view.addEventListener("click", (event, item) => {
    if (item?.datum?.run) location.hash = `run=${item.datum.run}`;
  });

// Draws a chart for each of several parts.
cadc.panels = (place, parts, spec, label, after = () => {}) => {
  place.querySelectorAll(".chart").forEach(cadc.forget);
  place.replaceChildren(
    ...parts.map((part) => {
      const chart = cadc.element("div", { class: "chart" });
      // It has a width once it is on the page.
      queueMicrotask(() => cadc.draw(chart, spec(part), label(part)).then(after));
      return cadc.element("figure", { class: "panel" }, chart);
    }),
  );
};
