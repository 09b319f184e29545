// Draws how many accounts a classification had by day, from the numbers in the page; the table
// below says the same. An abscissa is a day, counted from 1970-01-01.

const COLOURS = {
  light: ["#0369a1", "#c2410c", "#15803d", "#7e22ce", "#a16207"],
  dark: ["#38bdf8", "#fb923c", "#4ade80", "#c084fc", "#facc15"],
};
const SHAPES = ["circle", "triangle", "rect", "rectRot", "star"];
const { series } = JSON.parse(document.getElementById("days-data").textContent);
const dayText = (day) => new Date(day * 86400000).toISOString().slice(0, 10);

function draw(canvas) {
  const root = document.documentElement;
  const style = getComputedStyle(root);
  const colours = COLOURS[root.classList.contains("dark") ? "dark" : "light"];
  const [text, quiet, line] = ["text", "quiet", "line"].map((name) => style.getPropertyValue(`--wf-${name}`).trim());
  const days = series.flatMap((one) => one.points.map((point) => point.x));
  const last = Math.max(...days);
  const ticks = { color: quiet, maxRotation: 0, autoSkipPadding: 16, precision: 0 };
  return new Chart(canvas, {
    type: "line",
    data: {
      datasets: series.map((one, number) => ({
        label: one.name,
        data: one.points,
        borderColor: colours[number % colours.length],
        backgroundColor: colours[number % colours.length],
        borderWidth: number ? 1.5 : 2.5,
        pointRadius: one.points.length > 60 ? 1.5 : 3,
        pointStyle: SHAPES[number % SHAPES.length],
        spanGaps: false,
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: { type: "linear", min: Math.min(...days, last - 6), max: last, grid: { display: false }, ticks: { ...ticks, callback: dayText } },
        y: { beginAtZero: true, grace: "5%", grid: { color: line }, ticks },
      },
      plugins: {
        legend: { position: "bottom", align: "start", labels: { color: text, usePointStyle: true, boxHeight: 6 } },
        tooltip: { callbacks: { title: ([item]) => (item ? dayText(item.raw.x) : "") } },
      },
    },
  });
}

if (series.length) {
  const box = document.querySelector("[data-days]");
  box.hidden = false;
  const canvas = box.querySelector("canvas");
  let drawn = draw(canvas);
  const redraw = () => {
    drawn.destroy();
    drawn = draw(canvas);
  };
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["class"] });
}
