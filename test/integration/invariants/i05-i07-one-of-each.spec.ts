import { Database, isCheckViolation, isDuplicateKey } from '../../../src/infra/database';
import { OrderStore, OrderWriter } from '../../../src/order';
import { SaleCatalog, type Sale } from '../../../src/sale';
import { ReservationIds, type OutboxEntry } from '../../../src/stock';
import { createInstallation, TestProduct, type Installation } from '../../support/product';

jest.setTimeout(180_000);

/** A process with ROLES=api only: entries reach the writer when a test says so. */
describe('one of each', () => {
  let installation: Installation;
  let product: TestProduct;
  let database: Database;
  let store: OrderStore;
  let writer: OrderWriter;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({ ROLES: 'api' }, installation);
    database = product.get(Database);
    store = product.get(OrderStore);
    writer = product.get(OrderWriter);
  });

  afterAll(async () => {
    await product.stop();
    await installation.drop();
  });

  async function openSale(changes: object = {}): Promise<Sale> {
    const saleId = await product.client.openSale(changes);
    const sale = await product.get(SaleCatalog).find(saleId);
    if (!sale) throw new Error(`The sale ${saleId} is not there`);
    return sale;
  }

  const entry = (rid: string, userId: string, quantity = 1): OutboxEntry => ({ rid, userId,
    quantity, fingerprint: 'print', epoch: 1, seq: 1, reservedAtMs: Date.now(),
    traceId: 'a'.repeat(32), ip: '' });

  const faultOf = (sql: string, parameters: unknown[] = []) =>
    database.execute(sql, parameters).then(() => undefined, (error: unknown) => error);

  it('I5: of an order and a tombstone for one rid the first stands, and both writers see it',
    async () => {
      const sale = await openSale({ stock: 20 });
      for (let round = 0; round < 20; round += 1) {
        const attempt = entry(`${sale.id}-${round}`, `racer-${round}`);
        const acts = [
          async () => (await writer.write(sale, [attempt]))[0]?.status,
          async () =>
            (await store.insertTombstone(sale, attempt, 'rejected', 'NOT_PERSISTED')).status,
        ];
        if (round % 2 === 1) acts.reverse();
        const seen = await Promise.all(acts.map((act) => act()));
        const row = await store.find(attempt.rid);
        expect(['pending_payment', 'rejected']).toContain(row?.status);
        expect(seen).toEqual([row?.status, row?.status]);
      }
      const { pendingPayment } = await store.units(sale.id);
      const [stock] = await database.query<{ allocated: number }>(
        'SELECT allocated FROM sale_stock WHERE sale_id = ?', [sale.id]);
      expect(stock?.allocated).toBe(pendingPayment);
    });

  it('I5: the database itself refuses a second row for a rid', async () => {
    const sale = await openSale();
    await writer.write(sale, [entry(`${sale.id}-0`, 'ann')]);
    expect(isDuplicateKey(await faultOf(
      'INSERT INTO orders SELECT * FROM orders WHERE sale_id = ?', [sale.id]))).toBe(true);
  });

  it('I6: the database refuses what goes beyond the limit, whatever Redis forgot', async () => {
    const sale = await openSale({ limitPerUser: 3 });
    const orders = await writer.write(sale, [entry(`${sale.id}-0`, 'ann', 2),
      entry(`${sale.id}-1`, 'ann', 2), entry(`${sale.id}-2`, 'bob', 3)]);
    expect(orders.map(({ userId, status, reason }) => [userId, status, reason]).sort()).toEqual([
      ['ann', 'pending_payment', undefined], ['ann', 'rejected', 'LIMIT_EXCEEDED'],
      ['bob', 'pending_payment', undefined]]);
    const batches = await Promise.all(Array.from({ length: 6 }, (_, index) =>
      writer.write(sale, [entry(`${sale.id}-many-${index}`, 'cyd')])));
    expect(batches.flat().filter(({ status }) => status === 'pending_payment')).toHaveLength(3);
  });

  it.each(['quantity = limit_per_user + 1', 'quantity = -1', 'limit_per_user = quantity - 1'])(
    'I6: the database itself refuses a quota with %s', async (change) => {
      const sale = await openSale({ limitPerUser: 3 });
      await writer.write(sale, [entry(`${sale.id}-0`, 'ann', 2)]);
      expect(isCheckViolation(await faultOf(
        `UPDATE buyer_quotas SET ${change} WHERE sale_id = ?`, [sale.id]))).toBe(true);
    });

  it('I7: gives one rid to a user, sale and key, in every process, after a restart', async () => {
    const ids = (process: TestProduct) => process.get(ReservationIds);
    const triples = [['ann', 'sale', 'key'], ['ann', 'sale', 'key2'], ['ann', 'sale2', 'key'],
      ['bob', 'sale', 'key'], ['an', 'nsale', 'key'], ['ann', 'salek', 'ey'],
      ['ann|4:sale', '', 'key'],
    ] as [string, string, string][];
    const before = triples.map((triple) => ids(product).of(...triple));
    expect(new Set(before).size).toBe(triples.length);
    for (const id of before) expect(id).toMatch(/^[0-9a-z]{32}$/);
    const restarted = await TestProduct.start({ ROLES: 'api' }, installation);
    try {
      expect(triples.map((triple) => ids(restarted).of(...triple))).toEqual(before);
    } finally {
      await restarted.stop();
    }
  });

  it('I7: gives other rids in another installation, so that nobody can guess one', async () => {
    const other = await TestProduct.start({ ROLES: 'api' });
    try {
      expect(other.get(ReservationIds).of('ann', 'sale', 'key').slice(6))
        .not.toBe(product.get(ReservationIds).of('ann', 'sale', 'key').slice(6));
    } finally {
      await other.stop();
    }
  });

  it('I7: takes units once for a key, however often it comes', async () => {
    const { id } = await openSale({ limitPerUser: 10 });
    const answers = await Promise.all(Array.from({ length: 10 }, () =>
      product.client.buy(id, 'ann', { key: 'same', quantity: 2 })));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect((await product.client.stock(id)).redis).toMatchObject({ available: 8, reserved: 2 });
  });
});
