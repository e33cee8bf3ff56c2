import { glyphHeight, glyphOf, type Glyph, type Point } from './glyphs';
import { encodePng } from './png';
import { Raster } from './raster';

const width = 240;
const height = 80;
const marginX = 18;
const pixelsPerUnit = 4.5;
/** Strokes are bent by the wave at every so many pixels. */
const pieceLength = 5;
const strayLines = 2;
const scratches = 2;
const dots = 110;
const rubOut = 255;

type Warp = (point: Point) => Point;

/**
 * Draws the characters so that a person can read them: each turned, slanted, stretched and moved by
 * chance, all of them bent by one wave, with stray lines, scratches and dots over them.
 * Returns a PNG of 240 × 80 pixels, which holds nothing of the text but the pixels.
 */
export function drawPicture(text: string): Buffer {
  const raster = new Raster(width, height);
  const wave = randomWave();
  const cellWidth = (width - 2 * marginX) / text.length;
  scatterDots(raster);
  [...text].forEach((character, i) => {
    const glyph = glyphOf(character);
    const place = randomPlace(glyph, [marginX + cellWidth * (i + 0.5), height / 2]);
    const [radius, shade] = [between(1.6, 2.3), between(0, 90)];
    for (const stroke of glyph.strokes) {
      drawStroke(raster, stroke.map(place), wave, radius, shade);
    }
  });
  for (let i = 0; i < strayLines; i += 1) {
    drawStroke(raster, acrossLine(), randomWave(), between(0.7, 1.2), between(0, 90));
  }
  for (let i = 0; i < scratches; i += 1) {
    drawStroke(raster, acrossLine(), randomWave(), between(0.4, 0.8), rubOut);
  }
  return encodePng(raster);
}

/** The pieces between the points, each short enough to follow the wave. */
function drawStroke(raster: Raster, points: readonly Point[], warp: Warp, radius: number,
  shade: number): void {
  points.slice(1).forEach((end, i) => {
    const start = points[i] ?? end;
    const pieces = Math.ceil(Math.hypot(end[0] - start[0], end[1] - start[1]) / pieceLength) || 1;
    const along = (part: number): Point =>
      warp([start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part]);
    for (let piece = 0; piece < pieces; piece += 1) {
      raster.line(along(piece / pieces), along((piece + 1) / pieces), radius, shade);
    }
  });
}

/** Puts a glyph somewhere about a point of the picture: turned by up to 17°. */
function randomPlace(glyph: Glyph, [centerX, centerY]: Point): Warp {
  const angle = between(-0.3, 0.3);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const slant = between(-0.25, 0.25);
  const [scaleX, scaleY] = [between(0.85, 1.1) * pixelsPerUnit, between(0.85, 1.1) * pixelsPerUnit];
  const [originX, originY] = [centerX + between(-2, 2), centerY + between(-6, 6)];
  return ([x, y]) => {
    const upright = (y - glyphHeight / 2) * scaleY;
    const slanted = (x - glyph.width / 2) * scaleX + slant * upright;
    return [originX + slanted * cos - upright * sin, originY + slanted * sin + upright * cos];
  };
}

function randomWave(): Warp {
  const [amplitudeX, amplitudeY] = [between(1.5, 3), between(2, 4)];
  const [lengthX, lengthY] = [between(8, 13), between(9, 16)];
  const [phaseX, phaseY] = [between(0, 2 * Math.PI), between(0, 2 * Math.PI)];
  return ([x, y]) => [x + amplitudeX * Math.sin(y / lengthX + phaseX),
    y + amplitudeY * Math.sin(x / lengthY + phaseY)];
}

/** From the left edge to the right one, anywhere. */
function acrossLine(): Point[] {
  return [[0, between(5, height - 5)], [width, between(5, height - 5)]];
}

function scatterDots(raster: Raster): void {
  for (let i = 0; i < dots; i += 1) {
    const at: Point = [between(0, width), between(0, height)];
    raster.line(at, at, between(0.3, 1.1), between(60, 180));
  }
}

/** How a picture is distorted is no secret; what it says comes from a better source. */
function between(low: number, high: number): number {
  return low + Math.random() * (high - low);
}
