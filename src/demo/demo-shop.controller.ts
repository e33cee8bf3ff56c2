import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Describe, inlinePageHeaders, PathText, Public, workerHeaders } from '../infra/http';
import { readWorkFile, workFiles, type WorkFile } from './work-files';

/** The page's script, in the sequence of its parts: one module. */
const scriptParts = ['api', 'view', 'captcha', 'buying', 'sales', 'story',
  'afterwards', 'orders', 'page'];

const workFile = z.enum(workFiles);

/** A small shop to try the product with, in one page; it loads only the worker for the captcha. */
@Controller()
@Public()
export class DemoShopController {
  private readonly page: string;
  private readonly headers: Readonly<Record<string, string>>;

  constructor() {
    const style = readShopFile('shop.css');
    const script = scriptParts.map((part) => readShopFile(`${part}.js`)).join('\n');
    const parts: Record<string, string> = { style, script };
    this.page = readShopFile('shop.html')
      .replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
    this.headers = inlinePageHeaders(this.page, { workers: true });
  }

  @Get('demo')
  @Describe({
    summary: 'The demo shop, in the demo only',
    tag: 'demo',
    answers: { 200: { description: 'A page.', otherContent: { 'text/html': z.string() } } },
  })
  shop(@Res({ passthrough: true }) reply: FastifyReply): string {
    void reply.headers(this.headers);
    return this.page;
  }

  @Get('demo/work/:file')
  @Describe({
    summary: 'The worker of the demo shop, which solves a pow captcha, and its parts',
    tag: 'demo',
    answers: { 200: { description: 'A script.', otherContent: { 'text/javascript': z.string() } } },
  })
  work(
    @PathText('file', workFile) file: WorkFile,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string {
    void reply.headers(workerHeaders);
    return readWorkFile(file);
  }
}

function readShopFile(name: string): string {
  return readFileSync(join(__dirname, 'shop', name), 'utf8');
}
