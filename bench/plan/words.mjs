// Numbers as people read them. Three digits below a thousand: no figure here is known better.

export function number(value) {
  const rounded = value >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
  return rounded.toLocaleString('en');
}

export const percent = (share) => `${number(share * 100)} %`;
export const seconds = (value) => (value < 1
  ? `${number(value * 1_000)} ms` : `${number(value)} s`);

export const bytes = (value) => scaled(value,
  [[2 ** 40, 'TiB'], [2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB'], [1, 'bytes']]);

export const bits = (value) => scaled(value,
  [[1e12, 'Tbit/s'], [1e9, 'Gbit/s'], [1e6, 'Mbit/s'], [1e3, 'kbit/s'], [1, 'bit/s']]);

function scaled(value, units) {
  const [size, unit] = units.find(([least]) => value >= least) ?? units.at(-1);
  return `${number(value / size)} ${unit}`;
}
