import { connect } from 'node:net';
import type { Identity } from '../../../src/auth';
import { Database } from '../../../src/infra/database';
import type { Method } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { operationsOf } from '../../support/operations';
import { TestProduct } from '../../support/product';

let product: TestProduct;
let routes: { method: Method; path: string }[];

beforeAll(async () => {
  product = await TestProduct.start({ DEMO: 'true' });
  routes = (await operationsOf(product.client)).filter(({ path }) => path.startsWith('/admin/'));
});
afterAll(() => product.stop());

const concrete = (path: string) => path.replaceAll(/\{\w+\}/g, 'something');

/** The status of a request whose path is sent just as it is written here. */
async function rawStatus(method: Method, path: string, more: Record<string, string> = {}) {
  const { hostname, port } = new URL(product.url);
  const socket = connect(Number(port), hostname).setEncoding('latin1');
  const headers = { 'Host': 'shop', 'Connection': 'close',
    'Authorization': `Bearer ${product.client.tokenOf('alice')}`, ...more };
  socket.end(`${method} ${path} HTTP/1.1\r\n${
    Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  return new Promise<number>((resolve) => {
    let text = '';
    socket.on('data', (chunk: string) => { text += chunk; });
    socket.on('error', () => undefined); // what came before it counts
    socket.on('close', () => { resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])); });
  });
}

async function decisions(): Promise<number> {
  const [row] = await product.get(Database).query<{ count: number }>(
    "SELECT COUNT(*) AS count FROM audit_log WHERE actor <> 'demo seed'");
  return row?.count ?? NaN;
}

describe('a buyer at the routes of operators', () => {
  it('finds every one of them in the document', () => {
    expect(routes.length).toBeGreaterThan(15);
  });

  it('is forbidden each of them, whatever he sends', async () => {
    for (const { method, path } of routes) {
      for (const raw of [undefined, '{}', '{"roles":["admin"]}']) {
        const answer = await product.client.call(method, concrete(path),
          { as: 'alice', ...(method !== 'GET' && { raw }), headers: { 'idempotency-key': 'k' } });
        expect([method, path, answer.status]).toEqual([method, path, 403]);
        expectProblem(answer, 'FORBIDDEN');
      }
    }
  });

  it('is asked for a token at each of them without one', async () => {
    for (const { method, path } of routes) {
      expectProblem(await product.client.call(method, concrete(path)), 'UNAUTHENTICATED');
    }
  });

  it('gains nothing by a role that is none', async () => {
    const roles = ['Admin', 'ADMIN', 'admin ', 'root'] as unknown as Identity['roles'];
    for (const { method, path } of routes) {
      const { status } = await product.client.call(method, concrete(path),
        { as: { userId: 'alice', roles } });
      expect([path, status]).toEqual([path, 403]);
    }
  });

  it.each<[string, (path: string) => string]>([
    ['two slashes', (path) => `/${path}`],
    ['two slashes inside', (path) => path.replace('/v1', '//v1')],
    ['another case', (path) => path.replace('/admin', '/ADMIN')],
    ['a dot segment', (path) => `/v1/..${path}`],
    ['a dot', (path) => path.replace('/v1', '/./v1')],
    ['an encoded dot segment', (path) => `/v1/%2e%2e${path}`],
    ['an encoded letter', (path) => path.replace('/admin', '/%61dmin')],
    ['an encoded slash', (path) => path.replace('/v1', '%2Fv1')],
    ['a path parameter', (path) => path.replace('/admin', '/admin;a=b')],
    ['a slash at the end', (path) => `${path}/`],
    ['a backslash', (path) => path.replace('/v1', '\\v1')],
    ['a role in the query', (path) => `${path}?role=admin&roles[]=admin`],
    ['a whole URL', (path) => `http://127.0.0.1${path}`],
  ])('does not come in by %s', async (_trick, spell) => {
    for (const { method, path } of routes) {
      const status = await rawStatus(method, spell(concrete(path)));
      expect([path, status, [400, 403, 404, 405].includes(status)]).toEqual([path, status, true]);
    }
  });

  it('does not come in by headers that other servers believe', async () => {
    for (const { method, path } of routes) {
      for (const name of ['X-HTTP-Method-Override', 'X-Original-URL', 'X-Rewrite-URL']) {
        const value = name.endsWith('URL') ? path : method;
        const status = await rawStatus('GET', '/v1/time', { [name]: value });
        expect([name, status]).toEqual([name, 200]);
      }
      const status = await rawStatus(method, concrete(path), { 'X-Forwarded-For': '127.0.0.1',
        'X-User-Id': 'operator', 'X-Roles': 'admin', 'X-Original-URL': '/v1/time' });
      expect([path, status]).toEqual([path, 403]);
    }
  });

  it('has decided nothing', async () => {
    expect(await decisions()).toBe(0);
  });
});
