import {
  describePlan, drawMinute, readFigures, readOptions, simulate, sizeOf, warnings,
  type Machines, type Minute, type PlannedSale,
} from '../../bench/plan/plan.mjs';
import { OverloadMeter } from '../../src/infra/overload/overload-meter';

/** Round ones, so that a reader can reckon with them. */
const given = { apiPerCore: 1_000, soldOutPerCore: 5_000, refusalsPerCore: 10_000,
  redisPerCore: 10_000, reservesPerCore: 100_000, recordsPerCore: 500_000, ordersPerWriter: 500,
  ordersPerSale: 1_000, databaseOrdersPerCore: 2_000, bytesPerReservation: 256, bytesPerBuyer: 100,
  bytesIn: 500, bytesOut: 1_000 };
const figures = readFigures({}, given);

const saleOf = (...flags: string[]): PlannedSale => readOptions(flags).sale;

function minuteOf(sale: PlannedSale, machines: Machines = sizeOf(sale, figures)): Minute {
  return simulate(sale, figures, machines, new OverloadMeter());
}

const numbersOf = (point: object): number[] => Object.values(point) as number[];

/** Sums of many small parts. */
function isClose(one: number, other: number): boolean {
  return Math.abs(one - other) <= 1e-9 * Math.max(1, one);
}

describe('a plan', () => {
  // 2,000 of 10,000 requests in the opening second are refused from memory, 3,000 buy, 5,000 are
  // late: 0.2 + 3 + 1 seconds of API. Redis: 3,000 × 0.1 ms, 3,000 records that one process
  // reads and 7 fetch, who ask ten times a second whether they still may say "sold out".
  const sale = saleOf('--qps', '10000', '--units', '3000', '--refused-in-memory', '0.2',
    '--buyers', '20000', '--cores', '4', '--hours', '3', '--price-per-machine-hour', '2.5');

  it('is what the figures say for a sale that can be reckoned by hand', () => {
    const size = sizeOf(sale, figures);
    expect(size).toMatchObject({ processes: 7, redisServers: 1, writers: 2, ordersPerSecond: 1_000,
      redisBytes: 3_000 * 256 + 20_000 * 100, bitsInPerSecond: 40e6, inFlight: 1_000,
      redisConnections: 90, databaseConnections: 180,
      machines: { application: 3, redis: 1, database: 1 }, machineHours: 15, price: 37.5 });
    expect(size.apiUtilization).toBeCloseTo(4.2 / 7);
    expect(size.redisUtilization).toBeCloseTo(0.3 + (1 + 7 / 120) * 3_000 / 500_000 + 7 * 10 / 100_000);
    expect(size.databaseCores).toBeCloseTo(0.5 / 0.6);
  });

  it('keeps every core within the headroom as long as a sale is no hotter than its slot', () => {
    for (const qps of [100, 3_000, 40_000]) {
      const { apiUtilization, redisUtilization } = sizeOf(
        saleOf('--qps', String(qps), '--units', '1000', '--headroom', '0.5'), figures);
      expect(Math.max(apiUtilization, redisUtilization)).toBeLessThanOrEqual(0.5 + 1e-9);
    }
  });

  it('leaves money to the reader unless he names a price', () => {
    const size = sizeOf(saleOf('--qps', '100', '--units', '10'), figures);
    expect(size).not.toHaveProperty('price');
  });

  it('does not pretend that workers write one sale faster than its stock row allows', () => {
    const size = sizeOf(saleOf('--qps', '100000', '--units', '90000'), figures);
    expect(size).toMatchObject({ writers: 2, ordersPerSecond: 1_000 });
    expect(sizeOf(saleOf('--qps', '100000', '--units', '90000', '--sales', '30'), figures))
      .toMatchObject({ writers: 30, ordersPerSecond: 15_000 });
  });
});

describe('the opening minute', () => {
  const crowds: [string, string[], Partial<Machines>][] = [
    ['that is calm', ['--qps', '2000', '--units', '500'], {}],
    ['that everybody comes to at once', ['--qps', '200000', '--units', '500'], {}],
    ['with too few processes', ['--qps', '20000', '--units', '5000'], { processes: 3 }],
    ['with a Redis that cannot follow', ['--qps', '90000', '--units', '900000'],
      { processes: 300, redisServers: 1 }],
    ['whose orders are written too slowly', ['--qps', '20000', '--units', '90000',
      '--backlog-per-sale', '5000'], { processes: 60, writers: 1 }],
    ['without connections', ['--qps', '20000', '--units', '5000', '--max-connections', '20'],
      { processes: 2 }],
  ];

  it.each(crowds)('%s: no request and no unit is lost or made', (_name, flags, machines) => {
    const sale = saleOf(...flags);
    const { points } = minuteOf(sale, { ...sizeOf(sale, figures), ...machines });
    const isWrong = (point: Minute['points'][number]) => {
      const { arrived, turnedAway, refusedInMemory, shed, soldOut, held, waiting, asking } = point;
      const somewhere = turnedAway + refusedInMemory + shed + soldOut + held + waiting + asking;
      return !isClose(somewhere, arrived) || !isClose(held + point.left, sale.units)
        || !isClose(point.written + point.backlog, held)
        || numbersOf(point).some((value) => value < 0);
    };
    expect(points.length).toBeGreaterThan(1_000);
    expect(points.filter(isWrong)).toEqual([]);
  });

  it('brings as many as come, and those back who were sent away', () => {
    const sale = saleOf('--qps', '1000', '--units', '10', '--decay-seconds', '20');
    const { end } = minuteOf(sale);
    expect(end.cameBack).toBe(0);
    expect(end.arrived).toBeCloseTo(20_000 * (1 - Math.exp(-3)), 3);
    const busy = minuteOf(saleOf('--qps', '20000', '--units', '5000'), { processes: 3,
      redisServers: 1, writers: 2 }).end;
    const fresh = 400_000 * (1 - Math.exp(-3));
    expect(busy.cameBack).toBeGreaterThan(0);
    expect(busy.arrived).toBeCloseTo(fresh + busy.cameBack, 3);
  });

  it('sheds nobody and lets nobody wait where every core has room', () => {
    const { end } = minuteOf(saleOf('--qps', '2000', '--units', '500'),
      { processes: 4, redisServers: 1, writers: 2 });
    expect(end).toMatchObject({ shed: 0, turnedAway: 0, left: 0, written: 500 });
    expect(end.longestWaitSeconds).toBeLessThan(0.01);
    // 500 units at 2,000 requests a second, and 500 orders at 1,000 a second.
    expect(end.soldOutAtSeconds).toBeCloseTo(0.26);
    expect(end.writtenAtSeconds).toBeCloseTo(0.5, 1);
  });

  it('never sends more buyers away with more processes, where Redis keeps up', () => {
    const sale = saleOf('--qps', '20000', '--units', '5000', '--come-back', '0');
    const sentAway = [2, 3, 4, 6, 8, 12, 20].map((processes) => {
      const { end } = minuteOf(sale, { processes, redisServers: 3, writers: 2 });
      return end.shed + end.turnedAway;
    });
    expect(sentAway).toEqual(sentAway.toSorted((one, other) => other - one));
    expect(sentAway[0]).toBeGreaterThan(0);
    expect(sentAway.at(-1)).toBe(0);
  });

  it('holds no more without a row than BACKLOG_PER_SALE, and drains it by the writers', () => {
    const { points, end } = minuteOf(saleOf('--qps', '20000', '--units', '40000',
      '--backlog-per-sale', '5000', '--come-back', '0'),
    { processes: 60, redisServers: 10, writers: 1 });
    const most = Math.max(...points.map(({ backlog }) => backlog));
    expect(most).toBeGreaterThan(4_000);
    expect(most).toBeLessThanOrEqual(5_000);
    expect(end.shed).toBeGreaterThan(0);
    expect(end.written).toBeLessThanOrEqual(60 * 500);
    expect(end.restSeconds).toBeCloseTo(end.backlog / 500);
  });

  it('is the same each time', () => {
    const sale = saleOf('--qps', '20000', '--units', '5000');
    expect(minuteOf(sale)).toEqual(minuteOf(sale));
  });
});

describe('what the planner says', () => {
  const plan = (...flags: string[]) => {
    const sale = saleOf(...flags);
    const size = sizeOf(sale, figures);
    return { sale, figures, size, minute: minuteOf(sale, size), machine: 'a test' };
  };

  it.each([
    ['a sale is hotter than one Redis core', /hotter than one Redis core/,
      ['--qps', '90000', '--units', '90000']],
    ['learning who has bought takes long', /learn who has bought/,
      ['--qps', '500000', '--units', '50000', '--processes', '1000']],
    ['orders take longer than the lease', /than the lease/,
      ['--qps', '10000', '--units', '20000']],
    ['orders take longer than the time to pay', /than the time to pay/,
      ['--qps', '10000', '--units', '20000', '--pay-window-seconds', '15']],
    ['processes are too few', /are fewer than/,
      ['--qps', '10000', '--units', '100', '--processes', '1']],
    ['a large sale is never known to be sold out', /does not learn/,
      ['--qps', '200000', '--units', '100001', '--redis-servers', '100', '--processes', '600']],
  ])('warns when %s, and not for a small sale', (_name, text, flags) => {
    expect(warnings(plan(...flags)).filter((warning) => text.test(warning))).not.toEqual([]);
    expect(warnings(plan('--qps', '1000', '--units', '100')).filter((warning) =>
      text.test(warning))).toEqual([]);
  });

  it('says of every figure where it comes from', () => {
    const results = { date: '2026-11-21T00:00:00Z', perPurchase: { apiCpuMicroseconds: 500,
      redisCpuMicroseconds: 50, bytesIn: 500, bytesOut: 600, redisBytes: 290 },
    rowsPerSecondFromBacklog: 5_000 };
    const found = readFigures(results, { bytesIn: 700 });
    expect(found.apiPerCore).toMatchObject({ value: 2_000, from: 'measured 2026-11-21' });
    expect(found.bytesIn).toMatchObject({ value: 700, from: 'given (--bytes-in)' });
    expect(found.reservesPerCore).toMatchObject({ value: 20_000 });
    expect(found.reservesPerCore?.from).toMatch(/^ASSUMED/);
    const text = describePlan({ ...plan('--qps', '1000', '--units', '100'), figures: found });
    const lines = text.split('\n');
    for (const { what, from } of Object.values(found)) {
      expect(lines.some((line) => line.includes(what) && line.endsWith(from))).toBe(true);
    }
  });

  it('takes from a benchmark what it measured, of several figures the careful one', () => {
    const api = (name: string, seconds: number) => ({ name, 'CPU s/1,000 API': seconds });
    const found = readFigures({
      rows: [api('accepted (202), funnel on', 0.5), api('sold out (409), funnel on', 0.25),
        api('flood of a blacklisted user (403)', 0.1), api('flood of a throttled user (429)', 0.2)],
      perPurchase: { redisCpuMicroseconds: 50, bytesIn: 500, bytesOut: 600, redisBytes: 290 },
      redisScript: { rows: [{ 'per second and core of Redis': 90_000 },
        { 'per second and core of Redis': 200_000 }] },
      drain: { rows: [{ 'CPU µs MariaDB': 100 }, { 'orders per second': 40_000 }] },
      rowsPerSecondFromBacklog: 5_000,
    }, {});
    const values = Object.fromEntries(Object.entries(found)
      .map(([name, { value }]) => [name, value]));
    expect(values).toMatchObject({ apiPerCore: 2_000, soldOutPerCore: 4_000, refusalsPerCore: 5_000,
      redisPerCore: 20_000, reservesPerCore: 90_000, ordersPerWriter: 5_000, ordersPerSale: 40_000,
      databaseOrdersPerCore: 10_000, bytesPerReservation: 290, bytesIn: 500, bytesOut: 600 });
  });

  it('draws a picture of numbers only', () => {
    for (const [qps = '', units = ''] of [['1000', '100'], ['300000', '9']]) {
      const { points } = plan('--qps', qps, '--units', units).minute;
      const picture = drawMinute(points, 'units < requests & more');
      expect(picture).toMatch(/^<svg [^]*<\/svg>\n$/);
      expect(picture).toContain('units &lt; requests &amp; more');
      expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});

describe('what the planner refuses', () => {
  it.each([
    [[], '--qps and --units must be given'],
    [['--qps', '5'], '--units must be given'],
    [['--qps', '5', '--units', '0'], '--units takes a whole number from 1'],
    [['--qps', '5', '--units', '1.5'], '--units takes a whole number'],
    [['--qps', 'many', '--units', '5'], '--qps takes a number above 0'],
    [['--qps', '', '--units', '5'], '--qps takes a number above 0'],
    [['--qps', '0', '--units', '5'], '--qps takes a number above 0'],
    [['--qps', '5', '--units', '5', '--refused-in-memory', '2'], 'from 0 to 1'],
    [['--qps', '5', '--units', '5', '--redis-per-core', '0'], '--redis-per-core takes'],
    [['--qps', '5', '--units', '5', '--machines', '3'], '--machines'],
    [['--qps', '5', '--units', '5', '--sales', '6'], '--sales is more than --units'],
  ])('%j, by name', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });

  const without = (name: string) =>
    Object.fromEntries(Object.entries(given).filter(([key]) => key !== name));

  it('a figure that was neither measured nor given, and names the flag of each', () => {
    expect(() => readFigures({}, {})).toThrow(
      /--api-per-core N[^]*--redis-per-core N[^]*--bytes-out N/);
    expect(() => readFigures({ rowsPerSecondFromBacklog: null }, without('ordersPerWriter')))
      .toThrow(/^[^-]*--orders-per-writer N[^-]*$/);
  });
});
