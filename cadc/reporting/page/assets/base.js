"use strict";
// What all views share: the page's data, elements made without HTML texts, and numbers as a paper shows them.
const cadc = { data: JSON.parse(document.getElementById("data").textContent), views: [] };

cadc.element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

// Says something to a screen reader.
cadc.say = (text) => {
  document.getElementById("said").textContent = text;
};

// Returns a number of things with the noun for it.
cadc.counted = (n, noun) => `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;

const fixed = (places) => (value) => value.toFixed(places).replace("-", "−");
const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
const general = (value) => String(Number(value.toPrecision(4))).replace("-", "−");
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(4);

cadc.formats = {
  rate: (value) => `${Number((100 * value).toPrecision(4))} %`,
  share: (value) => `${(100 * value).toFixed(1)} %`,
  count: grouped,
  seconds: (value) => (value >= 100 ? grouped(value) : value.toFixed(1)),
  quality: fixed(4),
  difference: signed,
  p: (value) => (value < 0.001 ? "<0.001" : value.toFixed(3)),
  number: general,
};

// Returns a cell as text; an empty one is empty.
cadc.shown = (kind, value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && cadc.formats[kind] ? cadc.formats[kind](value) : String(value);
};

cadc.bytes = (value) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  return `${Number((value / 1000 ** power).toPrecision(3))} ${units[power]}`;
};

// Returns a metric of a run, of the test part if it has that, or null.
cadc.metric_of = (run, name) =>
  ["test/", "val/", ""].map((prefix) => run.metrics[prefix + name]).find((value) => value !== undefined) ?? null;

// Returns the rows of a table as objects by the names of its columns.
cadc.objects = (table) =>
  table.rows.map((row) => Object.fromEntries(table.columns.map((one, at) => [one.name, row[at]])));

// Draws a view now and whenever the theme or the width changes.
cadc.show = (draw) => {
  cadc.views.push(draw);
  draw();
};
cadc.redraw = () => cadc.views.forEach((draw) => draw());
