import { inflateSync } from 'node:zlib';
import { alphabet } from './glyphs';
import { drawPicture } from './picture';
import { encodePng } from './png';
import { Raster } from './raster';

/** Reads back what `encodePng` writes: 4-bit grey, rows without filter. */
function decode(png: Buffer) {
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    chunks.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  const header = chunks.get('IHDR') ?? Buffer.alloc(0);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0));
  const rowBytes = 1 + Math.ceil(width / 2);
  expect([...header.subarray(8), rows.length]).toEqual([4, 0, 0, 0, 0, rowBytes * height]);
  const pixelAt = (x: number, y: number) =>
    ((rows[y * rowBytes + 1 + (x >> 1)] ?? 0) >> (x % 2 === 0 ? 4 : 0)) & 15;
  return { width, height, pixelAt };
}

describe('a captcha picture', () => {
  it('is a PNG that gives back every pixel, also in the last half byte of a row', () => {
    const raster = new Raster(5, 3);
    raster.pixels.set([0, 16, 32, 48, 64], 5);
    const { width, height, pixelAt } = decode(encodePng(raster));
    expect([width, height]).toEqual([5, 3]);
    expect([0, 1, 2, 3, 4].map((x) => pixelAt(x, 1))).toEqual([0, 1, 2, 3, 4]);
    expect([0, 1, 2, 3, 4].map((x) => pixelAt(x, 2))).toEqual([15, 15, 15, 15, 15]);
  });

  /** How many pixels are rather ink than paper. */
  function inkOf(text: string): number {
    const { width, height, pixelAt } = decode(drawPicture(text));
    expect([width, height]).toEqual([240, 80]);
    const columns = Array.from({ length: width }, (_, x) => x);
    return Array.from({ length: height }, (_, y) => columns.filter((x) => pixelAt(x, y) < 8).length)
      .reduce((sum, count) => sum + count);
  }

  // Measured over 2,000 and 300 pictures: noise 474 to 1,213 pixels, five characters from 1,724.
  it.each([...alphabet])('shows %s clearly above its noise', (character) => {
    expect(inkOf('')).toBeLessThan(1_450);
    expect(inkOf(character.repeat(5))).toBeGreaterThan(1_450);
  });

  it('is drawn differently each time, and carries its text nowhere but in its pixels', () => {
    const pictures = Array.from({ length: 50 }, () => drawPicture('ACDEH'));
    expect(new Set(pictures.map((png) => png.toString('base64'))).size).toBe(50);
    for (const png of pictures) {
      expect(png.length).toBeLessThan(8_192);
      expect(png.toString('latin1')).not.toMatch(/ACDEH|tEXt|iTXt|zTXt/i);
    }
  });

  it('shows no two characters that people take for each other', () => {
    expect(new Set(alphabet).size).toBe(alphabet.length);
    expect(alphabet.length).toBeGreaterThanOrEqual(19);
    for (const likes of ['0OQD', '1IL7', '5S', '8B', '2Z', 'UV', 'EF', 'PR', 'CG', '6G']) {
      expect([...likes].filter((character) => alphabet.includes(character)).length)
        .toBeLessThanOrEqual(1);
    }
  });

  it('refuses a text that it has no strokes for', () => {
    expect(() => drawPicture('A0')).toThrow('No strokes are known for "0"');
  });
});
