(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const PRINTED = { width: 335, height: 225 };
  const plots = [...document.querySelectorAll("[data-chart]")];
  const drawn = new Map();

  function draw(place, size) {
    drawn.set(place, drawChart(place, data.charts[Number(place.dataset.chart)], size));
  }

  for (const place of plots) {
    followPointer(place, () => drawn.get(place), (window) => {
      data.charts[Number(place.dataset.chart)].window = window;
      draw(place);
    });
    draw(place);
  }
  const resized = new ResizeObserver((changes) => {
    for (const { target } of changes) if (target.clientWidth && target.clientWidth !== target.firstChild.clientWidth) draw(target);
  });
  plots.forEach((place) => resized.observe(place));

  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open], .aside)")) {
      each.open = true;
      opened.push(each);
    }
    plots.forEach((place) => draw(place, PRINTED));
  });
  window.addEventListener("afterprint", () => {
    while (opened.length) opened.pop().open = false;
    plots.forEach((place) => draw(place));
  });

  for (const box of document.querySelectorAll("[data-toggle]")) {
    box.addEventListener("change", () => {
      const run = Number(box.dataset.toggle);
      for (const place of plots) {
        const figure = data.charts[Number(place.dataset.chart)];
        const traces = figure.data.flatMap((trace, at) => (trace.meta && trace.meta.run === run ? [at] : []));
        for (const at of traces) figure.data[at].visible = box.checked;
        if (traces.length) draw(place);
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
