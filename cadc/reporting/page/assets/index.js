"use strict";
// The index of a folder of results: a table whose first cells lead to the parts below.
cadc.table(document.querySelector('[data-index="table"]'), cadc.data.index, {
  label: "experiments",
  link: (one, row) =>
    one.name === "title" ? `#${encodeURIComponent(cadc.data.names[cadc.data.index.rows.indexOf(row)])}` : null,
});
