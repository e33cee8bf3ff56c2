import ts from 'typescript';
import { problems } from '../../src/kernel';
import { nodesOf, parse } from './source';

/** What the contract promises of the parts that are built; names and statuses may not change. */
const promised: Record<string, number> = {
  VALIDATION_FAILED: 400, IDEMPOTENCY_KEY_MISSING: 400, UNAUTHENTICATED: 401, FORBIDDEN: 403,
  NOT_FOUND: 404, METHOD_NOT_ALLOWED: 405, SOLD_OUT: 409, LIMIT_EXCEEDED: 409, SALE_NOT_OPEN: 409,
  SALE_CLOSED: 409, ORDER_STATE_CONFLICT: 409, PAYMENT_TOO_LATE: 409, BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415, IDEMPOTENCY_KEY_REUSED: 422, SALE_PAUSED: 503,
  TEMPORARILY_UNAVAILABLE: 503,
};

describe('the catalogue of problems', () => {
  it('has every code of the contract with its status', () => {
    const statuses = Object.entries(problems).map(([code, { status }]) => [code, status]);
    expect(Object.fromEntries(statuses)).toMatchObject(promised);
  });

  it('has no code that nothing answers with', () => {
    const used = new Set(parse('src')
      .filter(({ path }) => path !== 'src/kernel/problems.ts' && !path.endsWith('.spec.ts'))
      .flatMap(({ syntax }) => [...nodesOf(syntax)].filter(isAnswered)));
    const texts = new Set([...used].map((node) => (node as ts.StringLiteral).text));
    expect(Object.keys(problems).filter((code) => !texts.has(code))).toEqual([]);
  });
});

/** A text in the program itself: not in a type, and not in the list that documents a route. */
function isAnswered(node: ts.Node): boolean {
  if (!ts.isStringLiteral(node) || ts.isLiteralTypeNode(node.parent)) return false;
  const list = ts.isArrayLiteralExpression(node.parent) ? node.parent.parent : undefined;
  return !(list && ts.isPropertyAssignment(list) && list.name.getText() === 'problems');
}
