import { Database } from '../../src/infra/database';
import { OrderLife } from '../../src/order';
import type { TestProduct } from './product';

/** The statuses that the buyers of a mixed life end in, by their ids. */
export const endsOfMixedLife = { ann: 'paid', bob: 'cancelled', cyd: 'expired', dan: 'rejected',
  eva: 'refunded', fay: 'pending_payment' } as const;

/**
 * Leads a sale of at least 20 units, two a buyer, through everything that can happen to its orders
 * and its stock, and calls back after every step, when nothing is on its way. Six buyers take two
 * units each; the total grows by 3.
 */
export async function liveMixedLife(product: TestProduct, saleId: string,
  afterStep: (step: string) => Promise<void>): Promise<void> {
  const { client } = product;
  const database = product.get(Database);
  const buy = (userId: string) => client.buy(saleId, userId, { quantity: 2, key: 'first' });
  const order = (userId: string) => client.order(saleId, userId, { quantity: 2, key: 'first' });
  const idOf = async (userId: string) => (await buy(userId)).body.id;
  const steps: [string, () => Promise<unknown>][] = [
    ['reserve', async () => client.inStatus(await idOf('ann'), 'ann', 'pending_payment')],
    ['pay', async () => client.pay(await idOf('ann'), 'ann')],
    ['cancel', async () => client.cancel((await order('bob')).id, 'bob')],
    ['expire', async () => {
      const { id } = await order('cyd');
      await database.execute('UPDATE orders SET expires_at = NOW(3) WHERE rid = ?', [id]);
      await product.get(OrderLife).expire(saleId, [id]);
      await client.inStatus(id, 'cyd', 'expired');
    }],
    ['reject', async () => {
      // The database knows of units that Redis has forgotten.
      const others = [saleId, 'dan', 2, 2];
      await database.execute('INSERT INTO buyer_quotas VALUES (?, ?, ?, ?)', others);
      await client.inStatus(await idOf('dan'), 'dan', 'rejected');
      await database.execute('DELETE FROM buyer_quotas WHERE user_id = ?', ['dan']);
    }],
    ['increase', () => client.adjust(saleId, 5, 'more')],
    ['decrease', () => client.adjust(saleId, -2, 'less')],
    ['decrease too much', () => client.adjust(saleId, -10_000, 'too much')],
    ['refund', async () => {
      const { id } = await order('eva');
      const { paymentId, amount } = await client.pay(id, 'eva');
      await client.report('refund.succeeded', { orderId: id, paymentId, ...amount });
      await client.inStatus(id, 'eva', 'refunded');
    }],
    ['wait for payment', () => order('fay')],
    ['replay', () => Promise.all(Object.keys(endsOfMixedLife).map(buy))],
    ['adjust again', () => client.adjust(saleId, 5, 'more')],
    ['reconcile', () => client.reconcile(saleId)],
  ];
  for (const [step, act] of steps) {
    await act();
    await client.atRest(saleId);
    await afterStep(step);
  }
}
