import type { AppConfig } from '../config';
import type { Metrics } from '../infra/metrics';
import type { Overload } from '../infra/overload';
import type { QueueProgress } from '../infra/queue';
import type { SaleCatalog } from '../sale';
import type { StockOutbox } from '../stock';
import { OrderBacklog } from './order-backlog';

describe('whether orders are only late', () => {
  let backlog: OrderBacklog;

  beforeEach(() => {
    jest.useFakeTimers();
    backlog = new OrderBacklog({ reservationLeaseSeconds: 10 } as AppConfig, {} as QueueProgress,
      {} as StockOutbox, {} as SaleCatalog, {} as Metrics, {} as Overload);
  });

  afterEach(() => { jest.useRealTimers(); });

  function beFull(ms: number): void {
    backlog.noteQueue(true);
    jest.advanceTimersByTime(ms);
    backlog.noteQueue(true);
  }

  it('says no while the queue is full for moments, however often', () => {
    for (let time = 0; time < 20; time += 1) {
      beFull(1_000);
      backlog.noteQueue(false);
    }
    expect(backlog.isLate('sale')).toBe(false);
  });

  it('says yes once relays have waited for more than a second, until a lease after that', () => {
    beFull(1_001);
    expect(backlog.isLate('sale')).toBe(true);
    backlog.noteQueue(false);
    jest.advanceTimersByTime(9_999);
    expect(backlog.isLate('sale')).toBe(true);
    jest.advanceTimersByTime(1);
    expect(backlog.isLate('sale')).toBe(false);
  });
});
