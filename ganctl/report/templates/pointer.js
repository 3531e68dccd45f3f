/* Hover and zoom of the charts that chart.js draws: a tooltip at the nearest point, and a drag across to zoom in. */
const followPointer = (() => {
  "use strict";
  const REACH = 60, FEWEST = 8; // pixels: from where a point is named, and the shortest drag that is one

  function named(drawn, at) {
    const far = (spot) => (drawn.unified ? Math.abs(spot.x - at.x) : Math.hypot(spot.x - at.x, spot.y - at.y));
    const nearest = drawn.spots.reduce((best, spot) => (!best || far(spot) < far(best) ? spot : best), null);
    if (!nearest || far(nearest) > REACH) return [];
    if (!drawn.unified) return [nearest];
    return drawn.spots.filter((spot) => Math.abs(spot.x - nearest.x) < 0.5);
  }

  return function follow(place, drawnNow, redraw) {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    place.after(tip);
    let start = null;
    const where = (event) => {
      const frame = place.getBoundingClientRect();
      return { x: event.clientX - frame.left, y: event.clientY - frame.top };
    };
    const inside = (value, { left, right }) => Math.min(Math.max(value, left), right);

    function show(at) {
      const drawn = drawnNow(), spots = named(drawn, at);
      tip.hidden = !spots.length;
      drawn.svg.querySelectorAll(".cursor").forEach((each) => each.remove());
      if (!spots.length) return;
      const step = drawn.unified ? [`step ${spots[0].step.toLocaleString("en")}`] : [];
      tip.replaceChildren(...[...step, ...new Set(spots.map((spot) => spot.text))].map((text) => {
        const line = document.createElement("div");
        line.textContent = text;
        return line;
      }));
      for (const spot of spots) {
        const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
        for (const [name, value] of Object.entries({ class: "cursor", cx: spot.x, cy: spot.y, r: 4.5 })) dot.setAttribute(name, value);
        drawn.svg.append(dot);
      }
      const left = Math.min(spots[0].x + 12, place.clientWidth - tip.offsetWidth - 4);
      tip.style.left = `${place.offsetLeft + Math.max(0, left)}px`;
      tip.style.top = `${place.offsetTop + Math.max(0, at.y - tip.offsetHeight - 12)}px`;
    }

    function hide() {
      tip.hidden = true;
      drawnNow().svg.querySelectorAll(".cursor, .selected").forEach((each) => each.remove());
      start = null;
    }

    place.addEventListener("pointermove", (event) => {
      const drawn = drawnNow(), at = where(event);
      if (start === null) return show(at);
      const from = inside(start, drawn.box), to = inside(at.x, drawn.box);
      let band = drawn.svg.querySelector(".selected");
      if (!band) {
        band = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        band.setAttribute("class", "selected");
        drawn.svg.append(band);
      }
      const shape = { x: Math.min(from, to), width: Math.abs(to - from), y: drawn.box.top, height: drawn.box.bottom - drawn.box.top };
      for (const [name, value] of Object.entries(shape)) band.setAttribute(name, value);
    });
    place.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse") return show(where(event));
      if (event.button === 0 && drawnNow().unified) start = where(event).x;
    });
    place.addEventListener("pointerup", (event) => {
      if (event.pointerType !== "mouse") return; // what a finger points at stays to be read
      const drawn = drawnNow(), from = start, to = where(event).x;
      hide();
      if (from === null || Math.abs(to - from) < FEWEST) return;
      redraw([from, to].map((value) => drawn.inverse(inside(value, drawn.box))).sort((a, b) => a - b));
    });
    place.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
    document.addEventListener("pointerdown", (event) => place.contains(event.target) || hide());
    place.addEventListener("dblclick", () => redraw(undefined));
  };
})();
