// The practical ceiling: a POST route of plain Fastify with a schema and a constant answer, and a
// GET route whose constant answer is about as long as a sale.
import Fastify from 'fastify';

const app = Fastify({ logger: false });
app.post('/v1/sales/:saleId/orders', {
  schema: {
    body: { type: 'object', required: ['quantity'], additionalProperties: false,
      properties: { quantity: { type: 'integer', minimum: 1, maximum: 1000 } } },
  },
}, (_request, reply) => {
  void reply.status(202).send({ id: 'k31x9q0r5m2n8p4t6v7w9y1z3a5b7c9d', status: 'reserved' });
});
const sale = { id: 'sale_0a1b2c3d4e5f6g7h8j9k',
  product: { id: 'product_0a1b2c3d4e5f6g7h8j9k', name: 'Bench' },
  price: { amount: 100, currency: 'EUR' }, limitPerUser: 1, payWindowSeconds: 900,
  opensAt: '2026-01-31T10:00:00.000Z', closesAt: '2026-01-31T11:00:00.000Z',
  state: 'open', available: 1000 };
app.get('/v1/sales/:saleId', (_request, reply) => { void reply.send(sale); });
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
