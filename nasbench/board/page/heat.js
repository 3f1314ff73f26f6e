// One choice's shares over the epochs as a small picture: a row per candidate.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { el } = nasbench;
  const ROW = 12;

  // read(row, column) tells which cell the pointer is on; null when it leaves.
  nasbench.heat = (read) => {
    const title = el("h3");
    const labels = el("ol");
    const canvas = el("canvas", { role: "img" });
    const cursor = el("span", { class: "cursorline", "aria-hidden": "true", hidden: true });
    const node = el("div", { class: "heat" }, title, el("div", { class: "heatrow" }, labels,
      el("div", { class: "canvasbox" }, canvas, cursor)));
    let size = [0, 0];

    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const cell = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
      read(cell((event.clientY - box.top) / box.height, size[0]), cell((event.clientX - box.left) / box.width, size[1]));
    });
    canvas.addEventListener("pointerleave", () => read(null));

    function paint(choice, rows, columns, [low, high]) {
      [canvas.width, canvas.height] = [Math.max(columns, 1), Math.max(rows, 1)];
      const context = canvas.getContext("2d");
      const picture = context.createImageData(canvas.width, canvas.height);
      for (let column = 0; column < columns; column++) {
        for (let row = 0; row < rows; row++) {
          const [red, green, blue] = nasbench.colour.ramp(((choice.shares[column]?.[row] ?? low) - low) / (high - low));
          picture.data.set([red, green, blue, 255], 4 * (row * canvas.width + column));
        }
      }
      context.putImageData(picture, 0, 0);
    }

    return {
      node,
      // range: the shares at the two ends of the ramp.
      update(choice, range) {
        const rows = choice.candidates.length;
        const columns = choice.shares.length;
        size = [rows, columns];
        const last = choice.chosen?.[columns - 1] ?? null;
        nasbench.replace(title, choice.label, () => [nasbench.name(choice.label)]);
        nasbench.replace(labels, [choice.candidates, last], () => choice.candidates.map((name, i) =>
          el("li", { class: i === last ? "chosen" : null }, el("bdi", { title: name }, name))));
        canvas.style.height = `${rows * ROW}px`;
        paint(choice, rows, columns, range);
        const top = nasbench.strongest(choice, columns - 1);
        canvas.setAttribute("aria-label", `${choice.label}: ${top ? `${top.name} leads with ${top.share.toFixed(2)}` : "no weights"}`);
      },
      point(column) {
        cursor.hidden = column < 0 || size[1] < 2;
        cursor.style.left = `${((column + 0.5) / size[1]) * 100}%`;
      },
    };
  };

  nasbench.strongest = (choice, column) => {
    const shares = choice.shares[column];
    if (!shares?.length) return null;
    const best = shares.reduce((top, share, i) => ((share ?? -1) > (shares[top] ?? -1) ? i : top), 0);
    return { name: choice.candidates[best] ?? String(best), share: shares[best] ?? 0 };
  };
})();
