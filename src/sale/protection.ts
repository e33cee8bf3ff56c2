import { z } from 'zod';
import { requestsPerSecond, throttleWindows } from '../config';

/** Kept and shown as it was written, so that an operator finds his own words again. */
const written = (schema: z.ZodType<unknown, string>, expected: string) => z.string()
  .refine((text) => schema.safeParse(text).success, `Expected ${expected}`);
const windows = written(throttleWindows, 'count/seconds, at most 4 by comma, or off');
const rate = written(requestsPerSecond, 'requests a second from 1 to 9999999, or off');

/**
 * How a sale is guarded against machines. What it does not say follows from the configuration:
 * THROTTLE_USER, THROTTLE_IP, THROTTLE_DEVICE, THROTTLE_SALE, CAPTCHA, RISK.
 */
export const protection = z.strictObject({
  saleToken: z.boolean().optional()
    .meta({ description: 'Only holders of a sale token can buy; without it false' }),
  captcha: z.enum(['off', 'risk', 'always']).optional().meta({
    description: 'off: never asked; risk: asked of buyers who seem risky or try often' }),
  risk: z.enum(['on', 'shadow', 'off']).optional()
    .meta({ description: 'shadow: risk is counted but refuses nobody' }),
  throttle: z.strictObject({
    user: windows.optional(),
    ip: windows.optional(),
    device: windows.optional(),
    sale: rate.optional().meta({ description: 'Requests a second let through to this sale' }),
  }).optional(),
  shedding: z.strictObject({
    share: z.number().min(0).max(0.99)
      .meta({ description: 'Share of the buyers who are told to come back later' }),
    retryAfterSeconds: z.int().min(1).max(60)
      .meta({ description: 'When; then it is drawn anew who may pass' }),
    forSeconds: z.int().min(1).max(3600).meta({ description: 'How long after the opening' }),
  }).optional().meta({ description: 'Early refusal of a random share in the opening rush' }),
});

export type Protection = Readonly<z.infer<typeof protection>>;
