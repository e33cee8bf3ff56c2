import type { OutboxEntry, Reservation } from '../stock';

/** A live reservation as the outbox carried it; where it came from is no longer known. */
export function toOutboxEntry(reservation: Reservation): OutboxEntry {
  const { rid, userId, quantity, fingerprint, epoch, seq, reservedAtMs } = reservation;
  return { rid, userId, quantity, fingerprint, epoch, seq, reservedAtMs, traceId: '0'.repeat(32),
    ip: '' };
}
