/** The edge of docker/nginx.conf on this machine: that very file, with other ports and folders. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packages.mjs';
import { findNginx } from './programs.mjs';
import { freePort, launch } from './servers.mjs';

/** Whether it can be started here. */
export function hasNginx() {
  return findNginx() !== undefined;
}

/** Checks the configuration, starts nginx and waits until it answers. See edge.d.mts. */
export async function startEdge({ dir, upstreams, settings = '' }) {
  const [port, innerPort] = [await freePort(), await freePort()];
  mkdirSync(dir, { recursive: true });
  const accessLog = join(dir, 'access.log');
  const text = readFileSync(join(root, 'docker/nginx.conf'), 'utf8')
    .replaceAll(' /tmp/', ` ${dir}/`).replace('/dev/stdout', accessLog)
    .replace('listen 8080', `listen 127.0.0.1:${port}`)
    .replace('listen 8081', `listen 127.0.0.1:${innerPort}`)
    .replace('http {', `http {\n${settings}`);
  writeFileSync(join(dir, 'nginx.conf'), text);
  writeFileSync(join(dir, 'upstream.conf'), upstreams.map((upstream) =>
    `server 127.0.0.1:${upstream} max_fails=3 fail_timeout=2s;\n`).join(''));
  // As another user its workers could not read a folder that is ours alone.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const args = ['-p', dir, '-c', 'nginx.conf', '-g', `daemon off; ${user}`];
  execFileSync(findNginx(), [...args, '-t'], { stdio: 'pipe', timeout: 10_000 });
  const url = `http://127.0.0.1:${port}`;
  const server = launch({ name: 'nginx', dir, port, url, program: findNginx(), args,
    greeting: { ask: 'GET / HTTP/1.0\r\n\r\n', isReady: (reply) => reply.toString().startsWith('HTTP') },
  });
  await server.ready;
  return { ...server, innerUrl: `http://127.0.0.1:${innerPort}`, accessLog };
}
