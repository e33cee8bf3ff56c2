import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { orderQueue } from '../../src/order';
import { StockReader } from '../../src/stock';
import { TestProduct } from '../support/product';
import { until } from '../support/until';

jest.setTimeout(180_000);

describe('a relay whose queue takes nothing', () => {
  let product: TestProduct;

  // Of a lease nobody shall have need: the sweep would put what is lost here into the outbox again.
  beforeAll(async () => {
    product = await TestProduct.start({ RESERVATION_LEASE_SECONDS: '600' });
  });

  afterAll(async () => { await product.stop(); });

  it('leaves its entries in the outbox, and claims them again once the queue takes some', async () => {
    const queue = product.get<Queue>(getQueueToken(orderQueue));
    const add = jest.spyOn(queue, 'add').mockRejectedValue(new Error('the queue takes nothing'));
    const saleId = await product.client.openSale();
    const { body } = await product.client.buy(saleId, 'ann');
    await until('the relay has tried', async () => add.mock.calls.length > 0);
    // Whatever it does beside the attempt is done by the time of the next one.
    const { body: second } = await product.client.buy(saleId, 'bob');
    await until('the relay has tried again', async () => add.mock.calls.length > 1);
    expect((await product.get(StockReader).audit(saleId)).outbox).toBe(2);
    add.mockRestore();
    await until('both are orders', async () => {
      const orders = await Promise.all([product.client.find(body.id, 'ann'),
        product.client.find(second.id, 'bob')]);
      return orders.every((order) => order.body.status === 'pending_payment');
    }, 60_000);
  });
});
