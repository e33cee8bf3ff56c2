import { createSigner } from 'fast-jwt';

/** The shop's operator: puts a sale with the default protection on, and reads its books. */
export class Operator {
  #url;
  #token;

  constructor(url, jwtSecret) {
    this.#url = url;
    this.#token = createSigner({ key: jwtSecret, algorithm: 'HS256', expiresIn: 3_600_000 })(
      { sub: 'operator', iss: 'fairdrop', aud: 'fairdrop', roles: ['admin'] });
  }

  /** A loaded sale that opens then. Resolves to its id. */
  async openSale({ stock, opensAtMs, payWindowSeconds }) {
    const product = await this.#call('POST', '/admin/v1/products', { name: 'Crowd' });
    const sale = await this.#call('POST', '/admin/v1/sales', { productId: product.id, stock,
      limitPerUser: 1, price: { amount: 9_900, currency: 'EUR' }, payWindowSeconds, protection: {},
      opensAt: new Date(opensAtMs).toISOString(),
      closesAt: new Date(opensAtMs + 3_600_000).toISOString() });
    await this.#call('POST', `/admin/v1/sales/${sale.id}/preload`);
    return sale.id;
  }

  stock(saleId) {
    return this.#call('GET', `/admin/v1/sales/${saleId}/stock`);
  }

  async #call(method, path, body) {
    const response = await fetch(this.#url + path, { method,
      headers: { authorization: `Bearer ${this.#token}`,
        ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}
