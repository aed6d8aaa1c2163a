"use strict";
// How a sweep stands: counts, time left, running runs with their curves, failures; what is new is loaded from scripts beside the page.
(() => {
  const { element: el } = cadc;
  const place = document.querySelector('[data-view="live"]');
  const PAUSE = 2000,
    KEPT = `cadc-kept:${location.pathname}`;
  let live = cadc.data.live,
    version = live.version,
    drawn = "",
    loading = false,
    missed = 0;
  const clock = (seconds) => {
    const whole = Math.max(0, Math.round(seconds)),
      two = (value) => String(value).padStart(2, "0");
    return whole >= 3600
      ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
      : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  };
  const ENDS = {
    done: "All runs are done.",
    failed: "The sweep ended; some runs failed.",
    interrupted: "The sweep was interrupted; the same command goes on.",
    stopped: "No longer watched; cadc page --watch watches again.",
  };
  const KINDS = ["done", "running", "failed", "left"];
  const state = el("p", { class: "state", role: "status" });
  const bar = el("div", { class: "progress", role: "img" });
  const running = el("div"),
    curves = el("div", { class: "panels" }),
    failures = el("div");
  place.append(bar, state, running, curves, failures);

  const words = () => {
    const left = live.seconds_left === null ? "" : `, about ${clock(live.seconds_left)} to go`;
    return `${KINDS.map((kind) => `${live[kind]} ${kind}`).join(", ")}${left}. ${ENDS[live.end] ?? ""}`.trim();
  };
  const draw_bar = () => {
    bar.setAttribute("aria-label", `${live.done} of ${live.n_runs} runs are done`);
    bar.replaceChildren(
      ...KINDS.map((kind) => {
        const part = el("span", { class: kind });
        part.style.flexGrow = live[kind];
        return part;
      }),
    );
    if (state.textContent !== words()) state.textContent = words();
  };
  const table = (heads, rows, label) =>
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
      el(
        "table",
        {},
        el("caption", { class: "hidden" }, label),
        el("thead", {}, el("tr", {}, ...heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
        el(
          "tbody",
          {},
          ...rows.map((cells) =>
            el(
              "tr",
              {},
              ...cells.map((text, at) => el(at ? "td" : "th", { scope: at ? null : "row", class: heads[at][1] }, text)),
            ),
          ),
        ),
      ),
    );
  const draw_running = () => {
    const metrics = [...new Set(live.runs.flatMap((run) => Object.keys(run.metrics ?? {})))];
    const heads = [
      ["Running", "text"],
      ["Stage", "text"],
      ["Epoch", "count"],
      ["Time", "seconds"],
      ...metrics.map((name) => [name, "quality"]),
    ];
    const rows = live.runs.map((run) => [
      run.label,
      run.stage + (run.stage === "training" && run.share != null ? ` ${Math.round(100 * run.share)} %` : ""),
      run.epoch || run.stage === "training" ? `${run.epoch ?? 0}${run.max_epochs ? ` of ${run.max_epochs}` : ""}` : "",
      clock(run.seconds ?? 0),
      ...metrics.map((name) => cadc.shown("quality", run.metrics?.[name])),
    ]);
    const scrolls = running.querySelector(".scroll"),
      at = scrolls ? [scrolls.scrollLeft, scrolls.scrollTop] : [0, 0];
    running.replaceChildren(...(rows.length ? [table(heads, rows, "running runs")] : []));
    running.querySelector(".scroll")?.scrollTo(...at);
  };
  const draw_failures = () => {
    const rows = live.failures.map((run) => [run.label, run.status, run.reason]);
    failures.replaceChildren(
      ...(rows.length
        ? [
            el("h2", {}, "Not finished"),
            table(
              [
                ["Run", "text"],
                ["Status", "text"],
                ["Reason", "text"],
              ],
              rows,
              "runs that failed or were interrupted",
            ),
          ]
        : []),
    );
  };
  // One chart a metric, its lines the running runs; drawn beside the old one, which it replaces once it is whole.
  const draw_curves = async () => {
    const now = JSON.stringify([live.runs.map((run) => [run.id, run.epoch]), document.documentElement.dataset.theme]);
    if (now === drawn) return;
    drawn = now;
    const shown = live.runs.filter((run) => run.curves?.epoch?.length > 1);
    const names = [...new Set(shown.flatMap((run) => Object.keys(run.curves)))].filter((name) => name.includes("/"));
    const labels = shown.map((run) => run.label);
    const figures = names.map((name) => {
      const values = shown
        .flatMap((run) =>
          run.curves.epoch.map((epoch, at) => ({ run: run.label, epoch, value: run.curves[name]?.[at] })),
        )
        .filter((one) => one.value != null);
      const chart = el("div", { class: "chart" });
      const spec = {
        width: "container",
        height: 200,
        autosize: { type: "fit", contains: "padding" },
        data: { values },
        mark: { type: "line", point: true },
        encoding: {
          x: {
            field: "epoch",
            type: "quantitative",
            title: "epoch",
            axis: { tickMinStep: 1, format: "d" },
            scale: { zero: false, nice: false },
          },
          y: { field: "value", type: "quantitative", title: name, scale: { zero: false } },
          color: {
            field: "run",
            type: "nominal",
            scale: { domain: labels, range: labels.map((_, at) => cadc.style_of(at).colour) },
            legend: labels.length > 1 ? { title: null, orient: "bottom", columns: 1, labelLimit: 400 } : null,
          },
          tooltip: ["run", "epoch", "value"].map((field) => ({ field, type: "nominal" })),
        },
      };
      return [
        el("figure", { class: "panel" }, chart),
        () => cadc.draw(chart, spec, `${name} of the running runs by epoch`),
      ];
    });
    const height = curves.offsetHeight;
    curves.style.minHeight = `${height}px`;
    curves.replaceChildren(...figures.map(([figure]) => figure));
    await Promise.all(figures.map(([, embed]) => embed()));
    curves.style.minHeight = "";
  };
  const draw = () => {
    draw_bar();
    draw_running();
    draw_failures();
    draw_curves();
  };

  // Loads a script beside the page; the time in its address keeps the browser from an older copy.
  const load = (file, failed) => {
    const script = el("script", { src: `${encodeURIComponent(file)}?${Date.now()}` });
    script.addEventListener("load", () => script.remove());
    script.addEventListener("error", () => {
      script.remove();
      failed();
    });
    document.head.append(script);
  };
  const rebuild = (fresh) => {
    const shape = (data) =>
      JSON.stringify(
        data.experiments.map((one) => [
          one.title,
          one.claim,
          Object.keys(one).filter((key) => (Array.isArray(one[key]) ? one[key].length : one[key])),
        ]),
      );
    const kept = cadc.taken();
    if (shape(fresh) !== shape(cadc.data) || !document.getElementById("runs")) {
      try {
        sessionStorage.setItem(KEPT, JSON.stringify(kept));
      } catch {
        /* a browser that stores nothing */
      }
      location.reload();
      return;
    }
    Object.assign(cadc.data, fresh, { live });
    const parts = [...document.querySelectorAll("[data-part], #runs")];
    parts.forEach((part) => {
      part.style.minHeight = `${part.offsetHeight}px`;
    });
    cadc.build();
    cadc.show(draw);
    cadc.given_back(kept);
    setTimeout(
      () =>
        parts.forEach((part) => {
          part.style.minHeight = "";
        }),
      1500,
    );
  };
  cadc.receive_data = (fresh) => {
    loading = false;
    version = fresh.version;
    rebuild(fresh);
  };
  cadc.receive_live = (fresh) => {
    missed = 0;
    const failed = live.failed;
    live = fresh;
    draw();
    if (live.failed > failed) cadc.say(`${live.failed} runs have failed`);
    if (live.version !== version && !loading) {
      loading = true;
      load(live.files.data, () => {
        loading = false;
      });
    }
  };
  const poll = () => {
    if (live.end && live.version === version) return;
    load(live.files.live, () => {
      missed += 1;
      if (missed === 5)
        state.textContent = `${words()} Nothing was heard for a while; is cadc page --watch still at work?`;
    });
    setTimeout(poll, PAUSE);
  };
  cadc.show(draw);
  try {
    const kept = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    if (kept) setTimeout(() => cadc.given_back(JSON.parse(kept)), 0);
  } catch {
    /* a browser that stores nothing */
  }
  setTimeout(poll, live.end ? 0 : PAUSE);
})();
