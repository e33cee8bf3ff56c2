import { Injectable } from '@nestjs/common';
import { AuditLog, type Origin } from '../infra/audit';
import { Database } from '../infra/database';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import { SaleCatalog, stockIdsOf } from '../sale';
import { LostOrders, type LossDecision, type LostOrder } from './lost-orders';
import { Recovery } from './recovery';

const listedAtMost = 500;

/** The operator's side of a database that came back older than Redis. */
@Injectable()
export class LossDecisions {
  constructor(
    private readonly database: Database,
    private readonly auditLog: AuditLog,
    private readonly catalog: SaleCatalog,
    private readonly lostOrders: LostOrders,
    private readonly recovery: Recovery,
  ) {}

  /** At most 500; after a decision there are none. Throws NOT_FOUND, SALE_STATE_CONFLICT. */
  async list(saleId: string): Promise<LostOrder[]> {
    await this.require(saleId);
    return this.lostOrders.of(saleId, listedAtMost);
  }

  /**
   * Puts the decision in force and the sale on the gate again. Resolves to how many orders were lost
   * and how many of them have their rows again. Throws NOT_FOUND, SALE_STATE_CONFLICT when nothing
   * is lost, TEMPORARILY_UNAVAILABLE while the sale is being recovered.
   */
  async decide(saleId: string, decision: LossDecision, origin: Origin) {
    await this.require(saleId);
    if ((await this.lostOrders.of(saleId, 1)).length === 0) {
      throw new ProblemError('SALE_STATE_CONFLICT', 'No order of this sale is lost.');
    }
    await this.database.transaction((transaction) => this.auditLog.record(transaction,
      { ...origin, action: 'sale.lost-orders', subjectId: saleId, detail: { decision } }));
    const result = await this.recovery.recoverFromLoss(saleId, decision);
    if (result) return { saleId, decision, lost: result.lost, writtenAgain: result.writtenAgain };
    throw new TemporarilyUnavailable('The sale is being recovered. Ask again.');
  }

  private async require(saleId: string): Promise<void> {
    const sale = await this.catalog.find(saleId);
    if (!sale) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    if (sale.segments === 1) return;
    throw new ProblemError('SALE_STATE_CONFLICT', 'Orders are lost by a segment of this sale: ask for '
      + `each of ${stockIdsOf(sale).join(', ')}.`);
  }
}
