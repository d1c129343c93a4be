"use strict";
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const search = document.getElementById("search");
  const fixable = document.getElementById("fixable");
  const layer = document.getElementById("layer");
  const shown = document.getElementById("shown");
  const severities = [...document.querySelectorAll("input.severity")];

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(severities.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const row of rows) {
      const text = texts.get(row);
      const keep = wanted.has(row.dataset.severity)
        && (!fixable.checked || row.dataset.fix === "1")
        && (layer.value === "" || row.dataset.layer === layer.value)
        && words.every((word) => text.includes(word));
      row.hidden = !keep;
      count += keep;
    }
    shown.textContent = `${count} of ${rows.length} findings`;
  };

  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const order = new Intl.Collator("en", { numeric: true });
  const sort = (heading, column) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    rows.sort((a, b) => sign * (heading.dataset.sort === "number"
      ? Number(value(a, column)) - Number(value(b, column))
      : order.compare(value(a, column), value(b, column))));
    body.append(...rows);
  };

  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sort(heading, column));
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort(heading, column);
      }
    });
  });
  search.addEventListener("input", filter);
  for (const box of [...severities, fixable, layer]) box.addEventListener("change", filter);
})();
