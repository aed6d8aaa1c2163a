"use strict";
// What the reader has set — sorting, filters, choices, open parts, scroll — taken before a view is made anew, and set again.
const PLACES = "[data-part], #runs";
const inside = (place, selector) => [...place.querySelectorAll(selector)];

// Names controls by their view and label, since those of new results may stand at other places; equal names are counted.
cadc.named = (place, selector, label) => {
  const counts = new Map();
  return new Map(
    inside(place, selector).map((one) => {
      const name = JSON.stringify([one.closest("[data-view]")?.dataset.view, label(one)]);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return [`${name} ${counts.get(name)}`, one];
    }),
  );
};
const CONTROLS = {
  words: ['input[type="search"]', (one) => one.getAttribute("aria-label")],
  choices: ["select", (one) => one.parentElement.firstChild.textContent],
  radios: ['input[type="radio"]', (one) => [one.closest("fieldset").firstChild.textContent, one.value]],
  boxes: ['input[type="checkbox"]', (one) => one.parentElement.textContent],
  open: ["details", (one) => one.querySelector("summary")?.textContent],
  sorted: ["table", (one) => one.querySelector("caption")?.textContent],
  scrolls: [".scroll", (one) => one.getAttribute("aria-label")],
};
const controls = (place, kind) => cadc.named(place, ...CONTROLS[kind]);

// What of each the reader has set; what was left as it was drawn is left to the new results.
const SET = {
  words: (one) => one.value || null,
  choices: (one) => (one.selectedOptions[0]?.defaultSelected ? null : one.value),
  radios: (one) => (one.checked && !one.defaultChecked ? true : null),
  boxes: (one) => (one.checked !== one.defaultChecked ? one.checked : null),
  open: (one) => one.open,
  sorted: (one) => {
    const head = one.querySelector('th[aria-sort="ascending"], th[aria-sort="descending"]');
    return head && [head.dataset.column, head.getAttribute("aria-sort")];
  },
  scrolls: (one) => [one.scrollLeft, one.scrollTop],
};

// Returns the reader's settings of all views as plain data.
cadc.taken = () => ({
  window: [scrollX, scrollY],
  focus: cadc.path_of(document.activeElement),
  places: [...document.querySelectorAll(PLACES)].map((place) => ({
    id: place.id,
    off: inside(place, '[data-arm][aria-pressed="false"]').map((one) => one.dataset.arm),
    ...Object.fromEntries(
      Object.entries(SET).map(([kind, setting]) => [
        kind,
        [...controls(place, kind)].map(([name, one]) => [name, setting(one)]).filter(([, value]) => value !== null),
      ]),
    ),
  })),
});

// Sets them again, by the same events as the reader caused; what is no longer there is left out.
cadc.given_back = (taken) => {
  for (const kept of taken.places) {
    const place = document.getElementById(kept.id);
    if (!place) continue;
    const each = (kind, set) => {
      const found = controls(place, kind);
      kept[kind].forEach(([name, value]) => found.has(name) && set(found.get(name), value));
    };
    each("words", (one, value) => {
      one.value = value;
      one.dispatchEvent(new Event("input", { bubbles: true }));
    });
    each("choices", (one, value) => {
      if (one.value === value || ![...one.options].some((option) => option.value === value)) return;
      one.value = value;
      one.dispatchEvent(new Event("change", { bubbles: true }));
    });
    each("radios", (one) => one.checked || one.click());
    each("boxes", (one, value) => one.checked === value || one.click());
    each("sorted", (one, [column, order]) => {
      const button = () => one.querySelector(`th[data-column="${CSS.escape(column)}"] button`);
      for (
        let turns = 0;
        turns < 2 && button() && button().closest("th").getAttribute("aria-sort") !== order;
        turns += 1
      )
        button().click();
    });
    for (const arm of kept.off) {
      const one = inside(place, "[data-arm]").find((own) => own.dataset.arm === arm);
      if (one?.getAttribute("aria-pressed") === "true") one.click();
    }
    each("open", (one, value) => {
      one.open = value;
    });
    each("scrolls", (one, [left, top]) => one.scrollTo(left, top));
  }
  cadc.at_path(taken.focus)?.focus({ preventScroll: true });
  scrollTo(...taken.window);
};

// Names an element by the places of its ancestors, from the nearest that has an id.
cadc.path_of = (element) => {
  const steps = [];
  for (let one = element; one && one !== document.body; one = one.parentElement) {
    if (one.id) return [one.id, ...steps];
    steps.unshift([...one.parentElement.children].indexOf(one));
  }
  return null;
};
cadc.at_path = (path) => path && path.slice(1).reduce((one, at) => one?.children[at], document.getElementById(path[0]));
