(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const LIGHT = { ink: "#1b1f24", soft: "#5b6470", line: "#e3e6ea", card: "#ffffff" };
  const DARK = { ink: "#e7eaee", soft: "#9aa4b0", line: "#2c333c", card: "#181c22" };
  const PRINTED = { width: 335, height: 225 };
  const hovers = window.matchMedia("(hover: hover)").matches;
  const config = { displaylogo: false, responsive: true, displayModeBar: hovers ? "hover" : false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const plots = [...document.querySelectorAll("[data-chart]")];

  function axis(own, tone) {
    const title = own.title ? { ...own.title, font: { size: 12, color: tone.soft }, standoff: 6 } : undefined;
    return {
      gridcolor: tone.line, linecolor: tone.line, zeroline: false, automargin: true,
      tickfont: { size: 11, color: tone.soft }, ...own, title,
    };
  }

  function layout(own, tone, size) {
    return {
      showlegend: false, ...own, ...size, autosize: !size,
      xaxis: axis(own.xaxis || {}, tone), yaxis: axis(own.yaxis || {}, tone),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", size: 12, color: tone.ink },
      margin: { l: 46, r: 12, t: 12, b: 40 },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 } },
      hoverlabel: { bgcolor: tone.card, bordercolor: tone.line, font: { color: tone.ink, size: 12 }, namelength: -1 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: tone.soft, activecolor: tone.ink },
      annotations: (own.annotations || []).map((each) => ({ font: { size: 11, color: tone.soft }, ...each })),
    };
  }

  function draw(tone, size) {
    for (const place of plots) {
      const figure = data.charts[Number(place.dataset.chart)];
      Plotly.react(place, figure.data, layout(figure.layout, tone, size), config);
    }
  }

  const tone = () => (dark.matches ? DARK : LIGHT);
  if (plots.length) {
    draw(tone());
    dark.addEventListener("change", () => draw(tone()));
  }

  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open], .aside)")) {
      each.open = true;
      opened.push(each);
    }
    if (plots.length) draw(LIGHT, PRINTED);
  });
  window.addEventListener("afterprint", () => {
    while (opened.length) opened.pop().open = false;
    if (plots.length) draw(tone());
  });

  for (const box of document.querySelectorAll("[data-toggle]")) {
    box.addEventListener("change", () => {
      const run = Number(box.dataset.toggle);
      for (const place of plots) {
        const figure = data.charts[Number(place.dataset.chart)];
        const traces = figure.data.flatMap((trace, at) => (trace.meta && trace.meta.run === run ? [at] : []));
        for (const at of traces) figure.data[at].visible = box.checked;
        if (traces.length) Plotly.restyle(place, { visible: box.checked }, traces);
      }
      const line = document.querySelector(`.timeline[data-run="${run}"]`);
      if (line) line.hidden = !box.checked;
    });
  }

  const slider = document.getElementById("step");
  if (!slider) return;
  const shown = document.getElementById("step-shown");
  const play = document.getElementById("play");
  const words = (step) => `step ${step.toLocaleString("en")}`;

  function show() {
    const step = data.steps[Number(slider.value)];
    shown.textContent = words(step);
    slider.setAttribute("aria-valuetext", words(step));
    for (const picture of document.querySelectorAll("[data-timeline]")) {
      const line = data.timelines[Number(picture.dataset.timeline)];
      let at = 0;
      while (at + 1 < line.steps.length && line.steps[at + 1] <= step) at += 1;
      picture.src = line.uris[at];
      picture.alt = picture.alt.replace(/\d+$/, String(line.steps[at]));
      document.querySelector(`[data-step-of="${picture.dataset.timeline}"]`).textContent = words(line.steps[at]);
    }
  }
  slider.addEventListener("input", show);
  show();

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "play");
  }
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === data.steps.length - 1) slider.value = 0;
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "pause");
    show();
    timer = setInterval(() => {
      if (Number(slider.value) === data.steps.length - 1) return stop();
      slider.value = Number(slider.value) + 1;
      show();
    }, Math.max(120, 6000 / data.steps.length));
  });
  slider.addEventListener("pointerdown", stop);
})();
