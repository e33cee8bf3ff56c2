import fc from 'fast-check';
import { InstallationSecrets, type Database } from '../infra/database';
import { idPattern } from '../kernel';
import { isMadeBy, isOfService, ReservationIds, saleHint, saleHintOf } from './reservation-ids';

/** A database with nothing but its table of secrets: the first writer of a name wins. */
function aDatabase(): Database {
  const secrets = new Map<string, Buffer>();
  return {
    execute: async (_sql: string, [name, value]: [string, Buffer]) => {
      if (!secrets.has(name)) secrets.set(name, value);
    },
    query: async (_sql: string, [name]: [string]) => [{ value: secrets.get(name) }],
  } as unknown as Database;
}

async function idsOf(database: Database): Promise<ReservationIds> {
  const ids = new ReservationIds(new InstallationSecrets(database));
  await ids.onModuleInit();
  return ids;
}

/** Without the prefixes of user and sale: the part that must differ by itself. */
const unique = (rid: string) => rid.slice(6);

describe('a reservation id', () => {
  let ids: ReservationIds;
  let database: Database;

  beforeAll(async () => {
    database = aDatabase();
    ids = await idsOf(database);
  });

  it('is the same for the same user, sale and key, in every process', async () => {
    const another = await idsOf(database);
    expect(ids.of('ann', 'sale_1', 'key')).toBe(ids.of('ann', 'sale_1', 'key'));
    expect(another.of('ann', 'sale_1', 'key')).toBe(ids.of('ann', 'sale_1', 'key'));
  });

  it('cannot be computed by an installation with another secret', async () => {
    const stranger = await idsOf(aDatabase());
    expect(stranger.of('ann', 'sale_1', 'key')).not.toBe(ids.of('ann', 'sale_1', 'key'));
  });

  it('is an id as paths take it, of 32 characters that survive being read aloud', () => {
    for (const user of ['ann', 'a|b', '雪', 'u'.repeat(128)]) {
      const rid = ids.of(user, 'sale_1', 'key\n');
      expect(rid).toMatch(idPattern);
      expect(rid).toMatch(/^[0-9a-hjkmnp-tv-z]{32}$/);
    }
  });

  it('places all orders of a user alike, whatever the sale and key', () => {
    const routing = (rid: string) => rid.slice(0, 2);
    expect(routing(ids.of('ann', 'sale_2', 'other'))).toBe(routing(ids.of('ann', 'sale_1', 'key')));
  });

  it('carries the hint that finds its sale', () => {
    expect(saleHintOf(ids.of('ann', 'sale_1', 'key'))).toBe(saleHint('sale_1'));
    expect(saleHint('sale_1')).toMatch(/^[0-9a-z]{4}$/);
    expect(saleHint('sale_2')).not.toBe(saleHint('sale_1'));
  });

  it.each([
    ['user', ['bob', 'sale_1', 'key']], ['sale', ['ann', 'sale_2', 'key']],
    ['key', ['ann', 'sale_1', 'KEY']],
  ] as [string, [string, string, string]][])('differs by the %s', (_part, triple) => {
    expect(unique(ids.of(...triple))).not.toBe(unique(ids.of('ann', 'sale_1', 'key')));
  });

  it('does not take "a" + "bc" for "ab" + "c", wherever the border lies', () => {
    const texts = [['a', 'bc', 'd'], ['ab', 'c', 'd'], ['a', 'b', 'cd'], ['', 'abc', 'd'],
      ['a|1:b', 'c', 'd'], ['a', 'b|1:c', 'd'], ['a', 'b', '|c|d']] as [string, string, string][];
    expect(new Set(texts.map((triple) => unique(ids.of(...triple)))).size).toBe(texts.length);
  });

  it('is never shared by two different triples made of separators and digits', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '|', ':', '1', '2'), maxLength: 6 });
    const triple = fc.tuple(text, text, text);
    fc.assert(fc.property(triple, triple, (one, other) => {
      expect(unique(ids.of(...one)) === unique(ids.of(...other)))
        .toBe(JSON.stringify(one) === JSON.stringify(other));
    }), { numRuns: 2_000 });
  });

  it('names the service that reserved, and leads to no other', () => {
    const rid = ids.ofService('shop', 'ann', 'sale_1', 'key');
    expect(rid).toMatch(idPattern);
    expect([isMadeBy('shop', rid), isMadeBy('shop2', rid)]).toEqual([true, false]);
    expect(ids.ofService('shop2', 'ann', 'sale_1', 'key')).not.toBe(rid);
    expect(saleHintOf(rid)).toBe(saleHint('sale_1'));
    expect(rid.slice(0, 2)).toBe(ids.of('ann', 'sale_1', 'key').slice(0, 2));
  });

  it('tells what a service reserved from what a buyer did', () => {
    expect(isOfService(ids.ofService('shop', 'ann', 'sale_1', 'key'))).toBe(true);
    expect(isOfService(ids.of('ann', 'sale_1', 'key'))).toBe(false);
  });
});
