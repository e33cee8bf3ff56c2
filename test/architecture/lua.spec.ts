import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(__dirname, '../../src/stock/lua');
const borderline = '-- From here on nothing may fail: Redis does not roll a script back.';
const writeCommands = new RegExp([
  /redis\.p?call\('(?:H(?:SET|SETNX|DEL|INCRBY)|Z(?:ADD|REM)|UNLINK)'/,
  /redis\.p?call\('X(?:ADD|GROUP|READGROUP|ACK|DEL|TRIM)'/,
  /\b(?:take|take_of|give)\(/,
].map(({ source }) => source).join('|'));
const linesAtMost = 80;
const columnsAtMost = 110;

const files = readdirSync(folder).filter((file) => file.endsWith('.lua')).sort();
const scripts = files.filter((file) => !file.endsWith('.include.lua')).map((file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  const [above = '', below] = text.split(`\n${borderline}\n`);
  return { file, text, above, below, header: /--\[\[([^]*?)\]\]/.exec(text)?.[1] ?? '' };
});
const writing = scripts.filter(({ text }) => !text.startsWith('#!lua flags=no-writes'));

/** The names after a word of the header, up to the remark in brackets. */
function namesAfter(word: string, header: string): string[] {
  const line = new RegExp(`^ {5}${word} +(.*?)(?: {2,}\\(.*)?$`, 'm').exec(header)?.[1] ?? '';
  return line.split(', ').map((name) => name.trim());
}

describe('the Lua scripts', () => {
  it('are all found', () => {
    expect(scripts.length).toBeGreaterThan(10);
  });

  it.each(files)('%s is short enough to be read in one look', (file) => {
    const lines = readFileSync(join(folder, file), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(linesAtMost);
    expect(lines.filter((line) => line.length > columnsAtMost)).toEqual([]);
  });

  it.each(scripts)('$file begins with a shebang, without which it would run on past maxmemory',
    ({ text }) => {
      expect(text).toMatch(/^#!lua(?: flags=(?:allow-oom|no-writes))?\n--\[\[/);
    });

  it.each(scripts)('$file says in its header what it does, takes, replies', ({ file, header }) => {
    const name = file.slice(0, -'.lua'.length);
    expect(header).toMatch(new RegExp(`^ ${name}: [a-z]`));
    expect(header).toMatch(/^ {5}KEYS {2}.*\(one slot: \{saleId\}\)$/m);
    expect(header).toMatch(/^ {5}ARGV {2}\S/m);
    expect(header).toMatch(/^ {5}Reply \S/m);
  });

  it.each(scripts)('$file names as many keys as its file name counts, once and in sequence',
    ({ file, text, header }) => {
      const count = Number(/-(\d+)\.lua$/.exec(file)?.[1]);
      const names = namesAfter('KEYS', header);
      expect(names).toHaveLength(count);
      const places = names.map((_name, i) => `KEYS[${i + 1}]`);
      expect(text.replaceAll('\n  ', ' '))
        .toContain(`local ${names.join(', ')} = ${places.join(', ')}\n`);
      expect(text.match(/KEYS\[/g)).toHaveLength(count);
    });

  it.each(scripts)('$file touches only keys that it was given', ({ text, header }) => {
    const call = /redis\.p?call\('([A-Z]+)'(?:, 'CREATE'|, 'GROUP'.*'STREAMS')?(?:, ([^,)]+))?/g;
    const calls = [...text.matchAll(call)];
    const keys = calls.filter(([, command]) => command !== 'TIME').map(([, , key]) => key);
    expect(keys.filter((key) => !namesAfter('KEYS', header).includes(key ?? ''))).toEqual([]);
    expect(text.match(/redis\.p?call\(/g)).toHaveLength(calls.length);
  });

  it.each(scripts)('$file gives no key a time to live', ({ text }) => {
    expect(text).not.toMatch(/'(?:P?EXPIRE(?:AT)?|P?SETEX|GETEX|EX|PX|EXAT|PXAT)'/);
  });

  it.each(writing)('$file checks all, then writes: the border is drawn once, nothing fails below',
    ({ text, above, below }) => {
      expect(text.split(borderline)).toHaveLength(2);
      expect(above).not.toMatch(writeCommands);
      expect(below).toMatch(writeCommands);
      expect(below).not.toMatch(/\berror\b|\bassert\b|return (?:\{ )?-|\brefuse\b/);
      expect(below?.match(/\breturn\b/g)).toHaveLength(1);
    });

  const reading = scripts.filter((script) => !writing.includes(script));

  it.each(reading)('$file, which says so, writes nothing', ({ text }) => {
    expect(text).not.toMatch(writeCommands);
  });

  it.each(scripts)('$file includes the shared functions only if it uses them', ({ text }) => {
    const used = {
      record: /\b(?:is_count|is_rid|has_counts|pack_record|unpack_record)\(/.test(text),
      units: /\b(?:take|give|strategy_of|tokens_differ)\(/.test(text),
    };
    for (const [name, isUsed] of Object.entries(used)) {
      expect({ name, isUsed: text.includes(`\n-- @include ${name}\n`) }).toEqual({ name, isUsed });
    }
  });
});
