import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inlinePageHeaders } from '../../infra/http';
import { assertUnreachable } from '../../kernel';
import type { SandboxPayment } from './sandbox-provider';

const template = readFileSync(join(__dirname, 'payment-page.html'), 'utf8');

export const paymentPageHeaders = { ...inlinePageHeaders(template), 'cache-control': 'no-store' };

/** The checkout page of one payment, complete: it loads nothing else. */
export function paymentPage(payment: SandboxPayment): string {
  const values: Record<string, string> = {
    amount: formatAmount(payment.amount, payment.currency),
    orderId: payment.orderId,
    status: describe(payment),
    payBefore: payment.payBefore.toISOString(),
    buttons: payment.status === 'open' && payment.succeedsAt === null ? '' : 'hidden',
  };
  return template.replace(/{{(\w+)}}/g, (_, name: string) => escapeHtml(values[name] ?? ''));
}

/** Minor units as people write them: 9900 CNY is CN¥99.00, 500 JPY is ¥500. */
function formatAmount(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}

function describe({ status, succeedsAt }: SandboxPayment): string {
  switch (status) {
    case 'open': return succeedsAt === null ? 'Waiting for you'
      : 'The money will be sent when the time to pay is over';
    case 'succeeded': return 'Paid';
    case 'failed': return 'Failed. Start the payment again from your order.';
    case 'refunded': return 'Refunded';
    default: return assertUnreachable(status);
  }
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
