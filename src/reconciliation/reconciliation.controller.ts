import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentUser, type Identity } from '../auth';
import { originOf } from '../infra/audit';
import { Describe, PathId, Roles, ValidBody, ValidQuery } from '../infra/http';
import { idPattern } from '../kernel';
import { OfferSnapshots, type OfferSnapshot } from './offer-snapshots';
import { Preload } from './preload';
import { Reconciler } from './reconciler';
import { ReconciliationRuns } from './reconciliation-runs';

const saleIdText = z.string().regex(idPattern);

const loaded = z.object({ saleId: z.string(), available: z.int() })
  .meta({ id: 'LoadedSale', examples: [{ saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', available: 1000 }] });

const preloadBody = z.strictObject({ saleIds: z.array(saleIdText).min(1).max(100) })
  .meta({ id: 'PreloadRequest', examples: [{ saleIds: ['sale_0a1b2c3d4e5f6g7h8j9k'] }] });

const snapshotFields = z.object({
  saleId: z.string(), total: z.int(),
  redis: z.object({ available: z.int(), reserved: z.int(), ordered: z.int(), sold: z.int() }),
  database: z.object({ allocated: z.int(), pendingPayment: z.int(), paid: z.int() }),
  inFlight: z.int().meta({ description: 'Units held in Redis, on the way to the database' }),
  drift: z.int().meta({ description: 'Units by which the sides disagree; passing under load' }),
  gate: z.enum(['redis', 'database', 'closed']).meta({ description: 'Which side admits buyers now' }),
  loaded: z.boolean().meta({ description: 'Whether Redis has all of it, and no load is under way' }),
  consistent: z.boolean(),
});

const snapshot = snapshotFields.extend({
  lent: z.int().optional()
    .meta({ description: 'Of a sale in segments: units on their way from one to another' }),
  segments: z.array(snapshotFields).optional(),
}).meta({
  id: 'StockSnapshot',
  examples: [{
    saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', total: 100,
    redis: { available: 90, reserved: 1, ordered: 4, sold: 5 },
    database: { allocated: 9, pendingPayment: 4, paid: 5 },
    inFlight: 1, drift: 0, gate: 'redis', loaded: true, consistent: true,
  }],
});

const reconciliationBody = z.strictObject({ saleId: saleIdText.optional() })
  .meta({ id: 'ReconciliationRequest', examples: [{}] });

const item = z.object({ saleId: z.string(), drift: z.int(), repaired: z.int(),
  rebuilt: z.boolean(), driftAfter: z.int(), consistentAfter: z.boolean(), inFlight: z.int(),
  moving: z.boolean().meta({ description: 'The sides differ, but not by the same at both looks' }) });
const sampleItem = { saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', drift: 1, repaired: 1, rebuilt: false,
  driftAfter: 0, consistentAfter: true, inFlight: 0, moving: false };
const lookedAt = item.meta({ id: 'ReconciliationItem', examples: [sampleItem] });

const pastItem = item.extend({ runId: z.string(), cause: z.enum(['schedule', 'operator']),
  startedAt: z.iso.datetime() }).meta({
  id: 'PastReconciliationItem',
  examples: [{ ...sampleItem, runId: 'run_0a1b2c3d4e5f6g7h8j9k', cause: 'schedule',
    startedAt: '2026-01-31T10:00:00.000Z' }],
});

const runsQuery = z.strictObject({ runs: z.coerce.number().int().min(1).max(100).default(20) });

/** Stock from the operator's side: load it, look at both sides, bring them in line. */
@Controller()
@Roles('admin')
export class ReconciliationController {
  constructor(
    private readonly preloads: Preload,
    private readonly snapshots: OfferSnapshots,
    private readonly reconciler: Reconciler,
    private readonly runs: ReconciliationRuns,
  ) {}

  @Post('admin/v1/sales/:saleId/preload')
  @HttpCode(200)
  @Describe({ summary: 'Put a sale on the gate; again, no change', tag: 'stock',
    answers: { 200: { description: 'It is loaded.', schema: loaded } },
    problems: ['NOT_FOUND', 'SALE_STATE_CONFLICT'] })
  preload(@PathId('saleId') saleId: string, @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest) {
    return this.preloads.preload(saleId, originOf(userId, request));
  }

  @Post('admin/v1/preloads')
  @HttpCode(200)
  @Describe({ summary: 'Put several sales on the gate', tag: 'stock',
    answers: { 200: { description: 'All are loaded.', schema: z.array(loaded) } },
    problems: ['NOT_FOUND', 'SALE_STATE_CONFLICT'] })
  async preloadAll(
    @ValidBody(preloadBody) { saleIds }: z.infer<typeof preloadBody>,
    @CurrentUser() { userId }: Identity, @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof loaded>[]> {
    const results = [];
    for (const saleId of saleIds) {
      results.push(await this.preloads.preload(saleId, originOf(userId, request)));
    }
    return results;
  }

  @Get('admin/v1/sales/:saleId/stock')
  @Describe({ summary: 'Both sides of the stock of a sale', tag: 'stock',
    answers: { 200: { description: 'In units.', schema: snapshot } }, problems: ['NOT_FOUND'] })
  stock(@PathId('saleId') saleId: string): Promise<OfferSnapshot> {
    return this.snapshots.of(saleId);
  }

  @Post('admin/v1/reconciliations')
  @HttpCode(200)
  @Describe({ summary: 'Compare both sides now and repair what differs', tag: 'stock',
    answers: { 200: { description: 'What was found, by sale.',
      schema: z.object({ items: z.array(lookedAt) }) } },
    problems: ['NOT_FOUND', 'SALE_STATE_CONFLICT'] })
  async reconcile(@ValidBody(reconciliationBody) { saleId }: z.infer<typeof reconciliationBody>) {
    return { items: await this.reconciler.run('operator', saleId) };
  }

  @Get('admin/v1/reconciliations')
  @Describe({ summary: 'What the latest reconciliations found', tag: 'stock',
    answers: { 200: { description: 'The newest runs first.',
      schema: z.object({ items: z.array(pastItem) }) } } })
  async list(@ValidQuery(runsQuery) { runs }: z.infer<typeof runsQuery>) {
    const latest = await this.runs.list(runs);
    return { items: latest.flatMap(({ id, cause, startedAt, items }) => items.map((found) =>
      ({ ...found, runId: id, cause, startedAt: startedAt.toISOString() }))) };
  }
}
