import { createHmac, randomInt, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstallationSecrets } from '../infra/database';
import { alphabet } from './image/glyphs';
import { drawPicture } from './image/picture';

const characters = 5;

/** A text drawn as a picture: what only eyes, or good software, can read. */
@Injectable()
export class ImageCaptcha implements OnModuleInit {
  private secret: KeyObject | undefined;

  constructor(private readonly secrets: InstallationSecrets) {}

  async onModuleInit(): Promise<void> {
    this.secret = await this.secrets.key('captcha-image');
  }

  /** A new picture as a data URL, and what tells the right answer to challenge `id`. */
  pose(id: string, text = randomText()): { image: string; proof: string } {
    const image = `data:image/png;base64,${drawPicture(text).toString('base64')}`;
    return { image, proof: this.proofOf(id, text).toString('base64url') };
  }

  /** True when the answer is the text of the picture; case and spaces do not matter. */
  isSolved(id: string, proof: string, answer: string): boolean {
    const text = answer.replace(/\s/g, '').toUpperCase();
    return timingSafeEqual(this.proofOf(id, text), Buffer.from(proof, 'base64url'));
  }

  private proofOf(id: string, text: string): Buffer {
    if (this.secret === undefined) throw new Error('No captcha is posed before the start is over');
    return createHmac('sha256', this.secret).update(`${id}:${text}`).digest();
  }
}

function randomText(): string {
  return Array.from({ length: characters }, () => alphabet[randomInt(alphabet.length)]).join('');
}
