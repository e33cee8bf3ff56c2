import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Answers JSON that anybody may keep for a second, under a strong ETag; 304 without a body when the
 * caller has it already (RFC 9110, If-None-Match). Return the result from a passthrough handler.
 */
export function cacheableAnswer(
  request: FastifyRequest, reply: FastifyReply, body: object,
): string | undefined {
  const text = JSON.stringify(body);
  const etag = `"${hash('sha1', text, 'base64url')}"`;
  reply.headers({ 'etag': etag, 'cache-control': 'public, max-age=1' });
  if (hasTag(request.headers['if-none-match'], etag)) {
    reply.code(304);
    return undefined;
  }
  reply.type('application/json; charset=utf-8');
  return text;
}

function hasTag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  // A cache on the way may have made the tag weak; for a read that is the same.
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
