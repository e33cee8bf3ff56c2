import { z } from 'zod';

/**
 * How a sale is guarded against machines. The layers themselves are not built yet: asking for one
 * is refused, so that nobody believes in a protection that is not there.
 */
export const protection = z.strictObject({
  saleToken: z.literal(false, 'Sale tokens are not available yet: send false').optional(),
  captcha: z.literal('off', 'Captchas are not available yet: send "off"').optional(),
});

export type Protection = Readonly<z.infer<typeof protection>>;
