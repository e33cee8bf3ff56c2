/** A TCP address. */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** The sentinels of a master, the name that they have for it, and how to log in to them. */
export interface SentinelGroup {
  readonly hosts: readonly RedisHost[];
  readonly masterName: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Nodes of a Cluster, which name the others themselves. */
export interface ClusterNodes {
  readonly nodes: readonly [RedisHost, ...RedisHost[]];
}

/** What REDIS_URL says. */
export interface RedisAddress {
  /** The server itself, who knows where it is, or the servers that do its work together. */
  readonly at: RedisHost | SentinelGroup | ClusterNodes;
  /** Over TLS, to sentinels as well. */
  readonly isEncrypted: boolean;
  /** How to log in to the server. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

const redisPort = 6379;
const sentinelPort = 26_379;

const form = new RegExp('^(?<scheme>rediss?)(?<sentinel>\\+sentinel)?://'
  + '(?:(?<username>[^:/?#]*)(?::(?<password>[^/?#]*))?@)?'
  + '(?<hosts>[^@/?#]+)(?:/(?<path>[^?#]*))?(?:\\?(?<query>[^#]*))?$');
const databaseForm = /^\d{0,4}$/;
const masterForm = /^(?<masterName>[\w.-]+)(?:\/(?<database>\d{0,4}))?$/;

/** Only before another URL: the sentinels of one have commas, too. */
const betweenNodes = /\s*,\s*(?=rediss?:\/\/)/;

/**
 * `redis://user:password@host:6379/0`; several of them by comma, with one login and without databases,
 * for nodes of a Cluster; or the sentinels of a master and the name that they have for
 * it: `redis+sentinel://user:password@host:26379,host:26379/name/0`, and where they have users of
 * their own `?sentinel_username=…&sentinel_password=…`. User, password, ports and database may be
 * missing; `rediss` in front is TLS. Undefined for anything else.
 */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  const [first, ...others] = text.split(betweenNodes).map(parseOne);
  if (first === undefined || others.length === 0) return first;
  const hosts = others.flatMap((other) => other !== undefined && isLike(first, other) ? [other.at] : []);
  if (!isHost(first.at) || first.database !== 0 || hosts.length < others.length) return undefined;
  return { ...first, at: { nodes: [first.at, ...hosts.filter(isHost)] } };
}

function isHost(at: RedisAddress['at']): at is RedisHost {
  return 'host' in at;
}

function isLike(one: RedisAddress, other: RedisAddress): boolean {
  return isHost(other.at) && one.isEncrypted === other.isEncrypted && one.username === other.username
    && one.password === other.password && one.database === other.database;
}

function parseOne(text: string): RedisAddress | undefined {
  const { scheme, sentinel, username, password, hosts, path = '', query } =
    form.exec(text)?.groups ?? {};
  if (hosts === undefined) return undefined;
  try {
    const place = sentinel === undefined ? singleServer(hosts, path, query)
      : watchedServers(hosts, path, query);
    return place && { ...place, isEncrypted: scheme === 'rediss',
      username: decoded(username), password: decoded(password) };
  } catch (error) {
    if (error instanceof URIError) return undefined; // a % that stands for nothing
    throw error;
  }
}

type Place = Pick<RedisAddress, 'at' | 'database'>;

function singleServer(host: string, path: string, query: string | undefined): Place | undefined {
  const at = parseHost(host, redisPort);
  if (at === undefined || query !== undefined || !databaseForm.test(path)) return undefined;
  return { at, database: Number(path) };
}

function watchedServers(list: string, path: string, query: string | undefined): Place | undefined {
  const hosts = list.split(',').map((text) => parseHost(text, sentinelPort));
  const { masterName, database = '' } = masterForm.exec(path)?.groups ?? {};
  const { sentinel_username: username, sentinel_password: password, ...others } =
    Object.fromEntries(new URLSearchParams(query));
  if (masterName === undefined || Object.keys(others).length > 0) return undefined;
  if (!hosts.every((host) => host !== undefined)) return undefined;
  return { at: { hosts, masterName, username, password }, database: Number(database) };
}

function parseHost(text: string, defaultPort: number): RedisHost | undefined {
  const url = URL.parse(`redis://${text}`);
  if (url === null || url.hostname === '') return undefined;
  // An IPv6 address stands in brackets in a URL, and nowhere else.
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPort) };
}

/** Throws a URIError. What is empty counts as not set. */
function decoded(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : decodeURIComponent(text);
}
