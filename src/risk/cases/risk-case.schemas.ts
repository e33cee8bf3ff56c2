import { z } from 'zod';
import { cursorParameter, pageSchema } from '../../infra/http';
import { orderStatusSchema, type Order } from '../../order';
import { offerOf } from '../../sale';
import type { RiskCase } from './risk-case';

const timestamp = z.iso.datetime({ precision: 3 });
const statuses = ['open', 'dismissed', 'banned'] as const;

export const caseQuery = z.strictObject({
  cursor: cursorParameter,
  status: z.enum(statuses).optional().meta({ description: 'Only cases in this status' }),
});

export const decisionBody = z.strictObject({
  decision: z.enum(['dismiss', 'ban']),
  note: z.string().min(1).max(500).optional().meta({ description: 'Why, for the next reviewer' }),
}).meta({ id: 'CaseDecision', examples: [{ decision: 'dismiss', note: 'Office behind one address' }] });

const caseFields = z.object({
  id: z.string(),
  userId: z.string(),
  saleId: z.string(),
  score: z.number(),
  status: z.enum(statuses),
  evidence: z.looseObject({}).meta({ description: 'Signals and rules at the time, ip, device' }),
  openedAt: timestamp,
  decidedAt: timestamp.optional(),
  decidedBy: z.string().optional(),
  note: z.string().optional(),
});

const caseOrder = z.object({
  id: z.string(),
  saleId: z.string(),
  quantity: z.int(),
  status: orderStatusSchema,
  createdAt: timestamp,
  deviceId: z.string().optional(),
  reason: z.string().optional(),
});

const sample = {
  id: 'case_0a1b2c3d4e5f6g7h8j9k', userId: 'mallory', saleId: 'sale_0a1b2c3d4e5f6g7h8j9k',
  score: 0.8, status: 'open' as const,
  evidence: { ip: '203.0.113.7', traceId: '4bf92f3577b34da6a3ce929d0e0e4736', assessment: {
    score: 0.8, findings: [{ rule: 'many-devices', score: 0.4, mode: 'on' }] } },
  openedAt: '2026-01-31T10:00:00.000Z',
};
const orderSample = {
  id: 'AB0123456789abcdefghjkmnpqrstvwx', saleId: sample.saleId, quantity: 1,
  status: 'frozen' as const, createdAt: '2026-01-31T10:00:00.000Z',
};

const riskCase = caseFields.meta({ id: 'RiskCase', examples: [sample] });

export const riskCasePage = pageSchema(riskCase)
  .meta({ id: 'RiskCasePage', examples: [{ items: [sample], nextCursor: null }] });

export const reviewedCase = caseFields.extend({
  orders: z.array(caseOrder),
  earlierCases: z.array(riskCase),
}).meta({ id: 'ReviewedCase',
  examples: [{ ...sample, orders: [orderSample], earlierCases: [] }] });

export const decidedCase = caseFields.extend({
  thawed: z.array(caseOrder),
  cancelled: z.array(caseOrder),
}).meta({ id: 'DecidedCase', examples: [{ ...sample, status: 'dismissed' as const,
  thawed: [{ ...orderSample, status: 'pending_payment' as const }], cancelled: [] }] });

export function viewOfCase(riskCase: RiskCase) {
  const { id, userId, saleId, score, status, evidence, openedAtMs, decidedAtMs, decidedBy, note }
    = riskCase;
  return {
    id, userId, saleId, score, status, evidence,
    openedAt: new Date(openedAtMs).toISOString(),
    ...(decidedAtMs !== undefined && { decidedAt: new Date(decidedAtMs).toISOString() }),
    ...(decidedBy !== undefined && { decidedBy }),
    ...(note !== undefined && { note }),
  } satisfies z.infer<typeof caseFields>;
}

export function viewOfOrder({ id, saleId, quantity, status, reservedAt, deviceId, reason }: Order) {
  return {
    id, saleId: offerOf(saleId), quantity, status, createdAt: reservedAt.toISOString(),
    ...(deviceId !== undefined && { deviceId }),
    ...(reason !== undefined && { reason }),
  } satisfies z.infer<typeof caseOrder>;
}
