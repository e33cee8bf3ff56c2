import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const environmentModule = pathToFileURL(join(__dirname, '../../tools/lib/environment.mjs')).href;
const program = `import(${JSON.stringify(environmentModule)}).then(({ productEnvironment }) =>
  process.stdout.write(productEnvironment(process.argv[1], {}).DEMO))`;

describe('DEMO of npm start, with which anybody may log in as anybody', () => {
  let folder: string;

  beforeAll(() => { folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-demo-')); });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  const demoWith = async (environment: Record<string, string>) =>
    (await promisify(execFile)(process.execPath, ['-e', program, folder], { env: environment })).stdout;

  it.each<Record<string, string>>([{}, { HOST: '127.0.0.1' }, { HOST: 'localhost' }, { HOST: '::1' },
    { HOST: '0.0.0.0', DEMO: 'true' }])('is on with %j', async (environment) => {
    expect(await demoWith(environment)).toBe('true');
  });

  it.each<Record<string, string>>([{ HOST: '0.0.0.0' }, { HOST: '::' }, { HOST: '192.0.2.1' },
    { NODE_ENV: 'production' }, { DEMO: 'false' }])('is off with %j', async (environment) => {
    expect(await demoWith(environment)).toBe('false');
  });
});
