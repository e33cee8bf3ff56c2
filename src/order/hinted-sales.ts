import { Injectable } from '@nestjs/common';
import { SaleCatalog, type Sale } from '../sale';
import { saleHint, saleHintOf } from '../stock';

/** Leads from the id of an order to the live sales that it may be of, by the hint in it. */
@Injectable()
export class HintedSales {
  /** The catalog makes its sales anew every second, and with them goes what is remembered here. */
  private readonly hints = new WeakMap<Sale, string>();

  constructor(private readonly catalog: SaleCatalog) {}

  /** From memory; mostly one, none for an order of a sale that is long over. */
  of(rid: string): Sale[] {
    const hint = saleHintOf(rid);
    return this.catalog.live().filter((sale) => this.hintOf(sale) === hint);
  }

  private hintOf(sale: Sale): string {
    const known = this.hints.get(sale);
    if (known !== undefined) return known;
    const hint = saleHint(sale.id);
    this.hints.set(sale, hint);
    return hint;
  }
}
