/** x to the right, y down. */
export type Point = readonly [x: number, y: number];

/** One character as pen strokes, 10 units high and `width` units wide. */
export interface Glyph {
  readonly strokes: readonly (readonly Point[])[];
  readonly width: number;
}

export const glyphHeight = 10;

/** Strokes apart by `|`. No two look alike: no 0 by O, no 7 by 1, no F by E, no R by P. */
const drawings = {
  A: '0,10 3,0 6,10 | 1.2,6.4 4.8,6.4',
  C: '5.8,2 4.6,.6 3.2,0 1.6,.8 .5,2.6 .1,5 .5,7.4 1.6,9.2 3.2,10 4.6,9.4 5.8,8',
  D: '.3,0 .3,10 2.6,10 4.4,9 5.5,7.2 5.9,5 5.5,2.8 4.4,1 2.6,0 .3,0',
  E: '5.5,0 .4,0 .4,10 5.5,10 | .4,4.9 4.6,4.9',
  H: '.3,0 .3,10 | 5.7,0 5.7,10 | .3,5 5.7,5',
  J: '2.2,0 5.6,0 | 4.4,0 4.4,7.4 3.9,9.2 2.6,10 1.2,9.5 .4,8',
  K: '.4,0 .4,10 | 5.6,0 .4,6 | 2.2,4 5.8,10',
  L: '.5,0 .5,10 5.5,10',
  M: '0,10 .5,0 3.5,6.5 6.5,0 7,10',
  N: '.3,10 .3,0 5.7,10 5.7,0',
  P: '.4,10 .4,0 3.4,0 5,.8 5.7,2.6 5,4.5 3.4,5.3 .4,5.3',
  T: '0,0 6,0 | 3,0 3,10',
  V: '0,0 3,10 6,0',
  W: '0,0 1.8,10 3.5,3 5.2,10 7,0',
  X: '.2,0 5.8,10 | 5.8,0 .2,10',
  Y: '0,0 3,5 6,0 | 3,5 3,10',
  3: '.4,1 1.8,.1 3.4,0 4.9,.9 5.2,2.6 4.4,4.2 2.4,4.8 4.8,5.5 5.7,7.2 5,9 3.2,10 1.4,9.7 .2,8.4',
  4: '4.4,10 4.4,0 .2,7 6,7',
  9: '5.3,4.4 3.8,5.8 2,5.6 .7,4.2 .6,2.2 1.7,.5 3.4,0 4.9,.9 5.5,2.8 5.3,6 4.4,8.6 2.8,10',
};

/** Every character that a picture may show. */
export const alphabet = Object.keys(drawings).join('');

const glyphs: ReadonlyMap<string, Glyph> = new Map(Object.entries(drawings)
  .map(([character, drawing]) => [character, parse(drawing)]));

/** Throws on a character that is not of the alphabet. */
export function glyphOf(character: string): Glyph {
  const glyph = glyphs.get(character);
  if (!glyph) throw new Error(`No strokes are known for ${JSON.stringify(character)}`);
  return glyph;
}

function parse(drawing: string): Glyph {
  const strokes = drawing.split(' | ').map((stroke) => stroke.split(' ').map((point): Point => {
    const [x, y] = point.split(',').map(Number);
    return [x ?? 0, y ?? 0];
  }));
  return { strokes, width: Math.max(...strokes.flat().map(([x]) => x)) };
}
