import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Describe, Public } from '../infra/http';

/** The page's script, in the sequence of its parts: one module. */
const scriptParts = ['api', 'view', 'sales', 'orders', 'page'];

/** A small shop to try the product with, in one page that loads nothing from anywhere. */
@Controller()
@Public()
export class DemoShopController {
  private readonly page: string;
  private readonly policy: string;

  constructor() {
    const style = readShopFile('shop.css');
    const script = scriptParts.map((part) => readShopFile(`${part}.js`)).join('\n');
    const parts: Record<string, string> = { style, script };
    this.page = readShopFile('shop.html')
      .replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
    this.policy = `default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; `
      + `form-action 'none'; frame-ancestors 'none'; style-src '${hashOf(style)}'; `
      + `script-src '${hashOf(script)}'`;
  }

  @Get('demo')
  @Describe({
    summary: 'The demo shop, in the demo only',
    tag: 'demo',
    answers: { 200: { description: 'A page.', otherContent: { 'text/html': z.string() } } },
  })
  shop(@Res({ passthrough: true }) reply: FastifyReply): string {
    void reply.headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': this.policy,
      'referrer-policy': 'no-referrer',
    });
    return this.page;
  }
}

function readShopFile(name: string): string {
  return readFileSync(join(__dirname, 'shop', name), 'utf8');
}

/** Content Security Policy's name for an inline element with exactly this text. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
