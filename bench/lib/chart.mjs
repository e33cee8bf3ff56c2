// Charts as SVG text, readable on light and on dark pages.

const width = 860;
const barHeight = 26;
const labelWidth = 300;
const plotHeight = 240;
const margin = { top: 48, right: 130, bottom: 40, left: 60 };

const style = `text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px } .faint { fill: #6e7781; font-size: 12px }
.axis { stroke: #d0d7de; fill: none } .bar { fill: #2f6fde } .line { fill: none; stroke-width: 2 }
.s0 { stroke: #2f6fde } .s1 { stroke: #d9822b } .s2 { stroke: #b8358c }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #8d96a0 }
.axis { stroke: #3d444d } .bar { fill: #5b93f5 } .s0 { stroke: #5b93f5 } }`;

/** Charts one below the other. */
export function pageOf(charts) {
  let top = 0;
  const placed = charts.map(({ height, content }) => {
    const group = `<g transform="translate(0 ${top})">${content}</g>`;
    top += height;
    return group;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" width="${width}">
<style>${style}</style>
${placed.join('\n')}
</svg>
`;
}

/** @param {{ label: string, value: number, text: string }[]} bars the longest fills the width */
export function barChart(title, bars) {
  const longest = Math.max(...bars.map(({ value }) => value));
  const scale = (width - labelWidth - margin.right) / longest;
  const lines = bars.map(({ label, value, text }, index) => {
    const y = margin.top + index * barHeight;
    return textAt(labelWidth - 8, y + 15, label, { anchor: 'end' })
      + `<rect class="bar" x="${labelWidth}" y="${y}" width="${round(value * scale)}" height="18"/>`
      + textAt(labelWidth + value * scale + 6, y + 15, text, { kind: 'faint' });
  });
  return { height: margin.top + bars.length * barHeight + 20,
    content: [textAt(16, 24, title, { kind: 'title' }), ...lines].join('\n') };
}

/**
 * Lines over a linear x and a logarithmic y.
 *
 * @param {{ name: string, points: [number, number][] }[]} series
 */
export function lineChart(title, { x, y }, series) {
  const points = series.flatMap((line) => line.points);
  const most = Math.max(...points.map(([at]) => at));
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(...points.map(([, value]) => value)))));
  const bottom = margin.top + plotHeight;
  const placeX = (at) => margin.left + at / most * (width - margin.left - margin.right);
  const placeY = (value) =>
    bottom - Math.max(0, Math.log10(value)) / decades * plotHeight;
  const ticks = Array.from({ length: decades + 1 }, (_, power) => 10 ** power);
  const grid = ticks.map((value) => `<path class="axis" d="M${margin.left} ${round(placeY(value))}`
    + `H${width - margin.right}"/>${textAt(margin.left - 8, placeY(value) + 4,
      value.toLocaleString('en'), { anchor: 'end', kind: 'faint' })}`);
  const labels = series[0].points.map(([at]) =>
    textAt(placeX(at), bottom + 18, at.toLocaleString('en'), { anchor: 'middle', kind: 'faint' }));
  const lines = series.map(({ name, points: own }, index) => {
    const path = own.map(([at, value]) => `${round(placeX(at))} ${round(placeY(value))}`).join('L');
    const [lastX, lastY] = own.at(-1);
    return `<path class="line s${index}" d="M${path}"/>`
      + textAt(placeX(lastX) + 8, placeY(lastY) + 4, name);
  });
  return { height: bottom + margin.bottom + 16, content: [
    textAt(16, 24, title, { kind: 'title' }), ...grid, ...labels, ...lines,
    textAt(width - margin.right, bottom + 36, x, { anchor: 'end', kind: 'faint' }),
    textAt(margin.left, margin.top - 6, y, { kind: 'faint' }),
  ].join('\n') };
}

function textAt(x, y, text, { anchor = 'start', kind = '' } = {}) {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" class="${kind}">`
    + `${escaped}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
