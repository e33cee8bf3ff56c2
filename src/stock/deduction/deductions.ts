import { Injectable } from '@nestjs/common';
import type { StockStrategy } from '../../sale';
import { StockRedis } from '../stock-redis';
import type { Deduction } from './deduction';
import { OptimisticDeduction } from './optimistic';
import { RowLockDeduction } from './row-lock';
import { SegmentLockDeduction } from './segment-lock';
import { UnitRowsDeduction } from './unit-rows';

/** The scheme of each strategy; where Redis admits buyers, the database needs none beside its guard. */
@Injectable()
export class Deductions {
  private readonly schemes: Readonly<Record<StockStrategy, Deduction | undefined>>;

  constructor(redis: StockRedis) {
    this.schemes = {
      lua: undefined,
      tokens: undefined,
      'database-optimistic': new OptimisticDeduction(),
      'database-row-lock': new RowLockDeduction(),
      'database-unit-rows': new UnitRowsDeduction(),
      'segment-lock': new SegmentLockDeduction(redis),
    };
  }

  of(strategy: StockStrategy): Deduction | undefined {
    return this.schemes[strategy];
  }
}
