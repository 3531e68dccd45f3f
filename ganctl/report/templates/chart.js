/* Draws a figure (the data and layout that charts.py makes) as SVG: curves, bands, points, bars; with hover and zoom. */
const drawChart = (() => {
  "use strict";
  const LETTER = 6.4, GAP = 8; // pixels: the mean width of a letter of 11 pixels, and between labels
  const DASHES = { dash: "7 4", dot: "2 3", dashdot: "7 3 2 3" };
  const STAR = [...Array(10).keys()].map((k) => [Math.sin((k * Math.PI) / 5), -Math.cos((k * Math.PI) / 5), k % 2 ? 3 : 7.5]);
  const wide = (text) => LETTER * text.length;
  const cut = (text, width) => (wide(text) <= width ? text : text.slice(0, Math.max(1, Math.floor(width / LETTER) - 1)) + "…");
  const listOf = (values) => (Array.isArray(values) ? values : []);

  function element(parent, kind, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  function short(value, format) {
    if (format === ".0%") return `${Number((100 * value).toPrecision(3))}%`;
    const size = Math.abs(value);
    if (size && (size >= 1e7 || size < 1e-4)) return value.toExponential(3).replace(/\.?0+e/, "e");
    return Number(value.toPrecision(size >= 1000 ? 7 : 4)).toLocaleString("en", { maximumFractionDigits: 8 });
  }

  function evenTicks([low, high], most) {
    const rough = (high - low) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((each) => each >= rough * 0.999);
    const first = Math.ceil(low / step - 1e-9);
    return [...Array(Math.floor(high / step + 1e-9) - first + 1).keys()].map((k) => Number(((first + k) * step).toPrecision(12)));
  }

  /* An axis: where a value lies between 0 and 1, and the ticks as [place, label]. */
  function axisOf(own, values, window, most) {
    const numbers = values.filter((value) => typeof value === "number");
    if (own.type === "category") {
      const names = [...new Set(values.map(String))];
      return { at: (value) => (names.indexOf(String(value)) + 0.5) / names.length, ticks: names.map((name, k) => [(k + 0.5) / names.length, name]), slot: 1 / names.length };
    }
    const scale = own.type === "log" ? Math.log10 : (value) => value;
    let [low, high] = window || own.range || [Math.min(...numbers), Math.max(...numbers)];
    if (!numbers.length && !own.range && !window) [low, high] = [0, 1];
    const given = window || own.range;
    if (!given && (own.rangemode === "tozero" || (low === high && own.type !== "log"))) [low, high] = [Math.min(0, low), Math.max(0, high) || (low < 0 ? 0 : 1)];
    let [from, to] = [scale(low), scale(high)];
    const room = given || own.exact ? 0 : 0.06 * (to - from || 1);
    if (own.rangemode !== "tozero" || low < 0) from -= room;
    if (!own.exact) to += room;
    const at = (value) => (scale(value) - from) / (to - from);
    const ticks = own.tickvals ? own.tickvals.map((value, k) => [value, own.ticktext[k]]) : evenTicks([from, to], most).map((value) => [value, short(value, own.tickformat)]);
    const inside = ticks.map(([value, text]) => [at(value), text]).filter(([place]) => place > -0.001 && place < 1.001);
    const inverse = (place) => from + place * (to - from);
    return { at, ticks: inside, inverse };
  }

  /* The ends of y for what is seen between the ends of x; what is not drawn does not count. */
  function seen(traces, window) {
    return traces.flatMap((trace) => listOf(trace.y).filter((_, k) => !window || (trace.x[k] >= window[0] && trace.x[k] <= window[1])));
  }

  function path(points) {
    let pen = "M";
    return points.map((point) => {
      if (!point) { pen = "M"; return ""; }
      const part = `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
      pen = "L";
      return part;
    }).join("");
  }

  return function draw(place, figure, size) {
    const { layout } = figure, width = size ? size.width : place.clientWidth, height = size ? size.height : place.clientHeight;
    const traces = figure.data.filter((trace) => trace.visible !== false), notes = layout.annotations || [];
    const window = figure.window, bars = traces.filter((trace) => trace.type === "bar"), flatBars = bars.some((bar) => bar.orientation === "h");
    const y = axisOf(layout.yaxis, seen(traces, window), null, height / 60);
    const hidden = layout.yaxis.visible === false;
    const sided = (side) => Math.min(0.3 * width, Math.max(0, ...notes.filter((note) => note.side === side).map((note) => wide(note.text) + 8)));
    const names = hidden || flatBars ? [] : y.ticks.map(([, text]) => wide(text));
    const widest = flatBars ? Math.min(0.4 * width, Math.max(...y.ticks.map(([, text]) => wide(text)))) : Math.max(0, ...names);
    const box = { left: Math.max(10, widest + 10, sided("left")), right: Math.max(14, sided("right")), top: layout.showlegend ? 30 : 10, bottom: 24 };
    const plain = width - box.left - box.right;
    const x = axisOf(layout.xaxis, traces.flatMap((trace) => [...listOf(trace.x), ...listOf((trace.error_x || {}).array).map((error, k) => trace.x[k] + error)]), window, plain / 80);
    const crowded = x.ticks.some(([at, text], k) => k && (at - x.ticks[k - 1][0]) * plain < (wide(text) + wide(x.ticks[k - 1][1])) / 2 + GAP);
    const tilted = crowded && Boolean(layout.xaxis.tickvals || layout.xaxis.type === "category");
    if (tilted) {
      const longest = Math.max(...x.ticks.map(([, text]) => wide(cut(text, 120))));
      box.bottom = 14 + 0.6 * longest + 8;
      box.left = Math.max(box.left, ...x.ticks.map(([at, text]) => 0.8 * wide(cut(text, 120)) - at * plain));
    }
    const title = layout.xaxis.title && layout.xaxis.title.text;
    if (title) box.bottom += 16;
    const right = width - box.right, bottom = height - box.bottom;
    const X = (value) => box.left + x.at(value) * (right - box.left), Y = (value) => bottom - y.at(value) * (bottom - box.top);
    place.replaceChildren();
    const svg = element(place, "svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    const clip = `clip-${place.dataset.chart}`;
    element(element(svg, "clipPath", { id: clip }), "rect", { x: box.left - 8, y: box.top - 8, width: right - box.left + 16, height: bottom - box.top + 16 });

    for (const [at, text] of y.ticks) {
      if (hidden) break;
      const level = bottom - at * (bottom - box.top), tick = element(svg, "g", { class: "ytick" });
      if (!flatBars) element(tick, "line", { x1: box.left, x2: right, y1: level, y2: level });
      element(element(tick, "text", { x: box.left - 6, y: level + 4, "text-anchor": "end" }, cut(text, widest)), "title", {}, text);
    }
    let free = -Infinity;
    for (const [at, text] of x.ticks) {
      const middle = box.left + at * (right - box.left), tick = element(svg, "g", { class: "xtick" });
      if (layout.yaxis.visible === false || flatBars) element(tick, "line", { x1: middle, x2: middle, y1: box.top, y2: bottom });
      const turn = tilted ? { transform: `rotate(-37 ${middle} ${bottom + 14})`, "text-anchor": "end" } : { "text-anchor": "middle" };
      const half = wide(text) / 2, shifted = tilted ? middle : Math.min(Math.max(middle, half), width - half);
      if (!tilted && shifted - half < free) continue;
      free = shifted + half + GAP / 2;
      element(element(tick, "text", { x: shifted, y: bottom + 14, ...turn }, tilted ? cut(text, 120) : text), "title", {}, text);
    }
    if (title) element(svg, "text", { x: (box.left + right) / 2, y: height - 4, "text-anchor": "middle" }, title);

    const field = element(svg, "g", { "clip-path": `url(#${clip})` }), spots = [];
    traces.forEach((trace, nth) => {
      const group = element(field, "g", { class: "trace", "data-run": trace.meta && trace.meta.run, opacity: trace.opacity });
      const style = { ...(trace.line || {}), ...(trace.marker || {}) }, ink = (trace.line || {}).color || (trace.marker || {}).color;
      const label = (k) => (Array.isArray(trace.text) ? trace.text[k] : trace.text);
      if (trace.type === "bar") {
        const share = 0.8 / bars.length, offset = bars.indexOf(trace) * share - 0.4;
        trace.y.forEach((value, k) => {
          if (flatBars) {
            const thick = 0.7 * y.slot * (bottom - box.top), middle = Y(value), end = X(trace.x[k]), error = listOf((trace.error_x || {}).array)[k];
            element(group, "rect", { x: Math.min(X(0), end), y: middle - thick / 2, width: Math.abs(end - X(0)), height: thick, fill: ink });
            if (error) element(group, "line", { class: "error", x1: X(trace.x[k] - error), x2: X(trace.x[k] + error), y1: middle, y2: middle });
            spots.push({ x: end, y: middle, text: `${value}: ${short(trace.x[k])}`, trace });
          } else if (value !== null) {
            const slot = x.slot * (right - box.left), left = X(trace.x[k]) + offset * slot;
            element(group, "rect", { x: left, y: Y(value), width: share * slot, height: bottom - Y(value), fill: ink });
            spots.push({ x: left + (share * slot) / 2, y: Y(value), text: `${trace.name}: class ${trace.x[k]}, ${short(value, ".0%")}`, trace });
          }
        });
        return;
      }
      const points = trace.x.map((value, k) => (value === null || trace.y[k] === null ? null : [X(value), Y(trace.y[k])]));
      if (trace.fill === "tonexty") {
        const low = traces[nth - 1], back = low.x.map((value, k) => low.y[k] !== null && [X(value), Y(low.y[k])]).filter(Boolean).reverse();
        element(group, "path", { d: `${path([...points.filter(Boolean), ...back])}Z`, fill: trace.fillcolor, stroke: "none" });
      } else if (trace.mode.includes("lines") && style.width !== 0) {
        element(group, "path", { d: path(points), fill: "none", stroke: ink, "stroke-width": trace.line.width || 1.8, "stroke-dasharray": DASHES[trace.line.dash], "stroke-linejoin": "round" });
      }
      if (trace.mode.includes("markers")) {
        for (const point of points.filter(Boolean)) {
          if (style.symbol === "star") element(group, "polygon", { class: "star", points: STAR.map(([a, b, r]) => `${point[0] + a * r},${point[1] + b * r}`).join(" "), fill: ink });
          else element(group, "circle", { cx: point[0], cy: point[1], r: (style.size || 6) / 2, fill: ink, opacity: style.opacity });
        }
      }
      if (trace.hoverinfo === "skip") return;
      points.forEach((point, k) => {
        if (point) spots.push({ x: point[0], y: point[1], step: trace.x[k], text: label(k) || `${trace.name}: ${short(trace.y[k])}`, ink, trace });
      });
    });
    for (const shape of layout.shapes || []) {
      const across = shape.xref === "paper", one = across ? Y(shape.y0) : X(shape.x0);
      element(field, "line", { class: "rule", ...(across ? { x1: box.left, x2: right, y1: one, y2: one } : { x1: one, x2: one, y1: box.top, y2: bottom }) });
    }
    const slot = x.ticks.length > 1 ? (x.ticks[1][0] - x.ticks[0][0]) * (right - box.left) : width;
    const narrow = notes.some((note) => !note.side && wide(note.text) > slot - 10);
    for (const note of notes) {
      const between = narrow && !note.side, end = note.xanchor === "right", above = note.x % 2 ? -9 : 17; // in turn, so that neighbours do not meet
      const text = cut(note.text, note.side ? 0.3 * width : between ? 2 * slot - 10 : slot - 10);
      const at = between ? { x: X(note.x), y: Y(note.y) + above, "text-anchor": "middle" } : { x: X(note.x) + (end ? -6 : 6), y: Y(note.y) + 4, "text-anchor": end ? "end" : "start" };
      element(element(svg, "text", { class: "note", ...at }, text), "title", {}, note.text);
    }
    if (layout.showlegend) {
      let left = box.left;
      for (const trace of traces) {
        element(svg, "line", { x1: left, x2: left + 18, y1: 14, y2: 14, stroke: trace.line.color, "stroke-width": 2.5 });
        element(svg, "text", { x: left + 23, y: 18 }, trace.name);
        left += 23 + wide(trace.name) + 16;
      }
    }
    const inverse = (pixel) => x.inverse && x.inverse((pixel - box.left) / (right - box.left));
    return { svg, box: { ...box, right, bottom }, spots, inverse, unified: layout.hovermode === "x unified" };
  };
})();
