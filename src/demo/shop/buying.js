/* The buying: one press, one key, and the proofs that the shop asks for on the way. */

const proofsAtMost = 4;

/** Proofs are kept until they bought: what is refused spends none. */
const proofs = {
  name: (saleId) => `proofs:${session.user}:${saleId}`,
  of: (saleId) => JSON.parse(sessionStorage.getItem(proofs.name(saleId)) ?? '{}'),
  keep(saleId, header, token) {
    const kept = { ...proofs.of(saleId), [header]: token };
    sessionStorage.setItem(proofs.name(saleId), JSON.stringify(kept));
  },
  spend(saleId) {
    sessionStorage.removeItem(proofs.name(saleId));
  },
};

/** The header that carries a proof and how to get one, by the code that asks for it. */
const proofKinds = {
  CAPTCHA_REQUIRED: { header: 'x-captcha-token', obtain: solveCaptcha },
  SALE_TOKEN_INVALID: { header: 'x-sale-token', obtain: askForSaleToken },
};

async function askForSaleToken({ id }) {
  return (await callUntilDecided('POST', `/v1/sales/${id}/tokens`)).token;
}

function holdsSaleToken({ id }) {
  return 'x-sale-token' in proofs.of(id);
}

/** Gets the tokens of sales that need one, before they open: then there is no time for it. */
async function fetchSaleTokens() {
  if (!session.token) return;
  for (const sale of sales.values()) {
    if (!sale.needsSaleToken || sale.state === 'closed' || holdsSaleToken(sale)) continue;
    // Where it fails, the next round tries, and so does a press on "Buy".
    const answer = await call('POST', `/v1/sales/${sale.id}/tokens`).catch(() => undefined);
    if (!answer) return;
    proofs.keep(sale.id, 'x-sale-token', answer.token);
    showSales();
  }
}

/** Sends a purchase until it is decided, with every proof that is asked for on the way. */
async function place(sale, key, quantity) {
  for (let obtained = 0; ; obtained += 1) {
    try {
      say('Asking for your units …');
      return await callUntilDecided('POST', `/v1/sales/${sale.id}/orders`,
        { body: { quantity }, headers: { 'idempotency-key': key, ...proofs.of(sale.id) } });
    } catch (refusal) {
      const kind = proofKinds[refusal.code];
      if (!kind || obtained === proofsAtMost) throw refusal;
      proofs.keep(sale.id, kind.header, await kind.obtain(sale));
    }
  }
}

async function buy(sale, chosen) {
  if (!session.token) {
    say('Choose a name first.');
    part('user').focus();
    return;
  }
  await whileBusy(sale.id, async () => {
    const { key, quantity } = intent.of(sale.id, chosen);
    try {
      const order = await place(sale, key, quantity);
      intent.end(sale.id);
      proofs.spend(sale.id);
      say(`${quantity} × ${sale.product.name} held for you.`);
      takeOrder(order);
    } catch (refusal) {
      // An undecided press keeps its key, so that the next one finds what became of it.
      if (!refusal.isUndecided) intent.end(sale.id);
      throw refusal;
    }
  });
}
