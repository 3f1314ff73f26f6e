// From values to pixels, and the ticks between.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const { isNumber, significant, seconds } = nasbench.format;
  const TIMES = [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600,
    7200, 18000, 36000, 86400, 172800, 432000, 864000, 2592000, 8640000];

  function extent(lists, positive) {
    let low = Infinity;
    let high = -Infinity;
    for (const list of lists) {
      for (const value of list || []) {
        if (!isNumber(value) || (positive && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return low <= high ? [low, high] : null;
  }

  function step(span, most) {
    const rough = span / Math.max(most, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  }

  function linearTicks([low, high], most, whole) {
    let by = step(high - low, most);
    if (whole) by = Math.max(1, Math.round(by));
    const first = Math.ceil(low / by - 1e-9);
    const count = Math.min(Math.floor(high / by + 1e-9) - first, 100);
    return Array.from({ length: Math.max(count + 1, 0) }, (_, i) => Number(((first + i) * by).toPrecision(12)));
  }

  function logTicks([low, high], time) {
    if (time) {
      const fitting = TIMES.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
      return fitting.length > 2 ? fitting : linearTicks([low, high], 5);
    }
    const factors = high / low > 1000 ? [1] : high / low > 20 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of factors) {
        const tick = Number((factor * 10 ** power).toPrecision(6));
        if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
      }
    }
    return ticks;
  }

  // Drops ticks that would stand closer than `gap` pixels to the one before.
  function spaced(ticks, at, gap) {
    let last = -Infinity;
    return ticks.filter((tick) => {
      const fits = Math.abs(at(tick) - last) >= gap;
      if (fits) last = at(tick);
      return fits;
    });
  }

  /* domain [low, high] -> range [from, to]. options: log, time, whole (integers), gap (pixels
     between ticks), pad (share of the domain added at both ends). */
  nasbench.scale = (domain, [from, to], options = {}) => {
    let [low, high] = domain;
    const { log = false, time = false, whole = false, gap = 50, pad = 0 } = options;
    const into = log ? Math.log : (value) => value;
    const out = log ? Math.exp : (value) => value;
    // Equal but for rounding: a mean of equal accuracies may differ from them in the last bit.
    if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) {
      const room = log ? 2 : Math.abs(low) * 0.01 || 1;
      [low, high] = log ? [low / room, high * room] : [low - room, high + room];
    }
    const margin = (into(high) - into(low)) * pad;
    const start = into(low) - margin;
    const span = into(high) + margin - start;
    const at = (value) => from + ((into(value) - start) / span) * (to - from);
    const shown = [out(start), out(start + span)];
    const most = Math.abs(to - from) / gap;
    const ticks = spaced(log ? logTicks(shown, time) : linearTicks(shown, most, whole), at, gap * (time ? 1 : 0.7));
    const label = (tick) => (time ? seconds(tick) : log ? significant(tick, 2) : significant(tick, 4));
    const back = (pixel) => out(start + ((pixel - from) / (to - from)) * span);
    return { at, back, ticks, label, domain: shown };
  };
  nasbench.extent = extent;
})();
