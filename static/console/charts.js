// Draws the charts of the capacity pages from the numbers in the page. Without this script the
// tables say the same. An abscissa is a day, counted from 1970-01-01.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const COLOURS = {
  light: ["#0369a1", "#c2410c", "#15803d", "#7e22ce", "#a16207"],
  dark: ["#38bdf8", "#fb923c", "#4ade80", "#c084fc", "#facc15"],
};
const SHAPES = ["circle", "triangle", "rect", "rectRot", "star"];

const { series, simulated, words } = JSON.parse(document.getElementById("chart-data").textContent);
const dayText = (day) => new Date(day * 86400000).toISOString().slice(0, 10);

function human(bytes) {
  const size = Math.abs(bytes);
  const power = size < 1 ? 0 : Math.min(Math.floor(Math.log(size) / Math.log(1024)), 5);
  const number = size / 1024 ** power;
  const digits = power && number < 100 && number % 1 ? 1 : 0;
  return `${bytes < 0 ? "−" : ""}${number.toFixed(digits)} ${UNITS[power]}`;
}

const signed = (text, value) => (value > 0 ? `+${text}` : text);
const exact = (bytes) => `${human(bytes)} (${bytes.toLocaleString("en")} B)`;
const percents = (value) => signed(`${value.toFixed(1)} %`, value);
const changed = (bytes) => signed(exact(bytes), bytes);

// Round numbers of KiB, MiB …, where Chart.js would take round numbers of bytes.
function roundTicks(scale) {
  const span = scale.max - scale.min;
  const most = Math.max(Math.abs(scale.max), Math.abs(scale.min), 1);
  const unit = 1024 ** Math.min(Math.floor(Math.log(most) / Math.log(1024)), 5);
  const rough = span / 5 / unit;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power * unit;
  const ticks = [];
  for (let at = Math.ceil(scale.min / step) * step; at <= scale.max; at += step) ticks.push({ value: at });
  scale.ticks = ticks;
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const isDark = document.documentElement.classList.contains("dark");
  return {
    colours: COLOURS[isDark ? "dark" : "light"],
    text: style.getPropertyValue("--wf-text").trim(),
    quiet: style.getPropertyValue("--wf-quiet").trim(),
    line: style.getPropertyValue("--wf-line").trim(),
    paper: style.getPropertyValue("--wf-surface").trim(),
  };
}

// Invented days are shaded; the big chart names them, bars would cover the word in the others.
const shade = (look, isNamed) => ({
  id: "shade",
  beforeDatasetsDraw({ ctx, chartArea, scales }) {
    if (simulated === null) return;
    const right = Math.min(scales.x.getPixelForValue(simulated), chartArea.right);
    if (right <= chartArea.left) return;
    ctx.save();
    ctx.fillStyle = look.quiet;
    ctx.globalAlpha = 0.12;
    ctx.fillRect(chartArea.left, chartArea.top, right - chartArea.left, chartArea.height);
    ctx.restore();
  },
  // Last, and on paper of its own: the limit may run where the word stands.
  afterDatasetsDraw({ ctx, chartArea }) {
    if (simulated === null || !isNamed) return;
    ctx.save();
    ctx.font = "11px sans-serif";
    ctx.fillStyle = look.paper;
    ctx.fillRect(chartArea.left + 2, chartArea.top + 3, ctx.measureText(words.simulated).width + 8, 15);
    ctx.fillStyle = look.quiet;
    ctx.fillText(words.simulated, chartArea.left + 6, chartArea.top + 14);
    ctx.restore();
  },
});

function line(one, number, look, value) {
  const colour = look.colours[number % look.colours.length];
  return {
    label: one.name,
    group: number,
    data: one.points.map((point) => ({ ...point, y: point[value] ?? null })),
    borderColor: colour,
    borderWidth: 2,
    backgroundColor: colour,
    pointBackgroundColor: ({ raw }) => (raw?.partial ? "transparent" : colour),
    pointRadius: one.points.length > 60 ? 1.5 : 3,
    pointStyle: SHAPES[number % SHAPES.length],
    spanGaps: false,
    segment: { borderDash: ({ p1 }) => (p1.raw.simulated ? [5, 4] : undefined) },
  };
}

function bars(one, look, value) {
  const [up, down] = look.colours;
  return {
    label: one.name,
    group: 0,
    data: one.points.map((point) => ({ ...point, y: point[value] ?? null })),
    backgroundColor: ({ raw }) => (raw?.y < 0 ? down : up),
    maxBarThickness: 18,
  };
}

// The band, its middle, and the limit: what is not measured is dashed.
function outlook(one, number, look) {
  const colour = look.colours[number % look.colours.length];
  const quiet = { group: number, isQuiet: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 0 };
  const ahead = one.forecast;
  const found = [];
  if (ahead && ahead.low !== null && ahead.high !== null) {
    const edge = (at) => [{ x: ahead.from, y: ahead.latest }, { x: ahead.to, y: at }];
    found.push({ ...quiet, data: edge(ahead.high), fill: "+1", backgroundColor: `${colour}33` });
    found.push({ ...quiet, data: edge(ahead.low), fill: false });
    found.push({
      ...quiet,
      label: `${one.name}: ${words.forecast}`,
      data: edge(ahead.predicted).map((point) => ({ ...point, ahead })),
      borderColor: colour,
      borderDash: [2, 3],
      borderWidth: 2,
      pointHitRadius: 8,
      fill: false,
    });
  }
  return found;
}

function limitLine(one, look) {
  const most = Math.max(...one.points.map((point) => point.y ?? 0), one.forecast?.high ?? 0);
  const days = one.points.map((point) => point.x);
  const last = Math.max(days.at(-1), one.forecast?.to ?? 0);
  // A limit far away would press the line flat: then the legend tells it.
  const isFar = one.limit > 4 * most;
  return {
    label: `${words.limit}: ${human(one.limit)}${isFar ? ` (${words.above})` : ""}`,
    group: -1,
    data: isFar ? [] : [{ x: days[0], y: one.limit }, { x: last, y: one.limit }],
    borderColor: look.text,
    borderDash: [8, 4],
    borderWidth: 1.5,
    pointRadius: 0,
    pointHitRadius: 0,
    pointStyle: "line",
  };
}

function tooltip(text) {
  return {
    filter: ({ raw }) => raw.y !== null,
    callbacks: {
      title: ([item]) => {
        if (!item) return "";
        const { x, to } = item.raw;
        return to && to !== x ? `${dayText(x)} – ${dayText(to)}` : dayText(x);
      },
      label({ dataset, raw }) {
        if (raw.ahead) {
          const { low, high } = raw.ahead;
          return raw.x === raw.ahead.to
            ? `${dataset.label}: ${human(raw.y)} (80 %: ${human(low)} – ${human(high)})`
            : "";
        }
        const marks = ["partial", "simulated"].filter((mark) => raw[mark]).map((mark) => words[mark]);
        const said = `${dataset.label}: ${text(raw.y)}`;
        return marks.length ? `${said}, ${marks.join(", ")}` : said;
      },
    },
  };
}

function options(look, isBytes, text) {
  const ticks = { color: look.quiet, maxRotation: 0, autoSkipPadding: 16 };
  return {
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "nearest", axis: "x", intersect: false },
    scales: {
      x: { type: "linear", bounds: "data", grid: { display: false }, ticks: { ...ticks, precision: 0, callback: dayText } },
      y: {
        grace: "5%",
        grid: { color: look.line },
        afterBuildTicks: isBytes ? roundTicks : undefined,
        ticks: { ...ticks, callback: (value) => (isBytes ? human(value) : `${value} %`) },
      },
    },
    plugins: {
      tooltip: tooltip(text),
      legend: {
        position: "bottom",
        align: "start",
        labels: { color: look.text, usePointStyle: true, boxHeight: 6, filter: ({ datasetIndex }, { datasets }) => !datasets[datasetIndex].isQuiet },
        onClick(_event, { datasetIndex }, { chart }) {
          const { group } = chart.data.datasets[datasetIndex];
          chart.data.datasets.forEach((one, index) => {
            if (one.group === group) chart.setDatasetVisibility(index, !chart.isDatasetVisible(index));
          });
          chart.update();
        },
      },
    },
  };
}

function draw(canvas) {
  const look = theme();
  const kind = canvas.dataset.chart;
  const alone = series.length === 1;
  const isTrend = kind === "y";
  const datasets = isTrend
    ? series.flatMap((one, number) => [line(one, number, look, "y"), ...outlook(one, number, look)])
    : series.map((one, number) => (alone ? bars(one, look, kind) : line(one, number, look, kind)));
  if (isTrend && alone && series[0].limit !== null) datasets.push(limitLine(series[0], look));
  const text = kind === "percent" ? percents : isTrend ? exact : changed;
  return new Chart(canvas, {
    type: !isTrend && alone ? "bar" : "line",
    data: { datasets },
    options: options(look, kind !== "percent", text),
    plugins: [shade(look, isTrend)],
  });
}

if (series.length) {
  const box = document.querySelector("[data-charts]");
  box.hidden = false;
  const canvases = [...box.querySelectorAll("canvas")];
  let drawn = canvases.map(draw);
  const redraw = () => {
    drawn.forEach((chart) => chart.destroy());
    drawn = canvases.map(draw);
  };
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["class"] });
}
