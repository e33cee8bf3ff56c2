import { ProblemError } from '../kernel';

/** Redis remembers orders that the database does not have: an operator must say what becomes of them. */
export class DatabaseIsOlder extends ProblemError {
  constructor(readonly lostOrders: number) {
    super('SALE_STATE_CONFLICT', `The database lacks ${lostOrders} orders of this sale that it had `
      + 'decided on: it is older than Redis. The sale stays closed until you decide what becomes of '
      + 'them, by POST /admin/v1/sales/{saleId}/lost-orders.');
  }
}
