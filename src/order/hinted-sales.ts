import { Injectable } from '@nestjs/common';
import { SaleCatalog, type Sale } from '../sale';
import { saleHint, saleHintOf } from '../stock';

/** Leads from the id of an order to the live sales that it may be of, by the hint in it. */
@Injectable()
export class HintedSales {
  /** The snapshot of the catalog that the rest is of; there is another one every second. */
  private sales: readonly Sale[] = [];
  private byHint = new Map<string, Sale[]>();

  constructor(private readonly catalog: SaleCatalog) {}

  /** From memory; mostly one, none for an order of a sale that is long over. */
  of(rid: string): readonly Sale[] {
    const sales = this.catalog.live();
    if (sales !== this.sales) this.learn(sales);
    return this.byHint.get(saleHintOf(rid)) ?? [];
  }

  private learn(sales: readonly Sale[]): void {
    this.byHint = Map.groupBy(sales, ({ id }) => saleHint(id));
    this.sales = sales;
  }
}
