
"use strict";
// Charts as SVG, drawn at the width that they have, so that axes and their numbers are not stretched.
const charts = (() => {
  const LEFT = 46, RIGHT = 10, TOP = 14, BOTTOM = 22;
  const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const STEPS = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY];
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const hour = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
  const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
  const drawn = new WeakMap();
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);

  function make(parent, name, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  // Round numbers that span the values: 1, 2 or 5 times a power of ten apart.
  function scale(low, high, count) {
    if (!(high > low)) high = low + (Math.abs(low) || 1);
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * .999);
    const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
    return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  }

  function times(from, to, width) {
    const step = STEPS.find((each) => (to - from) / each <= Math.max(width / 72, 2)) || STEPS.at(-1);
    const shift = new Date(from).getTimezoneOffset() * MINUTE, found = [];
    for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) {
      found.push([at, (step < DAY ? hour : day).format(at)]);
    }
    return found;
  }

  const KINDS = {
    band: ({ from, to, tone }, x, y, svg, box) => make(svg, "rect", { class: "band " + tone, x: x(from), y: TOP,
      width: Math.max(x(to) - x(from), 3), height: box.bottom - TOP }),
    rule: ({ value, tone }, x, y, svg, box) => make(svg, "path", { class: "rule " + (tone || ""), d: `M${box.left} ${y(value)}H${box.right}` }),
    mark: ({ at, text }, x, y, svg, box) => {
      make(svg, "path", { class: "mark", d: `M${x(at)} ${TOP}V${box.bottom}` });
      const end = x(at) > box.right - 30;
      make(svg, "text", { class: "marked", x: x(at) + (end ? -3 : 3), y: TOP - 3, "text-anchor": end ? "end" : "start" }, text);
    },
    bars: ({ values, tone }, x, y, svg) => make(svg, "path", { class: "bars " + tone, d: values
      .filter(([, , base, top]) => top > base).map(([from, to, base, top]) => {
        const left = x(from), wide = Math.max((x(to) - left) * .82, 1), low = y(base);
        return `M${left.toFixed(1)} ${low.toFixed(1)}V${Math.min(y(top), low - 1).toFixed(1)}h${wide.toFixed(1)}V${low.toFixed(1)}z`;
      }).join("") || "M0 0" }),
    line: ({ values, tone }, x, y, svg) => {
      let path = "", on = false;
      values.forEach(([at, value], place) => {
        if (value === null) { on = false; return; }
        const alone = !on && (!values[place + 1] || values[place + 1][1] === null);
        path += (on ? "L" : "M") + x(at).toFixed(1) + " " + y(value).toFixed(1) + (alone ? "h.01" : "");
        on = true;
      });
      make(svg, "path", { class: "line " + (tone || ""), d: path || "M0 0" });
    },
    whiskers: ({ values, tone }, x, y, svg) => make(svg, "path", { class: "whiskers " + (tone || ""), d: values
      .map(([at, low, high]) => `M${x(at).toFixed(1)} ${y(low).toFixed(1)}V${y(high).toFixed(1)}`).join("") || "M0 0" }),
    dots: ({ values, tone }, x, y, svg) => values.forEach(([at, value]) =>
      make(svg, "circle", { class: "dot " + (tone || ""), cx: x(at).toFixed(1), cy: y(value).toFixed(1), r: 4 })),
  };

  // Draw a chart. Parameters: from, to (of the horizontal axis), low, high, format (of the vertical one),
  // layers (what is drawn, see KINDS), points ([where, lines of text] for the tooltip), height, ticks.
  function draw(svg, spec) {
    const width = Math.round(svg.clientWidth);
    if (!width) return;
    const key = width + JSON.stringify(spec);
    const state = drawn.get(svg) || {};
    if (state.key === key) return;
    const small = spec.ticks !== undefined, height = spec.height || 150;
    const box = { left: small ? 0 : LEFT, right: width - (small ? 0 : RIGHT), bottom: height - BOTTOM };
    const steps = scale(spec.low, spec.high, 3), low = small ? spec.low : steps[0], high = small ? spec.high : steps.at(-1);
    const x = (at) => box.left + (at - spec.from) / (spec.to - spec.from || 1) * (box.right - box.left);
    const y = (value) => box.bottom - (value - low) / (high - low || 1) * (box.bottom - (small ? 2 : TOP));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren();
    if (!small) {
      for (const value of steps) {
        make(svg, "path", { class: "grid", d: `M${box.left} ${y(value)}H${box.right}` });
        make(svg, "text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, spec.unit === "ms" && value >= 1000 ? compact.format(value / 1000) + " s" : compact.format(value) + (spec.unit ? " " + spec.unit : ""));
      }
    }
    for (const [at, text, anchor] of spec.ticks || times(spec.from, spec.to, box.right - box.left)) {
      const place = x(at), side = anchor || (place < box.left + 18 ? "start" : place > box.right - 18 ? "end" : "middle");
      make(svg, "text", { class: "tick", x: place, y: height - 6, "text-anchor": side }, text);
    }
    make(svg, "path", { class: "ground", d: `M${box.left} ${box.bottom}H${box.right}` });
    // Of promotions that lie close together the newest has its number.
    let free = Infinity;
    for (const layer of spec.layers.filter((each) => each.kind === "mark").sort((a, b) => b.at - a.at)) {
      if (x(layer.at) > free - 26) layer.text = "";
      else free = x(layer.at) - (x(layer.at) > box.right - 30 ? 26 : 0);  // at the edge it is written to the left
    }
    for (const layer of spec.layers) KINDS[layer.kind](layer, x, y, svg, box);
    const cursor = make(svg, "path", { class: "cursor", d: "M0 0" });
    drawn.set(svg, { key, spec, x, box, cursor, at: state.at });
    if (!state.key) listen(svg);
  }

  function show(svg, at) {
    const { spec, x, box, cursor } = drawn.get(svg), point = spec.points[at];
    if (!point) return hide(svg);
    const place = Math.min(Math.max(x(point[0]), box.left), box.right), area = svg.getBoundingClientRect();
    cursor.setAttribute("d", `M${place} ${TOP - 8}V${box.bottom}`);
    drawn.get(svg).at = at;
    const lines = (spec.ticks ? [] : [exact.format(point[0])]).concat(point[1]).map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    });
    tip.replaceChildren(...lines);
    tip.hidden = false;
    const left = Math.min(Math.max(area.left + place - tip.offsetWidth / 2, 8), document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = left + scrollX + "px";
    tip.style.top = Math.max(area.top + scrollY - tip.offsetHeight - 4, 4) + "px";
  }

  function hide(svg) {
    tip.hidden = true;
    const state = drawn.get(svg);
    if (state) { state.cursor.setAttribute("d", "M0 0"); state.at = undefined; }
  }

  function listen(svg) {
    svg.setAttribute("tabindex", "0");
    const nearest = (event) => {
      const { spec, x } = drawn.get(svg), from = svg.getBoundingClientRect().left;
      let best = -1, least = Infinity;
      spec.points.forEach(([at], place) => {
        const far = Math.abs(x(at) - (event.clientX - from));
        if (far < least) [best, least] = [place, far];
      });
      show(svg, best);
    };
    svg.addEventListener("pointermove", nearest);
    svg.addEventListener("pointerdown", nearest);
    svg.addEventListener("pointerleave", () => hide(svg));
    svg.addEventListener("blur", () => hide(svg));
    svg.addEventListener("keydown", (event) => {
      const { spec, at } = drawn.get(svg), last = spec.points.length - 1;
      if (event.key === "Escape") return hide(svg);
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || last < 0) return;
      event.preventDefault();
      show(svg, at === undefined ? last : Math.min(Math.max(at + step, 0), last));
    });
  }

  // Draw again what has got another width.
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const state = drawn.get(target);
      if (state) draw(target, state.spec);
      else if (target.pending) draw(target, target.pending);
    }
  });

  function chart(svg, spec) {
    svg.pending = spec;
    widths.observe(svg);
    draw(svg, spec);
  }

  return { chart };
})();
