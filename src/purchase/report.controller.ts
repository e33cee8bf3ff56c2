import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Describe, PathId, Roles, ValidQuery } from '../infra/http';
import { ProblemError } from '../kernel';
import { moneySchema } from '../order';
import { SaleCatalog } from '../sale';
import { SaleReports, toCsv, type SaleReport } from './sale-report';

const reportQuery = z.strictObject({ format: z.enum(['json', 'csv']).default('json') });

const report = z.object({
  saleId: z.string(),
  orders: z.int(),
  soldUnits: z.int().meta({ description: 'Units of paid orders' }),
  revenue: moneySchema,
  conversion: z.number().meta({ description: 'Paid orders / orders' }),
  ordersByStatus: z.record(z.string(), z.int()),
  refusals: z.record(z.string(), z.int()).meta({ description: 'Requests by problem code' }),
  minutes: z.array(z.object({ minute: z.iso.datetime(), orders: z.int(), units: z.int(),
    paidOrders: z.int() })),
}).meta({
  id: 'SaleReport',
  examples: [{
    saleId: 'sale_0a1b2c3d4e5f6g7h8j9k', orders: 3, soldUnits: 2,
    revenue: { amount: 19800, currency: 'EUR' }, conversion: 0.6667,
    ordersByStatus: { paid: 2, expired: 1 }, refusals: { SOLD_OUT: 41 },
    minutes: [{ minute: '2026-01-31T10:00:00.000Z', orders: 3, units: 3, paidOrders: 2 }],
  }],
});

@Controller()
@Roles('admin')
export class ReportController {
  constructor(
    private readonly catalog: SaleCatalog,
    private readonly reports: SaleReports,
  ) {}

  @Get('admin/v1/sales/:saleId/report')
  @Describe({ summary: 'What came of a sale so far', tag: 'sales',
    answers: { 200: { description: 'The figures; `?format=csv` for a spreadsheet.', schema: report,
      otherContent: { 'text/csv': z.string() } } },
    problems: ['NOT_FOUND'] })
  async get(
    @PathId('saleId') saleId: string,
    @ValidQuery(reportQuery) { format }: z.infer<typeof reportQuery>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SaleReport | string> {
    const sale = await this.catalog.findOffer(saleId);
    if (!sale) throw new ProblemError('NOT_FOUND', 'There is no such sale.');
    const figures = await this.reports.of(sale);
    if (format === 'json') return figures;
    void reply.header('content-type', 'text/csv; charset=utf-8');
    return toCsv(figures);
  }
}
