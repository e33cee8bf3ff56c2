import { Injectable } from '@nestjs/common';
import { ProblemError } from '../../kernel';
import { SaleTokens } from '../sale-token/sale-tokens';
import type { Admitted, Attempt } from './attempt';

/** Where the sale asks for a token: only its holder passes. Whether it is spent, the stock knows. */
@Injectable()
export class SaleTokenLayer {
  constructor(private readonly tokens: SaleTokens) {}

  /** Throws SALE_TOKEN_INVALID. */
  admit({ sale, userId, saleToken }: Attempt, admitted: Admitted): void {
    if (sale.protection.saleToken !== true) return;
    const id = saleToken === undefined ? undefined
      : this.tokens.check(saleToken, { userId, saleId: sale.id });
    if (id === undefined) {
      throw new ProblemError('SALE_TOKEN_INVALID', 'This sale is for holders of a sale token. Get '
        + `one: POST /v1/sales/${sale.id}/tokens, and send it as X-Sale-Token.`);
    }
    admitted.saleTokenId = id;
  }
}
