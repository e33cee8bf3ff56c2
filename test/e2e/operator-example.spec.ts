import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TestProduct } from '../support/product';

const run = promisify(execFile);
const page = readFileSync(join(__dirname, '../../docs/selling.md'), 'utf8');
const commands = [...page.matchAll(/```sh\n([^]*?)```/g)].map(([, block = '']) => block).join('');

describe('the commands of docs/selling.md', () => {
  let product: TestProduct;

  beforeAll(async () => { product = await TestProduct.start(); });
  afterAll(() => product.stop());

  it('make a sale, load it, take units out, pause it, and show who decided what', async () => {
    const given = { B: product.url, ADMIN: product.client.tokenOf({ userId: 'olga', roles: ['admin'] }) };
    const script = Object.entries(given).reduce((text, [name, value]) =>
      text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}='${value}'`), commands);
    const { stdout, stderr } = await run('bash',
      ['--norc', '-euo', 'pipefail', '-c', `${script}printf '\\n%s' $SALE`],
      { env: { PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` }, timeout: 120_000 });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/"available":1000\}[^]*"loaded":true[^]*"delta":-50\}[^]*"state":"paused"/);
    expect(stdout).toMatch(/'sale\.pause',\s+'stock\.adjust',\s+'sale\.activate',\s+'sale\.create'/);
    const saleId = stdout.trim().split('\n').at(-1) ?? '';
    expect(await product.client.stock(saleId)).toMatchObject(
      { total: 950, redis: { available: 950 }, drift: 0, consistent: true });
  });
});
