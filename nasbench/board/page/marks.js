// What a series looks like: one path for a line, one for all of its dots.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { isNumber } = nasbench.format;
  const svg = nasbench.svg;

  const round = (pixel) => Math.round(pixel * 10) / 10;

  // Steps end at a gap; a line bridges it, as a score measured every other epoch has many.
  function linePath(series, x, y, steps) {
    let path = "";
    let before = null;
    series.x.forEach((value, i) => {
      const level = series.y[i];
      if (!isNumber(level) || !isNumber(value)) {
        if (steps) before = null;
        return;
      }
      const [px, py] = [round(x(value)), round(y(level))];
      if (before === null) path += `M${px} ${py}h0`;
      else path += steps ? `H${px}V${py}` : `L${px} ${py}`;
      before = py;
    });
    return path;
  }

  function dotPath(series, x, y) {
    let path = "";
    series.x.forEach((value, i) => {
      if (isNumber(series.y[i]) && isNumber(value)) path += `M${round(x(value))} ${round(y(series.y[i]))}h0`;
    });
    return path;
  }

  // A band may have gaps: each stretch without one is a polygon of its own.
  function bandPath(series, x, y, steps) {
    let path = "";
    let upper = [];
    let lower = [];
    const close = () => {
      if (upper.length > 1) path += `M${upper.concat(lower.reverse()).join("L")}Z`;
      [upper, lower] = [[], []];
    };
    series.x.forEach((value, i) => {
      if (!isNumber(series.low[i]) || !isNumber(series.high[i])) return close();
      const px = round(x(value));
      if (steps && upper.length) {
        upper.push(`${px} ${upper[upper.length - 1].split(" ")[1]}`);
        lower.push(`${px} ${lower[lower.length - 1].split(" ")[1]}`);
      }
      upper.push(`${px} ${round(y(series.high[i]))}`);
      lower.push(`${px} ${round(y(series.low[i]))}`);
    });
    close();
    return path;
  }

  function whiskers(series, x, y) {
    let path = "";
    series.x.forEach((value, i) => {
      if (!series.low || !isNumber(series.low[i])) return;
      const px = round(x(value));
      path += `M${px} ${round(y(series.low[i]))}V${round(y(series.high[i]))}`;
    });
    return path;
  }

  // Round dots for architecture search, squares for tuning: told without colour too.
  const cap = (series) => (series.shape === "square" ? "square" : "round");

  const dots = (series, d, width) => svg("path", {
    d, stroke: series.colour, "stroke-width": series.shape === "square" ? width * 0.8 : width,
    "stroke-linecap": cap(series), fill: "none", "stroke-opacity": series.opacity,
  });

  /* series: {key, name, x, y, low?, high?, colour, dash, kind: line|step|dots|whiskers, shape?,
     size?, opacity?, mute?}. */
  nasbench.mark = (series, x, y) => {
    const group = svg("g", { "data-key": series.key, class: "series" });
    const steps = series.kind === "step";
    if (series.kind === "dots") {
      group.append(dots(series, dotPath(series, x, y), series.size || 4));
    } else if (series.kind === "whiskers") {
      group.append(svg("path", { d: whiskers(series, x, y), stroke: series.colour, "stroke-width": 1.5 }));
      group.append(dots(series, dotPath(series, x, y), series.size || 9));
    } else {
      if (series.low && series.high) {
        group.append(svg("path", { d: bandPath(series, x, y, steps), fill: series.colour, class: "band" }));
      }
      group.append(svg("path", {
        d: linePath(series, x, y, steps), stroke: series.colour, "stroke-width": series.width || 1.8,
        "stroke-dasharray": series.dash, "stroke-linejoin": "round", "stroke-linecap": "round", fill: "none",
      }));
      const last = series.y.findLastIndex(isNumber);
      const alone = last >= 0 && series.y.findIndex(isNumber) === last; // a line of one value is none
      if (last >= 0 && (series.shape || alone)) {
        const end = { x: [series.x[last]], y: [series.y[last]] };
        group.append(dots(series, dotPath(end, x, y), 6));
      }
    }
    return group;
  };
})();
