
"use strict";
(() => {
  const EVERY = 30000, PATIENCE = 28000, OLD = 3 * 3600000;
  const base = location.pathname.endsWith("/") ? location.pathname : location.pathname + "/";
  const slot = "evergreen-key:" + base;
  const $ = (id) => document.getElementById(id);
  const articles = new Map();
  let key = null, last = null, paused = false, timer = 0, running = null;

  // --- text -----------------------------------------------------------------------------------
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const score = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const time = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium" });
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const SPANS = { "1h": ["hour", "1 hour ago", "minute"], "24h": ["24 hours", "24 hours ago", "15 minutes"],
    "7d": ["7 days", "7 days ago", "2 hours"] };
  const VERDICTS = { drift: ["Drift", "warn", "!"], no_drift: ["No drift", "good", "✓"],
    insufficient_data: ["Too little data", "", "–"] };
  const PARTS = { production: "the version in production", checks: "the drift checks", episodes: "what goes on",
    decisions: "the decisions", shadow: "how far the shadow is", retraining: "the retraining that runs", metrics: "the metrics" };
  const EPISODES = { data_drift: "Data drift", performance: "Performance degraded" };
  const DECISIONS = {
    promote: ["Promoted", "good", " against "],
    reject: ["Rejected", "", " against "],
    roll_back: ["Rolled back", "bad", " in place of "],
  };
  const ms = (value) => (value < 10 ? value.toFixed(1) : number.format(value)) + " ms";
  const rows = (count) => number.format(count) + (count === 1 ? " row" : " rows");

  function ago(moment) {
    const seconds = (Date.parse(moment) - Date.now()) / 1000;
    for (const [unit, length] of UNITS) {
      if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
    }
    return "just now";
  }

  // --- the document: only what differs is touched, and data only ever become text ---------------
  function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
    node.hidden = text === "";
  }

  function when(before, moment, after) {
    const node = document.createElement("time");
    node.dateTime = moment;
    node.title = time.format(new Date(moment));
    node.textContent = ago(moment);
    return [before, node, after || ""];
  }

  function fill(node, ...parts) {
    const made = document.createElement("span");
    made.append(...parts);
    if (node.firstElementChild && node.firstElementChild.isEqualNode(made)) return;
    node.replaceChildren(made);
  }

  function set(node, name, value) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }

  function article(name) {
    if (!articles.has(name)) {
      const node = $("model").content.cloneNode(true).firstElementChild;
      const part = {};
      for (const each of node.querySelectorAll("[data-is]")) part[each.dataset.is] = each;
      const heading = "model-" + articles.size;
      part.name.id = heading;
      node.setAttribute("aria-labelledby", heading);
      part.docs.href = base + "docs#" + encodeURIComponent(name);
      set(part.docs, "aria-describedby", heading);
      $("models").append(node);
      articles.set(name, { node, part });
    }
    return articles.get(name).part;
  }

  // --- one model ------------------------------------------------------------------------------
  function show(model, span) {
    const part = article(model.name);
    const check = model.checks[0];
    const goesOn = (kind) => model.episodes.some((each) => each.kind === kind);
    say(part.name, model.name);
    say(part.what, model.task.replace("_", " ") + ", predicts " + model.target);
    const lacks = (name) => model.unread.includes(name);
    const [state, tone] = lacks("production") ? ["Not known", "warn"] : !model.production ? ["Not promoted", "warn"]
      : goesOn("performance") || (model.live && model.live.degraded) ? ["Degraded", "bad"]
      : goesOn("data_drift") || (check && check.verdict === "drift") ? ["Drift", "warn"] : ["Serving", "good"];
    say(part.unread, model.unread.length ? "Could not be read: " + model.unread.map((name) => PARTS[name]).join(", ") + ". The rest is as of now." : "");
    say(part.badge, state);
    set(part.badge, "class", "badge " + tone);
    showProduction(part, model, lacks("production"));
    showLive(part, model, lacks("production") || lacks("checks"));
    showEpisodes(part, model.episodes);
    showCheck(part, model.checks, lacks("checks"));
    showShadow(part, model);
    showRetraining(part, model.retraining);
    showTraffic(part, model.traffic, span, lacks("metrics"));
    showLatency(part, model.inference_time, model.slowest_inference, span, lacks("metrics"));
    showFreshness(part, model.newest_metric_at, lacks("metrics"));
    showDecisions(part, model.decisions, lacks("decisions"));
  }

  function figure(node, text, missing) {
    say(node, text);
    set(node, "class", missing ? "figure none" : "figure");
  }

  function showProduction(part, model, unread) {
    const now = model.production;
    if (unread) {
      figure(part.version, "Not read", true);
      return say(part.since, "");
    }
    figure(part.version, now ? "Version " + now.version : "None yet", !now);
    if (!now) return say(part.since, "Predictions are refused until a first version is promoted.");
    const before = now.previous ? ", in place of version " + now.previous : "";
    part.since.hidden = false;
    fill(part.since, ...when("since ", now.promoted_at, before));
  }

  function showLive(part, model, unread) {
    const live = model.live, name = model.metric.toUpperCase();
    say(part["live-name"], name + " on live traffic");
    if (unread) figure(part.live, "Not read", true);
    else figure(part.live, live && live.value !== null ? score.format(live.value) : "Not measured yet", !live || live.value === null);
    const then = model.production && model.production.metric;
    say(part.promoted, typeof then === "number" ? score.format(then) + " at promotion" : "");
    if (!model.production || (unread && !live)) return say(part["live-note"], "");
    if (!live) return say(part["live-note"], "No drift check of this version has seen labelled rows.");
    if (live.value === null) return say(part["live-note"], live.reason || "");
    part["live-note"].hidden = false;
    const range = live.interval_low === null ? ""
      : score.format(live.interval_low) + " to " + score.format(live.interval_high) + " likely, ";
    fill(part["live-note"], ...when(range + rows(live.labelled_rows) + " with labels, ", live.measured_at));
  }

  function showEpisodes(part, episodes) {
    part.episodes.hidden = episodes.length === 0;
    const told = episodes.flatMap((each, at) => when((at ? " " : "") + EPISODES[each.kind] + " since ", each.since,
      each.severity === "critical" ? " (critical)." : "."));
    fill(part.episodes, ...told);
  }

  function showCheck(part, checks, unread) {
    const check = checks[0];
    const told = check && VERDICTS[check.verdict];
    figure(part.verdict, check ? told[0] : unread ? "Not read" : "None yet", !check);
    part.checked.hidden = part.marks.hidden = !check;
    say(part.reason, check ? "The check says: " + check.reason + "." : "");
    if (!check) return;
    fill(part.checked, ...when("", check.checked_at, ", " + rows(check.rows) + " of version " + check.model_version));
    const made = checks.slice().reverse().map((each) => {
      const [text, tone, sign] = VERDICTS[each.verdict];
      const mark = document.createElement("span");
      mark.className = tone;
      mark.textContent = sign;
      mark.title = text + ", " + time.format(new Date(each.checked_at));
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", mark.title);
      return mark;
    });
    const same = made.length === part.marks.children.length
      && made.every((mark, at) => mark.isEqualNode(part.marks.children[at]));
    if (!same) part.marks.replaceChildren(...made);
  }

  function showShadow(part, model) {
    const shadow = model.shadow, look = shadow && shadow.look;
    part.shadow.hidden = !shadow;
    if (!shadow) return;
    const both = look && look.metric_champion !== null && look.metric_challenger !== null;
    const seen = !look ? "not compared yet, " + rows(shadow.wanted) + " wanted"
      : number.format(look.predictions) + " of " + rows(shadow.wanted)
        + (look.errors ? ", " + number.format(look.errors) + " failed" : "")
        + (look.agreement === null ? "" : ", agreement " + score.format(look.agreement))
        + (both ? ", " + model.metric.toUpperCase() + " " + score.format(look.metric_challenger) + " against "
          + score.format(look.metric_champion) + " on " + rows(look.labelled) + " with labels" : "");
    fill(part.shadow, ...when("Version " + shadow.version + " is in the shadow since ", shadow.since, ": " + seen),
      ...when(". Next look ", shadow.next_look_at, "."));
  }

  function showRetraining(part, running) {
    part.retraining.hidden = !running;
    if (!running) return;
    const waits = running.waiting_since !== null;
    set(part.retraining, "class", waits ? "notice warn" : "reason");
    const state = running.state === null ? "." : ": " + running.state + ".";
    fill(part.retraining, ...when("A retraining runs since ", running.since, state),
      ...(waits ? when(" It waits since ", running.waiting_since, ": " + running.waiting_for + ".") : []));
  }

  function showFreshness(part, newest, unread) {
    const old = !newest || Date.now() - Date.parse(newest) > OLD;
    set(part.fresh, "class", old && !unread ? "notice warn" : "quiet");
    if (unread || !newest) return say(part.fresh, unread ? "" : "No metric was written within a week.");
    part.fresh.hidden = false;
    fill(part.fresh, ...when(old ? "The metrics are old: the newest was written " : "Newest metric ", newest, "."));
  }

  const known = (series) => series.values.filter((value) => value !== null);

  function showTraffic(part, series, span, unread) {
    const [length, from, period] = SPANS[span], step = 300 / series.values.length;
    const peak = Math.max(0, ...known(series)), total = known(series).reduce((sum, value) => sum + value, 0);
    const bars = series.values.map((value, at) => value
      ? "M" + (at * step).toFixed(2) + " 60V" + (60 - Math.max(1.5, 58 * value / peak)).toFixed(2)
        + "h" + (step * .8).toFixed(2) + "V60z" : "").join("");
    set(part.traffic.firstElementChild, "d", bars || "M0 60");
    part.traffic.classList.toggle("empty", !bars);
    const text = total ? rows(total) + ", at most " + number.format(peak) + " in " + (period === "minute" ? "a minute" : period) : unread ? "not read" : "none in the last " + length;
    say(part["traffic-sum"], text);
    set(part.traffic, "aria-label", "Predicted rows in the last " + length + ": " + text);
    say(part["traffic-from"], from);
  }

  function curve(values, most) {
    const step = 300 / values.length;
    let path = "", drawing = false;
    values.forEach((value, at) => {
      if (value === null) { drawing = false; return; }
      const x = ((at + .5) * step).toFixed(2), y = (57 - 54 * value / most).toFixed(2);
      path += (drawing ? "L" : "M") + x + " " + y;
      // A value without neighbours is a dash as wide as its period.
      if (!drawing && typeof values[at + 1] !== "number") path += "m" + -step / 2 + " 0h" + step;
      drawing = true;
    });
    return path || "M0 60";
  }

  function showLatency(part, mean, slowest, span, unread) {
    const [length, from] = SPANS[span], most = Math.max(...known(slowest), ...known(mean), 1e-9);
    const [faint, line] = part.latency.children;
    set(faint, "d", curve(slowest.values, most));
    set(line, "d", curve(mean.values, most));
    const means = known(mean);
    part.latency.classList.toggle("empty", !means.length);
    const text = means.length ? "latest mean " + ms(means[means.length - 1]) + ", slowest " + ms(most) : unread ? "not read" : "none in the last " + length;
    say(part["latency-sum"], text);
    set(part.latency, "aria-label", "Time to predict a request, in the last " + length + ": " + text);
    say(part["latency-from"], from);
  }

  function showDecisions(part, decisions, unread) {
    say(part.undecided, decisions.length ? "" : unread ? "Not read." : "Nothing has been decided yet.");
    const made = decisions.map((each) => {
      const [text, tone, versus] = DECISIONS[each.decision];
      const item = document.createElement("li"), head = document.createElement("div"), badge = document.createElement("span");
      head.className = "head";
      badge.className = "badge " + tone;
      badge.textContent = text;
      const by = document.createElement("span");
      by.className = "quiet";
      const name = { alarm: " " + each.execution, retraining: " " + (each.execution || "").slice(0, 8) }[each.by] || "";
      by.append(...when("", each.decided_at, ", by " + (each.by === "doctor" ? "evergreen doctor" : each.by + name)));
      const what = document.createElement("span");
      what.textContent = "version " + each.challenger + (each.champion ? versus + each.champion : "");
      head.append(badge, what, by);
      const why = document.createElement("p");
      why.className = "why";
      why.textContent = each.reason[0].toUpperCase() + each.reason.slice(1) + ".";
      item.append(head, why);
      return item;
    });
    const old = part.decisions.children;
    if (made.length !== old.length || made.some((item, at) => !item.isEqualNode(old[at]))) part.decisions.replaceChildren(...made);
  }

  // --- the whole page -------------------------------------------------------------------------
  function render() {
    const { status, span } = last;
    say($("stage"), status.stage);
    $("empty").hidden = status.models.length > 0;
    for (const [name, { node }] of articles) {
      if (!status.models.some((model) => model.name === name)) { node.remove(); articles.delete(name); }
    }
    for (const model of status.models) show(model, span);
    say($("updated"), "As of " + clock.format(new Date(status.generated_at)) + (paused ? ", paused" : ""));
  }

  function trouble(text) {
    $("loading").hidden = true;
    say($("trouble"), text + (text && last ? " What is shown is from " + clock.format(new Date(last.status.generated_at)) + "." : ""));
    $("models").classList.toggle("old", text !== "");
  }

  async function refresh() {
    clearTimeout(timer);
    if (running) running.abort();
    const mine = running = new AbortController();
    const giveUp = setTimeout(() => mine.abort(), PATIENCE);
    const span = document.querySelector("input[name=span]:checked").value;
    try {
      const answer = await fetch(base + "status?span=" + span,
        { headers: { "x-api-key": key }, cache: "no-store", credentials: "omit", signal: mine.signal });
      const body = await answer.json().catch(() => null);
      if (running !== mine) return;
      if (answer.status === 401 || answer.status === 403) return forget("The API refused this key. Check it, or ask whoever deployed this for another.");
      if (answer.ok && body) {
        last = { status: body, span };
        trouble("");
        render();
      } else if (answer.status === 429) {
        trouble("Too many requests: the API asks to wait. Trying again in a moment.");
      } else {
        trouble("The API answered with status " + answer.status + (body && body.detail ? " (" + body.detail + ")" : "") + ". Trying again in a moment.");
      }
    } catch (error) {
      if (running !== mine) return;
      trouble("The API does not answer. Trying again in a moment.");
    } finally {
      clearTimeout(giveUp);
      if (running === mine) {
        running = null;
        schedule();
      }
    }
  }

  function schedule() {
    clearTimeout(timer);
    if (key && !paused && !document.hidden) timer = setTimeout(refresh, EVERY);
  }

  function start() {
    $("ask").hidden = true;
    $("status").hidden = false;
    $("loading").hidden = last !== null;
    refresh();
  }

  function ask(why) {
    say($("ask-error"), why);
    $("status").hidden = true;
    $("ask").hidden = false;
    $("key").focus();
  }

  function forget(why) {
    clearTimeout(timer);
    if (running) running.abort();
    running = last = key = null;
    for (const store of [sessionStorage, localStorage]) store.removeItem(slot);
    for (const { node } of articles.values()) node.remove();
    articles.clear();
    say($("stage"), "");
    say($("updated"), "");
    trouble("");
    ask(why);
  }

  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = $("key").value.trim();
    if (!/^[\x21-\x7e]+$/.test(given)) return ask("This cannot be an API key: it holds characters that none has.");
    key = given;
    $("key").value = "";
    ($("keep").checked ? localStorage : sessionStorage).setItem(slot, key);
    start();
  });
  $("forget").addEventListener("click", () => forget(""));
  $("pause").addEventListener("click", () => {
    paused = !paused;
    set($("pause"), "aria-pressed", String(paused));
    if (last) render();
    if (paused) clearTimeout(timer); else refresh();
  });
  for (const each of document.querySelectorAll("input[name=span]")) each.addEventListener("change", refresh);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer); else if (key && !paused) refresh();
  });
  for (const link of document.querySelectorAll("[data-path]")) link.href = base + link.dataset.path;
  key = sessionStorage.getItem(slot) || localStorage.getItem(slot);
  if (key) start(); else ask("");
})();
