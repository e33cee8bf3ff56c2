// The opening minute as an SVG of its own: no library, readable on light and on dark paper.
import { openingSeconds } from './simulation.mjs';

const columns = [{ x: 90, from: 0, to: 2, title: 'the first two seconds' },
  { x: 590, from: 0, to: openingSeconds, title: 'the minute' }];
const [plotWidth, plotHeight, top, rowHeight] = [420, 150, 96, 226];
const [width, height] = [1060, 750];
const pointsAtMost = 240;

const flows = [
  { name: 'held', label: 'unit held (202)', color: 'green' },
  { name: 'soldOut', label: 'sold out (409)', color: 'blue' },
  { name: 'refusedInMemory', label: 'refused from memory (403, 429)', color: 'violet' },
  { name: 'shed', label: 'told to come back (503)', color: 'orange' },
  { name: 'turnedAway', label: 'no connection', color: 'red' },
];
const stocks = [
  { name: 'left', label: 'units left', color: 'green' },
  { name: 'backlog', label: 'held, no order row yet', color: 'orange' },
  { name: 'written', label: 'orders written', color: 'blue' },
];
const waits = [{ name: 'waitMs', label: 'wait for an answer, ms', color: 'blue' }];

/**
 * @param {object[]} points of `simulate`
 * @param {string} title one line above the charts
 * @returns {string} the text of an SVG file
 */
export function drawMinute(points, title) {
  const rates = points.map((point, index) => rateOf(point, points[index - 1]));
  const rows = [
    { title: 'answers a second', series: flows, points: rates, isStacked: true },
    { title: 'units', series: stocks, points },
    { title: 'wait in milliseconds', series: waits, points: rates },
  ];
  const panels = rows.flatMap((row, index) => {
    const y = top + index * rowHeight;
    const used = row.series.filter(({ name }) => row.points.some((point) => point[name] > 0));
    const shown = { ...row, series: used };
    return [...columns.map((column) => panel(shown, column, y)), legend(used, y)];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${escape(title)}</title>
${style}
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="${columns[0].x}" y="32">${escape(title)}</text>
${columns.map((column) =>
    `<text class="strong" x="${column.x}" y="58">${column.title}</text>`).join('\n')}
${panels.join('\n')}
</svg>
`;
}

/** Of the answers between two points; at the opening itself nobody has one yet. */
function rateOf(point, before) {
  const seconds = before ? point.second - before.second : Infinity;
  return { second: point.second, waitMs: point.waitSeconds * 1_000,
    ...Object.fromEntries(flows.map(({ name }) =>
      [name, (point[name] - (before?.[name] ?? 0)) / seconds])) };
}

function panel({ title, series, points, isStacked = false }, { x, from, to }, y) {
  const shown = thinned(points.filter(({ second }) => second >= from && second <= to + 1e-9));
  const layers = isStacked ? stacked(shown, series) : series.map((line) =>
    ({ ...line, values: shown.map((point) => point[line.name]) }));
  const most = niceAbove(Math.max(0, ...layers.flatMap(({ values }) => values)));
  const atX = (second) => round(x + (second - from) / (to - from) * plotWidth);
  const atY = (value) => round(y + plotHeight - value / most * plotHeight);
  const lineOf = (values) => values.map((value, index) =>
    `${atX(shown[index].second)},${atY(value)}`);
  const shapes = layers.map(({ values, below, color }) => (below
    ? `<polygon class="area ${color}" points="${[...lineOf(values),
      ...lineOf(below).reverse()].join(' ')}"/>`
    : `<polyline class="line ${color}" points="${lineOf(values).join(' ')}"/>`));
  return [axes({ title, from, to, most, x, y, atX, atY }), ...shapes].join('\n');
}

/** A chart is no wider than this: of many points that fall together the last one is shown. */
function thinned(points) {
  const every = Math.ceil(points.length / pointsAtMost);
  return points.filter((_, index) => (index + 1) % every === 0 || index === 0);
}

function stacked(points, series) {
  let below = points.map(() => 0);
  return series.map((line) => {
    const values = points.map((point, index) => below[index] + point[line.name]);
    const layer = { ...line, values, below };
    below = values;
    return layer;
  });
}

function axes({ title, from, to, most, x, y, atX, atY }) {
  const quarters = [0, 0.25, 0.5, 0.75, 1];
  const up = quarters.map((share) => share * most).map((value) =>
    `<path class="grid" d="M${x} ${atY(value)}h${plotWidth}"/>`
    + `<text class="right" x="${x - 8}" y="${atY(value) + 4}">${short(value)}</text>`);
  const along = quarters.map((share) => from + share * (to - from)).map((second) =>
    `<text class="middle" x="${atX(second)}" y="${y + plotHeight + 18}">${second} s</text>`);
  return [`<text x="${x}" y="${y - 10}">${title}</text>`, ...up, ...along].join('\n');
}

/** One for both columns. */
function legend(series, y) {
  let at = columns[0].x;
  return series.map(({ label, color }) => {
    const bottom = y + plotHeight;
    const entry = `<rect class="area ${color}" x="${at}" y="${bottom + 28}" width="10" `
      + 'height="10"/>'
      + `<text x="${at + 14}" y="${bottom + 37}">${label}</text>`;
    at += 26 + label.length * 6.2;
    return entry;
  }).join('\n');
}

/** An even digit and zeros: an axis whose quarters are easy to read. */
function niceAbove(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= value) * power;
}

function short(value) {
  const [, unit, size] = [[1e9, 'G', 1e9], [1e6, 'M', 1e6], [1e3, 'k', 1e3], [0, '', 1]]
    .find(([from]) => value >= from);
  return `${Number((value / size).toPrecision(3))}${unit}`;
}

const round = (value) => Math.round(value * 10) / 10;

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const style = `<style>
  .paper { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif }
  .title { font-size: 16px; font-weight: 600 } .strong { font-weight: 600 }
  .right { text-anchor: end } .middle { text-anchor: middle }
  .grid { stroke: #8c959f; stroke-opacity: 0.35 } .line { fill: none; stroke-width: 2 }
  .area { fill-opacity: 0.8 } polyline { fill: none !important }
  .green { fill: #2da44e; stroke: #2da44e } .blue { fill: #0969da; stroke: #0969da }
  .orange { fill: #d4720b; stroke: #d4720b } .violet { fill: #8250df; stroke: #8250df }
  .red { fill: #cf222e; stroke: #cf222e }
  .area { stroke: none }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } text { fill: #e6edf3 }
    .blue { fill: #4493f8; stroke: #4493f8 } .violet { fill: #ab7df8; stroke: #ab7df8 }
  }
</style>`;
