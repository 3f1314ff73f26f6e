// Numbers, times and scores as text.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const NONE = "–";
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

  function exponential(value, digits) {
    const [digitsText, power] = value.toExponential(digits - 1).split("e");
    return `${Number(digitsText)}e${Number(power)}`;
  }

  function significant(value, digits = 3) {
    if (!isNumber(value)) return NONE;
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e6 || size < 1e-3) return exponential(value, digits);
    if (Number.isInteger(value)) return String(value);
    return String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size))))));
  }

  function seconds(value) {
    if (!isNumber(value)) return NONE;
    const short = (number, unit) => `${number < 10 ? Number(number.toFixed(1)) : Math.round(number)} ${unit}`;
    if (value < 0.1 && value > 0) return `${significant(value * 1000, 2)} ms`;
    if (value < 99.5) return short(value, "s");
    if (value < 99.5 * 60) return short(value / 60, "min");
    if (value < 47.5 * 3600) return short(value / 3600, "h");
    return short(value / 86400, "d");
  }

  function count(value) {
    if (!isNumber(value)) return NONE;
    for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
    }
    return significant(value);
  }

  function moment(text) {
    const date = new Date(text || NaN);
    if (Number.isNaN(date.getTime())) return text || NONE;
    const two = (number) => String(number).padStart(2, "0");
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
      `${two(date.getHours())}:${two(date.getMinutes())}`;
  }

  // Scores of foreign runs may be losses or returns: percent only where all can be shares.
  function arePercent(values) {
    let any = false;
    for (const value of values) {
      if (!isNumber(value)) continue;
      if (value < 0 || value > 1) return false;
      any = true;
    }
    return any;
  }

  const percent = (share) => (isNumber(share) ? `${(share * 100).toFixed(2)} %` : NONE);
  // A value of a metric that the run names; of foreign runs nothing is known.
  const measured = (value, metric) => (!metric ? score(value)
    : metric.share ? percent(value) : significant(value, 4));
  const score = (value) => (arePercent([value]) ? percent(value) : significant(value, 4));
  const grouped = (value) => (isNumber(value) ? value.toLocaleString("en-US") : NONE);

  function plural(number, word) {
    return `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;
  }

  nasbench.format = {
    NONE, isNumber, significant, seconds, count, moment, percent, score, measured, grouped, plural, arePercent,
  };
})();
