import { z } from 'zod';
import { cursorParameter, pageSchema } from '../../infra/http';
import { defaultRules } from './default-rules';
import type { RuleSetVersion } from './rule-set-store';
import { checkRuleSet, ruleSet } from './rule-set';

const note = z.string().trim().min(1).max(500)
  .meta({ description: 'Why, for whoever reads the versions later' });
const sample = { ...defaultRules, rules: defaultRules.rules.slice(0, 1) };
const sampleVersion =
  { ...sample, version: 4, createdBy: 'operator', createdAt: '2026-01-31T10:00:00.000Z' };

export const newRuleSet = ruleSet.extend({
  note: note.optional(),
  basedOnVersion: z.int().min(0).optional()
    .meta({ description: 'The version that was edited; refused when another is in force by now' }),
}).check(checkRuleSet).meta({ id: 'NewRiskRules', examples: [{ ...sample, basedOnVersion: 3 }] });

export const triedRuleSet = ruleSet.check(checkRuleSet)
  .meta({ id: 'TriedRiskRules', examples: [sample] });

const version = ruleSet.extend({
  version: z.int().meta({ description: '0 is the set that the product ships' }),
  createdBy: z.string(),
  createdAt: z.iso.datetime({ precision: 3 }).optional(),
  note: note.optional(),
}).meta({ id: 'RiskRules', examples: [sampleVersion] });

export const ruleSetVersion = version;
export const versionQuery = z.strictObject({ cursor: cursorParameter });
export const versionPage = pageSchema(version).meta({
  id: 'RiskRulesPage',
  examples: [{
    items: [{ ...sampleVersion, note: 'A dormitory shares one address' }],
    nextCursor: null,
  }],
});

const actionCounts = z.object({ pass: z.int(), captcha: z.int(), refuse: z.int() });
const rating = z.object({ action: z.enum(['pass', 'captcha', 'refuse']), score: z.number() });

export const dryRunResult = z.object({
  requests: z.int().meta({ description: 'Rated attempts of the last hour, estimated' }),
  sampled: z.int().meta({ description: 'How many of them were looked at' }),
  sampledShare: z.number().meta({ description: 'By which the counts were scaled' }),
  actions: z.object({ before: actionCounts, after: actionCounts }),
  rules: z.array(z.object({ rule: z.string(), matches: z.int() })),
  changed: z.array(z.object({
    userId: z.string(), saleId: z.string(), before: rating, after: rating,
  })).meta({ description: 'Attempts that would have ended otherwise, at most 20' }),
}).meta({
  id: 'RiskDryRun',
  examples: [{
    requests: 1200, sampled: 1200, sampledShare: 1,
    actions: { before: { pass: 1200, captcha: 0, refuse: 0 },
      after: { pass: 1190, captcha: 8, refuse: 2 } },
    rules: [{ rule: 'many-purchases', matches: 2 }],
    changed: [{ userId: 'mallory', saleId: 'sale_0a1b2c3d4e5f6g7h8j9k',
      before: { action: 'pass', score: 0.3 }, after: { action: 'refuse', score: 0.8 } }],
  }],
});

export function viewOfVersion({ version: number, set, createdBy, createdAtMs, note: why }:
RuleSetVersion): z.infer<typeof version> {
  return {
    version: number, createdBy,
    ...(createdAtMs !== undefined && { createdAt: new Date(createdAtMs).toISOString() }),
    ...(why !== undefined && { note: why }),
    ...set,
  };
}
