import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from './database';

/**
 * Secrets that the product makes for itself once and that every process shares: they live in the
 * database, as long as what they signed.
 */
@Injectable()
export class InstallationSecrets {
  constructor(private readonly database: Database) {}

  /**
   * The 32 bytes under this name, made on first use. A key object: making one anew of the bytes
   * costs four times an HMAC itself.
   */
  async key(name: string): Promise<KeyObject> {
    await this.database.execute('INSERT IGNORE INTO installation_secrets (name, value) VALUES (?, ?)',
      [name, randomBytes(32)]);
    const [row] = await this.database.query<{ value: Buffer }>(
      'SELECT value FROM installation_secrets WHERE name = ?', [name]);
    if (!row) throw new Error(`The secret ${name} is missing from the database.`);
    return createSecretKey(row.value);
  }
}
