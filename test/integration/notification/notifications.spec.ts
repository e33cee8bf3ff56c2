import { getQueueToken } from '@nestjs/bullmq';
import type { Job, Queue } from 'bullmq';
import { Webhook } from 'standardwebhooks';
import { pageItemsAtMost } from '../../../src/infra/http';
import { Notifications } from '../../../src/infra/notification';
import type { Delivery } from '../../../src/infra/notification/delivery';
import { newId } from '../../../src/kernel';
import { admin } from '../../support/client';
import { expectProblem } from '../../support/expect-problem';
import { TestProduct } from '../../support/product';
import { Receiver } from '../../support/receiver';
import { until } from '../../support/until';

const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const risk = { userId: 'rita', roles: ['risk'] as const };
const deadPath = '/admin/v1/notifications/dead';

/** For what attempts come to, on however busy a machine. */
const patienceMs = 60_000;
jest.setTimeout(3 * patienceMs);

interface Dead {
  id: string; messageId: string; receiver: string; attempts: number; reason: string;
}

let product: TestProduct;
let receiver: Receiver;
let other: Receiver;

beforeAll(async () => {
  [receiver, other] = await Promise.all([Receiver.start(), Receiver.start()]);
  product = await TestProduct.start({
    NOTIFICATION_URLS: `${receiver.url},${other.url}`, NOTIFICATION_SECRET: secret,
    NOTIFICATION_NETWORKS: '127.0.0.0/8',
  });
});

beforeEach(() => {
  for (const one of [receiver, other]) one.status = 204;
});

afterAll(async () => {
  await product.stop();
  receiver.stop();
  other.stop();
});

const queue = () => product.get<Queue<Delivery>>(getQueueToken('notifications'));

async function send(id = newId('case')): Promise<string> {
  await product.get(Notifications)
    .send({ id, type: 'risk.case.opened', data: { userId: 'alice' } });
  return id;
}

/** Lets no retry wait, until the receiver has heard of this notification so often. */
async function heard(by: Receiver, messageId: string, times: number): Promise<void> {
  await until(`${messageId} is heard ${times} times`, async () => {
    await queue().promoteJobs();
    return by.of(messageId).length >= times;
  }, patienceMs);
}

/** The job of a notification that waits for its next attempt at the only receiver that failed. */
async function waiting(messageId: string): Promise<Job<Delivery>> {
  return until(`${messageId} waits`, async () =>
    (await queue().getDelayed()).find(({ data }) => data.messageId === messageId), patienceMs);
}

async function pageOfDead(cursor = '') {
  const { body } = await product.client.call<{ items: Dead[]; nextCursor: string | null }>(
    'GET', `${deadPath}${cursor && `?cursor=${cursor}`}`, { as: risk });
  return body;
}

const listDead = async () => (await pageOfDead()).items;

async function allDead(): Promise<Dead[]> {
  const all: Dead[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Awaited<ReturnType<typeof pageOfDead>> = await pageOfDead(cursor);
    all.push(...page.items);
    cursor = page.nextCursor;
  }
  return all;
}

/** The dead letter of a notification, once every attempt has failed; none of them waits. */
async function deadOf(messageId: string): Promise<Dead> {
  return until(`${messageId} is dead`, async () => {
    await queue().promoteJobs();
    return (await listDead()).find((dead) => dead.messageId === messageId);
  }, patienceMs);
}

const retry = (id: string) => product.client.call('POST', `${deadPath}/${id}/retry`, { as: admin });
const forget = (id: string) => product.client.call('DELETE', `${deadPath}/${id}`, { as: admin });

async function deadCount(): Promise<number> {
  const { text } = await product.client.call('GET', '/metrics');
  return Number(/^notifications_total\{result="dead"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

describe('a notification', () => {
  it('reaches every receiver, signed, with the id that it was given', async () => {
    const id = await send();
    for (const one of [receiver, other]) {
      await heard(one, id, 1);
      const [{ headers, body } = { headers: {}, body: '' }] = one.of(id);
      expect(headers['content-type']).toBe('application/json');
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({
        type: 'risk.case.opened', data: { userId: 'alice' },
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      });
    }
  });

  it('is repeated with the same id and body until the receiver takes it', async () => {
    receiver.status = 503;
    const id = await send();
    await heard(receiver, id, 2);
    receiver.status = 200;
    await until('nothing waits', async () => {
      await queue().promoteJobs();
      return await queue().count() === 0;
    }, patienceMs);
    expect(new Set(receiver.of(id).map(({ body }) => body)).size).toBe(1);
    expect((await listDead()).map(({ messageId }) => messageId)).not.toContain(id);
  });

  it('is not doubled for a receiver that did not get it yet, when it is sent again', async () => {
    receiver.status = 503;
    const id = await send();
    const { id: jobId } = await waiting(id);
    await send(id);
    // The next attempt may have its turn meanwhile.
    const jobs = await until('it is on the list', async () => {
      const own = (await queue().getJobs(['waiting', 'delayed', 'active']))
        .filter(({ data }) => data.messageId === id && data.url === receiver.url);
      return own.length > 0 && own;
    });
    expect(new Set(jobs.map((job) => job.id))).toEqual(new Set([jobId]));
  });

  it('goes on to one receiver while another one fails', async () => {
    receiver.status = 500;
    const id = await send();
    await heard(other, id, 1);
    await heard(receiver, id, 3);
    expect(other.of(id).length).toBe(1);
  });
});

describe('a dead letter', () => {
  it('is what is left after eight attempts, and counted', async () => {
    receiver.status = 500;
    const before = await deadCount();
    const id = await send();
    expect(await deadOf(id)).toEqual({
      id: expect.stringMatching(`^${id}-[0-9a-f]{8}$`) as string, messageId: id, attempts: 8,
      type: 'risk.case.opened', data: { userId: 'alice' }, receiver: new URL(receiver.url).origin,
      reason: 'The receiver answered with status 500',
      timestamp: expect.any(String) as string, at: expect.any(String) as string,
    });
    expect(receiver.of(id).length).toBe(8);
    await until('it is counted', async () => await deadCount() > before);
  });

  it('is delivered when it is retried, and is no dead letter any more', async () => {
    receiver.status = 500;
    const { id, messageId } = await deadOf(await send());
    receiver.status = 200;
    expect((await retry(id)).status).toBe(202);
    await heard(receiver, messageId, 9);
    expect((await listDead()).map((dead) => dead.id)).not.toContain(id);
  });

  it('gets as many attempts as at first when it is retried', async () => {
    receiver.status = 500;
    const { id, messageId } = await deadOf(await send());
    await retry(id);
    await heard(receiver, messageId, 16);
    expect((await deadOf(messageId)).attempts).toBe(8);
  });

  it('can be forgotten, once, and who did it is known', async () => {
    receiver.status = 500;
    const { id } = await deadOf(await send());
    expect((await forget(id)).status).toBe(204);
    expectProblem(await forget(id), 'NOT_FOUND');
    expectProblem(await retry(id), 'NOT_FOUND');
    const { body } = await product.client.call<{ items: object[] }>('GET',
      `/admin/v1/audit?subjectId=${id}`, { as: admin });
    expect(body.items).toEqual([
      expect.objectContaining({ action: 'notification.remove', actor: 'operator' })]);
  });

  it('is not what still waits for its next attempt', async () => {
    receiver.status = 500;
    const { id = '' } = await waiting(await send());
    expectProblem(await forget(id), 'NOT_FOUND');
    expectProblem(await retry(id), 'NOT_FOUND');
    // The next attempt may have its turn meanwhile.
    expect(['delayed', 'waiting', 'active']).toContain(await queue().getJobState(id));
  });

  it('comes on a page of its own when there are more than one page holds', async () => {
    receiver.status = 500;
    const ids = await Promise.all(Array.from({ length: pageItemsAtMost + 1 }, () => send()));
    await until('all are dead', async () => {
      await queue().promoteJobs();
      return await queue().getJobCountByTypes('waiting', 'delayed', 'active') === 0;
    }, 2 * patienceMs);
    const all = (await allDead()).map((dead) => dead.messageId);
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(expect.arrayContaining(ids));
    expect((await listDead()).length).toBe(pageItemsAtMost);
  });

  it('is shown to admins and reviewers alone', async () => {
    for (const as of ['alice', { userId: 'vera', roles: ['viewer'] as const }]) {
      expectProblem(await product.client.call('GET', deadPath, { as }), 'FORBIDDEN');
    }
  });
});

describe('a receiver on this machine that is no exception', () => {
  it('is never reached, and the dead letter will say why', async () => {
    const guarded = await TestProduct.start({
      NOTIFICATION_URLS: receiver.url, NOTIFICATION_SECRET: secret,
    });
    const id = newId('case');
    await guarded.get(Notifications).send({ id, type: 'test', data: {} });
    const job = await until('an attempt has failed', async () =>
      (await guarded.get<Queue>(getQueueToken('notifications')).getDelayed())[0], patienceMs);
    expect(job.failedReason).toMatch(/^127\.0\.0\.1 .* not public/);
    expect(receiver.of(id)).toEqual([]);
    await guarded.stop();
  });
});

describe('without receivers', () => {
  it('nothing is queued', async () => {
    const silent = await TestProduct.start();
    await silent.get(Notifications).send({ id: newId('case'), type: 'test', data: {} });
    expect(await silent.get<Queue>(getQueueToken('notifications')).getJobCounts())
      .toMatchObject({ waiting: 0, delayed: 0, failed: 0 });
    await silent.stop();
  });
});
