// Colours that colour-blind readers can tell apart (Okabe and Ito), and one calm ramp.
(function () {
  "use strict";
  const nasbench = (window.nasbench = window.nasbench || {});
  const SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
  const DASHES = [null, "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2"];
  const FAMILIES = {
    nas: ["#0072B2", "#56B4E9", "#009E73"],
    hpo: ["#D55E00", "#E69F00", "#CC79A7"],
    joint: ["#7A4FB5", "#A98BD0", "#56408A"],
    plain: ["#7d8590"],
  };
  const LIGHT = [[238, 242, 246], [149, 203, 236], [0, 114, 178], [0, 42, 74]];
  const DARK = [[38, 44, 51], [0, 92, 148], [86, 180, 233], [235, 247, 255]];

  const BRIGHT = { "#0072B2": "#4AA3DF" }; // on a dark page

  // Colours first, dashes when they run out: a line is told by both.
  function pick(colours, index) {
    return {
      colour: (nasbench.isDark() && BRIGHT[colours[index % colours.length]]) || colours[index % colours.length],
      dash: DASHES[Math.floor(index / colours.length) % DASHES.length],
    };
  }

  function ramp(share) {
    const stops = nasbench.isDark() ? DARK : LIGHT;
    const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const from = Math.min(Math.floor(at), stops.length - 2);
    return stops[from].map((value, i) => Math.round(value + (stops[from + 1][i] - value) * (at - from)));
  }

  nasbench.colour = {
    series: (index) => pick(SERIES, index),
    family: (kind, index) => pick(FAMILIES[kind] || FAMILIES.plain, index),
    ramp,
    css: (share) => `rgb(${ramp(share).join(" ")})`,
    best: "#D55E00",
  };
})();
