import { createInstallation, TestProduct, type Installation } from '../../support/product';
import { expectProblem } from '../../support/expect-problem';
import { makePatient } from '../../support/patient';
import { earn, mint, proofs, type ProofKind } from '../../support/proofs';
import { tally, times } from './support/tally';

const requests = 200;
const limitPerUser = 300;

describe.each(Object.keys(proofs) as ProofKind[])('a %s', (kind) => {
  const { header, code, protection } = proofs[kind];
  let installation: Installation;
  let product: TestProduct;
  let other: TestProduct;
  let saleId: string;

  beforeAll(async () => {
    installation = await createInstallation();
    product = await TestProduct.start({}, installation);
    makePatient(product);
    other = await TestProduct.start({ ROLES: 'api' }, installation);
    makePatient(other);
    saleId = await product.client.openSale({ stock: 1_000, limitPerUser, protection });
  });

  afterAll(async () => {
    await Promise.all([product.stop(), other.stop()]);
    await installation.drop();
  });

  const buy = (userId: string, proof: string, key?: string, at = saleId) =>
    product.client.buy(at, userId, { key, headers: { [header]: proof } });

  it('buys once, for the user who asked for it', async () => {
    const proof = await earn(product, kind, saleId, 'ann');
    expect((await buy('ann', proof)).status).toBe(202);
    const again = await buy('ann', proof);
    expectProblem(again, code);
    expect(again.body.detail).toMatch(/\/v1\//); // where to get another one
    expect((await buy('ann', await earn(product, kind, saleId, 'ann'))).status).toBe(202);
  });

  it('is asked for, and is no word that somebody makes up', async () => {
    const proof = await earn(product, kind, saleId, 'guesser');
    const first = proof.startsWith('A') ? 'B' : 'A';
    const without = await product.client.buy(saleId, 'guesser');
    expectProblem(without, code);
    expect(without.body.detail).toContain(header.replace(/\b[xstc]/g, (c) => c.toUpperCase()));
    for (const wrong of ['', 'x', proof.slice(1), `${proof}A`, first + proof.slice(1),
      'A'.repeat(proof.length), `${proof},${proof}`, proof.toLowerCase(), 'null', '0']) {
      expectProblem(await buy('guesser', wrong), code);
    }
    expect((await buy('guesser', proof)).status).toBe(202);
  });

  it('of another user buys nothing, and he loses nothing by it', async () => {
    const proof = await earn(product, kind, saleId, 'owner');
    const thieves = await times(requests, (index) => buy(`thief-${index}`, proof));
    expect(tally(thieves)).toEqual({ [code]: requests });
    expect((await buy('owner', proof)).status).toBe(202);
  });

  it('of another sale buys nothing', async () => {
    const elsewhere = await product.client.openSale({ protection });
    const proof = await earn(product, kind, elsewhere, 'ann');
    expectProblem(await buy('ann', proof), code);
    expect((await buy('ann', proof, undefined, elsewhere)).status).toBe(202);
  });

  it('that has run out buys nothing', async () => {
    const binding = { userId: 'late', saleId };
    expectProblem(await buy('late', await mint(product, kind, binding, -1)), code);
    expectProblem(await buy('late', await mint(product, kind, binding, -3_600_000)), code);
    expect((await buy('late', await mint(product, kind, binding, 30_000))).status).toBe(202);
  });

  it('of the other kind buys nothing', async () => {
    const otherKind = kind === 'sale token' ? 'captcha token' : 'sale token';
    const wrong = await mint(product, otherKind, { userId: 'mixer', saleId }, 30_000);
    expectProblem(await buy('mixer', wrong), code);
  });

  it('sent 200 times at once to two processes for as many orders buys one', async () => {
    const { redis: before } = await product.client.atRest(saleId);
    const proof = await earn(product, kind, saleId, 'flood');
    const answers = await times(requests, (index) => (index % 2 === 0 ? product : other).client
      .buy(saleId, 'flood', { headers: { [header]: proof } }));
    expect(tally(answers)).toEqual({ 202: 1, [code]: requests - 1 });
    const { redis: after } = await product.client.atRest(saleId);
    expect(before.available - after.available).toBe(1);
  });

  it('sent 200 times at once for one order is answered with that order', async () => {
    const proof = await earn(product, kind, saleId, 'impatient');
    const answers = await times(requests, (index) => (index % 2 === 0 ? product : other).client
      .buy(saleId, 'impatient', { key: 'press', headers: { [header]: proof } }));
    expect(answers.filter(({ status }) => status >= 300)).toEqual([]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  it('is not spent by a purchase that the stock refuses', async () => {
    const proof = await earn(product, kind, saleId, 'greedy');
    const headers = { [header]: proof };
    expectProblem(await product.client.buy(saleId, 'greedy',
      { quantity: limitPerUser + 1, headers }), 'LIMIT_EXCEEDED');
    expectProblem(await product.client.buy(saleId, 'greedy', { quantity: 1_000, headers }),
      'SOLD_OUT');
    await product.client.operate(saleId, 'pause');
    expectProblem(await buy('greedy', proof), 'SALE_PAUSED');
    await product.client.operate(saleId, 'resume');
    expect((await buy('greedy', proof)).status).toBe(202);
  });
});
