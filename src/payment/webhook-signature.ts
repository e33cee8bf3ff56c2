import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { Webhook } from 'standardwebhooks';
import { APP_CONFIG, type AppConfig } from '../config';
import { ProblemError } from '../kernel';

/** The column that remembers ids is this wide; an id longer than that is nobody's. */
const idPattern = /^[\x21-\x7e]{1,255}$/;
/** Each signature of the list costs work, and whoever sends it is not known yet: room for ten. */
const signatureBytesAtMost = 512;

/**
 * Signatures of webhooks over the exact bytes of the body (source: the Standard Webhooks
 * specification; timestamps may be off by five minutes).
 */
@Injectable()
export class WebhookSignature {
  private readonly webhook: Webhook;

  constructor(@Inject(APP_CONFIG) config: AppConfig) {
    this.webhook = new Webhook(config.paymentWebhookSecret);
  }

  /** The webhook's id. Throws UNAUTHENTICATED when the signature is missing, wrong or too old. */
  verify(headers: IncomingHttpHeaders, rawBody: Buffer | undefined): string {
    const id = headers['webhook-id'];
    try {
      if (typeof id !== 'string' || !idPattern.test(id)) throw new Error('No usable webhook-id');
      if ((headers['webhook-signature']?.length ?? 0) > signatureBytesAtMost) {
        throw new Error('Too many signatures');
      }
      this.webhook.verify(rawBody ?? '', headers as Record<string, string>, { jsonParse: false });
      return id;
    } catch (cause) {
      throw new ProblemError('UNAUTHENTICATED',
        'Sign the raw body: webhook-id, webhook-timestamp (now) and webhook-signature.', { cause });
    }
  }

  /** The headers that go with this body now. */
  sign(id: string, body: string): Record<string, string> {
    const now = new Date();
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': this.webhook.sign(id, now, body),
    };
  }
}
