import { createHmac, hash, type KeyObject } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstallationSecrets } from '../infra/database';
import { encodeBase32, remember } from '../kernel';

const routingLength = 2;
const saleHintLength = 4;
const uniqueLength = 26;
/** As many as have that many characters in them. */
const uniqueBytes = Math.ceil(uniqueLength * 5 / 8);
/** In no id but one that a service made: base32 has no such character. */
const beforeService = '_';
const serviceBytes = 15;

/**
 * Makes the one id of a reservation and its order: 2 characters that place it with its user,
 * 4 that hint at its sale, and 26 (130 bits) of an HMAC over user, sale and Idempotency-Key.
 * The same on every retry and in every process, unguessable for anybody else. Its secret lives in
 * the database, as long as the orders do.
 */
@Injectable()
export class ReservationIds implements OnModuleInit {
  private secret: KeyObject | undefined;

  constructor(private readonly secrets: InstallationSecrets) {}

  async onModuleInit(): Promise<void> {
    this.secret = await this.secrets.key('reservation-id');
  }

  /** The id for this user, sale and key; 32 characters. */
  of(userId: string, saleId: string, key: string): string {
    if (this.secret === undefined) throw new Error('Ids are not made before the start is over');
    // Lengths first, so that no two triples are the same text.
    const unique = createHmac('sha256', this.secret)
      .update(`${userId.length}:${userId}|${saleId.length}:${saleId}|${key}`).digest();
    return prefix(userId, routingLength) + saleHint(saleId)
      + encodeBase32(unique.subarray(0, uniqueBytes)).slice(0, uniqueLength);
  }

  /**
   * The id of what a service tries for this user; 57 characters. Its end names the service, so that
   * the id alone says whose it is, and no Idempotency-Key of anybody else leads to it.
   */
  ofService(service: string, userId: string, saleId: string, key: string): string {
    return this.of(userId, saleId, key) + endOfService(service);
  }
}

/** Whether a service made this reservation: then the service alone confirms and cancels it. */
export function isOfService(rid: string): boolean {
  return rid.includes(beforeService);
}

/** Whether this service made this reservation. */
export function isMadeBy(service: string, rid: string): boolean {
  return rid.endsWith(endOfService(service));
}

function endOfService(service: string): string {
  return beforeService
    + encodeBase32(hash('sha256', service, 'buffer').subarray(0, serviceBytes));
}

/** The part of an id that all reservations of a sale share: finds the sale before there is a row. */
export const saleHint = remember((saleId: string) => prefix(saleId, saleHintLength));

/** The sale hint inside an id. */
export function saleHintOf(rid: string): string {
  return rid.slice(routingLength, routingLength + saleHintLength);
}

function prefix(text: string, length: number): string {
  return encodeBase32(hash('sha256', text, 'buffer').subarray(0, 5)).slice(0, length);
}
