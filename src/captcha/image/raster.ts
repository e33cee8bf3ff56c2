import type { Point } from './glyphs';

const paper = 255;

/** A grey picture in memory, one byte a pixel, row by row: 0 is ink, 255 is paper. */
export class Raster {
  readonly pixels: Uint8Array;

  constructor(readonly width: number, readonly height: number) {
    this.pixels = new Uint8Array(width * height).fill(paper);
  }

  /**
   * Draws a line with round ends, smoothed at its edges; what lies outside is left out.
   * `radius` in pixels, `shade` from 0 (ink) to 255 (paper, which rubs out).
   */
  line(from: Point, to: Point, radius: number, shade: number): void {
    const [fromX, fromY] = from;
    const [alongX, alongY] = [to[0] - fromX, to[1] - fromY];
    const lengthSquared = alongX * alongX + alongY * alongY || 1;
    const reach = radius + 1;
    const [firstX, lastX] = bounds(fromX, to[0], reach, this.width);
    const [firstY, lastY] = bounds(fromY, to[1], reach, this.height);
    for (let y = firstY; y <= lastY; y += 1) {
      for (let x = firstX; x <= lastX; x += 1) {
        // Plain numbers: this runs some ten thousand times a picture.
        const dx = x - fromX;
        const dy = y - fromY;
        const nearest = Math.max(0, Math.min(1, (dx * alongX + dy * alongY) / lengthSquared));
        const offX = dx - nearest * alongX;
        const offY = dy - nearest * alongY;
        const covered = radius + 0.5 - Math.sqrt(offX * offX + offY * offY);
        if (covered > 0) this.blend(y * this.width + x, Math.min(1, covered), shade);
      }
    }
  }

  private blend(index: number, covered: number, shade: number): void {
    const before = this.pixels[index] ?? paper;
    const after = before + (shade - before) * covered;
    // Pieces of a stroke overlap at their ends: of ink the darker stands, else each would show.
    this.pixels[index] = shade < paper ? Math.min(before, after) : after;
  }
}

/** The first and the last pixel within reach of a line between two coordinates. */
function bounds(a: number, b: number, reach: number, size: number): [number, number] {
  return [
    Math.max(0, Math.floor(Math.min(a, b) - reach)),
    Math.min(size - 1, Math.ceil(Math.max(a, b) + reach)),
  ];
}
