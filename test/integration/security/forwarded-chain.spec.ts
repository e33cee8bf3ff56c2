import { request } from 'node:http';
import { HttpTestApplication } from '../../support/http-test-application';

/** Whom the product takes the caller for who sends these header lines, as they are. */
async function addressSeen(test: HttpTestApplication, lines: Record<string, string | string[]>) {
  const outgoing = request(`${test.url}/who`, { headers: lines });
  const text = new Promise<string>((resolve, reject) => {
    outgoing.on('error', reject).on('response', (incoming) => {
      incoming.setEncoding('utf8').on('data', resolve);
    });
  });
  outgoing.end();
  return (JSON.parse(await text) as { ip: string }).ip;
}

describe('behind a trusted proxy the caller', () => {
  let test: HttpTestApplication;

  beforeAll(async () => {
    test = await HttpTestApplication.start({ TRUST_PROXY: '127.0.0.1,10.0.0.0/8,2001:db8::/32' });
  });
  afterAll(() => test.application.close());

  it.each<[string, Record<string, string | string[]>, string]>([
    ['is whom the proxy names', { 'x-forwarded-for': '203.0.113.7' }, '203.0.113.7'],
    ['is the rightmost who is no proxy, whatever he wrote before himself',
      { 'x-forwarded-for': '1.1.1.1, 198.51.100.2, 203.0.113.7' }, '203.0.113.7'],
    ['is found behind several proxies',
      { 'x-forwarded-for': '1.1.1.1, 203.0.113.7, 10.1.2.3, 10.3.2.1' }, '203.0.113.7'],
    ['is not one of the proxies that he claims to have come through',
      { 'x-forwarded-for': '8.8.8.8, 10.0.0.1, 203.0.113.7' }, '203.0.113.7'],
    ['is read whatever the header\'s case', { 'X-FORWARDED-FOR': '203.0.113.7' }, '203.0.113.7'],
    ['is in the last of several headers',
      { 'X-Forwarded-For': ['1.1.1.1', '203.0.113.7'] }, '203.0.113.7'],
    ['may have IPv6', { 'x-forwarded-for': '2001:4860::7, 2001:db8::1' }, '2001:4860::7'],
    ['is the proxy where the last entry is no address',
      { 'x-forwarded-for': '203.0.113.7, unknown' }, '127.0.0.1'],
    ['is not who other headers say', { 'x-real-ip': '1.1.1.1', 'forwarded': 'for=1.1.1.1',
      'true-client-ip': '1.1.1.1', 'x-client-ip': '1.1.1.1' }, '127.0.0.1'],
  ])('%s', async (_rule, lines, ip) => {
    expect(await addressSeen(test, lines)).toBe(ip);
  });
});

describe('without a trusted proxy the caller', () => {
  it.each<Record<string, string | string[]>>([
    { 'x-forwarded-for': '203.0.113.7' }, { 'X-FORWARDED-FOR': '203.0.113.7' },
    { 'X-Forwarded-For': ['1.1.1.1', '127.0.0.1, 203.0.113.7'] },
    { 'x-forwarded-for': '127.0.0.1' }, { 'forwarded': 'for=203.0.113.7' },
  ])('is the peer, whatever he writes: %j', async (lines) => {
    const test = await HttpTestApplication.start({ TRUST_PROXY: '' });
    expect(await addressSeen(test, lines)).toBe('127.0.0.1');
    await test.application.close();
  });
});
