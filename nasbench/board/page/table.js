// A table that sorts by any column and shows long lists in part.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const FIRST = 200;
  const AROUND = 40; // rows kept above and below what is in sight
  const words = new Intl.Collator("en", { numeric: true });
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);

  const kinds = (column) => [column.numeric && "number", column.optional && "optional"].filter(Boolean).join(" ") || null;

  function compare(a, b, sign) {
    if (missing(a) || missing(b)) return missing(a) - missing(b); // last in both directions
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * words.compare(a, b);
  }

  // Rows that stay are not touched, so that a selection or the focus inside them stays too.
  function settle(body, rows) {
    const kept = new Set(rows);
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    let at = body.firstChild;
    const drop = () => {
      while (at && !kept.has(at)) {
        const next = at.nextSibling;
        at.remove();
        at = next;
      }
    };
    for (const row of rows) {
      drop();
      if (row === at) at = at.nextSibling;
      else body.insertBefore(row, at);
    }
    drop();
    if (!focused || document.activeElement === focused) return;
    const key = focused.dataset.focus;
    const again = focused.isConnected ? focused
      : key && body.querySelector(`[data-focus="${CSS.escape(key)}"]`);
    if (again) again.focus({ preventScroll: true });
  }

  /* options: label; columns [{heading, title?, numeric?, optional?: hidden where there is little room, less?: the smallest first, sort?: false, value(row), cell(row)}];
     sort {column: heading, descending}; signature(row): text that tells when a row must be drawn
     anew; mark(row): class; tall: scrolls within the page. Returns {node, update(rows, columns?)}. */
  nasbench.table = (options) => {
    const state = { columns: [], rows: [], sort: options.sort || null, all: false, drawn: new Map() };
    const head = el("tr");
    const body = el("tbody");
    const more = el("button", { type: "button", class: "plain", hidden: true, onclick: () => {
      state.all = true;
      draw();
    } });
    const empty = el("p", { class: "muted", hidden: true }, options.empty || "Nothing here yet.");
    const scroll = el("div", { class: options.tall ? "scroll tall" : "scroll", tabindex: 0, role: "region", "aria-label": options.label },
      el("table", {}, el("caption", { class: "sr" }, options.label), el("thead", {}, head), body));
    const node = el("div", { class: "tablebox" }, scroll, empty, more);
    const [above, below] = [el("tr", { class: "spacer" }, el("td")), el("tr", { class: "spacer" }, el("td"))];
    scroll.addEventListener("scroll", () => state.window && slide());

    function header(column) {
      const inside = column.sort === false ? [column.head || column.heading] : el("button", {
        type: "button", title: column.title, "data-column": column.heading, onclick: () => {
          const same = state.sort?.column === column.heading;
          state.sort = { column: column.heading, descending: same ? !state.sort.descending : Boolean(column.numeric && !column.less) };
          draw();
        },
      }, column.heading, el("span", { class: "arrow", "aria-hidden": "true" }));
      return el("th", { scope: "col", class: kinds(column), title: column.title }, inside);
    }

    function heads() {
      const signature = state.columns.map((each) => [each.heading, each.numeric, each.stamp]);
      nasbench.replace(head, signature, () => state.columns.map(header));
      state.columns.forEach((column, i) => {
        const on = state.sort?.column === column.heading;
        const cell = head.children[i];
        if (on) cell.setAttribute("aria-sort", state.sort.descending ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
        const arrow = cell.querySelector(".arrow");
        if (arrow) arrow.textContent = on ? (state.sort.descending ? "▼" : "▲") : "";
      });
    }

    function sorted() {
      const column = state.columns.find((each) => each.heading === state.sort?.column);
      if (!column) return state.rows;
      const sign = state.sort.descending ? -1 : 1;
      return state.rows.map((row) => [column.value(row), row])
        .sort((a, b) => compare(a[0], b[0], sign)).map((pair) => pair[1]);
    }

    function line(row) {
      return el("tr", { class: options.mark?.(row) }, state.columns.map((column, i) =>
        el(i ? "td" : "th", { scope: i ? null : "row", class: kinds(column) }, column.cell(row))));
    }

    // Browsers need seconds to lay out ten thousand rows: a long list holds those in sight.
    function slide() {
      const height = state.height;
      const from = Math.max(Math.floor(scroll.scrollTop / height) - AROUND, 0);
      if (state.from !== undefined && Math.abs(from - state.from) < AROUND / 2) return;
      state.from = from;
      const to = Math.min(from + Math.ceil(scroll.clientHeight / height) + 2 * AROUND, state.order.length);
      above.firstChild.style.height = `${from * height}px`;
      below.firstChild.style.height = `${(state.order.length - to) * height}px`;
      lay(state.order.slice(from, to), true);
    }

    function draw() {
      heads();
      state.order = sorted();
      state.window = state.all && state.order.length > 2 * FIRST;
      scroll.classList.toggle("tall", Boolean(options.tall || state.window));
      if (state.window) {
        state.height ||= body.firstChild?.offsetHeight || 27;
        for (const cell of head.children) cell.style.minWidth ||= `${cell.offsetWidth}px`;
        state.from = undefined;
        slide();
      } else lay(state.all ? state.order : state.order.slice(0, FIRST), false);
      more.hidden = state.all || state.order.length <= FIRST;
      more.textContent = `Show all ${nasbench.format.grouped(state.rows.length)}`;
      empty.hidden = state.rows.length > 0;
      scroll.hidden = !state.rows.length;
    }

    function lay(rows, spaced) {
      const stamp = JSON.stringify(state.columns.map((each) => [each.heading, each.stamp]));
      const drawn = new Map();
      const lines = rows.map((row) => {
        let key = stamp + (options.signature ? options.signature(row) : JSON.stringify(row));
        while (drawn.has(key)) key += "+"; // twins
        drawn.set(key, state.drawn.get(key) || line(row));
        return drawn.get(key);
      });
      settle(body, spaced ? [above, ...lines, below] : lines);
      state.drawn = drawn;
    }

    return {
      node,
      update(rows, columns) {
        state.rows = rows;
        state.columns = columns || options.columns;
        draw();
      },
    };
  };
})();
