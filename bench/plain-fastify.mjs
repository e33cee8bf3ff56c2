// The practical ceiling: a POST route of plain Fastify with a schema and a constant answer.
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
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
process.send?.({ type: 'ready' });
process.on('disconnect', () => process.exit(0));
