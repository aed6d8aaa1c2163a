"use strict";
// Charts: colours and marks of arms, the theme, and how a Vega-Lite specification is drawn.
// Okabe and Ito's colours, which colour-blind readers tell apart; yellow is too pale for a line on white.
cadc.colours = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"],
  dark: ["#3f9fdc", "#ff8a3d", "#1fc79a", "#e39ac4", "#f2b134", "#8fd0f5", "#b8b8b8"],
};
cadc.shapes = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-right", "stroke"];
const PATHS = {
  circle: "M8 3a5 5 0 1 0 .01 0z",
  square: "M3 3h10v10h-10z",
  diamond: "M8 2l5 6-5 6-5-6z",
  "triangle-up": "M8 2l6 11h-12z",
  cross: "M6 2h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
  "triangle-right": "M3 2l11 6-11 6z",
  stroke: "M2 6h12v4h-12z",
};

cadc.is_dark = () => document.documentElement.dataset.theme === "dark";
cadc.style_of = (index) => {
  const colours = cadc.colours[cadc.is_dark() ? "dark" : "light"];
  // Where colours repeat, marks differ, and neighbours differ in both.
  return {
    colour: colours[index % colours.length],
    shape: cadc.shapes[(index + Math.floor(index / colours.length)) % cadc.shapes.length],
  };
};

cadc.symbol = (index) => {
  const { colour, shape } = cadc.style_of(index);
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }))
    drawn.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[shape]);
  path.setAttribute("fill", colour);
  drawn.append(path);
  return drawn;
};

cadc.config = () => {
  const at = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [ink, faint, line] = [at("--ink"), at("--faint"), at("--line")];
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    axis: {
      labelColor: faint,
      titleColor: ink,
      gridColor: line,
      domainColor: faint,
      tickColor: faint,
      labelFontSize: 12,
      titleFontSize: 13,
      titleFontWeight: 500,
      gridOpacity: 0.7,
    },
    title: { color: ink, fontSize: 14, fontWeight: 600, anchor: "start" },
    view: { stroke: null },
    legend: { labelColor: faint, titleColor: ink },
    text: { color: ink },
    rule: { color: faint },
  };
};

// Draws a specification; `label` is what a screen reader says of it.
cadc.waiting = 0;
const drawn = new WeakMap();
cadc.draw = async (place, spec, label) => {
  cadc.waiting += 1;
  try {
    cadc.forget(place);
    const made = await vegaEmbed(
      place,
      { $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...spec },
      {
        ast: true, // without it, Vega would compile expressions, which the policy of the page forbids
        renderer: "svg",
        config: cadc.config(),
        tooltip: { theme: cadc.is_dark() ? "dark" : "light" },
        actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
        downloadFileName: "figure",
      },
    );
    drawn.set(place, made);
    const marks = place.querySelector("svg.marks");
    marks?.setAttribute("role", "img");
    marks?.setAttribute("aria-label", label);
    // A chart is one image with a text; its values are in a table.
    marks?.querySelectorAll(":scope > *").forEach((inside) => inside.setAttribute("aria-hidden", "true"));
    place.querySelector("summary")?.setAttribute("aria-label", "Save this chart");
    return made;
  } finally {
    cadc.waiting -= 1;
  }
};

// Frees what a chart holds before it is drawn again, or goes away.
cadc.forget = (place) => drawn.get(place)?.finalize();
