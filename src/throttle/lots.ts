import { hash } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstallationSecrets } from '../infra/database';

/**
 * Lots that are the same on every process of an installation, and that nobody outside can know before
 * they are drawn: who could would come with just those accounts on which they will fall.
 */
@Injectable()
export class Lots implements OnModuleInit {
  private secret = '';

  constructor(private readonly secrets: InstallationSecrets) {}

  async onModuleInit(): Promise<void> {
    this.secret = (await this.secrets.key('lots')).export().toString('hex');
  }

  /** From 0 to 1, always the same for the same text. */
  of(text: string): number {
    if (this.secret === '') throw new Error('Lots are not drawn before the start is over');
    // No HMAC, which costs five times as much: nobody sees the hash, of which 32 bits are compared.
    return hash('sha256', `${this.secret}|${text}`, 'buffer').readUInt32BE() / 2 ** 32;
  }
}
