"use strict";
// A table that sorts, filters, hides columns, and copies what it shows as CSV or LaTeX.
cadc.table = (place, table, options = {}) => {
  const { element: el, shown } = cadc;
  const state = {
    sort: null,
    down: false,
    words: "",
    hidden: new Set(table.columns.filter((one) => !one.shown).map((one) => one.name)),
  };
  const place_of = new Map(table.columns.map((one, at) => [one.name, at]));
  const count = el("span", { class: "n-rows", role: "status" });
  const body = el("tbody");
  const heads = el("tr");

  const columns = () => table.columns.filter((one) => !state.hidden.has(one.name));
  const half = (one, row) =>
    one.interval && row[place_of.get(one.interval)] != null
      ? ` ± ${shown(one.kind, row[place_of.get(one.interval)])}`
      : "";
  const text = (one, row) => shown(one.kind, row[place_of.get(one.name)]) + half(one, row);
  const matches = (row) => {
    const all = table.columns
      .map((one) => text(one, row))
      .join(" ")
      .toLowerCase();
    return state.words
      .toLowerCase()
      .split(/\s+/)
      .every((word) => (word.startsWith("-") && word.length > 1 ? !all.includes(word.slice(1)) : all.includes(word)));
  };
  const compare = (one, other) => {
    const at = place_of.get(state.sort),
      [a, b] = [one[at], other[at]];
    if (a === null || b === null) return (a === null) - (b === null);
    const order =
      typeof a === "number" && typeof b === "number"
        ? a - b
        : String(a).localeCompare(String(b), "en", { numeric: true });
    return state.down ? -order : order;
  };
  const rows = () => {
    const kept = table.rows.filter(matches);
    return state.sort === null ? kept : [...kept].sort(compare);
  };

  const head = (one) => {
    const is_sorted = state.sort === one.name;
    const turn = () => {
      [state.sort, state.down] = is_sorted ? (state.down ? [null, false] : [one.name, true]) : [one.name, false];
      draw();
      heads.querySelector(`[data-column="${CSS.escape(one.name)}"] button`)?.focus();
    };
    const mark = is_sorted ? (state.down ? " ▼" : " ▲") : "";
    return el(
      "th",
      {
        scope: "col",
        class: one.kind,
        "data-column": one.name,
        "aria-sort": is_sorted ? (state.down ? "descending" : "ascending") : "none",
      },
      el(
        "button",
        { type: "button", onclick: turn, title: `${one.label}: sort` },
        one.label,
        el("span", { "aria-hidden": "true" }, mark),
      ),
    );
  };
  const line = (row) =>
    el(
      "tr",
      {},
      ...columns().map((one) => {
        const value = text(one, row);
        const inside = options.link && options.link(one, row);
        return el(
          one.name === "arm" ? "th" : "td",
          {
            scope: one.name === "arm" ? "row" : null,
            class: one.kind,
            "data-verdict": one.kind === "verdict" ? value.split(" ")[0] : null,
          },
          inside ? el("a", { href: inside }, value) : value,
        );
      }),
    );
  const draw = () => {
    const kept = rows();
    heads.replaceChildren(...columns().map(head));
    body.replaceChildren(...kept.map(line));
    count.textContent =
      (kept.length === table.rows.length ? "" : `${kept.length} of `) + cadc.counted(table.rows.length, "row");
  };

  // What is copied: the columns and rows that are shown, an interval in a column of its own.
  const copied = () =>
    columns().flatMap((one) =>
      one.interval && !columns().some((own) => own.name === one.interval)
        ? [one, table.columns[place_of.get(one.interval)]]
        : [one],
    );
  const csv = () => {
    const formula = /^'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/;
    const cell = (value) => {
      if (value === null) return "";
      const safe =
        typeof value === "string" && formula.test(value) && !Number.isFinite(Number(value))
          ? `'${value}`
          : String(value);
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    return (
      [
        copied().map((one) => cell(one.name)),
        ...rows().map((row) => copied().map((one) => cell(row[place_of.get(one.name)]))),
      ]
        .map((cells) => cells.join(","))
        .join("\n") + "\n"
    );
  };
  const latex = () => {
    const special = {
      "\\": "\\textbackslash{}",
      "~": "\\textasciitilde{}",
      "^": "\\textasciicircum{}",
      "<": "\\textless{}",
      ">": "\\textgreater{}",
      "[": "{[}",
      "*": "{*}",
      "−": "$-$",
      "±": "$\\pm$",
    };
    const cell = (value) => value.replace(/[\\&%$#_{}~^<>[*−±]/g, (letter) => special[letter] ?? `\\${letter}`);
    const kinds = columns()
      .map((one) => (["text", "verdict"].includes(one.kind) ? "l" : "r"))
      .join("");
    const lines = rows().map(
      (row) =>
        columns()
          .map((one) => cell(text(one, row)))
          .join(" & ") + " \\\\",
    );
    return (
      [
        "\\begin{tabular}{" + kinds + "}",
        "\\toprule",
        columns()
          .map((one) => cell(one.label))
          .join(" & ") + " \\\\",
        "\\midrule",
        ...lines,
        "\\bottomrule",
        "\\end{tabular}",
      ].join("\n") + "\n"
    );
  };
  const copy = async (name, content) => {
    try {
      await navigator.clipboard.writeText(content);
    } catch {
      // Without a clipboard of its own, as in an older browser, the selection is copied.
      const field = el("textarea", { class: "hidden" });
      field.value = content;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    cadc.say(`The table was copied as ${name}.`);
  };

  const filter = el("input", {
    type: "search",
    placeholder: "Filter rows",
    "aria-label": `Filter the rows of ${options.label}; a word after - leaves rows out`,
    oninput: (event) => {
      state.words = event.target.value;
      draw();
    },
  });
  const boxes = table.columns
    .filter((one) => !table.columns.some((own) => own.interval === one.name))
    .map((one) =>
      el(
        "label",
        {},
        el("input", {
          type: "checkbox",
          checked: !state.hidden.has(one.name),
          onchange: (event) => {
            state.hidden[event.target.checked ? "delete" : "add"](one.name);
            draw();
          },
        }),
        " ",
        one.label,
      ),
    );
  place.append(
    el(
      "div",
      { class: "tools" },
      filter,
      count,
      el("details", { class: "menu" }, el("summary", {}, "Columns"), el("div", { class: "choices" }, ...boxes)),
      el("button", { type: "button", onclick: () => copy("CSV", csv()) }, "Copy CSV"),
      el("button", { type: "button", onclick: () => copy("LaTeX", latex()) }, "Copy LaTeX"),
    ),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": options.label },
      el("table", {}, el("caption", { class: "hidden" }, options.label), el("thead", {}, heads), body),
    ),
  );
  draw();
  return { csv, latex };
};
