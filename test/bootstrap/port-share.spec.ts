import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const serversModule = resolve(__dirname, '../../tools/lib/servers.mjs');
// As a run of tests does before it starts its workers; it lives until its input ends.
const claimant = `
  import { spawnSync } from 'node:child_process';
  import { claimPortShare } from ${JSON.stringify(serversModule)};
  const TEST_PORT_SHARE = String(await claimPortShare());
  const worker = "import(" + ${JSON.stringify(JSON.stringify(serversModule))} + ")"
    + ".then(async ({ freePort }) => console.log(await freePort()))";
  const ports = ['1', '9'].map((JEST_WORKER_ID) => spawnSync(process.execPath, ['-e', worker],
    { env: { TEST_PORT_SHARE, JEST_WORKER_ID }, encoding: 'utf8' }).stdout.trim());
  console.log(JSON.stringify([TEST_PORT_SHARE, ...ports]));
  process.stdin.resume();`;

/** Its share, and a port that its first and its last worker would take. */
async function claim() {
  const child = spawn(process.execPath, ['--input-type=module', '-e', claimant],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'close');
  const [text] = await once(child.stdout, 'data') as [Buffer];
  const [share = NaN, ...ports] = (JSON.parse(String(text)) as string[]).map(Number);
  return { share, ports, end: () => { child.stdin.end(); return gone; } };
}

it('runs of tests at once on a machine take no port from each other, nor do their workers', async () => {
  const [one, other] = [await claim(), await claim()];
  const parts = [...one.ports, ...other.ports].map((port) => Math.floor(port / 400));
  expect(one.share).not.toBe(other.share);
  expect(new Set(parts).size).toBe(4);
  expect(Math.max(...one.ports, ...other.ports)).toBeLessThan(32_768);
  await one.end();
  const next = await claim();
  expect(next.share).not.toBe(other.share);
  await Promise.all([other.end(), next.end()]);
});
