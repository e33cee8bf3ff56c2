import { randomUUID } from 'node:crypto';
import type { Identity } from '../../src/auth';
import type { ReservationView } from '../../src/tcc/tcc.schemas';
import type { TestClient } from './client';
import { until } from './until';

export interface TryOptions {
  userId: string;
  quantity?: number;
  timeLimitSeconds?: number;
  key?: string;
}

/** A shop's own order service, which reserves for its users. */
export class TestService {
  private readonly identity: Identity;

  constructor(private readonly client: TestClient, name: string) {
    this.identity = { userId: name, roles: ['service'] };
  }

  try(saleId: string, options: TryOptions) {
    return this.byKey(saleId, 'try', options);
  }

  /** A call that names the reservation by what was tried. */
  byKey(saleId: string, call: 'try' | 'confirm' | 'cancel',
    { key = randomUUID(), quantity = 1, ...body }: TryOptions) {
    return this.client.call<ReservationView>('POST', `/tcc/v1/sales/${saleId}/${call}`,
      { as: this.identity, body: { quantity, ...body }, headers: { 'idempotency-key': key } });
  }

  /** Tries as a service does: with its key again until there is an answer other than "come back". */
  answerTo(saleId: string, options: TryOptions) {
    const request = { key: randomUUID(), ...options };
    return until('the Try has an answer', async () => {
      const answer = await this.try(saleId, request);
      return answer.status !== 503 && answer;
    }, 60_000);
  }

  /** The reservation; throws unless it was made. */
  async tried(saleId: string, options: TryOptions): Promise<ReservationView> {
    const { status, body, text } = await this.answerTo(saleId, options);
    if (status !== 201) throw new Error(`Nothing was tried: ${text}`);
    return body;
  }

  find(id: string) {
    return this.client.call<ReservationView>('GET', `/tcc/v1/reservations/${id}`,
      { as: this.identity });
  }

  end(id: string, call: 'confirm' | 'cancel') {
    return this.client.call<ReservationView>('POST', `/tcc/v1/reservations/${id}/${call}`,
      { as: this.identity });
  }
}
