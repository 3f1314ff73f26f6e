// The classes of a test set: how well each is recognized, and for what it is taken.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const { grouped, percent } = nasbench.format;
  const MOST = 30; // classes of a matrix with numbers in it

  const words = (record, i) => record.classes[i] || String(i);

  // The answer that is given most often instead of class i.
  function mistaken(record, i) {
    const row = record.confusion[i];
    if (!row) return null;
    const other = row.map((count, j) => (j === i ? 0 : count));
    const most = Math.max(...other);
    return most > 0 ? [other.indexOf(most), most, most / row.reduce((sum, count) => sum + count, 0)] : null;
  }

  function columns(record) {
    const share = (heading, title) => ({ heading, title, numeric: true, value: (i) => record.per_class[i]?.[heading],
      cell: (i) => percent(record.per_class[i]?.[heading]) });
    const taken = { heading: "most often taken for", value: (i) => mistaken(record, i)?.[2] ?? null, cell: (i) => {
      const found = mistaken(record, i);
      return found ? el("span", {}, nasbench.name(words(record, found[0])), el("span", { class: "muted" }, ` ${grouped(found[1])} times, ${percent(found[2])}`)) : "–";
    } };
    return [{ heading: "class", value: (i) => words(record, i), cell: (i) => nasbench.name(words(record, i)) },
      { heading: "examples", numeric: true, value: (i) => record.per_class[i]?.examples, cell: (i) => grouped(record.per_class[i]?.examples) },
      share("recall", "Share of the class's examples that are recognized"),
      share("precision", "Share of the answers with this class that are right"),
      share("f1", "Harmonic mean of precision and recall"), ...(record.confusion.length ? [taken] : [])];
  }

  // A row for each class, a column for each answer; the shade is the share of the class.
  function matrix(record) {
    const { confusion } = record;
    const numbers = confusion.length <= MOST;
    const cell = (row, i, count, j) => {
      const total = row.reduce((sum, each) => sum + each, 0);
      const share = total ? count / total : 0;
      const title = `${words(record, i)} taken for ${words(record, j)}: ${grouped(count)} of ${grouped(total)}, ${percent(share)}`;
      const style = { "background-color": nasbench.colour.css(share), color: (share > 0.45) !== nasbench.isDark() ? "#fff" : "#111" };
      return el("td", { title, class: i === j ? "right" : null, style }, numbers && count ? grouped(count) : "");
    };
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
      el("table", { class: numbers ? "confusion" : "confusion tiny" },
        el("caption", {}, "Down: the class; across: the network's answer. The shade is the share of the class."),
        el("thead", {}, el("tr", {}, el("th", {}, ""), confusion.map((_, j) => el("th", { scope: "col", title: words(record, j) }, el("bdi", {}, numbers ? words(record, j).slice(0, 8) : ""))))),
        el("tbody", {}, confusion.map((row, i) => el("tr", {},
          el("th", { scope: "row", title: words(record, i) }, nasbench.name(words(record, i))), row.map((count, j) => cell(row, i, count, j)))))));
  }

  nasbench.classes = () => {
    const table = nasbench.table({ label: "Classes", tall: true, sort: { column: "recall", descending: false } });
    const box = el("div");
    const node = el("div", { class: "classes" }, table.node, box);
    return {
      node,
      update(record) {
        const count = record?.per_class?.length || record?.confusion?.length || 0;
        if (!count) return false;
        table.node.hidden = !record.per_class.length;
        if (record.per_class.length) table.update([...record.per_class.keys()], columns(record));
        nasbench.replace(box, [record.confusion, record.classes, nasbench.isDark()], () => (record.confusion.length ? [matrix(record)] : []));
        return true;
      },
    };
  };
})();
