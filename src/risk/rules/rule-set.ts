import { z } from 'zod';
import { signalNames } from '../signals';

const conditionsAtMost = 10;
const rulesAtMost = 50;
const slug = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Whole thousandths, so that 0.3 and 0.1 are 0.4. */
const thousandths = (most: number) => z.number().min(0).max(most)
  .refine((score) => Number(score.toFixed(3)) === score, 'At most three digits after the point');

const condition = z.strictObject({
  signal: z.enum(signalNames),
  op: z.enum(['>', '>=', '<', '<=', '=']),
  value: z.number().min(-1e12).max(1e12),
});
const conditions = z.array(condition).min(1).max(conditionsAtMost).optional();

const rule = z.strictObject({
  id: z.string().regex(slug).max(64)
    .meta({ description: 'Lower-case words with hyphens; a label of the metrics' }),
  description: z.string().min(1).max(300).meta({ description: 'Why it is suspicious' }),
  when: z.strictObject({
    all: conditions.meta({ description: 'Every one must hold' }),
    any: conditions.meta({ description: 'At least one must hold' }),
  }).refine(({ all, any }) => all !== undefined || any !== undefined, 'Give all, any, or both'),
  score: thousandths(1).meta({ description: 'Added to the score when it holds' }),
  captcha: z.boolean().optional()
    .meta({ description: 'Asks for a captcha when it holds, whatever the score' }),
  mode: z.enum(['on', 'shadow', 'off'])
    .meta({ description: 'shadow: found and counted, but adds nothing to the score' }),
});

/** What operators decide about risk: JSON in the database, in the API and in the shipped set. */
export const ruleSet = z.strictObject({
  rules: z.array(rule).max(rulesAtMost),
  refuseAbove: thousandths(rulesAtMost)
    .meta({ description: 'A higher score is refused; the same score is not' }),
  captchaAbove: thousandths(rulesAtMost)
    .meta({ description: 'A higher score is asked for a captcha; the same score is not' }),
  captchaAfterAttemptsPerMinute: z.int().min(1).max(10_000)
    .meta({ description: 'More attempts of one user in a minute are asked for a captcha' }),
});

export type RuleSet = Readonly<z.infer<typeof ruleSet>>;
export type Rule = z.infer<typeof rule>;
export type Condition = z.infer<typeof condition>;

/** What the fields of a set say only together, for a schema that is made of its shape. */
export function checkRuleSet({ value, issues }: z.core.ParsePayload<RuleSet>): void {
  const refuse = (path: (string | number)[], message: string) => {
    issues.push({ code: 'custom', input: value, path, message });
  };
  const ids = value.rules.map(({ id }) => id);
  ids.forEach((id, index) => {
    if (ids.indexOf(id) < index) refuse(['rules', index, 'id'], 'Another rule has this id');
  });
  if (value.captchaAbove > value.refuseAbove) {
    refuse(['captchaAbove'], 'At most refuseAbove: who is refused is asked for no captcha');
  }
}
