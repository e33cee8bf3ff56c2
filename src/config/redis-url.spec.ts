import { parseRedisUrl } from './redis-url';

const plain = { isEncrypted: false, database: 0 };

describe('REDIS_URL', () => {
  it.each([
    ['redis://cache', { ...plain, at: { host: 'cache', port: 6379 } }],
    ['redis://cache:7000/', { ...plain, at: { host: 'cache', port: 7000 } }],
    ['redis://[::1]:7000/3', { ...plain, at: { host: '::1', port: 7000 }, database: 3 }],
    ['rediss://:p%40ss@cache', { ...plain, isEncrypted: true, password: 'p@ss',
      at: { host: 'cache', port: 6379 } }],
    ['redis://fairdrop:a:b@c@10.0.0.1', { ...plain, username: 'fairdrop', password: 'a:b@c',
      at: { host: '10.0.0.1', port: 6379 } }],
  ])('names one server: %s', (text, address) => {
    expect(parseRedisUrl(text)).toEqual(address);
  });

  it('names nodes of a Cluster where there are several, which have one login', () => {
    expect(parseRedisUrl('redis://u:p@a:1, redis://u:p@b,redis://u:p@[::1]:3')).toEqual({
      ...plain, username: 'u', password: 'p', at: { nodes: [{ host: 'a', port: 1 },
        { host: 'b', port: 6379 }, { host: '::1', port: 3 }] } });
  });

  it.each([
    ['redis+sentinel://one/shop', { ...plain,
      at: { masterName: 'shop', hosts: [{ host: 'one', port: 26379 }] } }],
    ['redis+sentinel://one:1,[::1]:2,10.0.0.3/shop-1.eu/7', { ...plain, database: 7,
      at: { masterName: 'shop-1.eu', hosts: [{ host: 'one', port: 1 }, { host: '::1', port: 2 },
        { host: '10.0.0.3', port: 26379 }] } }],
    ['rediss+sentinel://u:p@one,two/shop?sentinel_username=s&sentinel_password=q%2B', {
      ...plain, isEncrypted: true, username: 'u', password: 'p',
      at: { masterName: 'shop', username: 's', password: 'q+',
        hosts: [{ host: 'one', port: 26379 }, { host: 'two', port: 26379 }] } }],
  ])('names the sentinels of a master: %s', (text, address) => {
    expect(parseRedisUrl(text)).toEqual(address);
  });

  it.each([
    '', 'cache:6379', 'http://cache', 'redis://', 'redis:///0', 'redis://a b', 'redis://cache/name',
    'redis://cache?family=6', 'redis://cache/0#part', 'redis://a:1,b:2', 'redis://cache:70000',
    'redis://:%zz@cache', 'redis+sentinel://one', 'redis+sentinel://one/', 'redis+sentinel:///shop',
    'redis+sentinel://one,/shop', 'redis+sentinel://one/shop/x', 'redis+sentinel://one/a shop',
    'redis+sentinel://one/shop?role=replica', 'REDIS://cache',
  ])('is nothing that anybody could be called by: %s', (text) => {
    expect(parseRedisUrl(text)).toBeUndefined();
  });
});
