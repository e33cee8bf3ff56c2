import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answerProblem } from '../http';
import { Overload } from './overload';

/** As long as the answers themselves allow. */
const freshMs = 1_000;
/** An answer that is older is worse than none. */
const keptMs = 10_000;
const answersAtMost = 1_000;
/** So many reads a second that memory cannot answer pass all the same, so that it learns. */
const lessonsPerSecond = 10;
const retryAfterSeconds = 2;

interface KeptAnswer {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly atMs: number;
  /** When somebody was last let through to renew it. */
  renewedAtMs: number;
}

/**
 * Keeps what public reads were answered, by URL. While the process is busy they are answered with
 * that, before Nest sees them, and renewed once a second; what is not known is told to come back.
 */
@Injectable()
export class BusyReads implements OnModuleInit {
  private readonly answers = new Map<string, KeptAnswer>();
  /** Answered from memory: that is nothing new to keep. */
  private readonly recalled = new WeakSet<FastifyRequest>();
  private lessons = { second: 0, taken: 0 };

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly overload: Overload,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onRequest', (request, reply, done) => {
      if (!this.overload.reads.isOpen || !isShed(request)) done();
      else this.judge(request, reply, done);
    });
    server.addHook('onSend', (request, reply, payload, done) => {
      if (isShed(request) && reply.statusCode === 200 && typeof payload === 'string'
        && !this.recalled.has(request)) {
        this.keep(request.url, reply, payload);
      }
      done(null, payload);
    });
  }

  private judge(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const nowMs = performance.now();
    const answer = this.answers.get(request.url);
    const isKnown = answer !== undefined && nowMs - answer.atMs < keptMs;
    const isOwn = isKnown && (nowMs - answer.atMs < freshMs || nowMs - answer.renewedAtMs < freshMs);
    if (isOwn) {
      this.recalled.add(request);
      send(answer, request, reply);
    } else if (isKnown || this.mayLearn(nowMs)) {
      if (isKnown) answer.renewedAtMs = nowMs;
      // Memory would learn nothing from a 304.
      delete request.headers['if-none-match'];
      done();
    } else answerProblem(this.overload.refuse('read', retryAfterSeconds), request, reply);
  }

  private mayLearn(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (this.lessons.second !== second) this.lessons = { second, taken: 0 };
    this.lessons.taken += 1;
    return this.lessons.taken <= lessonsPerSecond;
  }

  private keep(url: string, reply: FastifyReply, body: string): void {
    // Anybody can make up queries: such answers are not asked for twice.
    if (url.includes('?')) return;
    // Put at the end again, so that the oldest is the first to go.
    this.answers.delete(url);
    const atMs = performance.now();
    this.answers.set(url, { body, atMs, renewedAtMs: atMs,
      headers: Object.fromEntries(['content-type', 'cache-control', 'etag'].flatMap((name) => {
        const value = reply.getHeader(name);
        return typeof value === 'string' ? [[name, value]] : [];
      })) });
    const [oldest] = this.answers.keys();
    if (this.answers.size > answersAtMost && oldest !== undefined) this.answers.delete(oldest);
  }
}

function isShed(request: FastifyRequest): boolean {
  return request.routeOptions.config.shedWhenBusy === true;
}

function send({ body, headers }: KeptAnswer, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(headers);
  if (headers['etag'] !== undefined && request.headers['if-none-match'] === headers['etag']) {
    void reply.code(304).removeHeader('content-type').send();
  } else void reply.send(body);
}
