import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { load, YAML11_SCHEMA } from 'js-yaml';
import { variables } from '../../src/config/variables';
import { AddressRanges } from '../../src/kernel';
import { read, root } from './source';

interface Service {
  image?: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string>;
  env_file?: { path: string; required: boolean }[];
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
  profiles?: string[];
  user?: string;
  tmpfs?: string[];
  networks?: string[] | Record<string, { ipv4_address: string }>;
  volumes?: string[];
  healthcheck?: { test: string[] };
  read_only?: boolean;
  deploy?: { replicas: number };
  stop_grace_period?: string;
}

interface Compose {
  services: Record<'migrate' | 'api' | 'edge' | 'worker' | 'redis' | 'mysql' | 'prometheus',
    Service>;
  networks: Record<string, {
    internal?: boolean; ipam?: { config: { subnet: string }[] };
  }>;
}


const text = read('docker/compose.yml');
const { services, networks } = load(text, { schema: YAML11_SCHEMA }) as Compose;

describe('the containers', () => {
  it('are an edge, two that serve, one that works, one that migrates first, and two servers', () => {
    expect(Object.entries(services).filter(([, { profiles }]) => !profiles).map(([name]) => name).sort())
      .toEqual(['api', 'edge', 'migrate', 'mysql', 'redis', 'worker']);
    expect(services.api.deploy?.replicas).toBe(2);
    expect([services.api, services.worker].map(({ environment }) => environment?.ROLES))
      .toEqual(['api', 'worker']);
    expect(services.migrate.command).toEqual(['node', 'dist/src/cli/migrate.js']);
    expect(existsSync(join(root, 'src/cli/migrate.ts'))).toBe(true);
  });

  it('start only when what they need is there', () => {
    const healthy = { condition: 'service_healthy' };
    const all = { migrate: { condition: 'service_completed_successfully' }, mysql: healthy,
      redis: healthy };
    expect([services.api, services.worker, services.migrate].map((service) => service.depends_on))
      .toEqual([all, all, { mysql: healthy }]);
    for (const server of [services.redis, services.mysql]) {
      expect(server.healthcheck?.test[0]).toBe('CMD-SHELL');
    }
  });

  it('publish the edge alone, and who asks for it Prometheus, both to this machine alone', () => {
    const published = Object.entries(services).filter(([, { ports }]) => ports)
      .map(([name, { ports }]) => [name, ports]);
    expect(published).toEqual([['edge', ['127.0.0.1:3000:8080', '127.0.0.1:3001:8081']],
      ['prometheus', ['127.0.0.1:9090:9090']]]);
    expect(networks.servers?.internal).toBe(true);
    for (const server of [services.redis, services.mysql]) {
      expect(server.networks).toEqual(['servers']);
    }
  });

  it('know the edge by its address, and believe nobody else about that of a buyer', () => {
    const { outside } = services.edge.networks as Record<string, { ipv4_address: string }>;
    const address = outside?.ipv4_address ?? '';
    expect(services.api.environment?.TRUST_PROXY).toBe(`\${TRUST_PROXY:-${address}}`);
    const [range] = networks.outside?.ipam?.config ?? [];
    expect(new AddressRanges([range?.subnet ?? '']).includes(address)).toBe(true);
    expect(services.edge).toMatchObject({ read_only: true, user: 'nginx', tmpfs: ['/tmp'] });
  });

  it('show their metrics to Prometheus, which asks all of them, and to no other container', () => {
    expect(services.prometheus.profiles).toEqual(['monitoring']);
    const { outside } = services.prometheus.networks as Record<string, { ipv4_address: string }>;
    for (const { environment } of [services.api, services.worker]) {
      expect(environment?.OPERATIONS_NETWORKS)
        .toBe(`\${OPERATIONS_NETWORKS:-127.0.0.0/8,${outside?.ipv4_address ?? ''}/32}`);
    }
    const { rule_files: rules, scrape_configs: scrapes } =
      load(read('docker/prometheus/prometheus.yml')) as Record<string, unknown>;
    expect(rules).toEqual(['alerts.yml']);
    expect(scrapes).toEqual([expect.objectContaining({ job_name: 'fairdrop', dns_sd_configs:
      [expect.objectContaining({ names: ['api', 'worker'], type: 'A', port: 3000 })] })]);
  });

  it('have an edge whose ports and upstreams are those of the containers', () => {
    const edge = read('docker/nginx.conf');
    const listened = [...edge.matchAll(/listen (\d+)/g)].map(([, port]) => port);
    expect(services.edge.ports?.map((port) => port.split(':')[2])).toEqual(listened);
    expect(read('docker/nginx-upstream.conf')).toMatch(/^server api:3000 resolve /m);
    // Whatever it writes goes where the container lets it write.
    const written = [...edge.matchAll(/^ *\w*(?:_path|pid) ([^\s;]+)/gm)].map(([, path]) => path);
    expect(written.length).toBeGreaterThan(5);
    expect(written.filter((path) => !path?.startsWith('/tmp/'))).toEqual([]);
  });

  it('take variables that the product knows, and refuse to start without the secrets', () => {
    const used = [...text.matchAll(/\$\{(\w+)(:[?-])/g)].map(([, name = '', kind]) => ({ name, kind }));
    const passwords = ['MYSQL_PASSWORD', 'REDIS_PASSWORD'];
    expect(used.filter(({ name }) => !(name in variables) && !passwords.includes(name))).toEqual([]);
    const required = new Set(used.filter(({ kind }) => kind === ':?').map(({ name }) => name));
    expect([...required].sort())
      .toEqual(['MYSQL_PASSWORD', 'PAYMENT_WEBHOOK_SECRET', 'REDIS_PASSWORD']);
    expect(services.api.environment).toMatchObject(
      { JWT_SECRET: '${JWT_SECRET:-}', JWT_JWKS_URL: '${JWT_JWKS_URL:-}' });
    const given = [services.api, services.worker, services.migrate]
      .flatMap(({ environment }) => Object.keys(environment ?? {}));
    expect(given.filter((name) => !(name in variables))).toEqual([]);
    for (const service of [services.api, services.worker, services.migrate]) {
      expect(service.env_file).toEqual([{ path: '.env', required: false }]);
    }
  });

  it('let Redis, which its image starts without root and under the umask 077, read its users', () => {
    expect(services.redis.command?.[2]).toMatch(/^umask 022$[^]*^sed .* > \/tmp\/redis\.acl$/m);
  });

  it('get more time to stop than the product takes', () => {
    const seconds = [services.api, services.worker].map((service) =>
      Number.parseInt(service.stop_grace_period ?? '', 10));
    const ending = read('src/infra/processes/ending.ts');
    const closeTimeoutMs = /const closeTimeoutMs = ([\d_]+);/.exec(ending)?.[1] ?? '';
    const longestSeconds = Number(closeTimeoutMs.replaceAll('_', '')) / 1_000;
    expect(longestSeconds).toBeGreaterThan(0);
    for (const grace of seconds) expect(grace).toBeGreaterThan(longestSeconds);
  });

  it('mount files that exist', () => {
    const mounted = Object.values(services).flatMap(({ volumes }) => volumes ?? [])
      .filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':')[0] ?? '');
    expect(mounted).toEqual(['./nginx.conf', './nginx-upstream.conf', './prometheus', './redis.conf',
      './redis.acl', './mysql.cnf']);
    expect(mounted.filter((path) => !existsSync(join(root, 'docker', path)))).toEqual([]);
  });
});

describe('the settings of the servers', () => {
  it('let Redis keep what it acknowledged, and never forget a unit that it holds', () => {
    expect(settingsIn('docker/redis.conf', ' ')).toMatchObject({
      'appendonly': 'yes', 'appendfsync': 'everysec', 'save': '""',
      'auto-aof-rewrite-min-size': '256mb',
      'maxmemory-policy': 'noeviction', 'maxmemory': expect.stringMatching(/^\d+mb$/) as string,
    });
  });

  it('let MySQL keep what it committed', () => {
    expect(settingsIn('docker/mysql.cnf', '=')).toMatchObject({
      'innodb_flush_log_at_trx_commit': '1', 'sync_binlog': '1',
      'transaction-isolation': 'READ-COMMITTED', 'character-set-server': 'utf8mb4',
      'default-time-zone': '+00:00',
    });
  });
});

describe('the image', () => {
  const stages = read('docker/Dockerfile').split(/^FROM /m).slice(1);
  const [build = '', final = ''] = stages;

  it('is built from paths that exist and are not ignored', () => {
    const copied = [...build.matchAll(/^COPY (.+) \S+$/gm)]
      .flatMap(([, paths = '']) => paths.split(' '));
    const sent = read('.dockerignore').split('\n').filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(copied.sort()).toEqual(sent.sort());
  });

  it('runs the built program on Node 24, not as root, and tells whether it lives', () => {
    expect(stages.map((stage) => /^node:24\S*/.test(stage))).toEqual([true, true]);
    expect(final).toMatch(/^USER node$/m);
    expect(final).toMatch(/^HEALTHCHECK [^]*\/health\/live/m);
    expect(final).toMatch(/^CMD \["node", "dist\/src\/main\.js"\]$/m);
    expect(final).not.toMatch(/^COPY (?!--from=build )/m);
  });
});

/** The settings of a file in which every line is a name, a sign and a value. */
function settingsIn(path: string, sign: string): Record<string, string> {
  const lines = read(path).split('\n').filter((line) => /^[a-z]/.test(line));
  return Object.fromEntries(lines.map((line) => {
    const [name = '', ...value] = line.split(sign);
    return [name.trim(), value.join(sign).trim()];
  }));
}
