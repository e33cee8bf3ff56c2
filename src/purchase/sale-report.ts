import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { OrderStore } from '../order';
import { stockIdsOf, type Sale } from '../sale';
import { RefusalCounts } from './refusal-counts';

/** One minute of a sale, in UTC; counts are orders, units are of the product. */
export interface ReportMinute {
  minute: string;
  orders: number;
  units: number;
  paidOrders: number;
}

/** What came of a sale so far. Revenue in minor units, conversion = paid orders / orders. */
export interface SaleReport {
  saleId: string;
  orders: number;
  soldUnits: number;
  revenue: { amount: number; currency: string };
  conversion: number;
  ordersByStatus: Record<string, number>;
  refusals: Record<string, number>;
  minutes: ReportMinute[];
}

interface StatusRow { status: string; orders: number; units: string; amount: string }
interface MinuteRow { minute: string; orders: number; units: string; paid_orders: string }

@Injectable()
export class SaleReports {
  constructor(
    private readonly database: Database,
    private readonly refusals: RefusalCounts,
    private readonly orders: OrderStore,
  ) {}

  async of(sale: Sale): Promise<SaleReport> {
    const parts = await Promise.all(stockIdsOf(sale).map((stockId) => this.rowsOf(stockId)));
    const statuses = Map.groupBy(parts.flatMap((part) => part.statuses), ({ status }) => status);
    const minutes = Map.groupBy(parts.flatMap((part) => part.minutes), ({ minute }) => minute);
    const paid = statuses.get('paid') ?? [];
    const orders = sum([...statuses.values()].flat(), (row) => row.orders);
    return {
      saleId: sale.id,
      orders,
      soldUnits: sum(paid, (row) => row.units),
      revenue: { amount: sum(paid, (row) => row.amount), currency: sale.price.currency },
      conversion: orders === 0 ? 0 : sum(paid, (row) => row.orders) / orders,
      ordersByStatus: Object.fromEntries([...statuses].map(([status, rows]) =>
        [status, sum(rows, (row) => row.orders)])),
      refusals: await this.refusals.of(sale.id),
      minutes: [...minutes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([minute, rows]) =>
        ({ minute, orders: sum(rows, (row) => row.orders), units: sum(rows, (row) => row.units),
          paidOrders: sum(rows, (row) => row.paid_orders) })),
    };
  }

  private async rowsOf(stockId: string): Promise<{ statuses: StatusRow[]; minutes: MinuteRow[] }> {
    const { table, values } = this.orders.tableOf(stockId);
    const statuses = await this.database.query<StatusRow>(
      `SELECT status, COUNT(*) AS orders, SUM(quantity) AS units, SUM(amount) AS amount
        FROM ${table} WHERE sale_id = ? GROUP BY status`, [...values, stockId]);
    const minutes = await this.database.query<MinuteRow>(
      `SELECT DATE_FORMAT(reserved_at, '%Y-%m-%dT%H:%i:00.000Z') AS minute, COUNT(*) AS orders,
          SUM(quantity) AS units, SUM(status = 'paid') AS paid_orders
        FROM ${table} WHERE sale_id = ? GROUP BY minute`, [...values, stockId]);
    return { statuses, minutes };
  }
}

/** Sums of the database come as text. */
function sum<Row>(rows: readonly Row[], figureOf: (row: Row) => number | string): number {
  return rows.reduce((total, row) => total + Number(figureOf(row)), 0);
}

/** The report for a spreadsheet: one `section,name,value` line per figure (RFC 4180). */
export function toCsv(report: SaleReport): string {
  const lines: [string, string, string | number][] = [
    ['sale', 'id', report.saleId],
    ['sale', 'orders', report.orders],
    ['sale', 'soldUnits', report.soldUnits],
    ['sale', 'revenue', report.revenue.amount],
    ['sale', 'currency', report.revenue.currency],
    ['sale', 'conversion', report.conversion],
    ...entries('status', report.ordersByStatus),
    ...entries('refusal', report.refusals),
    ...report.minutes.flatMap(({ minute, orders, units, paidOrders }): [string, string, number][] =>
      [['orders', minute, orders], ['units', minute, units], ['paidOrders', minute, paidOrders]]),
  ];
  return ['section,name,value', ...lines.map((line) => line.join(','))].join('\r\n') + '\r\n';
}

function entries(section: string, counts: Record<string, number>): [string, string, number][] {
  return Object.entries(counts).map(([name, count]) => [section, name, count]);
}
