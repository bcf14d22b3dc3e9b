
(() => {
  const FIRST = 4, EVERY = 30000, PATIENCE = 28000, OLD = 3 * 3600000;
  const base = location.pathname.endsWith("/") ? location.pathname : location.pathname + "/";
  const slot = "evergreen-key:" + base;
  const $ = (id) => document.getElementById(id);
  const articles = new Map();
  let answers = 0;
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
  const EPISODES = { data_drift: "Data drift", performance: "Performance degraded",
    estimated_performance: "Performance degraded (estimated)" };
  const DECISIONS = {
    promote: ["Promoted", "good", " against "],
    reject: ["Rejected", "", " against "],
    roll_back: ["Rolled back", "bad", " in place of "],
  };
  const ms = (value) => (value < 10 ? value.toFixed(1) : number.format(value)) + " ms";
  const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
  const small = (value) => (value < 1e-99 ? "below 1e-99" : value < 1e-3 ? value.toExponential(0) : score.format(value));
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
      part.find.addEventListener("input", () => sift(part));
      part.log.addEventListener("toggle", () => { if (part.log.open) readRequests(name); });
      part.scroll.setAttribute("aria-label", "Newest requests of " + name);
      articles.set(name, { node, part, details: null, asked: 0, seen: false });
      $("models").append(node);
      node.dataset.model = name;
      inView.observe(node);
    }
    return articles.get(name).part;
  }

  // --- one model ------------------------------------------------------------------------------
  function show(model) {
    const part = article(model.name);
    const check = model.checks[0];
    const goesOn = (kind) => model.episodes.some((each) => each.kind === kind);
    say(part.name, model.name);
    say(part.what, model.task.replace("_", " ") + ", predicts " + model.target);
    const lacks = (name) => model.unread.includes(name);
    const critical = model.episodes.some((each) => each.severity === "critical") ? "bad" : "warn";
    const [state, tone] = lacks("production") ? ["Not known", "warn"] : !model.production ? ["Not promoted", "warn"]
      : goesOn("performance") || (model.live && model.live.degraded) ? ["Degraded", critical]
      : goesOn("estimated_performance") ? ["Degraded (estimated)", critical]
      : goesOn("data_drift") || (check && check.verdict === "drift") ? ["Drift", critical] : ["Serving", "good"];
    say(part.unread, model.unread.length ? "Could not be read: " + model.unread.map((name) => PARTS[name]).join(", ") + ". The rest is as of now." : "");
    say(part.badge, state);
    set(part.badge, "class", "badge " + tone);
    showProduction(part, model, lacks("production"));
    showLive(part, model, lacks("production") || lacks("checks"));
    showEpisodes(part, model.episodes);
    showCheck(part, model.checks, lacks("checks"));
    showShadow(part, model);
    showRetraining(part, model.retraining);
    showFreshness(part, model.newest_metric_at, lacks("metrics"));
    const { details, span } = articles.get(model.name);
    showDecisions(part, model.name, details && !details.unread.includes("decisions") ? details.decisions : model.decisions, lacks("decisions"));
    part.moved.hidden = !details;
    part.log.hidden = !details || !details.rows_shown;
    if (details) showDetails(part, model, details, span, lacks);
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

  // --- charts ---------------------------------------------------------------------------------
  const known = (series) => series.values.filter((value) => value !== null);
  const sum = (series) => known(series).reduce((all, value) => all + value, 0);

  function showDetails(part, model, details, span, lacks) {
    const [length, , period] = SPANS[span], unread = lacks("metrics") || details.unread.includes("metrics");
    const name = model.metric.toUpperCase();
    showMeasurements(part, name, details);
    showRivals(part, name, details);
    showRows(part, details, length, period, unread);
    showRequests(part, details, length, unread);
    showTimes(part, "answers", "Time to answer a request", details.response_time, details.slowest_response, length, unread);
    showTimes(part, "latency", "Time to predict a request", details.inference_time, details.slowest_inference, length, unread);
    showFeatures(part, details.checked);
  }

  const moments = (series) => {
    const start = Date.parse(series.start), step = series.period_seconds * 1000;
    return series.values.map((value, at) => [start + at * step, start + (at + 1) * step, value]);
  };

  // A chart over the span: one mark of time for each period.
  function overSpan(svg, series, high, unit, layers, lines) {
    const all = moments(series);
    charts.chart(svg, { from: all[0][0], to: all.at(-1)[1], low: 0, high: high || 1, unit, layers, height: high ? 150 : 80,
      points: all.map(([from], at) => [from, lines(at)]) });
  }

  function showRows(part, details, length, period, unread) {
    const series = details.rows, total = sum(series), peak = Math.max(0, ...known(series));
    const text = total ? rows(total) + ", at most " + number.format(peak) + " in " + (period === "minute" ? "a minute" : period) : unread ? "not read" : "none in the last " + length;
    say(part["traffic-sum"], text);
    set(part.traffic, "aria-label", "Predicted rows in the last " + length + ": " + text);
    overSpan(part.traffic, series, peak, "",
      [{ kind: "bars", tone: "live", values: moments(series).map(([from, to, value]) => [from, to, 0, value || 0]) }],
      (at) => [series.values[at] === null ? "no rows" : rows(series.values[at])]);
  }

  function showRequests(part, details, length, unread) {
    const { requests, client_errors, server_errors } = details;
    const of = (series, at) => series.values[at] || 0;
    const total = sum(requests), refused = sum(client_errors), failed = sum(server_errors);
    const text = total ? number.format(total) + ", " + number.format(refused) + " refused (4xx), " + number.format(failed) + " failed (5xx)"
      : unread ? "not read" : "none in the last " + length;
    say(part["requests-sum"], text);
    set(part.requests, "aria-label", "Requests in the last " + length + ": " + text);
    const stack = (tone, low, high) => ({ kind: "bars", tone, values: moments(requests).map(([from, to], at) => [from, to, low(at), high(at)]) });
    const good = (at) => Math.max(of(requests, at) - of(client_errors, at) - of(server_errors, at), 0);
    const half = (at) => good(at) + of(client_errors, at);
    overSpan(part.requests, requests, Math.max(0, ...known(requests)), "",
      [stack("live", () => 0, good), stack("warned", good, half), stack("failed", half, (at) => half(at) + of(server_errors, at))],
      (at) => requests.values[at] === null ? ["no requests"] : [number.format(of(requests, at)) + " requests",
        number.format(of(client_errors, at)) + " refused (4xx)", number.format(of(server_errors, at)) + " failed (5xx)"]);
  }

  function showTimes(part, name, title, mean, slowest, length, unread) {
    const means = known(mean), most = Math.max(0, ...known(slowest), ...means);
    const text = means.length ? "latest mean " + ms(means.at(-1)) + ", slowest " + ms(most) : unread ? "not read" : "none in the last " + length;
    say(part[name + "-sum"], text);
    set(part[name], "aria-label", title + ", in the last " + length + ": " + text);
    const middle = (series) => moments(series).map(([from, to, value]) => [(from + to) / 2, value]);
    overSpan(part[name], mean, most, "ms",
      [{ kind: "line", tone: "faint", values: middle(slowest) }, { kind: "line", values: middle(mean) }],
      (at) => mean.values[at] === null ? ["no requests"] : ["mean " + ms(mean.values[at]), "slowest " + ms(slowest.values[at])]);
  }

  // The time that checks and decisions cover, with a little room.
  function period(dates, now) {
    const to = Date.parse(now), from = Math.min(...dates, to - 600000);
    return { from: from - (to - from) * .03, to: to + (to - from) * .03 };
  }

  const promotions = (details) => details.decisions.filter((each) => each.decision !== "reject")
    .map((each) => ({ at: Date.parse(each.decided_at), text: "v" + each.challenger }));

  function showMeasurements(part, name, details) {
    const found = details.measurements, newest = found.at(-1);
    say(part["live-chart-name"], name + " on labelled traffic");
    const goesOn = details.episodes.filter((each) => !each.ended_at).length, ended = details.episodes.length - goesOn;
    const text = !newest ? details.unread.includes("checks") ? "not read" : "no check has seen labelled rows"
      : found.length + (found.length === 1 ? " check" : " checks") + ", latest " + score.format(newest.value)
        + (details.episodes.length ? "; episodes: " + goesOn + " open, " + ended + " ended" : "");
    say(part["live-chart-sum"], text);
    set(part["live-chart"], "aria-label", name + " of each drift check: " + text);
    const dates = found.map((each) => Date.parse(each.measured_at));
    const since = details.episodes.map((each) => Date.parse(each.since));
    const time = period([...dates, ...since], details.generated_at);
    const spread = found.flatMap((each) => [each.value, each.at_promotion, each.interval_low, each.interval_high]).filter((value) => value !== null);
    const bands = details.episodes.map((each) => ({ kind: "band", tone: each.kind === "data_drift" ? "warned" : "failed",
      from: Date.parse(each.since), to: each.ended_at ? Date.parse(each.ended_at) : time.to }));
    const promoted = found.map((each, at) => [dates[at], each.at_promotion]);
    const episodes = details.episodes.map((each) => [Date.parse(each.since), [EPISODES[each.kind] + " begins (version " + each.model_version + ")"]]);
    charts.chart(part["live-chart"], { ...time, low: Math.min(...spread, Infinity) < Infinity ? Math.min(...spread) : 0, high: Math.max(...spread, -Infinity) > -Infinity ? Math.max(...spread) : 1,
      layers: [...bands, ...promotions(details).filter((each) => each.at >= time.from).map((each) => ({ kind: "mark", ...each })),
        { kind: "line", tone: "dashed", values: promoted },
        { kind: "whiskers", tone: "faint", values: found.filter((each) => each.interval_low !== null).map((each) => [Date.parse(each.measured_at), each.interval_low, each.interval_high]) },
        { kind: "line", values: found.map((each, at) => [dates[at], each.value]) },
        { kind: "dots", tone: "live", values: found.filter((each) => !each.degraded).map((each) => [Date.parse(each.measured_at), each.value]) },
        { kind: "dots", tone: "failed", values: found.filter((each) => each.degraded).map((each) => [Date.parse(each.measured_at), each.value]) }],
      points: [...found.map((each, at) => [dates[at], [name + " " + score.format(each.value) + " of version " + each.model_version + (each.degraded ? ", degraded" : ""),
        each.interval_low === null ? "" : score.format(each.interval_low) + " to " + score.format(each.interval_high) + " likely if nothing changed",
        (each.at_promotion === null ? "" : score.format(each.at_promotion) + " at promotion, ") + rows(each.labelled_rows) + " with labels"].filter(Boolean)]),
      ...episodes].sort((a, b) => a[0] - b[0]) });
  }

  function showRivals(part, name, details) {
    const duels = details.decisions.filter((each) => each.comparison).map((each) => ({ ...each.comparison, at: Date.parse(each.decided_at), won: each.decision === "promote",
      challenger: each.challenger, champion: each.champion })).reverse();
    const won = duels.filter((each) => each.won), lost = duels.filter((each) => !each.won);
    const text = duels.length ? duels.length + (duels.length === 1 ? " comparison, " : " comparisons, ") + won.length + " promoted" : details.unread.includes("decisions") ? "not read" : "no comparison yet";
    say(part["rivals-sum"], text);
    set(part.rivals, "aria-label", name + " of champion and challenger on the same rows: " + text);
    const both = duels.filter((each) => each.metric_champion !== null), spread = duels.flatMap((each) => [each.metric_challenger, each.metric_champion]).filter((value) => value !== null);
    const at = (each) => [each.at, each.metric_challenger];
    charts.chart(part.rivals, { ...period(duels.map((each) => each.at), details.generated_at), low: spread.length ? Math.min(...spread) : 0, high: spread.length ? Math.max(...spread) : 1,
      layers: [{ kind: "whiskers", values: both.map((each) => [each.at, Math.min(each.metric_champion, each.metric_challenger), Math.max(each.metric_champion, each.metric_challenger)]) },
        { kind: "dots", tone: "hollow", values: both.map((each) => [each.at, each.metric_champion]) },
        { kind: "dots", tone: "live", values: won.map(at) }, { kind: "dots", tone: "lost", values: lost.map(at) }],
      points: duels.map((each) => [each.at, ["version " + each.challenger + ": " + name + " " + score.format(each.metric_challenger) + (each.won ? ", promoted" : ", rejected"),
        each.metric_champion === null ? "nothing to compare with" : "version " + each.champion + ": " + score.format(each.metric_champion),
        (each.probability_better === null ? "" : percent.format(each.probability_better) + " probable that it is better, ") + rows(each.rows)]]) });
  }

  // --- the features that moved ----------------------------------------------------------------
  const MOST = 6;

  function showFeatures(part, checked) {
    part.moved.hidden = !checked;
    if (!checked) return;
    const drifted = checked.features.filter((each) => each.drifted), chosen = checked.features.slice(0, drifted.length ? Math.min(drifted.length, MOST) : 3);
    const none = checked.verdict === "drift" ? "No feature moved alone, but all together did" : "No feature moved";
    say(part["moved-name"], checked.verdict === "insufficient_data" ? "Too few rows to say what moved" : drifted.length ? "Features that moved" : none);
    fill(part["moved-of"], ...when((drifted.length ? drifted.length + " of " + checked.tested + " drifted" + (drifted.length > MOST ? ", the " + MOST + " furthest" : "") : checked.tested + " tested, the furthest three")
      + ", " + rows(checked.rows) + ", ", checked.checked_at, "."));
    part.report.hidden = !checked.report_url;
    if (checked.report_url) set(part.report, "href", checked.report_url);
    while (part.features.children.length > chosen.length) part.features.lastChild.remove();
    chosen.forEach((each, at) => {
      let box = part.features.children[at];
      if (!box) {
        box = document.createElement("figure");
        const head = document.createElement("figcaption"), title = document.createElement("span"), numbers = document.createElement("span");
        title.className = "feature";
        numbers.className = "quiet";
        head.append(title, numbers);
        const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("role", "img");
        box.append(head, svg);
        part.features.append(box);
      }
      const [head, svg] = box.children;
      say(head.firstChild, each.feature_name);
      set(head.firstChild, "class", each.drifted ? "feature drifted" : "feature");
      say(head.lastChild, (each.effect_size === null ? "" : "effect " + score.format(+each.effect_size.toPrecision(2)) + " (limit " + each.effect_threshold + ")")
        + (each.p_value_corrected === null ? "" : ", p " + small(each.p_value_corrected)));
      svg.style.display = each.distributions ? "" : "none";
      if (each.distributions) showDistributions(svg, each);
    });
  }

  function showDistributions(svg, feature) {
    const { edges, names, reference, window, medians } = feature.distributions, bins = reference.length;
    const label = (at) => names ? names[at] : score.format(+edges[at].toPrecision(3)) + " to " + score.format(+edges[at + 1].toPrecision(3));
    const text = names ? reference.map((share, at) => label(at) + " " + percent.format(share) + " → " + percent.format(window[at])).slice(0, 3).join(", ")
      : "median " + medians.map((value) => value === null ? "–" : score.format(+value.toPrecision(3))).join(" → ");
    set(svg, "aria-label", feature.feature_name + ", reference against window: " + text);
    const pair = (values, from, to) => values.map((share, at) => [at + from, at + to, 0, share]);
    charts.chart(svg, { from: 0, to: bins, low: 0, high: Math.max(...reference, ...window), height: 92,
      ticks: names ? [[bins / 2, text.length > 34 ? text.split(",")[0] : text, "middle"]] : [[0, score.format(+edges[0].toPrecision(3)), "start"], [bins / 2, text, "middle"], [bins, score.format(+edges[bins].toPrecision(3)), "end"]],
      layers: names ? [{ kind: "bars", tone: "grey", values: pair(reference, .06, .52) }, { kind: "bars", tone: "window", values: pair(window, .5, .96) }]
        : [{ kind: "bars", tone: "grey", values: pair(reference, 0, 1.2) }, { kind: "line", tone: "window", values: window.flatMap((share, at) => [[at, share], [at + 1, share]]) }],
      points: reference.map((share, at) => [at + .5, [label(at), "reference " + percent.format(share), "window " + percent.format(window[at])]]) });
  }

  // --- decisions ------------------------------------------------------------------------------
  function numbers(each) {
    const found = each.comparison, score4 = (value) => score.format(value);
    if (!found) return "";
    return [found.interval && "Change of " + found.metric.toUpperCase() + ": " + found.interval.map((value) => (value < 0 ? "−" : "+") + score4(Math.abs(+value.toPrecision(3)))).join(" to "),
      found.probability_better !== null && "probability of being better " + percent.format(found.probability_better)
        + ([null, found.probability_better].includes(found.probability_on_holdout) ? "" : " (" + percent.format(found.probability_on_holdout) + " on these rows alone)")
        + (found.probability_required ? ", " + percent.format(found.probability_required) + " needed" : ""),
      found.rows && rows(found.rows)].filter(Boolean).join(" · ");
  }

  function links(model, each) {
    const made = [["MLflow run", each.run_url], ["Execution", each.execution_url], ["Evaluation report", each.report_url]]
      .filter(([, url]) => url && /^https?:/.test(url));
    // A laptop has no console with pages of executions; a command shows the same there.
    const command = each.by === "retraining" && each.execution_url === null;
    if (!made.length && !command) return null;
    const line = document.createElement("p");
    line.className = "links";
    for (const [text, url] of made) {
      const link = document.createElement("a");
      link.href = url;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.textContent = text;
      link.setAttribute("aria-label", text + " of version " + each.challenger + ", " + time.format(new Date(each.decided_at)));
      line.append(link);
    }
    if (command) {
      const text = document.createElement("code");
      text.textContent = "evergreen history " + model + " --version " + each.challenger;
      const label = document.createElement("span");
      label.append("Execution: ", text);
      line.append(label);
    }
    return line;
  }

  function showDecisions(part, model, decisions, unread) {
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
      const counts = document.createElement("p");
      counts.className = "quiet";
      counts.textContent = numbers(each);
      item.append(head, why, ...[counts.textContent && counts, links(model, each)].filter(Boolean));
      item.className = tone || "none";
      return item;
    });
    const replace = (list, items) => {
      const old = list.children;
      if (items.length !== old.length || items.some((item, at) => !item.isEqualNode(old[at]))) list.replaceChildren(...items);
    };
    replace(part.decisions, made.slice(0, FIRST));
    replace(part.before, made.slice(FIRST));
    part.earlier.hidden = made.length <= FIRST;
    say(part.earlier.firstElementChild, made.length - FIRST === 1 ? "One earlier decision" : made.length - FIRST + " earlier decisions");
  }

  // --- the newest requests --------------------------------------------------------------------
  async function readRequests(name) {
    const { part } = articles.get(name);
    try {
      const { requests } = await ask("status/" + encodeURIComponent(name) + "/requests");
      showLog(part, requests);
    } catch (error) {
      say(part.found, "The rows could not be read.");
    }
  }

  function cell(tag, text, kind) {
    const node = document.createElement(tag);
    node.textContent = text;
    if (kind) node.className = kind;
    return node;
  }

  function showLog(part, requests) {
    const features = [...new Set(requests.flatMap((each) => Object.keys(each.features)))];
    const titles = ["Time", "Answer", "Confidence", "Label", "Version", ...features, "Request"];
    part.head.replaceChildren(...titles.map((title) => {
      const node = cell("th", title);
      node.scope = "col";
      return node;
    }));
    const plain = (value) => value === null || value === undefined ? "–" : typeof value === "number" ? String(+value.toPrecision(6)) : String(value);
    part.body.replaceChildren(...requests.map((each) => {
      const row = document.createElement("tr"), right = each.labelled && String(each.label) === String(each.output);
      row.append(cell("td", new Date(each.timestamp).toLocaleTimeString("en", { hourCycle: "h23" })), cell("td", plain(each.output), "told"),
        cell("td", each.confidence === null ? "–" : percent.format(each.confidence)),
        cell("td", each.labelled ? plain(each.label) : "–", each.labelled && typeof each.label !== "number" || Number.isInteger(each.label) ? right ? "right" : each.labelled ? "wrong" : "" : ""),
        cell("td", each.model_version), ...features.map((feature) => cell("td", plain(each.features[feature]))), cell("td", each.request_id + " " + each.row, "id"));
      row.firstChild.title = time.format(new Date(each.timestamp));
      return row;
    }));
    sift(part);
  }

  function sift(part) {
    const words = part.find.value.toLowerCase().split(/\s+/).filter(Boolean), all = [...part.body.children];
    let left = 0;
    for (const row of all) {
      const text = row.textContent.toLowerCase(), fits = words.every((word) => text.includes(word));
      row.hidden = !fits;
      left += fits;
    }
    say(part.found, !all.length ? "No row came in within a week." : words.length ? rows(left) + " of the newest " + all.length + " contain this." : "The newest " + rows(all.length) + ".");
  }

  // --- the details of the models that are in view ---------------------------------------------
  const inView = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const known = articles.get(target.dataset.model);
      if (!known) continue;
      known.seen = isIntersecting;
      if (isIntersecting) queue();
    }
  }, { rootMargin: "300px" });

  let reading = false;

  // One model after the other, those in view, each once for every answer of the whole page.
  async function queue() {
    if (reading || !last) return;
    reading = true;
    try {
      for (;;) {
        const next = last && [...articles].find(([, each]) => each.seen && each.asked !== last.number);
        if (!next) return;
        const [name, each] = next, now = last;
        each.asked = now.number;
        try {
          const found = await ask("status/" + encodeURIComponent(name) + "?span=" + now.span);
          each.details = found;
          each.span = now.span;
        } catch (error) {
          continue; // the state stays, and the next round asks again
        }
        const model = last && last.status.models.find((one) => one.name === name);
        if (model) show(model);
        if (each.part.log.open) readRequests(name);
      }
    } finally {
      reading = false;
    }
  }

  async function ask(path) {
    const answer = await fetch(base + path, { headers: { "x-api-key": key }, cache: "no-store", credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  // --- the whole page -------------------------------------------------------------------------
  function render() {
    const { status } = last;
    say($("stage"), status.stage);
    $("empty").hidden = status.models.length > 0;
    for (const [name, { node }] of articles) {
      if (!status.models.some((model) => model.name === name)) { node.remove(); articles.delete(name); }
    }
    arrange(status.models);
    for (const model of status.models) show(model);
    say($("updated"), "As of " + clock.format(new Date(status.generated_at)) + (paused ? ", paused" : ""));
  }

  // The busiest model first; those without a version are one line, unless there are no others.
  function arrange(models) {
    const traffic = (model) => sum(model.traffic);
    const waits = (model) => !model.production && !model.unread.includes("production");
    const sorted = [...models].sort((a, b) => traffic(b) - traffic(a) || (a.name < b.name ? -1 : 1));
    const without = sorted.filter(waits), folded = without.length < sorted.length;
    for (const [list, place] of [[sorted.filter((model) => !waits(model)), $("models")], [without, folded ? $("unpromoted") : $("models")]]) {
      list.forEach((model, at) => {
        article(model.name);
        const { node } = articles.get(model.name), there = place.children[at];
        if (there !== node) place.insertBefore(node, there || null);
      });
    }
    $("folded").hidden = !folded || !without.length;
    say($("folded").firstElementChild, without.length + (without.length === 1 ? " model has" : " models have") + " no version yet: " + without.map((model) => model.name).join(", "));
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
        last = { status: body, span, number: ++answers };
        trouble("");
        render();
        queue();
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

  function askKey(why) {
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
    askKey(why);
  }

  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = $("key").value.trim();
    if (!/^[\x21-\x7e]+$/.test(given)) return askKey("This cannot be an API key: it holds characters that none has.");
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
  if (key) start(); else askKey("");
})();
