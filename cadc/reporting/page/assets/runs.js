"use strict";
// The runs: a table of all, and a part for one with what differs from another.
cadc.configuration_of = (id) =>
  new Map(
    cadc.data.configuration
      .map((one, at) => [one.key, one.values[cadc.data.runs[id].configuration[at]]])
      .filter(([, value]) => value !== undefined),
  );
cadc.run_name = (id) => {
  const run = cadc.data.runs[id];
  return [run.arm, run.dataset, run.rate === null ? null : cadc.shown("rate", run.rate), `seed ${run.seed}`, id]
    .filter((text) => text !== null)
    .join(", ");
};

cadc.runs = (place) => {
  const { data } = cadc;
  const metrics = [...new Set(data.experiments.flatMap((one) => one.metrics.map((metric) => metric.name)))];
  const several = new Set(Object.values(data.runs).map((run) => run.dataset)).size > 1;
  const column = (name, label, kind, shown = true) => ({ name, label, kind, shown });
  cadc.table(
    place,
    {
      columns: [
        column("run", "run", "text"),
        column("dataset", "dataset", "text", several),
        column("arm", "arm", "text"),
        column("rate", "rate", "rate"),
        column("seed", "seed", "count"),
        column("status", "status", "text"),
        ...metrics.map((name) =>
          column(
            name,
            data.experiments.flatMap((one) => one.metrics).find((metric) => metric.name === name).label,
            "quality",
          ),
        ),
        column("seconds", "seconds", "seconds"),
        column("bytes", "table bytes", "count"),
        column("finished", "finished (UTC)", "text", false),
      ],
      rows: Object.entries(data.runs).map(([id, run]) => [
        id,
        run.dataset,
        run.arm,
        run.rate,
        run.seed,
        run.status,
        ...metrics.map((name) => cadc.metric_of(run, name)),
        run.cost.total_s ?? null,
        run.bytes.embedding ?? null,
        run.finished_at,
      ]),
    },
    { label: "all runs", link: (one, row) => (one.name === "run" ? `#run=${row[0]}` : null) },
  );
};

// Returns a plain table of texts; the first of a row is its head.
cadc.plain = (caption, heads, rows, kind = "numbers") => {
  const { element: el } = cadc;
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: `plain ${kind}` },
      el("caption", { class: "hidden" }, caption),
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el(
        "tbody",
        {},
        ...rows.map(([head, ...cells]) =>
          el("tr", {}, el("th", { scope: "row" }, head), ...cells.map((cell) => el("td", {}, cell))),
        ),
      ),
    ),
  );
};

cadc.run = (place, id, other = null) => {
  const { element: el, data } = cadc;
  const run = data.runs[id],
    their = other === null ? null : data.runs[other];
  const beside = (mine, theirs) => (their === null ? [mine] : [mine, theirs]);
  const heads = (...first) => [...first, ...beside("this run", other ?? "")];
  const ids = Object.keys(data.runs).filter((own) => own !== id);
  const choose = cadc.select(
    "Compare with",
    [{ name: "", label: "no other run" }, ...ids.map((own) => ({ name: own, label: cadc.run_name(own) }))],
    other ?? "",
    (name) => cadc.run(place, id, name || null),
  );

  const mine = cadc.configuration_of(id),
    theirs = other === null ? new Map() : cadc.configuration_of(other);
  const keys = [...new Set([...mine.keys(), ...theirs.keys()])].filter(
    (key) => other === null || mine.get(key) !== theirs.get(key),
  );
  const settings = keys.map((key) => [key, ...beside(mine.get(key) ?? "–", theirs.get(key) ?? "–")]);
  const number = (kind, value) => (value === undefined || value === null ? "–" : cadc.shown(kind, value));
  const parts = (name, kind) =>
    [...new Set([...Object.keys(run[name]), ...Object.keys(their?.[name] ?? {})])].map((key) => [
      key,
      ...beside(number(kind(key), run[name][key]), number(kind(key), their?.[name][key])),
    ]);
  const environment = (own) => data.environments[data.runs[own].environment];
  const machine = [
    ...new Set([...Object.keys(environment(id)), ...Object.keys(other === null ? {} : environment(other))]),
  ].map((key) => [key, ...beside(environment(id)[key] ?? "–", other === null ? "" : (environment(other)[key] ?? "–"))]);
  const files = (run.table_files ?? []).map((file) => [
    file.fields,
    file.scheme,
    cadc.shown("count", file.bytes),
    cadc.shown("count", file.index_bytes),
  ]);
  const curves = el("div", { class: "panels" });

  place.replaceChildren(
    el("h2", { id: "run-title", tabindex: "-1" }, `Run ${id}`),
    el("p", {}, cadc.run_name(id)),
    el("div", { class: "tools" }, choose, el("a", { href: "#runs" }, "All runs")),
    el(
      "div",
      { class: "columns" },
      el(
        "section",
        {},
        el("h3", {}, "Metrics"),
        cadc.plain(
          "metrics",
          heads("metric"),
          parts("metrics", () => "quality"),
        ),
      ),
      el(
        "section",
        {},
        el("h3", {}, "Costs"),
        cadc.plain(
          "costs",
          heads("stage or measure"),
          parts("cost", (key) => (key.endsWith("_s") ? "seconds" : "number")),
        ),
      ),
      el(
        "section",
        {},
        el("h3", {}, "Rows and bytes"),
        cadc.plain("rows and bytes", heads("what"), [
          ...parts("rows", () => "count").map(([key, ...cells]) => [`rows ${key}`, ...cells]),
          ...parts("bytes", () => "count").map(([key, ...cells]) => [`bytes of ${key}`, ...cells]),
          ...parts("tables", () => "number").map(([key, ...cells]) => [`tables: ${key}`, ...cells]),
        ]),
        ...(files.length
          ? [
              el("h3", {}, "Bytes of each table"),
              cadc.plain("bytes of each table", ["fields", "scheme", "bytes", "of the index"], files),
            ]
          : []),
      ),
    ),
    el("h3", {}, "Learning curves"),
    run.curves
      ? curves
      : el(
          "p",
          { class: "note" },
          "The ledger that this page was made from does not have the curves of this run, or it was not trained.",
        ),
    el("h3", {}, other === null ? "Configuration" : "What differs in the configuration"),
    settings.length ? cadc.plain("configuration", heads("option"), settings, "texts") : el("p", {}, "Nothing differs."),
    el("h3", {}, "Environment"),
    cadc.plain("environment", heads("what"), machine, "texts"),
  );
  if (run.curves) {
    const names = Object.keys(run.curves).filter((name) => name !== "epoch");
    const values = (own, name) =>
      (data.runs[own].curves?.[name] ?? []).map((y, at) => ({
        run: own === id ? "this run" : own,
        epoch: data.runs[own].curves.epoch?.[at] ?? at + 1,
        y,
        Run: own,
        Epoch: data.runs[own].curves.epoch?.[at] ?? at + 1,
        Value: y === null ? "–" : y.toFixed(6),
      }));
    cadc.draw_run = () =>
      cadc.panels(
        curves,
        names,
        (name) =>
          cadc.curve_spec(
            [...values(id, name), ...(other === null ? [] : values(other, name))],
            name,
            run.cost.best_epoch,
            ["this run", ...(other === null ? [] : [other])],
          ),
        (name) => `${name} of each epoch.`,
      );
    cadc.draw_run();
  } else cadc.draw_run = null;
};

cadc.curve_spec = (values, name, best, runs) => ({
  width: "container",
  height: 220,
  title: name,
  autosize: { type: "fit", contains: "padding" },
  layer: [
    ...(best > 0
      ? [
          {
            data: { values: [{ best }] },
            mark: { type: "rule", strokeDash: [4, 4] },
            encoding: { x: { field: "best", type: "quantitative" } },
          },
        ]
      : []),
    {
      data: { values },
      mark: { type: "line", point: { filled: true, size: 30 }, strokeWidth: 1.5 },
      encoding: {
        x: {
          field: "epoch",
          type: "quantitative",
          title: "epoch",
          scale: { zero: false, nice: false },
          axis: { tickMinStep: 1, format: "d" },
        },
        y: { field: "y", type: "quantitative", title: null, scale: { zero: false } },
        color: {
          field: "run",
          type: "nominal",
          title: null,
          scale: { domain: runs, range: [cadc.style_of(0).colour, cadc.style_of(1).colour].slice(0, runs.length) },
          legend: runs.length > 1 ? { orient: "bottom" } : null,
        },
        tooltip: cadc.tooltip("Run", "Epoch", "Value"),
      },
    },
  ],
});
