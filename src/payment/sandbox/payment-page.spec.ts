import { paymentPage } from './payment-page';
import type { SandboxPayment } from './sandbox-provider';

const payment: SandboxPayment = { id: 'payment_1', orderId: 'order_1', amount: 9900,
  currency: 'EUR', payBefore: new Date('2026-01-31T10:00:00.000Z'), status: 'open',
  succeedsAt: null };

describe('the checkout page of the sandbox', () => {
  it.each([
    [9900, 'EUR', '€99.00'], [5, 'USD', '$0.05'], [500, 'JPY', '¥500'], [1234, 'KWD', 'KWD 1.234'],
  ])('shows %i minor units of %s as %s', (amount, currency, text) => {
    const page = paymentPage({ ...payment, amount, currency });
    expect(page.replaceAll('\u00a0', ' ')).toContain(`<h1>${text}</h1>`);
  });

  it('shows text as text', () => {
    expect(paymentPage({ ...payment, orderId: '<b>"&' })).toContain('Order &#60;b&#62;&#34;&#38;');
  });

  it('offers its buttons only while somebody may still decide', () => {
    const isOffered = (changes: Partial<SandboxPayment>) =>
      paymentPage({ ...payment, ...changes }).includes('<section >');
    expect(isOffered({})).toBe(true);
    expect(isOffered({ succeedsAt: new Date() })).toBe(false);
    for (const status of ['succeeded', 'failed', 'refunded'] as const) {
      expect(isOffered({ status })).toBe(false);
    }
  });
});
