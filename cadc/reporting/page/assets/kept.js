"use strict";
// What the reader has set — sorting, filters, choices, open parts, scroll — taken before a view is made anew, and set again.
const PLACES = "[data-part], #runs";
const inside = (place, selector) => [...place.querySelectorAll(selector)];

// Returns the reader's settings of all views as plain data.
cadc.taken = () => ({
  window: [scrollX, scrollY],
  focus: cadc.path_of(document.activeElement),
  places: [...document.querySelectorAll(PLACES)].map((place) => ({
    id: place.id,
    scrolls: inside(place, ".scroll").map((one) => [one.scrollLeft, one.scrollTop]),
    words: inside(place, 'input[type="search"]').map((one) => one.value),
    checks: inside(place, 'input[type="checkbox"], input[type="radio"]').map((one) => one.checked),
    choices: inside(place, "select").map((one) => one.value),
    pressed: Object.fromEntries(
      inside(place, "[data-arm]").map((one) => [one.dataset.arm, one.getAttribute("aria-pressed")]),
    ),
    open: inside(place, "details").map((one) => one.open),
    sorted: inside(place, "table").map((one) => {
      const head = one.querySelector('th[aria-sort="ascending"], th[aria-sort="descending"]');
      return head ? [head.dataset.column, head.getAttribute("aria-sort")] : null;
    }),
  })),
});

// Sets them again, by the same events as the reader caused.
cadc.given_back = (taken) => {
  const each = (values, elements, set) =>
    values.forEach((value, at) => {
      if (elements[at]) set(elements[at], value);
    });
  for (const kept of taken.places) {
    const place = document.getElementById(kept.id);
    if (!place) continue;
    each(kept.words, inside(place, 'input[type="search"]'), (one, value) => {
      if (one.value !== value) {
        one.value = value;
        one.dispatchEvent(new Event("input", { bubbles: true }));
      }
    });
    each(kept.choices, inside(place, "select"), (one, value) => {
      if (one.value !== value) {
        one.value = value;
        one.dispatchEvent(new Event("change", { bubbles: true }));
      }
    });
    const boxes = inside(place, 'input[type="checkbox"], input[type="radio"]');
    if (boxes.length === kept.checks.length)
      each(kept.checks, boxes, (one, value) => {
        if (one.checked !== value && (value || one.type === "checkbox")) one.click();
      });
    each(kept.sorted, inside(place, "table"), (one, value) => {
      const button = () => value && one.querySelector(`th[data-column="${CSS.escape(value[0])}"] button`);
      for (
        let turns = 0;
        value && turns < 2 && button() && button().closest("th").getAttribute("aria-sort") !== value[1];
        turns += 1
      )
        button().click();
    });
    for (const [arm, value] of Object.entries(kept.pressed)) {
      const one = inside(place, "[data-arm]").find((own) => own.dataset.arm === arm);
      if (one && one.getAttribute("aria-pressed") !== value) one.click();
    }
    each(kept.open, inside(place, "details"), (one, value) => {
      one.open = value;
    });
    each(kept.scrolls, inside(place, ".scroll"), (one, [left, top]) => {
      one.scrollTo(left, top);
    });
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
