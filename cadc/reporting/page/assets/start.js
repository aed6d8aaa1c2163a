"use strict";
// Starts the page: theme, then every view.
(() => {
  const root = document.documentElement,
    button = document.getElementById("theme");
  const stored = () => {
    try {
      return localStorage.getItem("cadc-theme");
    } catch {
      return null;
    }
  };
  const set = (theme) => {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${theme === "dark" ? "light" : "dark"} theme`);
  };
  set(stored() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  button.addEventListener("click", () => {
    set(cadc.is_dark() ? "light" : "dark");
    try {
      localStorage.setItem("cadc-theme", root.dataset.theme);
    } catch {
      /* a browser that stores nothing */
    }
    cadc.redraw();
  });
  let before = null;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    if (before === "dark") {
      set("light");
      cadc.redraw();
    }
  });
  addEventListener("afterprint", () => {
    if (before === "dark") {
      set("dark");
      cadc.redraw();
    }
  });
  const all = document.querySelector('[data-view="runs"]'),
    one = document.querySelector('[data-view="run"]');
  // Makes every view from the data; a page that watches a sweep does so again as results come.
  cadc.build = () => {
    cadc.views = [];
    document
      .querySelectorAll('[data-view]:not([data-view="live"]):not([data-view="run"])')
      .forEach((view) => view.replaceChildren());
    document
      .querySelectorAll("[data-part]")
      .forEach((part) => cadc.results(part, cadc.data.experiments[Number(part.dataset.part)]));
    if (all) cadc.runs(all);
    cadc.show(() => cadc.draw_run?.());
  };
  cadc.build();
  // The address of a run's part is #run=ID.
  const follow = () => {
    const id = decodeURIComponent(location.hash.replace(/^#run=/, ""));
    if (!one || !location.hash.startsWith("#run=") || !Object.hasOwn(cadc.data.runs, id)) return;
    cadc.run(one, id);
    const title = document.getElementById("run-title");
    title.scrollIntoView();
    title.focus({ preventScroll: true });
  };
  addEventListener("hashchange", follow);
  follow();
  // Of a single run, its part is what was asked for.
  const [only, ...others] = Object.keys(cadc.data.runs);
  if (one && only && !others.length && !cadc.data.live && !location.hash) cadc.run(one, only);
  let width = innerWidth,
    waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      width = innerWidth;
      cadc.redraw();
    }, 200);
  });
})();
